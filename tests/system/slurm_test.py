"""Goal: what `strata submit` hands to Slurm is trained to the same adapter as by hand, whatever Slurm does to the job.
Method: a real Slurm on the loopback (slurm_cluster.py); jobs that are stopped by their time limit, by a preemption and
by a cancel; an array with a broken branch; by srun and by mpirun."""
import fcntl
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import time
import unittest

import branch
import processes
import slurm_cluster

ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "PREEMPTED", "NODE_FAIL"}
SHORT = ("--set", "packing=false", "--set", "save_steps=3")
# Short steps, so that a stop is soon agreed on; long_for says how many.
LONG = ("--set", "packing=false", "--set", "global_batch_size=4", "--set", "micro_batch_size=1", "--set",
        "save_steps=5")
# Slurm tells a minute's job its end at its first look at the time, within 30 s.
TOO_SHORT = ("--time=1", "--sbatch-arg=--signal=B:USR1@25")


@unittest.skipIf(os.geteuid() != 0 or slurm_cluster.missing_programs(),
                 "needs root, and Slurm: deploy/setup.sh --with-tests")
class SlurmTest(branch.BranchTest):
    @classmethod
    def setUpClass(cls):
        cls.cluster = slurm_cluster.Cluster(grace=60, preempt="preempt_send_user_signal")

    @classmethod
    def tearDownClass(cls):
        cls.cluster.stop()

    def setUp(self):
        super().setUp()
        self.addCleanup(lambda: processes.kill_all(self.branch))
        self.addCleanup(lambda: self.cluster.run("scancel", "--user=root", check=False))
        self.drop("train.jsonl", self.lines(end=24))

    def strata(self, *arguments, code=0):
        done = subprocess.run([branch.STRATA, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              env=self.cluster.environment)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}{done.stderr}")
        return done.stdout if "--json" in arguments else done.stdout + done.stderr

    def submit(self, *arguments, branches=None):
        """The job's number."""
        said = json.loads(self.strata("submit", *(branches or [self.branch]), *arguments, "--json"))
        self.assertEqual(said["refused"], [])
        return said["jobs"][0]["job"]

    def long_for(self, seconds):
        """A training of 80 examples that takes about so long here and now."""
        self.run_strata("train", *LONG, "--set", "num_train_epochs=1")
        row = min(step["seconds"] for step in self.steps()) / 4
        self.branch = self.make_branch("long")
        self.drop("train.jsonl", self.lines(end=80))
        return (*LONG, "--set", f"num_train_epochs={max(1, round(seconds / (row * 80)))}")

    def log(self, job, folder=None):
        log = (folder or self.branch) / f"jobs/{job}.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def wait_for(self, job, states, seconds=120, what=""):
        """Until the job is in one of the states; one that was requeued is let on at once."""
        deadline = time.monotonic() + seconds
        while True:
            said = self.cluster.job(job)
            if said["JobState"] in states:
                return said
            if said["JobState"] == "PENDING" and said["Restarts"] != "0":
                self.cluster.hurry(job)
            self.assertLess(time.monotonic(), deadline, f"job {job} is {said}\n{self.log(job)}{what}")
            time.sleep(0.3)

    def assert_ends(self, job, state="COMPLETED", seconds=600):
        said = self.wait_for(job, ENDED, seconds)
        self.assertEqual(said["JobState"], state, f"{said}\n{self.log(job)}\n{self.cluster.log(said.get('BatchHost'))}")
        return said

    def journal(self, kind):
        lines = [line for log in (self.branch / "runs").glob("*/journal.jsonl")
                 for line in log.read_text().splitlines()]
        return [line for line in lines if f'"kind":"{kind}"' in line]

    def losses(self, folder):
        """The loss of each step as it was done last."""
        return {(step["epoch"], step["step"]): step["loss"] for step in self.steps(folder)}

    def make_twin(self, name):
        """A branch with the same dataset."""
        twin = self.make_branch(name)
        (text,) = (self.branch / "training").glob("*.jsonl")
        self.drop("train.jsonl", text.read_text().splitlines(keepends=True), branch=twin)
        self.addCleanup(lambda: processes.kill_all(twin))
        return twin

    def submit_unbroken(self, *arguments):
        """A job with the same training, on another node at the same time, that nothing happens to."""
        other = self.make_twin("unbroken")
        return other, self.submit("--time=30", "--sbatch-arg=--nodelist=n4", *arguments, branches=[other])

    def assert_the_same(self, other, job):
        self.assertEqual(self.assert_ends(job)["Restarts"], "0")
        self.assertEqual(self.losses(self.branch), self.losses(other))
        self.assertEqual(self.adapter_bytes(), self.adapter_bytes(other))

    def jobs(self, *arguments):
        return json.loads(self.strata("jobs", *arguments, "--json"))["jobs"]

    def reason(self, job):
        return {said["job"]: said["reason"] for said in self.jobs(self.branch)}[job]

    def processes_of(self, folder):
        """Whatever runs on a branch: it, or a run of its, is among the words."""
        found = [process.name for process in pathlib.Path("/proc").glob("[0-9]*")
                 if any(str(folder) in word for word in processes.arguments_of(process.name))]
        return found + list(processes.workers_of(folder))


class JobTest(SlurmTest):
    def test_a_branch_is_trained_by_srun_and_by_mpirun(self):
        self.drop("train.jsonl", self.lines(end=24))
        by_hand = self.make_branch("by_hand")
        self.drop("train.jsonl", self.lines(end=24), branch=by_hand)
        self.run_strata("train", "--workers", "2", *SHORT, branch=by_hand)
        for launcher in ("srun", "mpirun"):
            with self.subTest(launcher=launcher):
                self.branch = self.make_branch(launcher)
                self.drop("train.jsonl", self.lines(end=24))
                job = self.submit("--nodes=2", "--ntasks-per-node=1", f"--launcher={launcher}", "--time=5", *SHORT)
                self.assert_ends(job)
                self.assertIn("v0001 is current", self.log(job))
                self.assertTrue((self.branch / f"jobs/{job}.sh").read_text().startswith("#!/bin/bash"))
                (said,) = self.jobs(self.branch)
                self.assertEqual((said["job"], said["state"], said["active"]), (job, "COMPLETED", False))
                # The ranks have other cores than by hand, and so may round otherwise.
                expected, losses = self.losses(by_hand), self.losses(self.branch)
                self.assertEqual(losses.keys(), expected.keys())
                for step, loss in losses.items():
                    self.assertLess(abs(loss / expected[step] - 1), 1e-4, step)
        # Nothing pending is success.
        again = self.submit(*SHORT)
        self.assert_ends(again)
        self.assertIn("nothing pending", self.log(again))

    def test_a_job_waits_for_the_branchs_last_one_and_holds_no_lock(self):
        held = self.cluster.run("sbatch", "--parsable", "--nodes=4", "--exclusive", "--output=/dev/null", "--wrap",
                                "sleep 600").stdout.strip()
        self.wait_for(held, {"RUNNING"})
        first = self.submit(*SHORT)
        second = self.submit(*SHORT)
        self.assertIn(f"afterany:{first}", self.cluster.job(second)["Dependency"])
        self.wait_until(lambda: self.reason(second) == "Dependency", 30, "the scheduler's look at the second")
        # By hand the branch can be trained meanwhile.
        self.run_strata("train", *SHORT)
        self.cluster.run("scancel", held)
        self.assert_ends(first)
        self.assert_ends(second)
        self.assertIn("nothing pending", self.log(second))

    def test_an_array_trains_each_branch_and_a_broken_one_harms_none(self):
        folders = [self.make_branch(name) for name in ("a", "b", "c", "d")]
        for i, folder in enumerate(folders):
            self.drop("train.jsonl", self.lines(begin=i, end=i + 12), branch=folder)
        (folders[1] / "training/train.jsonl").write_text("no JSON\n")
        job = self.submit("--time=5", *SHORT, branches=folders)
        for i, folder in enumerate(folders):
            said = self.assert_ends(f"{job}_{i}", "FAILED" if i == 1 else "COMPLETED")
            self.assertEqual(said["ExitCode"], "65:0" if i == 1 else "0:0", self.log(f"{job}_{i}", folder))
            self.assertEqual(said["Restarts"], "0")
        adapters = {self.adapter_bytes(folder) for folder in folders if folder != folders[1]}
        self.assertEqual(len(adapters), 3)
        self.assertFalse((self.adapters(folders[1]) / "current").exists())
        states = {pathlib.Path(said["branch"]).name: said["state"] for said in self.jobs(*folders)}
        self.assertEqual(states, {"a": "COMPLETED", "b": "FAILED", "c": "COMPLETED", "d": "COMPLETED"})

    def test_a_branch_that_cannot_be_submitted_does_not_keep_the_others(self):
        broken = self.make_branch("broken")
        (broken / "branch.yaml").write_text("lora_rr: 8\n")
        said = self.strata("submit", broken, self.branch, *SHORT, code=78)
        self.assertRegex(said, r"not submitted: \S+/broken")
        (job,) = self.jobs(self.branch)
        self.assert_ends(job["job"])


class InterruptionTest(SlurmTest):
    def test_a_time_limit_too_short_is_met_until_the_run_is_done(self):
        long = self.long_for(60)
        other, unbroken = self.submit_unbroken(*long)
        job = self.submit(*TOO_SHORT, *long)
        said = self.assert_ends(job)
        self.assertGreaterEqual(int(said["Restarts"]), 1)
        self.assertIn("comes again, and goes on from its last checkpoint", self.log(job))
        self.assertEqual(len(list((self.branch / "runs").iterdir())), 1)
        self.assert_the_same(other, unbroken)

    def test_the_tasks_of_an_array_come_again_each_by_itself(self):
        long = self.long_for(20)
        other = self.make_twin("other")
        folders = sorted([self.branch, other])
        job = self.submit(*long, branches=folders)
        for i, folder in enumerate(folders):
            self.wait_until(lambda: len(self.steps(folder)) > 3, 120, "a step")
            self.cluster.run("scancel", "--batch", "--signal=USR1", f"{job}_{i}")
        for i, folder in enumerate(folders):
            task = f"{job}_{i}"
            self.assertEqual(self.assert_ends(task)["Restarts"], "1", self.log(task, folder))
            self.assertIn(f"job {task} comes again, and goes on from its last checkpoint", self.log(task, folder))
            self.assertEqual(len(list((folder / "runs").iterdir())), 1)
        self.assertEqual(self.losses(self.branch), self.losses(other))
        self.assertEqual(self.adapter_bytes(), self.adapter_bytes(other))

    def preempt(self, job):
        """A job of the higher partition takes its node for a moment."""
        high = self.cluster.run("sbatch", "--parsable", "--partition=high", "--nodelist=n1", "--exclusive",
                                "--output=/dev/null", "--wrap", "sleep 2").stdout.strip()
        self.wait_for(high, {"COMPLETED"}, 120, self.log(job))

    def test_a_preemption_ends_in_a_checkpoint_and_a_resumed_run(self):
        long = (*self.long_for(20), "--set", "save_steps=0")
        other, unbroken = self.submit_unbroken(*long)
        job = self.submit("--time=10", "--sbatch-arg=--nodelist=n1", *long)
        self.wait_until(lambda: len(self.steps()) > 3, 120, "a step")
        self.preempt(job)
        # There are no other checkpoints than that of the stop.
        self.assertEqual(len(self.journal("checkpoint")), 1, self.log(job))
        self.assertGreaterEqual(int(self.assert_ends(job)["Restarts"]), 1)
        self.assert_the_same(other, unbroken)

    def test_a_cancel_leaves_current_whole_and_no_process(self):
        long = self.long_for(30)
        self.drop("first.jsonl", self.lines(end=4))
        self.run_strata("train", "--dataset", "first.jsonl", *SHORT)
        before, checkpoints = self.adapter_bytes(), len(self.journal("checkpoint"))
        job = self.submit("--time=10", *long)
        queued = self.submit("--time=10", *long)
        self.wait_until(lambda: len(self.journal("checkpoint")) > checkpoints, 120, "a checkpoint")
        self.strata("cancel", self.branch)
        self.assert_ends(job, "CANCELLED")
        self.assert_ends(queued, "CANCELLED")
        self.wait_until(lambda: not self.processes_of(self.branch), 45, "no process of the branch")
        time.sleep(5)
        self.assertEqual(self.cluster.job(job)["JobState"], "CANCELLED")
        self.assertEqual(self.adapter_bytes(), before)
        self.run_strata("verify")
        self.assertIn("no job waits or runs", self.strata("cancel", self.branch))
        self.assertEqual(len(self.json("status")["unfinished_runs"]), 1)

    def test_a_job_that_gets_nowhere_does_not_come_for_ever(self):
        (self.branch / ".strata").mkdir(exist_ok=True)
        with open(self.branch / ".strata/run.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            job = self.submit(*SHORT)
            said = self.assert_ends(job, "FAILED")
        self.assertEqual((said["ExitCode"], said["Restarts"]), ("75:0", "5"))
        self.assertIn("gives up", self.log(job))


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
        subprocess.run(["crontab", "-"], input="# mine\n5 4 * * * true\n", text=True, check=True)

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
            self.assertEqual(self.crontab(), "# mine\n5 4 * * * true\n" + printed)
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
        self.assertRegex(done.stdout, rf"\n0 3 1 \* \* env SLURM_CONF=\S+ {program}/strata submit {home}")
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
