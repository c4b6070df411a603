"""Goal: workers on other hosts train as those beside the coordinator do, see nothing of the branch but the base model, and
a host that drops out is noticed. Method: hosts made of namespaces on this machine, the real mpirun over them."""
import json
import os
import pathlib
import subprocess
import time
import unittest

import branch
import two_hosts

SETTINGS = branch.SETTINGS + """packing: false
hosts: ["10.77.0.2:1", "10.77.0.3:1"]
workers: 2
save_steps: 2
worker_env: [OMP_NUM_THREADS=1]
mpirun_args: [--mca, plm_rsh_agent, AGENT]
"""


@unittest.skipUnless(two_hosts.allowed(), "this user may not make namespaces")
class HostsTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        self.drop("train.jsonl", self.lines())
        (self.branch / "base").unlink()
        (self.branch / "base").mkdir()
        subprocess.run(f"cp {branch.BASE}/* {self.branch}/base/", shell=True, check=True)
        self.work = self.folder / "hosts"
        self.work.mkdir()
        self.hosts = two_hosts.Hosts(self.branch, self.branch / "base", self.work)
        self.addCleanup(self.hosts.end)
        (self.branch / "branch.yaml").write_text(SETTINGS.replace("AGENT", str(self.hosts.agent)))

    def train_on_hosts(self, *arguments):
        command = [branch.STRATA, "train", "-C", str(self.branch), "--json", *arguments]
        training = subprocess.Popen(self.hosts.command("head", *command), stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
        self.addCleanup(training.kill)
        return training

    def workers(self):
        """Process ids of the workers of this branch, wherever they are."""
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if process.joinpath("comm").read_text().strip() == "strata-worker":
                    found.append(int(process.name))
            except OSError:
                pass
        return [pid for pid in found if self.host_of(pid) in ("node1", "node2")]

    def host_of(self, pid):
        try:
            done = subprocess.run(["nsenter", "--target", str(pid), "--uts", "hostname"], capture_output=True, text=True)
        except OSError:
            return ""
        return done.stdout.strip()

    def what_workers_see(self):
        """{host: what its worker finds in the branch's folder}; of those that live while they are looked at."""
        seen = {}
        for pid in self.workers():
            host = self.host_of(pid)
            try:
                names = sorted(path.name for path in pathlib.Path(f"/proc/{pid}/root{self.branch}").iterdir())
            except OSError:
                continue
            if host:
                seen[host] = names
        return seen

    def test_workers_on_two_hosts_train_as_two_beside_the_coordinator(self):
        training = self.train_on_hosts()
        seen = {}
        self.wait_until(lambda: seen.update(self.what_workers_see()) or len(seen) == 2, 60, "workers on both hosts")
        out, err = training.communicate(timeout=120)
        self.assertEqual(training.returncode, 0, out + err)
        self.assertEqual(seen, {"node1": ["base"], "node2": ["base"]})
        result = json.loads(out)
        self.assertEqual([rank["host"] for rank in result["ranks"]], ["node1", "node2"])
        self.assertRegex(err, r"(?m)^ +0 +node1 +cpu +\d")
        # The same run with two workers of this machine, on another branch of the same name and settings.
        here = self.make_branch("alone/branch")
        (here / "branch.yaml").write_text(branch.SETTINGS + "packing: false\nworkers: 2\nsave_steps: 2\n"
                                           "worker_env: [OMP_NUM_THREADS=1]\n")
        self.drop("train.jsonl", self.lines(), here)
        self.finished("train", branch=here)
        self.assertEqual(self.adapter_bytes(), self.adapter_bytes(here))

    def test_a_host_that_drops_out_is_named_and_the_next_attempt_goes_on(self):
        training = self.train_on_hosts("--set", "num_train_epochs=40")
        self.hold_when(lambda: len(self.steps()) > 5, 60, "the sixth update")
        self.hosts.run("head", "ip link set node2 down")
        self.release()
        cut = time.monotonic()
        journal = next((self.branch / "runs").glob("*")) / "journal.jsonl"
        self.wait_until(lambda: '"lost"' in journal.read_text(), 30, "the attempt is given up")
        self.hosts.run("head", "ip link set node2 up")
        out, err = training.communicate(timeout=180)
        self.assertEqual(training.returncode, 0, out + err)
        self.assertLess(time.monotonic() - cut, 180)
        self.assertIn("is lost", err)
        self.assertEqual(json.loads(out)["status"], "completed")
        attempts = {step["attempt"] for step in self.steps()}
        self.assertEqual((min(attempts), len(attempts)), (1, 2))
        self.wait_until(lambda: not self.workers(), 60, "no worker is left")


if __name__ == "__main__":
    branch.main()
