"""Reads a branch's adapters as a stranger would, with nothing of strata's code: the ledger's chain, manifests' hashes,
links, safetensors, and which examples the lineage was trained on. A breach of what FAULTS promises is a Breach.

The invariants by their names there: I1 `current` is complete, hash-true and finite; I2 versions never go back; I3
`previous` is as whole; I4 each example is trained exactly once per completed epoch."""
import hashlib
import json
import pathlib
import struct

import numpy


class Breach(AssertionError):
    pass


def expect(holds, what):
    if not holds:
        raise Breach(what)


def chained(file):
    """The events of a ledger or journal; a last line without its end was torn by a kill."""
    if not file.exists():
        return []
    events, before = [], "0" * 64
    for number, line in enumerate(file.read_bytes().split(b"\n")[:-1], 1):
        event = json.loads(line)
        signed, mark, _ = line.rpartition(b',"hash":"')
        expect(mark and hashlib.sha256(signed).hexdigest() == event["hash"], f"{file}:{number}: its hash differs")
        expect((event["seq"], event["prev"]) == (number, before), f"{file}:{number}: follows on another line")
        before = event["hash"]
        events.append(event)
    return events


def tensors_of(file):
    data = file.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    body, end, found = data[8 + length:], 0, {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, until = entry["data_offsets"]
        expect(entry["dtype"] == "F32" and begin == end, f"{file}: {name} is no fp32 or leaves a hole")
        found[name] = numpy.frombuffer(body[begin:until], "<f4").reshape(entry["shape"])
        end = until
    expect(end == len(body), f"{file}: bytes behind the last tensor")
    return found


def check_version(folder, manifest_sha256=None):
    """Complete, hash-true, finite, and it has learnt something; its manifest."""
    text = (folder / "manifest.json").read_bytes()
    if manifest_sha256:
        expect(hashlib.sha256(text).hexdigest() == manifest_sha256, f"{folder}: not the manifest that was committed")
    manifest = json.loads(text)
    expect({"adapter_model.safetensors", "adapter_config.json"} <= manifest["files"].keys(), f"{folder}: files missing")
    for name, record in manifest["files"].items():
        data = (folder / name).read_bytes()
        expect((len(data), hashlib.sha256(data).hexdigest()) == (record["bytes"], record["sha256"]),
               f"{folder / name}: not what was committed")
    tensors = tensors_of(folder / "adapter_model.safetensors")
    expect(tensors and all(numpy.isfinite(tensor).all() for tensor in tensors.values()), f"{folder}: not finite")
    learnt = [tensor for name, tensor in tensors.items() if "lora_B" in name]
    expect(any(tensor.any() for tensor in learnt), f"{folder}: every lora_B is zero")
    return manifest


def examples_of(file):
    """{dataset: its trained examples' digests} of a trained_examples.bin."""
    data = file.read_bytes()
    magic, layout, datasets = struct.unpack_from("<8sII", data)
    expect((magic, layout) == (b"STRATAEX", 1), f"{file}: of another format")
    at, found = 16, {}
    for _ in range(datasets):
        length = struct.unpack_from("<I", data, at)[0]
        name = data[at + 4:at + 4 + length].decode()
        at += 4 + length
        count = struct.unpack_from("<Q", data, at)[0]
        found[name] = [data[at + 8 + 16 * i:at + 24 + 16 * i] for i in range(count)]
        at += 8 + 16 * count
    expect(at == len(data), f"{file}: bytes behind its end")
    return found


def check_examples(folder, datasets):
    """Every dataset that the version knows was trained whole and once. `datasets`: {name: how many different examples
    it may have had}."""
    metadata = json.loads((folder / "training_metadata.json").read_text())
    trained = {}
    for stage in metadata["training_history"]:
        if stage["examples"]:
            trained[stage["dataset"]] = trained.get(stage["dataset"], 0) + stage["examples"]
    for name, count in trained.items():
        expect(count in datasets[name], f"{folder}: {name} has {datasets[name]} examples, {count} were trained")
    expect(metadata["total_examples_trained"] == sum(trained.values()), f"{folder}: the total is not the sum")
    digests = examples_of(folder / "trained_examples.bin")
    expect({name: len(known) for name, known in digests.items() if known} == trained,
           f"{folder}: examples and history differ")
    everything = [digest for known in digests.values() for digest in known]
    expect(len(everything) == len(set(everything)), f"{folder}: an example is in it twice")
    return set(trained)


def last_steps(run):
    """{(dataset, epoch, step): its line}: what was done again counts as it was done last."""
    log = run / "steps.jsonl"
    lines = [json.loads(line) for line in log.read_bytes().split(b"\n")[:-1]] if log.exists() else []
    return {(line["dataset"], line["epoch"], line["step"]): line for line in lines if "loss" in line}


def check_steps(run, stages):
    """Each epoch of each stage of a completed run has each of its steps, and all epochs the same tokens.
    `stages`: (dataset, epochs, steps of an epoch)."""
    steps = last_steps(run)
    planned = {(name, epoch, step) for name, epochs, count in stages
               for epoch in range(epochs) for step in range(count)}
    expect(steps.keys() == planned, f"{run}: steps too many or missing: {sorted(steps.keys() ^ planned)}")
    for name, epochs, count in stages:
        tokens = {sum(steps[name, epoch, step]["tokens"] for step in range(count)) for epoch in range(epochs)}
        expect(len(tokens) == 1, f"{run}: {name}: its epochs have {tokens} tokens")


class BranchReader:
    """Looks at one branch again and again; remembers what it saw, so that nothing can go back."""

    def __init__(self, branch):
        self.adapters = branch / "adapters/lora_adapters"
        self.version, self.had_previous, self.lines = 0, False, []

    def linked(self, name, commits):
        link = self.adapters / name
        if not link.is_symlink():
            expect(not link.exists(), f"{link} is no link")
            return 0
        folder = self.adapters / pathlib.Path(link.readlink())
        number = int(folder.name[1:])
        expect(number in commits, f"{name} leads to {folder.name}, which was never committed")
        check_version(folder, commits[number]["manifest_sha256"])
        return number

    def look(self):
        """Checks I1 to I3 and the chain; gives the version that is current, 0 for none."""
        events = chained(self.adapters / "ledger.jsonl")
        expect(events[:len(self.lines)] == self.lines, "the ledger's beginning has changed")
        self.lines = events
        commits = {}
        for event in events:
            if event["kind"] != "commit":
                continue
            expect(event["body"]["version"] > max(commits, default=0), "committed versions do not grow")
            commits[event["body"]["version"]] = event["body"]
        current, previous = self.linked("current", commits), self.linked("previous", commits)
        expect(current >= self.version, f"current went back from v{self.version} to v{current}")
        expect(previous or not self.had_previous, "previous is gone")
        expect(current or not previous, "previous without current")
        expect(previous <= current, "previous is newer than current")
        self.version, self.had_previous = current, bool(previous)
        # What is being deleted may be half gone.
        going = {name for event in events if event["kind"] == "prune" for name in event["body"]["backups"]}
        for backup in (self.adapters / "backups").glob("backup_*"):
            if backup.name not in going:
                check_version(backup)
        return current

    def folder(self):
        """What `current` leads to."""
        return self.adapters / (self.adapters / "current").readlink()
