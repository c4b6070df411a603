"""Goal: a user sees every setting, where it came from and what it means. Method: `strata config` on branches that share
defaults, against what was written."""
import branch


class ConfigTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        (self.folder / "defaults.yaml").write_text("lora_r: 4\nlora_alpha: 8\nlearning_rate: 1.0e-4\n")
        (self.branch / "branch.yaml").write_text(
            "extends: ../defaults.yaml\nmodel_name_or_path: base\ncutoff_len: 64\nlora_alpha: 16\nseed: 42\n")

    def test_every_value_has_its_source(self):
        settings = self.json("config", "--set", "workers=2")
        self.assertEqual(settings["lora_r"], {"value": 4, "source": "../defaults.yaml:1"})
        self.assertEqual(settings["lora_alpha"], {"value": 16, "source": "branch.yaml:4"})
        self.assertEqual(settings["max_length"], {"value": 64, "source": "cutoff_len at branch.yaml:3"})
        self.assertEqual(settings["workers"], {"value": 2, "source": "--set"})
        self.assertEqual(settings["packing"], {"value": True, "source": "default"})
        self.assertEqual(settings["model_name_or_path"]["value"], str(self.branch / "base"))
        self.assertEqual(settings["tiers"]["value"][0]["name"], "premium")

    def test_changed_leaves_out_what_is_as_by_default(self):
        self.assertEqual(set(self.json("config", "--changed")),
                         {"model_name_or_path", "lora_r", "lora_alpha", "max_length", "learning_rate"})

    def test_the_table_is_aligned_and_whole_in_a_pipe(self):
        lines = self.run_strata("config").splitlines()
        self.assertEqual(lines[0].split(), ["key", "from", "value"])
        begins = {line.rindex(line.split(None, 2)[2]) for line in lines if "default" in line}
        self.assertEqual(begins, {lines[0].index("value")})
        self.assertIn('"match": ["train*"]', lines[-2])

    def test_one_key_tells_its_meaning(self):
        said = self.run_strata("config", "lora_rank")
        for part in ["lora_r\n", "../defaults.yaml:1", "16\n", "from 1 to 512", "Rank of the update"]:
            self.assertIn(part, said)
        self.assertEqual(self.json("config", "lora_r")["default"], 16)

    def test_a_key_that_is_none_is_told_the_nearest(self):
        self.assertIn("the nearest is lora_r", self.run_strata("config", "lorar", code=64))
        self.assertIn("not supported", self.run_strata("config", "load_in_4bit", code=64))

    def test_what_says_nothing_together_is_refused(self):
        for arguments in [("--sample", "--json"), ("--sample", "--changed"), ("lora_r", "--changed")]:
            self.assertIn(arguments[1], self.run_strata("config", *arguments, code=64))

    def test_the_sample_makes_a_branch(self):
        (self.branch / "branch.yaml").write_text(self.run_strata("config", "--sample"))
        self.assertEqual(set(self.json("config", "--changed")), {"model_name_or_path"})

    def test_a_broken_shared_file_is_named_with_its_line(self):
        (self.folder / "defaults.yaml").write_text("seed: 1\nlora_r: many\n")
        said = self.run_strata("config", code=78)
        self.assertIn(f"{self.folder}/defaults.yaml:2: lora_r must be a whole number", said)


if __name__ == "__main__":
    branch.main()
