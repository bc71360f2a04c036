"""RDAP for domains (RFC 9082, 9083): one lookup by an injected `get`, and the reading of what came. It opens nothing.

A 404 is `free` only when the registry itself says so, and nothing in it says otherwise; whatever else is
odd is Refused, never `free`.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

import orjson

from scanner.registration.answer import FREE, REGISTERED, RESERVED, Answer, Refused, cleaned
from scanner.registration.bootstrap import host_of
from scanner.registration.dates import day, only
from scanner.registration.pace import wait_of
from scanner.registration.prose import LEGAL_TITLE, any_says, plain, sentences
from scanner.registration.words import (
    FREE_STATUS,
    HELD_BACK,
    LIMITED,
    NOT_FOUND,
    RESERVED_STATUS,
    TAKEN,
    holds_back,
    is_of_another_script,
    statuses_of,
)

REDIRECTS_MAX = 3
BOM = b"\xef\xbb\xbf"  # RFC 8259 section 8.1: may be ignored
OWN = ("title", "description", "message", "detail", "reason", "error")  # what a document says; RFC 9083: the first two
OF_A_RECORD = {"objectClassName", "ldhName", "unicodeName", "events", "nameservers", "entities", "secureDNS"}
MOVED = {301, 302, 303, 307, 308}
LATER = {429, 503}  # may say when (RFC 6585 section 4, RFC 9110 section 15.6.4)
TROUBLED = {500, 502, 504}


@dataclass(frozen=True, slots=True)
class Reply:
    """What one GET brought: header names in lower case, the body decoded and not longer than its limit."""

    status: int
    headers: dict[str, str]
    body: bytes


Get = Callable[[str], Awaitable[Reply]]


async def lookup(get: Get, base: str, domain: str) -> Answer:
    """Ask the server at `base`, following where it points to. Raises Refused."""
    url = f"{base}domain/{domain}"
    for _ in range(REDIRECTS_MAX + 1):
        reply = await get(url)
        if reply.status not in MOVED:
            return read_reply(reply, domain, urlsplit(url).path)
        url = target(url, reply.headers.get("location", ""))
        if not host_of(url):
            raise Refused("redirect")
    raise Refused("redirect")


def target(url: str, location: str) -> str:
    """Where a redirect from `url` leads; "" where that is no URL."""
    try:
        return urljoin(url, location)
    except ValueError:
        return ""


def read_reply(reply: Reply, domain: str, path: str) -> Answer:
    """What a reply, which came from `path`, says of the domain. Raises Refused."""
    if reply.status == 200:
        return registration(parsed(reply.body), domain)
    if reply.status == 404:
        return absence(reply, domain, path.lower().endswith(f"/domain/{domain}"))
    if reply.status in LATER:
        reason = "ratelimited" if reply.status == 429 else "http503"
        raise Refused(reason, again=True, wait_s=wait_of(reply.headers.get("retry-after", "")))
    raise Refused(f"http{reply.status}", again=reply.status in TROUBLED)


def absence(reply: Reply, domain: str, asked_there: bool) -> Answer:
    """A 404 where the domain was asked: nothing at all, or an RDAP error in which nothing says otherwise."""
    if not asked_there:
        raise Refused("rdap_bad")
    if not reply.body.strip():
        if "html" in media_of(reply):
            raise Refused("rdap_bad")
        return Answer(FREE, "rdap")
    document = parsed(reply.body)
    if not is_404(document, reply) or OF_A_RECORD & document.keys():
        raise Refused("rdap_bad")
    said = said_in(document, domain)
    if any_says(said, LIMITED):
        raise Refused("ratelimited", again=True)
    if any_says(said, HELD_BACK) or any(map(RESERVED_STATUS.search, words_of(document.get("status")))):
        return Answer(RESERVED, "rdap")
    if any_says(said, TAKEN) or is_not_understood(document):
        raise Refused("rdap_bad")
    return Answer(FREE, "rdap")


def is_not_understood(document: dict[str, Any]) -> bool:
    """True for a title or description in a script of which no word is known that says that there is no such name."""
    text = plain(" ".join(text for key in OWN for text in words_of(document.get(key))))
    return is_of_another_script(text) and NOT_FOUND.search(text) is None


def is_404(document: dict[str, Any], reply: Reply) -> bool:
    """The error code is a number (RFC 9083 section 6); some write it as text. Where it is missing, the section lets a
    client go by HTTP's, if the body is RDAP's by its media type, or by what it says that it conforms to."""
    code = document.get("errorCode")
    if isinstance(code, str):
        return code.strip() == "404"
    if code is None:
        return media_of(reply) == "application/rdap+json" or isinstance(document.get("rdapConformance"), list)
    return bool(code == 404)


def media_of(reply: Reply) -> str:
    """The media type without its parameters."""
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower()


def said_in(document: dict[str, Any], domain: str) -> list[str]:
    """What a document says of the name in words: its own, and those of its notices and remarks; of those about terms
    and the like only what speaks of this name."""
    said = [each for key in OWN for text in words_of(document.get(key)) for each in sentences(domain, text)]
    for key in ("notices", "remarks"):
        parts = document.get(key)
        for part in parts if isinstance(parts, list) else [parts]:
            if isinstance(part, dict):
                is_legal = LEGAL_TITLE.search(" ".join(words_of(part.get("title")))) is not None
                said += [each for word in (*OWN, "type") for text in words_of(part.get(word))
                         for each in sentences(domain, text, is_legal=is_legal)]  # fmt: skip
            else:
                said += [each for text in words_of(part) for each in sentences(domain, text)]
    return said


def words_of(value: object) -> list[str]:
    """The texts of a list, and of lists in it, or the one text."""
    if isinstance(value, list):
        return [text for each in value for text in words_of(each)]
    return [value] if isinstance(value, str) and value.strip() else []


def registration(document: dict[str, Any], domain: str) -> Answer:
    """A domain object of that very name (RFC 9083 section 5.3)."""
    name, kind, events = (document.get(key) for key in ("ldhName", "objectClassName", "events"))
    if not isinstance(name, str) or not isinstance(kind, str) or kind.strip().lower() != "domain":
        raise Refused("rdap_bad")
    if name.strip().lower().removesuffix(".") != domain or document.get("errorCode") is not None:
        raise Refused("rdap_bad")
    statuses = [status for word in words_of(document.get("status")) for status in statuses_of(word)]
    if any(map(holds_back, statuses)) or any_says(said_in(document, domain), HELD_BACK):
        return Answer(RESERVED, "rdap", expires=expiration(events), statuses=cleaned(statuses))
    if any(map(FREE_STATUS.search, statuses)):
        raise Refused("rdap_bad")
    return Answer(REGISTERED, "rdap", expires=expiration(events), statuses=cleaned(statuses))


def expiration(events: object) -> str:
    """The day on which the registration ends, or nothing."""
    ends = [event.get("eventDate") for event in (events if isinstance(events, list) else ())
            if isinstance(event, dict) and str(event.get("eventAction")).strip().lower() == "expiration"]  # fmt: skip
    return only([day(date) for date in ends])


def parsed(body: bytes) -> dict[str, Any]:
    """A JSON object in which no key stands twice, nothing nests too deep, and every text is one. Raises Refused."""
    try:
        body = body.removeprefix(BOM)
        orjson.loads(body)  # refuses NaN, lone surrogates and deep nesting
        document = json.loads(body, object_pairs_hook=unique)
    except (ValueError, RecursionError):
        raise Refused("rdap_bad") from None
    if not isinstance(document, dict):
        raise Refused("rdap_bad")
    return document


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's members; ValueError where a name stands twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        twice()
    return members


def twice() -> NoReturn:
    raise ValueError("a name stands twice")
