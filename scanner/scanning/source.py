"""The source: octets from files, pipes and terminals, read off the event loop in large chunks, at most a few ahead.

What is packed is unpacked, a piece at a time. What is handed on ends with a line's end, so that no name is cut where
input breaks off; looking at lines is `native/input`'s work.
"""

import asyncio
import contextlib
import os
import select
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from scanner.input.blocks import without_blocks
from scanner.input.hints import Spanner
from scanner.input.packed import Damaged, unpacked

T = TypeVar("T")
CHUNK_OCTETS = 256 * 1024
TORN_MAX = 1 << 20  # octets of a line whose end has not come; what is longer is neither a name nor a result
BOM = b"\xef\xbb\xbf"  # before the first name of a file (RFC 3629 section 6)


class Source:
    """Reads the descriptors one after another in a thread of its own, `ahead` chunks at most.

    With `blocks`, a line whose name (`name_span`) is a block of addresses stands for these. `feed(chunk)`, then
    `end(trouble)` once (None, or why input ended early), are called in that thread.
    """

    def __init__(self, descriptors: Sequence[int], feed: Callable[[bytes], None], end: Callable[[str | None], None],
                 ahead: int, *, blocks: bool = False, name_span: Spanner | None = None):  # fmt: skip
        self._descriptors = descriptors
        self._feed = feed
        self._end = end
        self._room = threading.Semaphore(ahead)
        self._stopped = False
        self._ended = False  # to the end of the last descriptor
        self._expands_blocks, self._name_span = blocks, name_span
        self._size = size_of(descriptors)
        self._read_octets = 0  # as they came
        self.octets = 0  # fed
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="source", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def room_made(self) -> None:
        """A chunk was used up: another may be read."""
        self._room.release()

    @property
    def total(self) -> int | None:
        """Octets of the whole input: of a file at once (of a packed one they are estimated from those that were read),
        of a pipe when it has ended; None while it is not known."""
        if self._ended:
            return self.octets
        if self._size is None or self._stopped:
            return None
        grown = max(self.octets / self._read_octets, 1.0) if self._read_octets else 1.0
        return max(int(self._size * grown), self.octets)

    def stop(self) -> None:
        """Read no more; what is being read is dropped. May be called twice."""
        if not self._stopped:
            self._stopped = True
            os.write(self._wake_write, b"x")
            self._room.release()

    def close(self) -> None:
        """Stop, wait for the thread, free the descriptors of its own."""
        self.stop()
        if self._thread.ident is not None:
            self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _run(self) -> None:
        trouble = None
        try:
            for number, descriptor in enumerate(self._descriptors, 1):
                place = f"file {number}: " if len(self._descriptors) > 1 else ""
                self._read(descriptor)
            self._ended = not self._stopped
        except OSError as error:
            trouble = place + (error.strerror or str(error))
        except Damaged as error:
            trouble = None if self._stopped else place + str(error)
        except MemoryError:
            trouble = "out of memory"
        self._end(trouble)

    def _read(self, descriptor: int) -> None:
        """Read one descriptor to its end, its BOM left out; a missing last newline is made up for."""
        pieces = whole_lines(unpacked(self._pieces(descriptor)))
        if self._expands_blocks:
            pieces = without_blocks(pieces, self._met_block, self._name_span)
        begin = True
        while True:
            self._room.acquire()
            lines = next(pieces, b"")
            if self._stopped:
                return
            if not lines:
                self._room.release()
                return
            self._give(lines.removeprefix(BOM) if begin else lines)
            begin = False

    def _pieces(self, descriptor: int) -> Iterator[bytes]:
        """What is read, as it comes."""
        for piece in iter(partial(self._next, descriptor), b""):
            self._read_octets += len(piece)
            yield piece

    def _met_block(self) -> None:
        """What is read no longer says how much there is."""
        self._size = None

    def _give(self, lines: bytes) -> None:
        self.octets += len(lines)
        self._feed(lines)

    def _next(self, descriptor: int) -> bytes:
        """The next chunk; waits in poll, so that `stop` need not wait for a terminal or a quiet pipe."""
        while not self._stopped:
            waiter = select.poll()
            waiter.register(descriptor, select.POLLIN)
            waiter.register(self._wake_read, select.POLLIN)
            waiter.poll()
            if self._stopped:
                break
            try:
                return os.read(descriptor, CHUNK_OCTETS)
            except BlockingIOError:  # another process made it non-blocking
                continue
        return b""


def whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same octets in pieces that end with a line, but for lines longer than TORN_MAX."""
    torn: list[bytes] = []  # the begin of a line
    size, last = 0, b"\n"
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if end:
            yield b"".join((*torn, piece[:end]))
            torn, size, last = [], 0, b"\n"
        torn.append(piece[end:])
        size += len(piece) - end
        if size > TORN_MAX:
            last = torn[-1]
            yield b"".join(torn)
            torn, size = [], 0
    if size or not last.endswith(b"\n"):
        yield b"".join((*torn, b"\n"))


def in_loop(loop: asyncio.AbstractEventLoop, call: Callable[[T], object], value: T) -> None:
    """Hand a value from another thread to the loop's; it is dropped when the loop is closed."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, value)


def size_of(descriptors: Sequence[int]) -> int | None:
    """Octets from where each will be read to its end; None when one is no file, or does not say (/proc)."""
    total = 0
    for descriptor in descriptors:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size == 0:
            return None
        total += max(found.st_size - os.lseek(descriptor, 0, os.SEEK_CUR), 0)
    return total
