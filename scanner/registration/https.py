"""GET over https: HTTP/1.1 with kept connections; the only home of httpcore2, to which the streams are handed.

A certificate is always verified. What is longer than the limit, decoded, is Refused, and so is what drips past the
deadline. Redirects are the caller's.
"""

import asyncio
import ssl
import zlib
from collections.abc import Iterable
from typing import Any

import httpcore2

from scanner.registration.answer import Refused
from scanner.registration.dial import Dialer, Stream
from scanner.registration.rdap import Reply
from scanner.version import __version__

BODY_MAX = 1 << 20  # octets
HEAD_MAX = 1 << 18  # octets of headers and framing, interim responses included
KEPT = 64  # connections
KEPT_S = 30.0
HEADERS: dict[bytes | str, bytes | str] = {
    "Accept": "application/rdap+json, application/json;q=0.9",
    "Accept-Encoding": "identity",
    "User-Agent": f"dnsscan/{__version__}",
}


class Web:
    """A client, with kept connections of its own for each exit; `timeout_s` is for one GET as a whole."""

    def __init__(self, dialer: Dialer, tls: ssl.SSLContext, timeout_s: float, body_max: int = BODY_MAX):
        self._dialer, self._tls = dialer, tls
        self._timeout_s = timeout_s
        self._body_max = body_max
        self._pools: dict[int, httpcore2.AsyncConnectionPool] = {}  # by exit

    def _pool(self, number: int) -> httpcore2.AsyncConnectionPool:
        if number not in self._pools:
            self._pools[number] = httpcore2.AsyncConnectionPool(
                ssl_context=self._tls, max_connections=None, max_keepalive_connections=KEPT, keepalive_expiry=KEPT_S,
                network_backend=Backend(self._dialer, number, self._timeout_s, self._body_max + HEAD_MAX),
            )  # fmt: skip
        return self._pools[number]

    async def get(self, url: str, number: int = 0) -> Reply:
        """One GET through this exit. Raises Refused."""
        has_come = False  # a status line: what breaks off behind it is a bad reply, not one that never came
        try:
            stream = self._pool(number).stream("GET", url, headers=HEADERS)
            async with asyncio.timeout(self._timeout_s), stream as response:
                has_come = True
                headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in response.headers}
                body = Body(headers, self._body_max)
                async for piece in response.aiter_stream():
                    body.add(piece)
                return Reply(response.status, headers, body.whole())
        except TimeoutError:
            raise Refused("timeout", again=True) from None
        except (httpcore2.NetworkError, httpcore2.RemoteProtocolError):
            raise Refused("rdap_bad" if has_come else "connection", again=True) from None
        except (httpcore2.LocalProtocolError, httpcore2.UnsupportedProtocol, ValueError):
            raise Refused("redirect") from None  # only a Location can make such a URL

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.aclose()


class Body:
    """What has come of a reply, without its gzip, which was not asked for. More than `most` octets are Refused as soon
    as there are so many: a few packed ones may be a gigabyte."""

    def __init__(self, headers: dict[str, str], most: int):
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("identity", "gzip", "x-gzip"):
            raise Refused("rdap_bad")
        self._gzip = None if coding == "identity" else zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._octets, self._most = b"", most

    def add(self, piece: bytes) -> None:
        """Raises Refused."""
        if self._gzip is not None:
            try:
                piece = self._gzip.decompress(piece, self._most + 1 - len(self._octets))
            except zlib.error:
                raise Refused("rdap_bad") from None
        self._octets += piece
        if len(self._octets) > self._most:
            raise Refused("rdap_bad")

    def whole(self) -> bytes:
        """Raises Refused where the gzip has no end."""
        if self._gzip is not None and not self._gzip.eof:
            raise Refused("rdap_bad")
        return self._octets


class Backend(httpcore2.AsyncNetworkBackend):
    """Opens the pool's streams by our dialer, through one exit."""

    def __init__(self, dialer: Dialer, number: int, timeout_s: float, reply_max: int):
        self._dialer = dialer
        self._number = number
        self._timeout_s = timeout_s
        self._reply_max = reply_max

    async def connect_tcp(self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
                          socket_options: Iterable[Any] | None = None) -> httpcore2.AsyncNetworkStream:  # fmt: skip
        stream = await self._dialer.open(host.strip("[]"), port, self._timeout_s, self._number)
        return Wire(stream, self._reply_max)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Wire(httpcore2.AsyncNetworkStream):
    """An asyncio stream as the pool wants it. The deadline is that of the whole GET; single ones are not looked at. One
    reply, whatever comes before it, is at most `reply_max` octets."""

    def __init__(self, stream: Stream, reply_max: int):
        self._reader, self._writer = stream
        self._reply_max = reply_max
        self._left = reply_max  # of the reply that is being read

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            octets = await self._reader.read(max_bytes)
        except OSError:
            raise httpcore2.ReadError from None
        self._left -= len(octets)
        if self._left < 0:
            raise Refused("rdap_bad")
        return octets

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._left = self._reply_max
        try:
            self._writer.write(buffer)
            await self._writer.drain()
        except OSError:
            raise httpcore2.WriteError from None

    async def aclose(self) -> None:
        self._writer.transport.abort()  # nothing is waited for: a peer may hold a goodbye for as long as it likes

    async def start_tls(self, ssl_context: ssl.SSLContext, server_hostname: str | None = None,
                        timeout: float | None = None) -> httpcore2.AsyncNetworkStream:  # fmt: skip
        try:
            await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except ssl.SSLError:
            await self.aclose()
            raise Refused("tls") from None
        except OSError:
            await self.aclose()
            raise httpcore2.ConnectError from None
        except BaseException:
            await self.aclose()
            raise
        return self

    def get_extra_info(self, info: str) -> Any:
        """`is_readable` of an idle connection means that its peer has closed it."""
        if info == "is_readable":
            return self._reader.at_eof() or self._writer.is_closing()
        return self._writer.get_extra_info(info)
