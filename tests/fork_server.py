"""`python -m scanner` without the start of an interpreter, most of what the suite would cost. A server, started
when it is first needed, imports what the command imports, and forks. The fork returns to the end of this file; it runs
and ends as `-m` does, by the interpreter's own hand, and becomes a child of the tests, so that Popen does the rest.

It is no true start: its memory, its imports and its command line in /proc are the server's. `begin(..., true=True)`."""

import array
import atexit
import ctypes
import gc
import io
import json
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
DNSSCAN = (sys.executable, "-m", "scanner")
MODULES = ("scanner.cli.main", "scanner.cli.lab", "scanner.cli.confirm", "scanner.cli.convert", "scanner.cli.names",
           "scanner.scanning.run", "scanner.lab.run", "scanner.status.console", "scanner.results.output",
           "scanner.results.newfile", "scanner.input.files", "scanner.candidates.run", "scanner.config.check",
           "scanner.config.config", "scanner.streams.connection", "scanner.rdata", "encodings.idna",
           "scanner.cli.resolvers", "scanner.vetting.run", "scanner.vetting.output")  # fmt: skip
PROGRAMS = {  # beside the scan, from a server of their own: with all this in it, each fork would cost more
    "confirm": ("scanner.registration.run", "scanner.registration.settings"),
    "convert": ("duckdb", "scanner.results.convert", "scanner.results.table"),
    "report": ("scanner.report.confirmed", "scanner.report.page", "scanner.report.query", "scanner.results.stream"),
}
OPTIONS = {"stdin", "stdout", "stderr", "cwd", "env", "bufsize", "text"}  # any other takes a true start
VARIABLES = ("DNSSCAN", "_DNSSCAN", "COMP_", "TERM", "NO_COLOR", "PYTEST_")  # others may be read as Python starts
ARGUMENTS_MAX = 65536  # octets; the kernel's own limits are met in a true start
PR_SET_CHILD_SUBREAPER = 36
HEAD = struct.Struct("=I")  # octets of the request that follows; a process ID


class Forked(subprocess.Popen):
    """A run of the command whose process is a fork of the server's."""

    def _execute_child(self, args: list[str], *rest: Any) -> None:
        cwd, env, pipes = rest[4], rest[5], rest[9:15]
        theirs = [end if end >= 0 else standard for standard, end in enumerate((pipes[0], pipes[3], pipes[5]))]
        try:
            self.pid = server(args[3:]).fork(
                args[3:], theirs, str(cwd or os.getcwd()), dict(os.environ if env is None else env)
            )
            self._child_created = True
        finally:
            self._close_pipe_fds(*pipes)


class Server:
    """The tests' end. `environment` is what the server's interpreter started with."""

    def __init__(self, modules: tuple[str, ...]) -> None:
        self.environment, self._lock = dict(os.environ), threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, __file__, *modules], stdin=theirs, stdout=subprocess.DEVNULL, cwd=ROOT
            )
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl
        atexit.register(self.close)

    def fork(self, args: list[str], descriptors: list[int], cwd: str, env: dict[str, str]) -> int:
        """The ID of the new process, which is a child of this one: orphaned where this one takes orphans in."""
        request = json.dumps([args, cwd, env]).encode()
        with self._lock:
            self._prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            try:
                socket.send_fds(self._socket, [HEAD.pack(len(request))], descriptors)
                self._socket.sendall(request)
                return HEAD.unpack(exactly(self._socket, HEAD.size))[0]
            finally:
                self._prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)

    def close(self) -> None:
        self._socket.close()
        self.process.wait()


SERVERS: dict[tuple[int, bool], Server] = {}  # by the process whose it is; that of the scan, and of other programs


def server(args: list[str]) -> Server:
    """The one that forks what has these arguments."""
    is_program = args[0] in PROGRAMS if args else False
    key = os.getpid(), is_program
    if key not in SERVERS:
        SERVERS[key] = Server(MODULES + sum(PROGRAMS.values(), ()) * is_program)
    return SERVERS[key]


def begin(args: list[str], *, true: bool = False, python: tuple[str, ...] = (), **options: Any) -> subprocess.Popen:
    """A run of the command: forked, unless something is asked for that only a true start gives."""
    is_plain = not true and not python and options.keys() <= OPTIONS and sys.platform == "linux"
    if is_plain and may_be_given(args) and is_near(options.get("env") or os.environ, server(args)):
        return Forked([*DNSSCAN, *args], **options)
    return subprocess.Popen([DNSSCAN[0], *python, *DNSSCAN[1:], *args], **options)


def may_be_given(args: list[str]) -> bool:
    """False for what the kernel or Popen may refuse."""
    try:
        octets = os.fsencode("".join(args))
    except UnicodeEncodeError:
        return False
    return b"\0" not in octets and len(octets) < ARGUMENTS_MAX


def is_near(env: Any, forker: Server) -> bool:
    """True where it differs from the server's in nothing that an interpreter or a library may read early."""
    differing = {key for key, _ in env.items() ^ forker.environment.items()}
    return all(key.startswith(VARIABLES) for key in differing)


def exactly(connection: socket.socket, size: int) -> bytes:
    """That many octets. Raises EOFError where the other end is gone."""
    octets = b""
    while len(octets) < size:
        if not (more := connection.recv(size - len(octets))):
            raise EOFError("the fork server is gone")
        octets += more
    return octets


# -- in the server ---------------------------------------------------------------------------------------------------


def serve(modules: list[str]) -> list[str]:
    """Fork for each request; returns in the forks, with the command's arguments. Ends with the tests."""
    connection = socket.socket(fileno=0)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # one from a terminal is not for the server
    atexit.register(let_go)  # the first here is the last there
    for name in modules:
        import_module(name)
    hold(dict(sys.modules))
    gc.freeze()  # so that a collection in a fork does not copy it all
    assert len(os.listdir("/proc/self/task")) == 1, "a thread would be missing in the forks"
    while True:
        head, descriptors, _, _ = socket.recv_fds(connection, HEAD.size, 3)
        if not head:
            os._exit(0)
        args, cwd, env = json.loads(exactly(connection, *HEAD.unpack(head)))
        if fork_twice(connection):
            connection.detach()
            become(descriptors, cwd, env)
            return args
        for descriptor in descriptors:
            os.close(descriptor)


HELD: dict[str, Any] = {}  # modules that the server imported, by name


def hold(modules: dict[str, Any]) -> None:
    """They outlive the fork's interpreter. To take them apart at its end would touch, and so copy, all of them: half of
    what a short run costs. What the run itself has made ends as ever."""
    HELD.update(modules)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(HELD))


def let_go() -> None:
    """The last before the interpreter's own end: what it no longer finds it leaves alone."""
    for name in HELD.keys() - {"sys", "builtins", "__main__"}:
        sys.modules.pop(name, None)


def fork_twice(connection: socket.socket) -> bool:
    """True in the new process, whose parent has ended when the tests hear of it."""
    ours, theirs = os.pipe()
    if middle := os.fork():
        os.close(theirs)
        os.waitpid(middle, 0)
        connection.sendall(os.read(ours, HEAD.size))
        os.close(ours)
        return False
    if pid := os.fork():
        os.write(theirs, HEAD.pack(pid))
        os._exit(0)
    return True


def become(descriptors: array.array, cwd: str, env: dict[str, str]) -> None:
    """What a process has at its start: its descriptors and no others, its streams, environment and place."""
    for standard, descriptor in enumerate(descriptors):
        os.dup2(descriptor, standard)
    os.closerange(3, max(map(int, os.listdir("/proc/self/fd"))) + 1)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        stream = stream_like(getattr(sys, name), descriptor)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def stream_like(old: io.TextIOWrapper, descriptor: int) -> io.TextIOWrapper:
    """As CPython opens it (create_stdio)."""
    binary = open(descriptor, "wb" if descriptor else "rb", closefd=False)  # noqa: SIM115 (it stays open)
    at_once = descriptor == 2 or os.isatty(descriptor)
    return io.TextIOWrapper(binary, old.encoding, old.errors, newline="\n", line_buffering=at_once)


if __name__ == "__main__":
    sys.path[0] = str(ROOT)
    arguments = serve(sys.argv[1:])
    sys.path[0] = os.getcwd()
    sys.argv, sys.orig_argv = [DNSSCAN[1], *arguments], [*DNSSCAN, *arguments]
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    runpy._run_module_as_main("scanner")
