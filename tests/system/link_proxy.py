"""A TCP proxy between ranks and their coordinator that can lose what it is given: a link that fails in any way that a
test asks for. Used by link_test.py.

The ranks are brought behind it by a program in mpirun's place: it starts each rank through a script that puts the
proxy's address in the place of the coordinator's."""
import pathlib
import socket
import stat
import struct
import sys
import threading
import time

# `ranks` go through the proxy, the others straight.
MPIRUN = """#!{python}
import os, sys
arguments = sys.argv[1:]
worker = arguments.index(next(a for a in arguments if a.endswith("/strata-worker")))
arguments.insert(worker, "{folder}/through")
os.execvp("mpirun", ["mpirun", *arguments])
"""
THROUGH = """#!{python}
import os, sys
arguments = sys.argv[1:]
if int(os.environ["OMPI_COMM_WORLD_RANK"]) in {ranks}:
    at = arguments.index("--coordinator") + 1
    with open("{folder}/target.new-" + str(os.getpid()), "w") as file:
        file.write(arguments[at])
    os.rename(file.name, "{folder}/target")
    arguments[at] = "127.0.0.1:{port}"
os.execv(arguments[0], arguments)
"""


class LinkProxy:
    """Model: each connection has two pumps, to the coordinator and back; `held` holds a direction up as a dead link
    does: nothing is lost to the peers' TCP, nothing comes through either, and what is new waits as well."""

    def __init__(self, folder, ranks):
        self.folder = pathlib.Path(folder)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.connections, self.forgotten, self.lock = [], [], threading.Lock()
        self.flows = {"there": threading.Event(), "back": threading.Event()}
        self.delay = 0.0
        self.accepted = 0
        self.heal()
        port = self.listener.getsockname()[1]
        for name, text in (("mpirun", MPIRUN), ("through", THROUGH)):
            script = self.folder / name
            script.write_text(text.format(python=sys.executable, folder=folder, ranks=tuple(ranks), port=port))
            script.chmod(script.stat().st_mode | stat.S_IXUSR)
        self.mpirun = str(self.folder / "mpirun")
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()
        self.heal()
        self.cut()

    def heal(self):
        self.delay = 0.0
        for flow in self.flows.values():
            flow.set()

    def hold(self, *directions):
        for direction in directions or self.flows:
            self.flows[direction].clear()

    def forget(self):
        """Nothing comes through the connections that there are, and neither peer is told; new ones work."""
        with self.lock:
            self.forgotten += self.connections
            self.connections = []

    def cut(self):
        """Every connection is reset; what was on its way is lost."""
        with self.lock:
            connections = self.connections + self.forgotten
            self.connections, self.forgotten = [], []
        for pair in connections:
            for end in pair:
                try:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                end.close()

    def half_close(self, direction):
        """The end of the stream is told to one peer of each connection, while the other's still flows."""
        with self.lock:
            pairs = list(self.connections)
        for worker, coordinator in pairs:
            try:
                (coordinator if direction == "there" else worker).shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def accept(self):
        while True:
            try:
                worker, _ = self.listener.accept()
            except OSError:
                if self.listener.fileno() < 0:
                    return
                continue
            try:
                host, _, port = (self.folder / "target").read_text().rpartition(":")
                coordinator = socket.create_connection((host, int(port)))
            except OSError:
                worker.close()
                continue
            self.accepted += 1
            with self.lock:
                self.connections.append((worker, coordinator))
            for way in ((worker, coordinator, "there"), (coordinator, worker, "back")):
                threading.Thread(target=self.pump, args=way, daemon=True).start()

    def pump(self, source, sink, direction):
        try:
            while data := source.recv(1 << 16):
                self.flows[direction].wait()
                time.sleep(self.delay)
                if not self.is_forgotten(source):
                    sink.sendall(data)
            self.flows[direction].wait()
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def is_forgotten(self, end):
        with self.lock:
            return any(end in pair for pair in self.forgotten)
