"""Goal: what the adapter is made of can be chosen: datasets excluded, held ones released, versions pinned, the whole made
anew. Method: the real programs on small branches; adapters are compared byte for byte."""
import json

import branch


class LineageTest(branch.BranchTest):
    def trained(self, result):
        return [dataset["dataset"] for dataset in result["datasets"] if dataset["status"] == "trained"]

    def setUp(self):
        super().setUp()
        self.drop("train.jsonl", self.lines())
        self.run_strata("train")

    def train_extra(self):
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"))
        self.assertEqual(self.trained(self.json("train")), ["extra.jsonl"])

    def test_a_pinned_version_outlives_many_trainings_and_can_be_restored(self):
        first = self.adapter_bytes()
        self.assertIn("v0001 stays", self.run_strata("pin", "spring"))
        for i in range(3):
            self.drop(f"extra_{i}.jsonl", self.lines(begin=2 * i, end=2 * i + 2))
            self.run_strata("train", "--set", "keep_backups=0")
        self.assertEqual((self.adapters() / "spring/adapter_model.safetensors").read_bytes(), first)
        pin = {"name": "spring", "version": "v0001", "by_hand": False}
        self.assertEqual(self.json("status")["pins"], [pin])
        self.run_strata("restore", "spring")
        self.assertEqual(self.adapter_bytes(), first)
        self.assertIn("stays as current", self.run_strata("unpin", "spring"))
        self.assertFalse((self.adapters() / "spring").is_symlink())
        self.assertIn("whole", self.run_strata("verify"))

    def test_pins_that_cannot_be_are_answered(self):
        self.assertIn("strata itself", self.run_strata("pin", "current", code=64))
        self.assertIn("strata backups", self.run_strata("pin", "mine", "v0009", code=69))
        self.assertIn("strata status", self.run_strata("unpin", "mine", code=69))
        self.assertEqual(self.json("status")["pins"], [])

    def test_excluded_datasets_are_trained_once_they_are_included(self):
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"))
        self.run_strata("exclude", "ext*")
        self.assertTrue(self.json("train")["nothing_pending"])
        self.assertIn("nearest: extra.jsonl", self.run_strata("include", "exrta", code=64))
        self.assertIn("pending: 12 examples", self.run_strata("include", "extra"))
        self.assertEqual(self.trained(self.json("train")), ["extra.jsonl"])

    def test_what_branch_yaml_excludes_is_included_there(self):
        (self.branch / "branch.yaml").write_text(
            branch.SETTINGS + "datasets: [{file: train.jsonl, exclude: true}]\n")
        self.assertIn("excluded by branch.yaml", self.run_strata("include", "train", code=78))

    def test_what_a_restore_undid_is_trained_once_it_is_released(self):
        self.train_extra()
        self.assertIn("a dataset that was trained after it is now held", self.run_strata("restore", "previous"))
        self.assertNotIn("held", self.run_strata("restore", "previous"))
        self.assertEqual(self.json("restore", "previous")["newly_held"], 1)
        self.assertTrue(self.json("train")["nothing_pending"])
        self.assertIn("pending: 12 examples", self.run_strata("release", "extra"))
        self.assertEqual(self.trained(self.json("train")), ["extra.jsonl"])

    def test_a_rebuild_is_what_a_new_branch_would_have_trained_at_once(self):
        self.train_extra()
        before = self.adapter_bytes()
        stages = self.json("plan", "--rebuild")["stages"]
        self.assertEqual([(stage["dataset"], stage["pass"]) for stage in stages], [("train.jsonl", 0), ("extra.jsonl", 0)])
        self.assertEqual(self.json("rebuild")["version"], "v0003")
        other = self.make_branch("other")
        self.drop("train.jsonl", self.lines(), branch=other)
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"), branch=other)
        self.run_strata("train", branch=other)
        self.assertEqual(self.adapter_bytes(), self.adapter_bytes(other))
        metadata = self.json("status")["current"]["metadata"]
        self.assertEqual((metadata["total_examples_trained"], len(metadata["training_history"])), (24, 2))
        self.assertTrue(self.json("train")["nothing_pending"])
        self.run_strata("restore", "previous")
        self.assertEqual(self.adapter_bytes(), before)
        self.assertTrue(self.json("train")["nothing_pending"])

    def test_a_rebuild_leaves_out_what_is_excluded_and_trains_what_is_held(self):
        self.train_extra()
        self.run_strata("restore", "previous")
        self.run_strata("exclude", "train")
        self.assertEqual(self.trained(self.json("rebuild")), ["extra.jsonl"])
        self.assertEqual([entry["dataset"] for entry in self.json("history")], ["extra.jsonl"])
        self.run_strata("include", "train")
        self.assertEqual(self.trained(self.json("train")), ["train.jsonl"])

    def test_another_rank_needs_a_rebuild_and_going_back_needs_the_old_one(self):
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"))
        settings = branch.SETTINGS.replace("lora_r: 8", "lora_r: 4") + "lora_target_modules: [q_proj, v_proj]\n"
        (self.branch / "branch.yaml").write_text(settings)
        self.assertIn("strata rebuild", self.run_strata("train", code=78))
        self.run_strata("rebuild")
        config = json.loads((self.adapters() / "current/adapter_config.json").read_text())
        self.assertEqual((config["r"], config["target_modules"]), (4, ["q_proj", "v_proj"]))
        self.drop("more.jsonl", self.lines(begin=12, end=16))
        self.assertEqual(self.trained(self.json("train")), ["more.jsonl"])
        self.run_strata("restore", "v0001")
        said = self.run_strata("train", "--all", code=78)
        self.assertIn("lora_r and lora_alpha are 4 and 16, v0001 was trained with 8 and 16", said)
        (self.branch / "branch.yaml").write_text(branch.SETTINGS + "lora_target_modules: [q_proj, v_proj]\n")
        self.assertIn("lora_target_modules are q_proj, v_proj, v0001", self.run_strata("train", "--all", code=78))

    def test_another_base_needs_a_rebuild(self):
        base = self.branch / "other"
        base.mkdir()
        for file in (branch.BASE).iterdir():
            (base / file.name).symlink_to(file)
        config = json.loads((base / "config.json").read_text())
        (base / "config.json").unlink()
        (base / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 2e-5}))
        (self.branch / "branch.yaml").write_text(branch.SETTINGS.replace("path: base", "path: other"))
        self.assertIn("strata rebuild", self.run_strata("train", "--all", code=78))
        self.assertEqual(self.json("rebuild")["version"], "v0002")
        self.run_strata("train", "--all")

    def test_a_rebuild_replaces_what_no_copy_can_heal(self):
        (self.adapters() / "versions/v0001/adapter_model.safetensors").unlink()
        (self.adapters() / "versions/v0001/trained_examples.bin").unlink()
        self.run_strata("train", code=65)
        self.assertEqual(len(self.json("plan", "--rebuild")["stages"]), 1)
        self.assertIn("v0002 is current", self.run_strata("rebuild"))
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"))
        self.assertIn("v0003 is current", self.run_strata("train"))

    def test_a_rebuild_that_lacks_a_dataset_in_error_replaces_nothing(self):
        before = self.adapter_bytes()
        self.drop("bad.jsonl", ["no json\n"])
        said = self.run_strata("rebuild", code=65)
        self.assertIn("does not replace current: bad.jsonl; mend or `strata exclude`", said)
        self.assertEqual((self.adapter_bytes(), self.json("status")["current"]["version"]), (before, "v0001"))
        self.run_strata("exclude", "bad")
        self.assertEqual(self.trained(self.json("rebuild")), ["train.jsonl"])

    def test_a_rebuild_names_what_is_no_longer_there_to_train(self):
        self.train_extra()
        (self.branch / "training/train.jsonl").unlink()
        self.assertEqual(self.json("plan", "--rebuild")["forgotten"], ["train.jsonl"])
        self.assertEqual(self.json("plan")["forgotten"], [])
        self.assertIn("training/ has no longer: train.jsonl", self.run_strata("rebuild"))

    def test_a_rebuild_of_nothing_changes_nothing(self):
        before = self.adapter_bytes()
        self.run_strata("exclude", "*")
        self.assertIn("no dataset is left", self.run_strata("rebuild"))
        self.assertEqual(self.adapter_bytes(), before)
        self.assertEqual(self.json("status")["current"]["version"], "v0001")


if __name__ == "__main__":
    branch.main()
