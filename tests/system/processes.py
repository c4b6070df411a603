"""The processes of a branch's runs, found in /proc by the run's name among their arguments, and what can be done to
them. Used by the tests of this folder."""
import os
import pathlib
import signal


def arguments_of(process):
    try:
        return pathlib.Path(f"/proc/{process}/cmdline").read_text().split("\0")
    except (OSError, UnicodeDecodeError):
        return []


def is_dead(process):
    """Gone, or waiting only for its parent to take note of it."""
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def workers_of(folder):
    """{process: arguments} of mpirun and the ranks of the branch's runs."""
    runs = {run.name for run in (folder / "runs").glob("*")}
    found = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        arguments = arguments_of(process.name)
        if runs & set(arguments):
            found[int(process.name)] = arguments
    return found


def is_rank(arguments):
    """Of mpirun too the worker's arguments are a part, but its own name stands first."""
    return arguments[0].endswith("strata-worker")


def ranks_of(folder):
    """The ranks' processes, by rank."""
    found = [process for process, arguments in workers_of(folder).items() if is_rank(arguments)]
    return sorted(found, key=rank_number)


def rank_number(process):
    """mpirun tells each rank its number by its environment."""
    try:
        environment = pathlib.Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    except OSError:
        return -1
    numbers = [entry.partition(b"=")[2] for entry in environment if entry.startswith(b"OMPI_COMM_WORLD_RANK=")]
    return int(numbers[0]) if numbers else -1


def mpiruns_of(folder):
    return [process for process, arguments in workers_of(folder).items() if not is_rank(arguments)]


def session_of(process):
    """mpirun's process, of a rank."""
    try:
        return os.getsid(process)
    except OSError:
        return -1


def send(how, *processes):
    """Who is gone already needs no signal."""
    for process in processes:
        try:
            os.kill(process, how)
        except ProcessLookupError:
            pass


def kill_all(folder):
    send(signal.SIGKILL, *workers_of(folder))
