"""What answers no query is no life: a peer that only sends octets is given up after one attempt's time, and its names
go elsewhere for nothing. A slow but honest one is kept."""

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from command import Scan, scan
from dns_peer import DnsPeer, Talk, frame, good, response
from socks_peer import SocksPeer
from udp_peer import UdpPeer, cut

TIMEOUT_MS, DEADLINE_MS = 600, 4000
LATE_MS = 250  # after its deadline a name has its line
NAMES = [f"{kind}{number}.example" for kind in ("is", "nx") for number in range(30)]
ARGS = ("--timeout-ms", TIMEOUT_MS, "--deadline-ms", DEADLINE_MS, "--workers", 4)


# -- peers that live and answer nothing ------------------------------------------------------------------------------


def every(seconds: float, octets: bytes) -> Callable[[Talk], None]:
    """Sends the octets time and again, whatever is asked."""

    def script(talk: Talk) -> None:
        talk.connection.setblocking(False)
        while True:
            with contextlib.suppress(BlockingIOError):
                if not talk.connection.recv(65536):
                    return
            talk.connection.setblocking(True)
            talk.send(octets)
            talk.connection.setblocking(False)
            time.sleep(seconds)

    return script


def other_ids(talk: Talk) -> None:
    for query in talk.queries():
        talk.answer(query, change_id=1)


def other_questions(talk: Talk) -> None:
    for query in talk.queries():
        talk.answer(query, question=b"\x05other\x07example\x00" + query.question[-4:])


def echo(talk: Talk) -> None:
    while octets := talk.connection.recv(65536):
        talk.send(octets)


def half_a_header(talk: Talk) -> None:
    talk.query()
    talk.send(b"\x01")
    talk.wait_for_close()


def header_and_no_message(talk: Talk) -> None:
    talk.query()
    talk.send(b"\xff\xff")
    talk.wait_for_close()


def half_a_message(talk: Talk) -> None:
    talk.send(frame(response(talk.query()))[:20])
    talk.wait_for_close()


def empty_frames_when_asked(talk: Talk) -> None:
    for _ in talk.queries():
        for _ in range(5):
            talk.send(b"\0\0")
            time.sleep(0.1)


def noise_after(count: int) -> Callable[[Talk], None]:
    """Honest for `count` answers, on each connection; then one octet at a time of a message that never ends."""

    def script(talk: Talk) -> None:
        for _ in range(count):
            talk.answer(talk.query())
        talk.send(b"\xff\xff")
        every(0.1, b"\0")(talk)

    return script


def noise_after_few(talk: Talk) -> None:
    for _ in range(5):
        talk.answer(talk.query())
    talk.send(b"\xff\xff")
    while True:
        time.sleep(0.1)
        talk.send(b"\0")


LIVELY = {
    "an octet now and then": every(0.15, b"\0"),
    "a header that never ends": half_a_header,
    "a header without its message": header_and_no_message,
    "half a message": half_a_message,
    "a message of 65,535 octets, one at a time": lambda talk: (talk.send(b"\xff\xff"), every(0.15, b"\0")(talk)),
    "an empty frame now and then": every(0.3, b"\0\0"),
    "a frame of two octets now and then": every(0.3, b"\0\2\0\0"),
    "other IDs": other_ids,
    "other questions": other_questions,
    "the queries themselves": echo,
    "noise after a few answers": noise_after(7),
}


def assert_right(done: Scan, names: list[str] = NAMES) -> None:
    assert done.code == 0, done.err
    assert sorted(row["d"] for row in done.rows) == sorted(names)
    wrong = [row for row in done.rows if row["s"] != ("nxdomain" if row["d"].startswith("nx") else "taken")]
    assert wrong == []


@pytest.mark.parametrize("script", LIVELY.values(), ids=LIVELY.keys())
@pytest.mark.parametrize("pipeline", ["auto", 8])
def test_beside_an_honest_resolver_its_names_go_there_for_nothing(script, pipeline):
    with DnsPeer(script) as noisy, DnsPeer(good) as honest:
        began = time.monotonic()
        done = scan("-r", noisy.address, "-r", honest.address, *ARGS, "--pipeline", pipeline, names="\n".join(NAMES))
        took_s = time.monotonic() - began

    assert_right(done)
    assert [row for row in done.rows if "x" in row] == []
    assert all(row["ms"] <= TIMEOUT_MS for row in done.rows)
    assert took_s < 2 * TIMEOUT_MS / 1000 + 5


@pytest.mark.parametrize("trouble", sorted(LIVELY.keys() - {"noise after a few answers"}))  # which answers some
def test_alone_it_is_a_failing_path_and_names_end_in_time(trouble):
    with DnsPeer(LIVELY[trouble]) as noisy:
        done = scan("-r", noisy.address, *ARGS, names="\n".join(NAMES))

        assert noisy.connections <= 4 + 1 + 4  # of the workers; of the question before the scan; later tries

    assert done.code == 3
    assert sorted(row["d"] for row in done.rows) == sorted(NAMES)
    assert {row["e"] for row in done.rows} <= {"timeout", "connection"}
    assert all(row["ms"] <= DEADLINE_MS + LATE_MS for row in done.rows)
    assert "Traceback" not in done.err


def test_one_that_answers_a_few_on_each_connection_answers_all():
    with DnsPeer(noise_after(3)) as peer:
        done = scan("-r", peer.address, *ARGS, "--deadline-ms", 10_000, names="\n".join(NAMES))

    assert_right(done)


def silent_after(count: int) -> Callable[[Talk], None]:
    """Honest for `count` answers, on each connection; then it says nothing there any more."""

    def script(talk: Talk) -> None:
        for _ in range(count):
            talk.answer(talk.query())
        talk.wait_for_close()

    return script


@pytest.mark.parametrize("count", [2, 9])
def test_one_that_falls_silent_after_a_few_on_each_connection_answers_all(count):
    names = [f"is{number}.example" for number in range(120)]
    with DnsPeer(silent_after(count)) as peer:
        done = scan("-r", peer.address, *ARGS, "--deadline-ms", 10_000, names="\n".join(names))

    assert_right(done, names)


def test_of_what_a_datagram_could_not_hold_it_answers_all_too():
    names = [f"is{number}.example" for number in range(60)]
    with UdpPeer(cut, tcp_script=silent_after(9)) as peer:
        done = scan("-r", peer.address, *ARGS, "--deadline-ms", 10_000, names="\n".join(names))

    assert_right(done, names)


def test_of_one_that_takes_connections_and_says_nothing_it_is_said_that_nothing_came():
    with DnsPeer(Talk.wait_for_close) as silent:
        done = scan("-r", silent.address, *ARGS, names="\n".join(NAMES))

    assert done.code == 3
    assert {(row["d"], row["e"]) for row in done.rows} == {(name, "timeout") for name in NAMES}
    assert "answered nothing" in done.err
    assert "closed" not in done.err


@pytest.mark.parametrize("script", [every(0.15, b"\0"), every(0.3, b"\0\0"), other_ids],
                         ids=["an octet", "an empty frame", "other IDs"])  # fmt: skip
def test_behind_a_proxy_names_go_to_another_proxy_for_nothing(script):
    """The path is the proxy's: what comes through it is noise, whoever makes it."""
    with DnsPeer(good) as honest, DnsPeer(script) as noisy, SocksPeer() as fine:

        def misled(client) -> None:
            client.agree()
            client.send(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x1f\x90")
            client.relay(("127.0.0.1", noisy.port))

        with SocksPeer(misled) as bad:
            done = scan("-r", honest.address, "--proxy", bad.url, "--proxy", fine.url, *ARGS, names="\n".join(NAMES))

    assert_right(done)
    assert [row for row in done.rows if "x" in row] == []


# -- over TLS --------------------------------------------------------------------------------------------------------


@dataclass
class TlsPeer(DnsPeer):
    """The same over TLS."""

    context: ssl.SSLContext = field(default_factory=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    @property
    def address(self) -> str:
        return f"tls://127.0.0.1:{self.port}#dns.example.test"

    def serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError), self.context.wrap_socket(connection, server_side=True) as stream:
            self.script(Talk(stream, self))


@pytest.mark.parametrize("script", [half_a_header, half_a_message, other_ids, empty_frames_when_asked, noise_after_few],
                         ids=lambda each: each.__name__)  # fmt: skip
def test_over_tls_too(script, tmp_path):
    trustme = pytest.importorskip("trustme")
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("dns.example.test").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with TlsPeer(script, context=context) as noisy, TlsPeer(good, context=context) as honest:
        done = scan("-r", noisy.address, "-r", honest.address, *ARGS, names="\n".join(NAMES),
                    SSL_CERT_FILE=str(tmp_path / "ca.pem"))  # fmt: skip

    assert_right(done)
    assert [row for row in done.rows if "x" in row] == []


# -- peers that are slow and honest ----------------------------------------------------------------------------------


def answers_after(seconds: float) -> Callable[[Talk], None]:
    """Each answer so long after its query, many at once."""

    def script(talk: Talk) -> None:
        waiting: list[tuple[float, bytes]] = []
        talk.connection.settimeout(0.01)
        while True:
            with contextlib.suppress(TimeoutError):
                query = talk.query()
                waiting.append((time.monotonic() + seconds, frame(response(query))))
            while waiting and waiting[0][0] <= time.monotonic():
                talk.send(waiting.pop(0)[1])

    return script


def large_and_slow(talk: Talk) -> None:
    """Each answer has 30,000 octets and takes 0.7 of an attempt's time to arrive, piece by piece."""
    for query in talk.queries():
        message = response(query)
        octets = frame(message + bytes(30_000 - len(message)))
        for at in range(0, len(octets), 3_000):
            talk.send(octets[at : at + 3_000])
            time.sleep(0.7 * TIMEOUT_MS / 1000 / 11)


def test_a_server_that_takes_nearly_an_attempts_time_is_kept():
    with DnsPeer(answers_after(0.85 * TIMEOUT_MS / 1000)) as peer:
        done = scan("-r", peer.address, *ARGS, names="\n".join(NAMES))

        assert peer.connections <= 4 + 1

    assert_right(done)
    assert [row for row in done.rows if "x" in row] == []


def test_an_answer_that_comes_piece_by_piece_within_an_attempts_time_is_read():
    names = NAMES[:6]
    with DnsPeer(large_and_slow) as peer:
        done = scan("-r", peer.address, *ARGS, "--workers", 2, "--pipeline", 1, names="\n".join(names))

        assert peer.connections <= 2 + 2  # of the workers; of the questions before the scan

    assert_right(done, names)
    assert [row for row in done.rows if "x" in row] == []


def test_names_that_are_never_answered_end_no_connection_that_answers_others():
    """A third of the names, and they get messages that answer nothing."""

    def script(talk: Talk) -> None:
        for query in talk.queries():
            if query.name.startswith("never"):
                talk.answer(query, change_id=1)
            else:
                time.sleep(0.004)
                talk.answer(query)

    good_names = [f"is{number}.example" for number in range(900)]
    bad_names = [f"never{number}.example" for number in range(30)]
    names = [name for at in range(900) for name in (good_names[at], *bad_names[at // 30 : at // 30 + (at % 30 == 0)])]
    with DnsPeer(script) as peer:
        done = scan("-r", peer.address, *ARGS, "--workers", 1, "--retries", 0, "--no-second-pass",
                    names="\n".join(names))  # fmt: skip

        # two at its end, where nothing else is asked; more where a busy machine reads no answer in an attempt
        assert peer.connections <= 1 + 1 + len(bad_names) // 2

    assert {row["s"] for row in done.rows if row["d"].startswith("is")} == {"taken"}
    assert {row.get("e") for row in done.rows if row["d"].startswith("never")} == {"timeout"}
