"""Trains tiny random models with transformers + PEFT and writes what parity_test.cc compares with.

Usage: make_reference.py [--brief] DIR [VARIANT...]. Per variant DIR/VARIANT/config.json as transformers saves
it, DIR/VARIANT/tensors.bin (raw, little-endian, one tensor after another) and index.txt, of lines
  text NAME VALUE
  value NAME NUMBER           of ModelConfig or of the training
  list NAME NUMBER...
  tensor NAME DTYPE OFFSET DIM...   at that byte of tensors.bin: F32, BF16 or F16
  example STEP BEGIN END ID...      supervised are the tokens [BEGIN, END)
DIR/published/MODEL has config.json and the lines of ModelConfig alone, of the models in
published_configs.json.
--brief leaves out config.json and the logits, which engine_check does not read: reference/ beside
this file was made so, of every variant but llama_tied (others are tied, too), and is made again by
  make_reference.py --brief tests/worker/parity/reference
when this script or a family changes; stored_reference_test.py tells.
Each example is computed alone, in a batch of one: the reference knows no packing. Only its dropout
has to know where parity_test.cc puts an example; the masks are made here from the words of
worker/model/keyed_dropout.h and common/keyed_random.h, not from their code.
"""

import copy
import dataclasses
import json
import os
import sys

import numpy as np
import torch
from families import ARCHITECTURES, CONFIGS, model_config
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

STEPS, EXAMPLES, LEARNING_RATE, WEIGHT_DECAY, MAX_GRAD_NORM = 30, 4, 5e-3, 0.01, 1.0
EXAMPLES_PER_ROW = 2
R, ALPHA = 4, 8
STAGE_KEY = 20251117
FLOATS = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}


@dataclasses.dataclass
class Variant:
    name: str
    family: str
    dropout: float = 0.0
    disk: torch.dtype = torch.float32  # of the base's weights, as they are written
    seed: int = 7


VARIANTS = [Variant(family, family) for family in CONFIGS] + [
    Variant("dropout", "llama", dropout=0.3),
    Variant("dropout_fused", "phi3", dropout=0.3),
    Variant("half_on_disk", "llama", disk=torch.float16),
]


class Index:
    def __init__(self, folder, brief=False):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.lines, self.brief = folder, [], brief
        self.blob = open(os.path.join(folder, "tensors.bin"), "wb")

    def line(self, *words):
        self.lines.append(" ".join(str(word) for word in words))

    def values(self, numbers):
        for name, number in numbers.items():
            self.line("value", name, repr(number))

    def tensor(self, name, tensor):
        raw = tensor.detach().contiguous().view(torch.uint8).numpy()
        self.line("tensor", name, FLOATS[tensor.dtype], self.blob.tell(), *tensor.shape)
        self.blob.write(raw.tobytes())

    def close(self):
        self.blob.close()
        with open(os.path.join(self.folder, "index.txt"), "w") as file:
            file.write("\n".join(self.lines) + "\n")


MASK_64 = (1 << 64) - 1


def mix_key(key, part):
    z = ((key ^ part) + 0x9E3779B97F4A7C15) & MASK_64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK_64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK_64
    return z ^ (z >> 31)


def philox(counter, key):
    low, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    a, b, c, d = np.broadcast_arrays(*[np.asarray(word, dtype=np.uint64) for word in counter])
    keys = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        product0, product1 = np.uint64(0xD2511F53) * a, np.uint64(0xCD9E8D57) * c
        a, b = (product1 >> shift) ^ b ^ np.uint64(keys[0]), product1 & low
        c, d = (product0 >> shift) ^ d ^ np.uint64(keys[1]), product0 & low
        keys = [(keys[0] + 0x9E3779B9) & 0xFFFFFFFF, (keys[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return a, b, c, d


class Place:
    """Where the example that is being computed stands in its step."""
    step_key, row, position = 0, 0, 0


class KeyedDropout(torch.nn.Module):
    """Takes the place of torch's dropout inside PEFT's LoRA layers."""

    def __init__(self, rate, projection, place):
        super().__init__()
        self.keep, self.projection, self.place = round((1 - rate) * 65536), projection, place

    def forward(self, x):
        tokens, channels = x.shape[-2:]
        positions = self.place.position + np.arange(tokens)[:, None]
        eighths = np.arange((channels + 7) // 8)[None]
        words = philox((self.place.row, positions, self.projection, eighths), self.place.step_key)
        lanes = [lane for w in words for lane in (w & np.uint64(0xFFFF), w >> np.uint64(16))]
        kept = np.stack(lanes, -1).reshape(tokens, -1)[:, :channels] < self.keep
        return x * torch.from_numpy(kept).to(x.dtype) * (65536 / self.keep)


ORDER = ["qkv_proj", "q_proj", "k_proj", "v_proj", "o_proj", "gate_up_proj", "gate_proj", "up_proj",
         "down_proj"]


def key_dropout(model, rate, place):
    layers = [(name, module) for name, module in model.named_modules()
              if hasattr(module, "lora_dropout")]
    layers.sort(key=lambda item: (int(item[0].split("layers.")[1].split(".")[0]),
                                  ORDER.index(item[0].split(".")[-1])))
    for projection, (_, module) in enumerate(layers):
        module.lora_dropout["default"] = KeyedDropout(rate, projection, place)


def nll_sum(model, ids, begin, end):
    logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    targets = torch.tensor(ids[begin:end])
    return torch.nn.functional.cross_entropy(logits[begin - 1:end - 1].float(), targets,
                                             reduction="sum")


def tiny_steps(generator, vocabulary, steps=STEPS):
    def draw(low, high):
        return int(torch.randint(low, high, (1,), generator=generator))
    made = []
    for _ in range(steps):
        examples = []
        for _ in range(EXAMPLES):
            length = draw(5, 30)
            begin = draw(1, length - 2)
            end = draw(begin + 1, length + 1)
            examples.append(([draw(0, vocabulary) for _ in range(length)], begin, end))
        made.append(examples)
    return made


def cast_weights(model, dtype):
    """Unlike model.to(dtype) leaves the rotary frequencies in float32, as from_pretrained does."""
    for weight in model.parameters():
        weight.data = weight.data.to(dtype)


def tiny_base(family, disk, seed):
    torch.manual_seed(seed)
    base = AutoModelForCausalLM.from_config(copy.deepcopy(CONFIGS[family]))
    with torch.no_grad():
        for name, weight in base.named_parameters():
            if "norm" in name:
                weight.add_(torch.empty_like(weight).uniform_(-0.5, 0.5))
            elif name.endswith("bias"):
                weight.normal_(0, 0.3)
    cast_weights(base, disk)
    return base


def tiny_adapter(base, dropout=0.0, place=None):
    """PEFT's adapter on all linear layers, B not zero, in evaluation mode."""
    model = get_peft_model(base, LoraConfig(r=R, lora_alpha=ALPHA, lora_dropout=dropout,
                                            target_modules="all-linear", bias="none",
                                            task_type="CAUSAL_LM"))
    model.eval()  # but for our own dropout nothing differs
    if dropout > 0:
        key_dropout(model, dropout, place)
    adapter = {n.replace(".default", ""): p for n, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for name, weight in adapter.items():
            assert weight.dtype == torch.float32
            if "lora_B" in name:
                weight.normal_(0, 0.1)
    return model, adapter


def targets_of(adapter):
    names = {name.split(".lora_")[0].split(".")[-1] for name in adapter}
    return sorted(names, key=ORDER.index)


def write_config(index, base):
    config = base.config
    config.architectures = [ARCHITECTURES[config.model_type]]
    if not index.brief:
        config.save_pretrained(index.folder)
    write_model_config(index, config)


def write_model_config(index, config):
    index.line("text", "architecture", config.architectures[0])
    numbers, lists = model_config(config)
    index.values(numbers)
    for name, list_ in lists.items():
        index.line("list", name, *list_)


def write_published(folder):
    """The config.json of published models in their own spelling, and how transformers reads it."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "published_configs.json")) as file:
        published = json.load(file)
    for name, config in published.items():
        index = Index(os.path.join(folder, "published", name))
        with open(os.path.join(index.folder, "config.json"), "w") as file:
            json.dump(config, file)
        write_model_config(index, AutoConfig.from_pretrained(index.folder))
        index.close()


def write_variant(folder, variant, brief=False):
    index, place = Index(folder, brief), Place()
    base = tiny_base(variant.family, variant.disk, variant.seed)
    write_config(index, base)
    index.values({"r": R, "alpha": ALPHA, "dropout": variant.dropout, "stage_key": STAGE_KEY,
                  "learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY,
                  "max_grad_norm": MAX_GRAD_NORM})
    for name, weight in base.named_parameters():
        index.tensor(name, weight)
    cast_weights(base, torch.float32)
    model, adapter = tiny_adapter(base, variant.dropout, place)
    index.line("list", "target_modules", *targets_of(adapter))
    for name, weight in adapter.items():
        index.tensor(name, weight)
    steps = tiny_steps(torch.Generator().manual_seed(3), base.config.vocab_size)
    if variant.dropout == 0 and not brief:
        with torch.no_grad():
            ids = torch.tensor([steps[0][0][0]])
            index.tensor("logits", model(input_ids=ids, use_cache=False).logits[0])
    train(index, model, adapter, place, steps)
    index.close()


def backward_of_step(model, examples, place):
    supervised = sum(end - begin for _, begin, end in examples)
    loss = 0
    for i, (ids, begin, end) in enumerate(examples):
        place.row, first = i // EXAMPLES_PER_ROW, i - i % EXAMPLES_PER_ROW
        place.position = sum(len(before) for before, _, _ in examples[first:i])
        part = nll_sum(model, ids, begin, end) / supervised
        part.backward()
        loss += part.item()
    return loss


def optimizer_of(adapter):
    return torch.optim.AdamW(adapter.values(), lr=LEARNING_RATE, betas=(0.9, 0.999), eps=1e-8,
                             weight_decay=WEIGHT_DECAY)


def train(index, model, adapter, place, steps):
    optimizer, losses, norms = optimizer_of(adapter), [], []
    for step, examples in enumerate(steps):
        for ids, begin, end in examples:
            index.line("example", step, begin, end, *ids)
        place.step_key = mix_key(mix_key(STAGE_KEY, 0), step)
        optimizer.zero_grad()
        losses.append(backward_of_step(model, examples, place))
        if step == 0:
            for name, weight in adapter.items():
                index.tensor("grad." + name, weight.grad)
        norms.append(torch.nn.utils.clip_grad_norm_(adapter.values(), MAX_GRAD_NORM).item())
        optimizer.step()
    index.tensor("losses", torch.tensor(losses))
    index.tensor("grad_norms", torch.tensor(norms))
    for name, weight in adapter.items():
        index.tensor("trained." + name, weight)


if __name__ == "__main__":
    torch.set_num_threads(1)
    brief, (out, *wanted) = "--brief" in sys.argv, [a for a in sys.argv[1:] if a != "--brief"]
    stored = [variant.name for variant in VARIANTS if not brief or variant.name != "llama_tied"]
    for each in VARIANTS:
        if each.name in (wanted or stored):
            write_variant(os.path.join(out, each.name), each, brief)
    if not (wanted or brief):
        write_published(out)
