#!/usr/bin/env python3
"""Makes tests/testdata/base: the config.json and tokenizer files of a tiny Llama, for tests that need no weights.

The same bytes each time; needs the `tokenizers` package. Its post-processor trims offsets, as GPT-2's does: strata must
not be misled by that.
"""
import json
import pathlib

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

BASE = pathlib.Path(__file__).resolve().parent / "base"
TEXT = """¿Qué estudia la antropología? La antropología estudia al ser humano en su diversidad cultural y biológica.
### Instrucción:
Explica qué es la cultura.

### Respuesta:
La cultura es el conjunto de saberes, creencias y costumbres que un grupo aprende y transmite.
El trabajo de campo exige convivir con la comunidad, observar y escribir un diario.
Franz Boas defendió el relativismo cultural frente al evolucionismo del siglo XIX.
Malinowski vivió en las islas Trobriand y describió el intercambio del kula.
"""


def main():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<s>", "</s>"], show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(TEXT.splitlines(keepends=True), trainer)
    BASE.mkdir(exist_ok=True)
    (BASE / "tokenizer.json").write_text(tokenizer.to_str(pretty=False) + "\n", encoding="utf-8")
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": tokenizer.get_vocab_size(),
              "hidden_size": 16, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
              "hidden_act": "silu", "tie_word_embeddings": True, "bos_token_id": 0, "eos_token_id": 1,
              "torch_dtype": "float32"}
    (BASE / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    names = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
    (BASE / "tokenizer_config.json").write_text(json.dumps(names, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
