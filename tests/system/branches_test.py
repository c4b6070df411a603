"""Goal: a folder of many branches is seen at a glance and trained by one command, and what is wrong with one of them
stops nothing else. Method: real branches, some broken in the ways that branches break; the programs' own answers and
exit codes."""
import json
import os
import pathlib
import shutil
import signal
import subprocess

import branch

NOBODY = 65534
# With a checkpoint every few updates, and so many of them that a stop falls between.
LONG = ("--set", "num_train_epochs=120", "--set", "save_steps=5")


class ManyBranchesTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        self.branch.rename(self.folder / "unused")
        self.root = self.folder / "root"
        self.root.mkdir()

    def grown(self, name, end=4):
        """A branch with something to train."""
        folder = self.make_branch(f"root/{name}")
        self.drop("train.jsonl", self.lines(end=end), folder)
        return folder

    def call(self, *arguments, code=0, **how):
        done = subprocess.run([branch.STRATA, *map(str, arguments)], capture_output=True, text=True, timeout=300, **how)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}{done.stderr}")
        return done.stdout

    def listed(self, code=0):
        """The branches' lines by the last part of their folders."""
        answer = json.loads(self.call("branches", self.root, "--json", code=code))
        return {pathlib.Path(line["branch"]).name: line for line in answer["branches"]}

    def version(self, folder):
        link = folder / "adapters/lora_adapters/current"
        return os.readlink(link).rsplit("/", 1)[1] if link.is_symlink() else None


class BranchesTest(ManyBranchesTest):
    def test_a_branch_before_and_after_it_was_trained(self):
        folder = self.grown("ciencias/fisica")
        before = self.listed()["fisica"]
        self.assertEqual((before["health"], before["current"]["version"], before["last_run"]), ("healthy", None, None))
        self.assertEqual(before["pending"], {"datasets": 1, "examples": 4, "held": 0, "refused": 0})
        self.assertEqual(sorted(path.name for path in folder.iterdir()), ["base", "branch.yaml", "training"])
        self.run_strata("train", branch=folder)
        self.drop("train.jsonl", self.lines(end=6), folder)
        self.drop("broken.jsonl", ["{\n"], folder)
        after = self.listed()["fisica"]
        metadata = self.json("status", branch=folder)["current"]["metadata"]
        self.assertEqual(after["current"], {"version": "v0001", "since": metadata["last_updated"]})
        self.assertEqual(after["last_run"]["status"], "completed")
        self.assertAlmostEqual(after["last_run"]["loss"], metadata["last_loss"])
        # Of the file that has grown, what it did not have.
        self.assertEqual(after["pending"], {"datasets": 1, "examples": 2, "held": 0, "refused": 1})
        shown = self.call("branches", self.root)
        for word in ("ciencias/fisica", "v0001", "1 dataset, 2 examples, 1 bad", "completed", "healthy"):
            self.assertIn(word, shown)

    def test_each_way_to_be_broken_is_a_line_with_a_word_and_a_command(self):
        damaged, config, base, empty = (self.grown(name) for name in ("damaged", "config", "nobase", "nodata"))
        self.grown("well")
        self.run_strata("train", branch=damaged)
        with open(damaged / "adapters/lora_adapters/current/adapter_model.safetensors", "r+b") as file:
            file.truncate(100)
        (config / "branch.yaml").write_text("model_name_or_path: base\nlora_rr: 4\n")
        (base / "base").unlink()
        shutil.rmtree(empty / "training")
        lines = self.listed(code=78)
        self.assertEqual({name: line["health"] for name, line in lines.items()},
                         {"damaged": "damaged", "config": "config error", "nobase": "no base", "nodata": "no datasets",
                          "well": "healthy"})
        self.assertEqual(lines["damaged"]["current"]["version"], "v0001")
        self.assertEqual(lines["damaged"]["pending"]["datasets"], 0)
        for name, command, telling in (("damaged", "strata verify -C ", "adapter_model.safetensors"),
                                       ("config", "strata config -C ", "lora_rr"),
                                       ("nobase", "strata doctor -C ", "config.json"),
                                       ("nodata", "strata plan -C ", "training")):
            self.assertIn(telling, " ".join(lines[name]["findings"]), name)
            self.assertEqual(lines[name]["more"], command + str(self.root / name))
        shown = self.call("branches", self.root, code=78)
        self.assertIn("more: strata verify -C", shown)

    def test_a_branch_whose_last_run_failed_is_not_healthy_until_one_succeeds(self):
        bad, lost = self.grown("bad"), self.grown("lost")
        self.drop("train.jsonl", ["{\n"], bad)
        self.run_strata("train", branch=bad, code=65)
        self.run_strata("train", "--set", "mpirun=/bin/false", "--set", "max_restarts=0", branch=lost, code=69)
        lines = self.listed(code=69)
        self.assertEqual([line["health"] for line in lines.values()], ["run failed"] * 2)
        self.assertRegex(lines["bad"]["findings"][0], "^the last run failed; train.jsonl: ")
        self.assertEqual(lines["bad"]["more"], f"strata plan -C {bad}")
        log = lost / "runs" / lines["lost"]["last_run"]["run"] / "run.log"
        self.assertEqual(lines["lost"]["findings"], [f"the last run failed; {log} says why"])
        self.assertEqual(lines["lost"]["more"], f"strata watch --once -C {lost}")
        self.drop("train.jsonl", self.lines(end=4), bad)
        for folder in (bad, lost):
            self.run_strata("train", "--restart", branch=folder)
        self.assertEqual([line["health"] for line in self.listed().values()], ["healthy"] * 2)

    def test_a_failure_whose_cause_was_taken_away_is_none(self):
        folder = self.grown("a")
        self.run_strata("train", branch=folder)
        self.drop("more.jsonl", ["{\n"], folder)
        self.run_strata("train", branch=folder, code=65)
        self.assertEqual(self.listed(code=69)["a"]["health"], "run failed")
        (folder / "training/more.jsonl").unlink()
        self.assertEqual(self.listed()["a"]["health"], "healthy")

    def test_a_link_to_settings_that_are_gone_is_a_broken_branch(self):
        (self.grown("a") / "branch.yaml").unlink()
        (self.root / "a/branch.yaml").symlink_to("../common.yaml")
        line = self.listed(code=78)["a"]
        self.assertEqual(line["health"], "config error")
        self.assertIn("branch.yaml links to ../common.yaml, and that is not there", line["findings"][0])

    def test_a_branch_that_cannot_be_written_is_read_only(self):
        folder = self.grown("ours")
        self.run_strata("train", branch=folder)
        if os.geteuid() != 0:
            for path in (folder, folder / "adapters", folder / "adapters/lora_adapters"):
                path.chmod(0o555)
                self.addCleanup(path.chmod, 0o755)
            line = self.listed(code=73)["ours"]
        else:
            self.folder.chmod(0o755)
            asked = subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                                    branch.STRATA, "branches", self.root, "--json"], capture_output=True, text=True)
            self.assertEqual(asked.returncode, 73, asked.stderr)
            line = json.loads(asked.stdout)["branches"][0]
        self.assertEqual((line["health"], line["current"]["version"]), ("read-only", "v0001"))

    def test_no_branch_and_no_folder(self):
        self.assertEqual(self.call("branches", self.root, code=69), "")
        self.assertEqual(json.loads(self.call("branches", self.root, "--json", code=69))["branches"], [])
        self.call("branches", self.root / "none", code=69)


class TrainManyTest(ManyBranchesTest):
    def test_a_failing_branch_does_not_stop_the_others(self):
        first, broken, last = (self.grown(name) for name in ("a", "b", "c"))
        (broken / "branch.yaml").write_text("model_name_or_path: nowhere\n")
        answer = json.loads(self.call("train", first, broken, last, "--json", code=69))
        self.assertEqual([(line["status"], line["exit_code"]) for line in answer["branches"]],
                         [("completed", 0), ("failed", 69), ("completed", 0)])
        self.assertIn("nowhere", answer["branches"][1]["why"])
        self.assertEqual([self.version(folder) for folder in (first, broken, last)], ["v0001", None, "v0001"])
        self.assertEqual(answer["branches"][2]["run"]["version"], "v0001")

    def test_nothing_pending_is_success_and_the_summary_says_which_did_what(self):
        trained, fresh = self.grown("a"), self.grown("b")
        self.run_strata("train", branch=trained)
        shown = self.call("train", "--all-branches", self.root)
        summary = shown[shown.rindex("did"):]
        self.assertIn("nothing pending", summary)
        self.assertIn("completed", summary)
        self.assertEqual((self.version(trained), self.version(fresh)), ("v0001", "v0001"))
        self.assertIn("(2 of 2)", shown)
        self.call("train", trained, fresh)

    def stopped(self, how, first, *others):
        """What training them says when it is stopped while the first trains."""
        training = subprocess.Popen([branch.STRATA, "train", first, *others, *LONG], stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True)
        self.addCleanup(training.kill)
        self.wait_until(lambda: list(first.glob("runs/*/checkpoints/*.checkpoint")), 120, "a checkpoint")
        training.send_signal(how)
        shown = training.communicate(timeout=60)[0]
        self.assertEqual(training.returncode, 75, shown)
        return shown

    def test_a_stop_ends_the_present_one_by_its_checkpoint_and_begins_no_other(self):
        for how in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            with self.subTest(how=how.name):
                first, second = self.grown(f"{how.name}-a", end=12), self.grown(f"{how.name}-b")
                shown = self.stopped(how, first, second)
                self.assertIn("interrupted", shown)
                self.assertIn("not begun", shown)
                self.assertEqual((self.version(first), self.version(second)), (None, None))
                self.assertEqual(list(second.glob("runs/*")), [])
                line = self.listed()[first.name]
                self.assertEqual((len(line["unfinished_runs"]), line["last_run"]["status"]), (1, "interrupted"))
        # Where the last of them was stopped it goes on.
        self.call("train", first, second, *LONG)
        self.assertEqual((self.version(first), self.version(second)), ("v0001", "v0001"))

    def test_one_way_to_name_branches_at_a_time(self):
        first = self.grown("a")
        self.call("train", first, "-C", first, code=64)
        self.call("train", first, "--all-branches", self.root, code=64)
        self.call("train", "--all-branches", self.folder / "unused/training", code=69)


if __name__ == "__main__":
    branch.main()
