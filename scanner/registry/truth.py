"""Canaries of registries' servers: is what one says of names below its zone to be believed?

A name that nobody has is to be denied with authority, in the name of the zone, unless the zone has a wildcard, of which
all of its servers know; names that exist are not to be denied. One that knows nothing of the zone says neither (lame).
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from scanner.model import Resolver
from scanner.paths.canary import FAKES, FILTERS, TYPES_MAX, below, is_invention, may_have_wildcard, random_name
from scanner.registry.asker import Asker, NoReply
from scanner.registry.messages import NOERROR, NXDOMAIN, Reply, kind_of
from scanner.registry.zones import Zone, is_below

KNOWN = {"com": "example.com", "net": "example.net", "org": "example.org"}
"""Names that exist, by the zone that delegates them (RFC 2606 section 3), asked of public servers."""

LAME, FILTERED, DELEGATED = "lame", "filtered", "referral"


class Saying(NamedTuple):
    """What one server said."""

    server: Resolver  # as it is to be asked
    said: str  # of names that nobody has: `nxdomain`, or one of FAKES
    lie: str  # "" where nothing shows one


class Examiner:
    """`qtypes` are the scan's, `there` names that exist, each with an address."""

    def __init__(self, asker: Asker, qtypes: Sequence[int], there: Iterable[tuple[str, str]] = ()):
        self._asker, self._there = asker, list(there)
        self._kinds = [kind_of(qtype) for qtype in qtypes[:TYPES_MAX]]

    async def examine(self, server: Resolver, zone: Zone) -> Saying | None:
        """None where it is not heard, or does not know the zone. One that answers over TCP only is asked over TCP."""
        for each in dict.fromkeys((server, replace(server, scheme="tcp"))):
            try:
                return await self.ask(each, zone)
            except NoReply:
                continue
        return None

    async def ask(self, server: Resolver, zone: Zone) -> Saying | None:
        """Everything. What does not finish has not passed: raises NoReply."""
        nowhere = [(random_name(zone.name).removesuffix("."), kind) for kind in self._kinds]
        there, inside = self._given(server, zone), zone.inside[:1]
        replies = await self._replies(server, [*nowhere, *((name, "A") for name in (*inside, *there))])
        words = [word_of(reply, name, zone.name) for reply, (name, _) in zip(replies, nowhere, strict=False)]
        if LAME in words:
            return None
        said = next((word for word in words if word != "nxdomain"), "nxdomain")
        of_there = zip(replies[len(nowhere) + len(inside) :], there.values(), strict=True)
        lie = lie_of(zone.name, said) or lie_about(zone.name, of_there)
        if not lie and inside and is_denial(replies[len(nowhere)]):  # it may be a remainder: another is asked for too
            others = await self._replies(server, [(name, "A") for name in zone.inside[1:]])
            lie = denies(zone.name) if all(map(is_denial, others)) else ""
        return Saying(server, said, lie)

    def cost(self, server: Resolver, zone: Zone) -> int:
        """How many questions that are, at least."""
        return len(self._kinds) + len(zone.inside[:1]) + len(self._given(server, zone))

    async def _replies(self, server: Resolver, questions: Sequence[tuple[str, str]]) -> list[Reply]:
        """To all of them."""
        asked = (self._asker.ask(server, name, kind, recursive=False) for name, kind in questions)
        found = await asyncio.gather(*asked, return_exceptions=True)
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return [each for each in found if isinstance(each, Reply)]

    def _given(self, server: Resolver, zone: Zone) -> dict[str, set[str]]:
        """Names below the zone that exist, and the addresses of each."""
        found: dict[str, set[str]] = {}
        for name, address in self._there:
            if name != zone.name and is_below(name, zone.name):
                found.setdefault(name, set()).add(address)
        if not found and server.is_public and zone.name in KNOWN:
            found[KNOWN[zone.name]] = set()
        return found

    def close(self) -> None:
        """End every connection."""
        self._asker.close()


def word_of(reply: Reply, name: str, zone: str) -> str:
    """What a server says of a name that nobody has."""
    owners = [record.owner for record in reply.authority if record.kind == "SOA"]
    servers = [record.owner for record in reply.authority if record.kind == "NS"]
    if reply.is_filtered:
        return FILTERED
    if reply.rcode == NOERROR and not reply.answer and servers and not owners:
        return DELEGATED if name in servers else LAME
    if reply.rcode not in (NOERROR, NXDOMAIN) or not reply.is_authoritative or (owners and owners[0] != zone):
        return LAME
    if reply.rcode == NXDOMAIN:
        return "cname_nx" if reply.answer else "nxdomain"
    return "taken" if reply.answer else "nodata"


def is_denial(reply: Reply) -> bool:
    """The name asked does not exist, by this server's word."""
    return reply.rcode == NXDOMAIN and reply.is_authoritative and not reply.answer


def denies(zone: str) -> str:
    """What is wrong with a server that says of names that exist that they do not."""
    return f"denies names below {zone} that exist"


def lie_of(zone: str, said: str) -> str:
    """What is wrong with a server that says this of names that nobody has, whatever others say."""
    if said == FILTERED:
        return FILTERS
    return below(zone) if said == DELEGATED else ""  # no wildcard makes that (RFC 4592 section 4.2)


def lie_about(zone: str, replies: Iterable[tuple[Reply, set[str]]]) -> str:
    """The same of names that exist, each with its addresses."""
    for reply, addresses in replies:
        given = {record.data for record in reply.answer if record.kind in ("A", "AAAA")}
        if is_denial(reply):
            return denies(zone)
        if given and addresses and not given & addresses:
            return f"gives wrong addresses for names below {zone}"
    return ""


def liars_among(zone: str, sayings: Sequence[Saying]) -> dict[Resolver, str]:
    """Whose word is not to be taken, and why: those that lie, and those that say of names that they exist where no
    registry may have a wildcard, or where as many others deny it."""
    said = {saying.server: saying.said for saying in sayings if not saying.lie}
    found = {saying.server: saying.lie for saying in sayings if saying.lie}
    if is_invention(zone, said):
        found |= {server: below(zone) for server, word in said.items() if word in FAKES}
    return found


class Examination:
    """Of all servers of a zone, side by side."""

    def __init__(self, examiner: Examiner, zone: Zone, liars: Mapping[Resolver, str]):
        """`liars` have been found out: whatever they say now, they are not believed."""
        self._zone, self._liars = zone, liars
        self._tasks = {server: asyncio.create_task(examiner.examine(server, zone)) for server in zone.servers}

    async def begin(self, gather_s: float) -> None:
        """Until one is believed, and for others to be heard for a moment more; to its end where a wildcard has to be
        told from a lie."""
        while not self.is_over and (self._is_doubtful or not self.believed):
            await asyncio.wait(self._open, return_when=asyncio.FIRST_COMPLETED)
        if not self.is_over:
            await asyncio.wait(self._open, timeout=gather_s)
        if not self.is_over and self._is_doubtful:
            await self.end()

    async def end(self) -> None:
        """Until all were heard, or will not be."""
        try:
            if not self.is_over:
                await asyncio.wait(self._open)
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Hear no more."""
        for task in self._tasks.values():
            task.cancel()

    @property
    def _open(self) -> list["asyncio.Task[Saying | None]"]:
        return [task for task in self._tasks.values() if not task.done()]

    @property
    def is_over(self) -> bool:
        """All were heard, or will not be."""
        return not self._open

    @property
    def sayings(self) -> list[Saying]:
        """Of those that were heard and know the zone."""
        said = (task.result() for task in self._tasks.values() if task.done() and not task.cancelled())
        return [Saying(each.server, each.said, each.lie or self._liars.get(each.server, "")) for each in said if each]

    @property
    def liars(self) -> dict[Resolver, str]:
        """Of them, those that are not believed, and why."""
        return liars_among(self._zone.name, self.sayings)

    @property
    def believed(self) -> list[Resolver]:
        """The others."""
        liars = self.liars
        return [saying.server for saying in self.sayings if saying.server not in liars]

    @property
    def unheard(self) -> list[Resolver]:
        """Servers of which nothing is known, and those that do not know the zone."""
        heard = {(saying.server.address, saying.server.port) for saying in self.sayings}
        return [server for server in self._tasks if (server.address, server.port) not in heard]

    @property
    def denies(self) -> bool:
        """A name that nobody has does not exist, by the word of one that is believed: the zone has no wildcard."""
        believed = self.believed
        return any(saying.said == "nxdomain" and saying.server in believed for saying in self.sayings)

    @property
    def _is_doubtful(self) -> bool:
        is_wild = any(saying.said in FAKES and not saying.lie for saying in self.sayings)
        return is_wild and may_have_wildcard(self._zone.name)
