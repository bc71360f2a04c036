"""The right answers of the lab's RDAP server (RFC 7480, RFC 9083): a name in, a reply out. No I/O and no clock."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from zlib import crc32

from scanner.lab.registry import End, Reply
from scanner.lab.registry_zone import STATES, expires, state_of

RDAP, PAGE = "application/rdap+json", "text/html; charset=utf-8"
WEB_PAGE = b"<!doctype html><title>Welcome</title><p>This domain may be free. Search here!\n"
Object = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One request for a domain."""

    name: str  # lower case
    base: str  # the path before `domain/`, which may be one of a redirect: /moved/, /ring/, /hop-N/
    home: str  # the path that the bootstrap file gives for the TLD
    times: int  # how often the name was asked before
    now: float  # seconds since 1970
    site: str  # https://127.0.0.1:PORT
    other_address: str  # the same server by another address
    plain_site: str  # a server without TLS


def answer(asked: Asked) -> Reply:
    """The right one."""
    state = state_of(asked.name)
    return free(asked) if state == "free" else found(domain(asked, state))


def whole(status: int, kind: str = PAGE, body: bytes = b"", *headers: str, length: int | None = -1) -> Reply:
    """A reply that leaves the connection open; `length` None has no Content-Length and closes it."""
    lines = [f"HTTP/1.1 {status} {phrase(status)}", f"Content-Type: {kind}", *headers]
    if length is None:
        lines.append("Connection: close")
    elif status != 204:
        lines.append(f"Content-Length: {len(body) if length < 0 else length}")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return Reply(status, (head + body,), End.KEEP if length == -1 else End.CLOSE)


def phrase(status: int) -> str:
    return HTTPStatus(status).phrase


def page(status: int, *headers: str) -> Reply:
    return whole(status, PAGE, WEB_PAGE, *headers)


def error(status: int, *headers: str, kind: str = RDAP) -> Reply:
    """RFC 9083 section 6."""
    body = {
        "rdapConformance": ["rdap_level_0"],
        "errorCode": status,
        "title": phrase(status),
        "description": ["This is the lab's registry."],
    }
    return whole(status, kind, json.dumps(body).encode(), *headers)


def free(asked: Asked) -> Reply:
    return error(404)


def found(body: Any) -> Reply:
    return whole(200, RDAP, json.dumps(body).encode())


def domain(asked: Asked, state: str = "registered", **changes: Any) -> Object:
    """RFC 9083 section 5.3. As .com does, it links to the registrar, whose server says nothing."""
    name = asked.name
    body: Object = {
        "rdapConformance": ["rdap_level_0", "icann_rdap_response_profile_0"],
        "objectClassName": "domain",
        "handle": f"{crc32(name.encode()):08X}-LAB",
        "ldhName": name,
        "status": [STATES[state].rdap],
        "links": [link(asked, "self", asked.home), link(asked, "related", "/registrar/")],
    }
    if state != "reserved":
        body["events"] = [
            {"eventAction": "registration", "eventDate": "2001-02-03T04:05:06Z"},
            {"eventAction": "expiration", "eventDate": f"{expires(name)}T04:05:06Z"},
            {"eventAction": "last changed", "eventDate": "2009-08-07T06:05:04Z"},
        ]
        body["nameservers"] = [{"objectClassName": "nameserver", "ldhName": "ns1.lab.test"}]
        body["entities"] = [registrar("Lab Registrar")]
    return {**body, **changes}


def link(asked: Asked, relation: str, base: str) -> Object:
    place = f"{asked.site}{base}domain/{asked.name}"
    return {"value": place, "rel": relation, "href": place, "type": RDAP}


def registrar(name: str) -> Object:
    card = ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", name]]]
    return {"objectClassName": "entity", "handle": "9999", "roles": ["registrar"], "vcardArray": card}
