"""A SOCKS5 proxy for the lab (RFC 1928, RFC 1929): CONNECT to loopback addresses and nowhere else."""

import asyncio
import ipaddress
from struct import unpack
from urllib.parse import quote

from scanner.lab.listener import BUFFER, Listener, send

VERSION, CONNECT = 5, 1
NO_PASSWORD, PASSWORD, NONE_FITS = 0, 2, 0xFF
DONE, NOT_ALLOWED, REFUSED, NO_SUCH_COMMAND, NO_SUCH_ADDRESS = 0, 2, 5, 7, 8
HANDSHAKE_S = 10

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Denied(Exception):
    """The client gets this as its last octets."""


class SocksProxy(Listener):
    """One listening proxy; `user` None asks for no password."""

    def __init__(self, user: str | None, password: str | None):
        super().__init__()
        self._secret = None if user is None else (user.encode(), (password or "").encode())
        self.credentials = "" if user is None else f"{quote(user, '')}:{quote(password or '', '')}@"  # as in its URL

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The handshake, then octets both ways."""
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                upstream = await self._connect(reader, writer)
            await join((reader, writer), upstream)
        except Denied as denied:
            send(writer, denied.args[0])

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Ends:
        """The handshake, to the connection that was asked for."""
        version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        method = NO_PASSWORD if self._secret is None else PASSWORD
        if version != VERSION or method not in methods:
            raise Denied(bytes([VERSION, NONE_FITS]))
        send(writer, bytes([VERSION, method]))
        if self._secret is not None:
            await self._check_password(reader, writer)
        host, port = await read_request(reader)
        if not is_loopback(host):
            raise Denied(reply(NOT_ALLOWED))
        try:
            upstream = await asyncio.open_connection(host, port, limit=BUFFER)
        except OSError:
            raise Denied(reply(REFUSED)) from None
        send(writer, reply(DONE))
        return upstream

    async def _check_password(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, size = await reader.readexactly(2)
        user = await reader.readexactly(size)
        password = await reader.readexactly((await reader.readexactly(1))[0])
        if (user, password) != self._secret:
            raise Denied(b"\x01\x01")
        send(writer, b"\x01\x00")


async def read_request(reader: asyncio.StreamReader) -> tuple[str, int]:
    """Host and port of a CONNECT. Raises Denied."""
    version, command, _, kind = await reader.readexactly(4)
    if version != VERSION or command != CONNECT:
        raise Denied(reply(NO_SUCH_COMMAND))
    if kind == 1:
        host = str(ipaddress.IPv4Address(await reader.readexactly(4)))
    elif kind == 4:
        host = str(ipaddress.IPv6Address(await reader.readexactly(16)))
    elif kind == 3:
        size = (await reader.readexactly(1))[0]
        host = (await reader.readexactly(size)).decode("ascii", "replace")
    else:
        raise Denied(reply(NO_SUCH_ADDRESS))
    return host, unpack("!H", await reader.readexactly(2))[0]


def is_loopback(host: str) -> bool:
    """A loopback address, or the one name that is always one (RFC 6761 section 6.3)."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().removesuffix(".") == "localhost"


def reply(code: int) -> bytes:
    """A reply whose bound address is 0.0.0.0:0."""
    return bytes([VERSION, code, 0, 1, 0, 0, 0, 0, 0, 0])


async def join(client: Ends, upstream: Ends) -> None:
    """Carry octets both ways until both sides have ended."""
    try:
        await asyncio.gather(carry(client[0], upstream[1]), carry(upstream[0], client[1]))
    finally:
        upstream[1].close()


async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Carry octets one way until either side has ended."""
    while octets := await source.read(BUFFER):
        send(sink, octets)
        await sink.drain()
    if not sink.is_closing():
        sink.write_eof()
