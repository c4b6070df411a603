"""Goal: the rate of every step is transformers', in each schedule. Method: the real transformers.get_scheduler over many
counts of steps and warm-up; a step of the warm-up must have the rate that is there the next one's, any other its own.

usage: learning_rate_parity_test.py LEARNING_RATES
"""
import itertools
import subprocess
import sys
import unittest

import torch
from transformers import get_scheduler

PROGRAM = sys.argv.pop() if len(sys.argv) > 1 else ""
SCHEDULES = ["cosine", "linear", "constant", "cosine_with_min_lr", "constant_with_warmup", "warmup_stable_decay"]
DECAYS = ["cosine", "linear", "1-sqrt"]


def theirs(schedule, steps, warmup, arguments):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = get_scheduler(schedule, optimizer, warmup, steps, arguments)
    return [scheduler.lr_lambdas[0](step) for step in range(steps + 1)]


class LearningRateParityTest(unittest.TestCase):
    def compare(self, schedule, cases):
        """Each case: steps, warm-up, decay steps, decay, lowest rate, what transformers is given for them."""
        asked = "".join(f"{SCHEDULES.index(schedule)} {steps} {warmup} {decay_steps} {DECAYS.index(decay)} {lowest}\n"
                        for steps, warmup, decay_steps, decay, lowest, _ in cases)
        told = subprocess.run([PROGRAM], input=asked, capture_output=True, text=True, check=True).stdout.splitlines()
        self.assertEqual(len(told), len(cases))
        for case, line in zip(cases, told):
            steps, warmup, *_, arguments = case
            ours = [float(rate) for rate in line.split()]
            self.assertEqual(len(ours), steps)
            expected = theirs(schedule, steps, warmup, arguments)
            for step, rate in enumerate(ours):
                same = expected[step + 1] if step < warmup else expected[step]
                self.assertAlmostEqual(rate, same, delta=1e-14, msg=f"{schedule} {case}, step {step}")

    def counts(self):
        """(steps, warm-up): the warm-up is always shorter than the stage."""
        for steps in (1, 2, 3, 5, 10, 17, 60, 101, 360, 1000):
            for warmup in sorted({0, 1, 2, steps // 33, steps // 10, steps // 2, steps - 1}):
                if warmup < steps:
                    yield steps, warmup

    def test_schedules_without_a_lowest_rate(self):
        for schedule in ("cosine", "linear", "constant_with_warmup"):
            self.compare(schedule, [(steps, warmup, 0, "cosine", 0, {}) for steps, warmup in self.counts()])
        # Their constant has no warm-up, whatever it is told, and neither has a plan of ours.
        self.compare("constant", [(steps, 0, 0, "cosine", 0, {}) for steps, _ in self.counts()])

    def test_cosine_with_min_lr(self):
        self.compare("cosine_with_min_lr", [
            (steps, warmup, 0, "cosine", lowest, {"min_lr_rate": lowest})
            for (steps, warmup), lowest in itertools.product(self.counts(), (0.01, 0.1, 0.5))])

    def test_warmup_stable_decay(self):
        cases = []
        for (steps, warmup), decay, lowest in itertools.product(self.counts(), DECAYS, (0.0, 0.1)):
            for decay_steps in sorted({1, (steps - warmup) // 4, steps - warmup} - {0}):
                cases.append((steps, warmup, decay_steps, decay, lowest, {
                    "num_decay_steps": decay_steps, "decay_type": decay, "min_lr_ratio": lowest}))
        self.compare("warmup_stable_decay", cases)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]], verbosity=2)
