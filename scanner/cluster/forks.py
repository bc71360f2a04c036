"""Processes for scans, forked from one that has imported the scan (`forker`), which ends with this process."""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from scanner.cluster.forker import HANDOVER, HEAD, PID, STATUS, exactly

PIPE_OCTETS = 1 << 20
STARTS = 2  # a forker that was killed is started again
END_S = 5.0


@dataclass(frozen=True, slots=True)
class Fork:
    """A process that runs, and this end of its pipes."""

    pid: int
    stdin: IO[bytes]
    stdout: int
    stderr: IO[bytes]
    handover: socket.socket
    status: int  # where its exit code comes

    def wait(self) -> int:
        """Its exit code; -N of one that signal N has ended."""
        found = os.read(self.status, STATUS.size)
        return int(STATUS.unpack(found)[0]) if found else -signal.SIGKILL  # its forker was killed

    def close(self) -> None:
        """This end."""
        with contextlib.suppress(OSError):
            self.stdin.close()
        self.stderr.close()
        self.handover.close()
        os.close(self.stdout)
        os.close(self.status)


class Forks:
    """One forker, begun at once: it imports while others do what they have to. May be used in several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._start()

    def fork(self, flags: Sequence[str]) -> Fork:
        """`dnsscan FLAGS`. Raises OSError."""
        theirs, ours = [], []
        for is_input in (True, False, False, False):
            read, write = os.pipe()
            theirs.append(read if is_input else write)
            ours.append(write if is_input else read)
        handover, other_end = socket.socketpair()
        theirs.insert(HANDOVER, other_end.detach())
        enlarge(theirs[1])
        try:
            pid = self._ask(json.dumps(flags).encode(), theirs)
        except OSError:
            for descriptor in ours:
                os.close(descriptor)
            handover.close()
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        return Fork(pid, open(ours[0], "wb"), ours[1], open(ours[2], "rb"), handover, ours[3])

    def kill(self, fork: Fork) -> None:
        """At once; one that has ended is left alone."""
        with self._lock, contextlib.suppress(OSError):
            self._socket.sendall(HEAD.pack(-fork.pid))

    def close(self) -> None:
        """No more."""
        with self._lock:
            self._end()

    def _start(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            self._process = subprocess.Popen([sys.executable, "-P", "-m", "scanner.cluster.forker", str(number)],
                                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[number],
                                             start_new_session=True)  # fmt: skip

    def _end(self) -> None:
        """It ends when it sees that nobody asks any more, after what it has been asked."""
        self._socket.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:  # it stands still
            self._process.kill()
            self._process.wait()

    def _ask(self, flags: bytes, descriptors: list[int]) -> int:
        with self._lock:
            for _ in range(STARTS):
                with contextlib.suppress(EOFError, ConnectionError):
                    socket.send_fds(self._socket, [HEAD.pack(len(flags))], descriptors)
                    self._socket.sendall(flags)
                    (pid,) = PID.unpack(exactly(self._socket, PID.size))
                    if pid < 0:
                        raise OSError(-pid, os.strerror(-pid))
                    return int(pid)
                self._end()
                self._start()
        raise OSError(None, "no scan can be started")


def enlarge(pipe: int) -> None:
    """What a pipe holds. Of Linux, and refused where too many are large."""
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_OCTETS)
