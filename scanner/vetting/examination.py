"""What one resolver is asked, and in which order: does it answer, is it honest, what can it do, how much does it bear.

Who lies, refuses or fails is not measured: nothing that could be found would have it used.
"""

import asyncio
import secrets
import ssl
import sys
from dataclasses import dataclass

from scanner.model import Resolver
from scanner.vetting import measure
from scanner.vetting.asking import ask
from scanner.vetting.canaries import (
    first_denied,
    has_address,
    kind_of,
    name_of_nobody,
    outcome,
)
from scanner.vetting.findings import Findings
from scanner.vetting.honesty import TOP, both
from scanner.vetting.messages import (
    BADVERS,
    COOKIE_OCTETS,
    FORMERR,
    NOERROR,
    NOTIMP,
    SERVFAIL,
    SOA,
    Said,
    as_text,
    mixed,
    query,
    read,
)
from scanner.vetting.pace import Pace
from scanner.vetting.peers import DatagramPeer, Peer, StreamPeer
from scanner.vetting.pending import Reply
from scanner.vetting.settings import Settings, ways_of

NOBODY_UNDER = ("invalid", "com")  # RFC 6761 section 6.4, and where most names are that anybody asks for
PREFERRED = ("udp", "tcp") if sys.platform == "linux" else ("tcp", "udp")  # for an address without a scheme
GREETINGS = 5  # tries, for who loses a fifth is lossy, not silent
PATIENCE = 2  # times the timeout, for names that take a resolver long
MEASURED, BURSTS = 100, 4  # resolvers at one time: more would measure how slow we are


@dataclass(frozen=True)
class Common:
    """What all examinations share."""

    settings: Settings
    tls: ssl.SSLContext | None
    measured: asyncio.Semaphore
    bursts: asyncio.Semaphore
    paces: dict[str, Pace]

    def pace(self, resolver: Resolver) -> Pace:
        """A public address has one, whatever its port; behind others stands what a lab has put there."""
        key = resolver.address if resolver.is_public else f"{resolver.address}:{resolver.port}"
        return self.paces.setdefault(key, Pace(self.settings.rate))


class Examination:
    """Of one resolver; `findings` may be read at any time."""

    def __init__(self, findings: Findings, common: Common) -> None:
        self.findings, self._common, self._settings = findings, common, common.settings
        self._pace = common.pace(findings.listed.resolver)
        self._greeted: dict[str, Reply] = {}
        ways = ways_of(findings.listed)
        if common.tls is None:
            ways.pop("tls", None)
        timeout_s = common.settings.timeout_s
        self._peers: dict[str, Peer] = {
            way: DatagramPeer(at) if way == "udp" else StreamPeer(at, timeout_s, common.tls) for way, at in ways.items()
        }

    async def run(self) -> None:
        """Ask all that there is to ask."""
        try:
            await asyncio.gather(*(self._greet(way) for way in self._peers))
            over = self.findings.over = self._chosen()
            if over is not None:
                self._read_greeting(self._greeted[over])
                await self._question(self._peers[over])
            self.findings.is_complete = True
        finally:
            self.findings.queries = sum(peer.sent for peer in self._peers.values())
            for peer in self._peers.values():
                peer.close()

    def _chosen(self) -> str | None:
        """What it is to be used over: as the list says, or what an address without a scheme answers over."""
        listed, ways = self.findings.listed, self.findings.ways
        wanted = PREFERRED if listed.is_bare else (listed.resolver.scheme,)
        return next((way for way in wanted if ways[way]), None)

    async def _question(self, peer: Peer) -> None:
        await self._ask_edns(peer)
        alive = [way for way, answers in self.findings.ways.items() if answers and way in self._peers]
        await asyncio.gather(*(self._ask_of_nobody(way) for way in alive), self._ask_canaries(peer))
        features = (self._ask_bogus(peer), self._ask_ecs(peer), self._ask_version(peer))
        if self.findings.verdict == "unfinished" or self.findings.lies_about_suffixes_only:  # it may come to be used
            await asyncio.gather(self._measure(peer), *features)
        else:
            await asyncio.gather(*features)

    async def _ask(self, peer: Peer, octets: bytes, patience: int = 1) -> Reply | None:
        return await ask(peer, octets, self._pace, self._settings.timeout_s * patience)

    def _note(self, reply: Reply) -> None:
        self.findings.round_trips_ms.append(reply.round_trip_s * 1000)

    # -- does it answer --

    async def _greet(self, way: str) -> None:
        """Any answer will do."""
        peer = self._peers[way]
        reply = await ask(peer, query(TOP, "SOA"), self._pace, self._settings.timeout_s, GREETINGS)
        self.findings.ways[way] = reply is not None
        if reply is not None:
            self._greeted[way] = reply
        elif peer.trouble:
            self.findings.trouble[way] = peer.trouble

    def _read_greeting(self, reply: Reply) -> None:
        self._note(reply)
        is_public = self.findings.listed.resolver.is_public
        self.findings.honesty.learn_of_top(is_public, outcome(reply.octets, TOP, SOA))

    # -- is it honest --

    async def _ask_of_nobody(self, way: str) -> None:
        """One name after another: a stream that closes behind one answer is opened for the next."""
        found = self.findings
        suffixes = self._settings.suffixes if way == found.over else ()
        for suffix in dict.fromkeys((*NOBODY_UNDER, *suffixes)):
            found.heard(way, suffix, await self._about(way, suffix))

    async def _about(self, way: str, suffix: str) -> str:
        """What becomes of a name under this one that does not exist; "" where nothing came, in any case of letters."""
        plain = name_of_nobody(suffix)
        for name in (mixed(plain), plain):
            reply = await self._ask(self._peers[way], query(name, edns=self.findings.abilities.edns is True))
            if reply is None:
                continue
            if way == self.findings.over:
                self._note(reply)
                if name != plain:
                    self.findings.abilities.case = both(self.findings.abilities.case, reply.case_kept)
            return outcome(reply.octets, name)
        return ""

    async def _ask_canaries(self, peer: Peer) -> None:
        """Names that the user knows to exist."""
        canaries, seen = self._settings.canaries, []
        for canary in canaries:
            reply = await self._ask(peer, query(canary.name, kind_of(canary)))
            seen.append(None if reply is None else has_address(reply.octets, canary))
            self.findings.honesty.exists = both(self.findings.honesty.exists, seen[-1])
        self.findings.honesty.denied = self.findings.honesty.denied or first_denied(canaries, seen)

    # -- what can it do --

    async def _said(self, peer: Peer, octets: bytes, patience: int = 1) -> Said | None:
        reply = await self._ask(peer, octets, patience)
        return None if reply is None else read(reply.octets)

    async def _ask_edns(self, peer: Peer) -> None:
        """A server that does not know EDNS answers without it, or with one of three errors (RFC 6891 section 7)."""
        found, cookie = self.findings.abilities, secrets.token_bytes(COOKIE_OCTETS)
        said = await self._said(peer, query(TOP, "SOA", edns=True, cookie=cookie, nsid=True))
        if said is None:
            return
        found.edns = said.has_edns and said.rcode not in (FORMERR, NOTIMP, BADVERS)
        if not found.edns:
            return
        found.cookies = said.cookie is not None and len(said.cookie) >= 16 and said.cookie.startswith(cookie)
        if said.nsid:
            found.nsid = as_text(said.nsid)

    async def _ask_bogus(self, peer: Peer) -> None:
        """SERVFAIL alone may be an outage: with CD, by which no validation is wanted, there must be an answer."""
        name = self._settings.bogus
        plain = await self._said(peer, query(name, edns=True), PATIENCE)
        if plain is not None and plain.rcode == NOERROR and plain.records:
            self.findings.abilities.validates = False
        elif plain is not None and plain.rcode == SERVFAIL:
            unchecked = await self._said(peer, query(name, edns=True, cd=True), PATIENCE)
            if unchecked is not None and unchecked.rcode == NOERROR and unchecked.records:
                self.findings.abilities.validates = True

    async def _ask_ecs(self, peer: Peer) -> None:
        """Whether a client's subnet, which we have not told, has come to the authority."""
        said = await self._said(peer, query(self._settings.ecs_name, "TXT"), PATIENCE)
        if said is not None and said.rcode == NOERROR and said.strings:
            words = [text.split(b" ")[0].lower() for strings in said.strings for text in strings]
            self.findings.abilities.ecs = any(word in (b"edns0-client-subnet", b"ecs") for word in words)

    async def _ask_version(self, peer: Peer) -> None:
        said = await self._said(peer, query("version.bind", "TXT", chaos=True))
        if said is not None and said.strings:
            self.findings.abilities.version = as_text(b"".join(said.strings[0]))

    # -- how much does it bear --

    async def _measure(self, peer: Peer) -> None:
        octets, timeout_s = query(TOP, "SOA"), self._settings.timeout_s
        async with self._pace.alone:
            found = await measure.loss(peer, octets, self._pace, timeout_s, self._common.measured)
            self.findings.loss = found.share
            for reply in found.replies:
                self._note(reply)
            self.findings.rate = await measure.rate(peer, octets, self._pace, self._settings.rate, timeout_s,
                                                    self._common.bursts)  # fmt: skip
        await self._ask_once_more()

    async def _ask_once_more(self) -> None:
        """Some are honest at first."""
        found = self.findings
        if found.over is not None and await self._about(found.over, TOP) == "taken":
            found.heard(found.over, TOP, "taken")
