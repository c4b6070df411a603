"""Goal: PEFT loads `current` as it is and measures what strata measures. Method: the real PEFT on the same base."""
import json

import branch
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer


class PeftTest(branch.BranchTest):
    def nll(self, model, tokenizer, lines):
        total, count = 0.0, 0
        for line in lines:
            example = json.loads(line)
            prompt = f"### Instrucción:\n{example['instruction']}\n\n### Respuesta:\n"
            encoded = tokenizer(prompt + example["output"], return_offsets_mapping=True)
            ids = encoded.input_ids + [tokenizer.eos_token_id]
            begin = next(i for i, (at, _) in enumerate(encoded.offset_mapping) if at >= len(prompt))
            logits = model(torch.tensor([ids])).logits[0].double()
            logp = torch.log_softmax(logits[:-1], -1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
            total -= logp[begin - 1:].sum().item()
            count += len(ids) - begin
        return total / count, count

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
            loss, tokens = self.nll(model, AutoTokenizer.from_pretrained(branch.BASE), lines)
        ours = self.json("evaluate", "--data", str(self.branch / "training/train.jsonl"))
        self.assertEqual(ours["tokens"], tokens)
        self.assertLess(abs(ours["loss"] - loss) / loss, 1e-4)


if __name__ == "__main__":
    branch.main()
