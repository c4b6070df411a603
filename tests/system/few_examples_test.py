"""Goal: a dataset that leaves ranks without rows, or a step with fewer rows than the others, or nothing at all, is
trained as one rank would, and nobody waits for ever. Method: the same few examples on 1 rank and on more ranks than
there are rows; losses within rounding; empty files."""
import json

import branch


class FewExamplesTest(branch.BranchTest):
    def trained(self, examples, ranks):
        """(losses, metadata) of so many examples, one a row, in steps of four rows."""
        folder = self.make_branch(f"{examples}-on-{ranks}")
        self.drop("train.jsonl", self.lines(end=examples), folder)
        self.run_strata("train", "--workers", str(ranks), "--set", "packing=false", branch=folder)
        metadata = json.loads((self.adapters(folder) / "current/training_metadata.json").read_text())
        return [step["loss"] for step in self.steps(folder)], metadata

    def assert_as_one_rank(self, examples, ranks, steps):
        expected, alone = self.trained(examples, 1)
        self.assertEqual(len(expected), steps)
        losses, metadata = self.trained(examples, ranks)
        self.assertEqual(len(losses), steps)
        for ours, theirs in zip(losses, expected):
            self.assertLess(abs(ours / theirs - 1), 1e-4)
        self.assertEqual(metadata["total_examples_trained"], examples)
        self.assertEqual(alone["total_examples_trained"], examples)

    def test_fewer_examples_than_ranks(self):
        self.assert_as_one_rank(examples=1, ranks=3, steps=2)
        self.assert_as_one_rank(examples=2, ranks=4, steps=2)

    def test_a_last_step_with_fewer_rows_than_ranks(self):
        self.assert_as_one_rank(examples=5, ranks=3, steps=4)

    def test_an_empty_dataset_is_told_and_the_others_are_trained(self):
        self.drop("a_premium.jsonl", [])
        self.drop("b_improved.jsonl", ["\n", "  \n"])
        self.drop("train.jsonl", self.lines(end=3))
        trained = self.json("train", "--workers", "2")
        said = {stage["dataset"]: stage for stage in trained["datasets"]}
        self.assertEqual(said["train.jsonl"]["status"], "trained")
        for name in ("a_premium.jsonl", "b_improved.jsonl"):
            self.assertEqual((said[name]["status"], said[name]["reason"]), ("skipped", "empty"))
        self.assertEqual(self.json("status")["current"]["metadata"]["total_examples_trained"], 3)

    def test_nothing_but_an_empty_dataset_changes_nothing(self):
        self.drop("train.jsonl", [])
        said = self.json("train", "--workers", "2")
        self.assertTrue(said["nothing_pending"])
        self.assertEqual(said["datasets"][0]["reason"], "empty")
        self.assertFalse((self.branch / "runs").exists())


if __name__ == "__main__":
    branch.main()
