"""Goal: each sample configuration fits the machine that it is written for, and auto chooses there what one would. Method:
strata plan of the sample on a base of its size: the real model's config.json and the headers of its weights; the
weights themselves are holes in a sparse file, which plan never reads."""
import hashlib
import json
import os
import shutil
import struct

import branch

SAMPLES = branch.ROOT / "deploy/samples"
COMMON = {"hidden_act": "silu", "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2, "initializer_range": 0.02,
          "attention_dropout": 0.0, "max_position_embeddings": 2048, "torch_dtype": "bfloat16"}
LLAMA3 = {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192,
          "rope_type": "llama3"}


def config(family, sizes, **more):
    vocab, hidden, inner, layers, heads, kv_heads = sizes
    return {**COMMON, "architectures": [family.capitalize() + "ForCausalLM"], "model_type": family,
            "vocab_size": vocab, "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers,
            "num_attention_heads": heads, "num_key_value_heads": kv_heads, "tie_word_embeddings": False, **more}


# As published: vocabulary, hidden, feed-forward, layers, heads, heads of keys and values.
SMOLLM2 = config("llama", (49152, 960, 2560, 32, 15, 5), tie_word_embeddings=True, max_position_embeddings=8192)
TINYLLAMA = config("llama", (32000, 2048, 5632, 22, 32, 4))
LLAMA_8B = config("llama", (128256, 4096, 14336, 32, 32, 8), rope_theta=500000.0, rope_scaling=LLAMA3,
                  max_position_embeddings=131072)
QWEN_32B = config("qwen2", (152064, 5120, 27648, 64, 40, 8), rope_theta=1000000.0, max_position_embeddings=32768,
                  use_sliding_window=False)


def shapes_of(model):
    """Name and shape of every weight, as transformers names them."""
    hidden, inner, vocab = model["hidden_size"], model["intermediate_size"], model["vocab_size"]
    head = hidden // model["num_attention_heads"]
    keys = head * model["num_key_value_heads"]
    yield "model.embed_tokens.weight", [vocab, hidden]
    for layer in range(model["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        for name, out, into in (("self_attn.q_proj", hidden, hidden), ("self_attn.k_proj", keys, hidden),
                                ("self_attn.v_proj", keys, hidden), ("self_attn.o_proj", hidden, hidden),
                                ("mlp.gate_proj", inner, hidden), ("mlp.up_proj", inner, hidden),
                                ("mlp.down_proj", hidden, inner)):
            yield f"{at}{name}.weight", [out, into]
            if model["model_type"] == "qwen2" and name[-6:] in ("q_proj", "k_proj", "v_proj"):
                yield f"{at}{name}.bias", [out]
        yield f"{at}input_layernorm.weight", [hidden]
        yield f"{at}post_attention_layernorm.weight", [hidden]
    yield "model.norm.weight", [hidden]
    if not model["tie_word_embeddings"]:
        yield "lm_head.weight", [vocab, hidden]


def write_weights(file, model):
    """A bfloat16 safetensors file whose tensors are holes; gives their bytes."""
    header, end = {}, 0
    for name, shape in shapes_of(model):
        begin, size = end, 2
        for length in shape:
            size *= length
        end = begin + size
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(file, "wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        stream.truncate(8 + len(text) + end)
    return end


class SamplesTest(branch.BranchTest):
    def make_base(self, model):
        base = self.folder / "sized"
        base.mkdir()
        (base / "config.json").write_text(json.dumps(model))
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(branch.BASE / name, base)
        weights = write_weights(base / "model.safetensors", model)
        return base, weights

    def know_fingerprint(self, base):
        """Hashing tens of gigabytes of holes is the one thing of a plan that takes long: its cache says it was done."""
        known = {}
        for file in (base / "config.json", base / "model.safetensors"):
            found = os.stat(file)
            seconds, rest = divmod(found.st_mtime_ns, 10**9)
            known[str(self.branch / "base" / file.name)] = {
                "stamp": f"{found.st_dev}:{found.st_ino}:{found.st_size}:{seconds}.{rest}",
                "sha256": hashlib.sha256(file.name.encode()).hexdigest()}
        (self.branch / ".strata").mkdir()
        (self.branch / ".strata/base_sha256.json").write_text(json.dumps(known))

    def planned(self, sample, model):
        base, weights = self.make_base(model)
        (self.branch / "base").unlink()
        (self.branch / "base").symlink_to(base)
        self.know_fingerprint(base)
        settings = (SAMPLES / f"{sample}.yaml").read_text()
        # The bases here have a tokenizer without a template of its own.
        (self.branch / "branch.yaml").write_text(settings.replace("chat_template: model\n", ""))
        self.drop("train.jsonl", self.lines())
        plan = self.json("plan")
        terms = plan["memory_bytes"]
        self.assertLessEqual(plan["memory_estimate_bytes"], terms["budget"])
        if terms["on"] == "cuda":
            self.assertEqual(terms["weights"], weights)
        print(f"  {sample}: {plan['memory_estimate_bytes'] / 1e9:.1f} of {terms['budget'] / 1e9:.1f} GB, micro_batch_size "
              f"{plan['micro_batch_size']}, gradient_checkpointing {plan['gradient_checkpointing']}: "
              f"{plan['gradient_checkpointing_reason']}", flush=True)
        return plan

    def chosen(self, plan):
        return plan["micro_batch_size"], plan["gradient_checkpointing"]

    def test_a_laptop_keeps_most_of_its_memory(self):
        plan = self.planned("laptop", SMOLLM2)
        self.assertEqual((plan["memory_bytes"]["on"], self.chosen(plan)), ("cpu", (2, False)))
        self.assertLess(plan["memory_estimate_bytes"], 8e9)

    def test_a_gpu_of_16_gb_takes_the_original_systems_adapter_without_checkpointing(self):
        plan = self.planned("gpu_16gb", TINYLLAMA)
        self.assertEqual(plan["trainable_params"], 44154880)
        self.assertEqual(plan["memory_bytes"]["budget"], 14.4e9)
        self.assertEqual(self.chosen(plan), (8, False))

    def test_a_node_of_eight_gpus(self):
        plan = self.planned("node_8gpu", LLAMA_8B)
        self.assertEqual(plan["memory_bytes"]["budget"], 72e9)
        self.assertEqual(self.chosen(plan), (4, False))

    def test_four_nodes_compute_layers_again_where_weights_fill_the_gpus(self):
        plan = self.planned("four_nodes", QWEN_32B)
        self.assertEqual(self.chosen(plan), (1, True))
        self.assertIn("without it 1 row at once does not fit", plan["gradient_checkpointing_reason"])

    def test_each_sample_is_checked_here(self):
        self.assertEqual(sorted(path.stem for path in SAMPLES.iterdir()),
                         ["four_nodes", "gpu_16gb", "laptop", "node_8gpu"])


if __name__ == "__main__":
    branch.main()
