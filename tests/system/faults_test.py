"""Goal: a killed or stopped run leaves `current` whole and no process behind; mistakes are answered well.
Method: real processes, SIGKILL and SIGINT at seeded moments, a second run started at once."""
import os
import pathlib
import random
import signal
import subprocess
import time

import branch


def workers_of(folder):
    """Processes whose environment or command names the branch's worker log or which descend from its run."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in os.readlink(process / "fd/1"):
                found.append(process.name)
        except OSError:
            pass
    return found


class FaultsTest(branch.BranchTest):
    def start(self):
        command = [branch.STRATA, "train", "-C", str(self.branch), "--workers", "2", "--all", "--set", "num_train_epochs=30"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def assert_no_process_left(self, seconds):
        deadline = time.monotonic() + seconds
        while workers_of(self.branch) and time.monotonic() < deadline:
            time.sleep(0.2)
        self.assertEqual(workers_of(self.branch), [])

    def test_killed_runs_leave_current_whole_and_the_next_one_works_at_once(self):
        self.drop("train.jsonl", self.lines())
        self.run_strata("train")
        before = self.adapter_bytes()
        moments = random.Random(5)
        for _ in range(6):
            run = self.start()
            time.sleep(moments.uniform(0.05, 2.5))
            run.kill()
            run.wait()
            self.assertEqual(self.adapter_bytes(), before)
            self.assertIn("whole", self.run_strata("verify"))
        self.drop("extra.jsonl", self.lines("train_improved.jsonl"))
        self.assertEqual(self.json("train")["status"], "completed")
        self.assert_no_process_left(60)

    def test_an_interrupt_ends_the_run_cleanly(self):
        self.drop("train.jsonl", self.lines())
        self.run_strata("train")
        before = self.adapter_bytes()
        run = self.start()
        time.sleep(2)
        run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(timeout=30), 75)
        self.assertEqual(self.adapter_bytes(), before)
        self.assert_no_process_left(10)

    def test_a_killed_rank_fails_the_run_with_the_reason(self):
        self.drop("train.jsonl", self.lines())
        self.run_strata("train")
        before = self.adapter_bytes()
        run = self.start()
        time.sleep(2)
        subprocess.run(["pkill", "-KILL", "-n", "-f", f"strata-worker.*--run"], check=True)
        self.assertEqual(run.wait(timeout=30), 69)
        self.assertEqual(self.adapter_bytes(), before)
        self.assertEqual(self.json("status")["last_run"]["status"], "failed")

    def test_mistakes_are_answered_with_what_to_do(self):
        self.drop("train.jsonl", self.lines())
        (self.branch / "branch.yaml").write_text(branch.SETTINGS + "lora_alfa: 3\n")
        self.assertIn("lora_alpha", self.run_strata("train", code=78))
        (self.branch / "branch.yaml").write_text(branch.SETTINGS.replace("path: base", "path: nowhere"))
        self.assertIn("model_name_or_path", self.run_strata("train", code=69))
        (self.branch / "branch.yaml").write_text(branch.SETTINGS)
        self.assertIn("apt-get install openmpi-bin", self.run_strata("train", "--set", "mpirun=no-mpirun", code=69))
        self.assertIn("strata init", self.run_strata("train", branch=self.folder, code=69))
        self.drop("train.jsonl", ["{\n", "not JSON\n"])
        self.assertIn("line 1", self.run_strata("train", code=65))

    def test_a_second_run_is_refused(self):
        self.drop("train.jsonl", self.lines())
        run = self.start()
        time.sleep(1.5)
        self.assertIn("another strata train", self.run_strata("train", code=75))
        run.send_signal(signal.SIGINT)
        run.wait(timeout=30)


if __name__ == "__main__":
    branch.main()
