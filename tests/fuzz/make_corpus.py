#!/usr/bin/env python3
"""Writes the seeds of the fuzzers into corpus/ beside this file: real examples, and each kind of malformed one that
FAULTS of the readers name. The same bytes each time; run it after a format changed and commit what it wrote.

usage: make_corpus.py
"""
import hashlib
import json
import pathlib
import shutil
import struct

from messages_corpus import messages

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CORPUS = HERE / "corpus"


def write(fuzzer, seeds):
    folder = CORPUS / fuzzer
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in seeds.items():
        (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


def dataset():
    demo = ROOT / "deploy/demo/antropologia"
    lines = (demo / "training/train.jsonl").read_bytes().splitlines()
    good = '{"instruction": "¿Qué es el parentesco?", "output": "Un vínculo."}'
    talk = [{"role": "system", "content": "Sé breve."}, {"role": "user", "content": "Hola"},
            {"role": "assistant", "content": "Buenas"}]
    return {
        "real": b"\n".join(lines[:3]) + b"\n",
        "questions": b"\n".join((demo / "evaluation/questions.jsonl").read_bytes().splitlines()[:3]),
        "messages": json.dumps({"messages": talk}) + "\n",
        "prompt_lists": json.dumps({"prompt": talk[:2], "completion": talk[2:]}),
        "prompt_texts": '{"prompt": "a", "completion": "b"}\n{"question": "a", "answer": "b"}\n{"text": "c"}',
        "input": '{"instruction": "a", "input": "b", "output": "c", "tools": [], "tool_calls": null}',
        "tools": '{"messages": [], "tools": [{"name": "f"}], "reasoning_content": "x"}',
        "invalid_utf8": b'{"text": "\xc3("}\n{"text": "\xed\xa0\x80"}\n\xff\xfe\n',
        "half_surrogate": '{"text": "\\udc00"}\n{"text": "\\ud800"}\n{"text": "\\ud83d\\ude00"}',
        "nul": b'{"text": "a\x00b"}\n{"text": "a\\u0000b"}\n\x00\n',
        "byte_order_mark": b"\xef\xbb\xbf" + good.encode() + b"\n\xef\xbb\xbf" + good.encode(),
        "crlf": (good + "\r\n" + good + "\r\n\r\n\r").encode(),
        "cut_last_line": good + "\n" + good[:30],
        "long_line": '{"text": "' + "a" * 5000 + '"}',
        "deep": "[" * 3000 + "\n" + '{"a":' * 70 + "1" + "}" * 70,
        "duplicate_keys": '{"text": "a", "text": "b"}\n{"messages": [{"role": "user", "role": "user"}]}',
        "wrong_types": '{"text": 1}\n{"messages": {}}\n[1]\n"a"\n{"prompt": [], "completion": "a"}\n1e999\n-0\n',
        "roles": '{"messages": [{"role": "tool", "content": "a"}]}\n{"messages": [{"role": "assistant", "content": ""}]}',
        "spaces": '{"text": "\u00a0\u2003\u3000 a\u2028b \u0085"}\n \t\r\n{"text": "\u3000"}',
        "empty": b"",
    }


def safetensors_file(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors():
    prefix = "base_model.model.model.layers.0.self_attn.q_proj."
    one = {"a": tensor([2], 0, 8)}
    adapter = {prefix + "lora_A.weight": tensor([1, 4], 0, 16), prefix + "lora_B.weight": tensor([4, 1], 16, 32)}
    half = {prefix + "lora_A.default.weight": tensor([1, 4], 0, 8, "BF16"),
            prefix + "lora_B.default.weight": tensor([4, 1], 8, 16, "F16")}
    values = struct.pack("<8f", *range(8))
    return {
        "adapter": safetensors_file({"__metadata__": {"format": "pt"}, **adapter}, values),
        "adapter_of_halves": safetensors_file(half, values[:16]),
        "default_twice": safetensors_file({**adapter, prefix + "lora_A.default.weight": tensor([0, 4], 32, 32)}, values),
        "header_2_63": safetensors_file(one, b"\0" * 8, 1 << 63),
        "header_2_64": safetensors_file(one, b"\0" * 8, (1 << 64) - 1),
        "header_100_mb": safetensors_file(one, b"\0" * 8, 100_000_000),
        "header_beyond_file": safetensors_file(one, b"\0" * 8, 4096),
        "overlap": safetensors_file({"a": tensor([2], 0, 8), "b": tensor([2], 4, 12)}, b"\0" * 12),
        "hole": safetensors_file({"a": tensor([2], 0, 8), "b": tensor([2], 12, 20)}, b"\0" * 20),
        "bytes_after": safetensors_file(one, b"\0" * 9),
        "bytes_missing": safetensors_file(one, b"\0" * 4),
        "shape_overflows": safetensors_file({"a": tensor([1 << 62, 4], 0, 0)}),
        "shape_negative_or_huge": safetensors_file({"a": tensor([(1 << 64) - 1, 0], 0, 0), "b": tensor([0], 0, 0)}),
        "offsets_backwards": safetensors_file({"a": tensor([2], 8, 0)}, b"\0" * 8),
        "unknown_dtype": safetensors_file({"a": tensor([2], 0, 8, "F33")}, b"\0" * 8),
        "other_dtypes": safetensors_file({"a": tensor([8], 0, 8, "F8_E4M3"), "b": tensor([1], 8, 16, "I64")}, b"\0" * 16),
        "path_as_name": safetensors_file({"../a": tensor([2], 0, 8)}, b"\0" * 8),
        "no_json": safetensors_file(b"{\"a\":", b""),
        "deep": safetensors_file(b"{\"a\":" + b"[" * 2000, b""),
        "none": safetensors_file({}),
        "of_nothing": safetensors_file({"a": tensor([0, 4], 0, 0), "b": tensor([0], 0, 0, "F16")}),
        "short": b"\x01\0\0",
    }


def config_json():
    base = json.loads((ROOT / "tests/testdata/base/config.json").read_text())
    published = json.loads((ROOT / "tests/worker/parity/published_configs.json").read_text())
    configs = published if isinstance(published, dict) else {str(i): c for i, c in enumerate(published)}
    seeds = {"base": json.dumps(base)}
    for name, config in configs.items():
        config = config.get("config", config) if isinstance(config, dict) else config
        kind = str(config.get("model_type", name)).replace("/", "_")
        seeds.setdefault("published_" + kind, json.dumps(config))
    for name, change in {
            "huge_sizes": {"hidden_size": 1 << 40, "num_hidden_layers": 1 << 31}, "zero_heads": {"num_attention_heads": 0},
            "negative": {"hidden_size": -4}, "many_layers": {"num_hidden_layers": 1 << 24},
            "rope_nan": {"rope_theta": 1e308, "rope_scaling": {"rope_type": "linear", "factor": 1e-308}},
            "longrope": {"rope_scaling": {"type": "longrope", "short_factor": [1, 1], "long_factor": [1, 2],
                                          "factor": 1e300}, "original_max_position_embeddings": 1},
            "llama3": {"rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
                                        "high_freq_factor": 4, "original_max_position_embeddings": 8192}},
            "nested_rope": {"rope_parameters": {"full_attention": {"rope_type": "default"}, "sliding_attention": 1}},
            "wrong_types": {"rms_norm_eps": "a", "rope_scaling": [], "layer_types": 4},
            "partial_rotary": {"partial_rotary_factor": 1e-9}, "two_architectures": {"architectures": ["a", "b"]}}.items():
        seeds[name] = json.dumps({**base, **change})
    seeds["deep"] = '{"a":' * 2000
    seeds["not_an_object"] = "[1]"
    seeds["cut"] = json.dumps(base)[:60]
    return seeds


def branch_yaml():
    sample = (ROOT / "deploy/branch.sample.yaml").read_text()
    lines = [line for line in sample.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    demo = (ROOT / "deploy/demo/antropologia/branch.yaml").read_text()
    return {
        "demo": demo,
        "sample": "\n".join(line.split("  #")[0] for line in lines)[:4000],
        "tiers": "model_name_or_path: m\ntiers:\n  - name: a\n    match: ['*a*']\n    order: [a.jsonl]\n"
                 "    num_train_epochs: 2\n  - {name: b, match: [b]}\ndatasets:\n  - {file: a.jsonl, exclude: true}\n",
        "extends": "extends: shared.yaml\nlora_r: 8\n",
        "extends_itself": "extends: branch.yaml\n",
        "override": "lora_r=8\nmodel_name_or_path: m\n",
        "override_list": "lora_target_modules=[q_proj, v_proj]\n",
        "anchors": "a: &a [1, 2]\nb: *a\nmodel_name_or_path: *b\n<<: *a\n",
        "alias_bomb": "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: &d [*c, *c]\nlora_r: *d\n",
        "itself": "a: &a [*a]\nlora_r: *a\n",
        "deep": "lora_r: " + "[" * 600,
        "deep_map": "{a: " * 300,
        "deep_block": "- " * 300 + "a",
        "twice": "lora_r: 4\nlora_r: 8\n",
        "two_documents": "---\nlora_r: 4\n---\nlora_r: 5\n",
        "nul": b"lora_r: 4\x00\nseed: 1\n",
        "invalid_utf8": b"name: \xff\xfe\nlora_r: 4\n",
        "byte_order_mark": b"\xef\xbb\xbflora_r: 4\nmodel_name_or_path: m\n",
        "utf16": "lora_r: 4\n".encode("utf-16"),
        "numbers": "model_name_or_path: m\nlearning_rate: 1e-4\nseed: 18446744073709551615\nlora_r: 0x10\nlora_alpha: .inf\n",
        "key_is_a_list": "? [a, b]\n: c\n? {a: b}\n",
        "block_texts": "name: |\n  a\n  b\nchat_template: >-\n  c\n",
        "tags": "lora_r: !!str 4\nname: !<tag:a> b\nseed: !!int \"3\"\n",
        "quotes": "model_name_or_path: 'it''s'\nname: \"a\\n\\u00e9\\x41\"\n",
        "begins_nothing": ",extends:: banch.yaml",
        "empty": "",
    }


def signed(events):
    lines, prev = [], "0" * 64
    for seq, (kind, body) in enumerate(events, 1):
        text = json.dumps({"format": 1, "seq": seq, "prev": prev, "kind": kind, "time": "2026-01-01T00:00:00Z",
                           "body": body}, separators=(",", ":"))[:-1]
        prev = hashlib.sha256(text.encode()).hexdigest()
        lines.append(text + ',"hash":"' + prev + '"}')
    return "\n".join(lines) + "\n"


def ledger():
    sha = "ab" * 32
    stage = {"dataset": "train.jsonl", "tier": "base", "sha256": sha, "pass": 0, "examples": 3, "epochs": 1, "loss": 1.5}

    def commit(version, parent, backups=(), parked=False):
        return ("commit", {"version": version, "parent": parent, "run": f"r{version}", "parked": parked,
                           "manifest_sha256": sha, "adapter_digest": sha, "base_fingerprint": sha, "stages": [stage],
                           "backups": [{"name": n, "version": parent} for n in backups]})
    life = [("begin", {"version": 1, "run": "r1"}), commit(1, 0), commit(2, 1, ["backup_current_20260101_000000"]),
            ("backups", {"version": 2}), ("pin", {"pin": "good", "version": 1}),
            ("restore", {"version": 1, "name": "v0001", "held": [sha]}), ("release", {"sha256": sha}),
            ("exclude", {"dataset": "a.jsonl"}), ("include", {"dataset": "a.jsonl"}), commit(3, 1, parked=True),
            ("unpin", {"pin": "good"}), ("unpinned", {"pin": "good"}),
            ("prune", {"backups": ["backup_current_20260101_000000"], "versions": [3]}),
            ("pruned", {"backups": ["backup_current_20260101_000000"], "versions": [3]})]
    whole = signed(life)

    def folded(*events):
        return "\n".join(json.dumps({"kind": kind, "body": body}) for kind, body in events)
    return {
        "life": whole,
        "torn": whole[:-40],
        "forged": whole.replace('"version":2', '"version":9', 1),
        "dropped": "\n".join(whole.splitlines()[1:]),
        "folded_life": folded(*life),
        "one_begin": folded(life[0]),
        "one_commit": folded(life[1]),
        "run_is_a_path": folded(("begin", {"version": 1, "run": "../../etc"})),
        "parent_is_itself": folded(commit(1, 1)),
        "parent_is_later": folded(commit(2, 0), commit(1, 2), commit(3, 1)),
        "version_0": folded(commit(0, 0)),
        "version_2_32": folded(commit(1 << 32, 0)),
        "negative": folded(commit(-1, -1)),
        "backup_is_a_path": folded(commit(1, 0), commit(2, 1, ["../x"])),
        "prune_current": folded(commit(1, 0), ("prune", {"backups": [], "versions": [1]})),
        "pin_is_a_path": folded(commit(1, 0), ("pin", {"pin": "../x", "version": 1})),
        "unknown_kind": folded(("explode", {})),
        "body_is_a_list": folded(("commit", [1, 2]), ("prune", {"backups": {}, "versions": {"a": 1}})),
        "first_line_unsigned": signed(life[:1]).split(',"hash"')[0],
        "format_2": '{"format":2,"seq":1,"prev":"' + "0" * 64 + '","kind":"a","time":"","body":{}',
        "empty_lines": "\n\n\n",
    }


def documents():
    sha = "cd" * 32
    stage = {"dataset": "train.jsonl", "tier": "base", "sha256": sha, "pass": 0, "learning_rate": 2e-4,
             "held_out_examples": [3], "held_out_tokens": [5], "held_out_steps": 1, "steps": [2, 1], "complete_epochs": 1,
             "rows": [3, 2], "warmup_steps": 1, "decay_steps": 0, "tokens": 30, "supervised_tokens": 9, "bad_lines": 0,
             "refused_too_long": 0, "refused_unsupervised": 0, "held_out": 1, "truncated": 0, "duplicates_within": 0,
             "duplicates_across": 0, "known_elsewhere": 0, "already_trained": 0, "not_reached": 0,
             "examples": [0, 1, 2], "example_tokens": [10, 10, 10]}
    plan = {"format": 2, "parent": 0, "rebuild": False, "max_length": 16, "global_batch_size": 2, "packing": True,
            "lr_scheduler_type": "cosine", "min_lr_rate": 0.0, "lr_decay_type": "cosine", "seed": 42, "eval_steps": 0,
            "early_stopping_patience": 0, "stages": [stage],
            "skipped": [{"dataset": "b.jsonl", "tier": "", "reason": "trained", "is_error": False}]}
    peft = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "m", "r": 8, "lora_alpha": 16,
            "lora_dropout": 0.05, "target_modules": ["q_proj", "v_proj"], "bias": "none", "use_rslora": True}
    manifest = {"format": 1, "version": 2, "parent": 1, "run": "r", "base_fingerprint": sha, "adapter_digest": sha,
                "files": {"adapter_config.json": {"bytes": 10, "sha256": sha}}}
    metadata = {"adapter_name": "a", "last_dataset": "a.jsonl", "total_examples_trained": 3, "total_epochs": 2,
                "best_loss": 1.25, "eval_loss": 1.5, "ended_early": "why",
                "evaluations": [{"after_steps": 3, "loss": 1.5}],
                "training_history": [{"dataset": "a.jsonl", "examples": 3, "epochs": 2, "loss": 1.25}],
                "imported_from": {"folder": "x"}, "portability": {"peft": {"ok": True, "notes": []}}}

    def index(*files):
        return json.dumps({"metadata": {"total_size": 1}, "weight_map": {f"t{i}": f for i, f in enumerate(files)}})

    def planned(**change):
        return json.dumps({**plan, "stages": [{**stage, **change}]})
    return {
        "plan": json.dumps(plan), "plan_stable_decay": json.dumps({**plan, "lr_scheduler_type": "warmup_stable_decay"}),
        "plan_huge_steps": planned(steps=[4294967295, 4294967295]), "plan_huge_tokens": planned(example_tokens=[4294967295] * 3),
        "plan_rows_beyond": planned(rows=[1 << 63, 2]), "plan_twice": planned(examples=[1, 1, 1]),
        "plan_no_batch": json.dumps({**plan, "global_batch_size": 0}), "plan_negative": json.dumps({**plan, "seed": -1}),
        "peft": json.dumps(peft), "peft_dora": json.dumps({**peft, "use_dora": True}),
        "peft_huge_r": json.dumps({**peft, "r": 1 << 62}), "peft_r_text": json.dumps({**peft, "r": "8", "lora_alpha": 1e308}),
        "peft_unknown": json.dumps({**peft, "later_key": {"a": 1}, "init_lora_weights": "pissa_niter_4"}),
        "manifest": json.dumps(manifest),
        "manifest_outside": json.dumps({**manifest, "files": {"../x": {"bytes": 1, "sha256": sha}}}),
        "manifest_negative": json.dumps({**manifest, "files": {"..": {"bytes": -1, "sha256": sha}}}),
        "metadata": json.dumps(metadata),
        "metadata_odd": json.dumps({"training_history": {"a": 1}, "evaluations": [1, "a", {}], "best_loss": "x",
                                    "total_epochs": 1 << 63}),
        "index": index("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"),
        "index_outside": index("../other.safetensors"), "index_absolute": index("/etc/passwd"), "index_parent": index(".."),
        "index_wrong": json.dumps({"weight_map": [1, {}, None]}),
        "tokenizer_config": json.dumps({"chat_template": [{"name": "default", "template": "{{ a }}"}],
                                        "eos_token": {"content": "</s>"}, "bos_token": "<s>",
                                        "added_tokens_decoder": {"0": {"content": "<s>", "special": True}}}),
        "generation_config": json.dumps({"eos_token_id": [1, 2, 4294967295]}),
        "generation_config_odd": json.dumps({"eos_token_id": [-1, 1.5, "a"]}),
        "deep": "[" * 5000, "deep_objects": '{"a":' * 70 + "1" + "}" * 70,
        "duplicate_keys": '{"r": 1, "r": 2, "lora_alpha": 1, "lora_alpha": "a"}',
        "many_keys": "{" + ",".join(f'"{i}":0' for i in range(900)) + "}",
        "invalid_utf8": b'{"run": "\xff", "a": "\xc3"}', "nul": b'{"a\\u0000": "\x00"}', "byte_order_mark": b"\xef\xbb\xbf{}",
        "numbers": "[1e308, -0.0, 18446744073709551615, -9223372036854775808, 1e999, 5e-324]",
    }


def token_file(examples, lie=None):
    bodies, index = b"", b""
    for ids, spans in examples:
        flat = [edge for span in spans for edge in span]
        supervised = sum(end - begin for begin, end in spans) % (1 << 32)
        index += struct.pack("<QIIQ", len(bodies), len(ids), supervised, 0)
        bodies += struct.pack(f"<II{len(ids)}I{len(flat)}I", len(ids), len(spans), *ids, *flat)
    if lie:
        bodies, index = lie(bodies, index)
    footer = struct.pack("<8sQQ", b"STRTOK02", len(bodies), len(index) // 24) + hashlib.sha256(index).digest()
    return bodies + index + footer


def binaries():
    some = [([5, 6, 7, 1], [(2, 4)]), ([], []), ([9, 1, 8, 1, 3, 3], [(1, 2), (3, 4)])]

    def huge(bodies, index):
        return struct.pack("<II", 0xFFFFFFFF, 0xFFFFFFFF) + bodies[8:], struct.pack("<QIIQ", 0, 0xFFFFFFFF, 1, 0) + index[24:]

    def trained(datasets, count=None):
        data = b"STRATAEX" + struct.pack("<II", 1, len(datasets) if count is None else count)
        for name, digests in datasets:
            data += struct.pack("<I", len(name)) + name + struct.pack("<Q", len(digests))
            data += b"".join(struct.pack("<QQ", *digest) for digest in digests)
        return data
    good = [(b"a.jsonl", [(1, 2), (1, 3)]), (b"b.jsonl", [])]
    return {
        "tokens": token_file(some), "tokens_none": token_file([]),
        "tokens_huge": token_file(some, huge), "tokens_cut": token_file(some)[:-7],
        "tokens_span_beyond": token_file([([1, 2], [(1, 9)])]), "tokens_span_backwards": token_file([([1, 2, 3], [(2, 1)])]),
        "tokens_spans_overlap": token_file([([1, 2, 3, 4], [(1, 3), (2, 4)])]),
        "tokens_offset_beyond": token_file(some, lambda b, i: (b, struct.pack("<Q", 1 << 63) + i[8:])),
        "tokens_count_2_63": token_file(some)[:-40] + struct.pack("<Q", 1 << 63) + token_file(some)[-32:],
        "trained": trained(good), "trained_none": trained([]), "trained_cut": trained(good)[:-3],
        "trained_more": trained(good) + b"\0", "trained_count": trained(good, 0xFFFFFFFF),
        "trained_twice": trained(good[:1] * 2), "trained_unsorted": trained([(b"a", [(2, 1), (1, 1)])]),
        "trained_huge": trained([])[:12] + struct.pack("<II", 1, 1) + b"a" + struct.pack("<Q", 1 << 60),
        "trained_huge_name": b"STRATAEX" + struct.pack("<III", 1, 1, 0xFFFFFFFF),
    }


DICTIONARIES = {
    "dataset": ["messages", "role", "content", "user", "assistant", "system", "instruction", "input", "output", "prompt",
                "completion", "question", "answer", "text", "tools", "keywords", "level"],
    "safetensors": ["dtype", "shape", "data_offsets", "F32", "BF16", "F16", "__metadata__", ".default", "lora_A", "lora_B"],
}


def config_words():
    text = (ROOT / "common/config_json.cc").read_text() + (ROOT / "common/rope_json.cc").read_text()
    text += (ROOT / "common/layer_windows.cc").read_text() + (ROOT / "common/model_family.cc").read_text()
    return sorted({part for part in text.split('"')[1::2] if part.replace("_", "").isalnum()})


def main():
    for fuzzer, seeds in {"dataset": dataset(), "safetensors": safetensors(), "config_json": config_json(),
                          "branch_yaml": branch_yaml(), "ledger": ledger(), "documents": documents(),
                          "binaries": binaries(), "messages": messages()}.items():
        write(fuzzer, seeds)
    keys = [line.split(":")[0].strip("# ") for line in (ROOT / "deploy/branch.sample.yaml").read_text().splitlines()
            if ":" in line]
    words = {**DICTIONARIES, "config_json": config_words(),
             "branch_yaml": sorted({key for key in keys if key.replace("_", "").isalnum()}) + ["extends", "&a", "*a", "<<"]}
    for fuzzer, entries in words.items():
        (CORPUS / f"{fuzzer}.dict").write_text("".join(f'"{entry}"\n' for entry in entries))


if __name__ == "__main__":
    main()
