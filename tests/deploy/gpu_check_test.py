"""Goal: gpu-check.sh says at once what a machine lacks, and on one that lacks nothing carries every part on to a whole
report, whatever fails. Method: the real script; the GPU, the build and the engine's programs are scripts that answer as
those do, for there is no device where this runs."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "deploy/gpu-check.sh"
CHECKED = """{"device": "cuda", "nccl": "ok", "ok": true, "variants": [
  {"variant": "llama", "loss_off": 1e-08, "ok": true},
  {"variant": "qwen3", "loss_off": 1e-08, "ok": true}]}"""
TIMED = '{"peer": "strata", "step_s": 0.25, "tokens_per_s": 16384, "peak_mib": 4000, "mfu": 0.5}'


class GpuCheckTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="strata-gpu-check-")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "torch/lib").mkdir(parents=True)
        (self.root / "torch/lib/libtorch_cuda.so").touch()
        self.program("tools/nvidia-smi", "case $1 in *name*) echo 'NVIDIA H100 80GB HBM3';; *) echo 580.1;; esac")
        self.program("tools/cmake", "exit 0")
        self.program("tools/python3", "exit 1")  # has no PEFT
        self.program("build/bin/engine_check", f"cat <<'END'\n{CHECKED}\nEND")
        self.program("build/bin/step_bench", f"echo \"$@\" >>{self.root}/steps; echo '{TIMED}'")

    def program(self, path, script):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        file.chmod(0o755)

    def check(self, code, *arguments, **environment):
        """(report, output)."""
        report = self.root / "report.json"
        done = subprocess.run(
            [str(SCRIPT), *(arguments or ["--out", str(report)])], capture_output=True, text=True, timeout=60, check=False,
            env={"PATH": f"{self.root}/tools:{os.defpath}", "STRATA_TORCH_DIR": str(self.root / "torch"),
                 "STRATA_BUILD": str(self.root / "build"), "PYTHON": "python3", **environment})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(report.read_text("utf-8")) if report.exists() else None, done.stdout + done.stderr

    def test_reports_every_part(self):
        report, output = self.check(0)
        self.assertTrue(report["ok"])
        self.assertEqual((report["gpu"], report["peak_tflops"]), ("NVIDIA H100 80GB HBM3", 989))
        self.assertEqual(len(report["check"]["variants"]), 2)
        self.assertEqual(report["steps"], [json.loads(TIMED)] * 4)
        steps = (self.root / "steps").read_text("utf-8").splitlines()
        self.assertEqual([(line.split()[0], "--checkpointing" in line) for line in steps],
                         [("1b", False), ("1b", True), ("8b", False), ("8b", True)])
        self.assertIn("--device cuda --dtype bfloat16", steps[0])
        self.assertIn("--peak-tflops 989", steps[0])
        self.assertRegex(output, r"1b strata +0\.25 s +16384 tokens/s +MFU +0\.5 +4000 MiB")
        self.assertRegex(output, r"llama +ok")

    def test_times_peft_where_python_has_it(self):
        self.program("tools/python3", f"[ \"$1\" = -c ] || echo '{TIMED}' | sed s/strata/transformers+peft/")
        report, _ = self.check(0)
        self.assertEqual([step["peer"] for step in report["steps"]], ["strata", "transformers+peft"] * 4)

    def test_a_failed_step_stops_no_other_and_fails_the_whole(self):
        self.program("build/bin/step_bench",
                     f"[ $1 = 1b ] || {{ echo 'step_bench: no \"room\"' >&2; exit 70; }}; echo '{TIMED}'")
        report, output = self.check(1)
        self.assertFalse(report["ok"])
        self.assertEqual([step.get("error") for step in report["steps"]],
                         [None, None] + ['exited with 70: step_bench: no "room"'] * 2)
        self.assertIn("FAILED (70)", output)

    def test_a_family_that_is_off_fails_the_whole(self):
        wrong = CHECKED.replace('08, "ok": true}]', '01, "ok": false}]')
        self.program("build/bin/engine_check", f"cat <<'END'\n{wrong}\nEND\nexit 1")
        report, output = self.check(1)
        self.assertFalse(report["check"]["variants"][1]["ok"])
        self.assertEqual(len(report["steps"]), 4)
        self.assertRegex(output, r"qwen3 +FAILED")

    def test_a_check_that_dies_is_in_the_report(self):
        self.program("build/bin/engine_check", "echo 'engine_check: CUDA error' >&2; exit 70")
        report, _ = self.check(1)
        self.assertEqual(report["check"], {"ok": False, "error": "engine_check exited with 70: engine_check: CUDA error"})

    def test_a_build_that_fails_shows_why(self):
        self.program("tools/cmake", "echo 'no CUDA toolkit'; exit 1")
        report, output = self.check(69)
        self.assertIsNone(report)
        self.assertIn("no CUDA toolkit", output)
        self.assertIn("gpu-check-build.log", output)

    def test_no_gpu_is_said_before_anything_is_built(self):
        self.program("tools/cmake", f"touch {self.root}/built")
        self.program("tools/nvidia-smi", "exit 9")
        _, output = self.check(69)
        self.assertIn("no GPU: nvidia-smi lists none", output)
        self.assertFalse((self.root / "built").exists())

    def test_a_libtorch_without_cuda_is_said(self):
        (self.root / "torch/lib/libtorch_cuda.so").unlink()
        _, output = self.check(69)
        self.assertIn("has no CUDA", output)

    def test_another_argument_is_usage(self):
        _, output = self.check(64, "--fast")
        self.assertIn("usage: deploy/gpu-check.sh", output)


if __name__ == "__main__":
    unittest.main()
