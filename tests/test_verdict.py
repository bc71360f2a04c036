"""The native verdict on a response, held to the table as `verdict_table.py` reads it."""

import json
import struct
import time
from collections import Counter

import dns.name
import mutations
import pytest
from make_corpus import CORPUS
from peer_answers import (
    ADDRESS,
    ANY,
    CNAME,
    DNAME,
    NS,
    OPT,
    SELF,
    TC,
    A,
    ede,
    message,
    opt,
    own,
    record,
    server,
    soa,
)
from verdict_table import verdict

from scanner.model import REASONS
from scanner.native.verdict import classify

NAME = dns.name.from_text("a.com.")
QUESTION = b"\1a\3com\0"
COM = b"\xc0\x0e"  # as an owner
LONGEST_S = 0.001  # that any message may take


def said(*sections, qtype=A, name=QUESTION, **options) -> bytes:
    """A response to `a.com`."""
    return message(name + struct.pack("!HH", qtype, 1), *sections, **options)


def alias(number: int) -> bytes:
    """`N.com` is an alias of the next; the first is `a.com`."""
    owner = SELF if number == 0 else b"\2%02d\xc0\x0e" % number
    return record(owner, CNAME, b"\2%02d\xc0\x0e" % (number + 1))


CNAME_TO_B = own(CNAME, b"\1b\xc0\x0e")
OF_B = record(b"\1b\xc0\x0e", A, ADDRESS)
FOREIGN = record(b"\4evil\4test\0", A, ADDRESS)
NODATA, REFERRAL, FILTERED = ("taken", "nodata"), ("error", "referral"), ("error", "filtered")
TAKEN, GONE, BAD, ALIAS_GONE = ("taken", ""), ("nxdomain", ""), ("error", "badresp"), ("taken", "cname_nx")
LONG = 3 * (b"\x3f" + 63 * b"l") + b"\x3d" + 61 * b"l" + b"\0"  # 255 octets
POLICIES = (4, 15, 16, 17, 18)
TABLE = {
    "a record of the type": (said([own()]), TAKEN),
    "its owner written out, in another case": (said([record(b"\1A\3COM\0", A, ADDRESS)]), TAKEN),
    "its owner by a pointer to a pointer": (said([own(2, SELF), record(b"\xc0\x23", A, ADDRESS)]), TAKEN),
    "an alias and its target": (said([CNAME_TO_B, OF_B]), TAKEN),
    "the target before the alias": (said([OF_B, CNAME_TO_B]), TAKEN),
    "an alias that comes twice": (said([CNAME_TO_B, CNAME_TO_B, OF_B]), TAKEN),
    "an alias asked for": (said([CNAME_TO_B], qtype=CNAME), TAKEN),
    "a chain of sixty in the wrong order": (said([
        *map(alias, reversed(range(60))), record(b"\x0260\xc0\x0e", A, ADDRESS)]), TAKEN),
    "a DNAME without its CNAME": (said([record(COM, DNAME, b"\3net\0"), record(b"\1a\3net\0", A, ADDRESS)]), TAKEN),
    "the DNAME of the name itself": (said([own(DNAME, b"\3net\0"), record(b"\3net\0", A, ADDRESS)]), NODATA),
    "the DNAME of a name beside it": (said([record(b"\1b\xc0\x0e", DNAME, b"\3net\0")]), NODATA),
    "a DNAME that makes the name too long": (said([record(COM, DNAME, LONG)]), NODATA),
    "an alias without the type": (said([CNAME_TO_B], [soa(COM)]), NODATA),
    "an alias and the servers of its zone": (said([CNAME_TO_B], [server(COM)]), NODATA),
    "an alias of itself": (said([own(CNAME, SELF)]), NODATA),
    "aliases in a circle": (said([CNAME_TO_B, record(b"\1b\xc0\x0e", CNAME, SELF)]), NODATA),
    "an alias of another class": (said([own(CNAME, b"\1b\xc0\x0e", rclass=3), OF_B]), NODATA),
    "only a stranger": (said([FOREIGN]), NODATA),
    "a stranger's alias to the name": (said([record(b"\4evil\4test\0", CNAME, SELF)]), NODATA),
    "only another type": (said([own(16, b"\1x")]), NODATA),
    "only a signature": (said([own(46, bytes(20))]), NODATA),
    "only another class": (said([own(rclass=3)]), NODATA),
    "nothing": (said(), NODATA),
    "nothing, SOA": (said([], [soa(COM)]), NODATA),
    "nothing, SOA and NS": (said([], [server(COM), soa(COM)]), NODATA),
    "nothing, SOA of another class, NS": (said([], [soa(COM, rclass=3), server(COM)]), REFERRAL),
    "delegated": (said([], [server(SELF)]), ("taken", "referral")),
    "delegated, with glue": (said([], [server(SELF)], [FOREIGN, opt()]), ("taken", "referral")),
    "delegated, and a stranger in the answer": (said([FOREIGN], [server(SELF)]), ("taken", "referral")),
    "NS of a zone above": (said([], [server(COM)]), REFERRAL),
    "NS of the root": (said([], [server(b"\0")]), REFERRAL),
    "NS of a zone beside it": (said([], [server(b"\1b\xc0\x0e")]), REFERRAL),
    "NS of a zone below": (said([], [server(b"\1x\xc0\x0c")]), REFERRAL),
    "a stranger, NS of the root": (said([FOREIGN], [server(b"\0")]), REFERRAL),
    "NS of another class": (said([], [server(SELF, rclass=3)]), NODATA),
    "ANY: any type": (said([own(16, b"\1x")], qtype=ANY), TAKEN),
    "ANY: an alias": (said([CNAME_TO_B], qtype=ANY), TAKEN),
    "ANY: a stranger": (said([FOREIGN], qtype=ANY), NODATA),
    "NXDOMAIN": (said([], [soa(COM)], [opt()], rcode=3), GONE),
    "NXDOMAIN with nothing": (said(rcode=3), GONE),
    "NXDOMAIN and NS of the name": (said([], [server(SELF)], rcode=3), GONE),
    "NXDOMAIN at the end of an alias": (said([CNAME_TO_B], [soa(COM)], rcode=3), ALIAS_GONE),
    "NXDOMAIN at the end of a DNAME": (said([record(COM, DNAME, b"\3net\0")], rcode=3), ALIAS_GONE),
    "NXDOMAIN at the end of a circle": (said([own(CNAME, SELF)], rcode=3), ALIAS_GONE),
    "NXDOMAIN of an alias asked for": (said([CNAME_TO_B], rcode=3, qtype=CNAME), ALIAS_GONE),
    "NXDOMAIN and a stranger's alias": (said([record(b"\1b\xc0\x0e", CNAME, SELF)], rcode=3), GONE),
    "NXDOMAIN and a stranger's DNAME": (said([record(b"\3net\0", DNAME, COM)], rcode=3), GONE),
    "NXDOMAIN and a stranger": (said([FOREIGN], rcode=3), GONE),
    "NXDOMAIN and a record of the name": (said([own(16, b"\1x")], rcode=3), BAD),
    "NXDOMAIN, an alias and its target": (said([CNAME_TO_B, OF_B], rcode=3), BAD),
    "forged, blocked, censored, filtered, prohibited": (*(
        said([], [soa(COM)], [ede(code)], rcode=3) for code in POLICIES), FILTERED),
    "the same with an answer": (*(said([own(A, bytes(4))], [], [ede(code, b"why")]) for code in POLICIES), FILTERED),
    "an alias to a page that says why": (said([CNAME_TO_B, OF_B], [], [ede(17)]), FILTERED),
    "nothing, and filtered": (said([], [], [ede(17)]), FILTERED),
    "other extended errors": (*(said([], [soa(COM)], [ede(code)], rcode=3) for code in (0, 3, 5, 14, 19, 29)), GONE),
    "an extended error cut short": (said([], [], [opt((15, b"\0"))], rcode=3), GONE),
    "an option longer than OPT": (said([], [], [record(b"\0", OPT, b"\0\x0f\0\7\0\4")], rcode=3), FILTERED),
    "refused and prohibited": (said([], [], [ede(18)], rcode=5), ("error", "refused")),
    "cut, over a stream": (*(said(flags=0x8180 | TC, rcode=code) for code in (0, 2, 3)), BAD),
    "cut, with the answer": (said([own()], flags=0x8180 | TC), BAD),
    "A of three octets": (said([own(A, b"abc")]), BAD),
    "AAAA of four, and a good one": (said([own(28, ADDRESS), own(28, bytes(16))], qtype=28), TAKEN),
    "AAAA of four": (said([own(28, ADDRESS)], qtype=28), BAD),
    "NS whose name ends before it": (said([own(NS, b"\2ns\0\0")], qtype=NS), BAD),
    "an alias whose name ends before it": (said([own(CNAME, SELF + b"\0"), OF_B]), BAD),
    "an alias whose name goes on behind it": (said([own(CNAME, b"\1"), OF_B]), BAD),
    "a stranger's alias that cannot be read": (said([record(b"\4evil\4test\0", CNAME, b"\1"), own()]), TAKEN),
    "RDLENGTH beyond the end": (said([own()])[:-1], BAD),
    "fewer records than counted": (said([own()])[:-16] + b"", BAD),
    "two OPT": (said([own()], [], [opt(), opt()]), BAD),
    "OPT in the answer": (said([opt(), own()]), BAD),
    "OPT in the authority": (said([own()], [opt()]), BAD),
    "OPT of a name": (said([own()], [], [opt(owner=SELF)]), BAD),
}  # fmt: skip


@pytest.mark.parametrize("row", TABLE)
def test_each_row_has_its_verdict(row):
    *messages, expected = TABLE[row]

    for octets in messages:
        qtype = int.from_bytes(octets[19:21])
        assert classify(octets, b"a.com", qtype) == expected
        assert verdict(octets, NAME, qtype) == expected


def test_a_response_of_another_class_is_asked_for_as_such():
    octets = said([own(16, b"\1x", rclass=3), own()], qtype=16)
    chaos = octets[:21] + b"\0\3" + octets[23:]

    assert classify(octets, b"a.com", 16, 1) == NODATA
    assert classify(chaos, b"a.com", 16, 3) == TAKEN
    assert classify(chaos, b"a.com", 16, 1) is classify(octets, b"a.com", 16, 3) is None


def test_a_chain_is_followed_for_64_aliases_and_no_further():
    for count, expected in ((64, TAKEN), (65, NODATA)):
        octets = said([*map(alias, range(count)), record(b"\2%02d\xc0\x0e" % count, A, ADDRESS)])

        assert classify(octets, b"a.com", A) == verdict(octets, NAME, A) == expected


OF_ONE_RESPONSE = {"", *"servfail refused formerr notimp badresp cname_nx nodata referral filtered".split()}


def test_mutated_responses_have_the_verdict_of_the_table_as_dnspython_reads_it(full, figure):
    """With `scripts/fuzz verdicts` in any size."""
    count = 10_000_000 if full else 30_000
    counts = mutations.run_on_every_core(count, 20261129) if full else mutations.run(count, 20261129)

    assert counts.disagreements == []
    assert counts.asked == counts.read == counts.verdicts.total() == count
    assert {reason for each in counts.verdicts if each for reason in each[1:]} >= OF_ONE_RESPONSE
    assert set(REASONS) > OF_ONE_RESPONSE
    kinds = (TAKEN, GONE, NODATA, ALIAS_GONE, REFERRAL, ("taken", "referral"))
    assert min(counts.verdicts[each] for each in kinds) > count / 500
    figure("mutated responses", f"{count:,}: the verdict of the table for every one")


def test_the_count_of_mutated_responses_is_told_at_the_end_and_decides_the_exit_code(capsys):
    assert mutations.main(400, 1) == 0
    assert json.loads(capsys.readouterr().out).items() > {"asked": 400, "read": 400, "disagreements": 0}.items()

    lost = mutations.Counts(asked=2, read=1)
    disputed = mutations.Counts(asked=1, read=1, verdicts=Counter([TAKEN]), disagreements=["one"])
    assert not lost.hold
    assert not disputed.hold


def test_an_owner_may_point_to_the_octets_of_the_header():
    """The ID begins with a zero, the root's name, to which the name is an alias: verdict and fields agree on that."""
    question = b"\1a\3com\0\0\x1c\0\1"
    alias, address = b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\1\0", b"\xc0\0\0\x1c\0\1\0\0\0\x3c\0\x10" + bytes(16)
    octets = b"\0\7\x81\x80\0\1\0\2\0\0\0\0" + question + alias + address

    assert mutations.contradiction(octets, 28, TAKEN) is None
    assert mutations.told(octets, 28) == {"a": ["::"], "cn": ["."]}


@pytest.mark.parametrize("kind", [5, 39], ids=["alias", "alias-of-names-below"])
@pytest.mark.parametrize("pointer", [0xC0FF, 0xFFFF, 0xC01C], ids="{:x}".format)
def test_an_alias_whose_owner_points_forward_is_none(kind, pointer):
    """It was looked for behind the end of the message (sanitizers say so, and `scripts/fuzz message` did)."""
    question = b"\1a\3com\0\0\1\0\1"
    alias = struct.pack("!HHHIH", pointer, kind, 1, 60, 1) + b"\0"
    octets = b"\0\7\x81\x80\0\1\0\1\0\0\0\0" + question + alias

    assert mutations.told(octets, 1) == {"a": [], "cn": []}


# -- what the worst may cost ---------------------------------------------------------------------------------------

LABELS = [b"%c" % (97 + number % 26) for number in range(126)]
DEEP, DEEP_TEXT = b"".join(b"\1" + label for label in LABELS) + b"\0", b".".join(LABELS)
TAIL = b"\xc0\x0e"  # all but the first label of that
NUMBERED = [b"\2" + b"%02d" % number for number in range(66)]


def filled(first: list[bytes], more: bytes, **options) -> bytes:
    """As many records as 64 KB hold."""
    start = len(said(name=DEEP)) + sum(map(len, first))
    return said([*first, *[more] * ((65535 - start) // len(more))], name=DEEP, **options)


def chained(numbers) -> list[bytes]:
    owners = [SELF, *(label + b"\xc0\x10" for label in NUMBERED)]
    return [record(owners[number], CNAME, owners[number + 1]) for number in numbers]


HEAVY = {
    **{name: (octets, b"a.com", NS) for name, octets in CORPUS.items() if len(octets) > 10_000},
    "the name of 126 labels for each": (filled([], record(b"\1a" + TAIL, A, b"")), DEEP_TEXT, A),
    "the same in capitals": (filled([record(DEEP.upper(), A, b"")], record(b"\1A\xc1\x0f", A, b"")), DEEP_TEXT, A),
    "aliases backwards": (filled(
        chained(reversed(range(64))), record(NUMBERED[63] + b"\xc0\x10", A, b"")), DEEP_TEXT, A),
    "DNAMEs above it": (filled([], record(TAIL, DNAME, SELF)), DEEP_TEXT, A),
    "DNAMEs beside it": (filled([], record(b"\1z" + TAIL, DNAME, SELF), rcode=3), DEEP_TEXT, A),
    "options": (said([], [], [opt(*[(3, b"")] * 16_000)], rcode=3), b"a.com", A),
    "pointers to pointers": (filled([record(b"\xc0\x0e", 10, b"".join(
        struct.pack("!H", 0xC000 | (279 + 2 * number) if number else 0xC00E) for number in range(7900)))],
        record(b"\1a\xfe\xcf", A, b"")), DEEP_TEXT, A),
}  # fmt: skip


@pytest.mark.parametrize("name", HEAVY)
def test_no_message_of_64_kilobytes_takes_a_millisecond(name):
    octets, text, qtype = HEAVY[name]
    spent = []
    for _ in range(50):
        begun = time.perf_counter()
        found = classify(octets, text, qtype)
        spent.append(time.perf_counter() - begun)

    assert len(octets) <= 65535
    assert found is not None
    assert min(spent) < LONGEST_S
