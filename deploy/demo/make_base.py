#!/usr/bin/env python3
"""Makes the demo's base model: a small Llama that knows some general Spanish, with a tokenizer of its own, seeded.

usage: .venv/bin/python deploy/demo/make_base.py [--out DIR] [--steps N]
       (needs g++, torch, tokenizers and transformers: deploy/setup.sh --with-tests; some 18 minutes on two cores)
Writes deploy/demo/antropologia/base, which is committed; this script only reproduces it, up to rounding. It reads the
texts of deploy/demo/corpus and the sentences of spanish.py, all written for this project and none about anthropology:
what the demo's adapter says about its subject, it learnt from the demo's datasets.
"""
import argparse
import json
import math
import pathlib
import random
import re

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import spanish

HERE = pathlib.Path(__file__).resolve().parent
SEED, ROWS, LENGTH, EOS, VOCABULARY = 7, 64, 128, "<|fin|>", 4096
MATRIX_RATE, RATE, WARMUP = 0.01, 2e-3, 60  # Muon's for the matrices, AdamW's for the embedding and the norms
CORPUS_ROWS = 14                            # of a batch; the others are generated
REPEATED_ROWS = 8                           # at first; one at last
FACTS = 500                                 # names that something is always said of
PROBES = 64                                 # names that are asked for, to see whether they are copied


def paragraphs():
    """The texts of corpus/, one entry for each paragraph."""
    texts = [file.read_text(encoding="utf-8") for file in sorted((HERE / "corpus").glob("*.txt"))]
    return [part.strip() for text in texts for part in text.split("\n\n") if part.strip()]


def sentences(parts):
    """The sentences of middling length."""
    found = [each.strip() for part in parts for each in re.split(r"(?<=[.!?])\s+", part)]
    return [each for each in found if each.endswith(".") and 30 < len(each) < 200]


def make_tokenizer(lines):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=[EOS], show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


class Rows:
    """Rows of LENGTH tokens from an endless stream of paragraphs, each closed by EOS."""

    def __init__(self, tokenizer, next_paragraph):
        self.tokenizer, self.next_paragraph, self.left = tokenizer, next_paragraph, []

    def take(self):
        while len(self.left) < LENGTH:
            self.left += self.tokenizer.encode(self.next_paragraph()).ids + [0]
        row, self.left = self.left[:LENGTH], self.left[LENGTH:]
        return row


def endless(parts, rng):
    """Every part once in a new order, again and again."""
    while True:
        for part in rng.sample(parts, len(parts)):
            yield part


@torch.no_grad()
def begin_by_copying(model):
    """Sets the first two layers so that the untrained model repeats what it has read: a head that finds the token before,
    and heads that find what followed the present token where it stood earlier (induction heads: Olsson et al. 2022,
    arXiv:2209.11895). From six million tokens a model does not learn this by itself, and an answer has to name what its
    question asks about. Everything set here goes on being trained.

    Of the hidden size, the first `content` numbers tell tokens apart, the next is the same for all, and the last
    `head` hold the token before.
    """
    settings, generator = model.config, torch.Generator().manual_seed(SEED)
    hidden, heads, groups = settings.hidden_size, settings.num_attention_heads, settings.num_key_value_heads
    head = hidden // heads
    content, half = hidden - head - 1, head // 2
    spread = 0.08  # of an embedding's numbers
    favour = 4     # what one frequency adds to the logit of the distance that is looked for
    match = 2      # how sharply a token is found again
    copy = 3       # what followed it, in units of the present token
    size = spread * math.sqrt(content)
    embedding = model.model.embed_tokens.weight
    embedding[:, :content] = spread * torch.randn(len(embedding), content, generator=generator)
    embedding[:, content], embedding[:, content + 1:] = size, 0
    basis = torch.linalg.qr(torch.randn(content, content, generator=generator))[0]

    before, after = (layer.self_attn for layer in model.model.layers[:2])
    # The constant number turned by the rotary frequencies' own angles: query and key agree at a distance of one token.
    norm, sharp = math.sqrt(hidden / 2), 8  # of the constant number after RMSNorm; frequencies in use
    angle = 10000.0 ** (-torch.arange(sharp) / half)
    strength = math.sqrt(favour * math.sqrt(head)) / norm
    for weight in (before.q_proj.weight, before.k_proj.weight, before.v_proj.weight):
        weight[:head] = 0
    before.q_proj.weight[:sharp, content] = strength * angle.cos()
    before.q_proj.weight[half:half + sharp, content] = -strength * angle.sin()
    before.k_proj.weight[:sharp, content] = strength
    before.v_proj.weight[:head, :content] = basis[:head]
    before.o_proj.weight[:, :head] = 0
    before.o_proj.weight[content + 1:, :head] = torch.eye(head) * size / (norm * math.sqrt(head / content))

    # The present token against each one's token before, in the slow frequencies, where distance hardly matters.
    slow = [*range(half // 2, half), *range(half + half // 2, head)]
    gain = copy * size / (math.sqrt(hidden / 3) * math.sqrt(groups * head / content))
    for group in range(groups):
        query, key = group * (heads // groups) * head, group * head
        after.q_proj.weight[query:query + head], after.k_proj.weight[key:key + head] = 0, 0
        for number, place in enumerate(slow):
            after.q_proj.weight[query + place, :content] = match * basis[number]
            after.k_proj.weight[key + place, content + 1 + number] = match
        part = basis[group * head:(group + 1) * head]
        after.v_proj.weight[key:key + head] = 0
        after.v_proj.weight[key:key + head, :content] = part
        after.o_proj.weight[:, query:query + head] = 0
        after.o_proj.weight[:content, query:query + head] = gain * part.T


def repeated(rng):
    """A row of random tokens, again and again, and its labels: only what can be copied is learnt."""
    part = [rng.randrange(1, VOCABULARY) for _ in range(rng.randint(3, 40))]
    row = (part * LENGTH)[:LENGTH]
    return row, [-100] * len(part) + row[len(part):]


class Probe:
    """Questions about names that do not exist. Measures how often an answer would begin with the name asked for."""

    def __init__(self, tokenizer):
        rng = random.Random(SEED + 1)
        self.rows, self.names = [], []
        for _ in range(PROBES):
            name = spanish.coined(rng)
            begin = f"### Instrucción:\n{spanish.asked_aside(rng, name)}\n\n### Respuesta:\n"
            ids, end = tokenizer.encode(begin).ids, tokenizer.encode(spanish.capital(name)).ids
            self.rows.append(ids + end)
            self.names.append(len(end))

    @torch.no_grad()
    def copied(self, model):
        right = 0
        for row, length in zip(self.rows, self.names):
            best = model(input_ids=torch.tensor([row])).logits[0, -length - 1:-1].argmax(-1).tolist()
            right += best[1:] == row[-length:][1:]
        return right


def train(model, tokenizer, parts, steps):
    rng = random.Random(SEED)
    stream = endless(parts, rng)
    facts = spanish.Facts(rng, sentences(parts), FACTS)
    corpus, made = Rows(tokenizer, lambda: next(stream)), Rows(tokenizer, lambda: spanish.paragraph(rng, facts))
    matrices = [each for name, each in model.named_parameters() if each.ndim == 2 and "embed" not in name]
    others = [each for name, each in model.named_parameters() if each.ndim != 2 or "embed" in name]
    optimizers = [(torch.optim.Muon(matrices, lr=MATRIX_RATE, momentum=0.95, weight_decay=0.05), MATRIX_RATE),
                  (torch.optim.AdamW(others, lr=RATE, betas=(0.9, 0.95), weight_decay=0.01, fused=True), RATE)]
    forward, probe, mean = torch.compile(model), Probe(tokenizer), None
    for step in range(steps):
        share = min((step + 1) / WARMUP, 0.02 + 0.98 * min(1, 1.6 * (1 - step / steps)))
        for optimizer, rate in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * share
        drills = [repeated(rng) for _ in range(max(1, round(REPEATED_ROWS * (1 - 2 * step / steps))))]
        texts = [corpus.take() for _ in range(CORPUS_ROWS)]
        texts += [made.take() for _ in range(ROWS - CORPUS_ROWS - len(drills))]
        ids = torch.tensor(texts + [row for row, _ in drills])
        labels = torch.tensor(texts + [row for _, row in drills])
        with torch.autocast("cpu", torch.bfloat16):
            loss = forward(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for optimizer, _ in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        mean = loss.item() if mean is None else 0.95 * mean + 0.05 * loss.item()
        if step % 50 == 49:
            copied = f"{probe.copied(model)} of {PROBES} names copied"
            print(f"step {step + 1} of {steps}: loss {mean:.3f}, {copied}", flush=True)


def save(model, tokenizer, base):
    """Weights in bfloat16, and settings that transformers 4 and 5 both know in place of what the newest writes."""
    base.mkdir(parents=True, exist_ok=True)
    model.to(torch.bfloat16).save_pretrained(base)
    save_file(load_file(base / "model.safetensors"), base / "model.safetensors", metadata={"format": "pt"})
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=EOS).save_pretrained(base)
    settings = {"eos_token": EOS, "model_max_length": 512, "tokenizer_class": "PreTrainedTokenizerFast"}
    (base / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    compact = json.loads((base / "tokenizer.json").read_text(encoding="utf-8"))
    (base / "tokenizer.json").write_text(json.dumps(compact, ensure_ascii=False) + "\n", encoding="utf-8")
    print("bytes:", sum(file.stat().st_size for file in base.iterdir()))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--out", type=pathlib.Path, default=HERE / "antropologia" / "base")
    options.add_argument("--steps", type=int, default=700)
    arguments = options.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(2)
    parts = paragraphs()
    rng = random.Random(SEED)
    tokenizer = make_tokenizer(parts + [spanish.paragraph(rng) for _ in range(3000)])
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=256, intermediate_size=640, num_hidden_layers=6,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=True,
        bos_token_id=0, eos_token_id=0))
    print(f"{len(parts)} paragraphs, {sum(map(len, parts))} characters, {model.num_parameters()} parameters", flush=True)
    begin_by_copying(model)
    train(model, tokenizer, parts, arguments.steps)
    save(model, tokenizer, arguments.out)


if __name__ == "__main__":
    main()
