"""A scripted DNS-over-UDP server on loopback, with an honest one over TCP on the same port."""

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from dns_peer import DnsPeer, Query, Talk, good, parse, response

TC = 2  # in the third octet


@dataclass(frozen=True)
class Datagram:
    """One query as it came over UDP."""

    query: Query
    octets: bytes
    source: tuple
    peer: "UdpPeer"

    def send(self, octets: bytes, sock: socket.socket | None = None) -> None:
        """An answer, from the right address or from another socket."""
        (sock or self.peer.sock).sendto(octets, self.source)

    def answer(self, rcode: int | None = None, **lies) -> None:
        self.send(response(self.query, rcode, **lies))


def honest(datagram: Datagram) -> None:
    datagram.answer()


@dataclass
class UdpPeer:
    """`with UdpPeer(script) as peer:` then `-r peer.address`. `script` is called for each query of a name to
    scan, in one thread."""

    script: Callable[[Datagram], None] = honest
    tcp_script: Callable[[Talk], None] = good
    host: str = "127.0.0.1"
    with_probes: bool = False  # the script answers the questions before the scan too
    asked: list[Datagram] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # of those, without the questions before a scan

    def __enter__(self) -> "UdpPeer":
        for turn in range(5):
            self.tcp = DnsPeer(self.tcp_script)
            self.tcp.__enter__()
            self.port = self.tcp.port
            self.sock = socket.socket(self.family, socket.SOCK_DGRAM)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            try:
                self.sock.bind((self.host, self.port))
                break
            except OSError:  # a source port of some scan that runs beside this
                self.sock.close()
                self.tcp.__exit__()
                if turn == 4:
                    raise
        self.address = f"udp://[{self.host}]:{self.port}" if ":" in self.host else f"udp://{self.host}:{self.port}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.sock.close()
        with contextlib.suppress(OSError), socket.socket(self.family, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", (self.host, self.port))
        self.tcp.__exit__(*failure)

    @property
    def family(self) -> int:
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                octets, source = self.sock.recvfrom(4096)
                if octets:
                    datagram = Datagram(parse(octets), octets, source, self)
                    self.asked.append(datagram)
                    if not is_probe(datagram.query):
                        self.names.append(datagram.query.name)
                    is_honest = is_probe(datagram.query) and not self.with_probes
                    honest(datagram) if is_honest else self.script(datagram)


class UdpOnlyPeer(UdpPeer):
    """Nobody listens at its TCP port."""

    def __enter__(self) -> "UdpOnlyPeer":
        super().__enter__()
        self.tcp.__exit__(None, None, None)
        return self


def cut(datagram: Datagram, rcode: int = 0) -> None:
    """A script: every answer is truncated."""
    octets = response(datagram.query, rcode)
    datagram.send(octets[:2] + bytes([octets[2] | TC]) + octets[3:])


def is_probe(query: Query) -> bool:
    """One of the questions that are asked before a scan, of names that nobody has."""
    return len(query.name.split(".")[0]) == 24
