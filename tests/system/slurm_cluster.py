"""A real Slurm on the loopback of this machine: munged, slurmctld and a slurmd for each node, from Debian's packages,
with keys, ports, state and logs of their own in a temporary folder. Used by the tests of Slurm in this folder.

Each slurmd has a host name of its own (a UTS namespace) and a view of /etc/hosts in which all nodes are 127.0.0.1, as
Debian's slurmd is not built to be several nodes of one host. Needs root, as slurmctld and slurmd do."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

NODES = 4
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
CONFIGURATION = """ClusterName=strata
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={controller_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=1,sched_min_interval=100000,sched_interval=2,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{preempt}JobRequeue=1
KillWait=30
MinJobAge=3600
NodeName=n[1-{nodes}] NodeAddr=127.0.0.1 Port=[{first_port}-{last_port}] CPUs=2 State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES PriorityTier=1 GraceTime={grace}
PartitionName=high Nodes=ALL PriorityTier=10 PreemptMode=OFF
"""


def free_ports(count):
    """So many ports in a row that nobody listens on."""
    for first in range(28000 + os.getpid() % 2000, 32000, count):
        sockets = []
        try:
            for port in range(first, first + count):
                sockets.append(socket.socket())
                sockets[-1].bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for each in sockets:
                each.close()
    raise RuntimeError("no free ports")


def missing_programs():
    return [name for name in PROGRAMS if program(name) is None]


def program(name):
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", ""))


class Cluster:
    def __init__(self, nodes=NODES, grace=0, preempt=""):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="strata-slurm-"))
        self.nodes = nodes
        self.daemons = []
        self.environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}
        first = free_ports(nodes + 1)
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            folder=self.folder, host=socket.gethostname(), controller_port=first, first_port=first + 1,
            last_port=first + nodes, nodes=nodes, grace=grace,
            preempt=f"SlurmctldParameters={preempt}\n" if preempt else ""))
        (self.folder / "hosts").write_text("".join(
            f"127.0.0.1 {name}\n" for name in ["localhost", socket.gethostname(), *self.names()]))
        # PMIx keeps sockets in a folder that no two nodes may share.
        (self.folder / "mpi.conf").write_text(f"PMIxCliTmpDirBase={self.folder}/pmix\n")
        for each in ("state", "pmix"):
            (self.folder / each).mkdir()
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def names(self):
        return [f"n{i + 1}" for i in range(self.nodes)]

    def daemon(self, *command):
        log = open(self.folder / "daemons.log", "ab")
        self.daemons.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                             env=self.environment, start_new_session=True))
        log.close()

    def start(self):
        folder, conf = self.folder, str(self.folder / "slurm.conf")
        (folder / "munge.key").write_bytes(os.urandom(1024))
        (folder / "munge.key").chmod(0o400)
        self.daemon(program("munged"), "--foreground", "--force", f"--key-file={folder}/munge.key",
                    f"--socket={folder}/munge.socket", f"--pid-file={folder}/munge.pid",
                    f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed")
        self.until((folder / "munge.socket").exists, 20, "munged")
        self.daemon(program("slurmctld"), "-D", "-f", conf)
        for name in self.names():
            for each in (f"spool-{name}", f"pmix-{name}"):
                (folder / each).mkdir()
            self.daemon("unshare", "--uts", "--mount", "sh", "-c",
                        f"hostname {name} && mount --bind {folder}/hosts /etc/hosts && "
                        f"mount --bind {folder}/pmix-{name} {folder}/pmix && "
                        f"exec {program('slurmd')} -D -f {conf}")
        self.until(self.is_idle, 60, "all nodes idle")

    def is_idle(self):
        try:
            done = self.run("sinfo", "--noheader", "--format=%T %D", check=False)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0 and f"idle {self.nodes}\n" in done.stdout

    def until(self, happened, seconds, what):
        deadline = time.monotonic() + seconds
        while not happened():
            ended = [daemon.args for daemon in self.daemons if daemon.poll() is not None]
            if ended or time.monotonic() > deadline:
                logs = "\n".join(path.read_text(errors="replace")[-3000:] for path in sorted(self.folder.glob("*.log")))
                raise AssertionError(f"not within {seconds} s: {what}; ended: {ended}\n{logs}")
            time.sleep(0.1)

    def run(self, name, *arguments, check=True):
        done = subprocess.run([program(name), *arguments], capture_output=True, text=True, timeout=60,
                              env=self.environment)
        if check and done.returncode != 0:
            raise AssertionError(f"{name} {arguments}\n{done.stdout}{done.stderr}")
        return done

    def job(self, job):
        """What scontrol says of a job, a word to a value."""
        said = self.run("scontrol", "--oneliner", "show", "job", job).stdout
        return dict(word.partition("=")[::2] for word in said.split())

    def hurry(self, job):
        """A requeued job is held back for two minutes, which is no part of what is tested. A few seconds are needed: a
        slurmd takes no job again in the second in which it ended it."""
        eligible = self.job(job)["EligibleTime"]
        soon = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + 10))
        if eligible != "Unknown" and eligible > soon:
            self.run("scontrol", "update", f"JobId={job}", "StartTime=now+4seconds", check=False)

    def log(self, node):
        """The end of what a node's slurmd says."""
        log = self.folder / f"slurmd-{node}.log"
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""

    def stop(self):
        try:
            self.run("scancel", "--user=root", "--full", "--signal=KILL", check=False)
            self.run("scancel", "--user=root", check=False)
        finally:
            self.end_daemons()

    def end_daemons(self):
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in self.daemons:
            try:
                daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self.end_steps()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end_steps(self):
        """Steps outlive their slurmd by design; they are known by the cluster's own configuration."""
        mark = f"SLURM_CONF={self.folder}/slurm.conf".encode()
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes().split(b"\0") and int(process.name) != os.getpid():
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                pass
