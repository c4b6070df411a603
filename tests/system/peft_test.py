"""Goal: PEFT loads `current` as it is and measures what strata measures. Method: the real PEFT on the same base."""
import json
import shutil

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

    def test_what_a_server_needs_is_beside_the_adapter(self):
        self.drop("train.jsonl", self.lines())
        self.run_strata("train", "--set", "lora_r=24")
        current = self.adapters() / "current"
        self.assertIn("### Respuesta:", (current / "chat_template.jinja").read_text())
        metadata = json.loads((current / "training_metadata.json").read_text())
        self.assertEqual(metadata["portability"], {
            "peft": {"ok": True, "notes": []},
            "vllm": {"ok": True, "notes": ["serve with --max-lora-rank 32"]},
            "llama_cpp": {"ok": True, "notes": []}})
        self.assertIn("vLLM (serve with --max-lora-rank 32)", self.run_strata("status"))

    def test_rslora_is_pefts_rslora_and_folded_for_all_who_do_not_know_it(self):
        lines = self.lines()
        self.drop("train.jsonl", lines)
        (self.branch / "branch.yaml").write_text(branch.SETTINGS + "use_rslora: true\n")
        self.run_strata("train")
        current, unfolded = self.adapters() / "current", self.folder / "unfolded"
        shutil.copytree(current, unfolded)
        config = json.loads((current / "adapter_config.json").read_text())
        self.assertEqual((config["lora_alpha"], config["use_rslora"]), (16 * 8 ** 0.5, False))
        metadata = self.json("status")["current"]["metadata"]
        self.assertEqual((metadata["lora_alpha"], metadata["use_rslora"]), (16, True))
        losses = {}
        for name, changes in {"folded": {}, "rslora": {"lora_alpha": 16, "use_rslora": True}, "plain": {"lora_alpha": 16}}.items():
            (unfolded / "adapter_config.json").write_text(json.dumps({**config, **changes}))
            losses[name] = peft_adapter.loss(peft_adapter.load(unfolded), lines)[0]
            data = ["evaluate", "--data", str(self.branch / "training/train.jsonl"), "--adapter", str(unfolded)]
            if name == "plain":
                self.assertIn("lora_alpha", self.run_strata(*data, code=78))
            else:
                self.assertLess(abs(self.json(*data)["loss"] - losses[name]) / losses[name], 1e-4)
        self.assertLess(abs(losses["folded"] - losses["rslora"]) / losses["rslora"], 1e-6)
        self.assertGreater(abs(losses["plain"] - losses["rslora"]) / losses["rslora"], 1e-2, "nothing to tell them by")
        self.assertIn("(use_rslora)", self.run_strata("train", "--all", "--set", "use_rslora=false", code=78))


if __name__ == "__main__":
    branch.main()
