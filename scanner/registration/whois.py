"""WHOIS (RFC 3912) for TLDs without RDAP: one line out, at most 64 KiB in, read by the TLD's own patterns.

Referrals are not followed. What the patterns do not know is Refused, never `free`.
"""

import asyncio
import re

from scanner.registration.answer import FREE, REGISTERED, RESERVED, Answer, Refused, cleaned
from scanner.registration.bootstrap import WhoisServer
from scanner.registration.dial import Dialer

REPLY_MAX = 64 * 1024  # octets
NAME = re.compile(r"[a-z0-9.-]{1,253}")
EXPIRES = re.compile(r"^\s*(?:registry expiry date|expir(?:y|es|ation)[a-z ]*|paid-till)\s*:\s*(\d{4}-\d\d-\d\d)",
                     re.ASCII | re.IGNORECASE | re.MULTILINE)  # fmt: skip
STATUS = re.compile(r"^\s*(?:domain )?status\s*:\s*(\w+)", re.IGNORECASE | re.MULTILINE)
LIMITED = re.compile(r"(?:quer(?:y|ies)|request|lookup|connection)s?[^\n]{0,60}(?:limit|exceed|quota|too many)|"
                     r"(?:limit|exceed|quota|too many)[^\n]{0,60}(?:quer(?:y|ies)|request|lookup|connection)",
                     re.IGNORECASE)  # fmt: skip
COMMENT = re.compile(r"^\s*(?:[%#;]|>>>)[^\n]*$", re.MULTILINE)


async def lookup(dialer: Dialer, server: WhoisServer, domain: str, timeout_s: float) -> Answer:
    """Ask about the domain; `timeout_s` for it all. Raises Refused."""
    if not NAME.fullmatch(domain):  # no CR or LF can ever reach the socket
        raise Refused("no_domain")
    try:
        async with asyncio.timeout(timeout_s):
            reply = await exchange(dialer, server, server.query.replace("{name}", domain), timeout_s)
    except TimeoutError:
        raise Refused("timeout", again=True) from None
    except OSError:
        raise Refused("connection", again=True) from None
    return read_reply(server, reply.decode("utf-8", "replace"), domain)


async def exchange(dialer: Dialer, server: WhoisServer, line: str, timeout_s: float) -> bytes:
    """The line's reply, cut at its limit."""
    reader, writer = await dialer.open(server.host, server.port, timeout_s)
    try:
        writer.write(line.encode("ascii") + b"\r\n")
        await writer.drain()
        reply = b""
        while len(reply) < REPLY_MAX and (piece := await reader.read(REPLY_MAX - len(reply))):
            reply += piece
        return reply
    finally:
        writer.transport.abort()


def read_reply(server: WhoisServer, reply: str, domain: str) -> Answer:
    """What a reply says, comments left out. A registration must name the domain. Raises Refused."""
    text = COMMENT.sub("", reply.replace("\r", ""))
    if not text.strip():
        raise Refused("ratelimited" if LIMITED.search(reply) else "connection", again=True)
    if server.reserved and server.reserved.search(text):
        return Answer(RESERVED, "whois")
    named = re.search(rf"(?<![a-z0-9.-]){re.escape(domain)}(?![a-z0-9-])", text, re.IGNORECASE) is not None
    free, registered = server.free.search(text) is not None, server.registered.search(text) is not None
    if registered and not free and named:
        expires = EXPIRES.search(text)
        return Answer(
            REGISTERED, "whois", expires=expires[1] if expires else "", statuses=cleaned(STATUS.findall(text))
        )
    if free and not registered:
        return Answer(FREE, "whois")
    raise Refused("ratelimited" if LIMITED.search(text) else "whois_bad", again=bool(LIMITED.search(text)))
