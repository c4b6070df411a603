#!/usr/bin/env python3
"""Goal: whatever is killed, stopped or slowed down at whatever moment, the invariants of a branch hold.
Method: real processes on small branches; each cycle is one `strata train` that meets one fault, drawn with its moment
from a seed; after it a reader with nothing of strata's code looks at the branch. Now and then a run that met faults is
compared with the same run unbroken: byte-equal adapters.

usage: stress.py [--cycles N] [--seed S] [--keep]
A breach is printed with its seed and cycle, and leaves its branch for a look. The same seed draws the same faults; at
which instruction they strike is the machine's affair.
"""
import argparse
import collections
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import branch
import branch_reader
import processes

SETTINGS = branch.SETTINGS + "packing: false\nsave_steps: 2\nmax_restarts: 2\nkeep_backups: 1\n"
EPOCHS, BATCH = 2, 4  # as SETTINGS has them
CYCLES_OF_A_BRANCH = 40
END_SECONDS = 240  # no cycle takes so long: a rank that stops before it has joined is missed after 120
ORPHAN_SECONDS = 60
# How often each fault is drawn; a rank that is stopped for good costs its lease, 20 s.
FAULTS = {"none": 8, "kill coordinator": 20, "kill mpirun": 8, "kill session": 8, "kill rank": 20, "pause rank": 8,
          "slow rank": 8, "pause coordinator": 4, "kill coordinator and mpirun": 4, "term": 8, "term twice": 4,
          "int": 3, "usr1": 3, "stop rank": 1}
MOMENTS = {"any time": 6, "launch": 2, "step": 6, "checkpoint": 4, "proved": 2, "commit": 5, "committed": 3}
STOPS = {"term": signal.SIGTERM, "term twice": signal.SIGTERM, "int": signal.SIGINT, "usr1": signal.SIGUSR1}


def drawn(source, weights):
    return source.choices(list(weights), list(weights.values()))[0]


class Verdicts:
    """When each run was last left by its coordinator: what of it lives a minute later is an orphan."""

    def __init__(self):
        self.left = {}  # run → (time, last attempt)

    def leave(self, folder):
        for journal in (folder / "runs").glob("*/journal.jsonl"):
            attempts = [event["body"]["attempt"] for event in branch_reader.chained(journal)]
            known = self.left.get(journal.parent.name)
            if known is None or known[1] != max(attempts, default=0):
                self.left[journal.parent.name] = (time.monotonic(), max(attempts, default=0))

    def orphans(self, folder):
        """Processes that should be gone."""
        for process, arguments in processes.workers_of(folder).items():
            run = arguments[arguments.index("--run") + 1]
            attempt = int(arguments[arguments.index("--attempt") + 1])
            left = self.left.get(run)
            if left and attempt <= left[1] and time.monotonic() - left[0] > ORPHAN_SECONDS:
                if not processes.is_dead(process):
                    yield f"{process} of {run}, attempt {attempt}, {time.monotonic() - left[0]:.0f} s after its end"


class StressedBranch:
    """One branch over some cycles."""

    def __init__(self, folder, source):
        self.folder, self.source = folder, source
        (folder / "training").mkdir(parents=True)
        (folder / "base").symlink_to(branch.BASE)
        (folder / "branch.yaml").write_text(SETTINGS)
        self.reader = branch_reader.BranchReader(folder)
        self.verdicts = Verdicts()
        self.counts = {}     # dataset → how many examples it may have been trained with
        self.lines = 0       # ever written
        self.workers = 1     # of the run that is pending
        self.same_ranks = True
        self.twin = None     # the branch as it was before the run
        self.seconds = 3.0   # that an unbroken run took last
        self.open = False    # a run was begun and not finished

    def text(self, count):
        words = ("barrio", "puerta", "memoria", "mercado", "ritual", "linaje", "campo", "archivo")
        lines = []
        for _ in range(count):
            self.lines += 1
            said = " ".join(self.source.choices(words, k=self.source.randint(3, 12)))
            lines.append(json.dumps({"instruction": f"Ficha {self.lines}", "input": "", "output": said}) + "\n")
        return "".join(lines)

    def new_work(self):
        """Another dataset or three, or examples appended to one that was trained."""
        if self.counts and self.source.random() < 0.2:
            name = self.source.choice(sorted(self.counts))
            count = self.source.randint(1, 5)
            with open(self.folder / "training" / name, "a", encoding="utf-8") as file:
                file.write(self.text(count))
            self.counts[name] = self.counts[name] | {max(self.counts[name]) + count}
        else:
            for _ in range(self.source.choice((1, 1, 2, 3))):
                self.new_dataset()
        self.workers, self.same_ranks = self.source.choice((1, 2, 2, 3)), True
        self.twin = None
        if self.source.random() < 0.25:
            self.twin = self.folder.parent / "twin"
            shutil.rmtree(self.twin, ignore_errors=True)
            shutil.copytree(self.folder, self.twin, symlinks=True, ignore=shutil.ignore_patterns("run.lock"))

    def new_dataset(self):
        tier = self.source.choice(("premium", "improved", "supplementary", "other"))
        name, count = f"{len(self.counts):03}_{tier}.jsonl", self.source.randint(1, 9)
        (self.folder / "training" / name).write_text(self.text(count), encoding="utf-8")
        self.counts[name] = {count}

    def start(self, log):
        command = [branch.STRATA, "train", "-C", str(self.folder), "--workers", str(self.workers)]
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


class Moment:
    """Waits for the drawn moment of a run; false when the run ended before it."""

    def __init__(self, stressed, run, begun):
        self.stressed, self.run, self.begun = stressed, run, begun
        self.sizes = self.seen()

    def seen(self):
        """What grows as a run goes on, by where it has got to."""
        runs = self.stressed.folder / "runs"
        ledger = self.stressed.reader.adapters / "ledger.jsonl"
        text = ledger.read_bytes() if ledger.exists() else b""
        return {"launch": sum(log.stat().st_size for log in runs.glob("*/journal.jsonl")),
                "step": sum(log.read_bytes().count(b"\n") for log in runs.glob("*/steps.jsonl")),
                "checkpoint": frozenset(runs.glob("*/checkpoints/*")),
                "proved": sum(log.read_bytes().count(b'"kind":"proved"') for log in runs.glob("*/journal.jsonl")),
                "commit": text.count(b'"kind":"begin"'), "committed": text.count(b'"kind":"commit"')}

    def wait(self, kind):
        source = self.stressed.source
        if kind == "any time":
            return self.sleep_until(source.uniform(0, 1.1) * self.stressed.seconds)
        wanted = source.randint(1, 6) if kind == "step" else 1
        while True:
            try:
                now = self.seen()[kind]
            except FileNotFoundError:  # renamed or removed as it was looked at
                continue
            if kind == "checkpoint" and now - self.sizes[kind]:
                break
            if kind != "checkpoint" and now - self.sizes[kind] >= wanted:
                break
            if self.run.poll() is not None:
                return False
            time.sleep(0.002)
        time.sleep(source.uniform(0, 0.03) if kind in ("commit", "committed", "proved") else source.uniform(0, 0.1))
        return self.run.poll() is None

    def sleep_until(self, seconds):
        while time.monotonic() - self.begun < seconds and self.run.poll() is None:
            time.sleep(0.005)
        return self.run.poll() is None


class Stress:
    def __init__(self, options):
        self.seed, self.cycles, self.keep = options.seed, options.cycles, options.keep
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="strata-stress-"))
        self.cycle = 0
        self.told = collections.Counter()

    def strike(self, stressed, run, fault):
        """Does it to the run; the exit codes that may follow, besides 0."""
        source, folder = stressed.source, stressed.folder
        if fault in STOPS:
            run.send_signal(STOPS[fault])
            if fault.endswith("twice"):
                time.sleep(source.uniform(0, 0.3))
                run.send_signal(STOPS[fault])
            return {75}
        ranks, mpiruns = processes.ranks_of(folder), processes.mpiruns_of(folder)
        rank = [source.choice(ranks)] if ranks else []
        if fault == "pause coordinator":
            run.send_signal(signal.SIGSTOP)
            time.sleep(source.uniform(0.1, 0.6))
            run.send_signal(signal.SIGCONT)
        elif fault == "pause rank":
            self.pause(rank, source.uniform(0.1, 0.6))
        elif fault == "slow rank":
            for _ in range(10):
                self.pause(rank, 0.06)
                time.sleep(0.02)
        elif fault == "stop rank":
            # Not one that a killed coordinator left behind: what is frozen can't end itself, and after its mpirun
            # nobody is left who would end it.
            own = [process for process in ranks if processes.session_of(process) in self.children(run)]
            processes.send(signal.SIGSTOP, *own[:1])
        else:
            if "mpirun" in fault or "session" in fault:
                processes.send(signal.SIGKILL, *mpiruns)
            if "session" in fault:
                processes.send(signal.SIGKILL, *ranks)
            if fault == "kill rank":
                processes.send(signal.SIGKILL, *rank)
            if "coordinator" in fault:
                run.kill()
                return {-signal.SIGKILL}
        return set()

    @staticmethod
    def children(run):
        try:
            return {int(child) for tasks in pathlib.Path(f"/proc/{run.pid}/task").glob("*/children")
                    for child in tasks.read_text().split()}
        except OSError:
            return set()

    @staticmethod
    def pause(rank, seconds):
        processes.send(signal.SIGSTOP, *rank)
        time.sleep(seconds)
        processes.send(signal.SIGCONT, *rank)

    def run_cycle(self, stressed):
        source = stressed.source
        # What a cycle meets does not depend on how the one before it went.
        source.seed(f"{self.seed} {self.cycle}")
        fault, moment = drawn(source, FAULTS), drawn(source, MOMENTS)
        if not stressed.open:
            stressed.new_work()
        elif source.random() < 0.1:
            stressed.workers, stressed.same_ranks = source.choice((1, 2, 3)), False
        self.what = f"{fault}, {moment}, {stressed.workers} ranks"
        begun, runs = time.monotonic(), len(list((stressed.folder / "runs").glob("*")))
        with open(self.folder / "said", "wb") as log:
            run = stressed.start(log)
        try:
            allowed = {0}
            waited = Moment(stressed, run, begun)
            if fault != "none" and waited.wait(moment):
                self.told[fault] += 1
                allowed |= self.strike(stressed, run, fault)
            code = run.wait(timeout=END_SECONDS)
            # Met before the program had begun to listen to signals: nothing of a run is there.
            if fault in STOPS and not stressed.open and len(list((stressed.folder / "runs").glob("*"))) == runs:
                allowed |= {-STOPS[fault]}
        except subprocess.TimeoutExpired:
            raise branch_reader.Breach(f"the run has not ended in {END_SECONDS} s") from None
        finally:
            run.kill()
            run.wait()
        stressed.verdicts.leave(stressed.folder)
        if fault == "none" and not stressed.open:
            stressed.seconds = time.monotonic() - begun
        self.judge(stressed, code, allowed)

    def judge(self, stressed, code, allowed):
        # Of a launch that no rank outlived to join there is no second.
        if code == 69:
            last = branch_reader.chained(sorted((stressed.folder / "runs").glob("*/journal.jsonl"))[-1])
            attempt = last[-1]["body"]["attempt"]
            joined = [event for event in last if event["kind"] == "joined" and event["body"]["attempt"] == attempt]
            branch_reader.expect(not joined, "the run has failed")
            allowed = allowed | {69}
        branch_reader.expect(code in allowed, f"exit code {code}, where {sorted(allowed)} can be")
        before = stressed.reader.version
        current = stressed.reader.look()
        orphans = list(stressed.verdicts.orphans(stressed.folder))
        branch_reader.expect(not orphans, f"outlived their verdict: {orphans}")
        stressed.open = code != 0
        self.told[f"exit {code}"] += 1
        if code == 0:
            stressed.counts = {name: {max(counts)} for name, counts in stressed.counts.items()}
        if current:
            known = branch_reader.check_examples(stressed.reader.folder(), stressed.counts)
        if code == 0:
            self.judge_completed(stressed, before, current, known)

    def judge_completed(self, stressed, before, current, known):
        branch_reader.expect(known == set(stressed.counts), f"not trained: {set(stressed.counts) - known}")
        commit = [event["body"] for event in stressed.reader.lines if event["kind"] == "commit"][-1]
        stages = [(stage["dataset"], EPOCHS, -(-stage["examples"] // BATCH)) for stage in commit["stages"]]
        branch_reader.check_steps(stressed.folder / "runs" / commit["run"], stages)
        # A run that was killed after its commit is completed by the next, which finds nothing to do.
        branch_reader.expect(current == max(before, commit["version"]), "the newest version is not current")
        if stressed.twin and stressed.same_ranks:
            self.compare(stressed)
        stressed.twin = None

    def compare(self, stressed):
        """The same run on the copy that was made before it."""
        command = [branch.STRATA, "train", "-C", str(stressed.twin), "--workers", str(stressed.workers)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=END_SECONDS)
        ours, theirs = (folder / "adapters/lora_adapters/current/adapter_model.safetensors"
                        for folder in (stressed.folder, stressed.twin))
        branch_reader.expect(ours.read_bytes() == theirs.read_bytes(), "not the adapter of the unbroken run")
        self.told["compared with an unbroken run"] += 1

    def end_branch(self, stressed):
        """strata's own opinion; and after a minute nothing of the branch lives."""
        subprocess.run([branch.STRATA, "verify", "-C", str(stressed.folder)], check=True, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + ORPHAN_SECONDS
        while alive := [process for process in processes.workers_of(stressed.folder) if not processes.is_dead(process)]:
            branch_reader.expect(time.monotonic() < deadline, f"outlived the last verdict: {alive}")
            time.sleep(0.2)

    @staticmethod
    def lost(stressed):
        """What the newest run's journal says of attempts that were lost."""
        journals = sorted((stressed.folder / "runs").glob("*/journal.jsonl"))
        events = branch_reader.chained(journals[-1]) if journals else []
        return "".join(f"; lost: {event['body']['words']}" for event in events if event["kind"] == "lost")

    def run(self):
        begun, stressed = time.monotonic(), None
        for self.cycle in range(self.cycles):
            if self.cycle % CYCLES_OF_A_BRANCH == 0:
                if stressed:
                    self.end_branch(stressed)
                    shutil.rmtree(stressed.folder)
                stressed = StressedBranch(self.folder / f"branch-{self.cycle}", random.Random())
            self.run_cycle(stressed)
            print(f"{self.cycle:4} {time.monotonic() - begun:7.1f} s  v{stressed.reader.version:04}  {self.what}"
                  f"{self.lost(stressed)}", flush=True)
        self.end_branch(stressed)
        print(f"{self.cycles} cycles of seed {self.seed} in {time.monotonic() - begun:.0f} s, no breach: "
              + ", ".join(f"{what} {count}" for what, count in sorted(self.told.items())))
        if not self.keep:
            shutil.rmtree(self.folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="leave the branches behind")
    stress = Stress(parser.parse_args())
    try:
        stress.run()
    except (branch_reader.Breach, subprocess.SubprocessError) as breach:
        said = (stress.folder / "said").read_text(errors="replace")
        sys.exit(f"{said}\nBREACH in cycle {stress.cycle} of seed {stress.seed} ({stress.what}): {breach}\n"
                 f"the branch is left in {stress.folder}")


if __name__ == "__main__":
    main()
