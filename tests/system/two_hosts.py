"""Three hosts of this machine: network, process names and files of their own. Used by hosts_test.py.

The first has the branch, and strata runs there; the others have what the machine has but for the branch's folder, of which
they see only the base model. mpirun reaches them by an agent in the place of ssh.
"""
import pathlib
import shutil
import subprocess
import time

NAMES = ("head", "node1", "node2")
ADDRESS = "10.77.0."


def allowed():
    """Whether namespaces can be made here."""
    if shutil.which("ip") is None:
        return False
    return subprocess.run(["unshare", "--net", "--mount", "--uts", "true"], capture_output=True).returncode == 0


class Hosts:
    """`folder` is the branch's, hidden on the nodes but for base/, which is `base`."""

    def __init__(self, folder, base, work):
        self.processes = {name: subprocess.Popen(["unshare", "--net", "--mount", "--uts", "sleep", "infinity"],
                                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                          for name in NAMES}
        try:
            self.connect(folder, base, work)
        except BaseException:
            self.end()
            raise

    def connect(self, folder, base, work):
        for name in NAMES:
            self.wait_for_namespaces(name)
            self.run("head" if name == "head" else name, f"hostname {name}; mount --make-rprivate /; ip link set lo up")
        self.run("head", f"ip link add br0 type bridge; ip addr add {ADDRESS}1/24 dev br0; ip link set br0 up")
        for number, name in enumerate(NAMES[1:], start=2):
            self.run("head", f"ip link add {name} type veth peer name eth0 netns {self.processes[name].pid}; "
                             f"ip link set {name} master br0 up")
            # A small host: its temporary files and its shared memory are its own.
            self.run(name, f"ip addr add {ADDRESS}{number}/24 dev eth0; ip link set eth0 up; mkdir -p {work}/{name}; "
                           f"mount -t tmpfs none /dev/shm; mount --bind {base} {work}/{name}; "
                           f"mount -t tmpfs none {folder}; mkdir {folder}/base; "
                           f"mount --bind {work}/{name} {folder}/base")
        self.agent = work / "agent"
        pids = "".join(f"{ADDRESS}{number}) pid={self.processes[name].pid};;\n"
                       for number, name in enumerate(NAMES, start=1))
        self.agent.write_text(f'#!/bin/sh\nhost=$1\nshift\ncase "$host" in\n{pids}esac\n'
                              'exec nsenter --target "$pid" --net --mount --uts sh -c "$*"\n')
        self.agent.chmod(0o755)

    def command(self, host, *command):
        return ["nsenter", "--target", str(self.processes[host].pid), "--net", "--mount", "--uts", *command]

    def wait_for_namespaces(self, host):
        """What is run there before unshare has made them changes this machine."""
        deadline = time.monotonic() + 60
        for kind in ("net", "mnt", "uts"):
            own = pathlib.Path(f"/proc/self/ns/{kind}").readlink()
            while pathlib.Path(f"/proc/{self.processes[host].pid}/ns/{kind}").readlink() == own:
                if time.monotonic() > deadline:
                    raise AssertionError(f"no {kind} namespace for {host}")
                time.sleep(0.02)

    def run(self, host, script):
        return subprocess.run(self.command(host, "sh", "-ec", script), check=True, capture_output=True, text=True).stdout

    def end(self):
        for process in self.processes.values():
            process.kill()
            process.wait()
