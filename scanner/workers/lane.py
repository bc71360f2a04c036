"""A lane: one more UDP engine, in a thread of its own with names, sockets and a sheet of lines of its own."""

import os
import select
import threading
from collections import deque
from collections.abc import Callable, Sequence

from scanner.native.clock import Clock
from scanner.native.names import Names
from scanner.native.udp import Engine
from scanner.workers.way import Way

TIMER_MS = 5  # attempts end, pauses end
TICK_S = 0.02
FLUSH_S = 0.005  # between two blocks of lines
BLOCKS_AHEAD = 4  # delivered and not yet taken: then the lane waits


class Lane:
    """Runs `engine` on `names`, by `ways`, all of them its own. What it calls, it calls in its own thread: `deliver()`
    when there are blocks to `collect`, `lend(letters)` with names that need a stream, `left(fault)` once at the end."""

    def __init__(self, names: Names, engine: Engine, ways: Sequence[Way], *, deliver: Callable[[], None],
                 lend: Callable[[list[list[bytes]]], None],
                 left: Callable[[BaseException | None], None]):  # fmt: skip
        self.names = names
        self.engine = engine
        self._clock = Clock()
        self.ways = ways
        self.ended = False  # it has left, and whoever it told knows
        self._deliver, self._lend, self._left = deliver, lend, left
        self._orders: deque[Callable[[], object]] = deque()
        self._blocks: deque[bytes] = deque()
        self._leaving = False
        self._waker = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="lane", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def order(self, call: Callable[[], object]) -> None:
        """Have `call` called in the lane's thread: nobody else may touch its names once it runs."""
        self._orders.append(call)
        os.eventfd_write(self._waker, 1)

    def wake(self) -> None:
        """There may be something to send."""
        os.eventfd_write(self._waker, 1)

    def collect(self) -> list[bytes]:
        """The blocks of lines that were delivered since the last call."""
        blocks = []
        while self._blocks:
            blocks.append(self._blocks.popleft())
        return blocks

    def close(self) -> None:
        """Leave at the next turn; wait for that."""
        self._leaving = True
        if self._thread.ident is not None:
            self.wake()
            self._thread.join()
        os.close(self._waker)

    def _run(self) -> None:
        fault = None
        try:
            self._work()
        except BaseException as error:  # a bug: told, never swallowed
            fault = error
        self._left(fault)

    def _work(self) -> None:
        engine = self.engine
        poll = select.poll()
        poll.register(engine.fileno(), select.POLLIN)
        poll.register(self._waker, select.POLLIN)
        tick_at = flush_at = 0.0
        while not self._leaving and not (self.names.done and not self.names.lines.used):
            for descriptor, _ in poll.poll(TIMER_MS):
                if descriptor == self._waker:
                    os.eventfd_read(self._waker)
            while self._orders:
                self._orders.popleft()()
            now = self._clock()
            if len(self._blocks) < BLOCKS_AHEAD:
                if now >= tick_at:
                    tick_at = now + TICK_S
                    engine.tick(now)
                    self.names.expire(now)
                engine.turn(now)
                if letters := self.names.post():
                    self._lend(letters)
            if self.names.lines.used and (now >= flush_at or self.names.lines.used >= self.names.lines.limit):
                flush_at = now + FLUSH_S
                self._blocks.append(self.names.lines.take())
                self._deliver()
        engine.close()
