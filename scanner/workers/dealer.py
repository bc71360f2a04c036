"""The dealer: hands chunks of input to those who take names from them, one or several, and reads no further ahead."""

from collections import deque
from collections.abc import Callable

from scanner.native.names import Names

AHEAD = 2  # chunks that wait at one taker


class Dealer:
    """Deals to `takers`, which may grow to `most`. Several get whole lines, and are told how many lines came before.

    `room_made()` tells the source that a chunk was dealt. All of it runs in the loop's thread.
    """

    def __init__(self, names: Names, room_made: Callable[[], None], most: int = 1):
        self.takers = [names]
        self._alone = most == 1
        self._room_made = room_made
        self._chunks: deque[bytes] = deque()
        self._torn: Names | None = None  # who has the head of a line whose rest has not come
        self._lines = 0
        self._ended = False
        self.cut_short = False  # something was dropped

    def feed(self, chunk: bytes) -> None:
        """The next chunk of the input."""
        self._chunks.append(chunk)
        self.deal()

    def end(self) -> None:
        """No chunk will come any more."""
        self._ended = True
        self.deal()

    def stop(self) -> None:
        """Drop what has not been dealt."""
        self.cut_short = self.cut_short or bool(self._chunks)
        self._chunks.clear()
        self.end()

    def deal(self) -> None:
        """Give what waits to those who have begun what they had."""
        while self._chunks:
            taker = min(self.takers, key=lambda names: names.chunks_waiting)
            if taker.chunks_waiting >= AHEAD:
                return
            self._give(taker, self._chunks.popleft())
            self._room_made()
        if self._ended:
            for taker in self.takers:
                taker.end()

    def _give(self, taker: Names, chunk: bytes) -> None:
        if self._alone:
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
