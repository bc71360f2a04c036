"""RDAP for domains (RFC 9082, 9083): one lookup by an injected `get`, and the reading of what came. It opens nothing.

A 404 is `free` only when the registry itself says so; whatever else is odd is Refused, never `free`.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

import orjson

from scanner.registration.answer import FREE, REGISTERED, RESERVED, Answer, Refused, cleaned
from scanner.registration.bootstrap import host_of
from scanner.registration.pace import wait_of

REDIRECTS_MAX = 3
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
        return absence(reply, path.lower().endswith(f"/domain/{domain}"))
    if reply.status in LATER:
        reason = "ratelimited" if reply.status == 429 else "http503"
        raise Refused(reason, again=True, wait_s=wait_of(reply.headers.get("retry-after", "")))
    raise Refused(f"http{reply.status}", again=reply.status in TROUBLED)


def absence(reply: Reply, asked_there: bool) -> Answer:
    """A 404: an RDAP error body (RFC 9083 section 6), or nothing at all, where the domain was asked."""
    if not asked_there:
        raise Refused("rdap_bad")
    if reply.body.strip():
        document = parsed(reply.body)
        if document.get("errorCode") != 404 or "objectClassName" in document:
            raise Refused("rdap_bad")
    elif "html" in reply.headers.get("content-type", ""):
        raise Refused("rdap_bad")
    return Answer(FREE, "rdap")


def registration(document: dict[str, Any], domain: str) -> Answer:
    """A domain object of that very name (RFC 9083 section 5.3)."""
    name, statuses, events = (document.get(key) for key in ("ldhName", "status", "events"))
    if document.get("objectClassName") != "domain" or not isinstance(name, str):
        raise Refused("rdap_bad")
    if name.lower().removesuffix(".") != domain:
        raise Refused("rdap_bad")
    words = [word for word in statuses if isinstance(word, str) and word.strip()] if isinstance(statuses, list) else []
    reserved = any(word.lower() == "reserved" for word in words)
    return Answer(RESERVED if reserved else REGISTERED, "rdap", expires=expiration(events),
                  statuses=cleaned([epp(word) for word in words]))  # fmt: skip


def expiration(events: object) -> str:
    """The day on which the registration ends, or nothing."""
    for event in events if isinstance(events, list) else ():
        if isinstance(event, dict) and event.get("eventAction") == "expiration":
            return day(event.get("eventDate"))
    return ""


def day(text: object) -> str:
    """`2027-01-02` of a date and time (RFC 3339), or nothing."""
    try:
        return date.fromisoformat(text[:10]).isoformat() if isinstance(text, str) else ""
    except ValueError:
        return ""


def epp(word: str) -> str:
    """`server hold` -> `serverHold` (RFC 8056); one word stays as it is."""
    first, *others = word.split()[:8]
    return first + "".join(other.capitalize() for other in others)


def parsed(body: bytes) -> dict[str, Any]:
    """A JSON object in which no key stands twice, nothing nests too deep, and every text is one. Raises Refused."""
    try:
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
