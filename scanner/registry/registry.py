"""Whom the names of each suffix are asked of: found when the input meets the suffix, while other names are scanned.

A zone's servers are asked for its SOA before they get names: one that does not know the zone is left out where others
do, and one that answers over TCP only is asked over TCP. Zones with the same servers share a route.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any, Protocol

from scanner.model import Resolver
from scanner.registry.asker import Asker, NoReply
from scanner.registry.messages import NOERROR
from scanner.registry.zones import Finder, NotFound, Zone

AT_ONCE = 32  # suffixes whose servers are being found
FIND_S = 30.0  # the longest that one may take; its names wait
GATHER_S = 0.2  # for other servers of a zone to be heard, after the first
FAILED_S, FAILED_MAX_S = 10.0, 600.0  # after which servers that were not found are looked for again; doubled each time
RENEW_LEAST_S = 60.0  # between two times that a zone's servers are found, whatever its TTL
MISSED_S = 600.0  # the same, at most, where not every server was heard
WARNED_MAX = 10  # suffixes that are named
DIRECT_S = 0.01  # for others that are found meanwhile: names that wait are looked through once
NO_SERVERS = ": the servers of the registry were not found"

Direction = tuple[str, int | None]
"""A suffix and its route; None: what is known of it is not believed any more."""


class Directed(Protocol):
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

    def __init__(self, finder: Finder, asker: Asker, engines: Directed,
                 warn: Callable[[str], object], *, renew_least_s: float = RENEW_LEAST_S):  # fmt: skip
        self._finder, self._asker, self._engines, self._warn = finder, asker, engines, warn
        self._zones: dict[str, str] = {}  # of each suffix that was found
        self._suffixes: dict[str, list[str]] = {}  # the same by zone
        self._routes: dict[str, asyncio.Task[int]] = {}  # by zone
        self._by_servers: dict[frozenset[Resolver], int] = {}  # the same
        self._nowhere: dict[tuple[str, str], int] = {}  # routes to nobody, by reason and why
        self._renew_at: dict[str, float] = {}  # by zone, monotonic s
        self._failures: dict[str, Failure] = {}  # by suffix
        self._warned, self._renew_least_s = 0, renew_least_s
        self._directions: dict[str, int | None] = {}  # that the engines are about to be told
        self._tasks: set[asyncio.Task[None]] = set()
        self._finding: set[bytes] = set()
        self._room = asyncio.Semaphore(AT_ONCE)

    def want(self, suffixes: Iterable[bytes]) -> None:
        """Names with these suffixes wait."""
        for suffix in suffixes:
            if suffix not in self._finding:
                self._finding.add(suffix)
                self._begin(self._find(suffix.decode()))

    def tick(self) -> None:
        """What time brings: servers to be found again."""
        now = monotonic()
        for suffix, failure in self._failures.items():
            if failure.until and now >= failure.until:
                failure.until = 0
                self._direct(suffix, None)
        for zone, at in self._renew_at.items():
            if now >= at:
                self._renew_at[zone] = now + self._renew_least_s
                self._begin(self._renew(zone))

    def input_ended(self) -> None:
        """Names that failed get their second pass, and so do servers that were not found."""
        directions: list[Direction] = [(suffix, None) for suffix, failure in self._failures.items() if failure.until]
        for suffix, _ in directions:
            self._failures[suffix].until = 0
        if directions:
            self._engines.direct(directions)

    async def close(self) -> None:
        """End what is being found."""
        tasks = [*self._tasks, *self._routes.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._finder.close()
        self._asker.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler({"message": "registry", "exception": fault})

    # -- one suffix ----------------------------------------------------------------------------------------------

    async def _find(self, suffix: str) -> None:
        if suffix in self._zones or suffix in self._directions:
            return  # another engine wanted it too
        try:
            async with self._room, asyncio.timeout(FIND_S):
                zone = await self._finder.zone_of(suffix)
                route = await self._route(zone)
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

    def _not_found(self, suffix: str, error: NotFound) -> None:
        failure = self._failures.setdefault(suffix, Failure())
        if failure.count == 0:
            self._complain(suffix, error)
        failure.again()
        key = error.reason, NO_SERVERS
        if key not in self._nowhere:
            self._nowhere[key] = self._engines.add_route(nowhere=error.reason, why=NO_SERVERS)
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
        return await asyncio.shield(self._routes[zone.name])

    async def _new_route(self, zone: Zone) -> int:
        """To those servers that are heard soon, or all where none is; those that are heard later join them."""
        asked = [asyncio.create_task(self._examine(each, zone.name)) for each in zone.servers]
        try:
            await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            while not (heard(asked) or all(each.done() for each in asked)):
                await asyncio.wait([each for each in asked if not each.done()],
                                   return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
            late = [each for each in asked if not each.done()]
            if late:
                await asyncio.wait(late, timeout=GATHER_S)
            servers = heard(asked) or list(zone.servers)
            route = self._by_servers.get(frozenset(servers))
            if route is None:
                route = self._by_servers[frozenset(servers)] = self._engines.add_route(nowhere="", why="")
                self._engines.serve(route, servers)
        except BaseException:
            for each in asked:
                each.cancel()
            raise
        if any(not each.done() for each in asked):
            self._begin(self._join(route, asked, servers))
        if len(servers) < len(zone.servers):
            self._renew_in(zone.name, min(zone.ttl_s, MISSED_S))
        return route

    def _renew_in(self, zone: str, seconds: float) -> None:
        self._renew_at[zone] = monotonic() + max(seconds, self._renew_least_s)

    async def _join(self, route: int, asked: "list[asyncio.Task[Resolver | None]]", servers: list[Resolver]) -> None:
        """Those that were heard later."""
        try:
            await asyncio.wait(asked)
        finally:
            for each in asked:
                each.cancel()
        if set(found := heard(asked)) > set(servers):
            self._by_servers.pop(frozenset(servers), None)
            self._by_servers.setdefault(frozenset(found), route)
            self._engines.serve(route, found)

    async def _examine(self, server: Resolver, zone: str) -> Resolver | None:
        """The server as it is to be asked; None where it is not heard, or does not know the zone."""
        for each in dict.fromkeys((server, replace(server, scheme="tcp"))):
            try:
                reply = await self._asker.ask(each, zone, "SOA", recursive=False)
            except NoReply:
                continue
            return each if reply.is_authoritative and reply.rcode == NOERROR else None
        return None

    async def _renew(self, name: str) -> None:
        """The TTL of a zone's servers has passed: find them again. Where that fails, those of before are asked on."""
        try:
            async with self._room, asyncio.timeout(FIND_S):
                zone = await self._finder.zone_of(name, anew=True)
        except (NotFound, TimeoutError):
            return
        self._routes.pop(name)
        if zone.name != name:
            self._renew_at.pop(name)
        route = await self._route(zone)
        suffixes = self._suffixes.pop(name, [])
        self._suffixes.setdefault(zone.name, []).extend(suffixes)
        for suffix in suffixes:
            self._zones[suffix] = zone.name
            self._direct(suffix, route)


def heard(asked: "Sequence[asyncio.Task[Resolver | None]]") -> list[Resolver]:
    """What has come of those that are done."""
    found = [each.result() for each in asked if each.done() and not each.cancelled()]
    return [each for each in found if each is not None]
