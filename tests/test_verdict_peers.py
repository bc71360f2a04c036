"""What the command says of responses that no honest resolver gives, over UDP and over a stream."""

from collections.abc import Callable

import pytest
from command import scan
from dns_peer import DnsPeer, Query, Talk, frame, response
from peer_answers import ADDRESS, CNAME, DNAME, RRSIG, SELF, TC, TXT, A, answer, ede, opt, own, record, server, soa
from udp_peer import UdpPeer

FAST = ("--timeout-ms", 500, "--deadline-ms", 4000, "--retries", 1)
PARENT = b"\xc0\x11"  # of `is10.example`
EVIL = b"\4evil\4test\0"
TARGET = b"\6target" + PARENT
ALIAS = own(CNAME, TARGET)
NODATA, REFERRAL, BAD = ("taken", 0, "nodata"), ("error", 0, "referral"), ("error", 0, "badresp")

Answers = Callable[[Query], bytes]


def says(*sections, **options) -> Answers:
    return lambda query: answer(query, *sections, **options)


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
}


NAMES = {f"is{number}.example": row for number, row in enumerate(ROWS, 10)}


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
        done = scan("-r", peer.address, "-t", "A", *FAST, names="\n".join(NAMES))

    assert done.code == 0
    assert {NAMES[row["d"]]: (row["s"], row["r"], row.get("e")) for row in done.rows} == {
        row: expected for row, (_, expected) in ROWS.items()
    }
    assert all(row["re"] == (row["r"] == 0) for row in done.rows)


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
