"""Goal: a run's logs say of each line when, how bad, which run, attempt and rank, in words or in JSON. Method: real runs
that lose a rank; run.log and worker.log line by line."""
import json
import re
import signal

import branch
import processes
from restarts_test import SLOW, AttemptTest

TEXT = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (INFO|WARNING|ERROR) run=(\S+) attempt=(\d+) rank=(-|\d+) (\w+)(: .*)?$")
KEYS = ["time", "level", "run", "attempt", "rank", "event", "message"]


class LogsTest(AttemptTest):
    def lose_a_rank(self, *arguments):
        """A run whose first attempt lost rank 1; its folder."""
        run = self.start(*SLOW, *arguments)
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        self.hold_when(lambda: self.journal("checkpoint"), 120, "a checkpoint")
        self.strike(signal.SIGKILL, processes.ranks_of(self.branch)[1])
        self.assertEqual(run.wait(timeout=180), 0)
        return next((self.branch / "runs").iterdir())

    def test_in_words(self):
        folder = self.lose_a_rank()
        lines = [TEXT.match(line) for line in (folder / "run.log").read_text().splitlines()]
        self.assertTrue(all(lines))
        self.assertEqual({line[3] for line in lines}, {folder.name})
        self.assertEqual({line[5] for line in lines}, {"-"})
        self.assert_life([(line[2].lower(), int(line[4]), line[6], (line[7] or "")[2:]) for line in lines])
        own = [TEXT.match(line) for line in (folder / "worker.log").read_text().splitlines()]
        joined = sorted((int(line[4]), int(line[5])) for line in own if line and line[6] == "joined")
        self.assertEqual(joined, [(1, 0), (1, 1), (2, 0), (2, 1)])

    def test_in_json(self):
        folder = self.lose_a_rank("--log-format", "json")
        lines = [json.loads(line) for line in (folder / "run.log").read_text().splitlines()]
        self.assertEqual({tuple(line) for line in lines}, {tuple(KEYS)})
        self.assertEqual({(line["run"], line["rank"]) for line in lines}, {(folder.name, None)})
        self.assert_life([(line["level"], line["attempt"], line["event"], line["message"]) for line in lines])
        # What mpirun says of the rank that died stays as it is; the last of it mpirun may lose.
        worker = (folder / "worker.log").read_text()
        if "died of signal 9" in self.journal("lost")[0]["body"]["words"]:
            self.assertIn("signal 9", worker)
        own = [json.loads(line) for line in worker.splitlines() if line.startswith("{")]
        self.assertEqual({tuple(line) for line in own}, {tuple(KEYS)})
        joined = sorted((line["attempt"], line["rank"]) for line in own if line["event"] == "joined")
        self.assertEqual(joined, [(1, 0), (1, 1), (2, 0), (2, 1)])

    def assert_life(self, lines):
        """begins, launch, joins, checkpoints, the loss and its warning, again, stage, commit, end."""
        events = [event for _, _, event, _ in lines]
        self.assertEqual((events[0], events[-1]), ("begins", "completed"))
        for event, times in (("attempt", 2), ("joined", 4), ("lost", 1), ("stage", 1), ("commit", 1)):
            self.assertEqual(events.count(event), times, events)
        self.assertGreaterEqual(events.count("checkpoint"), 2)
        lost = events.index("lost")
        level, attempt, _, words = lines[lost]
        self.assertEqual((level, attempt), ("warning", 1))
        self.assertRegex(words, "rank 1|exit status 137")
        self.assertEqual({attempt for _, attempt, event, _ in lines[lost + 1:] if event == "joined"}, {2})
        self.assertTrue(any(level == "warning" and event == "warning" for level, _, event, _ in lines))
        host = [words for _, _, event, words in lines if event == "joined"][0]
        self.assertRegex(host, r"^rank [01] on \S+, cpu")
        self.assertIn("train.jsonl", [words for _, _, event, words in lines if event == "stage"][0])


if __name__ == "__main__":
    branch.main()
