"""A scripted HTTP proxy on loopback: CONNECT, and every kind of reply that the tests ask for."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from socks_peer import Client, SocksPeer

OK = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """A CONNECT as it came: the place in its first line, and its header by name in lower case."""

    target: str
    header: dict[str, str]

    @property
    def place(self) -> tuple[str, int]:
        host, _, port = self.target.rpartition(":")
        return host.strip("[]"), int(port)


def request_of(client: Client) -> Request:
    """Read a request to its empty line; raises on anything that is none."""
    octets = b""
    while not octets.endswith(b"\r\n\r\n"):
        octets += client.octets(1)
    first, *rest = octets.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    method, target, version = first.split(" ")
    assert (method, version) == ("CONNECT", "HTTP/1.1")
    return Request(target, {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)})


def replies(*pieces: bytes, pause_s: float = 0.02) -> Callable[[Client], None]:
    """A proxy that answers so, a segment each, and then carries octets."""

    def script(client: Client) -> None:
        request = request_of(client)
        send_all(client, pieces, pause_s)
        client.relay(request.place)

    return script


def send_all(client: Client, pieces: Sequence[bytes], pause_s: float) -> None:
    """A segment each."""
    for number, piece in enumerate(pieces):
        if number:
            time.sleep(pause_s)
        client.send(piece)


honest = replies(OK)


def says(octets: bytes) -> Callable[[Client], None]:
    """A peer that answers the request so and closes."""

    def script(client: Client) -> None:
        request_of(client)
        client.send(octets)

    return script


@dataclass
class HttpPeer(SocksPeer):
    """`with HttpPeer(script) as peer:` then `--proxy peer.url`."""

    scheme: ClassVar[str] = "http"
    script: Callable[[Client], None] = honest
