"""Trains tiny random models in bfloat16 and in float32 with transformers + PEFT, over many seeds.

Usage: make_bfloat16_reference.py DIR. Per family and seed DIR/FAMILY_SEED as make_reference.py has
it, with the losses of each step in float32 (`losses`, from the same bfloat16 weights) and in
bfloat16 (`bfloat16_losses`): what bfloat16_parity_test.cc measures strata's rounding by.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor

import torch
from make_reference import (ALPHA, LEARNING_RATE, MAX_GRAD_NORM, R, STAGE_KEY, WEIGHT_DECAY, Index,
                            Place, backward_of_step, cast_weights, optimizer_of, targets_of,
                            tiny_adapter, tiny_base, tiny_steps, write_config)

FAMILIES = ["llama", "llama31", "mistral", "qwen2", "qwen3", "phi3", "gemma2", "gemma3"]
SEEDS, STEPS = range(1, 25), 8


def losses_of(family, seed, compute, steps, index=None):
    """Of each step; what it begins from goes into `index`."""
    base = tiny_base(family, torch.bfloat16, seed)
    if index:
        write_config(index, base)
        for name, weight in base.named_parameters():
            index.tensor(name, weight)
    cast_weights(base, compute)
    torch.manual_seed(seed)
    model, adapter = tiny_adapter(base)
    if index:
        index.line("list", "target_modules", *targets_of(adapter))
        for name, weight in adapter.items():
            index.tensor(name, weight)
    optimizer, losses = optimizer_of(adapter), []
    for examples in steps:
        optimizer.zero_grad()
        losses.append(backward_of_step(model, examples, Place()))
        torch.nn.utils.clip_grad_norm_(adapter.values(), MAX_GRAD_NORM)
        optimizer.step()
    return torch.tensor(losses)


def write(folder, family, seed):
    torch.set_num_threads(1)
    index = Index(os.path.join(folder, f"{family}_{seed}"))
    index.values({"r": R, "alpha": ALPHA, "dropout": 0.0, "stage_key": STAGE_KEY,
                  "learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY,
                  "max_grad_norm": MAX_GRAD_NORM})
    steps = tiny_steps(torch.Generator().manual_seed(seed), 73, STEPS)
    for step, examples in enumerate(steps):
        for ids, begin, end in examples:
            index.line("example", step, begin, end, *ids)
    index.tensor("losses", losses_of(family, seed, torch.float32, steps, index))
    index.tensor("bfloat16_losses", losses_of(family, seed, torch.bfloat16, steps))
    index.close()


if __name__ == "__main__":
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        made = [pool.submit(write, sys.argv[1], family, seed)
                for family in FAMILIES for seed in SEEDS]
        for each in made:
            each.result()
