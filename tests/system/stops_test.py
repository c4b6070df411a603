"""Goal: a stop that is asked for, once or twice, ends a training in a checkpoint and exit code 75, and lets a commit
finish. Method: real processes; SIGTERM, SIGINT and SIGUSR1 in the training, to a run whose ranks hang, and to a
coordinator that was stopped between its decision to commit and the commit line."""
import signal
import time
import unittest

import branch
import processes
from restarts_test import SLOW, AttemptTest

STOPPED = 25  # seconds, promised
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class StopsTest(AttemptTest):
    def assert_stops(self, run, asked, limit=STOPPED):
        self.assertEqual(run.wait(timeout=max(0, asked + limit - time.monotonic())), 75)
        print(f"  ended after {time.monotonic() - asked:.1f} s", flush=True)
        self.assertEqual(self.json("status")["last_run"]["status"], "interrupted")
        self.assertTrue(self.journal("ended")[0]["body"]["resumable"])
        self.assert_none_left()

    def test_once_in_the_training(self):
        for how in SIGNALS:
            with self.subTest(how=how.name):
                self.fresh_branch(f"once-{how.name}")
                run = self.start_to_checkpoint()
                self.assert_stops(run, self.stop(run, how))
                # The ranks agreed on a last step, which is kept.
                last = self.steps()[-1]
                self.assertEqual(self.journal("checkpoint")[-1]["body"]["next"], [0, last["epoch"], last["step"] + 1])
                self.assert_finishes()

    def test_twice_in_the_training(self):
        for how in SIGNALS:
            with self.subTest(how=how.name):
                self.fresh_branch(f"twice-{how.name}")
                run = self.start_to_checkpoint()
                asked = self.stop(run, how)
                run.send_signal(how)
                self.assert_stops(run, asked)
                self.assert_finishes()

    def test_while_a_rank_hangs(self):
        run = self.start_to_checkpoint()
        hung, asked = self.ranks()[1:], time.monotonic()
        run.send_signal(signal.SIGTERM)
        self.release(but=hung)
        # What the ranks can't agree on is ended by force: a grace of 20 s, 5 s for the processes.
        self.assert_stops(run, asked, 2 * STOPPED)
        self.assert_finishes()

    def start_to_commit(self):
        """A run whose coordinator is stopped where the commit is decided and not yet written; None if it was missed."""
        run = self.start(*SLOW)
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        while not self.journal("proved"):
            if run.poll() is not None:
                return None
        run.send_signal(signal.SIGSTOP)
        ledger = self.adapters() / "ledger.jsonl"
        if ledger.exists() and b'"commit"' in ledger.read_bytes():
            run.kill()
            return None
        return run

    def in_a_commit(self, name):
        for i in range(40):
            self.fresh_branch(f"{name}-{i}")
            run = self.start_to_commit()
            if run is not None:
                return run
        self.fail("no commit was met before its line in 40 runs")

    def test_once_and_twice_in_a_commit(self):
        self.of_unbroken()
        for how in SIGNALS:
            for times in (1, 2):
                with self.subTest(how=how.name, times=times):
                    run = self.in_a_commit(f"commit-{how.name}-{times}")
                    for _ in range(times):
                        run.send_signal(how)
                    run.send_signal(signal.SIGCONT)
                    if times == 2:
                        run.send_signal(how)
                    self.assertEqual(run.wait(timeout=STOPPED), 0)
                    self.assert_committed()

    def assert_committed(self):
        self.assertEqual(self.json("status")["current"]["version"], "v0001")
        self.assertEqual(self.adapter_bytes(), self.of_unbroken()[0])
        self.assertIn("nothing pending", self.run_strata("train", *SLOW))
        self.assert_none_left()


if __name__ == "__main__":
    branch.main()
