"""Registries' servers are put to the question while they are asked for names: each in its turn is held (asked
nothing), what it has in flight comes in, and then it gets the canaries of one of its zones. So no answer is believed
to a name that was asked after the canary that convicts. One that lies is not asked or believed until it has passed
twice."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from scanner.model import Resolver
from scanner.paths.canary import FAKES, below, may_have_wildcard
from scanner.paths.holding import HOLD_S, drained
from scanner.paths.standing import DISTRUSTED, HELD, TRUSTED, Event, Standing
from scanner.registry.asker import NoReply
from scanner.registry.background import Background
from scanner.registry.truth import Examiner, Saying
from scanner.registry.zones import Zone

LOOK_S = 0.5
SHARE_MAX = 0.01  # of all queries, that these may be
COST = 2  # queries of a round, at least


class Held(Protocol):
    """The engines, as far as found servers (by index) are held and believed."""

    def index_of(self, server: Resolver) -> int: ...
    def is_found(self, resolver: int) -> bool: ...
    def trust(self, resolver: int, trust: int) -> None: ...
    def in_flight(self, resolver: int) -> int: ...
    def queries_by_resolver(self) -> dict[int, int]: ...


@dataclass
class Served:
    """One server that gets names."""

    standing: Standing = field(default_factory=Standing)
    zones: dict[str, Zone] = field(default_factory=dict)
    turn: int = 0
    asked: int = 0  # names, when it was last put to the question
    lied_of: str = ""  # a zone


class Rounds:
    """`convicted(server, lie)` and `back(server)` are called when one is, and when it is believed again. `every_s` is
    between two rounds of one server; 0: there are none."""

    def __init__(self, examiner: Examiner, engines: Held, every_s: float,
                 convicted: Callable[[Resolver, str], object], back: Callable[[Resolver], object]):  # fmt: skip
        self._examiner, self._engines, self._every_s = examiner, engines, every_s
        self._convicted, self._back = convicted, back
        self._served: dict[Resolver, Served] = {}
        self.liars: dict[Resolver, str] = {}  # those that are not believed, and why
        self._of_zone: dict[str, set[Resolver]] = {}
        self._without_wildcard: set[str] = set()  # zones
        self._spent, self._look_at = 0, 0.0
        self._background = Background()

    def serve(self, zone: Zone, servers: Collection[Resolver], *, denies: bool) -> None:
        """These, and no others, get names of a zone, in which names that nobody has are denied, or are not."""
        if denies:
            self._without_wildcard.add(zone.name)
        for server in self._of_zone.get(zone.name, set()) - set(servers):
            self._leave(server, zone.name)
        self._of_zone[zone.name] = set(servers)
        for server in servers:
            if server not in self._served:
                self._served[server] = Served()
                self._served[server].standing.happened(Event.PASSED, monotonic(), self._every_s)
            self._served[server].zones[zone.name] = zone

    def zones_of(self, server: Resolver) -> list[str]:
        """Those of which it gets names."""
        return list(self._served[server].zones)

    def servers_of(self, zone: str) -> set[Resolver]:
        """Those that get names of it."""
        return self._of_zone[zone]

    def _leave(self, server: Resolver, zone: str) -> None:
        """It gets names of this zone no more. One that has lied is not forgotten for that."""
        served = self._served[server]
        if served.standing.is_good:
            del served.zones[zone]
        if not served.zones and not served.standing.is_asked:
            del self._served[server]

    def tick(self) -> None:
        """What time brings."""
        now = monotonic()
        if not self._every_s or now < self._look_at:
            return
        self._look_at = now + LOOK_S
        due = [server for server, each in self._served.items()
               if each.zones and now >= each.standing.next_at and not each.standing.is_asked]  # fmt: skip
        if due:
            self._begin(due)

    def _begin(self, due: list[Resolver]) -> None:
        """With those that had names since the last time, as many as may be asked, and with those that have lied."""
        asked = self._engines.queries_by_resolver()
        most = SHARE_MAX * sum(asked.values()) - COST
        for server in due:
            served, names = self._served[server], asked.get(self._engines.index_of(server), 0)
            if served.standing.is_good and (names == served.asked or self._spent > most):
                continue
            if not self._engines.is_found(self._engines.index_of(server)):
                continue
            served.asked, served.standing.is_asked = names, True
            self._spent += COST
            self._background.begin(self._round(server, served))

    async def _round(self, server: Resolver, served: Served) -> None:
        index, zone = self._engines.index_of(server), self._next_zone(served)
        self._spent += self._examiner.cost(server, zone) - COST
        if served.standing.is_good:
            self._engines.trust(index, HELD)
            await drained(self._engines, index)
        asked = asyncio.create_task(self._ask(server, zone))
        try:
            await asyncio.wait([asked], timeout=HOLD_S)
            if not asked.done() and served.standing.is_good:
                self._engines.trust(index, TRUSTED)
            self._heard(server, served, zone, await asked)
        finally:
            asked.cancel()
            served.standing.is_asked = False

    async def _ask(self, server: Resolver, zone: Zone) -> Saying | None:
        try:
            return await self._examiner.ask(server, zone)
        except NoReply:
            return None

    def _next_zone(self, served: Served) -> Zone:
        if served.lied_of:
            return served.zones[served.lied_of]
        served.turn += 1
        return list(served.zones.values())[served.turn % len(served.zones)]

    def _heard(self, server: Resolver, served: Served, zone: Zone, saying: Saying | None) -> None:
        """That it does not answer is the engines' business."""
        was_good, now = served.standing.is_good, monotonic()
        lie = self._lie(zone.name, saying) if saying is not None else ""
        if lie:
            served.lied_of = zone.name
            served.zones.setdefault(zone.name, zone)
            served.standing.happened(Event.LIED, now, self._every_s)
        elif saying is not None:
            served.standing.happened(Event.PASSED, now, self._every_s)
        else:
            served.standing.happened(Event.FAILED, now, self._every_s)
        is_good = served.standing.is_good
        self._engines.trust(self._engines.index_of(server), TRUSTED if is_good else DISTRUSTED)
        if was_good and not is_good:
            self.liars[server] = lie
            self._convicted(server, lie)
        elif is_good and not was_good:
            del self.liars[server]
            served.lied_of = ""
            self._back(server)

    def _lie(self, zone: str, saying: Saying) -> str:
        is_wild = may_have_wildcard(zone) and zone not in self._without_wildcard
        return saying.lie or (below(zone) if saying.said in FAKES and not is_wild else "")

    async def close(self) -> None:
        """End what is being asked."""
        await self._background.close()
