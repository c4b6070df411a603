"""Trains tiny random Llamas with transformers + PEFT and writes what parity_test.cc compares with.

Usage: make_reference.py DIR. Per variant DIR/VARIANT/index.txt, of lines
  value NAME NUMBER           of the configuration
  tensor NAME DIM...          DIR/VARIANT/NAME.bin holds it: raw little-endian float32
  example STEP BEGIN END ID...   supervised are the tokens [BEGIN, END)
Each example is computed alone, in a batch of one: the reference knows no packing.
"""

import os
import sys

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
STEPS, EXAMPLES, LEARNING_RATE, WEIGHT_DECAY, MAX_GRAD_NORM = 20, 4, 5e-3, 0.01, 1.0
R, ALPHA = 4, 8


class Index:
    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.lines = folder, []

    def line(self, *words):
        self.lines.append(" ".join(str(word) for word in words))

    def tensor(self, name, tensor):
        tensor.detach().to(torch.float32).contiguous().numpy().tofile(
            os.path.join(self.folder, name + ".bin"))
        self.line("tensor", name, *tensor.shape)

    def close(self):
        with open(os.path.join(self.folder, "index.txt"), "w") as file:
            file.write("\n".join(self.lines) + "\n")


def tiny_config(tied):
    return LlamaConfig(
        vocab_size=97, hidden_size=32, intermediate_size=56, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=12, max_position_embeddings=128,
        rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 5000.0},
        tie_word_embeddings=tied, initializer_range=0.3, attention_bias=False, mlp_bias=False)


def nll_sum(model, ids, begin, end):
    logits = model(input_ids=torch.tensor([ids])).logits[0]
    targets = torch.tensor(ids[begin:end])
    return torch.nn.functional.cross_entropy(logits[begin - 1:end - 1].float(), targets,
                                             reduction="sum")


def tiny_steps(generator):
    def draw(low, high):
        return int(torch.randint(low, high, (1,), generator=generator))
    steps = []
    for _ in range(STEPS):
        examples = []
        for _ in range(EXAMPLES):
            length = draw(5, 30)
            begin = draw(1, length - 2)
            end = draw(begin + 1, length + 1)
            examples.append(([draw(0, 97) for _ in range(length)], begin, end))
        steps.append(examples)
    return steps


def write_variant(folder, tied):
    torch.manual_seed(7)
    index = Index(folder)
    config = tiny_config(tied)
    base = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, weight in base.named_parameters():
            if "norm" in name:
                weight.uniform_(0.5, 1.5)
    for key in ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                "num_attention_heads", "num_key_value_heads", "head_dim", "rms_norm_eps"]:
        index.line("value", key, getattr(config, key))
    index.line("value", "rope_theta", 5000.0)
    for key, value in {"tied": int(tied), "r": R, "alpha": ALPHA, "steps": STEPS,
                       "learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY,
                       "max_grad_norm": MAX_GRAD_NORM}.items():
        index.line("value", key, value)
    for name, weight in base.named_parameters():
        index.tensor(name, weight)

    model = get_peft_model(base, LoraConfig(r=R, lora_alpha=ALPHA, lora_dropout=0.0,
                                            target_modules=TARGETS, bias="none"))
    model.eval()  # there is no dropout; nothing else differs
    adapter = {n.replace(".default", ""): p for n, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for name, weight in adapter.items():
            if "lora_B" in name:
                weight.normal_(0, 0.1)
    for name, weight in adapter.items():
        index.tensor(name, weight)
    train(index, model, adapter)
    index.close()


def train(index, model, adapter):
    optimizer = torch.optim.AdamW(adapter.values(), lr=LEARNING_RATE, betas=(0.9, 0.999), eps=1e-8,
                                  weight_decay=WEIGHT_DECAY)
    losses, norms = [], []
    for step, examples in enumerate(tiny_steps(torch.Generator().manual_seed(3))):
        for ids, begin, end in examples:
            index.line("example", step, begin, end, *ids)
        supervised = sum(end - begin for _, begin, end in examples)
        optimizer.zero_grad()
        loss = sum(nll_sum(model, *example) for example in examples) / supervised
        loss.backward()
        if step == 0:
            for name, weight in adapter.items():
                index.tensor("grad." + name, weight.grad)
        norms.append(torch.nn.utils.clip_grad_norm_(adapter.values(), MAX_GRAD_NORM).item())
        optimizer.step()
        losses.append(loss.item())
    index.tensor("losses", torch.tensor(losses))
    index.tensor("grad_norms", torch.tensor(norms))
    for name, weight in adapter.items():
        index.tensor("trained." + name, weight)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for variant, tied in [("tied", True), ("untied", False)]:
        write_variant(os.path.join(sys.argv[1], variant), tied)
