"""Goal: held-out prompts are never trained and tell when to stop; a stage that ended early is trained for good; losses
that stay high put the adapter back. Method: small datasets at a learning rate that soon learns by heart."""
import json

import branch

HELD_OUT = ["--set", "val_set_size=0.3"]
STOPS = [*HELD_OUT, "--set", "eval_steps=2", "--set", "early_stopping_patience=2", "--set", "learning_rate=2e-2",
         "--set", "num_train_epochs=8"]


class HeldOutTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        self.all = self.lines(end=24)
        self.drop("train.jsonl", self.all)

    def report(self):
        return json.loads((self.branch / "incremental_training_results.json").read_text())

    def evaluations(self):
        return [step for step in self.steps() if "eval_loss" in step]

    def loss_over_held_out_rows(self):
        """By `strata evaluate` over the lines that the run's plan says are held out."""
        plan = json.loads(sorted((self.branch / "runs").glob("*/plan.json"))[-1].read_text())
        stage = plan["stages"][0]
        self.assertFalse(set(stage["examples"]) & set(stage["held_out_examples"]))
        self.assertEqual(len(stage["examples"]) + len(stage["held_out_examples"]), len(self.all))
        data = self.folder / "held_out.jsonl"
        data.write_text("".join(self.all[i] for i in stage["held_out_examples"]), encoding="utf-8")
        return self.json("evaluate", "--data", str(data))["loss"]

    def test_the_loss_over_held_out_prompts_is_measured_and_kept(self):
        printed = self.run_strata("train", *HELD_OUT)
        self.assertIn("held-out loss", printed)
        evaluations = self.evaluations()
        self.assertEqual([step["epoch"] for step in evaluations], [0, 1], "at the end of each epoch")
        for before, after in zip(self.steps(), self.steps()[1:]):
            if "eval_loss" in after:
                self.assertEqual((before["epoch"], before["step"]), (after["epoch"], after["step"]), "not in its place")
        stage = self.report()["datasets_trained"][0]
        self.assertEqual(stage["eval_loss"], evaluations[-1]["eval_loss"])
        self.assertEqual([one["loss"] for one in stage["evaluations"]], [one["eval_loss"] for one in evaluations])
        self.assertNotIn("ended_early", stage)
        metadata = self.json("status")["current"]["metadata"]
        self.assertEqual(metadata["eval_loss"], stage["eval_loss"])
        self.assertEqual(metadata["training_history"][0]["eval_loss"], stage["eval_loss"])
        self.assertLess(abs(self.loss_over_held_out_rows() / stage["eval_loss"] - 1), 1e-4)

    def test_early_stopping_leaves_the_best_and_the_stage_is_trained(self):
        for ranks in ("1", "2"):
            done = self.json("train", *STOPS, "--all", "--workers", ranks)["datasets"][0]
            evaluations = self.evaluations()
            least = min(evaluations, key=lambda one: one["eval_loss"])
            self.assertEqual(done["status"], "trained")
            self.assertEqual(done["eval_loss"], least["eval_loss"])
            self.assertIn("stopped early after", done["ended_early"])
            self.assertEqual([one["ends_stage"] for one in evaluations], [False] * (len(evaluations) - 1) + [True])
            self.assertEqual(evaluations.index(least), len(evaluations) - 3, "patience is 2")
            self.assertLess(abs(self.loss_over_held_out_rows() / least["eval_loss"] - 1), 1e-4)
            self.assertEqual(self.json("plan", *STOPS)["stages"], [], "a stage that ended early is not pending")
            steps_kept = done["evaluations"][len(evaluations) - 3]["after_steps"]
            trained = [step for step in self.steps() if "loss" in step]
            self.assertEqual(len(trained), steps_kept + 4, "two evaluations further")
            self.assertEqual(done["epochs"], sum(1 for at, step in enumerate(trained[:steps_kept])
                                                 if trained[at + 1]["epoch"] > step["epoch"]))
        self.assertEqual(self.report()["datasets_trained"][0]["ended_early"], done["ended_early"])

    def test_max_steps_ends_a_stage_as_its_last_step_does(self):
        done = self.json("train", *STOPS, "--set", "max_steps=3", "--set", "learning_rate=1e-4")["datasets"][0]
        self.assertEqual([one["after_steps"] for one in done["evaluations"]], [2, 3])
        self.assertEqual(len([step for step in self.steps() if "loss" in step]), 3)
        self.assertNotIn("ended_early", done)

    def test_the_watchdog_puts_the_adapter_back(self):
        self.run_strata("train", "--set", "max_steps=1")
        before = self.adapter_bytes()
        self.drop("train_b.jsonl", self.lines(begin=24, end=36))
        watched = ["--set", "loss_watchdog_threshold=0.5", "--set", "loss_watchdog_patience=2"]
        done = self.json("train", *watched, code=65)["datasets"]
        failed = next(one for one in done if one["dataset"] == "train_b.jsonl")
        self.assertEqual(failed["status"], "error")
        self.assertIn("above loss_watchdog_threshold, 0.5, in 2 steps in a row", failed["error"])
        self.assertEqual(self.adapter_bytes(), before)
        self.assertEqual([stage["dataset"] for stage in self.json("plan")["stages"]], ["train_b.jsonl"])
        self.run_strata("train", "--set", "loss_watchdog_threshold=50")

    def test_an_evaluation_of_nothing_is_refused(self):
        for setting in ("early_stopping_patience=2", "eval_steps=10"):
            refused = self.run_strata("train", "--set", setting, code=78)
            self.assertIn("val_set_size", refused)


if __name__ == "__main__":
    branch.main()
