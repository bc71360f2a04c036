"""Which zone delegates the names below a suffix, and where it is served: asked of resolvers, or found from the root."""

import asyncio
import itertools
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Sequence
from time import monotonic
from typing import Any, NamedTuple

from scanner.model import Resolver
from scanner.registry.asker import Asker, NoReply
from scanner.registry.messages import NOERROR, NXDOMAIN, REFUSED, SERVFAIL, Record, Reply

PORT = 53
TRIES = 3  # of one question, each at another resolver where there is one, and with twice the time
SERVERS_TRIED = 6  # of one zone, with one question
STEPS_MAX = 16  # from the root
DEPTH_MAX = 4  # of names of servers whose own zone's servers have to be found first
SERVERS_MAX = 16  # addresses of one zone
INSIDE_MAX = 2  # names of its servers that are looked at
TTL_MAX_S = 86_400
REASONS = {SERVFAIL: "servfail", REFUSED: "refused"}
ROOT_HINTS = (
    "198.41.0.4", "170.247.170.2", "192.33.4.12", "199.7.91.13", "192.203.230.10", "192.5.5.241", "192.112.36.4",
    "198.97.190.53", "192.36.148.17", "192.58.128.30", "193.0.14.129", "199.7.83.42", "202.12.27.33",
)  # fmt: skip
"""a.root-servers.net to m.root-servers.net (named.root of the IANA)."""


class Zone(NamedTuple):
    """`servers` are those that can be reached from here; `inside` names of servers that are below it: so these
    exist."""

    name: str
    servers: tuple[Resolver, ...]
    ttl_s: float
    inside: tuple[str, ...] = ()


class NotFound(Exception):
    """With a reason of the closed list."""

    def __init__(self, reason: str, text: str):
        super().__init__(text)
        self.reason = reason


class Memory:
    """Zones that were found, each until its TTL has passed, and those that are being found."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Zone, float]] = {}
        self._finding: dict[str, asyncio.Task[Zone]] = {}

    def get(self, name: str) -> Zone | None:
        """One that is remembered."""
        zone, until = self._found.get(name, (None, 0.0))
        return zone if monotonic() < until else None

    def keep(self, zone: Zone) -> Zone:
        """Remember it."""
        self._found[zone.name] = zone, monotonic() + zone.ttl_s
        return zone

    def forget(self, name: str) -> None:
        """Find it anew the next time."""
        self._found.pop(name, None)

    async def once(self, name: str, find: Callable[[], Coroutine[Any, Any, Zone]]) -> Zone:
        """What is remembered, or what one search finds for all that want it."""
        zone = self.get(name)
        if zone is not None:
            return zone
        if name not in self._finding:
            self._finding[name] = asyncio.create_task(find())
            self._finding[name].add_done_callback(lambda task: self._ended(name, task))
        return await asyncio.shield(self._finding[name])

    def _ended(self, name: str, task: "asyncio.Task[Zone]") -> None:
        self._finding.pop(name, None)
        if not task.cancelled():
            task.exception()  # it was told to all that still wait

    async def close(self) -> None:
        """End what is being found."""
        tasks = list(self._finding.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Finder(ABC):
    """Finds zones by asking `asker`, in one of the two ways below; their servers are to be asked over `scheme`."""

    def __init__(self, asker: Asker, scheme: str, *, is_tunnelled: bool):
        self._asker, self._scheme, self._is_tunnelled = asker, scheme, is_tunnelled
        self._memory = Memory()
        self._turn = itertools.count()

    async def zone_of(self, suffix: str, *, anew: bool = False) -> Zone:
        """The zone that delegates the names below a suffix: its own, or the nearest above. `anew`: nothing that is
        remembered is believed. Raises NotFound."""
        if anew:
            self._memory.forget(suffix)
        return await self._zone(suffix)

    async def close(self) -> None:
        """End what is being found."""
        await self._memory.close()

    @abstractmethod
    async def _zone(self, suffix: str) -> Zone:
        """The same, remembered or found."""


class ViaResolvers(Finder):
    """`resolvers()` are those that may be asked now; servers are to be asked over `scheme`."""

    def __init__(self, asker: Asker, resolvers: Callable[[], Sequence[Resolver]], scheme: str, *, is_tunnelled: bool):
        super().__init__(asker, scheme, is_tunnelled=is_tunnelled)
        self._resolvers = resolvers

    async def _zone(self, suffix: str) -> Zone:
        return await self._memory.once(suffix, lambda: self._find(suffix))

    async def _find(self, name: str) -> Zone:
        reply = await self._ask(name, "NS")
        servers = reply.of(name, "NS")
        if servers:
            return self._memory.keep(await self._with_addresses(name, servers, reply))
        if not name:
            raise NotFound("servfail", "the resolver knows no servers of the root")
        return await self._zone(apex_above(name, reply))

    async def _with_addresses(self, name: str, servers: Sequence[Record], reply: Reply) -> Zone:
        found = await asyncio.gather(*(self._addresses(each.data, reply) for each in servers), return_exceptions=True)
        addresses = [address for each in found if not isinstance(each, BaseException) for address in each]
        troubles = [each for each in found if isinstance(each, NotFound)]
        if not addresses and troubles:
            raise troubles[0]
        return zone_with(name, addresses, servers, self._scheme, is_tunnelled=self._is_tunnelled)

    async def _addresses(self, server: str, reply: Reply) -> list[str]:
        if glue := reply.addresses(server):
            return glue
        replies = await asyncio.gather(self._ask(server, "A"), self._ask(server, "AAAA"), return_exceptions=True)
        troubles = [each for each in replies if isinstance(each, BaseException)]
        if len(troubles) == len(replies):
            raise troubles[0]
        return [record.data for each in replies if not isinstance(each, BaseException)
                for record in each.answer if record.kind in ("A", "AAAA")]  # fmt: skip

    async def _ask(self, name: str, kind: str) -> Reply:
        trouble = NotFound("connection", "there is no resolver to ask")
        resolvers = self._resolvers()
        first = next(self._turn)
        for attempt in range(TRIES if resolvers else 0):
            resolver = resolvers[(first + attempt) % len(resolvers)]
            try:
                reply = await self._asker.ask(resolver, name, kind, recursive=True, patience=1 << attempt)
            except NoReply as error:
                trouble = NotFound(error.reason, str(error))
                continue
            if reply.rcode in (NOERROR, NXDOMAIN):
                return reply
            trouble = NotFound(REASONS.get(reply.rcode, "servfail"), f"{resolver} answered {answered(reply.rcode)}")
        raise trouble


class FromRoot(Finder):
    """`roots` are the root's servers; those of other zones are asked over the same `scheme`."""

    def __init__(self, asker: Asker, roots: Sequence[Resolver], scheme: str, *, is_tunnelled: bool):
        super().__init__(asker, scheme, is_tunnelled=is_tunnelled)
        self._root = Zone("", tuple(roots), TTL_MAX_S)

    async def _zone(self, suffix: str, depth: int = 0) -> Zone:
        """From the nearest zone above that is known; a top-level domain is found once for all below it."""
        if not suffix:
            return self._root
        return await self._memory.once(suffix, lambda: self._find(suffix, depth))

    async def _find(self, suffix: str, depth: int) -> Zone:
        top = suffix.rpartition(".")[2]
        zone = self._root if top == suffix else await self._zone(top, depth)
        return await self._descend(zone, suffix, "NS", depth)

    async def _descend(self, zone: Zone, name: str, kind: str, depth: int) -> Zone:
        """Down to the last zone above or at a name."""
        for _ in range(STEPS_MAX):
            if zone.name == name:
                return zone
            reply = await self._ask(zone, name, kind)
            servers = delegation(reply, zone.name, name)
            if not servers:
                return zone
            below = self._memory.get(servers[0].owner)
            zone = below or self._memory.keep(await self._with_addresses(servers, reply, depth))
        raise NotFound("servfail", f"{name}: too many referrals")

    async def _with_addresses(self, servers: Sequence[Record], reply: Reply, depth: int) -> Zone:
        """Glue where it is given; one server without is looked up where none has any."""
        addresses = [address for each in servers for address in reply.addresses(each.data)]
        bare = [each.data for each in servers if not reply.addresses(each.data)]
        found = await asyncio.gather(*(self._addresses(each, depth + 1) for each in bare), return_exceptions=True)
        addresses += [address for each in found if not isinstance(each, BaseException) for address in each]
        troubles = [each for each in found if isinstance(each, NotFound)]
        if not addresses and troubles:
            raise troubles[0]
        return zone_with(servers[0].owner, addresses, servers, self._scheme, is_tunnelled=self._is_tunnelled)

    async def _addresses(self, server: str, depth: int) -> list[str]:
        if depth > DEPTH_MAX:
            raise NotFound("servfail", f"{server}: the servers of its zone are below themselves")
        zone = await self._descend(await self._zone(server.rpartition(".")[2], depth), server, "A", depth)
        replies = await asyncio.gather(self._ask(zone, server, "A"), self._ask(zone, server, "AAAA"),
                                       return_exceptions=True)  # fmt: skip
        return [record.data for each in replies if not isinstance(each, BaseException)
                for record in each.answer if record.kind in ("A", "AAAA")]  # fmt: skip

    def _servers(self, zone: Zone) -> list[Resolver]:
        first = next(self._turn) % len(zone.servers)
        in_turn = [*zone.servers[first:], *zone.servers[:first]]
        return (in_turn * TRIES)[:SERVERS_TRIED] if len(in_turn) > 1 else in_turn * TRIES

    async def _ask(self, zone: Zone, name: str, kind: str) -> Reply:
        """What a server of the zone says that knows it."""
        trouble = NotFound("servfail", f"no server of {zone.name or 'the root'} knows it")
        for attempt, server in enumerate(self._servers(zone)):
            patience = 1 << attempt // len(set(zone.servers))
            try:
                reply = await self._asker.ask(server, name, kind, recursive=False, patience=patience)
            except NoReply as error:
                trouble = NotFound(error.reason, str(error))
                continue
            if is_word(reply, zone.name, name):
                return reply
            trouble = NotFound(REASONS.get(reply.rcode, "servfail"), f"{server} answered {answered(reply.rcode)}")
        raise trouble


def is_word(reply: Reply, zone: str, name: str) -> bool:
    """True for what a server of the zone says of a name below it: with authority, or a delegation."""
    if reply.rcode not in (NOERROR, NXDOMAIN):
        return False
    return reply.is_authoritative or bool(delegation(reply, zone, name))


def delegation(reply: Reply, zone: str, name: str) -> list[Record]:
    """The servers of a zone nearer to the name, where the reply names some: a referral, or the answer of a server that
    has that zone too."""
    found = [record for record in (*reply.answer, *reply.authority) if record.kind == "NS"
             and record.owner != zone and is_below(record.owner, zone) and is_below(name, record.owner)]  # fmt: skip
    return [record for record in found if record.owner == found[0].owner]


def is_below(name: str, zone: str) -> bool:
    """True for the zone itself too."""
    return not zone or name == zone or name.endswith(f".{zone}")


def apex_above(name: str, reply: Reply) -> str:
    """The zone that a name without servers of its own is in, as its SOA says; else the next name above is tried."""
    owners = [record.owner for record in reply.authority if record.kind == "SOA"]
    if owners and owners[0] != name and is_below(name, owners[0]):
        return owners[0]
    return name.partition(".")[2]


def zone_with(name: str, addresses: Iterable[str], servers: Iterable[Record], scheme: str, *,
              is_tunnelled: bool) -> Zone:  # fmt: skip
    """Raises NotFound where none of the addresses can be reached."""
    servers = list(servers)
    known = list(dict.fromkeys(addresses))
    usable = [each for each in known if ":" not in each]
    usable += [each for each in known if ":" in each and (not usable if is_tunnelled else has_way_to(each))]
    if not usable:
        only = "have no addresses" if not known else "have IPv6 addresses only, and there is no IPv6 here"
        raise NotFound("connection", f"the servers of {name or 'the root'} {only}")
    ttl_s = min((record.ttl for record in servers), default=TTL_MAX_S)
    inside = sorted({each.data for each in servers if each.data != name and is_below(each.data, name)})[:INSIDE_MAX]
    return Zone(
        name, tuple(server_at(scheme, each) for each in usable[:SERVERS_MAX]), min(ttl_s, TTL_MAX_S), tuple(inside)
    )


def has_way_to(address: str) -> bool:
    """True where this machine has a route to an IPv6 address; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect((address, PORT))
    except OSError:
        return False
    return True


def server_at(scheme: str, address: str) -> Resolver:
    """A server by its address."""
    return Resolver(scheme, address, PORT)


def answered(rcode: int) -> str:
    """An RCODE in words."""
    return {NOERROR: "without knowing the zone", NXDOMAIN: "NXDOMAIN", SERVFAIL: "SERVFAIL", REFUSED: "REFUSED"}.get(
        rcode, f"RCODE {rcode}"
    )
