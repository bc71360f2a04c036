"""Whose turn it is on a node: in each lane one part asks, and beside it the one before may end."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

Pace = Callable[[float], None]
"""Tells a scan what share of its rates it has."""


class Lane:
    """Two turns at most: of the part that asks, and of the one before it, whose last names wait for their answers."""

    def __init__(self, free: "SimpleQueue[Lane]"):
        self.free = free
        self.lock = threading.Lock()
        self.asking: Turn | None = None
        self.ending: Turn | None = None


class Turn:
    """Of one part. `leave()` is called once, when the next may begin."""

    def __init__(self, lane: Lane, leave: Callable[[], None]):
        self._lane, self._leave = lane, leave
        self._pace: Pace | None = None
        self._share = 1.0  # of the rates, that it keeps when it ends
        self._is_over = self._has_left = False

    def begin(self, pace: Pace) -> None:
        """Its scan is there, and has what the one before leaves."""
        with self._lane.lock:
            self._lane.asking, self._pace = self, pace
            pace(1 - self._lane.ending._share if self._lane.ending else 1)

    def pass_on(self, share: float) -> bool:
        """Its last names are under way, and it keeps this share of the rates. False as long as the one before has not
        ended."""
        with self._lane.lock:
            if self._lane.ending is not None:
                return False
            self._lane.ending, self._lane.asking, self._share = self, None, share
        self._lane.free.put(self._lane)
        self.leave()
        return True

    def end(self) -> None:
        """It asks nothing any more; the next may have all."""
        with self._lane.lock:
            if self._is_over:
                return
            self._is_over = True
            if self._lane.ending is self:
                self._lane.ending = None
                if self._lane.asking is not None and self._lane.asking._pace is not None:
                    self._lane.asking._pace(1)
                return
            self._lane.asking = None
        self._lane.free.put(self._lane)

    def leave(self) -> None:
        """The next may begin, as far as this part is concerned."""
        if not self._has_left:
            self._has_left = True
            self._leave()


class Lanes:
    """As many parts ask at a time as there are lanes."""

    def __init__(self, count: int):
        self._free: SimpleQueue[Lane] = SimpleQueue()
        self._room = threading.BoundedSemaphore(2 * count)  # with those that are packed and brought away
        for _ in range(count):
            self._free.put(Lane(self._free))

    @contextlib.contextmanager
    def turn(self, leave: Callable[[], None]) -> Iterator[Turn]:
        """Waits for it."""
        with self._room:
            turn = Turn(self._free.get(), leave)
            try:
                yield turn
            finally:
                turn.end()
