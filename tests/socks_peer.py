"""A scripted SOCKS5 proxy on loopback: an honest one, and every kind of bad one that the tests ask for.

A script is a function of one `Client` (one connection, in a thread of its own); when it returns, the
connection closes.
"""

import contextlib
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from listener import Listener

NO_AUTH, PASSWORD, NONE_FITS = 0, 2, 255
BOUND = b"\x01\x7f\x00\x00\x01\x1f\x90"  # the address part of a reply: IPv4, 127.0.0.1, port 8080


class Client:
    """One connection from the proxy's side; at most `budget` octets are sent; `drip` sends them singly."""

    def __init__(self, connection: socket.socket, budget: int | None = None, drip: bool = False):
        self.connection = connection
        self.budget = budget
        self.drip = drip

    def octets(self, count: int) -> bytes:
        """Exactly `count` octets, or EOFError."""
        got = b""
        while len(got) < count:
            more = self.connection.recv(count - len(got))
            if not more:
                raise EOFError
            got += more
        return got

    def send(self, octets: bytes) -> None:
        """Send within the budget; EOFError when it is used up."""
        within = octets if self.budget is None else octets[: self.budget]
        for piece in [within[at : at + 1] for at in range(len(within))] if self.drip else [within]:
            self.connection.sendall(piece)
            if self.drip:
                time.sleep(0.002)
        if self.budget is not None:
            self.budget -= len(within)
            if len(within) < len(octets) or self.budget == 0:
                raise EOFError

    def methods(self) -> bytes:
        """Read the greeting; returns the methods that the client offers (RFC 1928 section 3)."""
        version, count = self.octets(2)
        assert version == 5
        return self.octets(count)

    def credentials(self) -> tuple[bytes, bytes]:
        """Read user and password (RFC 1929 section 2)."""
        self.octets(1)
        user = self.octets(self.octets(1)[0])
        return user, self.octets(self.octets(1)[0])

    def request(self) -> tuple[str, int]:
        """Read a CONNECT request; returns the target (RFC 1928 section 4)."""
        version, command, _, kind = self.octets(4)
        assert (version, command) == (5, 1)
        if kind == 1:
            host = socket.inet_ntop(socket.AF_INET, self.octets(4))
        elif kind == 4:
            host = socket.inet_ntop(socket.AF_INET6, self.octets(16))
        else:
            host = self.octets(self.octets(1)[0]).decode("ascii")
        (port,) = struct.unpack("!H", self.octets(2))
        return host, port

    def agree(self, with_password: bool = False) -> tuple[str, int]:
        """The polite opening up to the request."""
        self.methods()
        self.send(bytes((5, PASSWORD if with_password else NO_AUTH)))
        if with_password:
            self.credentials()
            self.send(b"\x01\x00")
        return self.request()

    def relay(self, target: tuple[str, int], most: int = sys.maxsize) -> None:
        """Carry octets both ways until one side closes, or `most` have come back."""
        with socket.create_connection(target, timeout=5) as onward:
            onward.settimeout(None)
            back = threading.Thread(target=carry, args=(onward, self.connection, most), daemon=True)
            back.start()
            carry(self.connection, onward)
            back.join(5)


def carry(source: socket.socket, sink: socket.socket, most: int = sys.maxsize) -> None:
    """Until the source ends, or `most` octets are through; then both ends are closed."""
    with contextlib.suppress(OSError):
        while most and (octets := source.recv(min(65536, most))):
            sink.sendall(octets)
            most -= len(octets)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def honest(client: Client) -> None:
    """A proxy as it should be."""
    target = client.agree()
    client.send(b"\x05\x00\x00" + BOUND)
    client.relay(target)


def cut_after(count: int, with_password: bool) -> Callable[[Client], None]:
    """An honest proxy that closes once it has sent `count` octets."""

    def script(client: Client) -> None:
        client.budget = count
        if count == 0:
            client.octets(1)
            return
        target = client.agree(with_password)
        client.send(b"\x05\x00\x00" + BOUND)
        client.relay(target)

    return script


@dataclass
class SocksPeer(Listener):
    """`with SocksPeer(script) as peer:` then `--proxy peer.url`."""

    scheme: ClassVar[str] = "socks5"
    script: Callable[[Client], None] = honest

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def url_with(self, user: str, password: str) -> str:
        return f"{self.scheme}://{user}:{password}@127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        self.script(Client(connection))
