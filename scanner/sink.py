"""The sink: finished lines leave for stdout or the output file, in large blocks, off the event loop.

At once when it is idle, some milliseconds' worth together when it is busy. Only the sink touches the output.
"""

import asyncio
import contextlib
import errno
import os
import queue
import select
import stat
import threading
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from scanner.errors import OutputError, ReaderGone, ScanError
from scanner.native.line import Lines, write_lines

T = TypeVar("T")
PAUSE_S = 0.005  # between two blocks, so that a fast scan writes large ones
BEHIND_OCTETS = 512 * 1024  # waiting for the reader: sending stops
CAUGHT_UP_OCTETS = 128 * 1024


class Sink:
    """Takes blocks from `lines` and writes them to `descriptor` in a thread of its own.

    With `fsync_s`, what was written is on the disk after so many seconds, and at the end. `behind(True)` and
    `behind(False)` tell when the reader of the output falls behind and catches up; `failed(error)` that nothing can be
    written any more; `flushed()` follows each block taken.
    """

    def __init__(self, lines: Lines, descriptor: int, *, behind: Callable[[bool], None],
                 failed: Callable[[ScanError], None], flushed: Callable[[], None], fsync_s: float = 0):  # fmt: skip
        self._lines = lines
        self._descriptor = descriptor
        self._behind, self._failed, self._flushed = behind, failed, flushed
        self._loop = asyncio.get_running_loop()
        self._blocks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._waiting = 0  # octets handed to the thread and not yet written
        self._fsync_s = fsync_s
        self._is_behind = False
        self._failure = 0  # errno of a write
        self.scheduled = False  # a flush will come
        self._next_at = 0.0  # loop time before which no block is taken
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """There are finished lines; a full sheet keeps sessions from working and cannot wait."""
        if self._lines.used >= self._lines.limit:
            self.flush()
        elif not self.scheduled:
            self.scheduled = True
            if self._loop.time() >= self._next_at:
                self._loop.call_soon(self.flush)
            else:
                self._loop.call_at(self._next_at, self.flush)

    def flush(self) -> None:
        """Hand over what is finished."""
        self.scheduled = False
        if self._lines.used:
            self.add(self._lines.take())
        self._next_at = self._loop.time() + PAUSE_S
        self._flushed()

    def add(self, block: bytes) -> None:
        """Whole lines, from this sheet or another."""
        self._waiting += len(block)
        self._blocks.put(block)
        if self._waiting > BEHIND_OCTETS and not self._is_behind:
            self._is_behind = True
            self._behind(True)

    async def close(self) -> None:
        """Write all that is left and wait until it is out, or has failed: then that was told."""
        self.flush()
        self._blocks.put(None)
        while self._thread.is_alive():
            await asyncio.sleep(0.001)
        if self._failure:  # the thread's own word may still be on its way
            self._failed(error_for(self._failure))

    def _run(self) -> None:
        piece = piece_for(self._descriptor)
        synced_at, dirty = monotonic(), False
        while True:
            try:
                block = self._blocks.get(timeout=self._fsync_s if dirty else None)
            except queue.Empty:
                block = b""
            failure = write_lines(self._descriptor, block, piece) if block else 0
            dirty = self._fsync_s > 0 and (dirty or bool(block))
            if dirty and not failure and (block is None or monotonic() >= synced_at + self._fsync_s):
                failure = on_disk(self._descriptor)
                synced_at, dirty = monotonic(), False
            if failure:
                self._failure = failure
                self._tell(self._failed, error_for(failure))
                return
            if block is None:
                return
            self._tell(self._wrote, len(block))

    def _tell(self, call: Callable[[T], None], value: T) -> None:
        """Hand a value to the loop; nobody's any more when a fault has closed that."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, value)

    def _wrote(self, octets: int) -> None:
        self._waiting -= octets
        if self._is_behind and self._waiting <= CAUGHT_UP_OCTETS:
            self._is_behind = False
            self._behind(False)


def on_disk(descriptor: int) -> int:
    """Wait until what was written is on the disk; returns 0 or an errno."""
    try:
        os.fdatasync(descriptor)
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def piece_for(descriptor: int) -> int:
    """Octets of one write: PIPE_BUF for a pipe, where only that much is whole or not at all; else plenty."""
    return select.PIPE_BUF if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else 1 << 20


def error_for(failure: int) -> ScanError:
    """The user's error for an errno of write(2)."""
    if failure == errno.EPIPE:
        return ReaderGone("the reader of the output went away")
    return OutputError(f"cannot write the output: {os.strerror(failure)}")
