"""WHOIS (RFC 3912) for TLDs without RDAP: one line out, at most 64 KiB in, read by the TLD's own patterns.

Referrals are not followed. What the patterns do not know is Refused, never `free`.
"""

import asyncio
import re

from scanner.registration.answer import FREE, REGISTERED, RESERVED, Answer, Refused, cleaned
from scanner.registration.bootstrap import WhoisServer
from scanner.registration.dates import day
from scanner.registration.dial import Dialer
from scanner.registration.words import HELD_BACK, LEGAL, LIMITED, TAKEN, holds_back, status_of, without

REPLY_MAX = 64 * 1024  # octets
SHORT = 5  # lines of a reply that speaks of nothing but the name
NAME = re.compile(r"[a-z0-9.-]{1,253}")
FIELD = re.compile(  # `a. [Status] Active`, `expires............: 4.7.2027`; a value may stand on the next line
    r"^[ \t]*(?:[a-z]\.[ \t]*)?(?:\[(?P<boxed>[^\]\n]{2,40})\]|(?P<label>[a-z][a-z _-]{2,40}?)[ \t.]*:)"
    r"[ \t]*(?P<value>[^\n]*)$(?:\n[ \t]+(?P<below>[^:\n]+)$)?", re.IGNORECASE | re.MULTILINE)  # fmt: skip
RECORD_EXPIRES = re.compile(r"^[ \t]*record expires on[ \t]+([^\n]+)$", re.IGNORECASE | re.MULTILINE)
EXPIRY = re.compile(r"(?:(?:registry|record|domain|registration) )?(?:expir(?:y|es|e|ed|ation)(?: date| time| on| at)?|"
                    r"exp date|paid till|renewal date|valid(?:ity)?(?: until| till)?)|有効期限")  # fmt: skip
REGISTRARS_EXPIRY = re.compile(r"registrar registration expir(?:y|ation)(?: date)?")
STATUS = re.compile(r"(?:(?:domain|registration|epp|query) )?(?:status|state)|eppstatus|状態")
COMMENT = re.compile(r"^\s*(?:[%#;]|>>>)[^\n]*$", re.MULTILINE)


async def lookup(dialer: Dialer, server: WhoisServer, domain: str, timeout_s: float, number: int = 0) -> Answer:
    """Ask about the domain through this exit; `timeout_s` for it all. Raises Refused."""
    if not NAME.fullmatch(domain):  # no CR or LF can ever reach the socket
        raise Refused("no_domain")
    try:
        async with asyncio.timeout(timeout_s):
            reply = await exchange(dialer, server, server.query.replace("{name}", domain), timeout_s, number)
    except TimeoutError:
        raise Refused("timeout", again=True) from None
    except OSError:
        raise Refused("connection", again=True) from None
    if not reply:
        raise Refused("connection", again=True)
    return read_reply(server, reply.decode("utf-8", "replace"), domain)


async def exchange(dialer: Dialer, server: WhoisServer, line: str, timeout_s: float, number: int) -> bytes:
    """The line's reply, cut at its limit."""
    reader, writer = await dialer.open(server.host, server.port, timeout_s, number)
    try:
        writer.write(line.encode("ascii") + b"\r\n")
        await writer.drain()
        reply = b""
        try:
            while len(reply) < REPLY_MAX and (piece := await reader.read(REPLY_MAX - len(reply))):
                reply += piece
        except OSError:
            raise Refused("whois_bad" if reply else "connection", again=True) from None
        return reply
    finally:
        writer.transport.abort()


def read_reply(server: WhoisServer, reply: str, domain: str) -> Answer:
    """What a reply says. Comments count only where nothing else in it says anything. Raises Refused."""
    whole = reply.replace("\r", "")
    record = COMMENT.sub("", whole)
    answer = said(server, record, whole, domain) or said(server, whole, whole, domain)
    if answer is not None:
        return answer
    limited = LIMITED.search(whole) is not None
    if not limited and is_held(domain, whole) and (names(whole, domain) or record.count("\n") < SHORT):
        return Answer(RESERVED, "whois")
    raise Refused("ratelimited" if limited else "whois_bad", again=limited)


def said(server: WhoisServer, text: str, whole: str, domain: str) -> Answer | None:
    """What the TLD's patterns find in the text; a registration must name the domain. None where they find nothing.
    Raises Refused for a text that says both."""
    if server.reserved and server.reserved.search(text):
        return Answer(RESERVED, "whois")
    free, registered = server.free.search(text) is not None, server.registered.search(text) is not None
    if free and registered:
        raise Refused("whois_bad")
    if free:
        return freedom(domain, whole)
    return registration(server, text, domain) if registered and names(text, domain) else None


def freedom(domain: str, whole: str) -> Answer:
    """Free, where nothing in the whole reply says otherwise. Raises Refused."""
    record = COMMENT.sub("", whole)
    if LIMITED.search(record):
        raise Refused("ratelimited", again=True)
    if is_held(domain, whole):
        return Answer(RESERVED, "whois")
    if TAKEN.search(without(domain, record)):
        raise Refused("whois_bad")
    return Answer(FREE, "whois")


def registration(server: WhoisServer, text: str, domain: str) -> Answer:
    """A record; one whose status holds the name back is nobody's."""
    fields = fields_of(text)
    statuses = [word for label, value in fields if STATUS.fullmatch(label) for word in statuses_of(value)]
    held = any(map(holds_back, statuses))
    return Answer(RESERVED if held else REGISTERED, "whois", expires=expiration(fields, text, server.dates),
                  statuses=cleaned(statuses))  # fmt: skip


def names(text: str, domain: str) -> bool:
    """True where the domain stands in the text, as no part of a longer name."""
    return re.search(rf"(?<![a-z0-9.-]){re.escape(domain)}(?![a-z0-9-])", text, re.IGNORECASE) is not None


def is_held(domain: str, text: str) -> bool:
    """True where a line of the text says that the name is held back."""
    return any(HELD_BACK.search(line) and not LEGAL.search(line) for line in without(domain, text).split("\n"))


def fields_of(text: str) -> list[tuple[str, str]]:
    """Each label, in lower case and with blanks for its dashes, and its value."""
    return [(" ".join(re.split(r"[\s_-]+", (found["boxed"] or found["label"]).lower().strip())),
             (found["value"].strip() or found["below"] or "").strip()) for found in FIELD.finditer(text)]  # fmt: skip


def expiration(fields: list[tuple[str, str]], text: str, order: str) -> str:
    """The day on which the registration ends: the registry's, else the registrar's, else nothing."""
    texts = [value for kind in (EXPIRY, REGISTRARS_EXPIRY) for label, value in fields if kind.fullmatch(label)]
    return next(filter(None, (day(value, order) for value in RECORD_EXPIRES.findall(text) + texts)), "")


def statuses_of(value: str) -> list[str]:
    """Each status of a value, whole: `NOT AVAILABLE`, or `REGISTERED, DELEGATED`."""
    parts = [value] if "(" in value else value.split(",")
    return [word for part in parts if (word := status_of(part))]
