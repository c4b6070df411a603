"""A small branch in a temporary folder, and the real programs run on it. Used by the tests of this folder."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import processes

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


def whole_lines(file):
    """What the lines of a JSONL file say; the last one may be on its way still."""
    return [json.loads(line) for line in file.read_bytes().split(b"\n")[:-1]]


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
        done = subprocess.run(command, capture_output=True, text=True, timeout=1500, env=environment)
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
        return whole_lines(runs[-1]) if runs else []

    def wait_until(self, happened, seconds, what):
        deadline = time.monotonic() + seconds
        while not self.has(happened):
            self.assertLess(time.monotonic(), deadline, f"not within {seconds} s: {what}")
            time.sleep(0.05)

    @staticmethod
    def has(happened):
        """What is looked for may not be there yet, or be gone while it is looked through."""
        try:
            return happened()
        except (FileNotFoundError, StopIteration):
            return False

    def all_joined(self):
        """Whether every rank of the last attempt has."""
        journals = sorted((self.branch / "runs").glob("*/journal.jsonl"))
        events = whole_lines(journals[-1]) if journals else []
        attempts = [event["body"]["attempt"] for event in events if event["kind"] == "attempt"]
        joined = [event for event in events if event["kind"] == "joined" and event["body"]["attempt"] == attempts[-1]]
        return bool(joined) and len(joined) >= len(self.ranks())

    def ranks(self):
        """Their processes, by rank."""
        return processes.ranks_of(self.branch)

    def hold_when(self, happened, seconds, what):
        """Stops the ranks once it has happened. Until then they train in short slices, so that they come no more than a
        step or two beyond it, be the machine fast or its disk slow. release() lets them on."""
        def seen():
            if not self.has(happened) and self.all_joined():
                self.release()
                time.sleep(self.slice())
                self.hold()
            return self.has(happened)

        self.wait_until(seen, seconds, what)
        self.hold()

    def hold(self):
        self.held_since = time.monotonic()
        processes.send(signal.SIGSTOP, *self.ranks())

    def slice(self):
        """Less than a step, in seconds; what is known of steps has pauses in it."""
        known = min((step["seconds"] for step in self.steps() if "seconds" in step), default=0.2)
        return min(max(0.02, 0.25 * known), 0.3)

    def release(self, but=()):
        processes.send(signal.SIGCONT, *(set(self.ranks()) - set(but)))

    def stop_held(self, run, how, kept):
        """Sends a stop to a run whose ranks are held, and lets them on once `kept()` says that it knows of it; when it
        was sent."""
        sent = time.monotonic()
        run.send_signal(how)
        self.wait_until(lambda: kept() or run.poll() is not None, 30, "the stop is known")
        self.release()
        return sent


def main():
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
