"""Goal: the main job holds with the real programs, over gRPC and MPI. Method: small branches on the demo's base."""
import branch


class TrainingTest(branch.BranchTest):
    def test_what_is_trained_is_not_pending_and_new_data_goes_onto_the_same_adapter(self):
        self.drop("train.jsonl", self.lines())
        self.assertEqual(self.json("train", "--workers", "2")["status"], "completed")
        before = self.adapter_bytes()
        self.assertTrue(self.json("train")["nothing_pending"])
        self.assertEqual(self.adapter_bytes(), before)
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"))
        trained = [d["dataset"] for d in self.json("train")["datasets"] if d["status"] == "trained"]
        self.assertEqual(trained, ["extra.jsonl"])
        status = self.json("status")
        self.assertEqual((status["current"]["version"], status["previous"]), ("v0002", "v0001"))
        self.assertEqual(status["current"]["metadata"]["total_examples_trained"], 24)
        backup = self.adapters() / "backups" / status["backups"][0]["name"]
        self.assertFalse(backup.is_symlink())
        self.assertEqual((backup / "adapter_model.safetensors").read_bytes(), before)

    def test_only_lines_appended_to_a_trained_file_are_trained(self):
        self.drop("train.jsonl", self.lines())
        self.run_strata("train")
        self.drop("train.jsonl", self.lines(end=15))
        self.assertEqual([d["examples"] for d in self.json("train")["datasets"]], [3])

    def test_what_a_restore_undid_is_held(self):
        self.drop("train.jsonl", self.lines())
        self.run_strata("train")
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"))
        self.run_strata("train")
        self.run_strata("restore", "previous")
        result = self.json("train")
        self.assertTrue(result["nothing_pending"])
        self.assertIn("held", [d["reason"] for d in result["datasets"] if d["dataset"] == "extra.jsonl"][0])
        self.assertEqual(self.json("train", "--dataset", "extra")["version"], "v0003")

    def losses(self, name, *arguments):
        folder = self.make_branch(name)
        self.drop("train.jsonl", self.lines(end=40), folder)
        self.run_strata("train", "--set", "num_train_epochs=6", *arguments, branch=folder)
        return [step["loss"] for step in self.steps(folder)]

    def test_losses_do_not_depend_on_ranks_or_micro_batch(self):
        reference = self.losses("one")
        self.assertGreater(len(reference), 10)
        others = [("two", "--workers", "2"), ("three", "--workers", "3"), ("micro", "--set", "micro_batch_size=1")]
        for name, *arguments in others:
            for step, (a, b) in enumerate(zip(reference, self.losses(name, *arguments), strict=True)):
                self.assertLess(abs(a - b) / a, 1e-4, f"{name}, step {step}")

    def test_the_same_command_gives_the_same_bytes(self):
        made = []
        for name in ("first", "second"):
            folder = self.make_branch(name)
            self.drop("train.jsonl", self.lines(), folder)
            self.run_strata("train", "--workers", "2", branch=folder)
            made.append(self.adapter_bytes(folder))
        self.assertEqual(made[0], made[1])


if __name__ == "__main__":
    branch.main()
