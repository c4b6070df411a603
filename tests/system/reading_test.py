"""Goal: the commands that train nothing (init, plan, inspect) say what a training would do. Method: the real program on
small branches; a branch counts as trained where `train` has run."""
import json
import pathlib
import shutil
import subprocess

import branch

LONG = json.dumps({"instruction": "¿Por qué?", "output": "porque sí " * 200}) + "\n"


class InitTest(branch.BranchTest):
    def init(self, base, folder="new", code=0):
        command = [branch.STRATA, "init", str(self.folder / folder), "--base-model", str(base)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return (self.folder / folder / "branch.yaml").read_text()

    def base(self, folder, **changes):
        base = pathlib.Path(shutil.copytree(branch.BASE, self.folder / folder))
        config = json.loads((base / "config.json").read_text())
        (base / "config.json").write_text(json.dumps({**config, **changes}))
        return base

    def test_any_path_of_a_base_is_read_back_as_it_is(self):
        for i, name in enumerate(["ba #se", "a: b", "'x' \"y\" \\ z", "ñandú", "- &a"]):
            self.init(self.base(name), f"new{i}")
            self.drop("train.jsonl", self.lines(), branch=self.folder / f"new{i}")
            self.assertEqual(self.json("plan", branch=self.folder / f"new{i}")["examples"], 12)

    def test_no_private_path_gets_into_the_adapter(self):
        self.assertIn('\nbase_model_name: "my base"  # set it to', self.init(str(self.base("my base")) + "/", "a"))
        self.assertIn('\nbase_model_name: "org/name"  #', self.init(self.base("b", _name_or_path="org/name"), "b_new"))
        self.assertIn('\nbase_model_name: "c"  #', self.init(self.base("c", _name_or_path="/home/me/c"), "c_new"))
        cached = self.base("models--org--na-me/snapshots/0123")
        self.assertIn('\nbase_model_name: "org/na-me"  #', self.init(cached, "d"))

    def test_a_branch_that_exists_is_left_as_it_is(self):
        base = self.base("base")
        self.init(base)
        (self.folder / "new/branch.yaml").write_text("mine")
        self.assertEqual(self.init(base, code=73), "mine")


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

    def test_shows_the_token_that_ends_an_answer(self):
        self.drop("train.jsonl", self.lines(end=1))
        answer = json.loads(self.lines(end=1)[0])["output"]
        self.assertTrue(self.run_strata("inspect").rstrip().endswith(f"── supervised:\n{answer}<|fin|>"))

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
