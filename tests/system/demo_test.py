"""Goal: the demo teaches its base before the reader's eyes: answers to questions that are worded as none in training, and
the loss on answers that are never trained. Method: the demo itself, whole; what it says of its answers is judged with the
scores' own intervals."""
import shutil

import branch


class DemoTest(branch.BranchTest):
    def make_branch(self, name):
        return shutil.copytree(branch.DEMO, self.folder / name, ignore=shutil.ignore_patterns("adapters", ".strata"))

    def loss(self, adapter):
        return self.json("evaluate", "--data", str(self.branch / "evaluation/heldout.jsonl"), "--adapter", adapter)["loss"]

    def test_answers_better_than_its_base_and_knows_more(self):
        self.run_strata("train")
        asked = self.json("ask")
        self.assertEqual((asked["adapter"], asked["beside"]), ("v0001", "none"))
        for score in ["keywords", "total"]:
            self.assertGreater(asked["difference"][score]["low"], 0, asked["difference"])
        self.assertLess(self.loss("current"), 0.9 * self.loss("none"))
        metadata = self.json("status")["current"]["metadata"]
        self.assertEqual((metadata["total_examples_trained"], metadata["total_epochs"]), (1920, 36))


if __name__ == "__main__":
    branch.main()
