"""Goal: Prometheus reads a run's metrics, by a file and by a port, and neither can harm the run. Method: real runs; the
pages through promtool and against steps.jsonl; peers that behave badly."""
import os
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request

import branch
from restarts_test import SLOW, STEPS, AttemptTest

# deploy/setup.sh --with-tests puts it there.
PROMTOOL = shutil.which("promtool", path=f"{branch.ROOT}/.venv/bin:{os.environ['PATH']}")
SAMPLE = re.compile(r'^(\w+)\{([^}]*)\} (\S+)$', re.MULTILINE)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class MetricsTest(AttemptTest):
    def check(self, page):
        """promtool, which looks at names, units, helps and types, has nothing to say."""
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=page, capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""), page)

    def figures(self, page):
        """{name or (name, state): value}; every sample has the labels of its run."""
        found = {}
        for name, labels, value in SAMPLE.findall(page):
            self.assertRegex(labels, r'^branch="[^"]+",run="[^"]+"')
            state = re.search(r'state="(\w+)"', labels)
            found[(name, state.group(1)) if state else name] = float(value)
        return found

    def read(self, port):
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()

    def test_promtool_is_there(self):
        self.assertIsNotNone(PROMTOOL, "deploy/setup.sh --with-tests installs it")
        done = subprocess.run([PROMTOOL, "check", "metrics"], input="a_total{ 1\n", capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertNotEqual(done.returncode, 0, "promtool takes anything")

    def test_a_port_and_a_file_tell_of_a_run_that_goes_on(self):
        port, file = free_port(), self.folder / "strata_branch.prom"
        run = self.start(*SLOW, "--set", f"metrics_port={port}", "--set", f"metrics_file={self.folder}/strata_{{branch}}.prom")
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        pages = []

        def checkpointed():
            try:
                pages.append(self.read(port))
            except urllib.error.URLError:
                return False
            return "strata_last_checkpoint_size_bytes" in self.figures(pages[-1])

        self.hold_when(checkpointed, 120, "a checkpoint in the metrics")
        self.assertIsNone(run.poll(), "the page was read while the run went on")
        self.assert_trains(pages[-1])
        self.release()
        self.assertEqual(run.wait(timeout=120), 0)
        with self.assertRaises(urllib.error.URLError, msg="the port is closed with the run"):
            self.read(port)
        self.assert_end(file)

    def assert_trains(self, page):
        self.check(page)
        figures = self.figures(page)
        done = int(figures["strata_steps_done"])
        self.assertTrue(0 < done < STEPS, figures)
        self.wait_until(lambda: len(self.steps()) >= done, 30, "the steps that the page knows of")
        self.assertEqual(figures["strata_loss"], self.steps()[done - 1]["loss"])
        self.assertEqual((figures["strata_steps_planned"], figures["strata_ranks_alive"], figures["strata_attempt"]),
                         (STEPS, 2, 1))
        self.assertEqual(figures["strata_run_state", "training"], 1)
        self.assertGreater(figures["strata_last_checkpoint_size_bytes"], 1000)
        self.assertGreater(figures["strata_checkpoints_total"], 0)

    def assert_end(self, file):
        page = file.read_text()
        self.check(page)
        figures = self.figures(page)
        self.assertEqual(figures["strata_run_state", "completed"], 1)
        self.assertEqual(figures["strata_run_state", "training"], 0)
        self.assertEqual((figures["strata_steps_done"], figures["strata_steps_total"]), (STEPS, STEPS))
        self.assertEqual((figures["strata_version_committed"], figures["strata_ranks_alive"]), (1, 0))
        self.assertEqual(figures["strata_tokens_total"], sum(step["tokens"] for step in self.steps()))
        self.assertAlmostEqual(figures["strata_commit_timestamp_seconds"], file.stat().st_mtime, delta=60)
        self.assertEqual([path.name for path in self.folder.glob(".*")], [], "a part was left behind")

    def test_many_branches_share_a_setting(self):
        (self.folder / "defaults.yaml").write_text("metrics_file: strata_{branch}.prom\n")
        for name in ("one", "two"):
            other = self.make_branch(name)
            with open(other / "branch.yaml", "a", encoding="utf-8") as file:
                file.write("extends: ../defaults.yaml\n")
            self.drop("train.jsonl", self.lines(), branch=other)
            self.run_strata("train", branch=other)
        for name in ("one", "two"):
            page = (self.folder / f"strata_{name}.prom").read_text()
            self.assertIn(f'branch="{name}"', page)
            self.check(page)

    def test_a_port_that_is_taken_and_a_folder_that_is_not_there_are_only_said(self):
        self.drop("train.jsonl", self.lines())
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            said = self.run_strata("train", "--set", f"metrics_port={port}", "--set", "metrics_file=missing/x.prom")
        self.assertIn(f"metrics_port: cannot listen at 127.0.0.1:{port}", said)
        self.assertIn("cannot write metrics_file", said)
        self.assertIn("v0001 is current", said)
        log = next((self.branch / "runs").glob("*/run.log")).read_text()
        self.assertEqual(len(re.findall("WARNING .* warning: ", log)), 2, log)

    def test_peers_that_behave_badly_do_not_hold_a_run_up(self):
        self.of_unbroken()
        port = free_port()
        run = self.start(*SLOW, "--set", f"metrics_port={port}")
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        self.wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 60, "the port")
        peers = []
        for words in [b"", b"GET /metrics HTTP/1.1\r\n", b"\0" * 100_000, b"POST /metrics HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n"] * 20:
            peer = socket.create_connection(("127.0.0.1", port), timeout=5)
            peer.setblocking(False)
            peers.append(peer)
            try:
                peer.send(words)
            except OSError:
                pass
        self.assertEqual(run.wait(timeout=300), 0)
        self.assertEqual(self.adapter_bytes(), self.of_unbroken()[0])
        for peer in peers:
            peer.close()

    def test_only_loopback_unless_asked(self):
        for value in ("70000", "host", "host:0", "-1"):
            said = self.run_strata("config", "--set", f"metrics_port={value}", code=64)
            self.assertIn("metrics_port must be 0 (off)", said)


if __name__ == "__main__":
    branch.main()
