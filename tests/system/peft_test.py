"""Goal: PEFT loads `current` as it is and measures what strata measures. Method: the real PEFT on the same base."""
import branch
import peft_adapter
from safetensors.torch import load_file


class PeftTest(branch.BranchTest):
    def test_peft_loads_every_key_and_agrees_on_the_loss(self):
        lines = self.lines()
        self.drop("train.jsonl", lines)
        self.run_strata("train", "--workers", "2")
        current = self.adapters() / "current"
        model = peft_adapter.load(current)
        theirs = {name.replace(".default", "") for name, _ in model.named_parameters() if "lora_" in name}
        self.assertEqual(theirs, set(load_file(current / "adapter_model.safetensors")))
        loss, tokens = peft_adapter.loss(model, lines)
        ours = self.json("evaluate", "--data", str(self.branch / "training/train.jsonl"))
        self.assertEqual(ours["tokens"], tokens)
        self.assertLess(abs(ours["loss"] - loss) / loss, 1e-4)


if __name__ == "__main__":
    branch.main()
