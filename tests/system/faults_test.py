"""Goal: a run that is killed or stopped leaves `current` whole, no process behind, and the next one works at once.
Method: real processes, SIGKILL and SIGINT at seeded moments. STRATA_KILLS=50 makes as many kills instead of a few."""
import os
import random
import signal
import subprocess
import time

import branch
import branch_reader
import processes

KILLS = int(os.environ.get("STRATA_KILLS", "8"))
# Without a checkpoint: what is trained next has other settings.
ENDLESS = ("--all", "--workers", "2", "--set", "num_train_epochs=10000", "--set", "save_steps=0", "--set",
           "save_minutes=0")


class FaultsTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(lambda: processes.kill_all(self.branch))
        self.drop("train.jsonl", self.lines())

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

    def assert_no_process_left(self, seconds):
        self.wait_until(lambda: not processes.workers_of(self.branch), seconds, "the end of all workers")

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
            branch_reader.check_version(self.adapters() / "current")
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

    def test_killing_mpirun_and_its_parent_at_once_leaves_no_orphan(self):
        run = self.start_endless()
        ranks = processes.ranks_of(self.branch)
        self.assertEqual(len(ranks), 2)
        processes.send(signal.SIGKILL, run.pid, *processes.mpiruns_of(self.branch))
        run.wait()
        self.assert_no_process_left(60)

    def test_a_restore_during_a_run_parks_what_the_run_made(self):
        self.run_strata("train")
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"))
        self.run_strata("train")
        self.drop("more.jsonl", self.lines(begin=20, end=30))
        run = self.start("--set", "num_train_epochs=30")
        self.hold_when(lambda: any(step["dataset"] == "more.jsonl" for step in self.steps()), 60, "a first step")
        self.run_strata("restore", "v0001")
        self.release()
        self.assertEqual(run.wait(timeout=300), 0)
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
