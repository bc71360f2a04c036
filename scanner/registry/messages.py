"""Questions about zones and what is read from the replies, by dnspython: a few for each suffix, so its cost does not
matter. Names are in lower case, without a dot at their end; "" is the root."""

from collections.abc import Sequence
from typing import NamedTuple

import dns.edns
import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
from dns.exception import DNSException

NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
PAYLOAD = 1232
POLICIES = frozenset((4, 15, 16, 17, 18))  # extended errors: forged, blocked, censored, filtered, prohibited


class Record(NamedTuple):
    owner: str
    kind: str  # NS, A, ...
    data: str  # of NS and SOA the name that stands first
    ttl: int


class Reply(NamedTuple):
    """What a server said."""

    rcode: int
    is_authoritative: bool
    is_cut: bool  # it did not fit
    answer: tuple[Record, ...]
    authority: tuple[Record, ...]
    additional: tuple[Record, ...]
    is_filtered: bool = False  # by its own word (RFC 8914) this is no truth but somebody's policy

    def of(self, owner: str, kind: str) -> list[Record]:
        """What answers the question."""
        return [record for record in self.answer if (record.owner, record.kind) == (owner, kind)]

    def addresses(self, owner: str) -> list[str]:
        """Those of a server that are given with its name."""
        return [each.data for each in self.additional if each.owner == owner and each.kind in ("A", "AAAA")]


def query(name: str, kind: str, message_id: int, *, recursive: bool) -> bytes:
    """The octets of a question."""
    message = dns.message.make_query(
        f"{name}.", kind, use_edns=0, payload=PAYLOAD, id=message_id, flags=dns.flags.RD if recursive else 0
    )
    return message.to_wire()


def read(octets: bytes, name: str, kind: str) -> Reply | None:
    """A reply to that question; None for anything else."""
    try:
        message = dns.message.from_wire(octets, ignore_trailing=True, raise_on_truncation=False)
        asked = [(text_of(each.name), dns.rdatatype.to_text(each.rdtype)) for each in message.question]
        if not message.flags & dns.flags.QR or asked not in ([(name, kind)], []):
            return None
        answer, authority, additional = map(records_of, (message.answer, message.authority, message.additional))
    except (DNSException, ValueError):
        return None
    is_authoritative, is_cut = (bool(message.flags & flag) for flag in (dns.flags.AA, dns.flags.TC))
    is_filtered = any(isinstance(each, dns.edns.EDEOption) and each.code in POLICIES for each in message.options)
    return Reply(int(message.rcode()), is_authoritative, is_cut, answer, authority, additional, is_filtered)


def kind_of(qtype: int) -> str:
    """The name of a type, by its number."""
    return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(qtype))


def records_of(section: Sequence[dns.rrset.RRset]) -> tuple[Record, ...]:
    """The records of a section."""
    return tuple(
        Record(text_of(rrset.name), dns.rdatatype.to_text(rrset.rdtype), data_of(rdata.to_text()), rrset.ttl)
        for rrset in section
        for rdata in rrset
    )


def data_of(text: str) -> str:
    """The first word, a name without its dot."""
    return text.partition(" ")[0].lower().removesuffix(".")


def text_of(name: object) -> str:
    """A name of dnspython."""
    return str(name).lower().removesuffix(".")
