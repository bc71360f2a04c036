"""Resolvers that do not tell the truth, met by the real command over each transport: --strict ends the scan."""

from collections.abc import Callable
from functools import partial

import pytest
import servers
from command import scan
from dns_peer import NXDOMAIN, REFUSED, SERVFAIL, DnsPeer, Query, Talk, frame, response
from peer_answers import answer, ede, own, server, soa
from tls_peer import TlsPeer, trusting
from udp_peer import UdpPeer

SCHEMES = pytest.mark.parametrize("scheme", ["udp", "tcp", "tls"])
FAST = ("--timeout-ms", 300, "--deadline-ms", 2000)
NAMES = "is1.example\nis2.shop\nis3.ws\nis4.co.uk\n"

Answers = Callable[[Query], bytes | None]


def each(answers: Answers) -> Callable[[Talk], None]:
    """A script of streams: every query gets its answer."""

    def script(talk: Talk) -> None:
        for query in talk.queries():
            octets = answers(query)
            if octets is not None:
                talk.send(frame(octets))

    return script


def one(answers: Answers) -> Callable[[Talk], None]:
    """A script of streams: the connection closes after one answer."""

    def script(talk: Talk) -> None:
        octets = answers(talk.query())
        if octets is not None:
            talk.send(frame(octets))

    return script


def peer_of(answers: Answers, scheme: str, script: Callable[[Answers], Callable[[Talk], None]] = each):
    """A peer of that scheme; over UDP its TCP tells the truth."""
    if scheme != "udp":
        return (TlsPeer if scheme == "tls" else DnsPeer)(script(answers))

    def datagram_script(datagram) -> None:
        octets = answers(datagram.query)
        if octets is not None:
            datagram.send(octets)

    return UdpPeer(datagram_script, with_probes=True)


def invented(query: Query) -> bytes:
    """An address, whatever is asked for, and a server where that is a server."""
    return answer(query, [own() if query.qtype == 1 else server(b"\xc0\x0c")])


def only(condition: Callable[[str], bool], lie: Answers) -> Answers:
    return lambda query: lie(query) if condition(query.name) else response(query)


def emptied(query: Query) -> bytes:
    return response(query) if query.exists else answer(query, [], [soa(b"\xc0\x0c")])


def below(suffix: str) -> Callable[[str], bool]:
    return lambda name: name.endswith("." + suffix)


LIARS: dict[str, tuple[Answers, str]] = {
    "invents everything": (invented, "rewriting"),
    "invents names below com": (only(below("com"), invented), "rewriting"),
    "invents names below a suffix of the input": (only(below("shop"), invented), "below shop"),
    "says no data of what cannot exist": (emptied, "empty answers"),
    "marks its NXDOMAIN as forged": (
        lambda query: answer(query, [], [soa(b"\xc0\x0c")], [ede(17)], rcode=3), "by its own word",
    ),
    "has SERVFAIL for all": (lambda query: response(query, SERVFAIL), "but servfail"),
    "leaves names below com unanswered": (
        lambda query: None if below("com")(query.name) else response(query), "left 1 of",
    ),
    "only refers": (lambda query: answer(query, [], [server(b"\0")]), "referrals"),
}  # fmt: skip


UNSURE: dict[str, tuple[Answers, str]] = {
    "invents names below co.uk": (
        only(below("co.uk"), invented), "below co.uk that do not exist: by a wildcard there, or it invents them",
    ),
    "invents names below countries": (
        only(lambda name: name.endswith((".ws", ".co.uk")), invented), "below co.uk, ws that do not exist",
    ),
    "has SERVFAIL for all": (lambda query: response(query, SERVFAIL), "but servfail; it is asked all the same"),
    "refuses all": (lambda query: response(query, REFUSED), "but refused; it is asked all the same"),
    "refuses some and fails at others": (
        lambda query: response(query, SERVFAIL if below("com")(query.name) else REFUSED), "refused, servfail; it is",
    ),
}  # fmt: skip


@SCHEMES
@pytest.mark.parametrize("doubt", UNSURE)
def test_what_is_in_doubt_of_the_only_one_is_said_once_at_the_start(doubt, scheme, tmp_path):
    answers, said = UNSURE[doubt]
    with peer_of(answers, scheme) as peer:
        done = scan("-r", peer.address, *FAST, "--retries", 0, names=NAMES, **trusting(tmp_path))

    warnings = [line for line in done.err.splitlines() if peer.address.rpartition("/")[2] in line and ";" in line]
    assert len(warnings) == 1, done.err
    assert said in warnings[0]
    assert len(done.rows) == 4


@SCHEMES
def test_where_all_are_bad_it_is_said_once_with_the_reasons(scheme, tmp_path):
    failing, refusing = (partial(response, rcode=rcode) for rcode in (SERVFAIL, REFUSED))
    with peer_of(failing, scheme) as one, peer_of(refusing, scheme) as two, peer_of(failing, scheme) as three:
        flags = [word for peer in (one, two, three) for word in ("-r", peer.address)]
        done = scan(*flags, *FAST, "--retries", 0, "--stats", "json", names=NAMES, **trusting(tmp_path))

    assert done.err.count("no resolver has passed (3 refusing): they are asked all the same") == 1, done.err


@SCHEMES
@pytest.mark.parametrize("liar", LIARS)
def test_with_strict_one_that_does_not_pass_ends_the_scan_before_a_name_is_asked(liar, scheme, tmp_path):
    answers, said = LIARS[liar]
    with peer_of(answers, scheme) as peer:
        done = scan("-r", peer.address, *FAST, "--strict", names=NAMES, **trusting(tmp_path))

    assert (done.code, done.out) == (3, b""), done.err
    assert said in done.err
    assert not {"is1.example", "is2.shop"} & {query.name for query in asked_of(peer)}


def asked_of(peer) -> list[Query]:
    return [each.query for each in peer.asked] if isinstance(peer, UdpPeer) else peer.asked


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_one_that_invents_all_and_closes_after_each_answer_is_found_out(scheme, tmp_path):
    with peer_of(invented, scheme, one) as peer:
        warned = scan("-r", peer.address, *FAST, names=NAMES, **trusting(tmp_path))
        strict = scan("-r", peer.address, *FAST, "--strict", names=NAMES, **trusting(tmp_path))

    assert (warned.code, strict.code) == (0, 3)
    assert "rewriting" in warned.err
    assert strict.out == b""


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_one_that_closes_after_each_answer_and_lies_only_about_the_last_is_found_out(scheme, tmp_path):
    with peer_of(only(below("shop"), invented), scheme, one) as peer:
        done = scan("-r", peer.address, *FAST, "--strict", names=NAMES, **trusting(tmp_path))

    assert (done.code, done.out) == (3, b"")
    assert "below shop" in done.err


HONEST: dict[str, Answers] = {
    "honest": response,
    "an authority that refuses what is none of its business": (
        lambda query: response(query) if below("example")(query.name) else response(query, REFUSED)
    ),
    "suffixes with a wildcard": only(lambda name: name.endswith((".ws", ".co.uk")), invented),
    "no EDNS": lambda query: response(query, 1, flags=0x8000) if query.has_edns else response(query),
}


@SCHEMES
@pytest.mark.parametrize("honest", HONEST)
def test_with_strict_one_that_passes_is_used(honest, scheme, tmp_path):
    with peer_of(HONEST[honest], scheme) as peer:
        done = scan("-r", peer.address, *FAST, "--strict", names=NAMES, **trusting(tmp_path))

    said = [line for line in done.err.splitlines() if "by a wildcard there, or" not in line]
    assert (done.code, len(said)) == (0, done.err.count("dnsscan: read")), done.err
    assert len(done.rows) == 4


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_an_honest_one_that_closes_after_each_answer_passes(scheme, tmp_path):
    with peer_of(response, scheme, one) as peer:
        done = scan("-r", peer.address, *FAST, "--strict", names=NAMES, **trusting(tmp_path))

    assert done.code == 0, done.err


def test_what_most_others_deny_below_a_country_is_invented():
    liar = only(below("ws"), invented)
    with peer_of(liar, "udp") as one, peer_of(response, "udp") as other, peer_of(response, "tcp") as third:
        done = scan("-r", one.address, "-r", other.address, "-r", third.address, *FAST, "--strict", names=NAMES)

    assert (done.code, done.out) == (3, b"")
    assert f"{one.address} answers names below ws that do not exist" in done.err


def test_a_canary_that_a_datagram_cannot_hold_is_asked_over_tcp():
    def cut(datagram) -> None:
        octets = response(datagram.query)
        datagram.send(octets[:2] + bytes([octets[2] | 2]) + octets[3:])

    with UdpPeer(cut, each(invented), with_probes=True) as peer:
        done = scan("-r", peer.address, *FAST, "--strict", names=NAMES)

    assert (done.code, done.out) == (3, b"")
    assert "rewriting" in done.err


def test_a_lost_datagram_is_no_reason_to_fail():
    seen = set()

    def lossy(datagram) -> None:
        known = datagram.query.name in seen
        seen.add(datagram.query.name)
        if known:
            datagram.answer(NXDOMAIN)

    with UdpPeer(lossy, with_probes=True) as peer:
        done = scan("-r", peer.address, "--strict", names=NAMES)

    assert done.code == 0, done.err


@pytest.mark.server
@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_unbound_that_redirects_com_is_found_out_by_the_canary_below_com(scheme, tmp_path):
    config = servers.UNBOUND.replace('local-zone: "." static', 'local-zone: "com." redirect\n'
                                     '  local-data: "com. 60 IN A 192.0.2.99"\n  local-zone: "." static')  # fmt: skip
    server = servers.configured("unbound", config, ["-d", "-p", "-c"], tmp_path)
    try:
        done = scan("-r", f"{scheme}://127.0.0.1:{server.port}", "--strict", names="www.example.test\n")
        typed = scan("-r", f"{scheme}://127.0.0.1:{server.port}", "--strict", "-t", "A", names="www.example.test\n")
    finally:
        server.stop()

    assert (done.code, done.out) == (3, b"")
    assert (typed.code, typed.out) == (3, b"")
    assert "rewriting" in typed.err


@pytest.mark.server
def test_unbound_as_it_comes_passes(tmp_path):
    server = servers.unbound(tmp_path)
    try:
        done = scan("-r", f"udp://127.0.0.1:{server.port}", "--strict", names="www.example.test\n")
    finally:
        server.stop()

    assert done.code == 0, done.err
