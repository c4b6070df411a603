"""Goal: an adapter that was made elsewhere becomes the branch's next version, worth what it was worth there, and
training goes on from it; one that does not fit is refused with both values and what to do. Method: the real PEFT on the
tests' base, B drawn at random; its loss against `strata evaluate`."""
import json
import re
import subprocess
import sys

import branch
import peft_adapter
import torch
from peft_adapter import make_adapter
from safetensors.torch import load_file, save_file


class ImportTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        self.drop("train.jsonl", self.lines())
        self.adapter = self.folder / "adapter"

    def change(self, **values):
        """Sets fields of the adapter's adapter_config.json."""
        file = self.adapter / "adapter_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **values}))

    def change_tensors(self, change):
        file = self.adapter / "adapter_model.safetensors"
        save_file(change(load_file(file)), file)

    def refused(self, code, *words, arguments=()):
        said = self.run_strata("import", str(self.adapter), *arguments, code=code)
        for word in words:
            self.assertIn(word, said)
        self.assertFalse((self.adapters() / "current").exists(), said)
        return said

    def assert_worth_as_in_peft(self):
        """PEFT's loss of the folder as it came is strata's of the version that it became."""
        theirs, tokens = peft_adapter.loss(peft_adapter.load(self.adapter), self.lines())
        ours = self.json("evaluate", "--data", str(self.branch / "training/train.jsonl"))
        bare = self.json("evaluate", "--data", str(self.branch / "training/train.jsonl"), "--adapter", "none")
        self.assertEqual(ours["tokens"], tokens)
        self.assertLess(abs(ours["loss"] - theirs) / theirs, 1e-4)
        self.assertGreater(abs(bare["loss"] - theirs) / theirs, 1e-3, "the adapter changes nothing")

    def test_an_adapter_is_worth_what_peft_says_and_trains_on(self):
        make_adapter(self.adapter)
        result = self.json("import", str(self.adapter))
        self.assertEqual((result["version"], result["parked"], result["pending"]), ("v0001", False, ["train.jsonl"]))
        self.assert_worth_as_in_peft()
        theirs = load_file(self.adapter / "adapter_model.safetensors")
        ours = load_file(self.adapters() / "current/adapter_model.safetensors")
        self.assertTrue(all(torch.equal(ours[name], theirs[name]) for name in theirs))
        source = self.json("status")["current"]["metadata"]["imported_from"]
        self.assertEqual((source["version"], source["r"], source["folder"]), ("v0001", 8, str(self.adapter)))
        before = self.json("evaluate", "--data", str(self.branch / "training/train.jsonl"))["loss"]
        self.assertEqual(self.json("train")["version"], "v0002")
        after = self.json("evaluate", "--data", str(self.branch / "training/train.jsonl"))["loss"]
        self.assertLess(after, before)
        self.assertEqual(self.json("status")["current"]["metadata"]["imported_from"], source)
        self.assertEqual(self.json("status")["health"], "healthy")

    def test_half_precision_is_widened_exactly(self):
        for dtype in (torch.bfloat16, torch.float16):
            make_adapter(self.adapter, dtype, seed=2 if dtype == torch.bfloat16 else 3)
            self.json("import", str(self.adapter))
            self.assert_worth_as_in_peft()
            ours = load_file(self.adapters() / "current/adapter_model.safetensors")
            for name, theirs in load_file(self.adapter / "adapter_model.safetensors").items():
                self.assertEqual((theirs.dtype, ours[name].dtype), (dtype, torch.float32))
                self.assertTrue(torch.equal(ours[name], theirs.float()), name)

    def test_rslora_is_folded_into_alpha(self):
        make_adapter(self.adapter, use_rslora=True)
        self.refused(78, "lora_alpha is 16, the adapter's 16 with use_rslora", "use_rslora: true")
        (self.branch / "branch.yaml").write_text(branch.SETTINGS + "use_rslora: true\n")
        self.run_strata("import", str(self.adapter))
        self.assert_worth_as_in_peft()
        written = json.loads((self.adapters() / "current/adapter_config.json").read_text())
        self.assertFalse(written["use_rslora"])

    def test_the_lines_that_are_said_make_it_fit(self):
        make_adapter(self.adapter, r=4, lora_alpha=20, target_modules=".*(q_proj|v_proj)")
        said = self.refused(78, "lora_r is 8, the adapter's r 4", "lora_alpha is 16, the adapter's 20",
                            "the adapter is on [q_proj, v_proj]", "branch.yaml:")
        lines = [line.strip() for line in said.splitlines() if line.startswith("  lora_")]
        self.assertEqual(len(lines), 3)
        kept = [line for line in branch.SETTINGS.splitlines() if not line.startswith(("lora_r:", "lora_alpha:"))]
        (self.branch / "branch.yaml").write_text("\n".join(kept + lines) + "\n")
        self.run_strata("import", str(self.adapter))
        self.assert_worth_as_in_peft()

    def test_it_rotates_and_backs_up_like_a_training(self):
        self.run_strata("train")
        trained = self.adapter_bytes()
        make_adapter(self.adapter)
        result = self.json("import", str(self.adapter))
        status = self.json("status")
        self.assertEqual((result["version"], status["previous"]), ("v0002", "v0001"))
        self.assertEqual([backup.split("_")[1] for backup in result["backups_created"]], ["current"])
        self.assertEqual(self.json("history"), [])
        self.assertEqual(result["pending"], ["train.jsonl"])
        self.run_strata("restore", "previous")
        self.assertEqual(self.adapter_bytes(), trained)

    def test_what_is_held_stays_so_and_is_listed(self):
        self.run_strata("train")
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"))
        self.run_strata("train")
        self.run_strata("restore", "previous")
        make_adapter(self.adapter)
        result = self.json("import", str(self.adapter))
        self.assertEqual((result["pending"], result["held"]), (["train.jsonl"], ["extra.jsonl"]))
        self.assertIn("extra.jsonl; make them pending with strata release",
                      self.run_strata("import", str(self.adapter)))

    def test_what_it_was_trained_on_is_told_and_not_pending(self):
        self.drop("train_improved.jsonl", self.lines("train_improved.jsonl"))
        make_adapter(self.adapter)
        result = self.json("import", str(self.adapter), "--trained", "*_improved")
        self.assertEqual(result["pending"], ["train.jsonl"])
        self.assertEqual([told["dataset"] for told in result["trained_elsewhere"]], ["train_improved.jsonl"])
        entry, = self.json("history")
        self.assertEqual((entry["examples"], entry["loss"]), (12, None))
        self.assertIn("trained elsewhere", self.run_strata("history"))
        metadata = self.json("status")["current"]["metadata"]
        line, = metadata["training_history"]
        self.assertEqual((line["loss"], line["epochs"], line["elsewhere"]), (None, None, True))
        self.assertEqual((metadata["total_examples_trained"], metadata["best_loss"]), (12, None))
        self.drop("train_improved.jsonl", self.lines("train_improved.jsonl", end=14))
        plan = self.json("plan")["stages"]
        self.assertEqual({stage["dataset"]: stage["examples"] for stage in plan},
                         {"train_improved.jsonl": 2, "train.jsonl": 12})
        self.assertIn("it has train_improved.jsonl, train.jsonl",
                      self.run_strata("import", str(self.adapter), "--trained", "trian*", code=64))

    def test_its_own_history_is_carried_over(self):
        self.run_strata("train")
        other = self.make_branch("other")
        self.drop("more.jsonl", self.lines("train_improved.jsonl"), branch=other)
        result = self.json("import", str(self.adapters() / "current"), branch=other)
        self.assertEqual((result["version"], result["pending"]), ("v0001", ["more.jsonl"]))
        metadata = self.json("status", branch=other)["current"]["metadata"]
        self.assertEqual([line["dataset"] for line in metadata["training_history"]], ["train.jsonl"])
        self.assertEqual((metadata["total_examples_trained"], metadata["last_loss"]), (12, None))
        self.run_strata("train", branch=other)
        metadata = self.json("status", branch=other)["current"]["metadata"]
        self.assertEqual((metadata["total_examples_trained"], metadata["total_epochs"]), (24, 4))
        self.assertEqual(metadata["best_loss"], metadata["last_loss"])

    def test_a_history_that_cannot_be_read_is_warned_of(self):
        make_adapter(self.adapter)
        for text in ("{", "[]", "3", "null", "{}"):
            (self.adapter / "training_metadata.json").write_text(text)
            self.assertIn("history of the adapter is not carried over", self.run_strata("import", str(self.adapter)))

    def test_the_same_adapter_again_changes_nothing(self):
        make_adapter(self.adapter)
        self.run_strata("import", str(self.adapter))
        ledger = (self.adapters() / "ledger.jsonl").read_bytes()
        self.assertTrue(self.json("import", str(self.adapter))["already_current"])
        self.assertIn("this adapter already", self.run_strata("import", str(self.adapters() / "current")))
        self.assertEqual((self.adapters() / "ledger.jsonl").read_bytes(), ledger)

    def test_names_with_default_are_taken(self):
        make_adapter(self.adapter)
        self.change_tensors(lambda tensors: {n.replace(".weight", ".default.weight"): t for n, t in tensors.items()})
        self.run_strata("import", str(self.adapter))

    def test_another_name_of_the_base_is_a_warning(self):
        make_adapter(self.adapter)
        self.change(base_model_name_or_path="org/another")
        warning, = self.json("import", str(self.adapter))["warnings"]
        self.assertIn("org/another", warning)
        self.assertIn("strata/test-base", warning)

    def test_an_untrained_or_broken_adapter_is_refused(self):
        make_adapter(self.adapter)
        self.change_tensors(lambda tensors: {n: t * 0 if "lora_B" in n else t for n, t in tensors.items()})
        self.refused(65, "every lora_B is zero")
        self.change_tensors(lambda tensors: {n: t * float("nan") for n, t in tensors.items()})
        self.refused(65, "not finite")
        file = self.adapter / "adapter_model.safetensors"
        file.write_bytes(file.read_bytes()[:1000])
        self.refused(65, "is no safetensors file")
        file.unlink()
        self.refused(69, "has no adapter_model.safetensors")

    def test_what_is_not_plain_lora_is_refused_by_its_name(self):
        kinds = {"use_dora": True, "rank_pattern": {"q_proj": 4}, "alpha_pattern": {"q_proj": 4}, "bias": "lora_only",
                 "modules_to_save": ["lm_head"]}
        for key, value in kinds.items():
            self.adapter = make_adapter(self.folder / key, **{key: value})
            self.refused(64, f"adapter_config.json has {key}: ")

    def test_missing_and_further_tensors_are_named(self):
        make_adapter(self.adapter)
        name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
        self.change_tensors(lambda tensors: {n: t for n, t in tensors.items() if n != name})
        self.refused(64, f"it lacks {name}")
        make_adapter(self.adapter)
        further = {"base_model.model.lm_head.lora_A.weight": torch.ones(8, 8)}
        self.change_tensors(lambda tensors: {**tensors, **further})
        self.refused(64, "beyond the base's projections base_model.model.lm_head.lora_A.weight")

    def test_an_adapter_of_another_base_is_refused_with_both_shapes(self):
        make_adapter(self.adapter)
        self.change(base_model_name_or_path="org/wider")
        wide = torch.ones(8, 4096)
        self.change_tensors(lambda tensors: {n: wide.clone() if "lora_A" in n else t for n, t in tensors.items()})
        self.refused(64, "F32[8, 4096]", "org/wider", "strata/test-base")

    def test_a_pickle_is_refused_and_the_command_that_is_said_converts_it(self):
        make_adapter(self.adapter)
        file = self.adapter / "adapter_model.safetensors"
        torch.save(load_file(file), self.adapter / "adapter_model.bin")
        file.unlink()
        said = self.refused(64, "adapter_model.bin", "never read here")
        command = re.search(r"cd .*\)\"$", said, re.MULTILINE).group().replace("python", sys.executable, 1)
        subprocess.run(["bash", "-c", command], check=True)
        self.run_strata("import", str(self.adapter))

    def test_a_folder_that_is_no_adapters_is_answered(self):
        self.adapter = self.folder / "nowhere"
        self.refused(69, "adapter_config.json", "save_pretrained")

    def test_it_is_refused_while_a_run_holds_the_branch(self):
        make_adapter(self.adapter)
        run = self.start("--set", "num_train_epochs=10000")
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        self.wait_until(lambda: self.steps() != [], 60, "a first step")
        self.refused(75, "another strata train")


if __name__ == "__main__":
    branch.main()
