"""Goal: too few descriptors, threads or memory, or a full disk under the run's logs, end a run with a clear failure,
leave current as it was, and do not keep the next one from working. Method: the real limits, set for the program and
what it starts; a tmpfs of some KiB where the logs are. What must not happen is a hang, an abort or a lost version."""
import os
import resource
import shutil
import subprocess
import unittest

import branch
import branch_reader
import processes

CLEAR = {64, 65, 69, 73, 75, 78}  # exit codes that say something
HANG_SECONDS = 240


class LimitsTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(lambda: processes.kill_all(self.branch))
        self.drop("train.jsonl", self.lines())
        self.run_strata("train")
        self.before = self.adapter_bytes()
        self.drop("extra.jsonl", self.lines(begin=20, end=32))

    def train(self, *around, prepare=None, arguments=()):
        """(exit code, what it said) of a training with something too small."""
        command = [*around, branch.STRATA, "train", "-C", str(self.branch), "--workers", "2", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, preexec_fn=prepare)
        return done.returncode, done.stdout + done.stderr

    def assert_unharmed(self):
        self.assertEqual(self.adapter_bytes(), self.before)
        self.assertEqual(branch_reader.BranchReader(self.branch).look(), 1)
        self.wait_until(lambda: not processes.workers_of(self.branch), 60, "the end of all processes")

    def assert_works_again(self):
        self.run_strata("train", "--workers", "2")
        self.assertEqual(branch_reader.BranchReader(self.branch).look(), 2)

    def limited(self, kind, amount):
        return lambda: resource.setrlimit(kind, (amount, amount))

    def test_too_few_descriptors_are_refused_before_the_launch(self):
        for files in (16, 24, 32, 48, 64):
            with self.subTest(files=files):
                code, said = self.train(prepare=self.limited(resource.RLIMIT_NOFILE, files))
                self.assertEqual(code, 69, said)
                self.assertRegex(said, f"only {files} files.*ulimit -n 4096")
                self.assert_unharmed()
        self.assertEqual(len(list((self.branch / "runs").iterdir())), 1)
        self.assert_works_again()

    def test_as_many_descriptors_as_are_asked_for_are_enough(self):
        code, said = self.train(prepare=self.limited(resource.RLIMIT_NOFILE, 72))
        self.assertEqual(code, 0, said)

    def test_too_little_memory(self):
        for mebibytes in (100, 256, 400, 1024, 2048):
            with self.subTest(mebibytes=mebibytes):
                code, said = self.train(prepare=self.limited(resource.RLIMIT_AS, mebibytes << 20),
                                        arguments=("--set", "max_restarts=0"))
                self.assertIn(code, CLEAR, said)
                self.assertIn("strata: ", said)
                self.assert_unharmed()
        self.assert_works_again()

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_too_few_threads(self):
        # Root has no limit of threads: somebody else trains on a branch of their own.
        self.folder.chmod(0o755)
        somebody = 47111  # of whom nothing else runs: the limit counts all processes of a user
        for root, folders, files in os.walk(self.branch):
            for path in (root, *(os.path.join(root, name) for name in files)):
                os.chown(path, somebody, somebody, follow_symlinks=False)
        for threads in (4, 8, 14, 20, 30):
            with self.subTest(threads=threads):
                def become():
                    resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))
                    os.setgroups([])
                    os.setgid(somebody)
                    os.setuid(somebody)
                code, said = self.train(prepare=become, arguments=("--set", "max_restarts=0"))
                self.assertIn(code, CLEAR, said)
                self.assertIn("strata: ", said)
                self.assert_unharmed()
        self.assert_works_again()

    def test_a_full_disk_under_the_logs(self):
        mount = ["unshare", "-m", "sh", "-c"]
        trial = subprocess.run([*mount, "mount -t tmpfs tmpfs /mnt"], capture_output=True)
        if trial.returncode != 0:
            self.skipTest("nothing can be mounted here")
        endless = ("--set", "num_train_epochs=10000", "--set", "save_steps=5", "--set", "max_restarts=0")
        # Too small from the beginning; and filled by somebody else once the training has made a step.
        fill = ('(cd "{0}" && while kill -0 $$ && [ -z "$(cat */steps.jsonl)" ]; do sleep 0.1; done 2>/dev/null; '
                'cat /dev/zero > filling 2>/dev/null) & ')
        for kibibytes, meanwhile, words in ((16, "", "no room for the run's checkpoints"),
                                            (8192, fill, "No space left on device|is the disk full")):
            with self.subTest(kibibytes=kibibytes):
                runs = self.branch / "runs"
                shutil.rmtree(runs, ignore_errors=True)
                runs.mkdir()
                script = (f'mount -t tmpfs -o size={kibibytes}k tmpfs "{runs}" && {{ {meanwhile.format(runs)}'
                          'exec "$0" "$@"; }')
                code, said = self.train(*mount, script, arguments=endless)
                self.assertIn(code, CLEAR, said)
                self.assertRegex(" ".join(said.split()), words)
                self.assert_unharmed()
        self.assert_works_again()


if __name__ == "__main__":
    branch.main()
