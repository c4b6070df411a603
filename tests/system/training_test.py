"""Goal: the main job holds with the real programs, over gRPC and MPI. Method: small branches on the demo's base."""
import branch


class TrainingTest(branch.BranchTest):
    def trained(self, result):
        return [dataset["dataset"] for dataset in result["datasets"] if dataset["status"] == "trained"]

    def test_what_is_trained_is_not_pending_and_new_data_goes_onto_the_same_adapter(self):
        self.drop("train.jsonl", self.lines())
        self.assertEqual(self.json("train", "--workers", "2")["status"], "completed")
        before = self.adapter_bytes()
        self.assertTrue(self.json("train")["nothing_pending"])
        self.assertEqual(self.adapter_bytes(), before)
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"))
        self.assertEqual(self.trained(self.json("train")), ["extra.jsonl"])
        status = self.json("status")
        self.assertEqual((status["current"]["version"], status["previous"]), ("v0002", "v0001"))
        self.assertEqual(status["current"]["metadata"]["total_examples_trained"], 24)
        backup = self.adapters() / "backups" / status["backups"][0]["name"]
        self.assertFalse(backup.is_symlink())
        self.assertEqual((backup / "adapter_model.safetensors").read_bytes(), before)

    def test_datasets_are_trained_in_the_order_of_their_tiers(self):
        names = ["zzz.jsonl", "train.jsonl", "supplementary_improved.jsonl", "supplementary.jsonl", "my_premium.jsonl"]
        for i, name in enumerate(names):
            self.drop(name, self.lines(begin=2 * i, end=2 * i + 2))
        expected = ["my_premium.jsonl", "supplementary_improved.jsonl", "supplementary.jsonl", "train.jsonl", "zzz.jsonl"]
        self.assertEqual(self.trained(self.json("train")), expected)
        self.assertEqual([entry["dataset"] for entry in self.json("history")], expected)

    def test_five_backup_pairs_and_no_unnamed_version_are_left_after_many_trainings(self):
        for i in range(8):
            self.drop(f"extra_{i}.jsonl", self.lines(begin=2 * i, end=2 * i + 2))
            self.run_strata("train")
        backups = sorted(path.name for path in (self.adapters() / "backups").iterdir())
        self.assertEqual([name.split("_")[1] for name in backups], ["current"] * 5 + ["previous"] * 5)
        self.assertEqual(backups, sorted(backup["name"] for backup in self.json("backups")))
        versions = sorted(path.name for path in (self.adapters() / "versions").iterdir())
        self.assertEqual(versions, ["v0007", "v0008"])
        self.assertEqual(self.run_strata("restore", "v0004").splitlines()[0].split(";")[0], "v0004 is current")
        self.assertIn("whole", self.run_strata("verify"))

    def test_only_lines_appended_to_a_trained_file_are_trained(self):
        self.drop("train.jsonl", self.lines())
        self.run_strata("train")
        self.drop("train.jsonl", self.lines(end=15))
        self.assertEqual([dataset["examples"] for dataset in self.json("train")["datasets"]], [3])
        self.assertTrue(self.json("train")["nothing_pending"])

    def test_what_a_restore_undid_is_held(self):
        self.drop("train.jsonl", self.lines())
        self.run_strata("train")
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"))
        self.run_strata("train")
        self.run_strata("restore", "previous")
        result = self.json("train")
        self.assertTrue(result["nothing_pending"])
        self.assertIn("held", [d["reason"] for d in result["datasets"] if d["dataset"] == "extra.jsonl"][0])
        self.drop("extra.jsonl", self.lines("train_improved.jsonl", end=13))
        self.assertTrue(self.json("train")["nothing_pending"], "held although it has grown since")
        self.assertEqual(self.json("train", "--dataset", "extra")["version"], "v0003")

    def test_a_broken_dataset_is_reported_and_the_others_are_trained(self):
        self.drop("broken.jsonl", ["{\n"])
        self.drop("train.jsonl", self.lines())
        result = self.json("train")
        self.assertEqual((result["status"], self.trained(result)), ("partial", ["train.jsonl"]))
        self.assertEqual(self.json("status")["last_run"]["status"], "partial")

    def test_layers_computed_again_give_the_same_adapter_to_the_byte(self):
        self.drop("train.jsonl", self.lines())
        again = self.make_branch("again")
        self.drop("train.jsonl", self.lines(), branch=again)
        self.run_strata("train")
        self.run_strata("train", "--set", "gradient_checkpointing=true", branch=again)
        self.assertEqual(self.adapter_bytes(), self.adapter_bytes(again))

    def test_noise_on_the_embeddings_is_of_the_seed_and_not_of_the_ranks(self):
        losses = {}
        for name, options in {"plain": [], "noisy": ["neftune_noise_alpha=5"],
                              "of two ranks": ["neftune_noise_alpha=5", "workers=2"]}.items():
            made = self.make_branch(name)
            self.drop("train.jsonl", self.lines(), branch=made)
            self.run_strata("train", *[word for option in options for word in ("--set", option)], branch=made)
            losses[name] = [step["loss"] for step in self.steps(made) if "loss" in step]
        for one, two in zip(losses["noisy"], losses["of two ranks"], strict=True):
            self.assertLess(abs(one - two) / one, 1e-4)
        self.assertGreater(abs(losses["plain"][0] - losses["noisy"][0]), 1e-3)

    def test_what_inspect_shows_is_what_is_trained(self):
        self.drop("train.jsonl", self.lines())
        self.run_strata("train", "--set", "num_train_epochs=1")
        rows = [row for row in self.run_strata("inspect", "--dataset", "train", "--json").splitlines()]
        self.assertEqual(len(rows), self.json("plan", "--all")["stages"][0]["rows"][0])
        shown = [branch.json.loads(row) for row in rows]
        self.assertEqual(sorted(example for row in shown for example in row["examples"]), list(range(12)))
        self.assertEqual(sum(len(row["ids"]) for row in shown), sum(step["tokens"] for step in self.steps()))
        for row in shown:
            self.assertTrue(all(label in (-100, id) for id, label in zip(row["ids"], row["labels"], strict=True)))
            self.assertEqual(row["positions"].count(0), len(row["examples"]))


if __name__ == "__main__":
    branch.main()
