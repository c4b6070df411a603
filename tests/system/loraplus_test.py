"""Goal: loraplus_lr_ratio trains as PEFT's LoRA+ does. Method: a dataset is trained by strata, and over the same rows by
PEFT's create_loraplus_optimizer with torch's AdamW, both from the same adapter; every value of the two is compared."""
import json
import shutil

import branch
import peft_adapter
import torch
from peft import PeftModel
from peft.optimizers import create_loraplus_optimizer
from safetensors.torch import load_file

RATIO, WEIGHT_DECAY, NORM_MAX = 8.0, 0.05, 0.7
SETTINGS = branch.SETTINGS.replace("lora_dropout: 0.05", "lora_dropout: 0") + f"""packing: false
weight_decay: {WEIGHT_DECAY}
max_grad_norm: {NORM_MAX}
"""


def train(model, steps, rates, ratio):
    """Over the steps' rows, at each step's rate."""
    optimizer = create_loraplus_optimizer(model, torch.optim.AdamW, lr=1.0, loraplus_lr_ratio=ratio,
                                          loraplus_weight_decay=WEIGHT_DECAY, betas=(0.9, 0.999), eps=1e-8)
    parts = [group["lr"] for group in optimizer.param_groups]
    losses = []
    for rows, rate in zip(steps, rates):
        for group, part in zip(optimizer.param_groups, parts):
            group["lr"] = part * rate
        total, count = 0, 0
        for row in rows:
            ids, labels = torch.tensor(row["ids"]), torch.tensor(row["labels"])
            logp = torch.log_softmax(model(ids[None]).logits[0, :-1], -1)
            learnt = labels[1:] >= 0
            total = total - logp.gather(1, ids[1:, None])[learnt, 0].sum()
            count += int(learnt.sum())
        optimizer.zero_grad()
        (total / count).backward()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], NORM_MAX)
        optimizer.step()
        losses.append((total / count).item())
    return losses


class LoraPlusTest(branch.BranchTest):
    def test_every_value_is_pefts(self):
        (self.branch / "branch.yaml").write_text(SETTINGS)
        self.drop("first.jsonl", self.lines())
        self.run_strata("train")
        start = self.folder / "start"
        shutil.copytree(self.adapters() / "current", start)
        self.drop("second.jsonl", self.lines(begin=12, end=36))
        rows = []
        for epoch in range(2):
            told = self.run_strata("inspect", "--json", "--dataset", "second", "--epoch", str(epoch))
            rows += [json.loads(line) for line in told.splitlines()]
        self.run_strata("train", "--set", f"loraplus_lr_ratio={RATIO}")
        done = self.steps()
        steps = [[row for row in rows if (row["epoch"], row["step"]) == (step["epoch"], step["step"])] for step in done]
        self.assertEqual(sum(map(len, steps)), 48)
        ours = load_file(self.adapters() / "current/adapter_model.safetensors")
        before = load_file(start / "adapter_model.safetensors")
        differences = {}
        for ratio in (RATIO, 1.0):
            model = PeftModel.from_pretrained(peft_adapter.base(), start, is_trainable=True).float()
            losses = train(model, steps, [step["learning_rate"] for step in done], ratio)
            theirs = {name.replace(".default", ""): value for name, value in model.named_parameters() if "lora_" in name}
            self.assertEqual(set(theirs), set(ours))
            moved = max((ours[name] - before[name]).abs().max().item() for name in ours)
            differences[ratio] = max((ours[name] - theirs[name]).abs().max().item() for name in ours) / moved
            if ratio == RATIO:
                for step, loss in zip(done, losses):
                    self.assertLess(abs(step["loss"] - loss) / loss, 1e-4, step)
        self.assertLess(differences[RATIO], 1e-2, "of the furthest that a value moved")
        self.assertGreater(differences[1.0], 0.3, "nothing to tell them by")
        settings = self.json("status")["current"]["metadata"]["settings"]
        self.assertEqual(float(settings["loraplus_lr_ratio"]), RATIO)


if __name__ == "__main__":
    branch.main()
