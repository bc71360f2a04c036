"""A queue for each registry: its domains in turn, at its pace, each until there is an answer or no more tries.

It keeps no file and writes no line; answers are handed to `deliver`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import monotonic

from scanner.registration.answer import UNKNOWN, Answer, Refused
from scanner.registration.pace import Pace, back_off

TRIES = 3
UNREACHED = ("connection", "proxy")
Ask = Callable[[str], Awaitable[Answer]]


class RegistryQueue:
    """`ask` returns an Answer or raises Refused; `via` is what it asks (rdap, whois, dns); at most `lookups` run at
    once. `left` is called as each task ends, with the exception that ended it (a bug) or None."""

    def __init__(self, ask: Ask, via: str, *, rate: float, lookups: int, max_wait_s: float,
                 deliver: Callable[[str, Answer], None], left: Callable[[BaseException | None], None],
                 stopping: asyncio.Event):  # fmt: skip
        self._ask, self._via = ask, via
        self._pace = Pace(rate)
        self._lookups = lookups
        self._max_wait_s = max_wait_s
        self._deliver, self._left = deliver, left
        self._stopping = stopping
        self._queue: deque[str] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._last = 0  # number of the last domain that came here
        self.asked = 0  # requests
        self.reached = False  # some reply came, whatever it was

    def wanted(self) -> tuple[int, int]:
        """The number after which, and how many more domains may come."""
        return self._last, max(2 * self._lookups - len(self._queue), 0)

    def feed(self, domains: list[tuple[int, str]]) -> None:
        """Domains with ascending numbers."""
        self._last = domains[-1][0]
        self._queue += [domain for _, domain in domains]
        self._staff()

    def _staff(self) -> None:
        while not self._stopping.is_set() and len(self._tasks) < min(self._lookups, len(self._queue)):
            task = asyncio.create_task(self._serve())
            self._tasks.add(task)
            task.add_done_callback(self._gone)

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """Lookups under way."""
        return self._tasks

    @property
    def is_resting(self) -> bool:
        """True while the registry has asked for a pause."""
        return self._pace.resting(monotonic()) > 0

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._staff()  # for domains that came after it found the queue empty
        self._left(None if task.cancelled() else task.exception())

    async def _serve(self) -> None:
        while self._queue and not self._stopping.is_set():
            domain = self._queue.popleft()
            answer = await self._answer(domain)
            if answer is not None:
                self._deliver(domain, answer)

    async def _answer(self, domain: str) -> Answer | None:
        """None when `stopping` is set before there is an answer."""
        begun = monotonic()
        reason = ""
        for tries in range(TRIES):
            if not await self._turn():
                return None
            if self._pace.resting(monotonic()) > self._max_wait_s:
                reason = "ratelimited"
                break
            sent = monotonic()
            self.asked += 1
            try:
                answer = await self._ask(domain)
                self.reached = True
                return replace(answer, ms=milliseconds(sent))
            except Refused as refused:
                self.reached |= refused.reason not in UNREACHED
                reason = refused.reason
                if not await self._may_try_again(refused, tries):
                    break
        return None if self._stopping.is_set() else Answer(UNKNOWN, self._via, reason, milliseconds(begun))

    async def _turn(self) -> bool:
        """Wait for a turn; False when `stopping` is set meanwhile. A rest beyond `max_wait_s` is not waited for."""
        while True:
            now = monotonic()
            if self._pace.resting(now) > self._max_wait_s:
                return True
            if not await self._sleep(self._pace.turn(now) - now):
                return False
            if not self._pace.resting(monotonic()):
                return True

    async def _may_try_again(self, refused: Refused, tries: int) -> bool:
        """True after the pause that is due; every lookup of this queue keeps a pause that the registry asks for."""
        if refused.wait_s is not None or refused.reason == "ratelimited":
            self._pace.rest(monotonic(), back_off(tries) if refused.wait_s is None else refused.wait_s)
            return refused.again
        if not refused.again or tries + 1 == TRIES:
            return False
        return await self._sleep(back_off(tries))

    async def _sleep(self, seconds: float) -> bool:
        """True after so many seconds, False when `stopping` is set."""
        if seconds > 0 and not self._stopping.is_set():
            try:
                await asyncio.wait_for(self._stopping.wait(), seconds)
            except TimeoutError:
                return True
        return not self._stopping.is_set()


def milliseconds(since: float) -> int:
    """From a time of the monotonic clock until now."""
    return round((monotonic() - since) * 1000)
