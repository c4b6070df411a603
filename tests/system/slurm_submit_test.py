"""Goal: `strata submit` hands Slurm what was meant or says why not, keeps sight of the jobs, and has a month's entry that
works. Method: a real Slurm on the loopback (slurm_cluster.py), the real crontab, the entry run as cron runs it; the
README's own walk."""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import unittest

import branch
from slurm_test import SHORT, SlurmTest


class SubmitTest(SlurmTest):
    def test_a_dry_run_prints_the_script_and_changes_nothing(self):
        said = self.strata("submit", self.branch, "--nodes=2", "--gpus-per-node=4", "--dry-run")
        self.assertIn("#SBATCH --nodes=2\n#SBATCH --ntasks-per-node=4\n#SBATCH --gpus-per-node=4\n", said)
        self.assertIn(f"branches=(\n{self.branch}\n)", said)
        self.assertFalse((self.branch / "jobs").exists())

    def test_a_template_of_ones_own_is_taken(self):
        template = self.folder / "job.sh"
        template.write_text("#!/bin/bash\n#SBATCH --output={{output}}\n{{sbatch}}\necho own {{job_name}}\n"
                            "# {{branches}}\n")
        (self.branch / "branch.yaml").write_text(branch.SETTINGS + "slurm_template: ../job.sh\n")
        job = self.submit()
        self.assert_ends(job)
        self.assertEqual(self.log(job), "own strata-branch\n")
        template.write_text(template.read_text() + "{{strat}}\n")
        said = self.strata("submit", self.branch, code=78)
        self.assertRegex(said, r"job\.sh:6: \{\{strat\}\} stands for nothing, the nearest is \{\{strata\}\}")

    def test_a_strangers_job_of_the_same_number_is_let_be(self):
        stranger = self.cluster.run("sbatch", "--parsable", "--output=/dev/null", "--wrap", "sleep 600").stdout.strip()
        (self.branch / "jobs").mkdir()
        (self.branch / "jobs/jobs.jsonl").write_text(json.dumps({
            "job": stranger, "name": "strata-branch", "submitted": "2026-01-01T00:00:00Z",
            "script": str(self.branch / f"jobs/{stranger}.sh")}) + "\n")
        self.assertIn("no job waits or runs", self.strata("cancel", self.branch))
        job = self.submit(*SHORT)
        self.assertEqual(self.cluster.job(job)["Dependency"], "(null)")
        self.assertIn(self.cluster.job(stranger)["JobState"], ("PENDING", "RUNNING"))
        self.cluster.run("scancel", stranger)
        self.assert_ends(job)

    def test_what_would_end_otherwise_than_meant_is_refused(self):
        for argument, words in (("--sbatch-arg=--array=0-2", "makes the array itself"),
                                ("--time=-5", "D-HH:MM:SS"), ("--time=abc", "D-HH:MM:SS")):
            for more in ((), ("--monthly", "--dry-run")):
                said = self.strata("submit", self.branch, argument, *more, code=64)
                self.assertIn(words, said)
        broken = self.make_branch("line\nbreak")
        for more in ((), ("--monthly", "--dry-run")):
            self.assertIn("line break", self.strata("submit", broken, *more, code=64))
        self.strata("submit", self.branch, "--partition=none", code=64)
        self.assertFalse((self.branch / "jobs/submitting.sh").exists())
        self.assertIn("no job 99999 waits or runs", self.strata("cancel", "99999", code=69))

    def test_a_job_that_waits_for_one_that_is_held_says_so(self):
        held = self.submit(*SHORT, "--sbatch-arg=--hold")
        said = " ".join(self.strata("submit", self.branch, *SHORT).split())
        self.assertIn(f"waits for job {held}, which does not start as it stands (JobHeldUser)", said)
        waiting = self.jobs(self.branch)[-1]["job"]
        self.strata("cancel", held)
        (ended,) = [job for job in self.jobs(self.branch, "--all") if job["job"] == held]
        self.assertEqual((ended["state"], ended["reason"]), ("CANCELLED", ""))
        self.assert_ends(waiting)

    def test_only_what_is_meant_is_cancelled(self):
        job = self.submit(*SHORT, "--sbatch-arg=--hold")
        copy = self.folder / "copy"
        shutil.copytree(self.branch, copy, symlinks=True)
        self.assertIn("no job waits or runs", self.strata("cancel", copy))
        self.assertIn("a variable that is not set", self.strata("cancel", "", code=64))
        self.assertEqual(self.cluster.job(job)["JobState"], "PENDING")

    def test_a_branch_whose_name_has_slurms_mark_is_seen(self):
        marked = self.make_branch("a|b")
        job = self.submit(*SHORT, "--sbatch-arg=--hold", branches=[marked])
        self.assertEqual(self.cluster.job(self.submit(*SHORT, branches=[marked]))["Dependency"].split("(")[0],
                         f"afterany:{job}")
        self.assertEqual(len(json.loads(self.strata("cancel", marked, "--json"))["cancelled"]), 2)

    def test_a_template_that_cannot_be_read_says_what_to_do(self):
        self.assertIn("--template names a job script's template",
                      self.strata("submit", self.branch, "--template", self.folder / "none", code=78))

    def test_what_sbatch_refuses_is_told(self):
        said = self.strata("submit", self.branch, "--partition=none", code=64)
        self.assertIn("invalid partition specified: none; Batch job submission failed", " ".join(said.split()))
        self.assertEqual(self.jobs(self.branch), [])

    def test_without_slurm_it_says_what_to_do(self):
        done = subprocess.run([branch.STRATA, "submit", str(self.branch)], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PATH": "/nowhere"})
        self.assertEqual(done.returncode, 69)
        self.assertRegex(done.stderr, r"sbatch: no such program on PATH[^;]*; run strata where Slurm is")

    def test_the_login_node_reads_no_dataset(self):
        (self.branch / "training/train.jsonl").unlink()
        os.mkfifo(self.branch / "training/train.jsonl")  # who opens it waits for ever
        self.submit(*SHORT, "--sbatch-arg=--hold")


class MonthlyTest(SlurmTest):
    def setUp(self):
        super().setUp()
        before = subprocess.run(["crontab", "-l"], capture_output=True, text=True)
        self.addCleanup(lambda: subprocess.run(["crontab", "-" if before.returncode == 0 else "-r"],
                                               input=before.stdout, text=True, check=True))
        self.mine = before.stdout + "# mine\n5 4 * * * true\n"
        subprocess.run(["crontab", "-"], input=self.mine, text=True, check=True)

    @staticmethod
    def crontab():
        return subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=True).stdout

    def test_the_entry_submits_every_branch_and_leaves_the_users_lines(self):
        other = self.make_branch("other")
        self.drop("train.jsonl", self.lines(end=8), branch=other)
        printed = self.strata("submit", "--monthly", self.folder, "--time=5", *SHORT, "--dry-run")
        self.assertNotIn("strata", self.crontab())
        for folder in (self.folder, f"{self.folder}/"):
            self.strata("submit", "--monthly", folder, "--time=5", *SHORT)
            self.assertEqual(self.crontab(), self.mine + printed)
        (entry,) = re.findall(r"^0 3 1 \* \* (.*)$", printed, re.MULTILINE)
        # As cron runs it: by sh, with hardly an environment.
        for pending in (True, False):
            done = subprocess.run(["sh", "-c", entry], capture_output=True, text=True, timeout=60, cwd="/",
                                  env={"PATH": "/usr/bin:/bin"})
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            jobs = {pathlib.Path(said["branch"]).name: said["job"] for said in self.jobs(self.folder)}
            self.assertEqual(set(jobs), {"branch", "other"})
            for name, job in jobs.items():
                self.assert_ends(job)
                self.assertIn("v0001 is current" if pending else "nothing pending", self.log(job, self.folder / name))

    def test_an_entry_beside_another_is_warned_of(self):
        said = self.strata("submit", "--monthly", self.folder) + self.strata("submit", "--monthly", self.folder)
        self.assertNotIn("warning", said)
        (warning,) = json.loads(self.strata("submit", "--monthly", self.branch, "--json"))["warnings"]
        self.assertIn(f"crontab has an entry for {self.folder} too", warning)
        self.assertIn(warning, " ".join(self.strata("submit", "--monthly", self.branch).split()))


class WalkTest(SlurmTest):
    def test_the_readmes_walk_from_nothing_to_a_job(self):
        readme = (branch.ROOT / "README.md").read_text()
        (walk,) = re.findall(r"^## On a Slurm cluster\n.*?^```\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
        home = self.folder / "home"
        home.mkdir()
        program = pathlib.Path(branch.STRATA).resolve().parent
        done = subprocess.run(["bash", "-euc", walk], capture_output=True, text=True, timeout=120, cwd=home, env={
            **self.cluster.environment, "PATH": f"{program}:{os.environ['PATH']}", "BASE": str(branch.BASE),
            "DATA": str(self.branch / "training")})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, rf"\n0 3 1 \* \* env PATH={program}:\S+ .*SLURM_CONF=\S+ {program}/strata submit {home}")
        folder = home / "antropologia"
        (said,) = self.jobs(folder)
        self.assert_ends(said["job"])
        self.assertIn("v0001 is current", self.log(said["job"], folder))


class TimerTest(branch.BranchTest):
    """Where there is no Slurm: what the timer of systemd starts."""
    UNITS = branch.ROOT / "deploy/systemd"

    def start_service(self, code):
        text = (self.UNITS / "strata-monthly@.service").read_text()
        (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
        words = [word.replace("%f", str(self.folder)).replace("%%", "%").replace("$$", "$")
                 for word in shlex.split(line)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, cwd="/",
                              env={**os.environ, "STRATA": branch.STRATA})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def test_it_trains_every_branch_and_one_that_fails_keeps_none(self):
        self.drop("train.jsonl", self.lines())
        last = self.make_branch("last")
        self.drop("train.jsonl", self.lines(end=8), branch=last)
        broken = self.make_branch("broken")
        self.drop("train.jsonl", ["no JSON\n"], branch=broken)
        self.start_service(65)
        for folder in (self.branch, last):
            self.assertEqual(self.json("status", branch=folder)["current"]["version"], "v0001")
        shutil.rmtree(broken)
        self.assertIn("nothing pending", self.start_service(0))

    @unittest.skipIf(shutil.which("systemd-analyze") is None, "no systemd")
    def test_systemd_takes_the_units(self):
        for kind in ("service", "timer"):
            unit = self.folder / f"strata-monthly@data.{kind}"
            text = (self.UNITS / f"strata-monthly@.{kind}").read_text()
            unit.write_text(text)
        done = subprocess.run(["systemd-analyze", "verify", str(self.folder / "strata-monthly@data.timer")],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stderr + done.stdout, "")
        self.assertEqual(done.returncode, 0)


if __name__ == "__main__":
    branch.main()
