#!/usr/bin/env python3
"""Makes the demo's base model: a small Llama with a byte-level BPE tokenizer of its own, float32, seeded.

usage: .venv/bin/python deploy/demo/make_base.py   (needs torch, tokenizers and transformers: deploy/setup.sh --with-tests)
Writes deploy/demo/antropologia/base, which is committed; this script only reproduces it. The tokenizer is trained on
the demo's own lines; the model reads their sentences once torn apart and shuffled, for a short while. So it has met the
demo's words, but no question with its answer, and its losses say nothing about how a real base would fare.
"""
import json
import pathlib
import random

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).resolve().parent / "antropologia"
STEPS, ROWS, LENGTH, EOS = 500, 16, 64, "<|fin|>"


def sentences():
    """Every sentence of the demo's texts, once, without what it belonged to."""
    found = set()

    def walk(value):
        if isinstance(value, str) and len(value) > 20:
            found.update(part.strip() + "." for part in value.replace("?", ".").split(".") if len(part) > 15)
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    for file in sorted((HERE / "training").glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                walk(json.loads(line))
            except json.JSONDecodeError:
                pass
    return sorted(found)


def make_tokenizer(lines):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=2048, special_tokens=[EOS], show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


def main():
    random.seed(7)
    torch.manual_seed(7)
    torch.set_num_threads(2)
    lines = sentences()
    tokenizer = make_tokenizer(lines)
    config = LlamaConfig(vocab_size=2048, hidden_size=128, intermediate_size=352, num_hidden_layers=4,
                         num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
                         tie_word_embeddings=True, bos_token_id=0, eos_token_id=0)
    model = LlamaForCausalLM(config)
    random.shuffle(lines)
    stream = torch.tensor([token for line in lines for token in tokenizer.encode(line).ids])
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
    for step in range(STEPS):
        starts = torch.randint(0, len(stream) - LENGTH, (ROWS,))
        ids = torch.stack([stream[s:s + LENGTH] for s in starts])
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 100 == 99:
            print(f"step {step + 1}: loss {loss.item():.3f}")
    base = HERE / "base"
    model.save_pretrained(base)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=EOS).save_pretrained(base)
    # What transformers 4 and 5 both know, in place of what the newest writes.
    settings = {"eos_token": EOS, "model_max_length": 512, "tokenizer_class": "PreTrainedTokenizerFast"}
    (base / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    print("bytes:", sum(file.stat().st_size for file in base.iterdir()))


if __name__ == "__main__":
    main()
