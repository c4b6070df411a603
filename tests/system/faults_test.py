"""Goal: a run that is killed or stopped leaves `current` whole, no process behind, and the next one works at once.
Method: real processes, SIGKILL and SIGINT at seeded moments. STRATA_KILLS=50 makes as many kills instead of a few."""
import hashlib
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import branch

KILLS = int(os.environ.get("STRATA_KILLS", "8"))
ENDLESS = ("--all", "--workers", "2", "--set", "num_train_epochs=10000")


def workers_of(folder):
    """{process: arguments} of mpirun and the ranks of the branch's runs: a run's name is an argument of theirs."""
    runs = {run.name for run in (folder / "runs").glob("*")}
    found = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_text().split("\0")
        except (OSError, UnicodeDecodeError):
            continue
        if runs & set(arguments):
            found[int(process.name)] = arguments
    return found


class FaultsTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.end_all)
        self.drop("train.jsonl", self.lines())

    def end_all(self):
        for process in workers_of(self.branch):
            os.kill(process, signal.SIGKILL)

    def start_endless(self):
        """A training that ends only when it is ended; returns once it has made its first step."""
        known = set((self.branch / "runs").glob("*/steps.jsonl"))
        run = self.start(*ENDLESS)
        self.addCleanup(run.kill)

        def trains():
            fresh = set((self.branch / "runs").glob("*/steps.jsonl")) - known
            return any(steps.stat().st_size > 0 for steps in fresh)

        self.wait_until(trains, 60, "a first step")
        return run

    def assert_whole(self, folder):
        """A reader of its own: every file that the manifest names has its size and hash."""
        files = json.loads((folder / "manifest.json").read_text())["files"]
        self.assertIn("adapter_model.safetensors", files)
        for name, record in files.items():
            data = (folder / name).read_bytes()
            self.assertEqual((len(data), hashlib.sha256(data).hexdigest()), (record["bytes"], record["sha256"]), name)

    def ranks(self):
        """Without mpirun, whose own name stands first."""
        found = workers_of(self.branch)
        return [process for process, arguments in found.items() if arguments[0].endswith("strata-worker")]

    def assert_no_process_left(self, seconds):
        self.wait_until(lambda: not workers_of(self.branch), seconds, "the end of all workers")

    def test_runs_killed_in_training_leave_current_as_it_was(self):
        self.run_strata("train")
        before = self.adapter_bytes()
        moments = random.Random(5)
        for _ in range(KILLS // 2):
            run = self.start(*ENDLESS)
            time.sleep(moments.uniform(0.01, 2.5))
            run.kill()
            run.wait()
            self.assertEqual(self.adapter_bytes(), before)
            self.assertIn("whole", self.run_strata("verify"))
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"))
        self.assertEqual(self.json("train")["version"], "v0002")
        self.assert_no_process_left(60)

    def test_runs_killed_up_to_their_end_leave_the_old_or_the_new_version(self):
        self.run_strata("train")
        moments = random.Random(6)
        trained = 12
        for i in range(KILLS - KILLS // 2):
            before = (self.adapters() / "current").resolve().name
            self.drop(f"extra_{i}.jsonl", self.lines(begin=12 + i, end=16 + i))
            trained += 4
            run = self.start()
            time.sleep(moments.uniform(0.8, 2.2))
            run.kill()
            run.wait()
            self.assert_whole(self.adapters() / "current")
            self.assertIn((self.adapters() / "current").resolve().name, [before, f"v{i + 2:04}"])
            self.run_strata("train")
            metadata = self.json("status")["current"]["metadata"]
            self.assertEqual(metadata["total_examples_trained"], trained, f"kill {i}")
            self.assertIn("whole", self.run_strata("verify"))
        self.assert_no_process_left(60)

    def test_an_interrupt_ends_the_run_cleanly(self):
        self.run_strata("train")
        before = self.adapter_bytes()
        run = self.start_endless()
        run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(timeout=30), 75)
        self.assertEqual(self.adapter_bytes(), before)
        self.assertEqual(self.json("status")["last_run"]["status"], "interrupted")
        self.assert_no_process_left(10)

    def test_an_interrupt_before_the_launch_ends_at_once(self):
        self.drop("large.jsonl", self.lines(end=100) * 400)
        run = self.start()
        self.wait_until((self.branch / ".strata/run.lock").exists, 30, "the run's lock")
        run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(timeout=10), 75)
        self.assertFalse((self.branch / "runs").exists())

    def test_a_killed_rank_fails_the_run_with_the_reason(self):
        self.run_strata("train")
        before = self.adapter_bytes()
        run = self.start_endless()
        os.kill(max(self.ranks()), signal.SIGKILL)
        self.assertEqual(run.wait(timeout=30), 69)
        self.assertEqual(self.adapter_bytes(), before)
        self.assertEqual(self.json("status")["last_run"]["status"], "failed")
        self.assert_no_process_left(10)

    def test_a_stopped_rank_is_missed_and_named(self):
        run = self.start_endless()
        os.kill(max(self.ranks()), signal.SIGSTOP)
        self.assertEqual(run.wait(timeout=60), 69)
        journal = next((self.branch / "runs").glob("*/journal.jsonl")).read_text()
        self.assertRegex(journal, "rank [01] on .* was not heard of for 20 s")
        self.assert_no_process_left(10)

    def test_killing_mpirun_and_its_parent_at_once_leaves_no_orphan(self):
        run = self.start_endless()
        ranks = self.ranks()
        self.assertEqual(len(ranks), 2)
        for process in [run.pid, *set(workers_of(self.branch)) - set(ranks)]:
            os.kill(process, signal.SIGKILL)
        run.wait()
        self.assert_no_process_left(60)

    def test_a_restore_during_a_run_parks_what_the_run_made(self):
        self.run_strata("train")
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"))
        self.run_strata("train")
        self.drop("more.jsonl", self.lines(begin=20, end=30))
        run = self.start("--set", "num_train_epochs=60")
        self.wait_until(lambda: any(step["dataset"] == "more.jsonl" for step in self.steps()), 60, "a first step")
        self.run_strata("restore", "v0001")
        self.assertEqual(run.wait(timeout=120), 0)
        status = self.json("status")
        self.assertEqual((status["current"]["version"], status["parked"]), ("v0001", ["v0003"]))
        self.run_strata("restore", "v0003")
        self.assertEqual(self.json("status")["parked"], [])

    def test_a_second_run_is_refused(self):
        run = self.start_endless()
        self.assertIn("another strata train", self.run_strata("train", code=75))
        run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(timeout=30), 75)

    def test_a_run_outlives_who_watches_it(self):
        command = [branch.STRATA, "train", "-C", str(self.branch), "--set", "num_train_epochs=20"]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        run.stdout.readline()
        run.stdout.close()
        self.assertEqual(run.wait(timeout=120), 0)
        self.assertEqual(self.json("status")["current"]["version"], "v0001")


if __name__ == "__main__":
    branch.main()
