"""The DNS once more before a registry is asked: a second resolver, then the TLD's own servers without recursion.

Only "it exists" is taken from here; everything else is the registry's to say. Below a suffix with a wildcard, where a
random name exists too, that proves nothing.
"""

import asyncio
import contextlib
import secrets
from time import monotonic

from scanner.model import Resolver
from scanner.native.verdict import classify
from scanner.rdata import answer_to, question
from scanner.registration.answer import REGISTERED, Answer, Refused
from scanner.registration.dial import Dialer

SERVERS_ASKED = 2  # of a TLD
KEPT_S = 3600.0  # for which a TLD's addresses are known
NS = 2


class Recheck:
    """Asks over TCP. `authority_port` is that of the TLD's servers: 53, except in a lab."""

    def __init__(self, dialer: Dialer, resolver: Resolver, authority_port: int, timeout_s: float):
        self._dialer = dialer
        self._resolver = resolver
        self._authority_port = authority_port
        self._timeout_s = timeout_s
        self._wild: dict[str, tuple[float, bool]] = {}  # suffixes with a wildcard, and until when that holds
        self._servers: dict[str, tuple[float, list[str]]] = {}  # addresses by TLD, and until when they hold

    async def lookup(self, domain: str) -> Answer | None:
        """`registered` when either says that the name exists, else nothing."""
        begun = monotonic()
        if not await self._is_there(domain) or await self._has_wildcard(domain.partition(".")[2]):
            return None
        return Answer(REGISTERED, "dns", ms=round((monotonic() - begun) * 1000))

    async def _is_there(self, domain: str) -> bool:
        if await self._exists(self._resolver.address, self._resolver.port, domain, recursion=True):
            return True
        for address in await self._servers_of(domain.partition(".")[2]):
            if await self._exists(address, self._authority_port, domain, recursion=False):
                return True
        return False

    async def _has_wildcard(self, suffix: str) -> bool:
        """Asked once a name below it was found to exist."""
        until, is_wild = self._wild.get(suffix, (0.0, False))
        if monotonic() >= until:
            is_wild = await self._is_there(f"{secrets.token_hex(12)}.{suffix}")
            self._wild[suffix] = monotonic() + KEPT_S, is_wild
        return is_wild

    async def _exists(self, address: str, port: int, domain: str, *, recursion: bool) -> bool:
        response = await self._ask(address, port, question(domain, "NS", recursion=recursion))
        found = classify(response, domain.encode(), NS) if response else None
        return found is not None and found[0] == "taken"

    async def _servers_of(self, suffix: str) -> list[str]:
        """Addresses of a few of the suffix's servers, in an order of no preference."""
        until, addresses = self._servers.get(suffix, (0.0, []))
        if monotonic() >= until:
            names = await self._resolve(suffix, "NS")
            found = [await self._resolve(name, "A") for name in names[:SERVERS_ASKED]]
            addresses = [address for each in found for address in each[:1]]
            self._servers[suffix] = monotonic() + KEPT_S, addresses
        return secrets.SystemRandom().sample(addresses, len(addresses))

    async def _resolve(self, name: str, kind: str) -> list[str]:
        query = question(name, kind, recursion=True)
        return answer_to(query, await self._ask(self._resolver.address, self._resolver.port, query))

    async def _ask(self, address: str, port: int, query: bytes) -> bytes:
        """The message that came, with the query's ID; empty when none did."""
        with contextlib.suppress(Refused, TimeoutError, OSError, EOFError):
            async with asyncio.timeout(self._timeout_s):
                reader, writer = await self._dialer.open(address, port, self._timeout_s)
                try:
                    writer.write(len(query).to_bytes(2, "big") + query)
                    await writer.drain()
                    size = int.from_bytes(await reader.readexactly(2), "big")
                    response = await reader.readexactly(size)
                    return response if response[:2] == query[:2] else b""
                finally:
                    writer.transport.abort()
        return b""
