"""A queue for each registry: its domains in turn, at its pace, each until there is an answer or no more tries.

It keeps no file and writes no line; answers are handed to `deliver`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import monotonic

from scanner.registration.answer import NOT_ASKED, UNKNOWN, Answer, Refused
from scanner.registration.pace import Pace, Silence, back_off

TRIES = 3
UNREACHED = ("connection", "proxy")
SILENT = (*UNREACHED, "timeout")  # no reply came
RESTING = -1  # instead of an exit
DRAINED = 10_000  # domains at a time of a registry that is not asked any more
Ask = Callable[[str, int], Awaitable[Answer]]


class RegistryQueue:
    """`ask` takes a domain and the exit of its turn, and returns an Answer or raises Refused; `via` is what it asks
    (rdap, whois, dns); at most `lookups` run at once. `left` is called as each task ends, with the exception that ended
    it (a bug) or None; `given_up` once, where the registry's silence is over."""

    def __init__(self, ask: Ask, via: str, *, pace: Pace, silence: Silence, lookups: int, max_wait_s: float,
                 deliver: Callable[[str, Answer], None], left: Callable[[BaseException | None], None],
                 given_up: Callable[[Silence, str], None], stopping: asyncio.Event):  # fmt: skip
        self._ask, self._via = ask, via
        self._pace, self._silence = pace, silence
        self._given_up = given_up
        self._why = ""  # of the registry that was given up
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
        ahead = DRAINED if self._silence.is_over else 2 * self._lookups
        return self._last, max(ahead - len(self._queue), 0)

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
            turn = await self._turn()
            if turn is None:
                return None
            if self._silence.is_over:
                break
            if turn == RESTING:
                reason = "ratelimited"
                break
            sent = monotonic()
            self.asked += 1
            try:
                answer = await self._ask(domain, turn)
                self._learn_of_reply("", sent)
                return replace(answer, ms=milliseconds(sent))
            except Refused as refused:
                reason = refused.reason
                self._learn_of_reply(reason, sent)
                if not await self._may_try_again(refused, tries, turn):
                    break
        if self._stopping.is_set():
            return None
        return Answer(UNKNOWN, self._via, reason or self._why, milliseconds(begun) if reason else NOT_ASKED)

    def _learn_of_reply(self, reason: str, sent: float) -> None:
        """Of one that came, whatever it was, or did not come."""
        self.reached |= reason not in UNREACHED
        if reason not in SILENT:
            self._silence.broken()
        elif self._silence.goes_on(sent, monotonic()):
            self._why = reason
            self._given_up(self._silence, reason)

    async def _turn(self) -> int | None:
        """Wait for a turn; its exit. RESTING for a rest of all exits beyond `max_wait_s`, which is not waited for; None
        when `stopping` is set meanwhile."""
        while not self._silence.is_over:
            now = monotonic()
            if self._pace.resting(now) > self._max_wait_s:
                return RESTING
            at, number = self._pace.turn(now)
            if not await self._sleep(at - now):
                return None
            if not self._pace.resting(monotonic(), number):
                return number
        return None if self._stopping.is_set() else RESTING

    async def _may_try_again(self, refused: Refused, tries: int, number: int) -> bool:
        """True after the pause that is due. A pause that the registry asks for is kept by every lookup: through this
        exit where that has asked too much, else through any."""
        if refused.wait_s is not None or refused.reason == "ratelimited":
            wait_s = back_off(tries) if refused.wait_s is None else refused.wait_s
            self._pace.rest(monotonic(), wait_s, number if refused.reason == "ratelimited" else None)
            return refused.again
        if not refused.again or tries + 1 == TRIES or self._silence.is_over:
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
