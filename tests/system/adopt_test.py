"""Goal: a branch of the old layout is taken over whole: its adapters, backups, snapshots and history; what the old
system broke is said; the old folder keeps its bytes; a kill leaves one layout or the other. Method: a copy of the old
layout with real PEFT adapters, `previous` a copy of `current` as the old system left it."""
import hashlib
import json
import os
import random
import shutil
import subprocess
import time

import branch
from peft_adapter import make_adapter
from safetensors.torch import load_file, save_file

KILLS = int(os.environ.get("STRATA_KILLS", "8"))
HISTORY = ["train_improved.jsonl", "train.jsonl"]


def metadata_of(datasets, last_updated):
    history = [{"dataset": name, "examples": 12, "epochs": 3, "loss": 0.0123, "timestamp": last_updated}
               for name in datasets]
    return {"adapter_name": "antropologia", "base_model": "some/base", "training_mode": "incremental",
            "last_dataset": datasets[-1], "last_training_examples": 12, "last_training_epochs": 3,
            "total_examples_trained": 12 * len(datasets), "total_epochs": 3 * len(datasets), "lora_r": 8,
            "lora_alpha": 16, "lora_dropout": 0.025, "trainable_params": 2457600, "last_training_time_seconds": 120.5,
            "last_loss": 0.0123, "best_loss": 0.0123, "quality_improvement": 0.1, "last_updated": last_updated,
            "training_history": history}


def digest_of(folder):
    """Of every path and byte below `folder`; links by where they lead."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[name] = "folder"
    return found


class AdoptTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        shutil.rmtree(self.branch / "training")
        (self.branch / "branch.yaml").unlink()
        self.old = self.branch
        self.make_old(self.old)

    def make_old(self, old):
        """A: the oldest, in two backups. B: in two backups and a snapshot. C: current, and previous by the old bug."""
        (old / "training").mkdir(parents=True)
        self.drop("train.jsonl", self.lines(), branch=old)
        self.drop("train_improved.jsonl", self.lines("train_improved.jsonl"), branch=old)
        adapters = old / "adapters/lora_adapters"
        dates = {"a": "2025-09-30T09:00:00.123456", "b": "2025-10-31T10:00:00", "c": "2025-11-02T08:30:00"}
        for seed, (name, date) in enumerate(dates.items()):
            folder = make_adapter(self.folder / "made" / name, seed=seed)
            text = json.dumps(metadata_of(HISTORY[:1] if name == "a" else HISTORY, date))
            (folder / "training_metadata.json").write_text(text)
        for name, adapter in {"backups/backup_current_20250930_101010": "a",
                              "backups/backup_previous_20250930_101010": "a",
                              "backups/backup_current_20251031_104042": "b",
                              "backups/backup_previous_20251031_104042": "b", "antropologia_trained_2025": "b",
                              "current": "c", "previous": "c"}.items():
            shutil.copytree(self.folder / "made" / adapter, adapters / name)
        report = {"start_time": "2025-11-02T08:00:00", "status": "completed", "end_time": "2025-11-02T08:30:00"}
        (old / "incremental_training_results.json").write_text(json.dumps(report))

    def make_yaml(self, folder=None):
        settings = branch.SETTINGS.replace("path: base", f"path: {branch.BASE}")
        ((folder or self.branch) / "branch.yaml").write_text(settings)

    def adopt(self, *arguments, code=0, old=None, into=None):
        command = [branch.STRATA, "adopt", str(old or self.old), *(["-C", str(into)] if into else []), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, code, f"{command}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout) if "--json" in arguments else done.stdout + done.stderr

    def assert_is(self, folder, made):
        ours, theirs = (load_file(path / "adapter_model.safetensors") for path in (folder, self.folder / "made" / made))
        self.assertEqual(ours.keys(), theirs.keys())
        self.assertTrue(all((ours[name] == theirs[name]).all() for name in theirs), f"{folder} is not {made}")

    def original(self):
        return self.branch / "adapters/lora_adapters.original"

    def test_a_branch_is_taken_over_in_place(self):
        before = digest_of(self.adapters())
        said = self.adopt(code=69)
        self.assertIn("strata init", said)
        done = subprocess.run([branch.STRATA, "init", str(self.branch), "--base-model", str(branch.BASE)],
                              check=True, capture_output=True, text=True)
        self.assertIn(f"strata adopt {self.branch}", done.stdout)
        said = self.adopt(code=78)
        lines = [line.strip() for line in said.splitlines() if line.startswith("  lora_")]
        self.assertEqual(lines, ["lora_r: 8", "lora_alpha: 16"])
        self.assertEqual(digest_of(self.adapters()), before)
        yaml = (self.branch / "branch.yaml").read_text()
        yaml = yaml.replace("lora_r: 16", lines[0]).replace("lora_alpha: 32", lines[1])
        (self.branch / "branch.yaml").write_text(yaml)
        said = self.adopt()
        self.assertIn("previous was a copy of current; the adapter before it is in backup_current_20251031", said)
        self.assertIn("2 datasets, by the word of the old history, not measured here; strata train --all", said)
        self.assertEqual(digest_of(self.original()), before)
        self.assertFalse((self.branch / "adapters/.lora_adapters.adopting").exists())
        status = self.json("status")
        self.assertEqual((status["health"], status["current"]["version"], status["previous"]),
                         ("healthy", "v0003", "v0002"))
        self.assert_is(self.adapters() / "current", "c")
        self.assert_is(self.adapters() / "previous", "b")
        self.assert_is(self.adapters() / "antropologia_trained_2025", "b")
        self.assertIn("whole", self.run_strata("verify"))

    def test_the_history_is_carried_over_and_its_datasets_are_trained(self):
        self.make_yaml()
        result = self.adopt("--json")
        self.assertEqual(result["pending"], [])
        self.assertEqual([told["dataset"] for told in result["trained_elsewhere"]], HISTORY)
        metadata = self.json("status")["current"]["metadata"]
        self.assertEqual([(line["dataset"], line["loss"], line["elsewhere"]) for line in metadata["training_history"]],
                         [(name, 0.0123, True) for name in HISTORY])
        self.assertEqual((metadata["total_examples_trained"], metadata["total_epochs"]), (24, 6))
        self.assertEqual((metadata["best_loss"], metadata["trainable_params"] == 2457600), (None, False))
        source = metadata["imported_from"]
        self.assertEqual(source["folder"], str(self.original() / "current"))
        self.assertEqual(source["names"], ["current", "previous"])
        self.assertEqual([(entry["dataset"], entry["loss"]) for entry in self.json("history")],
                         [(name, None) for name in HISTORY])
        self.drop("extra.jsonl", self.lines(begin=12, end=24))
        self.assertEqual([stage["dataset"] for stage in self.json("plan")["stages"]], ["extra.jsonl"])
        self.assertEqual(self.json("train")["version"], "v0004")
        metadata = self.json("status")["current"]["metadata"]
        self.assertEqual((metadata["total_examples_trained"], metadata["best_loss"]), (36, metadata["last_loss"]))
        report = json.loads((self.branch / "incremental_training_results.original.json").read_text())
        self.assertEqual(report["end_time"], "2025-11-02T08:30:00")

    def test_a_broken_history_is_taken_from_a_copy_of_the_same_adapter(self):
        self.make_yaml()
        (self.adapters() / "current/training_metadata.json").write_text("{ cut")
        result = self.adopt("--json")
        self.assertEqual([told["dataset"] for told in result["trained_elsewhere"]], HISTORY)
        self.assertEqual(result["pending"], [])

    def test_every_backup_keeps_its_name_and_is_restored(self):
        self.make_yaml()
        self.adopt()
        names = {backup["name"]: backup["version"] for backup in self.json("backups")}
        self.assertEqual(names, {"backup_current_20250930_101010": "v0001", "backup_previous_20250930_101010": "v0001",
                                 "backup_current_20251031_104042": "v0002", "backup_previous_20251031_104042": "v0002"})
        self.run_strata("restore", "backup_current_20250930_101010")
        self.assert_is(self.adapters() / "current", "a")
        plan = self.json("plan")
        self.assertEqual([stage["dataset"] for stage in plan["stages"]], [], "what was undone is held")
        self.run_strata("restore", "backup_previous_20251031_104042")
        self.assert_is(self.adapters() / "current", "b")
        self.run_strata("train", "--all")
        self.assertEqual(self.json("status")["health"], "healthy")

    def test_another_branch_takes_it_over_and_only_reads(self):
        into = self.make_branch("into")
        before = digest_of(self.old)
        result = self.adopt("--json", into=into)
        self.assertEqual(digest_of(self.old), before)
        self.assertEqual([version["names"] for version in result["versions"]],
                         [["backup_current_20250930_101010", "backup_previous_20250930_101010"],
                          ["backup_current_20251031_104042", "backup_previous_20251031_104042",
                           "antropologia_trained_2025"], ["current", "previous"]])
        self.assert_is(self.adapters(into) / "current", "c")
        self.assertEqual(self.json("status", branch=into)["health"], "healthy")
        shutil.copy(self.old / "training/train.jsonl", into / "training")
        self.assertEqual(self.json("plan", branch=into)["stages"], [], "the old branch's files count by their content")
        self.assertTrue(self.adopt("--json", into=into)["already"])
        shutil.rmtree(self.adapters(into))
        shutil.copytree(self.old / "adapters/lora_adapters", self.adapters(into))
        self.assertIn("holds files", self.adopt(into=into, code=73))

    def test_retrain_leaves_all_pending(self):
        self.make_yaml()
        self.assertEqual(self.adopt("--retrain", "--json")["pending"], HISTORY)
        self.assertEqual(len(self.json("status")["current"]["metadata"]["training_history"]), 2)

    def test_a_previous_of_its_own_stays_previous(self):
        shutil.rmtree(self.adapters() / "previous")
        shutil.copytree(self.folder / "made/a", self.adapters() / "previous")
        self.make_yaml()
        result = self.adopt("--json")
        self.assertFalse(result["previous_was_current"])
        self.assert_is(self.adapters() / "previous", "a")

    def test_without_an_older_adapter_there_is_no_previous(self):
        shutil.rmtree(self.adapters() / "backups")
        shutil.rmtree(self.adapters() / "antropologia_trained_2025")
        self.make_yaml()
        self.assertIn("no backup holds an older adapter", self.adopt())
        self.assertFalse((self.adapters() / "previous").exists())

    def test_what_is_damaged_or_no_adapters_is_left_and_named(self):
        damaged = self.adapters() / "backups/backup_current_20250930_101010/adapter_model.safetensors"
        damaged.write_bytes(damaged.read_bytes()[:100])
        (self.adapters() / "notes").mkdir()
        untrained = self.adapters() / "backups/backup_previous_20250930_101010/adapter_model.safetensors"
        save_file({name: tensor * 0 for name, tensor in load_file(untrained).items()}, untrained)
        self.make_yaml()
        left = {left["name"]: left["reason"] for left in self.adopt("--json")["left"]}
        self.assertIn("is no safetensors file", left["backup_current_20250930_101010"])
        self.assertIn(str(self.original()), left["backup_current_20250930_101010"])
        self.assertIn("every lora_B is zero", left["backup_previous_20250930_101010"])
        self.assertIn("no adapter_config.json", left["notes"])
        self.assertEqual(len(left), 3)
        self.assertEqual(self.json("status")["health"], "healthy")

    def test_a_current_that_cannot_be_taken_is_refused_and_nothing_changed(self):
        self.make_yaml()
        file = self.adapters() / "current/adapter_model.safetensors"
        save_file({name: tensor * 0 for name, tensor in load_file(file).items()}, file)
        before = digest_of(self.adapters())
        self.assertIn("every lora_B is zero", self.adopt(code=65))
        file.write_bytes(b"")
        self.assertIn("is no safetensors file", self.adopt(code=65))
        shutil.rmtree(self.adapters() / "current")
        self.assertIn("nothing to adopt", self.adopt(code=69))
        self.assertEqual({name: digest for name, digest in before.items() if not name.startswith("current")},
                         digest_of(self.adapters()))
        self.assertFalse(self.original().exists())

    def test_adopted_again_says_so_and_changes_nothing(self):
        self.make_yaml()
        self.adopt()
        before = digest_of(self.branch / "adapters")
        self.assertIn("already", self.adopt())
        self.assertEqual(digest_of(self.branch / "adapters"), before)
        shutil.rmtree(self.original())
        self.assertIn("nothing to adopt", self.adopt(code=73))

    def test_the_other_commands_point_to_it(self):
        self.make_yaml()
        before = digest_of(self.adapters() / "current")
        self.drop("extra.jsonl", self.lines(begin=12, end=24))
        self.assertIn("strata adopt", self.run_strata("train", code=73))
        self.assertIn("strata adopt", self.run_strata("status", code=65))
        self.assertEqual(digest_of(self.adapters() / "current"), before)
        self.adopt()
        self.assertEqual(self.json("status")["health"], "healthy")

    def test_a_kill_leaves_the_old_layout_or_the_new(self):
        self.make_yaml()
        original = digest_of(self.adapters())
        moments = random.Random(7)
        begun = time.monotonic()
        self.adopt()
        seconds = time.monotonic() - begun
        killed = 0
        for i in range(KILLS):
            shutil.rmtree(self.branch / "adapters")
            shutil.rmtree(self.branch / "training")
            self.make_old(self.branch)
            run = subprocess.Popen([branch.STRATA, "adopt", str(self.branch)], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
            time.sleep(moments.uniform(0, seconds))
            run.kill()
            killed += run.wait() < 0
            adopted = (self.adapters() / "ledger.jsonl").exists()
            if adopted:
                self.assertIn("whole", self.run_strata("verify"))
            else:
                self.assertEqual(digest_of(self.adapters()), original, f"kill {i}")
            self.adopt()
            self.assertEqual(digest_of(self.original()), original, f"kill {i}")
            self.assert_is(self.adapters() / "current", "c")
            self.assertEqual(sorted(path.name for path in (self.branch / "adapters").iterdir()),
                             ["lora_adapters", "lora_adapters.original"])
        self.assertGreater(killed, 0)


if __name__ == "__main__":
    branch.main()
