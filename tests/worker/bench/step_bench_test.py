"""Goal: step_bench measures the step that is trained: on one base its loss is the one PEFT has, its fields are its
peer's, and it refuses what it can't do. Method: the real program and peft_step.py on tiny models.

usage: step_bench_test.py STEP_BENCH     (STRATA_REFERENCE: what make_reference.py made)
"""
import json
import os
import pathlib
import subprocess
import sys
import unittest

STEP_BENCH = sys.argv[1]
PEER = pathlib.Path(__file__).resolve().parent / "peft_step.py"
CONFIG = pathlib.Path(os.environ["STRATA_REFERENCE"]) / "gemma3/config.json"
# Of tiny: the head, and in each of two layers q, k, v, o and three of the feed-forward.
WEIGHTS = 512 * 64 + 2 * (64 * 64 + 2 * 32 * 64 + 64 * 64 + 3 * 64 * 176)
SMALL = ["--rows", "2", "--length", "16", "--steps", "2", "--lora-r", "4"]


def run(program, *arguments):
    return subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=200, check=False)


class StepBenchTest(unittest.TestCase):
    def measure(self, *arguments, program=(STEP_BENCH,)):
        done = run(program, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def refuse(self, code, *arguments):
        done = run([STEP_BENCH], *arguments)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        return done.stderr

    def test_prints_the_fields_of_its_peer(self):
        ours = self.measure("tiny", *SMALL, "--peak-tflops", "2")
        theirs = self.measure("tiny", *SMALL, "--peak-tflops", "2", program=(sys.executable, "-B", str(PEER)))
        self.assertEqual(list(ours), list(theirs))
        for field in ["base", "device", "dtype", "rows", "length", "micro_batch_size", "checkpointing"]:
            self.assertEqual(ours[field], theirs[field], field)
        for report in [ours, theirs]:
            weights = report["gflops_4n"] * 1e9 * report["step_s"] / (4 * 2 * 16)
            rounding = 0.001 / report["gflops_4n"] + 1e-5 / report["step_s"]
            self.assertAlmostEqual(weights / WEIGHTS, 1, delta=0.01 + rounding)
        self.assertAlmostEqual(ours["mfu"], ours["gflops_4n"] / 2000, delta=1e-6)

    def test_its_figures_agree_with_one_another(self):
        report = self.measure("tiny", *SMALL, "--dtype", "bfloat16", "--micro-batch-size", "1")
        self.assertAlmostEqual(report["tokens_per_s"] * report["step_s"], 32, delta=0.01)
        self.assertGreater(report["peak_mib"], 10)
        self.assertAlmostEqual(report["loss"], 6.24, delta=0.5)  # ln 512: it knows nothing
        self.assertEqual((report["micro_batch_size"], report["random_weights"], "mfu" in report), (1, True, False))

    def test_micro_batches_change_the_memory_and_not_the_loss(self):
        whole, parts = [self.measure("tiny", *SMALL, "--micro-batch-size", size)["loss"] for size in ["2", "1"]]
        self.assertAlmostEqual(whole, parts, delta=1e-4)

    def test_a_config_json_of_another_family_has_random_weights(self):
        report = self.measure(str(CONFIG), *SMALL)
        self.assertTrue(report["random_weights"])
        self.assertAlmostEqual(report["loss"], 4.29, delta=2)  # ln 73

    def test_refuses_what_is_no_base(self):
        self.assertIn("no folder, no config.json", self.refuse(65, "12b"))
        self.assertIn("safetensors", self.refuse(65, str(CONFIG.parent)))

    def test_refuses_options_by_their_name(self):
        self.assertIn("--rows takes a whole number", self.refuse(64, "tiny", "--rows", "none"))
        self.assertIn("--dropout", self.refuse(64, "tiny", "--dropout", "1"))
        self.assertIn("--length takes at least 2", self.refuse(64, "tiny", "--length", "1"))
        self.assertIn("'--fast' is no option", self.refuse(64, "tiny", "--fast"))
        self.assertIn("name a BASE", self.refuse(64))

    def test_says_that_there_is_no_device(self):
        if pathlib.Path("/dev/nvidiactl").exists():
            self.skipTest("this machine has a device")
        self.assertIn("no CUDA device", self.refuse(69, "8b", "--device", "cuda"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
