"""When two answers to different names are the same answer."""

import random
import time

import pytest
from peer_answers import CNAME, DNAME, NS, SELF, SOA, TXT, A, message, own, record, soa
from verdict_table import mutated

from scanner.native.message.fingerprint import fingerprint

MX, SRV = 15, 33


def wire(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def taken(name: str, answer=(), authority=(), qtype: int = A) -> list[int]:
    question = wire(name) + qtype.to_bytes(2, "big") + b"\0\1"
    return fingerprint(message(question, answer, authority), name.encode(), qtype)


def addresses(*last: int) -> list[bytes]:
    return [own(rdata=bytes((192, 0, 2, octet))) for octet in last]


def at(offset: int) -> bytes:
    """A pointer: offset 12 is the name asked, 14 its parent where the first label has one letter."""
    return (0xC000 | offset).to_bytes(2, "big")


SAME = {
    "no data": (((), [soa(wire("z.example"))]), ((), [soa(wire("Z.example"), ttl=5)])),
    "an alias": (([own(CNAME, wire("t.example"))],),
                 ([own(CNAME, wire("T.EXAMPLE"), ttl=9), record(wire("t.example"), A, b"abcd")],)),
    "an alias with its own name": (([own(CNAME, wire("a.cdn.example"))],), ([own(CNAME, b"\1b\3cdn\7example\0")],)),
    "a DNAME": (([record(at(14), DNAME, wire("t.example"))],),
                ([record(at(14), DNAME, wire("t.example")), own(CNAME, wire("b.t.example"))],)),
}  # fmt: skip
OTHER = {
    "no data of another zone": (((), [soa(wire("z.example"))]), ((), [soa(wire("y.example"))])),
    "no data and an alias": (((), [soa(wire("z.example"))]), ([own(CNAME, wire("z.example"))],)),
    "another alias": (([own(CNAME, wire("t.example"))],), ([own(CNAME, wire("u.example"))],)),
    "an alias with the other's name": (([own(CNAME, wire("a.cdn.example"))],), ([own(CNAME, wire("a.cdn.example"))],)),
    "an alias and what it leads to": (([own(CNAME, wire("t.example")), record(wire("t.example"), A, b"abcd")],),
                                      ([own(rdata=b"abcd")],)),
    "a DNAME elsewhere": (([record(at(14), DNAME, wire("t.example"))],), ([record(at(14), DNAME, wire("u.example"))],)),
}  # fmt: skip


@pytest.mark.parametrize("case", SAME)
def test_the_same_answers(case):
    one, other = SAME[case]

    assert taken("a.x.example", *one) == taken("b.x.example", *other)


@pytest.mark.parametrize("case", OTHER)
def test_other_answers(case):
    one, other = OTHER[case]

    assert taken("a.x.example", *one) != taken("b.x.example", *other)


def test_records_are_a_set_whatever_their_order_and_ttl():
    one, other = taken("a.x.example", addresses(1, 2, 3)), taken("b.x.example", [*addresses(3, 1), own(ttl=1)][:2])

    assert len(one) == 3
    assert set(other) < set(one)
    assert not set(taken("b.x.example", addresses(4))) & set(one)


@pytest.mark.parametrize(("rtype", "before", "names", "behind"), [
    (NS, b"", 1, b""), (CNAME, b"", 1, b""), (MX, b"\0\5", 1, b""), (SRV, b"\0\1\0\2\0\3", 1, b""),
    (SOA, b"", 2, b"\0" * 20),
])  # fmt: skip
def test_names_in_records_are_the_same_compressed_or_not(rtype, before, names, behind):
    written = before + wire("m.x.example") * names + behind
    short = before + (b"\1M" + at(14)) * names + behind

    one = taken("a.x.example", [own(rtype, written)], qtype=rtype)
    other = taken("b.x.example", [own(rtype, short)], qtype=rtype)

    assert one == other
    assert len(one) == 1


def test_only_records_of_the_name_and_type_count():
    more = [own(TXT, b"\1t"), record(wire("else.example"), A, b"abcd"), own(A, b"efgh", rclass=3)]

    assert taken("a.x.example", [*more, *addresses(1)]) == taken("b.x.example", addresses(1))


def test_mutated_messages_have_a_fingerprint_or_are_none():
    draw = random.Random(5)
    question = wire("a.x.example") + b"\0\1\0\1"
    seeds = [message(question, *case) for pair in (*SAME.values(), *OTHER.values()) for case in pair]
    found = 0
    for _ in range(20_000):
        octets = mutated(draw.choice(seeds), draw)
        try:
            found += len(fingerprint(octets, b"a.x.example", A)) <= 64
        except ValueError:
            continue
    assert found > 1000


@pytest.mark.parametrize("hostile", [
    [record(SELF, DNAME, SELF)] * 4600,
    [record(b"\1x" * 100 + at(12), CNAME, wire("t.example"))] * 280,
    [own(rdata=bytes(4))] * 4000,
    [own(CNAME, wire("t.example"))] + [own(TXT, bytes(255))] * 240,
], ids=["dnames", "long owners", "records", "texts"])  # fmt: skip
def test_a_hostile_answer_costs_little(hostile):
    octets = message(wire("a.x.example") + b"\0\1\0\1", hostile)[:65535]
    begun = time.process_time()
    for _ in range(20):
        fingerprint(octets, b"a.x.example", A)

    assert len(octets) > 50_000
    assert time.process_time() - begun < 20 * 0.02  # of the processor's time, and twenty times what it takes
