"""A small branch in a temporary folder, and the real programs run on it. Used by the tests of this folder."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "deploy/demo/antropologia"
# Made by make_base.py.
BASE = pathlib.Path(os.environ.get("STRATA_BASE", ROOT / "build/tests/system/base"))
STRATA = os.environ.get("STRATA_PROGRAM", str(ROOT / "build/bin/strata"))

SETTINGS = """model_name_or_path: base
base_model_name: strata/test-base
lora_r: 8
lora_alpha: 16
lora_dropout: 0.05
max_length: 128
global_batch_size: 4
micro_batch_size: 2
num_train_epochs: 2
learning_rate: 1.0e-3
"""


class BranchTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="strata-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.branch = self.make_branch("branch")

    def make_branch(self, name):
        branch = self.folder / name
        (branch / "training").mkdir(parents=True)
        (branch / "base").symlink_to(BASE)
        (branch / "branch.yaml").write_text(SETTINGS)
        return branch

    def lines(self, name="train.jsonl", begin=0, end=12):
        text = (DEMO / "training" / name).read_text(encoding="utf-8")
        good = [line for line in text.splitlines() if "null" not in line]
        return [line + "\n" for line in good[begin:end]]

    def drop(self, name, lines, branch=None):
        with open((branch or self.branch) / "training" / name, "w", encoding="utf-8") as file:
            file.writelines(lines)

    def finished(self, *arguments, branch=None, code=0, environment=None):
        command = [STRATA, arguments[0], "-C", str(branch or self.branch), *arguments[1:]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
        self.assertEqual(done.returncode, code, f"{command}\n{done.stdout}{done.stderr}")
        return done

    def run_strata(self, *arguments, **how):
        done = self.finished(*arguments, **how)
        return done.stdout + done.stderr

    def json(self, *arguments, **how):
        """What goes to stdout alone: warnings go to stderr."""
        return json.loads(self.finished(*arguments, "--json", **how).stdout)

    def start(self, *arguments):
        """A training in the background, its output thrown away."""
        command = [STRATA, "train", "-C", str(self.branch), *arguments]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def adapters(self, branch=None):
        return (branch or self.branch) / "adapters/lora_adapters"

    def adapter_bytes(self, branch=None):
        return (self.adapters(branch) / "current/adapter_model.safetensors").read_bytes()

    def steps(self, branch=None):
        """The lines of the last run's steps.jsonl; none before there is any."""
        runs = sorted(((branch or self.branch) / "runs").glob("*/steps.jsonl"))
        return [json.loads(line) for line in runs[-1].read_text().splitlines()] if runs else []

    def wait_until(self, happened, seconds, what):
        deadline = time.monotonic() + seconds
        while not happened():
            self.assertLess(time.monotonic(), deadline, f"not within {seconds} s: {what}")
            time.sleep(0.05)


def main():
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
