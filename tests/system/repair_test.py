"""Goal: a branch that lost a ledger, an adapter or a disk is brought back by one command, and says what it gave up.
Method: the real program; files are damaged and deleted as disks and hands do it."""
import hashlib
import json
import shutil

import branch


class RepairTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        self.train("train.jsonl", self.lines())

    def train(self, name, lines, *arguments):
        self.drop(name, lines)
        return self.json("train", "--set", "num_train_epochs=1", *arguments)

    def flip(self, folder):
        file = folder / "adapter_model.safetensors"
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)

    def assert_whole(self, folder):
        """A reader of its own: every file that the manifest names has its size and hash."""
        files = json.loads((folder / "manifest.json").read_text())["files"]
        for name, record in files.items():
            data = (folder / name).read_bytes()
            self.assertEqual((len(data), hashlib.sha256(data).hexdigest()), (record["bytes"], record["sha256"]), name)

    def test_a_lost_ledger_is_made_anew_and_training_goes_on(self):
        self.train("extra.jsonl", self.lines(begin=12, end=20))
        (self.adapters() / "ledger.jsonl").unlink()
        self.assertIn("verify --repair", self.run_strata("train", code=65))
        self.assertIn("verify --repair", self.run_strata("verify", code=65))
        said = self.run_strata("verify", "--repair")
        self.assertIn("repaired: the ledger is made anew", said)
        self.assertIn("every version, backup and ledger line is whole", said)
        self.assertEqual(self.json("verify", "--repair")["repaired"], [])
        self.assertIn("nothing pending", self.run_strata("train"))
        self.assertEqual(self.train("more.jsonl", self.lines(begin=20, end=26))["version"], "v0003")
        metadata = self.json("status")["current"]["metadata"]
        self.assertEqual(metadata["total_examples_trained"], 26)

    def test_a_current_without_a_copy_falls_back_loudly_and_is_learnt_again(self):
        self.train("extra.jsonl", self.lines(begin=12, end=20))
        self.flip(self.adapters() / "versions/v0002")
        self.assertIn("damaged", self.run_strata("verify", code=65))
        said = self.run_strata("train", "--set", "num_train_epochs=1")
        self.assertIn("FELL BACK: v0001 is current in the place of v0002; trained again next: extra.jsonl", said)
        status = self.json("status")
        self.assertEqual((status["health"], status["current"]["version"]), ("healthy", "v0003"))
        self.assertEqual(status["current"]["metadata"]["total_examples_trained"], 20)
        self.assert_whole(self.adapters() / "current")
        self.assertEqual(len(list((self.adapters() / "quarantine").glob("v0002_*"))), 1)

    def test_a_fall_back_is_said_until_something_follows(self):
        self.train("extra.jsonl", self.lines(begin=12, end=20))
        self.flip(self.adapters() / "versions/v0002")
        self.assertIn("FELL BACK", self.run_strata("verify", "--repair"))
        for command in ("verify", "status"):
            self.assertIn("in the place of v0002", self.run_strata(command))
        self.assertEqual(self.json("verify")["fell_back"]["to"], "v0001")

    def test_a_mirror_has_every_version_and_gives_it_back(self):
        mirror = self.folder / "mirror"
        mirror.mkdir()
        with open(self.branch / "branch.yaml", "a", encoding="utf-8") as file:
            file.write("backup_mirror: ../mirror\n")
        self.drop("extra.jsonl", self.lines(begin=12, end=20))
        self.assertIn("v0001 is copied to the backup mirror", self.run_strata("train", "--set", "num_train_epochs=1"))
        copies = sorted((mirror / "branch").iterdir())
        self.assertEqual([copy.name[:5] for copy in copies], ["v0001", "v0002"])
        for copy in copies:
            self.assert_whole(copy)
        shutil.rmtree(self.adapters() / "backups")
        self.flip(self.adapters() / "versions/v0002")
        self.assertIn("is restored from " + str(mirror), self.run_strata("train"))
        self.assert_whole(self.adapters() / "current")
        mirror.rename(self.folder / "away")
        said = self.run_strata("train", "--all", "--set", "num_train_epochs=1")
        self.assertIn("is behind", said)
        self.assertIn("v0003 is current", said)
        self.run_strata("status", code=65)
        (self.folder / "away").rename(mirror)
        self.assertIn("v0003 is copied to the backup mirror", self.run_strata("verify", "--repair"))
        self.run_strata("status")

    def test_an_export_among_the_adapters_is_refused(self):
        for folder in ("versions/v0009", "backups/mine", "mine"):
            self.run_strata("export", str(self.adapters() / folder), code=64)
            self.assertFalse((self.adapters() / folder).exists())

    def test_a_dataset_whose_link_leads_nowhere_stops_no_other(self):
        (self.branch / "training/gone.jsonl").symlink_to("nowhere.jsonl")
        result = self.train("extra.jsonl", self.lines(begin=12, end=20))
        self.assertEqual((result["status"], result["version"]), ("partial", "v0002"))
        reasons = {dataset["dataset"]: dataset.get("reason", "") for dataset in result["datasets"]}
        self.assertIn("does its link lead nowhere", reasons["gone.jsonl"])


if __name__ == "__main__":
    branch.main()
