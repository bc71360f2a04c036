"""The questions before the scan on their own: they are over as soon as their outcome is known. All limits here are far
away."""

import asyncio
import contextlib
import errno
import select
import socket
import threading

import uvloop
from dns_peer import FORMERR, NOERROR, NXDOMAIN, REFUSED, DnsPeer, Talk, parse, response
from udp_peer import Datagram, UdpPeer

from scanner.config.endpoints import resolver_from_text
from scanner.paths.asking import Asking
from scanner.paths.canaries import ask_all
from scanner.paths.canary import INVENTS, canaries_for
from scanner.transports.dial import DialLimits

FAR_S = 600  # no test waits so long
SOON_S = 60
SILENT = "left 2 of 2 questions of known answer unanswered"


def faults(resolvers: list[str], timeout_s: float = FAR_S, qtype: int = 1) -> list[str]:
    """Of each, long before the limit where that is far."""
    askings = [Asking(resolver, canaries_for(resolver, [qtype])) for resolver in map(resolver_from_text, resolvers)]
    ended: list[Asking] = []

    async def asked() -> None:
        limits = DialLimits(asyncio.Semaphore(1), timeout_s, None)
        await asyncio.wait_for(ask_all(askings, (), limits, ended.append), SOON_S)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asked())
    assert sorted(map(id, ended)) == sorted(map(id, askings))
    return [asking.lie or asking.unfinished for asking in askings]


def first_only(rcode: int):
    """A script: the first query is answered, nothing else ever."""

    def script(talk: Talk) -> None:
        talk.answer(talk.query(), rcode)
        talk.wait_for_close()

    return script


def on_each(rcode: int):
    """A script: the same answer to every query."""

    def script(talk: Talk) -> None:
        for query in talk.queries():
            talk.answer(query, rcode)

    return script


def test_one_invented_answer_is_enough():
    with DnsPeer(first_only(NOERROR)) as peer:
        assert faults([f"tcp://{peer.address}"]) == [INVENTS]


def test_what_is_refused_is_not_asked_again():
    with DnsPeer(on_each(REFUSED)) as peer:
        assert faults([f"tcp://{peer.address}"]) == ["has no answer to questions of known answer but refused"]
        assert len(peer.asked) == 2


def test_one_honest_answer_is_not_enough():
    with DnsPeer(first_only(NXDOMAIN)) as peer:
        assert faults([f"tcp://{peer.address}"], timeout_s=2) == [""]  # by a connection for each
    with DnsPeer(first_answered_alone) as peer:
        assert faults([f"tcp://{peer.address}"], timeout_s=0.5) == ["left 1 of 2 questions of known answer unanswered"]


def first_answered_alone(talk: Talk) -> None:
    """A script: only the first name of all is answered."""
    for query in talk.queries():
        if query.name == talk.peer.asked[0].name:
            talk.answer(query, NXDOMAIN)


def test_a_resolver_that_knows_no_edns_is_asked_without_and_found_out_all_the_same():
    def script(talk: Talk) -> None:
        for query in talk.queries():
            talk.answer(query, FORMERR if query.has_edns else NOERROR, flags=0x8000)

    with DnsPeer(script) as peer:
        assert faults([f"tcp://{peer.address}"]) == [INVENTS]


def test_a_resolver_that_invents_answers_is_found_out_over_a_stream():
    with DnsPeer(on_each(NOERROR)) as peer:
        assert faults([f"tcp://{peer.address}"]) == [INVENTS]


def probed(outcome):
    """A peer of datagrams whose every query goes to `outcome`, those before a scan too."""

    class Peer(UdpPeer):
        def serve(self) -> None:
            with contextlib.suppress(OSError):
                while True:
                    octets, source = self.sock.recvfrom(4096)
                    if octets:
                        outcome(Datagram(parse(octets), octets, source, self))

    return Peer()


def test_one_datagram_that_is_invented_is_enough():
    asked = []

    def outcome(datagram: Datagram) -> None:
        asked.append(datagram)
        if len(asked) == 1:
            datagram.answer(NOERROR)

    with probed(outcome) as peer:
        assert faults([peer.address]) == [INVENTS]


def test_a_resolver_that_invents_answers_is_found_out_over_datagrams():
    with probed(lambda datagram: datagram.send(response(datagram.query, NOERROR))) as peer:
        assert faults([peer.address]) == [INVENTS]


def closed_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        return sock.getsockname()[1]


def test_many_resolvers_are_told_apart_and_a_closed_port_keeps_nobody_waiting():
    with (
        probed(lambda datagram: datagram.send(response(datagram.query, NOERROR))) as one,
        probed(lambda datagram: datagram.answer(NXDOMAIN)) as other,
        DnsPeer(on_each(NOERROR)) as stream,
    ):
        asked = [one.address, f"udp://127.0.0.1:{closed_port('127.0.0.1')}", other.address, f"tcp://{stream.address}"]
        assert faults(asked) == [INVENTS, SILENT, "", INVENTS]


def test_of_hundreds_that_answer_at_the_same_moment_none_has_to_be_asked_again():
    """They would have to wait for that: their answers are more than a socket's buffer holds by default."""
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(400)]
        for sock in socks:
            sock.bind(("127.0.0.1", 0))

        def answer_all() -> None:
            asked = [(sock, *sock.recvfrom(4096)) for sock in socks for _ in range(2)]
            for sock, message, source in asked:
                sock.sendto(response(parse(message), NXDOMAIN), source)

        thread = threading.Thread(target=answer_all)
        thread.start()
        found = faults([f"udp://127.0.0.1:{sock.getsockname()[1]}" for sock in socks])
        thread.join()

    assert found == [""] * 400


def test_one_that_is_silent_has_not_passed_and_keeps_no_other_waiting():
    with (
        probed(lambda datagram: None) as silent,
        probed(lambda datagram: datagram.send(response(datagram.query, NOERROR))) as other,
    ):
        assert faults([silent.address, other.address], timeout_s=0.5) == [SILENT, INVENTS]


def test_a_closed_port_of_ipv6_keeps_nobody_waiting():
    one, other = closed_port("::1"), closed_port("127.0.0.1")
    assert faults([f"udp://[::1]:{one}", f"udp://[::ffff:127.0.0.1]:{other}"]) == [SILENT, SILENT]


def test_without_a_descriptor_nothing_is_asked_and_without_datagrams_none_is_taken(monkeypatch):
    def none_left() -> None:
        raise OSError(errno.EMFILE, "none left")

    monkeypatch.setattr(select, "epoll", none_left)
    with DnsPeer(on_each(NOERROR)) as stream:
        assert faults([f"tcp://{stream.address}"]) == [INVENTS]
    assert faults(["udp://127.0.0.1:9", "udp://127.0.0.2:9"]) == [SILENT, SILENT]
