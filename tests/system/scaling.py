"""Strong scaling on this machine: the same updates by one rank, by two, and by two runs of one rank each at once.

Not a test: run by hand, on a machine of two cores that does nothing else. usage: scaling.py [ROUNDS] | --paper
Method: a base of 100 million random parameters, one thread for each rank, the work of an update fixed (four rows). The
three kinds take turns. Two runs at once share caches and memory as two ranks do, and reduce nothing: what two ranks lose
against them is what the reduction, and waiting for one another, cost. Medians over all updates but each run's first.

--paper reckons the same for machines that are not here. A ring all-reduce of S bytes over n ranks, each of which sends and
receives at B bytes a second at once, takes 2 (n - 1) / n * S / B seconds (Patarasuk and Yuan, Bandwidth optimal all-reduce
algorithms for clusters of workstations, 2009; NCCL's tests call B the bus bandwidth). S is four bytes for each LoRA
parameter: the base has no gradient. A step computes 4 P T operations for P parameters of the base and T tokens of a rank:
twice 2 P T, forward and backward to the activations, without the third part that the weights' gradients would be (Kaplan
and others, Scaling laws for neural language models, 2020, counts 6 P T with it).
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

PAPER = sys.argv[1:] == ["--paper"]
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 and not PAPER else 3
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


# A base like Llama 3 8B with LoRA of rank 16 on every projection, 16,384 tokens of an update for each GPU, of which each
# computes 400 TFLOP/s in bfloat16 (an H100 at 40 % of its 989).
PARAMETERS, LORA_PARAMETERS, TOKENS, FLOPS = 8.0e9, 42e6, 16384, 4e14
# What a GPU sends at once: NVLink 4 has 450 GB/s each way, InfiniBand NDR 50 GB/s (400 Gbit/s) for each GPU of a node; of
# both four fifths are taken.
MACHINES = {"one node of 8 GPUs": (8, 0.8 * 450e9), "four nodes of 8 GPUs": (32, 0.8 * 50e9)}


def on_paper():
    compute = 4 * PARAMETERS * TOKENS / FLOPS
    for machine, (ranks, bandwidth) in MACHINES.items():
        reduce = 2 * (ranks - 1) / ranks * 4 * LORA_PARAMETERS / bandwidth
        print(json.dumps({"machine": machine, "compute_seconds": round(compute, 3), "reduce_seconds": round(reduce, 5),
                          "share_of_the_all_reduce": round(reduce / (reduce + compute), 5),
                          "of_linear": round(compute / (reduce + compute), 4)}))


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
    on_paper() if PAPER else main()
