"""Goal: PEFT loads `current` as it is and measures what strata measures. Method: the real PEFT on the same base."""
import branch
import nll
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer


class PeftTest(branch.BranchTest):
    def test_peft_loads_every_key_and_agrees_on_the_loss(self):
        lines = self.lines()
        self.drop("train.jsonl", lines)
        self.run_strata("train", "--workers", "2")
        current = self.adapters() / "current"
        model = AutoModelForCausalLM.from_pretrained(branch.BASE, dtype=torch.float32)
        model = PeftModel.from_pretrained(model, current).eval()
        theirs = {name.replace(".default", "") for name, _ in model.named_parameters() if "lora_" in name}
        self.assertEqual(theirs, set(load_file(current / "adapter_model.safetensors")))
        with torch.no_grad():
            loss, tokens = nll.nll(model, AutoTokenizer.from_pretrained(branch.BASE), lines)
        ours = self.json("evaluate", "--data", str(self.branch / "training/train.jsonl"))
        self.assertEqual(ours["tokens"], tokens)
        self.assertLess(abs(ours["loss"] - loss) / loss, 1e-4)


if __name__ == "__main__":
    branch.main()
