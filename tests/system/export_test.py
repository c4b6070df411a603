"""Goal: what `strata export` writes is loaded by the field's programs and is the model that strata measured. Method:
the real transformers and PEFT on exports of small branches, over bases in one file and in shards, in fp32, bf16 and
fp16; and the rules of llama.cpp's converter read by a reader written here."""
import json
import os
import shutil
import signal
import struct
import subprocess

import branch
import nll
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
INTEGERS = {torch.bfloat16: torch.int16, torch.float16: torch.int16}


def read_safetensors(path):
    """(metadata, {name: tensor} in the order of the file), by the format's own description."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", None)
    tensors = {}
    for name, info in header.items():
        begin, end = info["data_offsets"]
        raw = bytearray(data[8 + size + begin:8 + size + end])
        tensors[name] = torch.frombuffer(raw, dtype=DTYPES[info["dtype"]]).reshape(info["shape"])
    return metadata, tensors


def steps_apart(a, b):
    """How many numbers of their format lie between a and b, element by element."""
    integers = [x.view(INTEGERS[x.dtype]).to(torch.int64) for x in (a, b)]
    ordered = [torch.where(i < 0, -(i & 0x7FFF), i) for i in integers]
    return (ordered[0] - ordered[1]).abs()


class ExportTest(branch.BranchTest):
    def use_base(self, dtype=torch.float32, shard_size="5GB"):
        """Gives the branch a base of its own: the tests', in `dtype` and in shards of `shard_size`."""
        base = self.branch / "base"
        base.unlink()
        model = AutoModelForCausalLM.from_pretrained(branch.BASE, dtype=dtype)
        model.save_pretrained(base, max_shard_size=shard_size)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(branch.BASE / name, base)
        return base

    def train(self, lines=None):
        self.drop("train.jsonl", lines or self.lines())
        self.run_strata("train", "--set", "learning_rate=5e-3")

    def export(self, *arguments, code=0):
        return self.run_strata("export", str(self.folder / "out"), *arguments, code=code)

    def merged_and_peft(self, dtype=torch.float32):
        """The logits of both over the same ids, and the texts' tokenizer."""
        self.train()
        self.export("--merged")
        merged = AutoModelForCausalLM.from_pretrained(self.folder / "out", dtype=dtype).eval()
        base = AutoModelForCausalLM.from_pretrained(self.branch / "base", dtype=dtype)
        peft = PeftModel.from_pretrained(base, self.adapters() / "current").eval()
        tokenizer = AutoTokenizer.from_pretrained(self.folder / "out")
        ids = tokenizer([json.loads(self.lines()[0])["output"]], return_tensors="pt").input_ids
        with torch.no_grad():
            return merged(ids).logits, peft(ids).logits

    def test_an_adapter_gives_in_peft_the_loss_that_evaluate_measured(self):
        lines = self.lines()
        self.train(lines)
        self.export()
        base = AutoModelForCausalLM.from_pretrained(branch.BASE, dtype=torch.float32)
        model = PeftModel.from_pretrained(base, self.folder / "out").eval()
        tokenizer = AutoTokenizer.from_pretrained(self.folder / "out")
        with torch.no_grad():
            loss, tokens = nll.nll(model, tokenizer, lines)
        ours = self.json("evaluate", "--data", str(self.branch / "training/train.jsonl"))
        self.assertEqual(ours["tokens"], tokens)
        self.assertLess(abs(ours["loss"] - loss) / loss, 1e-4)

    def test_its_chat_template_writes_the_prompts_of_the_training(self):
        self.train()
        self.export()
        tokenizer = AutoTokenizer.from_pretrained(self.folder / "out")
        text = tokenizer.apply_chat_template([{"role": "user", "content": "Q"}], tokenize=False,
                                             add_generation_prompt=True)
        self.assertEqual(text, "### Instrucción:\nQ\n\n### Respuesta:\n")

    def test_a_merged_base_of_one_file_equals_base_and_adapter(self):
        merged, peft = self.merged_and_peft()
        self.assertGreater((peft - self.base_logits()).abs().max().item(), 0.1)
        self.assertLess((merged - peft).abs().max().item(), 1e-4)

    def base_logits(self):
        tokenizer = AutoTokenizer.from_pretrained(branch.BASE)
        ids = tokenizer([json.loads(self.lines()[0])["output"]], return_tensors="pt").input_ids
        model = AutoModelForCausalLM.from_pretrained(branch.BASE, dtype=torch.float32).eval()
        with torch.no_grad():
            return model(ids).logits

    def test_a_merged_base_in_shards_has_the_bases_files(self):
        base = self.use_base(shard_size="800KB")
        merged, peft = self.merged_and_peft()
        self.assertLess((merged - peft).abs().max().item(), 1e-4)
        out = self.folder / "out"
        shards = sorted(path.name for path in base.glob("*.safetensors"))
        self.assertGreater(len(shards), 3)
        self.assertEqual(sorted(path.name for path in out.glob("*.safetensors")), shards)
        index = "model.safetensors.index.json"
        self.assertEqual((out / index).read_bytes(), (base / index).read_bytes())
        for name in shards:
            theirs, ours = read_safetensors(base / name), read_safetensors(out / name)
            self.assertEqual(ours[0], theirs[0])
            self.assertEqual(list(ours[1]), list(theirs[1]))
            for tensor, value in theirs[1].items():
                self.assertEqual(ours[1][tensor].dtype, value.dtype)
                self.assertEqual(torch.equal(ours[1][tensor], value), "_proj" not in tensor, tensor)

    def check_half(self, dtype):
        """Nearly all weights are PEFT's own, and the fp32 sum rounded once: fp32 sums of another order may fall on the
        other side of a tie."""
        self.use_base(dtype)
        self.train()
        self.export("--merged")
        exact = AutoModelForCausalLM.from_pretrained(self.branch / "base", dtype=torch.float32)
        exact = PeftModel.from_pretrained(exact, self.adapters() / "current").merge_and_unload().state_dict()
        theirs = AutoModelForCausalLM.from_pretrained(self.branch / "base", dtype=dtype)
        theirs = PeftModel.from_pretrained(theirs, self.adapters() / "current").merge_and_unload().state_dict()
        ours = read_safetensors(self.folder / "out/model.safetensors")[1]
        base = read_safetensors(self.branch / "base/model.safetensors")[1]
        changed = equal = near = right = count = 0
        for name, tensor in ours.items():
            if "_proj" not in name:
                continue
            apart = steps_apart(tensor, theirs[name])
            equal, near, count = equal + (apart == 0).sum(), near + (apart <= 1).sum(), count + apart.numel()
            changed += (tensor != base[name]).sum()
            right += (steps_apart(tensor, exact[name].to(dtype)) == 0).sum()
        print(f"{dtype}: of {count} weights {100 * changed / count:.1f} % changed, {100 * equal / count:.4f} % equal "
              f"PEFT's, {100 * near / count:.4f} % within a step; {100 * right / count:.4f} % the fp32 sum rounded once")
        self.assertGreater(changed / count, 0.2)
        self.assertGreater(near / count, 0.9999)
        self.assertGreater(right / count, 0.9999)

    def test_a_merged_bfloat16_base_is_rounded_once(self):
        self.check_half(torch.bfloat16)

    def test_a_merged_float16_base_is_rounded_once(self):
        self.check_half(torch.float16)

    def test_an_adapter_keeps_the_rules_of_llama_cpps_converter(self):
        """convert_lora_to_gguf.py: every tensor is base_model.model.NAME.lora_A|lora_B.weight, in pairs of one rank;
        A is [r, in], B is [out, r] of a weight that the base has; alpha is lora_alpha and the scale alpha / r; q and k
        are permuted by heads, so B's rows must be whole heads; and nothing beside LoRA is in the file."""
        self.train()
        self.export()
        config = json.loads((self.folder / "out/adapter_config.json").read_text())
        self.assertEqual((config["r"], config["lora_alpha"], config["use_rslora"]), (8, 16, False))
        model = json.loads((branch.BASE / "config.json").read_text())
        base = read_safetensors(branch.BASE / "model.safetensors")[1]
        _, tensors = read_safetensors(self.folder / "out/adapter_model.safetensors")
        pairs = {}
        for name, tensor in tensors.items():
            self.assertTrue(name.startswith("base_model.model.") and name.endswith(".weight"), name)
            weight, which = name.removeprefix("base_model.model.").removesuffix(".weight").rsplit(".", 1)
            self.assertIn(which, ("lora_A", "lora_B"))
            pairs.setdefault(weight + ".weight", {})[which] = tensor
        self.assertEqual(set(pairs), {name for name in base if "_proj" in name})
        for name, pair in pairs.items():
            a, b = pair["lora_A"], pair["lora_B"]
            self.assertEqual((b.shape[0], a.shape[1]), tuple(base[name].shape), name)
            self.assertEqual((a.shape[0], b.shape[1]), (8, 8), name)
            for heads, part in ((model["num_attention_heads"], "q_proj"), (model["num_key_value_heads"], "k_proj")):
                if part in name:
                    self.assertEqual(b.shape[0] % (2 * heads), 0, name)

    def test_what_cannot_be_exported_is_said_and_leaves_nothing(self):
        self.assertIn("no adapter yet", self.export(code=69))
        self.train()
        self.assertIn("no version, backup or pin named 'v0009'", self.export("--version", "v0009", code=69))
        (self.folder / "out").mkdir()
        (self.folder / "out/theirs").write_text("x")
        self.assertIn("is not empty", self.export(code=73))
        self.assertEqual([path.name for path in (self.folder / "out").iterdir()], ["theirs"])
        self.assertEqual([path.name for path in self.folder.glob(".*")], [])

    def pad_base(self, extra_bytes):
        """Gives the base a tensor that nobody reads, so that merging takes a while; a hole on disk."""
        path = self.use_base() / "model.safetensors"
        data = path.read_bytes()
        size = struct.unpack("<Q", data[:8])[0]
        header, body = json.loads(data[8:8 + size]), data[8 + size:]
        header["unread"] = {"dtype": "U8", "shape": [extra_bytes],
                            "data_offsets": [len(body), len(body) + extra_bytes]}
        text = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + body)
        os.truncate(path, 8 + len(text) + len(body) + extra_bytes)

    def test_a_merge_that_is_interrupted_leaves_nothing(self):
        self.pad_base(512 << 20)
        self.train()
        command = [branch.STRATA, "export", "-C", str(self.branch), str(self.folder / "out"), "--merged"]
        for sent, code in ((signal.SIGINT, 75), (signal.SIGKILL, -9)):
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            half = self.folder / ".out.incoming/model.safetensors"
            while not half.exists():  # a look every 50 ms may come too late
                self.assertIsNone(process.poll())
            process.send_signal(sent)
            self.assertEqual(process.wait(60), code)
            self.assertFalse((self.folder / "out").exists())
            self.assertEqual(half.exists(), sent == signal.SIGKILL)
        self.export("--merged")
        self.assertEqual([path.name for path in self.folder.glob(".*")], [])

    def test_json_says_where_what_and_how(self):
        self.train()
        said = self.json("export", str(self.folder / "out"))
        self.assertEqual(said["files"], sorted(path.name for path in (self.folder / "out").iterdir()))
        self.assertEqual(said["bytes"], sum(path.stat().st_size for path in (self.folder / "out").iterdir()))
        self.assertEqual((said["folder"], said["version"], said["merged"]), (str(self.folder / "out"), "v0001", False))
        self.assertIn("--enable-lora --max-lora-rank 8 --lora-modules branch=" + str(self.folder / "out"),
                      said["commands"]["vllm"])


if __name__ == "__main__":
    branch.main()
