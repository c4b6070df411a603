#!/usr/bin/env python3
"""Checks the rules of the tree that a reader relies on and a compiler does not see. Takes a source tree, prints one
line "path:line: rule: what is wrong" for each breach and exits with 1 when there are any.

usage: tidy.py [ROOT]

Rules: room (who may include whom), door (where an outside library may be used), apart (gRPC and libtorch never meet in
one source file), include (project files are included by their path from the top), pragma (headers are guarded), name
(no file is called after nothing), mark (no work is left as a mark in a comment), field (each field of a
message has a comment), top (what lies at the top).
"""
import pathlib
import re
import sys

# What a room may include besides itself, in the order in which data goes through the rooms. Everyone may use common;
# the coordinator and the worker know one another only by proto.
ROOMS = {
    "coordinator/config": [],
    "coordinator/catalog": ["config"],
    "coordinator/tokens": ["config", "catalog"],
    "coordinator/plan": ["config", "catalog", "tokens"],
    "coordinator/core": [],
    "coordinator/quality": [],
    "coordinator/service": ["core"],
    "coordinator/launch": [],
    "coordinator/store": [],
    "coordinator/export": [],
    "coordinator/slurm": ["config", "catalog", "launch", "store", "export"],
    "coordinator/run": ["config", "catalog", "tokens", "plan", "core", "quality", "service", "launch", "store",
                        "export"],
    "coordinator/doctor": ["config", "catalog", "tokens", "plan", "core", "service", "launch", "store", "run"],
    "coordinator/observe": ["config", "plan", "core", "run"],
    "coordinator/cli": ["config", "catalog", "tokens", "plan", "core", "quality", "service", "launch", "store",
                        "export", "slurm", "run", "observe", "doctor"],
    "worker/model": [],
    "worker/train": ["model"],
    "worker/base": ["model"],
    "worker/bench": ["base", "model", "train"],
    "worker/generate": ["model"],
    "worker/collective": ["train"],
    "worker/task": ["base", "model", "train", "generate", "collective"],
}

# Library, what its headers begin with, and the beginnings of the paths that may include them.
DOORS = [
    ("yaml-cpp", r"yaml-cpp/", ["coordinator/config/branch_yaml"]),
    ("simdjson", r"simdjson", ["coordinator/catalog/example.cc"]),
    ("nlohmann", r"nlohmann/", ["common/json."]),
    ("OpenSSL", r"openssl/", ["common/sha256.cc", "coordinator/service/run_certificate.cc"]),
    ("libtorch", r"(ATen|torch|c10)/", ["worker/"]),
    ("MPI", r"mpi\.h", ["worker/collective/mpi_"]),
    ("NCCL", r"nccl\.h", ["worker/collective/nccl_"]),
    ("gRPC", r"(grpc|grpcpp)/|strata/v1/.*\.grpc\.pb\.h", ["coordinator/service/", "worker/task/"]),
    ("Protobuf", r"google/protobuf/|strata/(v1|tensorboard)/",
     ["coordinator/service/", "coordinator/core/", "coordinator/run/", "coordinator/observe/event_file.cc",
      "worker/task/"]),
    ("libmicrohttpd", r"microhttpd\.h", ["coordinator/observe/metrics_server.cc"]),
    ("CLI11", r"CLI/", ["coordinator/cli/", "worker/task/worker_options.cc"]),
    ("the file system's calls", r"(fcntl\.h|sys/|linux/)",
     ["common/posix_file.", "common/huggingface/safetensors.cc", "common/huggingface/base_weights.cc",
      "coordinator/launch/", "coordinator/cli/terminal.cc", "coordinator/doctor/machine.cc",
      "coordinator/service/connection", "coordinator/service/listening_socket.", "worker/bench/peak_memory.cc",
      "worker/task/orphan.cc"]),
    ("sockets", r"(arpa/|net/|netinet/|netdb\.h|ifaddrs\.h|poll\.h|sys/(epoll|eventfd|poll|select|socket|un)\.h)",
     ["coordinator/service/connection", "coordinator/service/listening_socket.", "coordinator/launch/",
      "coordinator/observe/metrics_server.cc"]),
    ("the process's calls", r"(unistd|signal|spawn)\.h",
     ["common/posix_file.", "common/host_name.cc", "common/huggingface/safetensors.cc", "coordinator/launch/",
      "coordinator/cli/train_command.cc", "coordinator/cli/submit_command.cc", "coordinator/cli/terminal.cc",
      "worker/task/",
      "coordinator/cli/stop_signals.cc", "coordinator/cli/generate_command.cc", "coordinator/doctor/machine.cc",
      "coordinator/service/connection", "coordinator/service/listening_socket."]),
    ("abseil", r"absl/", ["coordinator/", "common/", "worker/task/", "worker/collective/",
                          "worker/bench/folder_model.cc"]),
    ("CUDA's runtime", r"cuda_runtime_api\.h", ["worker/task/probe.cc", "worker/task/device_choice.cc", "worker/model/keep_mask_kernel.cc"]),
    ("NVRTC", r"nvrtc\.h", ["worker/model/keep_mask_kernel.cc"]),
]

TOP = {"CMakeLists.txt", "README.md", "proto", "coordinator", "worker", "common", "deploy", "tests"}
NOT_SOURCE = re.compile(r"^(build(-.*)?|\..*|target|__pycache__)$")
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "misc", "manager", "managers"}
MARK = re.compile(r"\b(%s)\b" % "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]))
TEXT = {".h", ".cc", ".rs", ".py", ".sh", ".cmake", ".txt", ".proto", ".yaml", ".md", ".toml"}
FIELD = re.compile(r"^\s+(repeated |optional )?[\w.]+\s+(\w+\s+)?=\s*\d+;")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
ROOTS = ("coordinator/", "worker/", "common/", "tests/")
LIBTORCH, RPC = re.compile(r"(ATen|torch|c10)/"), re.compile(r"(grpc|grpcpp|google/protobuf|strata/v1)/")


def files_of(root):
    """Every source file, as a path from the root; what is built, hidden or no part of the rooms is left out."""
    found = []
    for entry in sorted(root.iterdir()):
        if NOT_SOURCE.match(entry.name):
            continue
        inside = entry.rglob("*") if entry.is_dir() else [entry]
        found += [path.relative_to(root) for path in inside if path.is_file()]
    return sorted(path for path in found if not any(NOT_SOURCE.match(part) for part in path.parts))


def includes_of(text):
    """(line, quote, header) of every include."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            found.append((number, match.group(1), match.group(2)))
    return found


def room_of(path):
    """The room a path lies in, "common" for all of common; None for main programs' neighbours and tests."""
    parts = path.split("/")
    return "common" if parts[0] == "common" else "/".join(parts[:2]) if len(parts) > 2 else None


def room_breach(path, header):
    """Why `path` may not include the project file `header`, or None."""
    if header.startswith("tests/"):
        return "only tests include tests"
    here, there = room_of(path), room_of(header)
    if there in (here, "common"):
        return None
    if here == "common":
        return "common includes nobody"
    if here not in ROOMS or there not in ROOMS:
        return f"{there if here in ROOMS else here} is not in the table of rooms of tests/tidy/tidy.py"
    side, room = there.split("/")
    if side != here.split("/")[0]:
        return "the coordinator and the worker never include one another"
    return None if room in ROOMS[here] else f"{here} may include {', '.join(ROOMS[here]) or 'only common'}"


def check_includes(path, includes, known):
    """Breaches of room, door and include in one C++ file outside tests."""
    for line, quote, header in includes:
        if header.startswith(ROOTS):
            breach = room_breach(path, header)
            if breach:
                yield line, "room", f"includes {header}: {breach}"
            if header not in known:
                yield line, "include", f"includes {header}, which does not exist"
            continue
        if quote == '"' and "/" not in header:
            yield line, "include", f"includes {header}: write its path from the top"
        for library, pattern, allowed in DOORS:
            if re.match(pattern, header) and not path.startswith(tuple(allowed)):
                yield line, "door", f"includes {header}: {library} is used only in {', '.join(allowed)}"


def reach(path, includes, seen):
    """Every header that `path` sees through the project's own headers."""
    for _, _, header in includes.get(path, []):
        if header not in seen:
            seen.add(header)
            reach(header, includes, seen)
    return seen


def check_apart(includes):
    """Source files that see both libtorch's and gRPC's or Protobuf's headers: their macros and their abseil differ."""
    for path in includes:
        seen = reach(path, includes, set())
        torch, rpc = sorted(filter(LIBTORCH.match, seen)), sorted(filter(RPC.match, seen))
        if torch and rpc:
            yield path, 1, "apart", f"sees both {torch[0]} and {rpc[0]}"


def check_text(path, text):
    """Breaches that need only one file's name and text."""
    if set(re.split(r"[_.\-]", path.name)) & EMPTY_NAMES:
        yield 1, "name", "says nothing; name the file after what it holds"
    if path.suffix == ".h" and "#pragma once" not in text.splitlines():
        yield 1, "pragma", "has no #pragma once"
    before = ""
    for number, line in enumerate(text.splitlines(), 1):
        if MARK.search(line):
            yield number, "mark", "do it, or say in words what is not done and why"
        if path.suffix == ".proto" and FIELD.match(line) and "//" not in line + before:
            yield number, "field", "has no comment, on its line or above it"
        before = line if line.lstrip().startswith("//") else ""


def findings(root):
    """Every breach, as (path, line, rule, message), by path."""
    found = [(entry.name, 1, "top", "does not belong at the top") for entry in root.iterdir()
             if entry.name not in TOP and not NOT_SOURCE.match(entry.name)]
    includes, files = {}, files_of(root)
    known = {str(path) for path in files}
    for path in files:
        if path.suffix not in TEXT:
            continue
        text = (root / path).read_text(encoding="utf-8")
        found += [(str(path), *breach) for breach in check_text(path, text)]
        if path.suffix in (".h", ".cc"):
            includes[str(path)] = includes_of(text)
            if path.parts[0] != "tests":
                found += [(str(path), *breach) for breach in check_includes(str(path), includes[str(path)], known)]
    return sorted(found + list(check_apart(includes)))


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    found = findings(root)
    for path, line, rule, message in found:
        print(f"{path}:{line}: {rule}: {message}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
