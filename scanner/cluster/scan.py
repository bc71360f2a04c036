"""One scan in a process of its own: lines in, lines out, and what it says at its end."""

import contextlib
import hashlib
import json
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scanner.cluster.forks import Forks
from scanner.errors import EXIT_CODES
from scanner.scanning.handover import SHARE

BLOCK = 1 << 20
AGAIN_MS = 50
SAID_MAX = 20  # warnings kept of one scan
LAST_OCTETS = 1 << 24  # of stderr, at most: the summary of a scan through thousands of proxies


class PartFailed(Exception):
    """A part has no result: why, and the exit code that says it. `no_room`: the address of the worker that cannot
    write, which is given no more parts; "" where it is the part's own failure."""

    def __init__(self, reason: str, exit_code: int = 1, no_room: str = ""):
        super().__init__(reason, exit_code, no_room)
        self.reason, self.exit_code, self.no_room = reason, exit_code, no_room


@dataclass
class Fed:
    """What went into a scan."""

    octets: int = 0
    lines: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    ends_whole: bool = True

    def add(self, block: bytes) -> None:
        self.octets += len(block)
        self.lines += block.count(b"\n")
        self.ends_whole = block.endswith(b"\n")
        self.digest.update(block)

    @property
    def all_lines(self) -> int:
        """With a last one that has no end."""
        return self.lines + (not self.ends_whole)


SCAN = ("--config", "-", "--stats", "json", "--progress", "none")


class ScanProcess:
    """`dnsscan`, fed from a thread. Its configuration is the first line of its stdin: nothing of it stands in a list of
    processes."""

    def __init__(self, forks: Forks, table: Mapping[str, Any], flags: Sequence[str], blocks: Iterator[bytes]):
        self._forks, self._process = forks, forks.fork([*SCAN, *flags])
        self.fed, self._said = Fed(), b""
        self._fault: Exception | None = None
        self._threads = [threading.Thread(target=self._feed, args=(json.dumps(table).encode() + b"\n", blocks)),
                         threading.Thread(target=self._listen)]  # fmt: skip
        for thread in self._threads:
            thread.start()

    def output(self, pass_on: Callable[[float], bool]) -> Iterator[bytes]:
        """Blocks of lines, as they come. When its last names are under way, `pass_on(share)` is called with the share
        of its rates that it keeps, again and again until it returns True."""
        stdout, handover = self._process.stdout, self._process.handover.fileno()
        poll, kept = select.poll(), 0.0
        poll.register(stdout, select.POLLIN)
        poll.register(handover, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll(AGAIN_MS if kept else None)]
            if handover in ready:
                poll.unregister(handover)
                kept = self._share_kept()
            if kept and pass_on(kept):
                kept = 0.0
            if stdout in ready:
                if not (block := os.read(stdout, BLOCK)):
                    return
                yield block

    def pace(self, share: float) -> None:
        """Have it use this share of its rates."""
        with contextlib.suppress(OSError):  # it has ended
            self._process.handover.send(SHARE.pack(share))

    def _share_kept(self) -> float:
        octets = b""
        with contextlib.suppress(OSError):
            octets = self._process.handover.recv(SHARE.size)
        return float(SHARE.unpack(octets)[0]) if octets else 0.0  # it has ended

    def end(self) -> dict[str, Any]:
        """Its summary, when it has ended well. Raises PartFailed."""
        code = self._process.wait()
        for thread in self._threads:
            thread.join()
        if self._fault is not None:
            raise PartFailed(str(self._fault), getattr(self._fault, "exit_code", 1))
        if code < 0:
            raise PartFailed(f"the scan was ended by {signal.Signals(-code).name}")
        if code:
            raise PartFailed((self.warnings or [EXIT_CODES.get(code, f"exit code {code}")])[-1], code)
        summary: dict[str, Any] = json.loads(self._said.splitlines()[-1])
        return summary

    @property
    def warnings(self) -> list[str]:
        """What it said beside its summary."""
        lines = self._said.decode("utf-8", "replace").splitlines()
        said = [line.removeprefix("dnsscan: ") for line in lines if not line.startswith("{")]
        return said[-SAID_MAX:]

    def kill(self) -> None:
        """At once; what it wrote is nobody's."""
        self._forks.kill(self._process)

    def close(self) -> None:
        """Leave nothing of it."""
        self.kill()
        for thread in self._threads:
            thread.join()
        self._process.close()

    def _feed(self, first_line: bytes, blocks: Iterator[bytes]) -> None:
        pipe = self._process.stdin
        with contextlib.suppress(BrokenPipeError), pipe:  # it says itself why it has ended
            pipe.write(first_line)
            pipe.flush()
            try:
                for block in blocks:
                    pipe.write(block)
                    self.fed.add(block)
            except BrokenPipeError:
                raise
            except Exception as fault:  # raised again by end(): half of an input must not pass for all of it
                self._fault = fault
                self.kill()

    def _listen(self) -> None:
        while block := self._process.stderr.read(65536):
            self._said = (self._said + block)[-LAST_OCTETS:]
