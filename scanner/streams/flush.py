"""When finished lines leave the line buffer: at once when nothing is going on, some milliseconds' worth together when
the scan is busy."""

import asyncio
from collections.abc import Callable

from scanner.native.output.buffer import LineBuffer

PAUSE_S = 0.005  # between two blocks, so that a fast scan writes large ones


class Flush:
    """Takes blocks from `buffer` and gives them to `deliver`; `flushed()` follows each."""

    def __init__(self, buffer: LineBuffer, deliver: Callable[[bytes], object], flushed: Callable[[], object]):
        self.buffer = buffer
        self._deliver, self._flushed = deliver, flushed
        self._loop = asyncio.get_running_loop()
        self.scheduled = False  # a flush will come
        self._next_at = 0.0  # loop time before which no block is taken

    def poke(self) -> None:
        """There are finished lines; a full buffer keeps sessions from working and cannot wait."""
        if self.buffer.used >= self.buffer.limit:
            self.now()
        elif not self.scheduled:
            self.scheduled = True
            if self._loop.time() >= self._next_at:
                self._loop.call_soon(self.now)
            else:
                self._loop.call_at(self._next_at, self.now)

    def now(self) -> None:
        """Hand over what is finished."""
        self.scheduled = False
        if self.buffer.used:
            self._deliver(self.buffer.take())
        self._next_at = self._loop.time() + PAUSE_S
        self._flushed()
