"""Goal: a base of any family is trained as it is: PEFT's adapter on it is taken in, measured, trained on and given back,
and merged into the base's weights. Method: the tiny models of tests/worker/parity/families.py with the tests' tokenizer,
in one file or sharded; the real PEFT before and after."""
import copy
import shutil
import sys

import branch
import nll
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

sys.path.insert(0, str(branch.ROOT / "tests/worker/parity"))
import families  # noqa: E402

SHARDED = {"llama", "qwen3", "phi3", "gemma2"}


class FamiliesTest(branch.BranchTest):
    def make_base(self, family):
        """A base with the tests' tokenizer; gives its folder."""
        folder = self.folder / family
        shutil.copytree(branch.BASE, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
        config = copy.deepcopy(families.CONFIGS[family])
        config.vocab_size, config.max_position_embeddings = len(AutoTokenizer.from_pretrained(folder)), 512
        torch.manual_seed(11)
        AutoModelForCausalLM.from_config(config).save_pretrained(
            folder, max_shard_size="150KB" if family in SHARDED else "5GB")
        self.assertEqual(family in SHARDED, (folder / "model.safetensors.index.json").exists())
        return folder

    def make_adapter(self, base):
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(
            r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.data.normal_(0, 0.1)
        model.save_pretrained(self.folder / "adapter")
        return self.folder / "adapter"

    def peft_loss(self, base, adapter, lines):
        model = AutoModelForCausalLM.from_pretrained(base, attn_implementation="eager")
        model = PeftModel.from_pretrained(model, adapter).eval()
        with torch.no_grad():
            return nll.nll(model, AutoTokenizer.from_pretrained(base), lines)

    def expect_the_loss_of_peft(self, base, adapter, lines):
        ours = self.json("evaluate", "--adapter", str(adapter), "--data", str(self.branch / "training/train.jsonl"))
        theirs, tokens = self.peft_loss(base, adapter, lines)
        self.assertEqual(ours["tokens"], tokens)
        self.assertLess(abs(ours["loss"] - theirs) / theirs, 1e-4)
        return theirs

    def train(self, family):
        base, lines = self.make_base(family), self.lines(end=8)
        self.drop("train.jsonl", lines)
        settings = branch.SETTINGS.replace("model_name_or_path: base", f"model_name_or_path: {base}")
        (self.branch / "branch.yaml").write_text(settings.replace("lora_dropout: 0.05", "lora_dropout: 0"))
        adapter = self.make_adapter(base)
        before = self.expect_the_loss_of_peft(base, adapter, lines)
        self.run_strata("import", str(adapter))
        self.run_strata("train")
        current = self.adapters() / "current"
        self.assertEqual(set(load_file(current / "adapter_model.safetensors")),
                         set(load_file(adapter / "adapter_model.safetensors")))
        after = self.expect_the_loss_of_peft(base, current, lines)
        self.assertLess(after, before)
        self.run_strata("export", "--merged", str(self.folder / "merged"))
        model = AutoModelForCausalLM.from_pretrained(self.folder / "merged", attn_implementation="eager").eval()
        with torch.no_grad():
            merged, _ = nll.nll(model, AutoTokenizer.from_pretrained(base), lines)
        self.assertLess(abs(merged - after) / after, 1e-4)

    def test_a_part_of_a_fused_projection_alone_is_refused_with_the_names_there_are(self):
        base = self.make_base("phi3")
        self.drop("train.jsonl", self.lines())
        (self.branch / "branch.yaml").write_text(
            branch.SETTINGS.replace("model_name_or_path: base", f"model_name_or_path: {base}"))
        said = self.run_strata("plan", "--set", "lora_target_modules=[q_proj, v_proj]", code=78)
        self.assertIn("no projection 'q_proj'; it has qkv_proj, o_proj, gate_up_proj, down_proj", said)


def add(family):
    name = f"test_{family}_is_trained_from_pefts_adapter_and_given_back"
    setattr(FamiliesTest, name, lambda self: self.train(family))


for each in families.CONFIGS:
    add(each)


if __name__ == "__main__":
    branch.main()
