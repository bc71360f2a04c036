"""The splitter: hands chunks of input to the engines that take names from them, and reads no further ahead than they
do."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

AHEAD = 2  # chunks that wait at one taker
PIECE_OCTETS = 16 * 1024  # of a chunk, where there are several takers: so a small input is shared too


class Taker(Protocol):
    """The jobs of an engine, as far as input goes."""

    @property
    def chunks_waiting(self) -> int: ...
    def feed(self, chunk: bytes, before: int = -1) -> None: ...
    def end(self) -> None: ...


class Splitter:
    """Splits among `takers`; `others` get no input, only its end. Several takers get whole lines, and are given the
    number of lines before theirs.

    `room_made()` is called when a chunk was handed out: another may be read. All of it runs in the loop's thread.
    """

    def __init__(self, takers: list[Taker], room_made: Callable[[], None], others: Sequence[Taker] = ()):
        self._takers, self._others = takers, others
        self._room_made = room_made
        self._chunks: deque[bytes] = deque()
        self._torn: Taker | None = None  # the one that has the head of a line whose rest has not come
        self._lines = 0
        self._ended = False
        self.resting: set[int] = set()  # indexes of takers that get nothing while another takes
        self.cut_short = False  # something was dropped

    def feed(self, chunk: bytes) -> None:
        """The next chunk of the input."""
        self._chunks.append(chunk)
        self.split()

    def end(self) -> None:
        """No chunk will come any more."""
        self._ended = True
        self.split()

    def stop(self) -> None:
        """Drop what has not been handed out."""
        self.cut_short = self.cut_short or bool(self._chunks)
        self._chunks.clear()
        self.end()

    def split(self) -> None:
        """Give what waits to those that have begun what they had."""
        while self._chunks:
            taker = min(self._taking(), key=lambda each: each.chunks_waiting)
            if self._next_for(taker).chunks_waiting >= AHEAD:
                return
            self._give(taker, self._next_piece())
        if self._ended:
            for taker in (*self._takers, *self._others):
                taker.end()

    def _next_piece(self) -> bytes:
        """A whole chunk for a single taker; else some whole lines of it, or as much of a long line."""
        chunk = self._chunks.popleft()
        if len(self._takers) == 1 or len(chunk) <= PIECE_OCTETS:
            self._room_made()
            return chunk
        size = chunk.rfind(b"\n", 0, PIECE_OCTETS) + 1 or PIECE_OCTETS
        self._chunks.appendleft(chunk[size:])
        return chunk[:size]

    def _taking(self) -> list[Taker]:
        return [taker for index, taker in enumerate(self._takers) if index not in self.resting] or self._takers

    def _next_for(self, taker: Taker) -> Taker:
        """Who gets the next chunk, or what is behind the end of a torn line in it. (That end may be one piece more than
        AHEAD for another taker, which then gets nothing until it has begun what it had.)"""
        if self._torn is not None and b"\n" not in self._chunks[0]:
            return self._torn
        return taker

    def _give(self, taker: Taker, chunk: bytes) -> None:
        if len(self._takers) == 1:
            taker.feed(chunk)
            return
        if self._torn is not None:
            size = chunk.find(b"\n") + 1 or len(chunk)
            self._torn.feed(chunk[:size])
            if chunk[size - 1] != ord("\n"):
                return
            self._torn = None
            self._lines += 1
            chunk = chunk[size:]
        if chunk:
            taker.feed(chunk, self._lines)
            self._lines += chunk.count(b"\n")
            self._torn = taker if chunk[-1] != ord("\n") else None
