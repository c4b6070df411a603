"""Goal: the commands that train nothing (init, plan, inspect) say what a training would do. Method: the real program on
small branches; a branch counts as trained where `train` has run."""
import json
import pathlib
import shutil
import subprocess

import branch

LONG = json.dumps({"instruction": "¿Por qué?", "output": "porque sí " * 200}) + "\n"


class PlanTest(branch.BranchTest):
    def planned(self, *arguments):
        plan = self.json("plan", *arguments)
        return [stage["dataset"] for stage in plan["stages"]], {s["dataset"]: s["reason"] for s in plan["skipped"]}

    def test_few_updates_are_warned_of(self):
        self.drop("train.jsonl", self.lines(end=2))
        self.assertIn("only 2 updates: lower global_batch_size", self.run_strata("plan"))
        many = self.run_strata("plan", "--set", "num_train_epochs=10")
        self.assertNotIn("lower global_batch_size", many)

    def test_a_twin_is_said(self):
        self.drop("a.jsonl", self.lines())
        self.drop("b.jsonl", self.lines())
        self.assertEqual(self.planned(), (["a.jsonl"], {"b.jsonl": "twin of a.jsonl"}))
        self.assertIn("twin of a.jsonl", self.run_strata("plan"))

    def test_cut_examples_are_counted(self):
        self.drop("train.jsonl", [*self.lines(), LONG])
        self.assertIn("1 cut to max_length", self.run_strata("plan"))
        self.assertEqual(self.json("plan")["stages"][0]["truncated"], 1)

    def test_only_what_is_pending_can_refuse(self):
        self.drop("long.jsonl", [LONG])
        self.drop("train.jsonl", self.lines())
        strict = ["--set", "excess_length_strategy=raise", "--set", "max_length=400"]
        stages, skipped = self.planned(*strict)
        self.assertEqual(stages, ["train.jsonl"])
        self.assertIn("long.jsonl:1:", skipped["long.jsonl"])
        strict += ["--set", "on_dataset_error=stop"]
        self.assertIn("long.jsonl:1:", self.run_strata("plan", *strict, code=65))
        self.assertEqual(self.planned(*strict, "--dataset", "train")[0], ["train.jsonl"])
        exclude = ["--set", "datasets=[{file: long.jsonl, exclude: true}]"]
        self.assertEqual(self.planned(*strict, *exclude)[0], ["train.jsonl"])
        self.assertEqual(len(list((self.branch / ".strata/tokens").iterdir())), 2)

    def test_only_what_is_pending_is_tokenised(self):
        self.drop("a.jsonl", self.lines())
        self.drop("b.jsonl", self.lines("train_improved.jsonl"))
        self.run_strata("plan", "--dataset", "b")
        self.assertEqual(len(list((self.branch / ".strata/tokens").iterdir())), 1)


class InspectTest(branch.BranchTest):
    def examples(self, *arguments):
        rows = [json.loads(row) for row in self.run_strata("inspect", *arguments, "--json").splitlines()]
        return rows, sorted(example for row in rows for example in row["examples"])

    def test_held_out_prompts_are_in_no_row(self):
        self.drop("train.jsonl", self.lines(end=40))
        held_out = ["--set", "val_set_size=0.5"]
        stage = self.json("plan", *held_out)["stages"][0]
        rows, examples = self.examples(*held_out)
        self.assertGreater(stage["held_out"], 0)
        self.assertEqual((len(rows), len(examples)), (stage["rows"][0], stage["examples"]))

    def test_a_changed_file_shows_its_new_examples_and_a_trained_one_all(self):
        self.drop("train.jsonl", self.lines())
        self.run_strata("train", "--set", "num_train_epochs=1")
        self.assertEqual(self.examples()[1], list(range(12)))
        self.drop("train.jsonl", self.lines(end=15))
        self.assertEqual(self.examples()[1], [12, 13, 14])


if __name__ == "__main__":
    branch.main()
