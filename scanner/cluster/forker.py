"""`python -m scanner.cluster.forker DESCRIPTOR`: a process that imports the scan once and forks for each that is asked
for, so that none waits for an interpreter and its imports. It never starts a thread, which the forks would miss."""

import contextlib
import gc
import json
import os
import runpy
import signal
import socket
import struct
import sys
import traceback
from importlib import import_module
from typing import NoReturn

from scanner.scanning.handover import VARIABLE

MODULES = ("scanner.cli.main", "scanner.config.config", "scanner.config.check", "scanner.input.files", "scanner.rdata",
           "scanner.results.output", "scanner.results.stream", "scanner.scanning.run", "dns.rdatatype",
           "encodings.idna", "encodings.utf_8_sig")  # fmt: skip
"""What a scan imports, by name: the scan's own rooms are above this one."""

HEAD = struct.Struct("=i")  # octets of the flags that follow; below 0, a process to be killed
PID = STATUS = struct.Struct("=i")  # a process ID, or -errno; an exit code, or -signal
DESCRIPTORS = 5  # of a new scan: stdin, stdout, stderr, its handover, and where its exit code goes
HANDOVER = 3  # what the descriptor is there


class Forker:
    """This end of the connection."""

    def __init__(self, connection: socket.socket):
        self._connection = connection
        self._scans: dict[int, int] = {}  # by process ID: where its exit code goes

    def serve(self) -> list[str]:
        """Fork for each request; returns in the forks, with the flags. Ends with the other end."""
        signal.signal(signal.SIGCHLD, lambda *_: self._reap())
        while True:
            head, descriptors, _, _ = socket.recv_fds(self._connection, HEAD.size, DESCRIPTORS)
            if not head:
                os._exit(0)
            (size,) = HEAD.unpack(head)
            if size < 0:
                self._kill(-size)
                continue
            flags = json.loads(exactly(self._connection, size))
            if self._fork(descriptors):
                return list(flags)

    def _fork(self, descriptors: list[int]) -> bool:
        """True in the new process."""
        *own, status = descriptors
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])  # until it stands in the table
        try:
            pid = os.fork()
        except OSError as error:
            pid = -(error.errno or 1)
        if not pid:
            self._become(own)
            return True
        for descriptor in own:
            os.close(descriptor)
        if pid > 0:
            self._scans[pid] = status
        else:
            os.close(status)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        self._connection.sendall(PID.pack(pid))
        return False

    def _become(self, own: list[int]) -> None:
        """The new process, with its own descriptors and no others."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        others = max(self._connection.detach(), *own, *self._scans.values())
        for number, descriptor in enumerate(own):  # each stands above its number: it overwrites none that comes later
            os.dup2(descriptor, number)
        os.closerange(HANDOVER + 1, others + 1)
        os.environ[VARIABLE] = str(HANDOVER)

    def _reap(self) -> None:
        """Tell the exit codes of those that have ended."""
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                descriptor = self._scans.pop(found[0])
                with contextlib.suppress(BrokenPipeError):
                    os.write(descriptor, STATUS.pack(os.waitstatus_to_exitcode(found[1])))
                os.close(descriptor)

    def _kill(self, pid: int) -> None:
        """A scan, unless it has ended: its number may be another's by now."""
        if pid in self._scans:
            os.kill(pid, signal.SIGKILL)


def exactly(connection: socket.socket, size: int) -> bytes:
    """That many octets. Raises EOFError where the other end is gone."""
    octets = b""
    while len(octets) < size:
        if not (more := connection.recv(size - len(octets))):
            raise EOFError
        octets += more
    return octets


def scan(flags: list[str]) -> NoReturn:
    """What `python -m scanner` does, but for the interpreter's own end, which frees what ends anyway."""
    sys.argv, code = ["dnsscan", *flags], 1
    try:
        runpy.run_module("scanner", run_name="__main__")
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
    except BaseException:  # a bug; it falls as loudly as it would without a forker
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


def main() -> NoReturn:
    """Serve; each fork comes out of it, and scans."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    for name in MODULES:
        import_module(name)
    gc.freeze()  # so that a collection in a fork does not copy it all
    with contextlib.suppress(EOFError, ConnectionError):
        scan(Forker(connection).serve())
    os._exit(0)


if __name__ == "__main__":
    main()
