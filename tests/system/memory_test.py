"""Goal: what strata plan estimates of a worker's memory is what a worker takes, within 15 %, and micro_batch_size: auto
goes by it. Method: models whose activations outweigh the program are trained, small, of 100 M parameters, deep, and with
many words; the peak of the worker's own pages is read from /proc while it runs, and compared with the terms of the
estimate. What libtorch maps of its libraries is left out on both sides: how much of that is resident depends on what
else the machine does. So are the kernels that bfloat16 compiles on the CPU: how many there will be depends on the
lengths of the rows."""
import json
import pathlib
import re
import shutil
import subprocess
import time

import branch
import torch
from transformers import LlamaConfig, LlamaForCausalLM

# Of the program's share of the estimate: what is mapped from files.
MAPPED = 205 << 20
SHARE = 0.15  # off the measured peak at the most
SETTINGS = """model_name_or_path: base
base_model_name: strata/test-base
device: cpu
max_length: 512
global_batch_size: 8
num_train_epochs: 1
max_steps: 2
"""


def parent_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def descends(pid, ancestor):
    while pid > 1 and pid != ancestor:
        pid = parent_of(pid)
    return pid == ancestor


def workers_of(ancestor):
    """The process ids of the strata-worker that a strata has launched."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            is_worker = (folder / "comm").read_text().strip() == "strata-worker"
            if is_worker and descends(int(folder.name), ancestor):
                found.append(int(folder.name))
        except OSError:
            pass  # it has ended
    return found


class OwnPeak:
    """The most pages that a process has had which no file stands behind. A look may come late: the kernel keeps the peak of
    all its pages, and when that has risen since the last look, the mapped ones were then about as many as now."""

    def __init__(self, pid):
        self.status, self.all, self.bytes = pathlib.Path(f"/proc/{pid}/status"), 0, 0

    def look(self):
        try:
            kib = dict(re.findall(r"(?m)^(\w+):\s+(\d+) kB$", self.status.read_text()))
            own, mapped, peak = (sum(int(kib[name]) << 10 for name in names)
                                 for names in (["RssAnon"], ["RssFile", "RssShmem"], ["VmHWM"]))
        except (OSError, KeyError):
            return  # it has ended
        self.bytes = max(self.bytes, own, peak - mapped if peak > self.all else 0)
        self.all = peak


# Vocabulary, hidden, feed-forward, layers, heads, heads of keys and values.
SMALL, OF_100_M = (2048, 256, 704, 8, 8, 2), (32000, 768, 2048, 12, 12, 4)
DEEP, WORDY = (2048, 128, 352, 24, 4, 4), (65536, 256, 704, 4, 8, 2)
# Two updates of four rows.
FOUR_ROWS = {"global_batch_size": 4, "micro_batch_size": 4}
CHECKPOINTED = {"gradient_checkpointing": "true"}


class MemoryTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        (self.branch / "branch.yaml").write_text(SETTINGS)
        self.take_base(SMALL)
        # Each a row of its own, cut at max_length: so all are full, and oneDNN compiles for one shape.
        long = {"instruction": "¿Qué es la cultura?", "output": "La cultura es lo que se aprende y se comparte. " * 200}
        self.drop("train.jsonl", [json.dumps({**long, "instruction": f"{i} {long['instruction']}"}) + "\n"
                                  for i in range(16)])

    def take_base(self, sizes):
        """The branch begins anew, on a base with these sizes."""
        vocab, hidden, inner, layers, heads, kv_heads = sizes
        base = self.folder / f"base-{hidden}-{layers}"
        torch.manual_seed(7)
        LlamaForCausalLM(LlamaConfig(
            vocab_size=vocab, hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers,
            num_attention_heads=heads, num_key_value_heads=kv_heads, max_position_embeddings=512,
            tie_word_embeddings=True, bos_token_id=0, eos_token_id=0)).save_pretrained(base)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(branch.BASE / name, base)
        (self.branch / "base").unlink()
        (self.branch / "base").symlink_to(base)
        for made in ("adapters", "runs"):
            shutil.rmtree(self.branch / made, ignore_errors=True)

    def peak(self, *arguments):
        command = [branch.STRATA, "train", "-C", str(self.branch), *arguments]
        training = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        workers = []
        while training.poll() is None:
            workers = workers or [OwnPeak(pid) for pid in workers_of(training.pid)]
            for worker in workers:
                worker.look()
            time.sleep(0.005)
        self.assertEqual(training.returncode, 0, training.stderr.read())
        training.stderr.close()
        return max(worker.bytes for worker in workers)

    def compare(self, **settings):
        arguments = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        planned = self.json("plan", "--all", *arguments)
        # One shape has few kernels; how many there will be is not known beforehand.
        estimated = planned["memory_estimate_bytes"] - planned["memory_bytes"]["kernels"] - MAPPED
        measured = self.peak("--all", *arguments)
        # What is freed in time for what comes next differs by some per cent from run to run; the most is what must fit.
        for _ in range(2):
            if estimated / measured - 1 >= SHARE:
                measured = max(measured, self.peak("--all", *arguments))
        told = f"{settings}: estimated {estimated >> 20} MiB, measured {measured >> 20} MiB"
        print(told, f"{estimated / measured - 1:+.0%}", flush=True)
        self.assertLess(abs(estimated / measured - 1), SHARE, told)
        return measured

    def test_an_estimate_is_near_the_peak(self):
        for rows in (1, 4, 8):
            self.compare(dtype="float32", micro_batch_size=rows)
        self.compare(dtype="float32", micro_batch_size=8, lora_dropout=0.1)

    def test_half_the_width_is_half_the_activations(self):
        self.compare(dtype="bfloat16", micro_batch_size=8, lora_dropout=0.1)

    def test_checkpointing_takes_as_little_as_it_is_said_to(self):
        checkpointed = self.compare(micro_batch_size=8, gradient_checkpointing="true")
        self.assertLess(checkpointed, 0.7 * self.compare(micro_batch_size=8))

    def test_a_hundred_million_parameters(self):
        self.take_base(OF_100_M)
        self.compare(dtype="float32", **FOUR_ROWS)
        self.compare(dtype="float32", **FOUR_ROWS, **CHECKPOINTED)
        self.compare(dtype="bfloat16", **FOUR_ROWS, lora_dropout=0.05)
        self.compare(dtype="bfloat16", **FOUR_ROWS, **CHECKPOINTED)
        self.take_base(OF_100_M)  # another rank is another adapter
        self.compare(dtype="float32", **FOUR_ROWS, packing="false", lora_r=56)

    def test_many_words_and_many_layers(self):
        for sizes in (WORDY, DEEP):
            self.take_base(sizes)
            self.compare(dtype="float32", micro_batch_size=8)
            self.compare(dtype="float32", micro_batch_size=8, **CHECKPOINTED)

    def test_rows_of_many_examples(self):
        short = {"instruction": "¿Qué es?", "output": "La cultura es lo que se comparte."}
        self.drop("train.jsonl", [json.dumps({**short, "instruction": f"{i} {short['instruction']}"}) + "\n"
                                  for i in range(600)])
        self.compare(dtype="float32", micro_batch_size=8)

    def test_auto_is_chosen_once_and_kept_with_the_run(self):
        planned = self.json("plan", "--set", "micro_batch_size=auto")
        self.assertEqual(planned["micro_batch_size"], 8)
        self.assertIn("micro_batch_size 8, chosen by auto: estimated",
                      " ".join(self.run_strata("plan", "--set", "micro_batch_size=auto").split()))
        self.run_strata("train", "--set", "micro_batch_size=auto")
        metadata = json.loads((self.adapters() / "current/training_metadata.json").read_text())
        self.assertEqual(metadata["settings"]["micro_batch_size"], "8")
        shown = self.json("config", "micro_batch_size", "--set", "micro_batch_size=auto")
        self.assertEqual(shown["value"], "auto")

    def test_a_gpu_without_room_for_one_row_is_told_of_with_what_to_do(self):
        wishes = ("--set", "micro_batch_size=auto", "--set", "device=cuda", "--set", "gpu_memory_gb=0.5")
        told = " ".join(self.run_strata("plan", *wishes).split())
        self.assertIn("warning: one row at a time takes an estimated", told)
        self.assertIn("gradient_checkpointing: true", told)
        planned = self.json("plan", *wishes)
        self.assertEqual((planned["micro_batch_size"], planned["memory_bytes"]["on"]), (1, "cuda"))
        assumed = self.json("plan", "--set", "micro_batch_size=auto", "--set", "device=cuda")
        self.assertIn("assumed", assumed["memory_bytes"]["budget_source"])

    def test_neither_a_number_nor_auto_is_refused(self):
        told = self.run_strata("plan", "--set", "micro_batch_size=automatic", code=64)
        self.assertIn("must be auto or a whole number", told)


if __name__ == "__main__":
    branch.main()
