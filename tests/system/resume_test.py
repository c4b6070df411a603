"""Goal: a run that is interrupted at any step ends, when it is gone on with, in the adapter of an unbroken one.
Method: real processes; 20 steps, stopped at seen steps by SIGKILL and by SIGTERM; STRATA_EVERY_STEP=1 stops at each."""
import json
import os
import re
import shutil
import signal
import unittest

import branch
import processes

# 20 updates, slow enough to be met one by one.
SLOW = ("--set", "packing=false", "--set", "global_batch_size=32", "--set", "micro_batch_size=1", "--set",
        "num_train_epochs=2", "--set", "save_steps=3", "--set", "lora_dropout=0.1")
STEPS = 20
MOMENTS = range(1, STEPS) if os.environ.get("STRATA_EVERY_STEP") else (1, 7, 13, 19)


class ResumeTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        self.drop("train.jsonl", self.many())

    def many(self, words="first"):
        """320 different examples."""
        lines = [json.loads(line) for line in self.lines(end=80)]
        return [json.dumps({**line, "instruction": f"{line['instruction']} ({words} {i})"}) + "\n"
                for i in range(4) for line in lines]

    def unbroken(self, *arguments):
        other = self.make_branch("unbroken")
        self.drop("train.jsonl", self.many(), branch=other)
        self.run_strata("train", *SLOW, *arguments, branch=other)
        return other

    def fresh_branch(self, name):
        self.branch = self.make_branch(name)
        self.drop("train.jsonl", self.many())

    def interrupt(self, how, steps, *arguments, checkpoints=0):
        """A training that is sent `how` once so many steps are recorded, and checkpoints; its exit code."""
        closed = {folder for folder in (self.branch / "runs").glob("*") if not self.is_open(folder)}
        run = self.start(*SLOW, *arguments)
        self.addCleanup(run.kill)
        self.addCleanup(lambda: processes.kill_all(self.branch))

        def lines(file):
            """Of the run that it began or goes on with."""
            opened = [folder / file for folder in set((self.branch / "runs").glob("*")) - closed]
            return max((branch.whole_lines(path) for path in opened if path.exists()), key=len, default=[])

        def count(kind):
            return sum(line["kind"] == kind for line in lines("journal.jsonl"))

        def met():
            return run.poll() is not None or (len(lines("steps.jsonl")) >= steps and count("checkpoint") >= checkpoints)

        self.hold_when(met, 120, f"{steps} steps")
        stops = count("stop")
        self.stop_held(run, how, lambda: how == signal.SIGKILL or count("stop") > stops)
        return run.wait(timeout=30)

    @staticmethod
    def is_open(run):
        journal = run / "journal.jsonl"
        return not journal.exists() or '"resumable":false' not in journal.read_text()

    def journal(self):
        return branch.whole_lines(next((self.branch / "runs").glob("*/journal.jsonl")))

    def losses(self, folder):
        """The loss of each step as it was done last, by whichever run."""
        logs = sorted((folder / "runs").glob("*/steps.jsonl"), key=lambda log: log.stat().st_mtime_ns)
        steps = [step for log in logs for step in branch.whole_lines(log)]
        return {(step["dataset"], step["epoch"], step["step"]): step["loss"] for step in steps if "loss" in step}

    def assert_the_same(self, unbroken):
        self.assertEqual(self.adapter_bytes(), self.adapter_bytes(unbroken))
        self.assertEqual(self.losses(self.branch), self.losses(unbroken))
        ours, theirs = (json.loads((self.adapters(folder) / "current/training_metadata.json").read_text())
                        for folder in (self.branch, unbroken))
        for key in ("total_examples_trained", "best_loss"):
            self.assertEqual(ours[key], theirs[key], key)

    def test_a_run_stopped_at_a_step_ends_byte_equal(self):
        unbroken = self.unbroken()
        self.assertEqual(len(self.losses(unbroken)), STEPS)
        for how in (signal.SIGKILL, signal.SIGTERM):
            for steps in MOMENTS:
                with self.subTest(how=how.name, steps=steps):
                    self.fresh_branch(f"{how.name}-{steps}")
                    code = self.interrupt(how, steps)
                    # The last step may be over before the signal comes.
                    self.assertIn(code, (-how, 75) if steps < STEPS - 2 else (-how, 75, 0))
                    saved = code != 0 and any(line["kind"] == "checkpoint" for line in self.journal())
                    if code == 75 or (code != 0 and steps > 12):
                        self.assertTrue(saved)
                    said = self.run_strata("train", *SLOW)
                    if saved:
                        self.assertEqual(len(list((self.branch / "runs").iterdir())), 1, said)
                        self.assertIn("going on with the run", said)
                    self.assert_the_same(unbroken)

    def test_a_stop_leaves_a_checkpoint_of_the_last_step(self):
        self.assertEqual(self.interrupt(signal.SIGUSR1, 4, "--set", "save_steps=0", "--set", "save_minutes=0"), 75)
        checkpoint = next(line for line in self.journal() if line["kind"] == "checkpoint")
        last = self.steps()[-1]
        self.assertEqual(checkpoint["body"]["next"], [last["stage"], last["epoch"], last["step"] + 1])
        status = self.json("status")
        self.assertEqual(status["last_run"]["status"], "interrupted")
        self.assertEqual(status["unfinished_runs"][0]["next"], checkpoint["body"]["next"])
        self.assertIn("goes on with it", self.run_strata("plan", *SLOW))
        self.assertEqual(len(list((self.branch / "runs").glob("*/checkpoints/*"))), 1)
        self.run_strata("train", *SLOW)
        # What a run that is over kept to go on from is gone.
        self.assertEqual(list((self.branch / "runs").glob("*/checkpoints")), [])
        self.assertEqual(self.json("status")["unfinished_runs"], [])
        self.assertIn("nothing pending", self.run_strata("train", *SLOW))

    def test_checkpoints_are_taken_by_time_too(self):
        by_time = ("--set", "save_steps=0", "--set", "save_minutes=0.005")
        self.interrupt(signal.SIGKILL, 12, *by_time, checkpoints=2)
        places = [tuple(line["body"]["next"]) for line in self.journal() if line["kind"] == "checkpoint"]
        self.assertGreater(len(places), 1)
        self.assertEqual(places, sorted(set(places)))
        self.assertLessEqual(len(list((self.branch / "runs").glob("*/checkpoints/*.checkpoint"))), 3)
        self.assertIn("going on with the run", self.run_strata("train", *SLOW, *by_time))

    def test_other_ranks_go_on_with_the_same_curve(self):
        unbroken = self.unbroken()
        expected = self.losses(unbroken)
        for before, after in ((2, 3), (3, 1)):
            with self.subTest(before=before, after=after):
                self.fresh_branch(f"ranks-{before}-{after}")
                self.assertEqual(self.interrupt(signal.SIGTERM, 8, "--workers", str(before)), 75)
                self.run_strata("train", *SLOW, "--workers", str(after))
                self.assertEqual({step["ranks"] for step in self.steps()}, {before, after})
                losses = self.losses(self.branch)
                self.assertEqual(losses.keys(), expected.keys())
                for step, loss in losses.items():
                    self.assertLess(abs(loss / expected[step] - 1), 1e-4, step)

    def test_early_stopping_and_several_datasets_go_on(self):
        arguments = ("--set", "val_set_size=0.2", "--set", "eval_steps=2", "--set", "early_stopping_patience=3")
        unbroken = self.make_branch("unbroken")
        for name in ("unbroken", "broken"):
            folder = self.folder / name
            if name == "broken":
                self.branch = self.make_branch("broken")
            for file in ("a_premium.jsonl", "b_improved.jsonl", "train.jsonl"):
                self.drop(file, self.lines(begin=ord(file[0]) % 3 * 40, end=ord(file[0]) % 3 * 40 + 40), branch=folder)
        self.run_strata("train", *SLOW, *arguments, branch=unbroken)
        for steps in (3, 9, 16):
            self.interrupt(signal.SIGKILL if steps == 9 else signal.SIGTERM, steps, *arguments)
        self.run_strata("train", *SLOW, *arguments)
        self.assertEqual(len(list((self.branch / "runs").iterdir())), 1)
        self.assert_the_same(unbroken)

    def test_what_would_change_the_result_is_refused_with_both_values(self):
        self.interrupt(signal.SIGTERM, 4)
        said = self.run_strata("train", *SLOW, "--set", "learning_rate=0.5", code=78)
        self.assertRegex(said, "learning_rate was 0.001 and is 0.5")
        self.assertIn("--restart", said)
        said = self.run_strata("train", *SLOW, "--all", code=78)
        self.assertIn("it trains other datasets", said)
        self.run_strata("rebuild", *SLOW, code=78)
        # The stored plan wins over what came into training/ meanwhile.
        self.drop("later.jsonl", self.lines("train_improved.jsonl", end=8))
        self.run_strata("train", *SLOW, "--set", "micro_batch_size=2")
        self.assertEqual({step["dataset"] for step in self.steps()}, {"train.jsonl"})
        self.assertEqual([stage["dataset"] for stage in self.json("plan")["stages"]], ["later.jsonl"])

    def test_another_base_is_refused_with_both_fingerprints(self):
        self.interrupt(signal.SIGTERM, 4)
        base = self.branch / "base"
        base.unlink()
        shutil.copytree(branch.BASE, base)
        weights = base / "model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
        said = self.run_strata("train", *SLOW, code=78)
        self.assertRegex(said, r"fingerprint\s+[0-9a-f]{64},\s+the\s+base\s+is\s+now\s+[0-9a-f]{64}")
        shutil.rmtree(base)
        base.symlink_to(branch.BASE)
        self.run_strata("train", *SLOW)

    def test_restart_drops_the_interrupted_run(self):
        self.interrupt(signal.SIGTERM, 4)
        self.run_strata("train", *SLOW, "--restart")
        self.assertEqual(len(list((self.branch / "runs").iterdir())), 2)
        self.assertEqual(list((self.branch / "runs").glob("*/checkpoints")), [])
        self.assertEqual(len(self.losses(self.branch)), STEPS)

    def test_a_restore_meanwhile_is_refused(self):
        self.run_strata("train", *SLOW)
        self.drop("more.jsonl", self.many("second"))
        self.run_strata("train", *SLOW)
        self.drop("again.jsonl", self.many("third"))
        self.interrupt(signal.SIGTERM, 4)
        self.run_strata("restore", "v0001")
        self.assertRegex(self.run_strata("train", *SLOW, code=78), "goes on from v0002, but current is v0001")
        self.run_strata("restore", "v0002")
        self.run_strata("train", *SLOW)

    @staticmethod
    def flip(file):
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)

    def checkpoints(self):
        return sorted((self.branch / "runs").glob("*/checkpoints/*.checkpoint"))

    def counted(self):
        return sum(line["kind"] == "checkpoint" for line in self.journal())

    def run_folder(self):
        return next((self.branch / "runs").iterdir())

    def test_a_damaged_checkpoint_falls_back_to_the_one_before(self):
        unbroken = self.unbroken()
        self.interrupt(signal.SIGTERM, 10)
        self.assertEqual(len(self.checkpoints()), 2)
        places = [line["body"]["next"] for line in self.journal() if line["kind"] == "checkpoint"]
        self.flip(self.checkpoints()[-1])
        said = " ".join(self.run_strata("train", *SLOW).split())
        self.assertIn("can't be used", said)
        self.assertIn("from stage {}, epoch {}, step {} (".format(*places[-2]), said)
        self.assertEqual(len(list((self.run_folder() / "quarantine").iterdir())), 1)
        self.assert_the_same(unbroken)

    def test_a_checkpoint_damaged_during_the_run_falls_back_too(self):
        unbroken = self.unbroken()
        run = self.start(*SLOW)
        self.addCleanup(run.kill)
        self.hold_when(lambda: len(self.checkpoints()) == self.counted() == 2, 120,
                       "two checkpoints that count")
        self.flip(self.checkpoints()[-1])
        processes.send(signal.SIGKILL, *processes.ranks_of(self.branch))
        self.assertEqual(run.wait(timeout=120), 0)
        self.assertIn("damaged", [line["kind"] for line in self.journal()])
        self.assert_the_same(unbroken)

    def test_a_checkpoint_that_can_not_be_kept_costs_nothing_else(self):
        run = self.start(*SLOW)
        self.addCleanup(run.kill)
        self.wait_until(lambda: list((self.branch / "runs").glob("*/run.json")), 60, "the run's folder")
        (self.run_folder() / "checkpoints").write_text("in the way")
        self.assertEqual(run.wait(timeout=120), 0)
        self.assertEqual([line["kind"] for line in self.journal()].count("attempt"), 1)

    def test_what_a_run_kept_and_is_damaged_is_refused_with_the_way_out(self):
        self.interrupt(signal.SIGTERM, 4)
        for name in ("journal.jsonl", "run.json", "plan.json", "steps.jsonl", "tokens"):
            with self.subTest(name=name):
                file = self.run_folder() / name
                file = next(file.glob("*.tokens")) if name == "tokens" else file
                kept = file.read_bytes()
                file.unlink() if name == "steps.jsonl" else self.flip(file)
                if name == "run.json":
                    file.unlink()
                said = self.run_strata("train", *SLOW, code=65)
                self.assertIn("strata train --restart", " ".join(said.split()))
                # Not the cache, of which the run has a link.
                file.unlink(missing_ok=True)
                file.write_bytes(kept)
        self.run_strata("train", *SLOW)
        self.assertEqual(len(list((self.branch / "runs").iterdir())), 1)

    def test_a_changed_run_json_is_refused(self):
        """Of what it holds nothing else would tell: the template goes into the version as it stands there."""
        self.interrupt(signal.SIGTERM, 4)
        file = self.run_folder() / "run.json"
        text = file.read_text()
        file.write_text(re.sub(r'("chat_template":".*?)[a-z]', r"\1X", text, count=1))
        self.assertNotEqual(file.read_text(), text)
        self.assertIn("run.json is not what the run wrote", " ".join(self.run_strata("train", *SLOW, code=65).split()))
        file.write_text(text)
        self.run_strata("train", *SLOW)

    def test_checkpoints_that_are_gone_are_said_and_never_silently_begun_anew(self):
        self.interrupt(signal.SIGTERM, 4)
        shutil.rmtree(self.run_folder() / "checkpoints")
        said = " ".join(self.run_strata("train", *SLOW, code=65).split())
        self.assertIn("its checkpoints are gone", said)
        self.assertIn("strata train --restart", said)
        self.run_strata("train", *SLOW, "--restart")
        self.assertIn("nothing pending", self.run_strata("train", *SLOW))

    def test_a_checkpoint_that_can_not_be_read_now_is_kept_for_later(self):
        self.interrupt(signal.SIGTERM, 10)
        newest = self.checkpoints()[-1]
        kept = newest.read_bytes()
        newest.unlink()
        newest.mkdir()  # a read of it fails as that of a sick disk does: neither missing nor damaged
        self.run_strata("train", *SLOW, code=69)
        self.assertFalse((self.run_folder() / "quarantine").exists())
        newest.rmdir()
        newest.write_bytes(kept)
        self.assertIn("going on with the run", self.run_strata("train", *SLOW))
        self.assertNotIn("damaged", [line["kind"] for line in self.journal()])

    def test_a_branch_that_is_damaged_at_the_commit_costs_no_training(self):
        self.run_strata("train", *SLOW)
        self.drop("more.jsonl", self.many("second"))
        run = self.start(*SLOW)
        self.addCleanup(run.kill)
        self.wait_until(self.checkpoints, 120, "a checkpoint")
        ledger = self.adapters() / "ledger.jsonl"
        kept = ledger.read_bytes()
        ledger.unlink()
        self.assertEqual(run.wait(timeout=120), 69)
        ledger.write_bytes(kept)
        self.assertIn("going on with the run", self.run_strata("train", *SLOW))
        self.assertIn("v0002", self.run_strata("status"))

    def test_a_damaged_journal_is_dropped_by_restart(self):
        self.interrupt(signal.SIGTERM, 4)
        self.flip(self.run_folder() / "journal.jsonl")
        self.run_strata("train", *SLOW, "--restart")
        self.assertEqual(self.checkpoints(), [])

    def test_a_restart_that_can_not_begin_drops_nothing(self):
        self.interrupt(signal.SIGTERM, 4)
        self.run_strata("train", *SLOW, "--restart", "--dataset", "nosuch.jsonl", code=64)
        self.run_strata("train", *SLOW, "--restart", "--set", "mpirun=/nosuch", code=69)
        self.assertIn("going on with the run", self.run_strata("train", *SLOW))

    def test_a_dataset_excluded_since_is_refused(self):
        self.interrupt(signal.SIGTERM, 4)
        self.run_strata("exclude", "train.jsonl")
        self.assertIn("strata include train.jsonl", " ".join(self.run_strata("train", *SLOW, code=78).split()))
        self.run_strata("include", "train.jsonl")
        self.run_strata("train", *SLOW)


if __name__ == "__main__":
    branch.main()
