"""Goal: workers that the user starts himself join by what strata tells him, again after they were lost, and make what
strata's own make. Method: the real mpirun, started here with the lines that strata printed."""
import datetime
import json
import os
import pathlib
import re
import signal
import stat
import subprocess
import time

import branch
import processes

SETTINGS = branch.SETTINGS + "packing: false\nworkers: 2\nsave_steps: 2\nlauncher: external\n"


class ExternalTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        (self.branch / "branch.yaml").write_text(SETTINGS)
        self.drop("train.jsonl", self.lines())

    def begin(self, *arguments):
        """A training that waits for its workers, and the lines that it printed for the user."""
        self.said = self.folder / "said"
        command = [branch.STRATA, "train", "-C", str(self.branch), "--json", *arguments]
        with open(self.said, "w") as said:
            training = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
        self.addCleanup(training.kill)
        self.wait_until(lambda: "instead." in self.said.read_text(), 30, "how to start the workers is said")
        return training

    def start_workers(self, ranks=2, environment=None):
        lines = self.said.read_text()
        given = dict(re.findall(r"(?m)^  export (\w+)=(.*)$", lines))
        command = re.search(r"(?m)^  mpirun (.*)$", lines).group(1).split()
        command[command.index("-np") + 1] = str(ranks)
        workers = subprocess.Popen(["mpirun", "--allow-run-as-root", "--oversubscribe", *command], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                                   env={**os.environ, **given, **(environment or {})})
        self.addCleanup(self.end, workers)
        self.workers = workers
        return workers

    @staticmethod
    def end(workers):
        try:
            os.killpg(workers.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        workers.wait()

    def ranks(self):
        """Those of the last workers that were started; on their command line is no run's name."""
        return [process for process in self.session(self.workers)
                if processes.is_rank(processes.arguments_of(process))]

    @staticmethod
    def session(workers):
        """mpirun's process and all that came of it."""
        return [int(process.name) for process in pathlib.Path("/proc").glob("[0-9]*")
                if processes.session_of(int(process.name)) == workers.pid]

    def kill(self, workers):
        """The ranks too: mpirun gave each a process group of its own, and without it they train on for a while."""
        processes.send(signal.SIGKILL, *self.session(workers))

    def join_files(self):
        return next((self.branch / "runs").glob("*/join"))

    def test_workers_that_were_killed_are_started_again_and_the_adapter_is_that_of_an_unbroken_run(self):
        training = self.begin("--set", "num_train_epochs=60")
        join = self.join_files()
        self.assertEqual(stat.S_IMODE(join.stat().st_mode), 0o700)
        self.assertEqual(sorted(path.name for path in join.iterdir()), ["certificate.pem", "token"])
        lost = self.start_workers()
        self.hold_when(lambda: len(self.steps()) > 6, 60, "the seventh update")
        self.assertEqual(len(self.ranks()), 2)
        self.kill(lost)
        self.wait_until(lambda: "is lost" in self.said.read_text(), 60, "the attempt is given up")
        # Ranks that come between two attempts are sent away; the user's loop brings them again.
        deadline = time.monotonic() + 60
        while (again := self.start_workers()).wait() != 0:
            self.assertLess(time.monotonic(), deadline, again.stdout.read())
        out = training.communicate(timeout=60)[0]
        self.assertEqual(training.returncode, 0, out + self.said.read_text())
        self.assertEqual(len(json.loads(out)["ranks"]), 2)
        self.assertFalse(join.exists())
        token = re.search(r"Bearer|[0-9a-f]{32}", self.said.read_text())
        self.assertIsNone(token, "the token was printed")
        here = self.make_branch("alone/branch")
        (here / "branch.yaml").write_text(SETTINGS.replace("launcher: external\n", ""))
        self.drop("train.jsonl", self.lines(), here)
        self.finished("train", "--set", "num_train_epochs=60", branch=here)
        self.assertEqual(self.adapter_bytes(), self.adapter_bytes(here))

    def test_too_few_workers_and_a_wrong_token_are_refused_with_words_and_the_wait_goes_on(self):
        training = self.begin()
        few = self.start_workers(ranks=1)
        self.assertIn("joined a run of 2 ranks", few.communicate(timeout=60)[0])
        self.assertNotEqual(few.returncode, 0)
        stranger = self.start_workers(environment={"STRATA_TOKEN": "0" * 32})
        self.assertIn("token", stranger.communicate(timeout=60)[0])
        self.assertNotEqual(stranger.returncode, 0)
        self.assertIsNone(training.poll())
        self.assertEqual(self.start_workers().wait(timeout=60), 0)
        self.assertEqual(training.wait(timeout=60), 0)

    def test_a_stop_ends_once_the_workers_have_left(self):
        training = self.begin("--set", "num_train_epochs=2000")
        self.start_workers()
        self.wait_until(lambda: len(self.steps()) > 3, 60, "an update")
        training.send_signal(signal.SIGTERM)
        self.assertEqual(training.wait(timeout=25), 75)
        events = branch.whole_lines(next((self.branch / "runs").glob("*/journal.jsonl")))
        self.assertIn("checkpoint", [event["kind"] for event in events])
        asked, ended = (datetime.datetime.fromisoformat(event["time"]) for event in events
                        if event["kind"] in ("stop", "ended"))
        # A checkpoint, four seconds of silence; by force it would take twenty.
        self.assertLess((ended - asked).total_seconds(), 18)

    def test_a_stop_ends_the_wait_and_takes_the_files_away(self):
        training = self.begin()
        join = self.join_files()
        training.send_signal(signal.SIGTERM)
        self.assertEqual(training.wait(timeout=25), 75)
        self.assertFalse(pathlib.Path(join).exists())


if __name__ == "__main__":
    branch.main()
