"""Goal: the reader that judges after each fault sees every breach it is there for. Method: a trained branch, harmed in
one way at a time."""
import json
import shutil

import branch
from branch_reader import Breach, BranchReader, check_examples, check_steps


class BranchReaderTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        self.drop("train.jsonl", self.lines())
        self.run_strata("train")
        self.drop("extra.jsonl", self.lines(begin=20, end=24))
        self.run_strata("train")
        self.reader = BranchReader(self.branch)
        self.assertEqual(self.reader.look(), 2)

    def harmed(self, name, change):
        """Writes what `change` makes of a file's bytes, checks that it is seen, and puts them back."""
        file = self.adapters() / name
        before = file.read_bytes()
        file.chmod(0o644)
        file.write_bytes(change(before))
        with self.subTest(name), self.assertRaises((Breach, OSError)):
            self.reader.look()
        file.write_bytes(before)
        self.reader.look()

    def test_a_changed_byte_anywhere_is_seen(self):
        def flipped(data):
            return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]

        for name in ("current/adapter_model.safetensors", "previous/adapter_model.safetensors",
                     "current/training_metadata.json", "current/trained_examples.bin"):
            self.harmed(name, flipped)
        self.harmed("ledger.jsonl", lambda data: data.replace(b'"parked":false', b'"parked":true ', 1))
        self.harmed("ledger.jsonl", lambda data: b"".join(data.splitlines(keepends=True)[:-1]))

    def test_a_link_that_goes_back_or_away_is_seen(self):
        for name, target in (("current", "versions/v0001"), ("previous", None), ("current", "versions/v0009")):
            link = self.adapters() / name
            before = link.readlink()
            link.unlink()
            if target:
                link.symlink_to(target)
            with self.subTest(name=name, target=target), self.assertRaises((Breach, OSError)):
                self.reader.look()
            link.unlink(missing_ok=True)
            link.symlink_to(before)
            self.reader.look()

    def test_examples_too_many_and_steps_missing_are_seen(self):
        folder = self.reader.folder()
        self.assertEqual(check_examples(folder, {"train.jsonl": {12}, "extra.jsonl": {4}}), {"train.jsonl", "extra.jsonl"})
        with self.assertRaises(Breach):
            check_examples(folder, {"train.jsonl": {12}, "extra.jsonl": {5}})
        run = self.folder / "run"
        shutil.copytree(sorted((self.branch / "runs").iterdir())[-1], run)
        steps = [json.loads(line) for line in (run / "steps.jsonl").read_text().splitlines()]
        stages = [("extra.jsonl", 2, len(steps) // 2)]
        check_steps(run, stages)
        for wrong in (steps[:-1], [*steps[:-1], {**steps[-1], "tokens": 1}], [*steps, {**steps[-1], "epoch": 2}]):
            (run / "steps.jsonl").write_text("".join(json.dumps(step) + "\n" for step in wrong))
            with self.assertRaises(Breach):
                check_steps(run, stages)


if __name__ == "__main__":
    branch.main()
