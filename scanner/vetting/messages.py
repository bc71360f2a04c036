"""Questions and what is read from responses, by dnspython: a few for each resolver, so its cost does not matter."""

import secrets
from functools import lru_cache
from typing import NamedTuple

import dns.edns
import dns.flags
import dns.message
import dns.rdataclass
import dns.rdatatype
from dns.exception import DNSException

A, SOA = 1, 6
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
COOKIE_OCTETS = 8  # of a client's (RFC 7873 section 4)
PAYLOAD = 1232
TEXT_MAX = 255
QUERIES_KEPT = 256  # most are the same for every resolver


class Said(NamedTuple):
    """What stands in a response beside the question."""

    rcode: int
    has_edns: bool
    cookie: bytes | None  # whole, as it came
    nsid: bytes | None
    records: tuple[str, ...]  # of the answer section: rdata of the type asked
    strings: tuple[tuple[bytes, ...], ...]  # of its TXT records


@lru_cache(QUERIES_KEPT)
def query(name: str, kind: str = "A", *, edns: bool = False, cookie: bytes = b"", nsid: bool = False, cd: bool = False,
          chaos: bool = False) -> bytes:  # fmt: skip
    """The octets of a question, message ID 0, the letters as they are given."""
    options: list[dns.edns.Option] = [dns.edns.GenericOption(dns.edns.COOKIE, cookie)] if cookie else []
    if nsid:
        options.append(dns.edns.GenericOption(dns.edns.NSID, b""))
    flags = dns.flags.RD | (dns.flags.CD if cd else 0)
    message = dns.message.make_query(
        name, kind, dns.rdataclass.CH if chaos else dns.rdataclass.IN, use_edns=0 if edns or options else False,
        payload=PAYLOAD, options=options or None, id=0, flags=flags,
    )  # fmt: skip
    return message.to_wire()


def mixed(name: str) -> str:
    """The name with each letter in a case by chance (0x20), and never all of them in one."""
    letters = [each for each in name if each.isalpha()]
    while True:
        bits = secrets.randbits(len(name))
        text = "".join(each.upper() if bits >> at & 1 else each for at, each in enumerate(name))
        if len(letters) < 2 or (text != name and text != name.upper()):
            return text


def read(response: bytes) -> Said | None:
    """What a response says; None where its octets make no sense."""
    try:
        message = dns.message.from_wire(response, ignore_trailing=True)
        asked = {(rrset.rdtype, rrset.rdclass) for rrset in message.question}
        found = [rrset for rrset in message.answer if (rrset.rdtype, rrset.rdclass) in asked]
        records = [rdata for rrset in found for rdata in rrset]
        texts = tuple(record.to_text() for record in records)
    except (DNSException, ValueError):
        return None
    options = {option.otype: option.to_wire() or b"" for option in message.options}
    strings = tuple(record.strings for record in records if record.rdtype == dns.rdatatype.TXT)
    return Said(
        int(message.rcode()), message.edns >= 0, options.get(dns.edns.COOKIE), options.get(dns.edns.NSID), texts,
        strings,
    )  # fmt: skip


def as_text(octets: bytes) -> str:
    """Printable ASCII as it is, what else there is as presentation form has it (RFC 1035 section 5.1)."""
    return "".join(chr(each) if 32 <= each < 127 else f"\\{each:03}" for each in octets[:TEXT_MAX])


def end_of_question(message: bytes) -> int:
    """Where the only question of a query ends."""
    at = 12
    while message[at]:
        at += 1 + message[at]
    return at + 5
