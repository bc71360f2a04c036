"""Responses with any records, for scripted peers and for those that read messages without a network."""

import struct
from collections.abc import Iterable

from dns_peer import Query

A, NS, CNAME, SOA, TXT, AAAA, DNAME, OPT, RRSIG, ANY = 1, 2, 5, 6, 16, 28, 39, 41, 46, 255
IN, CHAOS = 1, 3
SELF = b"\xc0\x0c"  # the name asked, as an owner
ADDRESS = bytes((192, 0, 2, 1))
QR_RD_RA, TC = 0x8180, 0x0200


def record(owner: bytes, rtype: int, rdata: bytes, rclass: int = IN, ttl: int = 60) -> bytes:
    return owner + struct.pack("!HHIH", rtype, rclass, ttl, len(rdata)) + rdata


def message(
    question: bytes,
    answer: Iterable[bytes] = (),
    authority: Iterable[bytes] = (),
    additional: Iterable[bytes] = (),
    *,
    message_id: int = 7,
    flags: int = QR_RD_RA,
    rcode: int = 0,
) -> bytes:
    """A response with honest counts; `question` is the one that was asked, as octets."""
    sections = [tuple(answer), tuple(authority), tuple(additional)]
    head = struct.pack("!6H", message_id, flags | rcode, 1, *map(len, sections))
    return head + question + b"".join(octets for section in sections for octets in section)


def answer(query: Query, *sections: Iterable[bytes], **options) -> bytes:
    """A response to a query that came."""
    return message(query.question, *sections, message_id=query.message_id, **options)


def own(rtype: int = A, rdata: bytes = ADDRESS, **options) -> bytes:
    """A record of the name asked."""
    return record(SELF, rtype, rdata, **options)


def server(owner: bytes, **options) -> bytes:
    """The NS record of a zone."""
    return record(owner, NS, b"\2ns\7example\0", **options)


def soa(owner: bytes, **options) -> bytes:
    return record(owner, SOA, b"\1m\0\1h\0" + struct.pack("!5I", 1, 900, 300, 604800, 60), **options)


def opt(*options: tuple[int, bytes], owner: bytes = b"\0") -> bytes:
    """An OPT record with options by their codes."""
    rdata = b"".join(struct.pack("!HH", code, len(value)) + value for code, value in options)
    return record(owner, OPT, rdata, 1232, 0)


def ede(code: int, text: bytes = b"") -> bytes:
    """An OPT record with an extended error (RFC 8914), behind another option."""
    return opt((3, b"ab"), (15, struct.pack("!H", code) + text))
