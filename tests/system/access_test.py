"""Goal: beyond loopback nobody but the run's own workers gets in, and who tries does not disturb the run. Method: a real
run that listens on all addresses, and a peer made by hand that has no token, a wrong one or an old one, speaks
plaintext or nonsense, sends too much, or opens 5,000 connections and says nothing."""
import os
import pathlib
import random
import resource
import socket
import ssl
import subprocess

import branch
import http2_peer

UNAUTHENTICATED, RESOURCE_EXHAUSTED, INTERNAL, ABORTED = 16, 8, 13, 10
IDLE = 5000
GROWTH_MAX = 96 << 20


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def ranks_of(run):
    """Processes of the ranks that a `strata train` has started."""
    children, found = [run.pid], []
    while children:
        process = children.pop()
        for task in pathlib.Path(f"/proc/{process}/task").glob("*/children"):
            children += [int(child) for child in read(task).split()]
        if read(pathlib.Path(f"/proc/{process}/cmdline")).split(b"\0")[0].endswith(b"strata-worker"):
            found.append(process)
    return found


def variables_of(process):
    pairs = read(pathlib.Path(f"/proc/{process}/environ")).decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def resident(process):
    for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    return 0


class AccessTest(branch.BranchTest):
    def setUp(self):
        super().setUp()
        self.drop("train.jsonl", self.lines())
        with open(self.branch / "branch.yaml", "a", encoding="utf-8") as settings:
            settings.write("listen: 0.0.0.0\n")

    def begin(self, epochs):
        """A run that has made a step; keeps what its workers were told."""
        known = len(list((self.branch / "runs").glob("*")))
        run = self.start("--restart", "--workers", "2", "--all", "--set", f"num_train_epochs={epochs}")
        self.addCleanup(run.kill)

        def trains():
            self.assertIsNone(run.poll(), "the run has ended")
            return len(list((self.branch / "runs").glob("*/steps.jsonl"))) > known and self.steps()

        self.wait_until(trains, 120, "a first step")
        rank = ranks_of(run)[0]
        arguments = read(pathlib.Path(f"/proc/{rank}/cmdline")).decode().split("\0")
        self.address = arguments[arguments.index("--coordinator") + 1]
        told = variables_of(rank)
        self.token, self.certificate = told["STRATA_TOKEN"], told["STRATA_TLS_CERTIFICATE"]
        self.trusted = http2_peer.trusting(self.certificate)
        return run

    def call(self, method="Heartbeat", **more):
        return http2_peer.call(self.address, self.trusted, method, **more)

    def foreign_certificate(self):
        files = [str(self.folder / name) for name in ("foreign.key", "foreign.pem")]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", files[0], "-out", files[1], "-days", "1", "-subj", "/CN=strata run"], check=True,
                       capture_output=True)
        return files[1]

    def knock_without_the_token(self):
        for method in ("Join", "FetchAdapter", "Heartbeat", "SendCandidate", "Fail"):
            self.assertEqual(self.call(method), UNAUTHENTICATED, method)
            self.assertEqual(self.call(method, token="f" * len(self.token)), UNAUTHENTICATED, method)

    def knock_in_plaintext(self):
        self.assertIsNone(http2_peer.call(self.address, None, "Heartbeat", token=self.token))
        with self.assertRaises(ssl.SSLError):
            http2_peer.connect(self.address, http2_peer.trusting(pathlib.Path(self.foreign_certificate()).read_text()))

    def send_too_much(self):
        self.assertEqual(self.call("Fail", message=bytes(64), length=(1 << 31) - 1), UNAUTHENTICATED)
        self.assertIn(self.call("Fail", message=bytes(64 << 20)), (UNAUTHENTICATED, None))
        # More than its window lets it: the stream's error, before the message's bound is looked at.
        self.assertIn(self.call("Fail", message=bytes(4 << 20), token=self.token), (RESOURCE_EXHAUSTED, INTERNAL, None))

    def send_nonsense(self):
        noise = random.Random(3)
        for i in range(60):
            context = self.trusted if i % 2 else None
            with http2_peer.connect(self.address, context) as peer:
                peer.settimeout(0.05)
                try:
                    peer.sendall((http2_peer.PREFACE if i % 3 else b"") + noise.randbytes(1 + 331 * i))
                    peer.recv(1)
                except OSError:
                    pass
        self.assertNotEqual(self.call("Heartbeat", message=noise.randbytes(99), token=self.token), 0)
        self.assertEqual(self.call("Heartbeat", token=self.token), ABORTED, "a caller of no run")

    def open_idle_connections(self):
        """As many at once as this process may; one in five begins to speak and goes no further."""
        at_once = min(IDLE, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200)
        host, port = self.address.rsplit(":", 1)
        idle = []
        for i in range(IDLE):
            peer = socket.create_connection((host, int(port)), timeout=20)
            if i % 5 == 0:
                peer.sendall(b"\x16\x03\x01\x02\x00\x01")
            idle.append(peer)
            if len(idle) > at_once:
                idle.pop(0).close()
        self.assertEqual(self.call("Heartbeat"), UNAUTHENTICATED, "served beside the idle")
        for peer in idle:
            peer.close()

    def assert_kept_secret(self, run):
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            self.assertNotIn(self.token.encode(), read(process / "cmdline"), process)
        for rank in ranks_of(run):
            self.assertNotIn(b"PRIVATE KEY", read(pathlib.Path(f"/proc/{rank}/environ")))
        kept = [path for path in self.branch.rglob("*") if path.is_file()]
        self.assertIn("worker.log", {path.name for path in kept})
        for path in kept:
            for secret in (self.token.encode(), b"PRIVATE KEY"):
                self.assertNotIn(secret, read(path), path)

    def test_a_run_goes_on_undisturbed_by_who_has_no_token(self):
        run = self.begin(epochs=10000)
        self.assertNotRegex(self.address, r"^(127\.|0\.0\.0\.0)" if reaches_others() else r"^0\.0\.0\.0")
        before, steps = resident(run.pid), len(self.steps())
        self.knock_without_the_token()
        self.knock_in_plaintext()
        self.send_too_much()
        self.send_nonsense()
        self.open_idle_connections()
        growth = resident(run.pid) - before
        print(f"the coordinator grew by {growth >> 20} MiB", flush=True)
        self.assertLess(growth, GROWTH_MAX)
        self.assertGreater(len(self.steps()), steps)
        self.assertEqual(len(ranks_of(run)), 2)
        self.assert_kept_secret(run)
        run.terminate()
        self.assertEqual(run.wait(timeout=60), 75)
        self.assertEqual(self.json("status")["last_run"]["status"], "interrupted")

    def test_the_token_of_another_run_opens_nothing_and_a_run_completes_beside_who_holds_it(self):
        first = self.begin(epochs=10000)
        old = self.token
        first.terminate()
        self.assertEqual(first.wait(timeout=60), 75)
        second = self.begin(epochs=300)
        self.assertNotEqual(self.token, old)
        refused = 0
        while second.poll() is None:
            try:
                answered = self.call("Heartbeat", token=old)
            except OSError:
                answered = None
            if answered is None:
                second.wait(timeout=30)
            else:
                self.assertEqual(answered, UNAUTHENTICATED)
                refused += 1
        self.assertGreater(refused, 0)
        self.assertEqual(second.returncode, 0)
        self.assertEqual(self.json("status")["current"]["version"], "v0001")

    def test_a_worker_trusts_the_certificate_of_its_run_alone(self):
        run = self.begin(epochs=10000)
        worker = [str(pathlib.Path(branch.STRATA).parent / "strata-worker"), "--coordinator", self.address, "--run",
                  "20260101-000000-aaaa", "--attempt", "1"]
        secrets = {name: value for name, value in os.environ.items() if not name.startswith("STRATA_T")}
        secrets["STRATA_TOKEN_FILE"] = str(self.folder / "token")
        pathlib.Path(secrets["STRATA_TOKEN_FILE"]).write_text(self.token + "\n")
        own, foreign = self.folder / "own.pem", self.foreign_certificate()
        own.write_text(self.certificate)
        for certificate, why in ((None, "STRATA_TLS_CERTIFICATE"), (str(own), "this is another run"),
                                 (foreign, "certificate verify failed")):
            told = secrets | ({"STRATA_TLS_CERTIFICATE_FILE": certificate} if certificate else {})
            done = subprocess.run(worker, env=told, capture_output=True, text=True, timeout=120)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(why, done.stdout + done.stderr)
        run.terminate()
        self.assertEqual(run.wait(timeout=60), 75)

    def test_a_port_and_a_certificate_of_the_users_are_taken(self):
        certificate = self.foreign_certificate()
        settings = ["--set", "listen=127.0.0.1", "--set", f"tls_certificate_file={certificate}"]
        self.assertIn("tls_key_file", self.run_strata("train", *settings, code=78))
        settings += ["--set", f"tls_key_file={self.folder / 'foreign.key'}"]
        self.assertEqual(self.json("train", *settings)["version"], "v0001")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            refused = self.run_strata("train", "--all", "--set", f"listen=127.0.0.1:{port}", code=69)
        self.assertIn("in use", refused)


def reaches_others():
    """Whether this machine has a way to others, which a coordinator on all addresses tells its workers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.1", 9))
        except OSError:
            return False
        return not probe.getsockname()[0].startswith("127.")


if __name__ == "__main__":
    branch.main()
