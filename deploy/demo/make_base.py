#!/usr/bin/env python3
"""Makes the demo's base model: a small Llama that knows some general Spanish, with a tokenizer of its own, seeded.

usage: .venv/bin/python deploy/demo/make_base.py [--out DIR] [--steps N]
       (needs torch, tokenizers and transformers: deploy/setup.sh --with-tests; some 40 minutes on two cores)
Writes deploy/demo/antropologia/base, which is committed; this script only reproduces it, up to rounding. It reads the
texts of deploy/demo/corpus and the sentences of spanish.py, all written for this project and none about anthropology:
what the demo's adapter says about its subject, it learnt from the demo's datasets.
"""
import argparse
import json
import math
import pathlib
import random

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import spanish

HERE = pathlib.Path(__file__).resolve().parent
SEED, ROWS, LENGTH, EOS, VOCABULARY = 7, 32, 128, "<|fin|>", 4096
RATE, WARMUP = 3e-3, 60
CORPUS_SHARE = 0.4  # of a batch's rows; the others are generated


def paragraphs():
    """The texts of corpus/, one entry for each paragraph."""
    texts = [file.read_text(encoding="utf-8") for file in sorted((HERE / "corpus").glob("*.txt"))]
    return [part.strip() for text in texts for part in text.split("\n\n") if part.strip()]


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


def train(model, tokenizer, parts, steps):
    rng = random.Random(SEED)
    stream = endless(parts, rng)
    corpus, made = Rows(tokenizer, lambda: next(stream)), Rows(tokenizer, lambda: spanish.paragraph(rng))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    mean = None
    for step in range(steps):
        rate = RATE * min((step + 1) / WARMUP, 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        from_corpus = round(ROWS * CORPUS_SHARE) if parts else 0
        ids = torch.tensor([corpus.take() for _ in range(from_corpus)] + [made.take() for _ in range(ROWS - from_corpus)])
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if step % 100 == 99:
            print(f"step {step + 1} of {steps}: loss {mean:.3f}", flush=True)


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
    options.add_argument("--steps", type=int, default=850)
    arguments = options.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    parts = paragraphs()
    rng = random.Random(SEED)
    tokenizer = make_tokenizer(parts + [spanish.paragraph(rng) for _ in range(3000)])
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=192, intermediate_size=512, num_hidden_layers=6,
        num_attention_heads=6, num_key_value_heads=3, max_position_embeddings=512, tie_word_embeddings=True,
        bos_token_id=0, eos_token_id=0))
    print(f"{len(parts)} paragraphs, {sum(map(len, parts))} characters, {model.num_parameters()} parameters", flush=True)
    train(model, tokenizer, parts, arguments.steps)
    save(model, tokenizer, arguments.out)


if __name__ == "__main__":
    main()
