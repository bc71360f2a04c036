"""Connections to registries: to public addresses only, or through a proxy. It opens; it never reads."""

import asyncio
import itertools
import socket
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from time import monotonic

from scanner.model import Proxy
from scanner.registration.answer import Refused
from scanner.transports.dial_error import DialError
from scanner.transports.tunnel import open_tunnel

Net = IPv4Network | IPv6Network
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
PROXY_REST_S = 5.0  # for which a proxy that failed is passed over
READ_LIMIT = 1 << 16  # octets that wait to be read


class Dialer:
    """Opens streams. An exit is a proxy, or without proxies our own address, by its number. `nets`: the networks beside
    the public ones in which a registry may be."""

    def __init__(self, proxies: Sequence[Proxy], nets: Sequence[Net]):
        self._nets = nets
        self._proxies = proxies
        self._in_turn = itertools.cycle(range(len(proxies) or 1))
        self._rests: dict[int, float] = {}  # by exit, until when
        self.exits = len(proxies) or 1

    def is_out(self, number: int) -> bool:
        """True for a proxy that failed a moment ago."""
        return self._rests.get(number, 0.0) > monotonic()

    def next_exit(self) -> int:
        """The next in turn that is not out; where all are, that one all the same."""
        candidates = [next(self._in_turn) for _ in range(self.exits)]
        return next((number for number in candidates if not self.is_out(number)), candidates[0])

    async def open(self, host: str, port: int, timeout_s: float, number: int | None = None) -> Stream:
        """A stream to a host (a name, or an address without brackets), through an exit, or the next one. Raises
        Refused."""
        try:
            async with asyncio.timeout(timeout_s):
                if self._proxies:
                    number = self.next_exit() if number is None else number
                    return await self._tunnelled(host, port, timeout_s, number)
                return await self._direct(host, port)
        except TimeoutError:
            raise Refused("connection", again=True) from None

    async def _direct(self, host: str, port: int) -> Stream:
        """To the first address that is allowed and answers."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise Refused("connection", again=True) from None
        addresses = [str(entry[4][0]) for entry in found if self.is_allowed(str(entry[4][0]))]
        if not addresses:
            raise Refused("address")
        for address in addresses:
            try:
                return await asyncio.open_connection(address, port, limit=READ_LIMIT)
            except OSError:
                continue
        raise Refused("connection", again=True)

    async def _tunnelled(self, host: str, port: int, timeout_s: float, number: int) -> Stream:
        """Through this proxy, which looks names up, so that no packet leaves beside it."""
        if is_address(host) and not self.is_allowed(host):
            raise Refused("address")
        try:
            sock = await open_tunnel(self._proxies[number], host, port, timeout_s)
        except DialError as trouble:
            if trouble.reason == "proxy":
                self._rests[number] = monotonic() + PROXY_REST_S
            raise Refused(trouble.reason, again=True) from None
        return await asyncio.open_connection(sock=sock, limit=READ_LIMIT)

    def is_allowed(self, host: str) -> bool:
        """True for a public address, or one of the networks that the user allows."""
        address = ip_address(host.partition("%")[0])
        if isinstance(address, IPv6Address):
            if address.ipv4_mapped is not None:
                address = address.ipv4_mapped
            elif address.sixtofour is not None or address.teredo is not None:
                return False
        return (address.is_global and not address.is_multicast) or any(
            address in net for net in self._nets if net.version == address.version
        )


def is_address(host: str) -> bool:
    """True for an IP literal."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
