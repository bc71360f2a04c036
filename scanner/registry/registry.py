"""Whom the names of each suffix are asked of: found when the input meets the suffix, while other names are scanned.

A zone's servers get canaries before they get names (`truth`), and again and again while they do (`rounds`). One that
does not know the zone is left out where others do, one that lies in any case; one that answers over TCP only is asked
over TCP. Zones with the same servers share a route.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from time import monotonic
from typing import Protocol

from scanner.model import Resolver
from scanner.registry.asker import within
from scanner.registry.background import Background
from scanner.registry.rounds import Held, Rounds
from scanner.registry.truth import Examination, Examiner
from scanner.registry.zones import Finder, NotFound, Zone

AT_ONCE = 32  # suffixes whose servers are being found
FIND_S = 30.0  # the longest that one may take; its names wait
GATHER_S = 0.2  # for other servers of a zone to be heard, after the first
FAILED_S, FAILED_MAX_S = 10.0, 600.0  # after which servers that were not found are looked for again; doubled each time
RENEW_LEAST_S = 60.0  # between two times that a zone's servers are found, whatever its TTL
MISSED_S = 600.0  # the same, at most, where not every server was heard
WARNED_MAX = 10  # suffixes, and servers that lie, that are named
DIRECT_S = 0.01  # for others that are found meanwhile: names that wait are looked through once
NO_SERVERS = ": the servers of the registry were not found"
NO_TRUTH = ": no server of the registry tells the truth"
LYING = "badresp"  # the reason of names for which there is none but those

Direction = tuple[str, int | None]
"""A suffix and its route; None: what is known of it is not believed any more."""


class Directed(Held, Protocol):
    """The engines, as far as routes are made and suffixes take them."""

    def add_route(self, *, nowhere: str, why: str) -> int: ...
    def serve(self, route: int, servers: Sequence[Resolver]) -> None: ...
    def direct(self, directions: Collection[Direction]) -> None: ...


class Failure:
    """A suffix whose servers were not found."""

    def __init__(self) -> None:
        self.count, self.until = 0, 0.0

    def again(self) -> None:
        """Once more."""
        self.until = monotonic() + min(FAILED_S * 2**self.count, FAILED_MAX_S)
        self.count += 1


class Registry:
    """`warn(text)` is for the user."""

    def __init__(self, finder: Finder, examiner: Examiner, engines: Directed, warn: Callable[[str], object], *,
                 every_s: float = 0, renew_least_s: float = RENEW_LEAST_S):  # fmt: skip
        self._finder, self._examiner, self._engines, self._warn = finder, examiner, engines, warn
        self._rounds = Rounds(examiner, engines, every_s, self._convicted, self._back)
        self._lost: dict[str, list[str]] = {}  # suffixes of zones of which every server was convicted
        self._blamed: set[tuple[Resolver, str]] = set()
        self._zones: dict[str, str] = {}  # of each suffix that was found
        self._suffixes: dict[str, list[str]] = {}  # the same by zone
        self._routes: dict[str, asyncio.Task[int]] = {}  # by zone
        self._by_servers: dict[frozenset[Resolver], int] = {}  # the same
        self._nowhere: dict[tuple[str, str], int] = {}  # routes to nobody, by reason and why
        self._renew_at: dict[str, float] = {}  # by zone, monotonic s
        self._failures: dict[str, Failure] = {}  # by suffix
        self._warned, self._renew_least_s = 0, renew_least_s
        self._directions: dict[str, int | None] = {}  # that the engines are about to be told
        self._background = Background()
        self._finding: set[bytes] = set()
        self._room = asyncio.Semaphore(AT_ONCE)

    def want(self, suffixes: Iterable[bytes]) -> None:
        """Names with these suffixes wait."""
        for suffix in suffixes:
            if suffix not in self._finding:
                self._finding.add(suffix)
                self._background.begin(self._find(suffix.decode()))

    def tick(self) -> None:
        """What time brings: servers to be found again, or to be put to the question."""
        self._rounds.tick()
        now = monotonic()
        for suffix, failure in self._failures.items():
            if failure.until and now >= failure.until:
                failure.until = 0
                self._direct(suffix, None)
        for zone, at in self._renew_at.items():
            if now >= at:
                self._renew_at[zone] = now + self._renew_least_s
                self._background.begin(self._renew(zone))

    def input_ended(self) -> None:
        """Names that failed get their second pass, and so do servers that were not found."""
        directions: list[Direction] = [(suffix, None) for suffix, failure in self._failures.items() if failure.until]
        for suffix, _ in directions:
            self._failures[suffix].until = 0
        if directions:
            self._engines.direct(directions)

    async def close(self) -> None:
        """End what is being found."""
        for task in self._routes.values():
            task.cancel()
        await self._background.close()
        await asyncio.gather(*self._routes.values(), return_exceptions=True)
        await self._finder.close()
        await self._rounds.close()
        self._examiner.close()

    # -- one suffix ----------------------------------------------------------------------------------------------

    async def _find(self, suffix: str) -> None:
        if suffix in self._zones or suffix in self._directions:
            return  # another engine wanted it too
        try:
            async with self._room:
                zone, route = await within(FIND_S, self._zone_and_route(suffix))
        except TimeoutError:
            self._not_found(suffix, NotFound("timeout", f"not found within {FIND_S:g} s"))
        except NotFound as error:
            self._not_found(suffix, error)
        else:
            self._failures.pop(suffix, None)
            self._zones[suffix] = zone.name
            self._suffixes.setdefault(zone.name, []).append(suffix)
            self._direct(suffix, route)
        finally:
            self._finding.discard(suffix.encode())

    async def _zone_and_route(self, suffix: str) -> tuple[Zone, int]:
        zone = await self._finder.zone_of(suffix)
        return zone, await self._route(zone)

    def _not_found(self, suffix: str, error: NotFound) -> None:
        failure = self._failures.setdefault(suffix, Failure())
        if failure.count == 0:
            self._complain(suffix, error)
        failure.again()
        key = error.reason, NO_TRUTH if error.reason == LYING else NO_SERVERS
        if key not in self._nowhere:
            self._nowhere[key] = self._engines.add_route(nowhere=key[0], why=key[1])
        self._direct(suffix, self._nowhere[key])

    def _complain(self, suffix: str, error: NotFound) -> None:
        self._warned += 1
        if self._warned <= WARNED_MAX:
            self._warn(f"the servers of {suffix} were not found: {error}; its names end in error until they are")
        elif self._warned == WARNED_MAX + 1:
            self._warn("nor were those of other suffixes")

    def _direct(self, suffix: str, route: int | None) -> None:
        """All at once that are found at about the same time."""
        if not self._directions:
            asyncio.get_running_loop().call_later(DIRECT_S, self._tell)
        self._directions[suffix] = route

    def _tell(self) -> None:
        directions, self._directions = self._directions, {}
        self._engines.direct(list(directions.items()))

    # -- one zone ------------------------------------------------------------------------------------------------

    async def _route(self, zone: Zone) -> int:
        """The route to the servers of a zone, made when it is first met."""
        if zone.name not in self._routes:
            self._routes[zone.name] = asyncio.create_task(self._new_route(zone))
            self._renew_in(zone.name, zone.ttl_s)
        try:
            return await asyncio.shield(self._routes[zone.name])
        except NotFound:  # the next time they are put to the question once more
            self._routes.pop(zone.name, None)
            self._renew_at.pop(zone.name, None)
            raise

    async def _new_route(self, zone: Zone) -> int:
        """To those servers that are heard soon, or all where none is, but for liars; those that are heard later join
        them. Raises NotFound where all lie."""
        seen = Examination(self._examiner, zone, self._rounds.liars)
        try:
            await seen.begin(GATHER_S)
            servers = self._servers_of(zone, seen)
            route = self._by_servers.get(frozenset(servers))
            if route is None:
                route = self._by_servers[frozenset(servers)] = self._engines.add_route(nowhere="", why="")
                self._engines.serve(route, servers)
        except BaseException:
            seen.cancel()
            raise
        self._rounds.serve(zone, servers, denies=seen.denies)
        if not seen.is_over:
            self._background.begin(self._join(route, zone, seen, servers))
        if len(servers) < len(zone.servers):
            self._renew_in(zone.name, min(zone.ttl_s, MISSED_S))
        return route

    def _servers_of(self, zone: Zone, seen: Examination) -> list[Resolver]:
        """Whom to ask."""
        for server, lie in seen.liars.items():
            self._blame(zone.name, server, lie)
        servers = seen.believed or seen.unheard
        if not servers:
            server, lie = next(iter(seen.liars.items()))
            raise NotFound(LYING, f"{server} {lie}")
        return servers

    def _blame(self, zone: str, server: Resolver, lie: str) -> None:
        if (server, zone) not in self._blamed:
            self._blamed.add((server, zone))
            if len(self._blamed) <= WARNED_MAX:
                self._warn(f"{server} {lie}; it is not asked")

    def _renew_in(self, zone: str, seconds: float) -> None:
        self._renew_at[zone] = monotonic() + max(seconds, self._renew_least_s)

    async def _join(self, route: int, zone: Zone, seen: Examination, servers: list[Resolver]) -> None:
        """Those that were heard later."""
        await seen.end()
        for server, lie in seen.liars.items():
            self._blame(zone.name, server, lie)
        if set(found := seen.believed) > set(servers):
            self._by_servers.pop(frozenset(servers), None)
            self._by_servers.setdefault(frozenset(found), route)
            self._engines.serve(route, found)
            self._rounds.serve(zone, found, denies=seen.denies)

    async def _renew(self, name: str) -> None:
        """The TTL of a zone's servers has passed: find them again. Where that fails, those of before are asked on."""
        try:
            async with self._room:
                zone = await within(FIND_S, self._finder.zone_of(name, anew=True))
        except (NotFound, TimeoutError):
            return
        self._routes.pop(name, None)
        if zone.name != name:
            self._renew_at.pop(name, None)
        try:
            route = await self._route(zone)
        except NotFound as error:
            self._lose(name, error)
            return
        suffixes = self._suffixes.pop(name, [])
        self._suffixes.setdefault(zone.name, []).extend(suffixes)
        for suffix in suffixes:
            self._zones[suffix] = zone.name
            self._direct(suffix, route)

    # -- servers that are found out while they are asked -----------------------------------------------------------

    def _convicted(self, server: Resolver, lie: str) -> None:
        """It is not asked until it tells the truth; names of zones that have no other end in error."""
        self._warn(f"{server} {lie}; it is not asked until it tells the truth")
        liars = self._rounds.liars
        for zone in self._rounds.zones_of(server):
            route = self._routes.get(zone)
            if route is not None and route.done() and all(each in liars for each in self._rounds.servers_of(zone)):
                self._lost[zone] = [*self._lost.get(zone, ()), *self._suffixes.get(zone, ())]
                self._lose(zone, NotFound(LYING, f"{server} {lie}"))

    def _lose(self, zone: str, error: NotFound) -> None:
        """There is nobody any more whom names of this zone may be asked of."""
        self._routes.pop(zone, None)
        self._renew_at.pop(zone, None)
        for suffix in self._suffixes.pop(zone, []):
            del self._zones[suffix]
            self._not_found(suffix, error)

    def _back(self, server: Resolver) -> None:
        """It tells the truth again."""
        for zone in self._rounds.zones_of(server):
            for suffix in self._lost.pop(zone, ()):
                self._failures.pop(suffix, None)
                self._direct(suffix, None)
