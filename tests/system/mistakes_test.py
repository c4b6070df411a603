"""Goal: each mistake is answered by what is wrong and what to do, with the right exit code, and changes nothing.
Method: the real program on branches with one mistake each."""
import json
import shutil
import subprocess

import branch


class MistakesTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        self.drop("train.jsonl", self.lines())

    def configure(self, text):
        (self.branch / "branch.yaml").write_text(text)

    def configure_other_base(self, changes):
        """The branch gets a copy of its base with `changes` in config.json."""
        base = self.branch / "other"
        base.mkdir()
        for file in (branch.BASE).iterdir():
            (base / file.name).symlink_to(file)
        config = json.loads((base / "config.json").read_text())
        (base / "config.json").unlink()
        (base / "config.json").write_text(json.dumps({**config, **changes}))
        self.configure(branch.SETTINGS.replace("path: base", "path: other"))

    def refused(self, code, *words, arguments=("train",), folder=None):
        said = self.run_strata(*arguments, code=code, branch=folder)
        for word in words:
            self.assertIn(word, said)
        self.assertFalse((self.adapters() / "ledger.jsonl").exists(), said)

    def test_an_unknown_key_is_answered_with_the_nearest(self):
        self.configure(branch.SETTINGS + "lora_alfa: 3\n")
        self.refused(78, "branch.yaml:11", "lora_alfa", "lora_alpha")

    def test_a_key_of_the_field_that_does_not_work_yet_is_named_as_such(self):
        self.configure(branch.SETTINGS + "load_in_4bit: true\n")
        self.refused(78, "load_in_4bit", "not supported")

    def test_a_bad_override_is_answered(self):
        self.refused(64, "lora_r", arguments=("train", "--set", "lora_r=0"))
        self.refused(64, "KEY=VALUE", arguments=("train", "--set", "lora_r"))

    def test_a_missing_base_is_answered_with_the_key_to_set(self):
        self.configure(branch.SETTINGS.replace("path: base", "path: nowhere"))
        self.refused(69, "nowhere", "model_name_or_path")

    def test_a_base_of_another_architecture_is_refused_by_its_name(self):
        self.configure_other_base({"architectures": ["MixtralForCausalLM"]})
        self.refused(78, "MixtralForCausalLM")

    def test_a_base_without_one_of_its_weights_is_refused_before_the_launch(self):
        self.configure_other_base({"num_hidden_layers": 5})
        self.refused(65, "model.layers.4.", arguments=("plan",))
        self.refused(65, "model.layers.4.")

    def test_another_alpha_than_the_adapter_was_trained_with_is_refused(self):
        self.run_strata("train")
        before = self.adapter_bytes()
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"))
        self.assertIn("trained with 8 and 16", self.run_strata("train", "--set", "lora_alpha=32", code=78))
        data = str(self.branch / "training/train.jsonl")
        self.assertIn("lora_alpha", self.run_strata("evaluate", "--data", data, "--set", "lora_alpha=32", code=78))
        self.assertEqual(self.adapter_bytes(), before)

    def test_what_stands_in_the_way_of_a_commit_is_found_before_the_training(self):
        (self.adapters() / "current").mkdir(parents=True)
        said = self.run_strata("train", code=73)
        self.assertIn("move it away", said)
        self.assertNotIn("epoch", said)

    def test_a_missing_mpirun_is_answered_with_how_to_install_it(self):
        self.refused(69, "apt-get install openmpi-bin", arguments=("train", "--set", "mpirun=no-mpirun"))

    def test_a_folder_that_is_no_branch_is_answered_with_init(self):
        self.refused(69, "strata init", folder=self.folder)
        self.refused(69, "strata init", arguments=("status",), folder=self.folder / "nowhere")

    def test_a_dataset_of_broken_lines_is_named_with_its_first_line(self):
        self.drop("train.jsonl", ["{\n", "not JSON\n"])
        self.refused(65, "train.jsonl", "line 1")

    def test_a_dataset_without_a_row_is_said_by_inspect(self):
        self.drop("train.jsonl", ["{\n", "not JSON\n"])
        self.refused(65, "no row to show", "train.jsonl", "can't be read: 2", "line 1", arguments=("inspect",))
        self.refused(65, "no row to show", arguments=("inspect", "--json"))
        self.drop("train.jsonl", self.lines(end=3))
        short = ("--set", "max_length=8", "--set", "excess_length_strategy=drop")
        self.refused(65, "longer than max_length: 3", arguments=("inspect", *short))

    def test_a_list_of_all_linear_is_answered_with_how_to_write_it(self):
        self.refused(64, "write lora_target_modules: all-linear",
                     arguments=("plan", "--set", "lora_target_modules=[all-linear]"))

    def test_a_number_of_the_base_that_is_none_is_named_by_its_key(self):
        self.configure_other_base({"rope_theta": float("nan")})
        self.refused(65, "rope_theta", arguments=("plan",))

    def test_a_dataset_that_is_not_there_is_answered_with_the_nearest(self):
        self.refused(64, "did you mean train.jsonl", arguments=("train", "--dataset", "trian"))

    def test_cuda_without_a_device_is_answered(self):
        self.refused(69, "CUDA", arguments=("train", "--device", "cuda"))

    def test_a_mistyped_command_is_answered_with_the_nearest(self):
        done = subprocess.run([branch.STRATA, "trian"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 64)
        self.assertIn("no command 'trian', the nearest is train", done.stderr)

    def test_files_that_are_no_datasets_are_told(self):
        for file in (self.branch / "training").iterdir():
            file.unlink()
        (self.branch / "training/notes.json").write_text("[]")
        self.assertIn("notes.json", self.run_strata("plan"))
        self.assertIn("training/ has no *.jsonl file", self.run_strata("train"))

    def test_a_template_that_is_not_used_is_told(self):
        base = self.branch / "base"
        settings = json.loads((base / "tokenizer_config.json").read_text())
        base.unlink()
        shutil.copytree(branch.BASE, base)
        self.assertNotIn("template", self.run_strata("plan"))
        (base / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": "{{ 'x' }}"}))
        self.assertIn("a chat template of its own, which is not used", self.run_strata("plan"))

    def test_an_unknown_version_is_not_restored(self):
        self.run_strata("train")
        self.assertIn("strata backups", self.run_strata("restore", "v0009", code=69))
        self.assertEqual(self.json("status")["current"]["version"], "v0001")

    def test_status_answers_for_a_damaged_branch(self):
        self.run_strata("train")
        (self.adapters() / "versions/v0001/training_metadata.json").write_text("{}")
        status = self.json("status", code=65)
        self.assertEqual((status["health"], status["current"]["version"]), ("damaged", "v0001"))
        self.assertIn("training_metadata.json", status["findings"][0])
        (self.adapters() / "ledger.jsonl").write_text("forged\n")
        status = self.json("status", code=65)
        self.assertEqual((status["health"], status["current"]["version"]), ("damaged", None))
        self.assertIn("the ledger is damaged", status["findings"][0])
        self.assertIn("unknown", self.run_strata("status", code=65))
        self.assertIn("the ledger is damaged", self.run_strata("history", code=65))


if __name__ == "__main__":
    branch.main()
