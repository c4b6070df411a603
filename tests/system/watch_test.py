"""Goal: anybody who can read a branch sees its run, live or dead, and disturbs nothing. Method: real runs watched by
real processes, in pipes and terminals; runs that are stopped, killed and gone on with; files torn by hand."""
import json
import os
import shutil
import signal
import subprocess
import time

import branch
from restarts_test import SLOW, STEPS, AttemptTest
from terminal_test import Seen


class WatchTest(AttemptTest):
    def watch(self, *arguments):
        """A watcher in the background."""
        command = [branch.STRATA, "watch", "-C", str(self.branch), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def seen(self, watcher, code=0, timeout=180):
        out, err = watcher.communicate(timeout=timeout)
        self.assertEqual(watcher.returncode, code, out + err)
        return out, err

    def begin(self, *arguments):
        run = self.start(*SLOW, *arguments)
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        return run

    def once(self, code=0):
        return self.json("watch", "--once", code=code)

    def age(self, seconds):
        """The run's files, as if nobody had written to them for so long."""
        for file in (self.branch / "runs").glob("*/*"):
            if file.is_file():
                os.utime(file, (time.time() - seconds, time.time() - seconds))

    def kill_beyond_a_checkpoint(self, run):
        self.hold_when(lambda: self.journal("checkpoint") and len(self.steps()) >= 6, 120, "a step beyond a checkpoint")
        run.kill()
        run.wait()
        self.release()

    def test_a_run_that_begins_later_is_waited_for_and_followed_to_its_end(self):
        watcher = self.watch()
        others = self.watch("--json")
        self.assertIn("no run in", watcher.stderr.readline())
        run = self.begin()
        self.hold_when(lambda: len(self.steps()) > 2, 120, "steps")
        now = self.once()
        self.assertEqual((now["state"], now["steps_planned"], now["attempt"]), ("training", STEPS, 1))
        self.assertEqual(now["ranks"], 2)
        self.assertGreater(now["steps_done"], 2)
        self.assertLess(now["quiet_seconds"], 60)
        self.release()
        self.assertEqual(run.wait(timeout=120), 0)
        out, _ = self.seen(watcher)
        loss = self.json("history")[-1]["loss"]
        self.assertIn(f"stage 1/1 train.jsonl: epoch 2/2, loss {loss:.4f},", out)
        self.assertRegex(out.splitlines()[-1], "^run .* completed: v0001 is current$")
        lines = [json.loads(line) for line in self.seen(others)[0].splitlines()]
        self.assertEqual((lines[-1]["state"], lines[-1]["steps_done"]), ("completed", STEPS))
        done = [line["steps_done"] for line in lines]
        self.assertEqual(done, sorted(done))
        self.assertEqual(lines[-1]["loss"], self.steps()[-1]["loss"])

    def test_a_run_that_has_ended_is_told_and_its_kind_of_end(self):
        run = self.begin()
        self.hold_when(lambda: self.journal("checkpoint"), 120, "a checkpoint")
        self.stop(run, signal.SIGTERM)
        self.assertEqual(run.wait(timeout=60), 75)
        out, _ = self.seen(self.watch(), code=75)
        self.assertIn("interrupted: stopped as asked", out)
        self.assertEqual(self.once(code=75)["state"], "interrupted")
        self.run_strata("train", *SLOW)
        out, _ = self.seen(self.watch())
        self.assertIn("attempt 2", out)
        self.assertRegex(out, "completed: v0001 is current")
        self.assertEqual(self.once()["steps_done"], STEPS)

    def test_a_dead_run_is_seen_to_be_quiet_and_followed_when_it_goes_on(self):
        run = self.begin("--set", "save_steps=4")
        self.kill_beyond_a_checkpoint(run)
        self.age(3700)
        self.assertGreater(self.once()["quiet_seconds"], 3600)
        self.assertRegex(self.run_strata("watch", "--once"), "last written 1 h 0[12] m ago")
        watcher = self.watch()
        heard = ""
        while "nothing has been written for 1 h" not in heard:
            heard = watcher.stdout.readline()
            self.assertNotEqual(heard, "", "the watcher ended")
        self.run_strata("train", *SLOW, "--set", "save_steps=4")
        out, _ = self.seen(watcher)
        self.assertIn("attempt 2", out)
        self.assertRegex(out, "completed: v0001 is current")
        self.assertGreater(len(self.steps()), STEPS, "no step was done again")

    def test_a_run_whose_journal_is_lost_is_not_watched_for_ever(self):
        run = self.begin("--set", "save_steps=4")
        self.kill_beyond_a_checkpoint(run)
        (journal,) = (self.branch / "runs").glob("*/journal.jsonl")
        watcher = self.watch()
        self.assertIn("1 stage", watcher.stdout.readline())
        journal.unlink()
        self.age(3600)
        self.assertIn(f"{journal} is not there", self.seen(watcher, code=69)[1].replace("\n", " "))
        journal.touch()
        watcher = self.watch()
        self.assertIn("1 stage", watcher.stdout.readline())
        shutil.rmtree(journal.parent)
        self.assertIn(f"{journal.parent} is not there", self.seen(watcher, code=69)[1].replace("\n", " "))

    def test_torn_lines_are_no_error(self):
        self.drop("train.jsonl", self.lines())
        self.run_strata("train")
        run = next((self.branch / "runs").iterdir())
        before = self.once()
        for name in ("steps.jsonl", "journal.jsonl"):
            with open(run / name, "a", encoding="utf-8") as file:
                file.write('{"stage": 0, "da')
        after = self.once()
        before.pop("quiet_seconds"), after.pop("quiet_seconds")
        self.assertEqual(after, before)

    def test_no_run_at_all(self):
        self.assertIn("no run in", self.run_strata("watch", "--once", code=69))
        for more in ((), ("--once",)):
            self.assertIn("no run other in", self.run_strata("watch", "--run", "other", *more, code=69))

    def test_in_a_terminal_it_is_what_train_draws(self):
        run = self.begin()
        environment = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        self.wait_until(self.steps, 120, "a step")
        seen = Seen(100, [branch.STRATA, "watch", "-C", str(self.branch)], environment)
        self.assertEqual((seen.code, run.wait(timeout=60)), (0, 0), seen.text)
        self.assertIn("━", seen.text)
        screen = "\n".join(seen.screen())
        self.assertRegex(screen, r"(?m)^✓ +1/1 +base +train.jsonl")
        self.assertNotIn("━", screen, "a bar was left behind")
        self.assertRegex(screen, "completed: v0001 is current")
        self.assertLessEqual(seen.widest(), 100)

    def test_nothing_is_written(self):
        self.drop("train.jsonl", self.lines())
        self.run_strata("train")

        def state():
            return sorted((str(path), path.lstat().st_mtime_ns) for path in self.branch.rglob("*"))

        before = state()
        self.seen(self.watch())
        self.once()
        self.assertEqual(state(), before)


if __name__ == "__main__":
    branch.main()
