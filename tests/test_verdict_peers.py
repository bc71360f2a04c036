"""What the command says of responses that no honest resolver gives, over UDP and over a stream."""

from collections.abc import Callable

import pytest
from command import scan
from dns_peer import DnsPeer, Query, Talk, frame, response
from peer_answers import (
    AAAA,
    ADDRESS,
    CHAOS,
    CNAME,
    DNAME,
    NS,
    OPT,
    RRSIG,
    SELF,
    TC,
    TXT,
    A,
    answer,
    ede,
    opt,
    own,
    record,
    server,
    soa,
)
from udp_peer import UdpPeer

FAST = ("--timeout-ms", 500, "--deadline-ms", 4000, "--retries", 1)
PARENT = b"\xc0\x11"  # of `is10.example`
EVIL = b"\4evil\4test\0"
TARGET = b"\6target" + PARENT
ALIAS = own(CNAME, TARGET)
NODATA, REFERRAL, BAD = ("taken", 0, "nodata"), ("error", 0, "referral"), ("error", 0, "badresp")
TAKEN, GONE, GONE_BAD = ("taken", 0, None), ("nxdomain", 3, None), ("error", 3, "badresp")
FILTERED, GONE_FILTERED = ("error", 0, "filtered"), ("error", 3, "filtered")
FIRST = b"\xc0\x1e"  # the first record behind the question, as an owner

Answers = Callable[[Query], bytes]


def says(*sections, **options) -> Answers:
    return lambda query: answer(query, *sections, **options)


def counting(answers: int, *sections, **options) -> Answers:
    """The same with another ANCOUNT."""

    def script(query: Query) -> bytes:
        octets = answer(query, *sections, **options)
        return octets[:6] + answers.to_bytes(2, "big") + octets[8:]

    return script


def extended(code: int) -> bytes:
    """OPT with the upper bits of an RCODE."""
    return record(b"\0", OPT, b"", 1232, code >> 4 << 24)


ROWS: dict[str, tuple[Answers, tuple]] = {
    "upward referral": (says([], [server(b"\0")]), REFERRAL),
    "NS of a zone above": (says([], [server(PARENT)]), REFERRAL),
    "NS of a zone beside it": (says([], [server(b"\3is2" + PARENT)]), REFERRAL),
    "delegated": (says([], [server(SELF), server(SELF)], flags=0x8000), ("taken", 0, "referral")),
    "NS and SOA": (says([], [server(PARENT), soa(PARENT)]), NODATA),
    "a stranger's address": (says([record(EVIL, A, bytes((192, 0, 2, 102)))]), NODATA),
    "another type": (says([own(TXT, b"\1x")]), NODATA),
    "a signature alone": (says([own(RRSIG, bytes(20))]), NODATA),
    "another class": (says([own(rclass=3)]), NODATA),
    "an alias to a name without the type": (says([ALIAS], [soa(PARENT)]), NODATA),
    "an alias that goes in circles": (says([ALIAS, record(TARGET, CNAME, SELF)]), NODATA),
    "an alias and its target": (says([record(TARGET, A, ADDRESS), ALIAS]), ("taken", 0, None)),
    "NXDOMAIN behind an alias": (says([ALIAS], [soa(PARENT)], rcode=3), ("taken", 3, "cname_nx")),
    "NXDOMAIN behind a DNAME": (says([record(PARENT, DNAME, EVIL)], rcode=3), ("taken", 3, "cname_nx")),
    "NXDOMAIN and a stranger's alias": (says([record(EVIL, CNAME, SELF)], rcode=3), ("nxdomain", 3, None)),
    "NXDOMAIN and a stranger's DNAME": (says([record(EVIL, DNAME, PARENT)], rcode=3), ("nxdomain", 3, None)),
    "NXDOMAIN and an address": (says([own()], rcode=3), ("error", 3, "badresp")),
    "NXDOMAIN, censored": (says([], [soa(PARENT)], [ede(16)], rcode=3), ("error", 3, "filtered")),
    "NXDOMAIN, filtered": (says([], [soa(PARENT)], [ede(17, b"by law")], rcode=3), ("error", 3, "filtered")),
    "0.0.0.0, forged": (says([own(A, bytes(4))], [], [ede(4)]), ("error", 0, "filtered")),
    "NXDOMAIN, stale": (says([], [soa(PARENT)], [ede(19)], rcode=3), ("nxdomain", 3, None)),
    "cut": (says(flags=0x8180 | TC), BAD),
    "NXDOMAIN, cut": (says([], [soa(PARENT)], flags=0x8180 | TC, rcode=3), ("error", 3, "badresp")),
    "an address of three octets": (says([own(A, b"abc")]), BAD),
    "an address of three octets and a good one": (says([own(A, b"abc"), own()]), ("taken", 0, None)),
    "a record longer than the message": (lambda query: answer(query, [own()])[:-1], BAD),
    "NXDOMAIN and a record too few": (
        lambda query: answer(query, [], [soa(PARENT)], rcode=3)[:-1],
        ("error", 3, "badresp"),
    ),
    "two OPT": (says([own()], [], [opt(), opt()]), BAD),
    # -- referrals --
    "NS and SOA of the name": (says([], [server(SELF), soa(SELF)]), NODATA),
    "NS of the name, SOA above": (says([], [server(SELF), soa(PARENT)]), NODATA),
    "NS, and SOA of another class": (says([], [server(PARENT), soa(PARENT, rclass=CHAOS)]), REFERRAL),
    "NS of the name among others'": (says([], [server(PARENT), server(SELF)]), ("taken", 0, "referral")),
    "NS of a zone below": (says([], [server(b"\3www" + SELF)]), REFERRAL),
    "NS of a stranger": (says([], [server(EVIL)]), REFERRAL),
    "NS of the root, and a stranger's address": (
        says([record(EVIL, A, ADDRESS)], [server(b"\0")], [record(EVIL, A, ADDRESS)]),
        REFERRAL,
    ),
    "NS of the name, of another class": (says([], [server(SELF, rclass=CHAOS)]), NODATA),
    "SOA in the additional section alone": (says([], [server(PARENT)], [soa(PARENT)]), REFERRAL),
    "REFUSED and NS of the root": (says([], [server(b"\0")], rcode=5), ("error", 5, "refused")),
    "NXDOMAIN and NS of the root": (says([], [server(b"\0")], rcode=3), GONE),
    # -- policies --
    **{f"0.0.0.0 with EDE {code}": (says([own(A, bytes(4))], [], [ede(code)]), FILTERED) for code in (15, 16, 17, 18)},
    **{
        f"NXDOMAIN with EDE {code}": (says([], [soa(PARENT)], [ede(code)], rcode=3), GONE_FILTERED)
        for code in (4, 15, 18)
    },
    "no data, blocked": (says([], [soa(PARENT)], [ede(15)]), FILTERED),
    "an alias to a page that says why": (says([ALIAS, record(TARGET, A, ADDRESS)], [], [ede(16)]), FILTERED),
    "a policy as the second of two errors": (
        says([], [soa(PARENT)], [opt((15, b"\0\3"), (15, b"\0\x11why"))], rcode=3),
        GONE_FILTERED,
    ),
    "SERVFAIL, blocked": (says([], [], [ede(15)], rcode=2), ("error", 2, "servfail")),
    "0.0.0.0 without a word": (says([own(A, bytes(4))]), TAKEN),
    "NXDOMAIN, an error cut short": (says([], [soa(PARENT)], [opt((15, b"\0"))], rcode=3), GONE),
    # -- aliases --
    "NXDOMAIN behind a CNAME made of a DNAME": (
        says([record(PARENT, DNAME, EVIL), own(CNAME, b"\4is99" + EVIL)], rcode=3),
        ("taken", 3, "cname_nx"),
    ),
    "NXDOMAIN and the DNAME of the name itself": (says([own(DNAME, EVIL)], rcode=3), GONE_BAD),
    "NXDOMAIN and a DNAME beside it": (says([record(b"\3is2" + PARENT, DNAME, EVIL)], rcode=3), GONE),
    "NXDOMAIN and an alias of another class": (says([own(CNAME, TARGET, rclass=CHAOS)], rcode=3), GONE),
    "NXDOMAIN, an alias and its target": (says([ALIAS, record(TARGET, A, ADDRESS)], rcode=3), GONE_BAD),
    "NXDOMAIN and the name's SOA as an answer": (says([soa(SELF)], rcode=3), GONE_BAD),
    "an alias of itself": (says([own(CNAME, SELF)]), NODATA),
    "two DNAMEs, one behind the other": (
        says([record(EVIL, DNAME, b"\1z\0"), record(PARENT, DNAME, EVIL)]),
        NODATA,
    ),
    "an alias and a stranger's address": (says([ALIAS, record(EVIL, A, ADDRESS)]), NODATA),
    "an alias whose target is a pointer to itself": (says([own(CNAME, b"\xc0\x2a")]), BAD),
    "an alias that goes on behind its end": (says([own(CNAME, b"\6target")]), BAD),
    # -- what cannot be --
    "an owner that is a pointer to itself": (says([record(FIRST, A, ADDRESS)]), BAD),
    "an owner that is a pointer ahead": (says([record(b"\xc0\xff", A, ADDRESS)]), BAD),
    "an address of five octets": (says([own(A, b"abcde")]), BAD),
    "an address of none": (says([own(A, b"")]), BAD),
    "an address of sixteen": (says([own(A, bytes(16))]), BAD),
    "RDLENGTH far beyond the end": (
        lambda query: answer(query)[:6] + b"\0\1" + answer(query)[8:] + SELF + b"\0\1\0\1\0\0\0\x3c\xff\xff" + ADDRESS,
        BAD,
    ),
    "one answer more than counted": (counting(0, [own()]), BAD),
    "NXDOMAIN, one answer more than counted": (counting(0, [own()], rcode=3), GONE_BAD),
    "one answer less than counted": (counting(2, [own()]), BAD),
    "NXDOMAIN, one answer less than counted": (counting(1, [], rcode=3), GONE_BAD),
    "answers without end": (counting(65535, [own()]), BAD),
    "octets behind the end": (lambda query: answer(query, [own()]) + b"\xff" * 40, TAKEN),
    "NXDOMAIN, zeros behind the end": (lambda query: answer(query, [], [soa(PARENT)], rcode=3) + bytes(40), GONE),
    "OPT as an answer": (says([opt(), own()]), BAD),
    "OPT in the authority": (says([own()], [opt()]), BAD),
    "OPT of a name": (says([own()], [], [opt(owner=SELF)]), BAD),
    "NXDOMAIN, two OPT": (says([], [soa(PARENT)], [opt(), opt()], rcode=3), GONE_BAD),
    "cut, with the answer": (says([own()], flags=0x8180 | TC), BAD),
    # -- RCODEs --
    "RCODE 16 by OPT": (says([own()], [], [extended(16)]), ("error", 16, "rcode16")),
    "RCODE 19, NXDOMAIN without OPT": (says([], [soa(PARENT)], [extended(16)], rcode=3), ("error", 19, "rcode19")),
    "RCODE 23 by OPT": (says([], [], [extended(16)], rcode=7), ("error", 23, "rcode23")),
    "RCODE 4095": (says([], [], [extended(4095)], rcode=15), ("error", 4095, "rcode4095")),
    "NOTIMP": (says(rcode=4), ("error", 4, "notimp")),
    "YXDOMAIN with an answer": (says([own()], rcode=6), ("error", 6, "rcode6")),
}


NAMES = {f"is{number:02x}.example": row for number, row in enumerate(ROWS)}  # labels of four octets, see PARENT


def by_name(query: Query) -> bytes:
    """The response of the row that the name stands for; an honest one where there is none."""
    return ROWS[NAMES[query.name]][0](query) if query.name in NAMES else response(query)


def stream_of(answers: Answers) -> Callable[[Talk], None]:
    def script(talk: Talk) -> None:
        for query in talk.queries():
            talk.send(frame(answers(query)))

    return script


def peer_of(answers: Answers, scheme: str) -> DnsPeer | UdpPeer:
    """It answers all, the questions before the scan too."""
    if scheme == "tcp":
        return DnsPeer(stream_of(answers))
    return UdpPeer(lambda datagram: datagram.send(answers(datagram.query)), stream_of(answers), with_probes=True)


SCHEMES = pytest.mark.parametrize("scheme", ["udp", "tcp"])


@SCHEMES
def test_each_row_of_the_table(scheme):
    with peer_of(by_name, scheme) as peer:
        done = scan("-r", peer.address, "-t", "A", "--fields", "a,cn", *FAST, names="\n".join(NAMES))

    assert done.code == 0
    assert {NAMES[row["d"]]: (row["s"], row["r"], row.get("e")) for row in done.rows} == {
        row: expected for row, (_, expected) in ROWS.items()
    }
    assert all(row["re"] == (row["r"] == 0) for row in done.rows)
    assert all(bool(row["a"]) == ("e" not in row) for row in done.rows if row["s"] == "taken")
    assert all(row["cn"] for row in done.rows if row.get("e") == "cname_nx")


STRAYS: dict[str, Answers] = {
    "another name": lambda query: with_question(query, b"\4else\7example\0\0\1\0\1"),
    "another type": lambda query: with_question(query, query.question[:-4] + b"\0\x1c\0\1"),
    "another class": lambda query: with_question(query, query.question[:-4] + b"\0\1\0\3"),
    "no question": lambda query: with_question(query, b"", 0),
    "two questions": lambda query: with_question(query, 2 * query.question, 2),
    "a question that is not there": lambda query: answer(query)[:12],
    "a question that is a pointer": lambda query: with_question(query, b"\xc0\x0c\0\1\0\1"),
    "a query": lambda query: answer(query, flags=0x0100),
    "another opcode": lambda query: answer(query, [own()], flags=0x9180),
}


def with_question(query: Query, question: bytes, count: int = 1) -> bytes:
    octets = answer(query, rcode=3)
    return octets[:4] + count.to_bytes(2, "big") + octets[6:12] + question


@SCHEMES
def test_what_is_no_response_to_the_question_is_none(scheme):
    names = {f"is{number}.example": stray for number, stray in enumerate(STRAYS, 10)}

    def answers(query: Query) -> bytes:
        return STRAYS[names[query.name]](query) if query.name in names else response(query)

    with peer_of(answers, scheme) as peer:
        done = scan("-r", peer.address, "-t", "A", "--timeout-ms", 200, "--deadline-ms", 1500, "--retries", 0,
                    names="\n".join(names))  # fmt: skip

    assert {row["d"] for row in done.rows} == set(names)
    assert {(row["s"], row["r"]) for row in done.rows} == {("error", None)}


def test_over_a_stream_a_question_in_other_letters_is_the_same():
    lowered = lambda query: with_question(query, query.question.upper()[:-4] + query.question[-4:])  # noqa: E731
    with peer_of(lowered, "tcp") as peer:
        row = scan("-r", peer.address, "-t", "A", *FAST, names="is1.example\n").row

    assert (row["s"], row["r"]) == ("nxdomain", 3)


@SCHEMES
def test_what_is_no_verdict_is_asked_elsewhere(scheme):
    names = [name for name, row in NAMES.items() if ROWS[row][1][0] == "error"]
    with peer_of(by_name, scheme) as peer, peer_of(response, scheme) as honest:
        done = scan("-r", peer.address, "-r", honest.address, "-t", "A", "--retries", 8, "--timeout-ms", 500,
                    names="\n".join(names))  # fmt: skip

    assert {(row["d"], row["s"], row.get("e")) for row in done.rows} == {(name, "taken", None) for name in names}
    assert peer.asked


@SCHEMES
@pytest.mark.parametrize(
    ("rtype", "answers", "expected"),
    [
        ("NS", says([], [server(SELF)], flags=0x8000), ("taken", "referral")),
        ("NS", says([], [server(PARENT)]), ("error", "referral")),
        ("ANY", says([own(TXT, b"\1x")]), ("taken", None)),
        ("ANY", says([record(EVIL, A, ADDRESS)]), ("taken", "nodata")),
        ("CNAME", says([ALIAS]), ("taken", None)),
        ("CNAME", says([record(EVIL, CNAME, SELF)]), ("taken", "nodata")),
        ("AAAA", says([own(AAAA, bytes(16))], [], [ede(4)]), ("error", "filtered")),
        ("AAAA", says([own(AAAA, bytes(16))], [], [ede(17)]), ("error", "filtered")),
        ("AAAA", says([own(AAAA, ADDRESS)]), ("error", "badresp")),
        ("AAAA", says([own(AAAA, ADDRESS), own(AAAA, bytes(16))]), ("taken", None)),
        ("NS", says([own(NS, b"\2ns")]), ("error", "badresp")),
        ("NS", says([], [server(SELF), soa(SELF)]), ("taken", "nodata")),
        ("SOA", says([], [soa(SELF)]), ("taken", "nodata")),
        ("SOA", says([soa(SELF)]), ("taken", None)),
    ],
)
def test_other_types_by_the_same_table(scheme, rtype, answers, expected):
    with peer_of(answers, scheme) as peer:
        row = scan("-r", peer.address, "-t", rtype, *FAST, names="is10.example\n").row

    assert (row["s"], row.get("e")) == expected


def test_what_a_datagram_could_not_hold_is_taken_from_tcp():
    cut, whole = says(flags=0x8180 | TC), says([own()])
    with UdpPeer(lambda datagram: datagram.send(cut(datagram.query)), stream_of(whole)) as peer:
        row = scan("-r", peer.address, "-t", "A", *FAST, names="is1.example\n").row

    assert (row["s"], row.get("e")) == ("taken", None)


@SCHEMES
def test_a_server_that_only_refers_is_warned_of_and_refused_by_strict(scheme):
    with peer_of(says([], [server(b"\0")]), scheme) as peer:
        warned = scan("-r", peer.address, *FAST, names="is1.example\n")
        strict = scan("-r", peer.address, *FAST, "--strict", names="is1.example\n")

    assert (warned.code, strict.code) == (0, 3)
    assert "referrals" in warned.err
    assert "referrals" in strict.err
