"""Goal: what `strata submit` hands to Slurm is trained to the same adapter as by hand, whatever Slurm does to the job.
Method: a real Slurm on the loopback (slurm_cluster.py); jobs that are stopped by their time limit, by a preemption and
by a cancel; an array with a broken branch; by srun and by mpirun."""
import fcntl
import json
import os
import pathlib
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
        self.run_strata("train", *LONG, "--set", "num_train_epochs=5")
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
        ends = {pathlib.Path(said["branch"]).name: (said["state"], said["exit_code"]) for said in self.jobs(*folders)}
        well = ("COMPLETED", "0:0")
        self.assertEqual(ends, {"a": well, "b": ("FAILED", "65:0"), "c": well, "d": well})
        self.assertRegex(self.strata("jobs", folders[1]), r"FAILED +exit code 65 ")

    def test_a_branch_that_cannot_be_submitted_does_not_keep_the_others(self):
        broken = self.make_branch("broken")
        (broken / "branch.yaml").write_text("lora_rr: 8\n")
        said = self.strata("submit", broken, self.branch, *SHORT, code=78)
        self.assertRegex(said, r"not submitted: \S+/broken")
        (job,) = self.jobs(self.branch)
        self.assert_ends(job["job"])


class InterruptionTest(SlurmTest):
    def test_a_time_limit_too_short_is_met_until_the_run_is_done(self):
        long = self.long_for(80)
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


if __name__ == "__main__":
    branch.main()
