"""Goal: Tab completes strata's command lines in a user's shell. Method: the printed scripts in real shells; bash also
with keys typed into a terminal; zsh and fish where they are installed."""
import os
import pty
import re
import resource
import select
import shutil
import subprocess
import time
import unittest

import branch

BASH = """source <({strata} completion bash)
COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_strata
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def run_shell(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


class CompletionTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        self.drop("train.jsonl", self.lines())
        self.drop("un premio.jsonl", self.lines(end=2))

    def in_bash(self, *words):
        """What bash would offer for the last word, as bash itself has cut the line into words."""
        quoted = " ".join("'" + word + "'" for word in [branch.STRATA, *words])
        said = run_shell("bash", "--norc", "-c", BASH.format(strata=branch.STRATA, words=quoted))
        return said.split("\n")[:-1] if said != "\n" else []

    def ask(self, *words):
        lines = run_shell(branch.STRATA, "__complete", *words).splitlines()
        return [line.split("\t")[0] for line in lines]

    def test_commands_options_and_choices(self):
        self.assertEqual(self.in_bash("tr"), ["train"])
        self.assertIn("--dataset", self.in_bash("train", "--d"))
        self.assertEqual(self.in_bash("train", "--device", "c"), ["cpu", "cuda"])
        self.assertNotIn("__complete", self.in_bash(""))

    def test_datasets_of_the_branch_are_quoted_for_the_shell(self):
        self.assertEqual(self.in_bash("train", "-C", str(self.branch), "--dataset", ""),
                         ["train.jsonl", "un\\ premio.jsonl"])

    def test_settings_and_their_values_over_bashs_own_cut_at_the_sign(self):
        self.assertEqual(self.in_bash("config", "lora_al"), ["lora_alpha"])
        self.assertEqual(self.in_bash("train", "--set", "lora_al"), ["lora_alpha="])
        self.assertEqual(self.in_bash("train", "--set", "device", "=", "c"), ["cpu", "cuda"])
        self.assertEqual(self.in_bash("train", "--set", "device", "="), ["auto", "cpu", "cuda"])

    def test_folders_and_files(self):
        self.assertIn(str(self.branch), self.in_bash("plan", "-C", str(self.folder) + "/"))
        for branches in ((), ("a",), ("a", "b")):
            self.assertIn(str(self.branch), self.in_bash("train", *branches, str(self.folder) + "/"))
        file = str(self.branch / "branch.yaml")
        self.assertEqual(self.in_bash("evaluate", "--data", file[:-3]), [file])

    def test_what_can_be_restored_and_loaded(self):
        self.run_strata("train", "--set", "num_train_epochs=1")
        self.run_strata("train", "--all", "--set", "num_train_epochs=1")
        offered = self.ask("restore", "-C", str(self.branch), "")
        self.assertEqual(offered[:4], ["words", "v0001", "v0002", "previous"])
        self.assertRegex(offered[4], "^backup_current_")
        self.assertEqual(self.ask("evaluate", "-C", str(self.branch), "--adapter", "v"), ["words", "v0001", "v0002"])
        runs = sorted((run.name for run in (self.branch / "runs").iterdir()), reverse=True)
        self.assertEqual(self.ask("watch", "-C", str(self.branch), "--run", ""), ["words", *runs])

    def test_every_value_says_what_it_is(self):
        """An option whose value is "TEXT" is one that nobody thought of."""
        for command in self.ask("")[1:]:
            said = run_shell(branch.STRATA, command, "--help")
            self.assertNotRegex(said, r"(?m)^\s+\S.* TEXT( |$)", command)

    def test_it_answers_at_once_and_quietly_where_there_is_no_branch(self):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.assertEqual(self.ask("train", "-C", "/nowhere", "--dataset", ""), ["words"])
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.assertLess(used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime, 1)
        (self.branch / "branch.yaml").write_text("lora_r: [")
        self.assertIn("train.jsonl", self.ask("train", "-C", str(self.branch), "--dataset", ""))

    def test_keys_typed_into_bash(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm", PS1="> ", PATH=os.path.dirname(branch.STRATA) + ":" + os.environ["PATH"])
            os.execvp("bash", ["bash", "--norc", "-i"])
        os.write(terminal, b"source <(strata completion bash)\nstrata conf\tlora_al\t--js\t\n")
        seen, deadline = "", time.monotonic() + 30
        while '"default": 32' not in seen and "strata:" not in seen and time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.2)[0]:
                seen += os.read(terminal, 4096).decode()
        os.write(terminal, b"exit\n")
        os.close(terminal)
        os.waitpid(pid, 0)
        self.assertIn("strata config lora_alpha --json ", re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]|\x07", "", seen))

    @unittest.skipUnless(shutil.which("zsh"), "no zsh here")
    def test_zsh_reads_its_script(self):
        script = run_shell(branch.STRATA, "completion", "zsh")
        subprocess.run(["zsh", "-f", "-n"], input=script, text=True, check=True)

    @unittest.skipUnless(shutil.which("fish"), "no fish here")
    def test_fish_completes(self):
        said = run_shell("fish", "--no-config", "-c",
                         f"{branch.STRATA} completion fish | source; complete -C '{branch.STRATA} train --device c'")
        self.assertEqual([line.split("\t")[0] for line in said.splitlines()], ["cpu", "cuda"])


if __name__ == "__main__":
    branch.main()
