"""Strong scaling on this machine: the same updates by one rank, by two, and by two runs of one rank each at once.

Not a test: run by hand, on a machine of two cores that does nothing else. usage: scaling.py [ROUNDS]
Method: a base of 100 million random parameters, one thread for each rank, the work of an update fixed (four rows). The
three kinds take turns. Two runs at once share caches and memory as two ranks do, and reduce nothing: what two ranks lose
against them is what the reduction, and waiting for one another, cost. Medians over all updates but each run's first.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import branch
import checkpoint_cost

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
UPDATES = 12
SETTINGS = f"""model_name_or_path: BASE
lora_r: 16
max_length: 128
packing: true
global_batch_size: 4
micro_batch_size: 2
num_train_epochs: 1000
max_steps: {UPDATES}
worker_env: [OMP_NUM_THREADS=1]
"""


def begin(root, name, ranks):
    folder = root / name
    (folder / "training").mkdir(parents=True)
    (folder / "training/train.jsonl").write_bytes((branch.DEMO / "training/train.jsonl").read_bytes())
    (folder / "branch.yaml").write_text(SETTINGS.replace("BASE", str(root / "base")))
    command = [branch.STRATA, "train", "-C", str(folder), "--workers", str(ranks)]
    return folder, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                    env={**os.environ, "HF_HUB_OFFLINE": "1"})


def steps_of(started):
    folder, training = started
    if training.wait() != 0:
        raise SystemExit(f"the training in {folder} failed")
    lines = next(folder.glob("runs/*/steps.jsonl")).read_text().splitlines()
    return [json.loads(line) for line in lines][1:]


def main():
    alone, two, beside = [], [], []
    with tempfile.TemporaryDirectory(prefix="strata-scaling-") as folder:
        root = pathlib.Path(folder)
        parameters = checkpoint_cost.make_base(root / "base")
        for i in range(ROUNDS):
            alone += steps_of(begin(root, f"alone{i}", 1))
            two += steps_of(begin(root, f"two{i}", 2))
            for started in [begin(root, f"beside{i}a", 1), begin(root, f"beside{i}b", 1)]:
                beside += steps_of(started)
    seconds = {name: statistics.median(step["seconds"] for step in steps)
               for name, steps in (("one rank", alone), ("two ranks", two), ("one of two runs", beside))}
    print(json.dumps({
        "parameters": parameters, "updates": len(two), "seconds_per_update": seconds,
        "of_two_independent_runs": round(seconds["one of two runs"] / 2 / seconds["two ranks"], 3),
        "speed_up": round(seconds["one rank"] / seconds["two ranks"], 3),
        "share_of_the_all_reduce": round(statistics.median(s["reduce_seconds"] / s["seconds"] for s in two), 4)}))


if __name__ == "__main__":
    main()
