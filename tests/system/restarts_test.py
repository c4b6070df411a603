"""Goal: a rank or mpirun that dies or stops is missed, named and ended, and the next attempt brings the run to the
adapter of an unbroken one. Method: real processes; 12 steps, struck once a checkpoint counts; the promise is that an
attempt is over 30 s after its fault and that a minute later none of its processes lives."""
import os
import signal
import time

import branch
import processes

# 12 updates of two ranks, slow enough to be met.
SLOW = ("--workers", "2", "--set", "packing=false", "--set", "global_batch_size=16", "--set", "micro_batch_size=1",
        "--set", "save_steps=2")
STEPS = 12
DETECTED, GONE = 30, 60  # seconds, promised


class AttemptTest(branch.BranchTest):
    """A run that is met after its first checkpoint, and what it must come to."""
    unbroken = None

    def setUp(self):
        super().setUp()
        self.addCleanup(lambda: processes.kill_all(self.branch))
        self.drop("train.jsonl", self.lines(end=96))

    def of_unbroken(self):
        """(adapter, losses) of a run that nothing happened to."""
        if AttemptTest.unbroken is None:
            other = self.make_branch("unbroken")
            self.drop("train.jsonl", self.lines(end=96), branch=other)
            self.run_strata("train", *SLOW, branch=other)
            AttemptTest.unbroken = (self.adapter_bytes(other), self.losses(other))
            self.assertEqual(len(AttemptTest.unbroken[1]), STEPS)
        return AttemptTest.unbroken

    def losses(self, folder):
        """The loss of each step as it was done last."""
        return {(step["epoch"], step["step"]): step["loss"] for step in self.steps(folder)}

    def fresh_branch(self, name):
        self.branch = self.make_branch(name)
        self.drop("train.jsonl", self.lines(end=96))

    def journal(self, *kinds):
        journals = list((self.branch / "runs").glob("*/journal.jsonl"))
        self.assertLessEqual(len(journals), 1)
        events = branch.whole_lines(journals[0]) if journals else []
        return [event for event in events if event["kind"] in kinds]

    def start_to_checkpoint(self, *arguments):
        """A run that has its first checkpoint; its ranks are held there until release()."""
        self.of_unbroken()
        run = self.start(*SLOW, *arguments)
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        self.hold_when(lambda: self.journal("checkpoint"), 300, "a checkpoint")
        self.assertIsNone(run.poll())
        return run

    def stop(self, run, how):
        """When it was sent."""
        return self.stop_held(run, how, lambda: self.journal("stop"))

    def assert_attempt_ends(self, struck, dead):
        """The fault is in the journal and `dead` are gone, in time; what the journal says."""
        self.wait_until(lambda: self.journal("lost"), DETECTED, "a lost attempt")
        self.wait_until(lambda: all(processes.is_dead(process) for process in dead), DETECTED, "the attempt's end")
        seconds = time.monotonic() - struck
        self.assertLess(seconds, DETECTED)
        print(f"  detected and ended after {seconds:.1f} s: {self.journal('lost')[0]['body']['words']}", flush=True)
        return self.journal("lost")[0]["body"]["words"]

    def assert_finishes(self, run=None):
        """By the next attempt, or by the next train, as if nothing had happened."""
        adapter, losses = self.of_unbroken()
        if run is None:
            self.run_strata("train", *SLOW)
        else:
            self.assertEqual(run.wait(timeout=300), 0)
        self.assertEqual(self.adapter_bytes(), adapter)
        self.assertEqual(self.losses(self.branch), losses)
        self.assert_none_left()

    def assert_none_left(self):
        self.wait_until(lambda: not processes.workers_of(self.branch), GONE, "the end of all processes")

    def strike(self, how, *victims):
        """When that was, and whom the end of the attempt must take."""
        dead, struck = list(processes.workers_of(self.branch)), time.monotonic()
        processes.send(how, *victims)
        self.release(but=victims)
        # Who is held already is silent since then.
        return self.held_since if how == signal.SIGSTOP else struck, dead


class RestartsTest(AttemptTest):
    def test_a_killed_rank(self):
        run = self.start_to_checkpoint()
        words = self.assert_attempt_ends(*self.strike(signal.SIGKILL, processes.ranks_of(self.branch)[1]))
        self.assertRegex(words, r"mpirun's exit status 137(\)|: rank 1 on \S+ died of signal 9 \(Killed\))")
        self.assert_finishes(run)
        self.assertEqual(len(self.journal("attempt")), 2)

    def test_mpirun_killed(self):
        run = self.start_to_checkpoint()
        words = self.assert_attempt_ends(*self.strike(signal.SIGKILL, *processes.mpiruns_of(self.branch)))
        self.assertIn("mpirun died of signal 9", words)
        self.assert_finishes(run)

    def test_mpirun_killed_with_its_group(self):
        run = self.start_to_checkpoint()
        words = self.assert_attempt_ends(*self.strike(signal.SIGKILL, *processes.workers_of(self.branch)))
        self.assertIn("mpirun died of signal 9", words)
        self.assert_finishes(run)

    def test_a_stopped_rank_does_not_outlive_a_killed_coordinator(self):
        run = self.start_to_checkpoint()
        hung = self.ranks()[1:]
        run.kill()
        run.wait()
        self.release(but=hung)
        self.assert_none_left()
        self.assert_finishes()

    def test_a_rank_that_stops(self):
        run = self.start_to_checkpoint()
        words = self.assert_attempt_ends(*self.strike(signal.SIGSTOP, processes.ranks_of(self.branch)[1]))
        self.assertRegex(words, "rank 1 on .* was not heard of for 20 s")
        self.assert_finishes(run)

    def test_the_coordinator_killed(self):
        run = self.start_to_checkpoint()
        run.kill()
        run.wait()
        self.release()
        self.assert_none_left()
        self.assert_finishes()
        self.assertEqual(len(self.journal("attempt")), 2)

    def test_the_coordinator_and_mpirun_killed_at_once(self):
        run = self.start_to_checkpoint()
        ranks, mpiruns = processes.ranks_of(self.branch), processes.mpiruns_of(self.branch)
        self.assertEqual(len(ranks), 2)
        processes.send(signal.SIGKILL, run.pid, *mpiruns)
        run.wait()  # till then it may hold the branch
        self.release()
        # Its ranks still live and change nothing of what the next attempt does.
        self.assert_finishes()
        self.assertTrue(all(map(processes.is_dead, ranks)))

    def test_a_crash_loop_ends_with_its_evidence_kept(self):
        run = self.start_to_checkpoint("--set", "max_restarts=2")
        struck = set()

        def over():
            attempt = self.journal("attempt")[-1]["body"]["attempt"]
            joined = [event for event in self.journal("joined") if event["body"]["attempt"] == attempt]
            if attempt not in struck and len(joined) == 2:
                struck.add(attempt)
                processes.send(signal.SIGKILL, *processes.ranks_of(self.branch)[1:])
                self.release()
            return run.poll() is not None

        self.wait_until(over, 300, "the end of the loop")
        self.assertEqual(run.returncode, 69)
        # The one that came to the last checkpoint was lost, and two after it.
        last = self.journal("checkpoint")[-1]["body"]["attempt"]
        self.assertEqual(len(self.journal("attempt")), last + 2)
        ended = self.journal("ended")[0]["body"]
        self.assertTrue(ended["resumable"])
        self.assertIn("3 attempts in a row came no further (max_restarts)", ended["words"])
        folder = next((self.branch / "runs").iterdir())
        self.assertTrue((folder / "worker.log").stat().st_size)
        self.assertTrue(list((folder / "checkpoints").iterdir()))
        self.assertEqual(self.json("status")["last_run"]["status"], "failed")
        self.assert_none_left()
        self.assert_finishes()

    def test_a_failed_attempt_says_where_it_is_told_of(self):
        run = self.start_to_checkpoint("--set", "max_restarts=0")
        self.strike(signal.SIGKILL, processes.ranks_of(self.branch)[1])
        self.assertEqual(run.wait(timeout=DETECTED), 69)
        self.assertFalse(os.path.lexists(self.adapters() / "current"))
        self.assertIn("the next train goes on from", self.journal("ended")[0]["body"]["words"])
        self.assert_finishes()


if __name__ == "__main__":
    branch.main()
