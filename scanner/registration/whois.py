"""WHOIS (RFC 3912) for TLDs without RDAP: one line out, at most 64 KiB in, read by the TLD's own patterns.

Referrals are not followed. What the patterns do not know is Refused, never `free`.
"""

import asyncio
import re

from scanner.registration.answer import FREE, REGISTERED, RESERVED, Answer, Refused, cleaned
from scanner.registration.bootstrap import WhoisServer
from scanner.registration.dates import day, only
from scanner.registration.dial import Dialer
from scanner.registration.prose import OF_THIS, any_says, sentences
from scanner.registration.words import HELD_BACK, LIMITED, TAKEN, holds_back, statuses_of

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
COMMENT = re.compile(r"^[ \t]*(?:[%#;]|>>>)[^\n]*$", re.MULTILINE)
NEWLINE = re.compile(r"\r*\n|\r|[\x0b\x0c\x85\u2028\u2029]")
DOMAIN = re.compile(r"domain|domain ?name|domain ace|dominio|nom de domaine")  # labels of a record
NAME_TOKEN = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+", re.IGNORECASE)
ECHO = re.compile(rf"(?:\bquery[ \t]*:|\brequest\][ \t]*>>|\brelated to|\bwhois)[ \t]*['\"]?({NAME_TOKEN.pattern})",
                  re.IGNORECASE)  # fmt: skip
NO_WHOIS = re.compile(r"\s*(?:<(?:!doctype|html|\?xml|head|body)|HTTP/\d|\{)", re.IGNORECASE)


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
    return read_reply(server, reply.decode("utf-8-sig", "replace"), domain, is_cut=len(reply) == REPLY_MAX)


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


def read_reply(server: WhoisServer, reply: str, domain: str, *, is_cut: bool = False) -> Answer:
    """What a reply says. Comments count only where nothing else in it says anything. Raises Refused."""
    whole = NEWLINE.sub("\n", reply)
    if NO_WHOIS.match(whole):
        raise Refused("whois_bad")
    answer = said(server, COMMENT.sub("", whole), whole, domain) or said(server, whole, whole, domain)
    if answer is None:
        answer = unsaid(whole, domain)
    if is_cut and answer.verdict != REGISTERED:  # what was cut off may say otherwise
        raise Refused("whois_bad")
    return answer


def said(server: WhoisServer, text: str, whole: str, domain: str) -> Answer | None:
    """What the TLD's patterns find in the text, which must be about the domain. None where they find nothing. Raises
    Refused for a text that says both, or speaks of another domain."""
    if server.reserved and server.reserved.search(text):
        return Answer(RESERVED, "whois")
    free, registered = server.free.search(text), server.registered.search(text)
    if free and registered:
        raise Refused("whois_bad")
    if free:
        if is_of_another(text, free, whole, domain):
            raise Refused("whois_bad")
        return freedom(domain, whole)
    record = record_of(text, domain) if registered else ""
    return registration(server, record) if record else None


def unsaid(whole: str, domain: str) -> Answer:
    """A reply in which no pattern found anything: only that the name is held back can be read from it. Raises
    Refused."""
    spoken = list(sentences(domain, whole))
    is_limited = any_says(spoken, LIMITED)
    is_short = COMMENT.sub("", whole).count("\n") < SHORT
    held = [sentence for sentence in spoken if HELD_BACK.search(sentence)]
    if held and not is_limited and (is_short or names(whole, domain) or any_says(held, OF_THIS)):
        return Answer(RESERVED, "whois")
    raise Refused("ratelimited" if is_limited else "whois_bad", again=is_limited)


def freedom(domain: str, whole: str) -> Answer:
    """Free, where nothing in the whole reply says otherwise. Raises Refused."""
    spoken = list(sentences(domain, whole))
    if any_says(spoken, LIMITED):
        raise Refused("ratelimited", again=True)
    if any_says(spoken, HELD_BACK):
        return Answer(RESERVED, "whois")
    if any_says(sentences(domain, COMMENT.sub("", whole)), TAKEN):
        raise Refused("whois_bad")
    return Answer(FREE, "whois")


def is_of_another(text: str, free: re.Match[str], whole: str, domain: str) -> bool:
    """True where what says that a name is free, or repeats the question, speaks of another name of the same TLD."""
    begin, end = text.rfind("\n", 0, free.start()) + 1, text.find("\n", free.end())
    line = text[begin : end if end >= 0 else len(text)]
    tld = domain.rpartition(".")[2]
    spoken_of = [name.lower() for name in NAME_TOKEN.findall(line) + ECHO.findall(whole)]
    others = [name for name in spoken_of if name.rpartition(".")[2] == tld] + [name for _, name in domains_of(text)]
    return bool(others) and domain not in others


def registration(server: WhoisServer, record: str) -> Answer:
    """A record; one whose status holds the name back is nobody's."""
    fields = fields_of(record)
    statuses = [word for label, value in fields if STATUS.fullmatch(label) for word in statuses_of(value)]
    held = any(map(holds_back, statuses))
    return Answer(RESERVED if held else REGISTERED, "whois", expires=expiration(fields, record, server.dates),
                  statuses=cleaned(statuses))  # fmt: skip


def record_of(text: str, domain: str) -> str:
    """The domain's record: of several the part from its name to the next one's; "" where there is none. A text that
    labels no domain has to name this one."""
    found = domains_of(text)
    if not found:
        return text if names(text, domain) else ""
    mine = [place for place, name in found if name == domain]
    if not mine:
        return ""
    others = [place for place, name in found if name != domain]
    if not others:
        return text
    return text[mine[0] : min((place for place in others if place > mine[0]), default=len(text))]


def domains_of(text: str) -> list[tuple[int, str]]:
    """Where a field gives the name of a domain, in ASCII, and the name."""
    found = []
    for field in FIELD.finditer(text):
        label, value = label_and_value(field)
        name = value.split()[0].strip("\"'.[]()<>").lower() if value else ""
        if DOMAIN.fullmatch(label) and NAME_TOKEN.fullmatch(name):
            found.append((field.start(), name))
    return found


def names(text: str, domain: str) -> bool:
    """True where the domain stands in the text, as no part of a longer name."""
    return re.search(rf"(?<![a-z0-9.-]){re.escape(domain)}(?![a-z0-9-])", text, re.IGNORECASE) is not None


def fields_of(text: str) -> list[tuple[str, str]]:
    """Each label and its value."""
    return [label_and_value(found) for found in FIELD.finditer(text)]


def label_and_value(found: re.Match[str]) -> tuple[str, str]:
    """The label in lower case and with blanks for its dashes; a value may stand on the next line."""
    label = " ".join(re.split(r"[\s_-]+", (found["boxed"] or found["label"]).lower().strip()))
    return label, (found["value"].strip() or found["below"] or "").strip()


def expiration(fields: list[tuple[str, str]], text: str, order: str) -> str:
    """The day on which the registration ends: the registry's, else the registrar's, else nothing."""
    registrys = [value for label, value in fields if EXPIRY.fullmatch(label)] + RECORD_EXPIRES.findall(text)
    registrars = [value for label, value in fields if REGISTRARS_EXPIRY.fullmatch(label)]
    return next(filter(None, (only([day(value, order) for value in values]) for values in (registrys, registrars))), "")
