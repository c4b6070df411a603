#!/usr/bin/env python3
"""Times one LoRA training step of transformers + PEFT: the peer beside step_bench, with its arguments and its fields.

usage: peft_step.py BASE [--dtype D] [--device D] [--rows N] [--length N] [--steps N] [--lora-r N] [--dropout X]
                    [--checkpointing] [--peak-tflops X]
BASE is tiny, 100m, 1b or 8b with random weights, as worker/bench/bench_model.cc has them, or a Hugging Face folder.
Every row is full of random tokens, so that both sides do the same work; one step more than --steps is run and the first
left out. Compare the two in turns on one machine at one time: only their ratio means something.
"""
import argparse
import json
import resource
import statistics
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig

NAMES = ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
         "num_key_value_heads", "head_dim", "tie_word_embeddings"]
SHAPES = {"tiny": ([512, 64, 176, 2, 4, 2, 16, True], 0), "100m": ([32000, 768, 2048, 12, 12, 4, 64, True], 0),
          "1b": ([128256, 2048, 8192, 16, 32, 8, 64, True], 32.0),
          "8b": ([128256, 4096, 14336, 32, 32, 8, 128, False], 8.0)}
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--lora-r", type=int, default=56)
    parser.add_argument("--dropout", type=float, default=0.025)
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--peak-tflops", type=float, default=0)
    return parser.parse_args()


def config_of(base):
    sizes, factor = SHAPES[base]
    rope = {"rope_type": "default", "rope_theta": 10000.0}
    if factor:
        rope = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": factor, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
    return LlamaConfig(**dict(zip(NAMES, sizes)), max_position_embeddings=131072, rms_norm_eps=1e-5,
                       rope_parameters=rope)


def load(options):
    dtype = getattr(torch, options.dtype)
    if options.base not in SHAPES:
        return AutoModelForCausalLM.from_pretrained(options.base, dtype=dtype).to(options.device)
    with torch.device(options.device):
        return AutoModelForCausalLM.from_config(config_of(options.base), dtype=dtype)


def multiplied_weights(model):
    """Of matrices that each token is multiplied by; looking an embedding up is no multiplication."""
    weights = sum(weight.numel() for weight in model.parameters() if weight.dim() == 2)
    return weights - (0 if model.config.tie_word_embeddings else model.get_input_embeddings().weight.numel())


def step_seconds(options, model):
    """(median seconds, last loss)."""
    optimizer = torch.optim.AdamW([w for w in model.parameters() if w.requires_grad], lr=2e-4, weight_decay=0.01,
                                  fused=True)
    ids = torch.randint(0, model.config.vocab_size, (options.rows, options.length), device=options.device)
    seconds, loss = [], 0.0
    for _ in range(options.steps + 1):
        begin = time.perf_counter()
        step = model(input_ids=ids, labels=ids, use_cache=False).loss
        step.backward()
        torch.nn.utils.clip_grad_norm_([w for w in model.parameters() if w.requires_grad], 1.0)
        optimizer.step()
        optimizer.zero_grad()
        loss = step.item()  # waits for the device
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds[1:]), loss


def peak_mib(device):
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    options = arguments()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("peft_step: no CUDA device: torch sees none; see nvidia-smi", file=sys.stderr)
        return 69
    torch.manual_seed(0)
    model = load(options)
    weights = multiplied_weights(model)
    model = get_peft_model(model, LoraConfig(r=options.lora_r, lora_alpha=2 * options.lora_r,
                                             lora_dropout=options.dropout, target_modules=TARGETS))
    if options.checkpointing:
        model.enable_input_require_grads()
        model.gradient_checkpointing_enable()
    model.train()
    step, loss = step_seconds(options, model)
    tokens = options.rows * options.length
    gflops = 4 * weights * tokens / step / 1e9
    report = {"peer": "transformers+peft", "base": options.base, "random_weights": options.base in SHAPES,
              "device": options.device, "dtype": options.dtype, "rows": options.rows, "length": options.length,
              "micro_batch_size": options.rows, "checkpointing": options.checkpointing, "step_s": round(step, 5),
              "tokens_per_s": round(tokens / step, 1), "gflops_4n": round(gflops, 3),
              "peak_mib": round(peak_mib(options.device)), "loss": round(loss, 5)}
    if options.peak_tflops:
        report["mfu"] = round(gflops / 1000 / options.peak_tflops, 6)
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
