"""Fuzzing of the native receive paths with coverage; `scripts/fuzz` builds them for it and runs this.

An input is a response to `a.com NS`. Its first two octets, which would be the message ID, say how it comes: all fields
or none, its format, and in what pieces. Whatever it is, the name has its line or waits, and the table of verdicts, as
dnspython reads it, has nothing against that. For `message` they are the type asked, and each record is held to
dnspython; for `fingerprint` too, and verdict, fields and fingerprint are held to the table.
"""

import contextlib
import socket
import sys
from functools import partial

import atheris
import orjson
from make_corpus import QUESTION
from mutations import NAME, contradiction
from record_oracle import disputed
from test_fuzz import Victim, disagrees
from verdict_table import verdict

from scanner.datagrams.address import Address
from scanner.datagrams.sockets import port_opener
from scanner.input.line import classify_line
from scanner.model import FIELDS, FORMATS
from scanner.native.jobs.pool import JobPool
from scanner.native.output.bare_names import NamesWriter
from scanner.native.output.buffer import LineBuffer
from scanner.native.output.compact import CompactWriter
from scanner.native.output.fields import ResponseFields
from scanner.native.path import PathState
from scanner.native.udp.engine import UdpEngine


def check(pool: JobPool, message: bytes) -> None:
    octets = pool.writer.buffer.take()
    assert octets.isascii(), octets
    is_bare = isinstance(pool.writer, NamesWriter)
    rows = [{} if is_bare else orjson.loads(line) for line in octets.splitlines()]
    assert len(rows) + pool.live == 1, (rows, pool.live)
    for row in rows if isinstance(pool.writer, CompactWriter) else ():
        assert (reason := disagrees(row, message)) is None, (reason, row)


def stream(data: bytes) -> None:
    """Framed, in pieces of as many octets as the second says."""
    if len(data) < 2:
        return
    victim = Victim(fields=FIELDS if data[0] & 1 else (), format=FORMATS[data[0] >> 1 & 3])
    ((message_id, _),) = victim.ids()
    message = message_id + data[2:]
    framed, piece = len(message).to_bytes(2, "big") + message, data[1] or len(message) + 2
    for at in range(0, len(framed), piece):
        victim.session.receive(framed[at : at + piece], 1.0)
    check(victim.pool, message)


class Server:
    """One socket, which an engine of its own asks for each input."""

    def __init__(self) -> None:
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)  # loopback delivers at once
        self.opener = port_opener((), rcvbuf=1 << 16, sndbuf=1 << 16, port_range=None)

    def engine(self, pool: JobPool, case: bool) -> UdpEngine:
        address = Address(PathState(), "127.0.0.1", self.socket.getsockname()[1], 0, b"")
        return UdpEngine(pool, [address], open_port=self.opener, slots=1, case=case)

    def query(self) -> tuple[bytes, tuple[str, int]]:
        """The newest: what one engine asked again is not the next one's."""
        found = [self.socket.recvfrom(4096)]
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self.socket.recvfrom(4096))
        return found[-1]


def datagram(data: bytes, server: Server) -> None:
    """From the right address with the right ID; where the first octet is odd, in the case of the query (0x20) too."""
    if len(data) < 2:
        return
    cased, fields = bool(data[0] & 1), FIELDS if data[1] & 1 else ()
    pool = JobPool(LineBuffer(), (2,), classify_line=classify_line, room_made=lambda: None, retries=0, deadline_s=1e9,
                   fields=fields, format=FORMATS[data[1] >> 1 & 3])  # fmt: skip
    pool.feed(b"a.com\n")
    engine = server.engine(pool, cased)
    try:
        engine.turn(1.0)
        query, source = server.query()
        message = query[:2] + data[2:]
        if cased and len(message) >= 19:
            message = message[:12] + query[12:19] + message[19:]
        server.socket.sendto(message, source)
        engine.turn(1.1)
        check(pool, message[:2048])
    finally:
        engine.close()


def message(data: bytes, fields: ResponseFields) -> None:
    """Every field, of octets that only have the right question."""
    if len(data) < 12:
        return
    octets = data[:4] + b"\0\1" + data[6:12] + QUESTION + data[12 + len(QUESTION) :]
    told = fields.describe(octets, b"a.com", int.from_bytes(data[:2], "big"))
    assert told.isascii(), told
    assert (reason := disputed(orjson.loads(b"{" + told[1:] + b"}"), octets)) is None, reason


def fingerprint(data: bytes) -> None:
    """Of a response to any type that says that the name exists; the mutations of `mutations.py` hold to the same."""
    if len(data) < 12:
        return
    qtype = int.from_bytes(data[:2], "big")
    octets = data[:4] + b"\0\1" + data[6:12] + QUESTION[:-4] + data[:2] + b"\0\1" + data[12 + len(QUESTION) :]
    assert (reason := contradiction(octets, qtype, verdict(octets, NAME, qtype))) is None, reason


if __name__ == "__main__":
    path = sys.argv.pop(1)
    paths = {"stream": stream, "datagram": partial(datagram, server=Server()),
             "message": partial(message, fields=ResponseFields(FIELDS)), "fingerprint": fingerprint}  # fmt: skip
    atheris.Setup(sys.argv, paths[path])
    atheris.Fuzz()
