"""Which resolvers tell the truth: each is asked for names of known answer before it is asked for others, and again and
again during the scan.

A round during the scan: the resolver is held (asked nothing), what it has in flight comes in, then it gets its
canaries. So no name was asked after the canary that convicts it, and what still comes is not believed. One that never
passed is asked all the same while no other of its route has: then there is nothing better. Authorities are not asked:
they know their own zones only, and of what they say only that counts. A trusted resolver has to have passed, or failed
without a lie, before it is asked: the word of one that lies confirms nothing, though there be no other.
"""

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from scanner.model import Proxy, Resolver
from scanner.paths.asking import Asking
from scanner.paths.canaries import ask_all
from scanner.paths.canary import FAKES, Canary, below, canaries_for, is_invention, may_have_wildcard
from scanner.paths.holding import HOLD_S, drained
from scanner.paths.standing import DISTRUSTED, HELD, TRUSTED, VOUCHED, Event, Standing, State, Traffic
from scanner.routes import Routes
from scanner.scanning.proving import Proving
from scanner.transports.dial import DialLimits

SUFFIXES_MAX = 64  # of the input's, that one resolver is asked about at the start,
CANARIES_MAX = 512  # and all resolvers together
SUFFIXES_ROUND = 4  # in a round during the scan,
ROUND_MAX = 10  # and questions in all, about
SHARE_MAX = 0.01  # of all queries, that canaries may be during the scan
WAIT_S = 1.0  # for the first to pass, after which those that did not are asked all the same
SAYINGS_LEAST = 3  # of resolvers about a suffix that may have a wildcard, where there are as many
MANY = 20  # resolvers: of more a scan that ends does not wait to hear of those that answered none of its names
SURE = 20  # resolvers that were heard, and not one has passed: there is nothing to wait for
GATHER_S = 0.05  # for others to pass too, after the first
LOOK_S = 0.05
EVERY_S = 60.0  # between two rounds, where there are none: for what is reckoned with it
TRAFFIC_TURNS, TRAFFIC_LEAST = 20, 50  # looks between two at what names show; queries that show something
TIMES_ASKED = 4  # in one round, of one that does not answer
SHOWN_MAX = 3  # suffixes, in one warning
TURNS = 10  # looks, of which one that is on probation is asked in one
KNOWN = (("a.root-servers.net", "198.41.0.4"), ("a.gtld-servers.net", "192.5.6.30"))
"""Names that exist, asked of public resolvers where the user gives none: servers of the root and of com. No resolver
works without them, nobody filters them, and their addresses have not changed for decades. Others (loopback, private)
may serve a zone of their own and nothing else: they need not know them."""


class Asked(Protocol):
    """The engines, as far as resolvers (by index) are held and asked."""

    def trust(self, resolver: int, trust: int) -> None: ...
    def in_flight(self, resolver: int) -> int: ...
    def has_answered(self, resolver: int) -> bool: ...
    def traffic(self) -> Mapping[int, Traffic]: ...
    @property
    def queries(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked: `qtypes` are the scan's, `there` names that exist, `every_s` the time between rounds (0: only at
    the start)."""

    qtypes: Sequence[int]
    there: Sequence[tuple[str, str]]
    every_s: float


class Vetting:
    """The standing of `resolvers`. `warn(text)` is for the user; `failed(text)` is called where one did not pass at the
    start, `stranded()` again and again while all are quarantined."""

    def __init__(self, resolvers: Sequence[Resolver], proxies: Sequence[Proxy], limits: DialLimits,
                 questions: Questions, engines: Asked, *, routes: Routes, authorities: Collection[int],
                 trusted: Collection[int], proving: Proving | None, warn: Callable[[str], object],
                 failed: Callable[[str], object], stranded: Callable[[], object]):  # fmt: skip
        self._resolvers, self._proxies, self._limits, self._questions = resolvers, proxies, limits, questions
        self._engines, self._warn, self._failed, self._stranded = engines, warn, failed, stranded
        self._routes, self._authorities, self._trusted = routes, authorities, trusted
        self._proving = proving  # None: no line waits for canaries
        self._near = ""
        self._out_of_turn: set[int] = set()  # who has canaries that were not due
        self._ordinary = [index for index in range(len(resolvers)) if index not in trusted]
        self._liars: set[int] = set()  # that have not passed since
        self._failing: set[int] = set()  # that answered all with errors when they were asked last
        self._standings = [Standing() for _ in resolvers]
        self._indexes = {resolver: index for index, resolver in enumerate(resolvers)}
        self._sayings: dict[str, dict[Resolver, str]] = defaultdict(dict)  # by suffix: of random names below it
        self._suffixes: Sequence[str] = ()
        self._spent = 0  # canaries during the scan
        self.has_convicted = False
        self._has_passed = self._is_settled = False  # one did, ever
        self._passed: set[int] = set()  # routes of which one did; of others they are asked all the same
        self._is_gathered = len(resolvers) == 1
        self._unheard = {index for index in range(len(resolvers)) if index not in authorities}  # not over at the start
        self._untold: list[tuple[int, str]] = []  # who is quarantined and why
        self._turn = 0
        self._heard: dict[int, Traffic] = {}  # of names, until the last look at that
        self._words = [TRUSTED] * len(resolvers)
        self._rounds: set[asyncio.Task[None]] = set()
        if len(resolvers) > 1:
            self._apply()
        for index, word in enumerate(self._words):
            if proving is not None and word == TRUSTED:
                proving.judge(index, word)

    # -- the start -----------------------------------------------------------------------------------------------

    async def ask(self, suffixes: Sequence[str], near: str) -> None:
        """All of them, about `suffixes` too; `near` is a name of the input."""
        self._suffixes, self._near = suffixes, near
        about = suffixes[: min(SUFFIXES_MAX, max(CANARIES_MAX // max(len(self._resolvers), 1), 1))]
        askings = [Asking(each, self._canaries(each, about), near) for index, each in enumerate(self._resolvers)
                   if index not in self._authorities]  # fmt: skip
        waiting = asyncio.create_task(self._settle(askings))
        try:
            await ask_all(askings, self._proxies, self._limits, self._ended)
        finally:
            waiting.cancel()
            self._settled()
        for asking in askings:
            if asking.lie or asking.unfinished:
                self._failed(f"{asking.resolver} {asking.lie or asking.unfinished}")
        for resolver, suffix in self._inventors(self._sayings):
            self._failed(f"{resolver} {below(suffix)}")
        self._tell_doubts([each for each in askings if self._indexes[each.resolver] not in self._trusted])

    async def finish(self, canaries: "asyncio.Task[None]", timeout_s: float) -> None:
        """Wait for what `canaries` still have to say of those that answered names, and of few resolvers of all."""
        end = monotonic() + timeout_s
        while not canaries.done() and self._is_awaited() and (left := end - monotonic()) > 0:
            await asyncio.wait([canaries], timeout=min(left, LOOK_S))

    def _is_awaited(self) -> bool:
        if len(self._resolvers) <= MANY or any(len(said) < SAYINGS_LEAST for said in self._sayings.values()):
            return True
        heard = {index for index, each in self._engines.traffic().items() if each.responses}
        return not heard.isdisjoint(self._unheard)

    def _tell_doubts(self, askings: Sequence[Asking]) -> None:
        """What is no lie of one resolver, and yet the user should know: where there is no other it is asked all the
        same."""
        if len(askings) == 1 and not askings[0].lie and (faked := invented_suffixes(askings[0])):
            self._warn(f"{askings[0].resolver} {below(listed(faked))}: by a wildcard there, or it invents them; "
                       "another resolver (-r) would show which")  # fmt: skip
        if self._has_passed or not any(each.said for each in askings):
            return
        if len(askings) > 1:
            self._warn(f"no resolver has passed ({self.reasons}): they are asked all the same")
        elif askings[0].only_fails:
            self._warn(f"{askings[0].resolver} {askings[0].unfinished}; it is asked all the same")

    async def _settle(self, askings: Sequence[Asking]) -> None:
        """Where none passes soon, have them asked all the same; and those of which nothing was heard in any case."""
        end = monotonic() + WAIT_S
        while monotonic() < end and not self._is_vain(askings):
            await asyncio.sleep(LOOK_S)
        for asking in askings:
            if asking.is_silent:
                self._happened(asking.resolver, Event.SILENT)
        self._settled()

    def _gathered(self) -> None:
        """Those that have passed may begin: the first few names are not all for the quickest."""
        self._is_gathered = True
        self._apply()

    def _settled(self) -> None:
        """What is not known by now is not waited for."""
        self._is_settled = self._is_gathered = True
        self._apply()
        self._tell()

    def _is_vain(self, askings: Sequence[Asking]) -> bool:
        lied = sum(bool(asking.lie) for asking in askings)
        return not self._has_passed and (lied == len(askings) or lied >= max(SURE, 0.6 * len(askings)))

    def _canaries(self, resolver: Resolver, suffixes: Iterable[str]) -> list[Canary]:
        there = self._questions.there or (KNOWN if resolver.is_public else ())
        return canaries_for(resolver, self._questions.qtypes, suffixes, there)

    # -- what they say -------------------------------------------------------------------------------------------

    def _ended(self, asking: Asking) -> None:
        resolver = asking.resolver
        self._unheard.discard(self._indexes[resolver])
        if asking.only_fails:
            self._failing.add(self._indexes[resolver])
        else:
            self._failing.discard(self._indexes[resolver])
        for suffix, said in asking.suffixes().items():
            self._sayings[suffix][resolver] = said
        inventors = list(self._inventors(asking.suffixes()))
        mine = next((suffix for each, suffix in inventors if each == resolver), "")
        index, proving = self._indexes[resolver], self._proving
        if asking.lie or mine:
            self._happened(resolver, Event.LIED, asking.lie or below(mine))
            if proving is not None:
                proving.lied(asking)
        elif not asking.unfinished:
            self._happened(resolver, Event.PASSED)
            if proving is not None:
                proving.passed(asking, index)
        elif proving is not None and proving.fell_short(asking, index, monotonic()):
            self._happened(resolver, Event.OWED, asking.unfinished)
        elif asking.is_silent and not self._engines.has_answered(index):
            self._happened(resolver, Event.SILENT)
        elif asking.only_refuses:
            self._happened(resolver, Event.REFUSED)
        else:
            self._happened(resolver, Event.FAILED, asking.unfinished)
        for other, suffix in inventors:
            if other != resolver and not self._standings[self._indexes[other]].is_distrusted:
                self._happened(other, Event.LIED, below(suffix))

    def _inventors(self, suffixes: Iterable[str]) -> Iterable[tuple[Resolver, str]]:
        """Who says of names below a suffix that they exist, where no registry does, or where as many others deny it."""
        for suffix in suffixes:
            by_resolver = self._sayings[suffix]
            least = min(SAYINGS_LEAST, len(self._resolvers)) if may_have_wildcard(suffix) else 1
            if len(by_resolver) >= least and is_invention(suffix, by_resolver):
                yield from ((each, suffix) for each, said in by_resolver.items() if said in FAKES)

    def _happened(self, resolver: Resolver, event: Event, text: str = "") -> None:
        index = self._indexes[resolver]
        standing = self._standings[index]
        moved = standing.happened(event, monotonic(), self._questions.every_s or EVERY_S)
        if standing.state is State.PROBATION and moved and self._words[index] == TRUSTED:
            standing.happened(event, monotonic(), self._questions.every_s or EVERY_S)  # it was asked all the while
        self.has_convicted = self.has_convicted or event in (Event.LIED, Event.OWED)
        if event is Event.LIED:
            self._liars.add(index)
        elif event is Event.PASSED:
            self._liars.discard(index)
        is_first = event is Event.PASSED and not self._passed.issuperset(self._routes.of(index))
        if event is Event.PASSED and not self._has_passed:
            self._has_passed = True
            asyncio.get_running_loop().call_later(GATHER_S, self._gathered)
        if is_first:
            self._passed.update(self._routes.of(index))
        if not moved:
            return
        self._apply(None if is_first else [index])
        if standing.is_distrusted and (event in (Event.LIED, Event.OWED) or len(self._resolvers) > 1):
            self._untold.append((index, text))
        self._tell()

    def _tell(self) -> None:
        """The user, once it is known what comes of it."""
        if not (self._has_passed or self._is_settled):
            return
        for index, text in self._untold:
            left = "; it is not asked until it tells the truth" if self._words[index] == DISTRUSTED else ""
            self._warn(f"{'trusted ' if index in self._trusted else ''}{self._resolvers[index]} {text}{left}")
        if self._untold and self._are_all_distrusted:
            self._warn(f"no resolver is left that tells the truth ({self.reasons}): waiting for one to come back")
        if any(index in self._trusted for index, _ in self._untold) and self._is_nothing_confirmed:
            self._warn("no trusted resolver is left that tells the truth: what others deny is not confirmed")
        self._untold.clear()

    def state_of(self, index: int) -> str:
        """The resolver's state, for people; "" where it is not judged, as authorities are not, those found neither."""
        if index >= len(self._standings) or index in self._authorities:
            return ""
        state = self._standings[index].state
        return (State.REFUSING if state is State.QUARANTINED and index in self._failing else state).name.lower()

    @property
    def reasons(self) -> str:
        """How many there are in each state: `2 lying, 1 silent`."""
        counts = Counter(self.state_of(index) for index in range(len(self._standings)))
        return ", ".join(f"{count:,} {state}" for state, count in counts.most_common() if state)

    @property
    def _are_all_distrusted(self) -> bool:
        return bool(self._ordinary) and all(self._words[index] == DISTRUSTED for index in self._ordinary)

    @property
    def _is_nothing_confirmed(self) -> bool:
        return all(self._words[index] == DISTRUSTED for index in self._trusted)

    def _apply(self, indexes: Iterable[int] | None = None) -> None:
        """Have each of these (None: of all) asked and believed as its standing says."""
        for index in range(len(self._standings)) if indexes is None else indexes:
            word = self._word(index)
            if word != self._words[index]:
                self._words[index] = word
                self._engines.trust(index, word)

    def _word(self, index: int) -> int:
        standing, routes = self._standings[index], self._routes.of(index)
        is_alone, is_trusted = self._routes.is_alone(index), index in self._trusted
        nothing_better = not self._passed.issuperset(routes) and (self._is_settled or (is_alone and not is_trusted))
        if index in self._authorities:
            return TRUSTED
        if standing.is_distrusted:
            return TRUSTED if nothing_better and not (is_trusted and index in self._liars) else DISTRUSTED
        if standing.state in (State.UNPROVEN, State.SILENT):  # one that was silent may lie when it comes back
            return TRUSTED if nothing_better else HELD
        if standing.state is State.REFUSING:  # whether it refuses names too, the engines see
            return TRUSTED
        if standing.is_asked:
            return HELD
        if standing.state is State.PROBATION:
            return HELD if self._turn % TURNS else VOUCHED
        return VOUCHED if self._is_gathered or is_alone else HELD

    # -- during the scan -----------------------------------------------------------------------------------------

    async def watch(self, suffixes: Callable[[], Sequence[str]]) -> None:
        """Ask on; never returns."""
        now = monotonic()
        for index, standing in enumerate(self._standings):  # not all at once
            if standing.is_good or standing.state is State.UNPROVEN:
                standing.next_at = now + self._questions.every_s * (1 + index / len(self._standings)) / 2
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                self._turn += 1
                self._suffixes = suffixes()
                self._look()
                if self._turn % TRAFFIC_TURNS == 0:
                    self._judge_traffic()
        finally:
            for task in self._rounds:
                task.cancel()
            await asyncio.gather(*self._rounds, return_exceptions=True)

    def _look(self) -> None:
        now = monotonic()
        are_stranded = self._are_all_distrusted
        if are_stranded:
            self._stranded()
        is_scarce = not any(standing.is_good for standing in self._standings)
        most = SHARE_MAX * self._engines.queries - ROUND_MAX
        if self._proving is not None:
            self._proving.look()
        for index, standing in enumerate(self._standings):
            if index in self._authorities:
                continue
            is_due = not standing.is_asked and now >= standing.next_at
            out_of_turn = not standing.is_asked and self._is_wanted(index, now, is_dear=self._spent > most)
            if out_of_turn or (is_due and (is_scarce or self._spent <= most)):
                standing.is_asked = True
                standing.next_at = now + self._questions.every_s
                self._spent += ROUND_MAX
                task = asyncio.create_task(self._round(index, out_of_turn=out_of_turn))
                self._rounds.add(task)
                task.add_done_callback(self._rounds.discard)
        self._apply(index for index, each in enumerate(self._standings) if each.state is State.PROBATION)

    def _is_wanted(self, index: int, now: float, *, is_dear: bool) -> bool:
        """Its lines wait for its canaries, and nobody waits for their turn."""
        return (self._proving is not None and index not in self._out_of_turn and self._words[index] != DISTRUSTED
                and self._proving.wants(index, now, is_dear=is_dear))  # fmt: skip

    def _judge_traffic(self) -> None:
        """Slow, lossy or neither, by what its names showed since it was last judged by many. Those that were found
        since the start are not judged."""
        found = {index: each for index, each in self._engines.traffic().items() if index < len(self._standings)}
        times = sorted(each.p50_ms for each in found.values() if each.p50_ms is not None)
        median_ms = times[len(times) // 2] if times else None
        for index, now in found.items():
            before = self._heard.get(index, Traffic(0, 0, None))
            recent = Traffic(now.responses - before.responses, now.losses - before.losses, now.p50_ms)
            if recent.responses + recent.losses >= TRAFFIC_LEAST:
                self._heard[index] = now
                self._standings[index].kept_up(recent, median_ms)

    async def _round(self, index: int, *, out_of_turn: bool) -> None:
        """One resolver once more; it is held for that: out of turn, until it is over."""
        standing, resolver = self._standings[index], self._resolvers[index]
        self._apply([index])
        await drained(self._engines, index)
        asking = Asking(resolver, self._canaries(resolver, self._next_suffixes(resolver)), self._near)
        times = TIMES_ASKED if standing.state is State.SILENT else 1  # what is not answered is asked again
        self._spent += times * len(asking.open) - ROUND_MAX
        if self._proving is not None:
            self._proving.began(asking, index, out_of_turn=out_of_turn)
        self._out_of_turn.update([index] if out_of_turn else [])
        asked = asyncio.create_task(ask_all([asking], self._proxies, self._limits, self._ended))
        try:
            await asyncio.wait([asked], timeout=None if out_of_turn else HOLD_S)
            standing.is_asked = False
            self._apply([index])
            await asked
        finally:
            asked.cancel()
            self._out_of_turn.discard(index)

    def _next_suffixes(self, resolver: Resolver) -> list[str]:
        """Those that it has lied about, and the few that are next of all that the input has shown."""
        lied = [suffix for suffix, said in self._sayings.items() if said.get(resolver) in FAKES][:SUFFIXES_ROUND]
        first = self._spent % max(len(self._suffixes), 1)
        following = itertools.islice(itertools.cycle(self._suffixes), first, first + SUFFIXES_ROUND)
        return list(dict.fromkeys([*lied, *following]))


def invented_suffixes(asking: Asking) -> list[str]:
    """Below which it answered a name that nobody has; a wildcard may be why."""
    return [suffix for suffix, said in asking.suffixes().items() if said in FAKES]


def listed(suffixes: Sequence[str]) -> str:
    """The first few of them."""
    more = f" and {len(suffixes) - SHOWN_MAX} more" if len(suffixes) > SHOWN_MAX else ""
    return ", ".join(suffixes[:SHOWN_MAX]) + more
