"""A scripted DNS-over-TCP server on loopback, for the answers that no real server gives.

A script is a function of one `Talk` (one connection, in a thread of its own); when it returns, the connection
closes. Its codec is a dozen lines, none of them the program's. In its zone a name exists when its last label is
`example` and its first does not begin with `nx`.
"""

import contextlib
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from listener import Listener

NOERROR, FORMERR, SERVFAIL, NXDOMAIN, REFUSED = 0, 1, 2, 3, 5
QR, RD, RA = 0x8000, 0x0100, 0x0080
OPT = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)


@dataclass(frozen=True)
class Query:
    """One query as it came: `name` in lower case without the last dot, `question` its octets."""

    message_id: int
    name: str
    qtype: int
    question: bytes
    has_edns: bool
    octets: bytes = field(default=b"", compare=False, repr=False)

    @property
    def exists(self) -> bool:
        labels = self.name.split(".")
        return labels[-1] == "example" and not labels[0].startswith("nx")


def parse(message: bytes) -> Query:
    """A query's octets; raises on anything that a stub resolver should not send."""
    message_id, flags, questions, answers, authorities, additional = struct.unpack_from("!6H", message)
    assert not flags & QR
    assert (questions, answers, authorities) == (1, 0, 0)
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]])
        at += 1 + message[at]
    name = b".".join(labels).decode("ascii").lower()
    (qtype,) = struct.unpack_from("!H", message, at + 1)
    return Query(message_id, name, qtype, message[12 : at + 5], additional > 0, message)


def response(
    query: Query,
    rcode: int | None = None,
    *,
    flags: int = QR,
    change_id: int = 0,
    question: bytes | None = None,
) -> bytes:
    """A response message: the zone's answer, or `rcode` with nothing in it."""
    code = (NOERROR if query.exists else NXDOMAIN) if rcode is None else rcode
    target = b"\xc0\x0c"
    soa = target + target + struct.pack("!5I", 1, 3600, 600, 86400, 300)
    count, answer, authority = 0, b"", b""
    if code == NOERROR and query.qtype == 1:
        count, answer = 1, target + struct.pack("!HHIH", 1, 1, 300, 4) + bytes((192, 0, 2, 1))
    elif code == NOERROR:
        count, answer = 1, target + struct.pack("!HHIH", query.qtype, 1, 300, 2) + target
    elif code == NXDOMAIN:
        authority = target + struct.pack("!HHIH", 6, 1, 300, len(soa)) + soa
    opt = OPT if query.has_edns else b""
    head = struct.pack(
        "!6H", query.message_id ^ change_id, flags | RD | RA | code, 1, count, bool(authority), bool(opt)
    )
    return head + (query.question if question is None else question) + answer + authority + opt


def bare_response(query: bytes, rcode: int) -> bytes:
    """A response to a query's octets with nothing in it but the question and an OPT record."""
    head = query[:2] + struct.pack("!5H", QR | RD | RA | rcode, 1, 0, 0, 1)
    return head + query[12 : query.index(b"\0", 12) + 5] + OPT


def frame(message: bytes) -> bytes:
    """A message with its length before it (RFC 1035 section 4.2.2)."""
    return struct.pack("!H", len(message)) + message


class Talk:
    """One connection from the server's side."""

    def __init__(self, connection: socket.socket, peer: "DnsPeer"):
        self.connection = connection
        self.peer = peer

    def octets(self, count: int) -> bytes:
        """Exactly `count` octets, or EOFError."""
        got = b""
        while len(got) < count:
            more = self.connection.recv(count - len(got))
            if not more:
                raise EOFError
            got += more
        return got

    def query(self) -> Query:
        """The next query, or EOFError."""
        (length,) = struct.unpack("!H", self.octets(2))
        query = parse(self.octets(length))
        with self.peer.lock:
            self.peer.asked.append(query)
        return query

    def queries(self) -> Iterator[Query]:
        """Every query until the client closes."""
        with contextlib.suppress(EOFError):
            while True:
                yield self.query()

    def send(self, octets: bytes) -> None:
        self.connection.sendall(octets)

    def answer(self, query: Query, rcode: int | None = None, **lies) -> None:
        self.send(frame(response(query, rcode, **lies)))

    def wait_for_close(self) -> None:
        """Say nothing more until the client leaves."""
        while self.connection.recv(65536):
            pass


def good(talk: Talk) -> None:
    """The honest script."""
    for query in talk.queries():
        talk.answer(query)


@dataclass
class DnsPeer(Listener):
    """`with DnsPeer(script) as peer:` then `-r peer.address`."""

    script: Callable[[Talk], None] = good
    asked: list[Query] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def names_asked(self) -> list[str]:
        with self.lock:
            return [query.name for query in self.asked]

    def serve(self, connection: socket.socket) -> None:
        self.script(Talk(connection, self))
