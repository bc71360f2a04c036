"""The table of verdicts once more, read from the words of docs/reference/results.md and from nothing of the
program's: dnspython reads names, a dozen lines frame records. Also made here: responses to `a.com` for the two to be
held together.
"""

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import dns.exception
import dns.name
import dns.rdatatype as types
import peer_answers
from peer_answers import record

OPT, ANY = types.OPT, types.ANY
NAMES_ONLY = (types.NS, types.CNAME, types.PTR, types.DNAME)  # whose RDATA is one name
POLICY = (4, 15, 16, 17, 18)  # RFC 8914: forged, blocked, censored, filtered, prohibited
WORDS = {1: "formerr", 2: "servfail", 4: "notimp", 5: "refused"}
ALIASES_MAX = 64

Verdict = tuple[str, str]  # `s` and `e`


class Broken(Exception):
    """The message, or what it says of the name, cannot be read."""


@dataclass
class Record:
    message: bytes
    at: int
    rtype: int
    rclass: int
    ttl: int
    rdata: int  # its offset
    size: int

    @cached_property
    def owner(self) -> dns.name.Name | None:
        """None when it cannot be read."""
        return name_at(self.message, self.at)


def behind_name(message: bytes, at: int) -> int:
    """Where the name at `at` ends, whatever its pointer leads to."""
    begin = at
    while at < len(message):
        size = message[at]
        if size == 0:
            return at + 1
        if size >= 192:
            if at + 1 < len(message) and (size & 63) << 8 | message[at + 1] < begin:
                return at + 2
            break
        if size > 63:
            break
        at += 1 + size
    raise Broken


def name_at(message: bytes, at: int) -> dns.name.Name | None:
    try:
        return dns.name.from_wire(message, at)[0]
    except dns.exception.DNSException:
        return None


def record_at(message: bytes, at: int) -> Record:
    fixed = behind_name(message, at)
    if fixed + 10 > len(message):
        raise Broken
    rtype, rclass, ttl, size = struct.unpack_from("!HHIH", message, fixed)
    if fixed + 10 + size > len(message):
        raise Broken
    return Record(message, at, rtype, rclass, ttl, fixed + 10, size)


def records(message: bytes, at: int) -> Iterator[list[Record]]:
    """The three sections, and what stands behind them though it is not counted: nothing or one record."""
    for count in struct.unpack_from("!3H", message, 6):
        section = []
        for _ in range(count):
            section.append(record_at(message, at))
            at = section[-1].rdata + section[-1].size
        yield section
    try:
        yield [record_at(message, at)]
    except Broken:
        yield []


def is_readable(message: bytes, record: Record) -> bool:
    """False where RDLENGTH is none that the type can have."""
    if record.rtype in (types.A, types.AAAA):
        return record.size == (4 if record.rtype == types.A else 16)
    if record.rtype in NAMES_ONLY:
        try:
            return behind_name(message, record.rdata) == record.rdata + record.size
        except Broken:
            return False
    return True


def is_policy(message: bytes, opt: Record) -> bool:
    at, end = opt.rdata, opt.rdata + opt.size
    while at + 4 <= end:
        code, size = struct.unpack_from("!HH", message, at)
        if code == 15 and size >= 2 and at + 6 <= end and int.from_bytes(message[at + 4 : at + 6]) in POLICY:
            return True
        at += 4 + size
    return False


def chain(message: bytes, aliases: list[Record], name: dns.name.Name) -> tuple[dns.name.Name | None, int]:
    """Where the aliases lead, and how many were followed; None for what is too long to be a name."""
    used: list[Record] = []
    while True:
        mine = [each for each in aliases if each.rtype == types.CNAME and each.owner == name]
        above = [each for each in aliases if each.rtype == types.DNAME and each.owner is not None
                 and name != each.owner and name.is_subdomain(each.owner)]  # fmt: skip
        taken = (mine + above)[:1]
        if not taken or taken[0] in used:
            return name, len(used)
        used += taken
        target = name_at(message, taken[0].rdata)
        if target is None or not is_readable(message, taken[0]):
            raise Broken
        if taken[0].rtype == types.CNAME:
            name = target
        else:
            assert taken[0].owner is not None
            try:
                name = name.relativize(taken[0].owner) + target
            except dns.name.NameTooLong:
                return None, len(used)


wire_of = lru_cache(dns.name.Name.to_wire)


def verdict(message: bytes, qname: dns.name.Name, qtype: int, qclass: int = 1) -> Verdict | None:
    """What a response over a stream says of the name; None when it is no response to the question."""
    if len(message) < 12 or not message[2] & 0x80 or message[2] & 0x78:
        return None
    rcode, questions, at = message[3] & 15, int.from_bytes(message[4:6]), 12
    if questions == 1:
        wire = wire_of(qname)
        at += len(wire)
        if message[12:at].lower() != wire.lower() or message[at : at + 4] != struct.pack("!HH", qtype, qclass):
            return None
        at += 4
    elif questions or not (rcode in WORDS or message[2] & 2):  # with TC nothing is believed of it
        return None
    try:
        return meaning(message, at, rcode, qname, qtype, qclass)
    except Broken:
        return "error", "badresp"


def meaning(message: bytes, at: int, rcode: int, qname: dns.name.Name, qtype: int, qclass: int) -> Verdict:
    """Of a message that has the right question."""
    answer, authority, additional, uncounted = records(message, at)
    if rcode in (0, 3) and any(each.rtype for each in uncounted):  # zeros fill up
        raise Broken
    opts = [each for each in additional if each.rtype == OPT]
    if len(opts) > 1 or any(message[each.at] for each in opts) or any(each.rtype == OPT for each in answer + authority):
        raise Broken
    header_rcode = rcode
    rcode += (opts[0].ttl >> 24) << 4 if opts else 0
    if message[2] & 2:
        raise Broken  # TC over a stream
    if rcode not in (0, 3):
        return "error", WORDS.get(rcode, f"rcode{rcode}")
    assert rcode == header_rcode
    if opts and is_policy(message, opts[0]):
        return "error", "filtered"
    answer = [each for each in answer if each.rclass == qclass]
    aliases = [each for each in answer if each.rtype in (types.CNAME, types.DNAME)][:ALIASES_MAX]
    if rcode == 3:
        end, hops = chain(message, aliases, qname)
        if any(end is not None and each.owner == end and each.rtype != types.CNAME for each in answer):
            raise Broken
        return ("taken", "cname_nx") if hops else ("nxdomain", "")
    asked = [each for each in answer if qtype in (each.rtype, ANY)]
    found = [each for each in asked if each.owner == qname]
    hops = 0
    if not found:
        end, hops = chain(message, aliases, qname)
        found = [each for each in asked if hops and end is not None and each.owner == end]
    if found:
        if not any(is_readable(message, each) for each in found):
            raise Broken
        return "taken", ""
    authority = [each for each in authority if each.rclass == qclass]
    servers = [each.owner for each in authority if each.rtype == types.NS]
    if hops or not servers or any(each.rtype == types.SOA for each in authority):
        return "taken", "nodata"
    return ("taken" if qname in servers else "error"), "referral"


def own_records(message: bytes, qname: dns.name.Name, qtype: int, qclass: int = 1) -> int:
    """How many of the type asked the name itself has in the answer section of a message that is whole."""
    answer = next(iter(records(message, 12 + (len(qname.to_wire()) + 4) * message[5])))
    return sum(each.rclass == qclass and (each.rtype == qtype or qtype == ANY) and each.owner == qname
               for each in answer)  # fmt: skip


# -- responses -----------------------------------------------------------------------------------------------------

NAMES = (
    b"\xc0\x0c", b"\xc0\x0c", b"\1a\3com\0", b"\1A\3cOM\0", b"\xc0\x0e", b"\3com\0", b"\0", b"\1b\xc0\x0e",
    b"\1b\3com\0", b"\1c\xc0\x0e", b"\1x\xc0\x0c", b"\1a\xc0\x0e", b"\3net\0", b"\1a\3net\0", b"\4evil\4test\0",
    b"\1a\1b\xc0\x0e",
)  # fmt: skip
ASKED = (2, 2, 1, 28, 5, 39, 255, 16, 46)
COMMON = (1, 2, 5, 5, 5, 39, 6, 16, 28, 46, 41)
FLAGS = 8 * (0x8180,) + 6 * (0x8183,) + (0x8182, 0x8380, 0x8400)
OPTIONS = (
    *12 * (b"",), b"\0\x0f\0\2\0\4", b"\0\x0f\0\2\0\x11", b"\0\x0f\0\6\0\x0ftext", b"\0\x0f\0\2\0\3", b"\0\x0f\0\1\0",
    b"\0\x0a\0\x08cookies!\0\x0f\0\2\0\x12", b"\0\3\0\2ab", b"\0\x0f\0\2\0\6\0\x0f\0\2\0\x10",
)  # fmt: skip


def rdata_of(rtype: int, dice: random.Random) -> bytes:
    """RDATA that fits the type, mostly."""
    if rtype in (2, 5, 12, 39):
        return dice.choice(NAMES) + (b"x" if dice.random() < 0.02 else b"")
    if rtype == 6:
        return dice.choice(NAMES) + b"\0" + bytes(20)
    return bytes(dice.choice((4, 4, 4, 3)) if rtype == 1 else dice.choice((16, 16, 4)) if rtype == 28 else 5)


def section(qtype: int, dice: random.Random) -> list[bytes]:
    found = []
    for _ in range(dice.choice((0, 0, 1, 1, 2, 3, 5))):
        rtype = qtype if dice.random() < 0.3 else dice.choice(COMMON)
        rclass = 3 if dice.random() < 0.05 else 1
        if rtype != OPT or dice.random() < 0.05:
            found.append(record(dice.choice(NAMES), rtype, rdata_of(rtype, dice), rclass))
    return found


def made(dice: random.Random) -> tuple[bytes, int]:
    """A response to `a.com`, sound as far as its records go, and the type asked."""
    qtype = dice.choice(ASKED)
    sections = [section(qtype, dice) for _ in range(3)]
    for _ in range(dice.choices((0, 1, 2), (20, 78, 2))[0]):
        rdata = dice.choice(OPTIONS)
        sections[2].append(record(b"\0", OPT, rdata, 1232, (dice.random() < 0.03) << 24))
    return peer_answers.message(
        b"\1a\3com\0" + struct.pack("!HH", qtype, 1), *sections, flags=dice.choice(FLAGS)
    ), qtype


def mutated(octets: bytes, random_: random.Random) -> bytes:
    """One to four octets changed, and now and then a piece cut out, doubled or the end lost."""
    wire = bytearray(octets)
    for _ in range(random_.randrange(1, 5)):
        wire[random_.randrange(2, len(wire))] = random_.choice((0, 1, 0x3F, 0x40, 0xC0, 0xFF, random_.randrange(256)))
    kind = random_.randrange(12)
    at = random_.randrange(2, len(wire))
    if kind == 0:
        del wire[at:]
    elif kind == 1:
        del wire[at : at + random_.randrange(1, 8)]
    elif kind == 2:
        wire[at:at] = wire[at : at + random_.randrange(1, 40)]
    return bytes(wire[:65535])
