"""Connections to registries: to public addresses only, or through the proxies in turn. It opens; it never reads."""

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
    """Opens streams. `nets`: the networks beside the public ones in which a registry may be."""

    def __init__(self, proxies: Sequence[Proxy], nets: Sequence[Net]):
        self._nets = nets
        self._proxies = itertools.cycle(proxies) if proxies else None
        self._count = len(proxies)
        self._rests: dict[Proxy, float] = {}  # until when

    async def open(self, host: str, port: int, timeout_s: float) -> Stream:
        """A stream to a host (a name, or an address without brackets). Raises Refused."""
        try:
            async with asyncio.timeout(timeout_s):
                if self._proxies is not None:
                    return await self._tunnelled(host, port, timeout_s)
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

    async def _tunnelled(self, host: str, port: int, timeout_s: float) -> Stream:
        """Through the next proxy that is not resting; the proxy looks names up, so that no packet leaves beside it."""
        if is_address(host) and not self.is_allowed(host):
            raise Refused("address")
        proxy = self._next_proxy()
        try:
            sock = await open_tunnel(proxy, host, port, timeout_s)
        except DialError as trouble:
            if trouble.reason == "proxy":
                self._rests[proxy] = monotonic() + PROXY_REST_S
            raise Refused(trouble.reason, again=True) from None
        return await asyncio.open_connection(sock=sock, limit=READ_LIMIT)

    def _next_proxy(self) -> Proxy:
        """The next in turn; where all are resting, that one all the same."""
        assert self._proxies is not None
        now = monotonic()
        candidates = [next(self._proxies) for _ in range(self._count)]
        return next((proxy for proxy in candidates if self._rests.get(proxy, 0.0) <= now), candidates[0])

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
