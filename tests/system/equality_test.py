"""Goal: what is learnt does not depend on how many ranks learn it. Method: with dropout on, the first 200 steps of the
same branch on 1, 2 and 3 ranks and with another micro-batch; the same command twice."""
import branch

STEPS = 200


class EqualityTest(branch.BranchTest):
    def losses(self, name, *arguments):
        folder = self.make_branch(name)
        self.drop("train.jsonl", self.lines(end=40), folder)
        settings = ("--set", "num_train_epochs=100", "--set", f"max_steps={STEPS}")
        self.run_strata("train", *settings, *arguments, branch=folder)
        return [step["loss"] for step in self.steps(folder)]

    def test_losses_do_not_depend_on_ranks_or_micro_batch(self):
        reference = self.losses("one")
        self.assertEqual(len(reference), STEPS)
        self.assertLess(reference[-1], 0.7 * reference[0], "it learnt nothing: equality would mean nothing")
        others = [("two", "--workers", "2"), ("three", "--workers", "3"), ("micro", "--set", "micro_batch_size=1"),
                  ("both", "--workers", "2", "--set", "micro_batch_size=4")]
        for name, *arguments in others:
            losses = self.losses(name, *arguments)
            worst = max(abs(a - b) / a for a, b in zip(reference, losses, strict=True))
            print(f"{name}: {worst:.1e} relative at worst over {STEPS} steps")
            self.assertLess(worst, 1e-4, name)

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
