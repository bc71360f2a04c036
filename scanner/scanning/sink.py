"""The sink: finished lines leave for stdout or the output file, block by block, off the event loop. Nothing else
touches the output."""

import asyncio
import contextlib
import errno
import os
import queue
import select
import stat
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from time import monotonic
from typing import TypeVar

from scanner.errors import OutputError, ReaderGone, ScanError
from scanner.native.output.buffer import write_lines

T = TypeVar("T")
BEHIND_OCTETS = 512 * 1024  # waiting for the reader: sending stops
CAUGHT_UP_OCTETS = 128 * 1024
NO_DISK = (errno.EINVAL, errno.EROFS, errno.ENOTSUP)  # a pipe or a device: nothing can be brought there


class Sink:
    """Writes the blocks that it is given to `descriptor` in a thread of its own, in order.

    With `fsync_s`, what was written is on the disk after so many seconds, and at the end. `behind(True)` and
    `behind(False)` say that the reader of the output falls behind and catches up; `failed(error)` that nothing can be
    written any more. Whatever is written is written inside an `aside()`.
    """

    def __init__(self, descriptor: int, *, behind: Callable[[bool], None], failed: Callable[[ScanError], None],
                 fsync_s: float = 0, aside: Callable[[], AbstractContextManager[None]] = nullcontext):  # fmt: skip
        self._descriptor = descriptor
        self._behind, self._failed, self._aside = behind, failed, aside
        self._loop = asyncio.get_running_loop()
        self._blocks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._waiting = 0  # octets handed to the thread and not yet written
        self._fsync_s = fsync_s
        self._is_behind = False
        self._failure = 0  # errno of a write
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)
        self._thread.start()

    def add(self, block: bytes) -> None:
        """Whole lines."""
        self._waiting += len(block)
        self._blocks.put(block)
        if self._waiting > BEHIND_OCTETS and not self._is_behind:
            self._is_behind = True
            self._behind(True)

    async def close(self) -> None:
        """Write all that is left and wait until it is out, or has failed: then `failed` was called."""
        self._blocks.put(None)
        while self._thread.is_alive():
            await asyncio.sleep(0.001)
        if self._failure:  # the thread's own call may still be on its way
            self._failed(error_for(self._failure))

    def _run(self) -> None:
        piece = piece_for(self._descriptor)
        synced_at, dirty = monotonic(), False
        while True:
            try:
                block = self._blocks.get(timeout=self._fsync_s if dirty else None)
            except queue.Empty:
                block = b""
            failure = 0
            if block:
                with self._aside():
                    failure = write_lines(self._descriptor, block, piece)
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
        """Hand a value to the loop; dropped when a fault has closed that."""
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
        getattr(os, "fdatasync", os.fsync)(descriptor)  # macOS has no fdatasync
    except OSError as error:
        return 0 if error.errno in NO_DISK else error.errno or errno.EIO
    return 0


def piece_for(descriptor: int) -> int:
    """Octets of one write: PIPE_BUF for a pipe, where only that much is whole or not at all; else plenty."""
    return select.PIPE_BUF if stat.S_ISFIFO(os.fstat(descriptor).st_mode) else 1 << 20


def error_for(failure: int) -> ScanError:
    """The user's error for an errno of write(2)."""
    if failure == errno.EPIPE:
        return ReaderGone("the reader of the output went away")
    return OutputError(f"cannot write the output: {os.strerror(failure)}")
