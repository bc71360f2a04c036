"""An RDAP server of the lab (RFC 7480): HTTP/1.1 with keep-alive over asyncio's streams, GET only. What it answers is
in `rdap_replies.py` and `rdap_trouble.py`."""

import asyncio
import re
import time
from dataclasses import dataclass, replace
from urllib.parse import unquote

from scanner.lab.rdap_replies import Asked, error, page
from scanner.lab.rdap_trouble import reply_to
from scanner.lab.registry import End, Log, Registry, Reply
from scanner.lab.registry_zone import NAME

IDLE_S = 60
MOVED = re.compile(r"/(moved|ring|hop-\d{1,3})/")  # where redirects lead
CLOSES = re.compile(r"connection:.*close|content-length:|transfer-encoding:", re.IGNORECASE)  # no body is read


@dataclass(frozen=True)
class Sites:
    """Where redirects lead: this server, the same by another address, one without TLS."""

    here: str
    other_address: str
    plain: str


class RdapServer(Registry):
    """`bases` has the path of each TLD that it serves; every answer takes `delay_s`."""

    def __init__(self, log: Log, bases: dict[str, str], delay_s: float = 0):
        super().__init__(log)
        self.sites = Sites("", "", "")  # known when every server listens
        self._bases = bases
        self._delay_s = delay_s

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests one after another."""
        stays = True
        while stays:
            method, target, stays = await read_request(reader)
            reply = self._reply_to(method, target)
            await self.send(replace(reply, delay_s=reply.delay_s + self._delay_s), reader, writer)
            stays = stays and reply.end is End.KEEP

    def _reply_to(self, method: str, target: str) -> Reply:
        """A path of no domain gets a web page, a name that cannot be registered an error. Each is logged."""
        base, domain, asked_for = target.partition("domain/")
        name = unquote(asked_for).lower()
        tld = name.rpartition(".")[2]
        home = self._bases.get(tld)
        if method == "GET" and domain and home and (base == home or MOVED.fullmatch(base)):
            reply = self._answer(name, base, home) if NAME.fullmatch(name) else error(400)
            self.log.add("rdap", tld, name, reply.status)
        else:
            nowhere = target.startswith("/nowhere/")
            reply = error(404) if nowhere else page(404 if method == "GET" else 400)
            self.log.add("rdap", "-", target, reply.status)
        return reply

    def _answer(self, name: str, base: str, home: str) -> Reply:
        sites = self.sites
        times = self.times_asked(name)
        return reply_to(Asked(name, base, home, times, time.time(), sites.here, sites.other_address, sites.plain))


async def read_request(reader: asyncio.StreamReader) -> tuple[str, str, bool]:
    """Method, target, and whether the connection stays open. What is no request has no method."""
    try:
        async with asyncio.timeout(IDLE_S):
            head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        return "", "", False
    first, *fields = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return "", "", False
    return words[0], words[1], words[2] == "HTTP/1.1" and not any(map(CLOSES.match, fields))
