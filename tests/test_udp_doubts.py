"""Answers over UDP that are not enough (cookies, case, size), and servers that want no EDNS: the name gets its verdict
over TCP or without EDNS, and never ends in `timeout` for the server's habits."""

import json
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable

import pytest
from command import fed, scan, start
from dns_peer import FORMERR, NXDOMAIN, SERVFAIL, DnsPeer, Query, Talk, response
from udp_peer import Datagram, UdpOnlyPeer, UdpPeer, cut, honest, is_probe

FAST = ("--timeout-ms", 300, "--deadline-ms", 4000)
BADVERS, BADCOOKIE = 16, 23
SECRET = b"serversidecookie"


def names(count, prefix="is"):
    return "".join(f"{prefix}{number}.example\n" for number in range(count))


def stats_of(done):
    return json.loads([line for line in done.err.splitlines() if line.startswith("{")][-1])


def verdicts(done):
    return Counter((row["s"], row.get("e")) for row in done.rows)


def books_are_right(done):
    (resolver,) = stats_of(done)["resolvers"]
    return resolver["queries"] == resolver["responses"] + resolver["losses"]


def over_tcp(peer):
    return {query.name for query in peer.tcp.asked if not is_probe(query)}


def with_cookie(datagram: Datagram, rcode=None, half=None, secret=SECRET) -> bytes:
    """An answer with a COOKIE option; `half` is the client's, where it is not to be the right one."""
    octets = response(datagram.query, rcode and rcode & 15)
    found = datagram.octets.rfind(b"\0\x0a\0")
    client = half or datagram.octets[found + 4 :][:8]
    option = b"\0\x0a" + struct.pack("!H", 8 + len(secret)) + client + secret
    extended = bytes([(rcode or 0) >> 4])
    return octets[:-6] + extended + octets[-5:-2] + struct.pack("!H", len(option)) + option


def extended(query: Query, rcode: int) -> bytes:
    """A response with an RCODE that only OPT can say."""
    octets = response(query, rcode & 15)
    return octets[:-6] + bytes([rcode >> 4]) + octets[-5:]


def lower(datagram: Datagram) -> None:
    datagram.send(response(datagram.query, question=datagram.query.question.lower()))


def closed(talk: Talk) -> None:
    return


def silent(talk: Talk) -> None:
    talk.wait_for_close()


# -- cookies -----------------------------------------------------------------------------------------------------


def gives_cookies_at_first(count):
    def script(datagram: Datagram) -> None:
        datagram.send(with_cookie(datagram) if len(datagram.peer.names) <= count else response(datagram.query))

    return script


@pytest.mark.parametrize("threads", [1, 2])
def test_a_server_that_gives_no_cookies_any_more_is_asked_over_tcp_and_then_without(threads):
    with UdpPeer(gives_cookies_at_first(5)) as peer:
        done = scan("-r", peer.address, *FAST, "--rate", 400, "--threads", threads, "--stats", "json", names=names(400))

    assert verdicts(done) == {("taken", None): 400}
    assert books_are_right(done)
    assert 1 <= len(over_tcp(peer)) < 150
    assert "forges" not in done.err


def test_without_a_rate_too():
    with UdpPeer(gives_cookies_at_first(50)) as peer:
        done = scan("-r", peer.address, *FAST, "--stats", "json", names=names(5000))

    assert verdicts(done) == {("taken", None): 5000}
    assert books_are_right(done)
    assert len(over_tcp(peer)) < 1000
    assert "forges" not in done.err


def test_a_farm_of_which_half_gives_cookies_costs_few_names_tcp():
    def script(datagram: Datagram) -> None:
        datagram.send(with_cookie(datagram) if len(datagram.peer.names) % 2 else response(datagram.query))

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, *FAST, "--rate", 400, names=names(400))

    assert verdicts(done) == {("taken", None): 400}
    assert len(over_tcp(peer)) < 150


def test_a_server_without_its_cookies_and_without_tcp_is_asked_without_edns():
    with UdpOnlyPeer(gives_cookies_at_first(5)) as peer:
        done = scan("-r", peer.address, *FAST, "--rate", 400, "--stats", "json", names=names(100))

    assert verdicts(done) == {("taken", None): 100}
    assert books_are_right(done)


@pytest.mark.parametrize("tcp_script", [closed, silent], ids=["closes", "silent"])
def test_a_server_without_its_cookies_that_answers_nothing_over_tcp(tcp_script):
    with UdpPeer(gives_cookies_at_first(5), tcp_script=tcp_script) as peer:
        done = scan("-r", peer.address, *FAST, names=names(60))

    assert verdicts(done) == {("taken", None): 60}


def test_a_server_without_its_cookies_that_changes_the_case_too_and_has_no_tcp():
    def script(datagram: Datagram) -> None:
        gives_cookies_at_first(5)(datagram) if len(datagram.peer.names) <= 5 else lower(datagram)

    with UdpOnlyPeer(script) as peer:
        done = scan("-r", peer.address, *FAST, "--rate", 400, names=names(60, "longername"))

    assert verdicts(done) == {("taken", None): 60}


def test_a_lie_without_the_cookie_is_not_believed():
    def script(datagram: Datagram) -> None:
        known = len(datagram.peer.names) <= 5
        datagram.send(with_cookie(datagram) if known else response(datagram.query, NXDOMAIN))

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, *FAST, "--rate", 50, names=names(10))

    assert verdicts(done) == {("taken", None): 10}


def test_formerr_with_a_cookie_and_then_an_answer_without_edns():
    def script(datagram: Datagram) -> None:
        datagram.send(with_cookie(datagram, FORMERR) if datagram.query.has_edns else response(datagram.query))

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, *FAST, "--stats", "json", names=names(50))

    assert verdicts(done) == {("taken", None): 50}
    assert books_are_right(done)
    assert over_tcp(peer) == set()


@pytest.mark.parametrize("count", [1, 60])
def test_badcookie_for_ever_is_asked_over_tcp_after_the_second(count):
    with UdpPeer(lambda datagram: datagram.send(with_cookie(datagram, BADCOOKIE))) as peer:
        done = scan("-r", peer.address, *FAST, "--stats", "json", names=names(count))

    assert verdicts(done) == {("taken", None): count}
    assert {row.get("x") for row in done.rows} == {None}
    assert max(Counter(peer.names).values()) == 2
    assert over_tcp(peer) == set(names(count).split())
    assert books_are_right(done)


def test_badcookie_for_ever_without_tcp_is_asked_without_edns():
    def script(datagram: Datagram) -> None:
        datagram.send(with_cookie(datagram, BADCOOKIE) if datagram.query.has_edns else response(datagram.query))

    with UdpOnlyPeer(script) as peer:
        done = scan("-r", peer.address, *FAST, names=names(40))

    assert verdicts(done) == {("taken", None): 40}


def test_badcookie_to_what_had_no_cookie_is_the_servers_answer():
    """One that says so whatever it is asked; its RCODE needs an OPT record, which nobody wanted."""

    def script(datagram: Datagram) -> None:
        octets = response(datagram.query, BADCOOKIE & 15)
        octets = octets[:10] + b"\0\1" + octets[12 : len(octets) - 11 * datagram.query.has_edns]
        datagram.send(octets + b"\0" + struct.pack("!HHIH", 41, 1232, 1 << 24, 0))

    with UdpOnlyPeer(script) as peer:
        done = scan("-r", peer.address, *FAST, "--no-second-pass", names=names(20))

    assert verdicts(done) == {("error", "rcode23"): 20}
    assert {row["r"] for row in done.rows} == {BADCOOKIE}


def test_badcookie_over_tcp_too_is_asked_without_edns():
    def tcp(talk: Talk) -> None:
        for query in talk.queries():
            octets = extended(query, BADCOOKIE) if query.has_edns else response(query)
            talk.send(struct.pack("!H", len(octets)) + octets)

    def script(datagram: Datagram) -> None:
        datagram.send(with_cookie(datagram, BADCOOKIE) if datagram.query.has_edns else response(datagram.query))

    with UdpPeer(script, tcp_script=tcp) as peer:
        done = scan("-r", peer.address, *FAST, names=names(10))

    assert verdicts(done) == {("taken", None): 10}


def test_a_server_that_spoils_our_half_of_the_cookie_is_asked_over_tcp():
    with UdpPeer(lambda datagram: datagram.send(with_cookie(datagram, half=b"notours!"))) as peer:
        done = scan("-r", peer.address, *FAST, "--rate", 400, names=names(200))

    assert verdicts(done) == {("taken", None): 200}
    assert 1 <= len(over_tcp(peer)) < 150


# -- size --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rcode", "shown"), [(0, 0), (NXDOMAIN, 3), (SERVFAIL, 2)])
def test_what_is_truncated_and_cannot_be_had_over_tcp_says_so_at_once(rcode, shown):
    with UdpOnlyPeer(lambda datagram: cut(datagram, rcode)) as peer:
        began = time.monotonic()
        done = scan("-r", peer.address, "--fields", "why", "--stats", "json", names=names(50))
        took = time.monotonic() - began

    assert verdicts(done) == {("error", "truncated"): 50}
    assert {(row["r"], row["re"]) for row in done.rows} == {(shown, shown == 0)}
    assert max(row["ms"] for row in done.rows) < 1000
    assert took < 5
    assert done.code == 0
    assert f"tcp://127.0.0.1:{peer.port}: " in done.err
    assert books_are_right(done)


def bare(flags: int) -> Callable[[Datagram], None]:
    """A script: a header alone, with TC, as boxes before a server send to have it asked over TCP."""
    return lambda datagram: datagram.send(struct.pack("!6H", datagram.query.message_id, flags, 0, 0, 0, 0))


@pytest.mark.parametrize("flags", [0x8200, 0x8780, 0x8303], ids=["QR TC", "as a resolver's", "with NXDOMAIN"])
@pytest.mark.parametrize("with_probes", [False, True])
def test_a_bare_header_with_tc_is_asked_over_tcp_at_once(flags, with_probes):
    with UdpPeer(bare(flags), with_probes=with_probes) as peer:
        done = scan("-r", peer.address, "--strict", names=names(30) + "nx.example\n")

    assert verdicts(done) == {("taken", None): 30, ("nxdomain", None): 1}
    assert max(row["ms"] for row in done.rows) < 2000
    assert {row.get("x") for row in done.rows} == {None}


def test_a_bare_header_with_tc_from_elsewhere_or_with_another_id_is_a_stray():
    def script(datagram: Datagram) -> None:
        header = struct.pack("!6H", datagram.query.message_id, 0x8200, 0, 0, 0, 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
            datagram.send(header, elsewhere)
        datagram.send(bytes([header[0] ^ 1]) + header[1:])
        datagram.send(header[:3] + b"\x00" + header[4:11])  # not even a header
        datagram.answer()

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, names=names(30))

    assert verdicts(done) == {("taken", None): 30}
    assert over_tcp(peer) == set()


@pytest.mark.parametrize("tcp_script", [closed, silent], ids=["closes", "silent"])
def test_truncated_and_a_tcp_port_that_answers_nothing(tcp_script):
    with UdpPeer(cut, tcp_script=tcp_script) as peer:
        done = scan("-r", peer.address, *FAST, names=names(20))

    assert verdicts(done) == {("error", "truncated"): 20}
    assert {row["r"] for row in done.rows} == {0}


def test_truncated_and_a_tcp_port_that_drops_everything():
    """A full queue of connections: the kernel answers no SYN."""
    with UdpOnlyPeer(cut) as peer, socket.socket() as full:
        full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        full.bind(("127.0.0.1", peer.port))
        full.listen(0)
        with socket.socket() as first, socket.socket() as second:
            for one in (first, second):
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", peer.port))
            done = scan("-r", peer.address, *FAST, names=names(20))

    assert verdicts(done) == {("error", "truncated"): 20}
    assert max(row["ms"] for row in done.rows) < 1500


def test_a_name_that_comes_later_than_the_failure_does_not_wait():
    with UdpOnlyPeer(cut) as peer:
        run = start("-r", peer.address)
        rows = fed(run, [names(10, f"turn{turn}x") for turn in range(3)], 0.5)
        run.stdout.close()
        run.stderr.close()

    assert Counter(row.get("e") for row in rows) == {"truncated": 30}
    assert max(row["ms"] for row in rows) < 700


def test_truncated_is_tried_at_the_second_resolver_first():
    with UdpOnlyPeer(cut) as here, UdpPeer() as there:
        done = scan("-r", here.address, "-r", there.address, *FAST, names=names(60))

    assert verdicts(done) == {("taken", None): 60}


def test_truncated_is_tried_at_the_second_resolver_even_without_retries():
    with UdpOnlyPeer(cut) as here, UdpPeer() as there:
        done = scan("-r", here.address, "-r", there.address, *FAST, "--retries", 0, names=names(60))

    assert verdicts(done) == {("taken", None): 60}


def test_truncated_in_another_case_is_truncated():
    def script(datagram: Datagram) -> None:
        octets = response(datagram.query, question=datagram.query.question.lower())
        datagram.send(octets[:2] + bytes([octets[2] | 2]) + octets[3:])

    with UdpOnlyPeer(script) as peer:
        done = scan("-r", peer.address, *FAST, names=names(30, "longername"))

    assert verdicts(done) == {("error", "truncated"): 30}


def test_truncated_in_the_middle_of_a_record_is_truncated():
    def script(datagram: Datagram) -> None:
        octets = response(datagram.query)
        datagram.send(octets[:2] + bytes([octets[2] | 2]) + octets[3:-15])

    with UdpOnlyPeer(script) as peer:
        done = scan("-r", peer.address, *FAST, names=names(30))

    assert verdicts(done) == {("error", "truncated"): 30}
    assert {row["r"] for row in done.rows} == {0}


def test_five_thousand_truncated_names():
    with UdpOnlyPeer(cut) as peer:
        done = scan("-r", peer.address, "--stats", "json", names=names(5000))

    assert verdicts(done) == {("error", "truncated"): 5000}
    assert books_are_right(done)
    assert stats_of(done)["seconds"] < 6


def test_truncated_at_both_is_truncated():
    with UdpOnlyPeer(cut) as here, UdpOnlyPeer(cut) as there:
        done = scan("-r", here.address, "-r", there.address, *FAST, names=names(30))

    assert verdicts(done) == {("error", "truncated"): 30}
    assert max(row["ms"] for row in done.rows) < 3000


def test_truncated_beside_a_resolver_that_is_asked_over_tcp():
    with UdpOnlyPeer(cut) as here, DnsPeer() as there:
        done = scan("-r", here.address, "-r", f"tcp://{there.address}", *FAST, names=names(60))

    assert verdicts(done) == {("taken", None): 60}


# -- case --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "options"), [(1, ("--retries", 0)), (1, ()), (500, ()), (500, ("--threads", 2))], ids=str
)
def test_a_server_that_changes_the_case_and_has_no_tcp_is_believed_after_a_few(count, options):
    with UdpOnlyPeer(lower) as peer:
        done = scan("-r", peer.address, *options, "--stats", "json", names=names(count, "longername"))

    assert verdicts(done) == {("taken", None): count}
    assert done.err.count("--no-0x20") == 1
    assert max(row["ms"] for row in done.rows) < 1500
    assert books_are_right(done)


@pytest.mark.parametrize("tcp_script", [closed, silent], ids=["closes", "silent"])
def test_a_server_that_changes_the_case_and_answers_nothing_over_tcp(tcp_script):
    with UdpPeer(lower, tcp_script=tcp_script) as peer:
        done = scan("-r", peer.address, *FAST, names=names(50, "longername"))

    assert verdicts(done) == {("taken", None): 50}
    assert done.err.count("--no-0x20") == 1


def test_a_server_that_changes_the_case_and_has_tcp_is_never_believed():
    with UdpPeer(lower) as peer:
        done = scan("-r", peer.address, *FAST, names=names(300, "longername"))

    assert over_tcp(peer) == set(names(300, "longername").split())
    assert "0x20" not in done.err


# -- EDNS --------------------------------------------------------------------------------------------------------


def drops_edns(datagram: Datagram) -> None:
    if not datagram.query.has_edns:
        honest(datagram)


def drops_edns_on_tcp(talk: Talk) -> None:
    for query in talk.queries():
        if not query.has_edns:
            talk.answer(query)


@pytest.mark.parametrize("count", [1, 300])
def test_a_server_that_drops_edns_over_udp_is_asked_without(count):
    with UdpPeer(drops_edns) as peer:
        done = scan("-r", peer.address, *FAST, "--stats", "json", names=names(count))

    assert verdicts(done) == {("taken", None): count}
    assert books_are_right(done)


def test_a_server_that_drops_edns_is_asked_without_in_the_second_pass_where_there_are_no_retries():
    def script(datagram: Datagram) -> None:
        if len(datagram.peer.names) <= 10 or not datagram.query.has_edns:
            honest(datagram)

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, *FAST, "--retries", 0, names=names(30))

    assert verdicts(done) == {("taken", None): 30}


@pytest.mark.parametrize("options", [("--workers", 2), FAST])
def test_a_server_that_closes_on_edns(options):
    def tcp(talk: Talk) -> None:
        for query in talk.queries():
            if query.has_edns:
                return
            talk.answer(query)

    with DnsPeer(tcp) as peer:
        done = scan("-r", peer.address, *options, names=names(30))

    assert verdicts(done) == {("taken", None): 30}


def test_a_server_that_closes_on_edns_where_a_datagram_is_truncated():
    def tcp(talk: Talk) -> None:
        for query in talk.queries():
            if query.has_edns:
                return
            talk.answer(query)

    with UdpPeer(cut, tcp_script=tcp) as peer:
        done = scan("-r", peer.address, *FAST, names=names(30))

    assert verdicts(done) == {("taken", None): 30}


def test_a_server_that_drops_edns_is_learned():
    with UdpPeer(drops_edns) as peer:
        done = scan("-r", peer.address, *FAST, "--rate", 500, names=names(1500))

    assert verdicts(done) == {("taken", None): 1500}
    assert sum(each.query.has_edns for each in peer.asked) < 600
    assert not any(each.query.has_edns for each in peer.asked[-100:])


@pytest.mark.parametrize("workers", [1, 16])
@pytest.mark.parametrize("count", [1, 300])
def test_a_server_that_drops_edns_over_tcp_is_asked_without(count, workers):
    with DnsPeer(drops_edns_on_tcp) as peer:
        done = scan("-r", peer.address, *FAST, "--workers", workers, names=names(count))

    assert verdicts(done) == {("taken", None): count}


def test_a_server_that_drops_edns_from_some_time_on():
    def script(datagram: Datagram) -> None:
        if len(datagram.peer.names) <= 100 or not datagram.query.has_edns:
            honest(datagram)

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, *FAST, names=names(400))

    assert verdicts(done) == {("taken", None): 400}


@pytest.mark.parametrize("rcode", [BADVERS, FORMERR, 4])
def test_edns_that_is_refused_is_asked_without_and_learned_over_udp(rcode):
    def script(datagram: Datagram) -> None:
        datagram.send(extended(datagram.query, rcode) if datagram.query.has_edns else response(datagram.query))

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, *FAST, "--rate", 200, names=names(100))

    assert verdicts(done) == {("taken", None): 100}
    assert {row.get("x") for row in done.rows} == {None}
    if rcode == BADVERS:
        assert sum(each.query.has_edns for each in peer.asked) < 50


def test_badvers_over_tcp_is_asked_without_edns_and_learned():
    def tcp(talk: Talk) -> None:
        for query in talk.queries():
            octets = extended(query, BADVERS) if query.has_edns else response(query)
            talk.send(struct.pack("!H", len(octets)) + octets)

    with DnsPeer(tcp) as peer:
        done = scan("-r", peer.address, *FAST, "--workers", 1, names=names(300))

    assert verdicts(done) == {("taken", None): 300}
    assert sum(query.has_edns for query in peer.asked) < 150


def test_a_server_that_learns_edns_again_gets_it_again():
    def script(datagram: Datagram) -> None:
        if len(datagram.peer.asked) > 100 or not datagram.query.has_edns:
            honest(datagram)
        else:
            datagram.answer(FORMERR)

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, *FAST, names=names(4000))

    assert verdicts(done) == {("taken", None): 4000}
    assert sum(each.query.has_edns for each in peer.asked) > 1000
