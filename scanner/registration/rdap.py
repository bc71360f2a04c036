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
from scanner.registration.dates import day
from scanner.registration.pace import wait_of
from scanner.registration.words import HELD_BACK, LEGAL, LIMITED, RESERVED_STATUS, TAKEN, holds_back, status_of, without

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
    if not is_404(document, reply) or "objectClassName" in document:
        raise Refused("rdap_bad")
    said = without(domain, "\n".join(texts_of(document)))
    if LIMITED.search(said):
        raise Refused("ratelimited", again=True)
    if HELD_BACK.search(said) or any(map(RESERVED_STATUS.search, words_of(document.get("status")))):
        return Answer(RESERVED, "rdap")
    if TAKEN.search(said):
        raise Refused("rdap_bad")
    return Answer(FREE, "rdap")


def is_404(document: dict[str, Any], reply: Reply) -> bool:
    """The error code is a number (RFC 9083 section 6); some write it as text. Where it is missing, the section lets a
    client go by HTTP's, if the body is RDAP's by its media type, or by what it says that it conforms to."""
    code = document.get("errorCode")
    if code is None:
        return media_of(reply) == "application/rdap+json" or isinstance(document.get("rdapConformance"), list)
    return code in (404, "404") and not isinstance(code, bool)


def media_of(reply: Reply) -> str:
    """The media type without its parameters."""
    return reply.headers.get("content-type", "").partition(";")[0].strip().lower()


def texts_of(document: dict[str, Any]) -> list[str]:
    """What a document says in words: title and description, its own and those of its notices and remarks, but for
    notices of terms and the like, which say nothing of this name."""
    texts = words_of(document.get("title")) + words_of(document.get("description"))
    for key in ("notices", "remarks"):
        parts = document.get(key)
        for part in parts if isinstance(parts, list) else [parts]:
            if isinstance(part, dict) and not LEGAL.search(" ".join(words_of(part.get("title")))):
                texts += [text for word in ("title", "description", "type") for text in words_of(part.get(word))]
    return texts


def words_of(value: object) -> list[str]:
    """The texts of a list, or the one text."""
    texts = value if isinstance(value, list) else [value]
    return [text for text in texts if isinstance(text, str) and text.strip()]


def registration(document: dict[str, Any], domain: str) -> Answer:
    """A domain object of that very name (RFC 9083 section 5.3)."""
    name, statuses, events = (document.get(key) for key in ("ldhName", "status", "events"))
    if document.get("objectClassName") != "domain" or not isinstance(name, str):
        raise Refused("rdap_bad")
    if name.lower().removesuffix(".") != domain:
        raise Refused("rdap_bad")
    words = words_of(statuses)
    held = any(map(holds_back, words)) or HELD_BACK.search(without(domain, "\n".join(texts_of(document))))
    return Answer(RESERVED if held else REGISTERED, "rdap", expires=expiration(events),
                  statuses=cleaned([status_of(word) for word in words]))  # fmt: skip


def expiration(events: object) -> str:
    """The day on which the registration ends, or nothing."""
    for event in events if isinstance(events, list) else ():
        if (
            isinstance(event, dict)
            and event.get("eventAction") == "expiration"
            and (found := day(event.get("eventDate")))
        ):
            return found
    return ""


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
