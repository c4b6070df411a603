#!/usr/bin/env python3
"""Makes the base that the tests of this folder train on: a Llama of random weights with a byte-level BPE tokenizer.

usage: make_base.py DIR
Small enough that a training takes seconds, and float32, so that figures can be compared closely; weights large enough
that an adapter changes what it says. The same weights each time.
"""
import json
import pathlib
import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TRAINING = pathlib.Path(__file__).resolve().parents[2] / "deploy/demo/antropologia/training"


def main():
    base = pathlib.Path(sys.argv[1])
    torch.manual_seed(7)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    lines = [line for file in sorted(TRAINING.glob("train*.jsonl")) for line in file.read_text("utf-8").splitlines()]
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=2048, special_tokens=["<|fin|>"], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    LlamaForCausalLM(LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=128, intermediate_size=352, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=True,
        bos_token_id=0, eos_token_id=0, initializer_range=0.08)).save_pretrained(base)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|fin|>").save_pretrained(base)
    settings = {"eos_token": "<|fin|>", "model_max_length": 512, "tokenizer_class": "PreTrainedTokenizerFast"}
    (base / "tokenizer_config.json").write_text(json.dumps(settings) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
