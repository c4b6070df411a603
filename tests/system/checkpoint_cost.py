"""What checkpoints cost: blocks of ten updates with one checkpoint against blocks without, in one run, by turns.

Not a test: run by hand, on a machine that does nothing else. usage: checkpoint_cost.py [PAIRS]
Method: a base of 100 million random parameters, LoRA of rank 16 on every projection, a checkpoint after each twentieth
update. The ten updates after it carry all that it costs (the snapshot, and the sending, hashing and writing beside the
training); the next ten carry nothing. The report is the median of the pairs' ratios, with the interval that holds it at
95 % (of the order statistics).
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import branch

PAIRS = int(sys.argv[1]) if __name__ == "__main__" and len(sys.argv) > 1 else 24
BLOCK = 10
SETTINGS = f"""model_name_or_path: base
lora_r: 16
max_length: 128
packing: true
global_batch_size: 4
micro_batch_size: 2
num_train_epochs: 1000
max_steps: {BLOCK + 2 * BLOCK * PAIRS + 1}
save_steps: {2 * BLOCK}
save_minutes: 0
"""


def make_base(folder):
    import torch
    import transformers
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=2048, hidden_size=768, intermediate_size=2560, num_hidden_layers=11, num_attention_heads=12,
        num_key_value_heads=12, max_position_embeddings=256, tie_word_embeddings=False)
    model = transformers.LlamaForCausalLM(config)
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (branch.BASE / name).exists():
            shutil.copy(branch.BASE / name, folder / name)
    return sum(parameter.numel() for parameter in model.parameters())


def interval(ratios):
    """The order statistics that hold the median with at least 95 %, by the binomial distribution."""
    import math
    n = len(ratios)
    low = 0
    while sum(math.comb(n, i) for i in range(low + 1)) / 2 ** n <= 0.025:
        low += 1
    low = max(low - 1, 0)
    return sorted(ratios)[low], sorted(ratios)[n - 1 - low]


def main():
    with tempfile.TemporaryDirectory(prefix="strata-cost-") as folder:
        root = pathlib.Path(folder)
        (root / "training").mkdir()
        parameters = make_base(root / "base")
        shutil.copy(branch.DEMO / "training/train.jsonl", root / "training/train.jsonl")
        (root / "branch.yaml").write_text(SETTINGS)
        subprocess.run([branch.STRATA, "train", "-C", folder], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "HF_HUB_OFFLINE": "1"})
        run = next((root / "runs").iterdir())
        times = [json.loads(line)["time"] for line in (run / "steps.jsonl").read_text().splitlines()]
        taken = (run / "journal.jsonl").read_text().count('"kind":"checkpoint"')
        state = 4 * 4 * int(json.loads(next(root.glob("adapters/lora_adapters/versions/v0001/manifest.json"))
                                       .read_text())["files"]["adapter_model.safetensors"]["bytes"]) // 4
    blocks = [times[i + BLOCK] - times[i] for i in range(BLOCK - 1, len(times) - BLOCK, BLOCK)]
    # A checkpoint is taken after update 20, 40, …: block 1, 3, … (from 0: updates 11-20) carries none.
    without, with_one = blocks[0:2 * PAIRS:2], blocks[1:2 * PAIRS:2]
    ratios = [b / a for a, b in zip(without, with_one)]
    low, high = interval(ratios)
    print(json.dumps({
        "parameters": parameters, "checkpoint_bytes": state, "checkpoints": taken, "pairs": len(ratios),
        "seconds_per_update": round(statistics.median(without) / BLOCK, 4),
        "cost_percent": round(100 * (statistics.median(ratios) - 1), 2),
        "interval_percent": [round(100 * (low - 1), 2), round(100 * (high - 1), 2)]}))


if __name__ == "__main__":
    main()
