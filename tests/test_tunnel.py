"""Tunnels without a scan: what is said to a proxy, octet by octet, and what is left in the socket for the stream."""

import asyncio
import socket

import pytest
from http_peer import OK as HTTP_OK
from http_peer import HttpPeer, request_of
from socks_peer import BOUND, Client, SocksPeer

from scanner.model import Proxy
from scanner.transports import socks5
from scanner.transports.dial_error import DialError
from scanner.transports.http_connect import ConnectReply, connect_request
from scanner.transports.tunnel import open_tunnel

SOCKS_OK = b"\x05\x00\x00" + BOUND
GREETING = b"220 a server that speaks first\r\n"


def socks_first(client: Client) -> None:
    client.agree()
    client.send(SOCKS_OK + GREETING)
    client.octets(1)


def http_first(client: Client) -> None:
    request_of(client)
    client.send(HTTP_OK + GREETING)
    client.octets(1)


async def first_octets(proxy: Proxy, count: int) -> bytes:
    """What the stream in a tunnel has to say."""
    sock = await open_tunnel(proxy, "192.0.2.1", 25, 5)
    reader, writer = await asyncio.open_connection(sock=sock)
    try:
        return await reader.readexactly(count)
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(("peer", "scheme"), [(SocksPeer(socks_first), "socks5"), (HttpPeer(http_first), "http")])
def test_what_stands_behind_the_proxys_reply_belongs_to_the_stream(peer, scheme):
    with peer:
        assert asyncio.run(first_octets(Proxy(scheme, "127.0.0.1", peer.port), len(GREETING))) == GREETING


@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_a_tunnel_that_is_given_up_leaves_no_socket_open(scheme, recwarn):
    async def give_up() -> None:
        with SocksPeer(lambda client: client.octets(10_000) and None) as peer:
            opening = asyncio.create_task(open_tunnel(Proxy(scheme, "127.0.0.1", peer.port), "192.0.2.1", 53, 60))
            while not peer.connections:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening

    asyncio.run(give_up())

    assert not recwarn.list


def test_a_name_with_several_addresses_is_tried_at_each():
    """`localhost` has ::1 and 127.0.0.1 where there is IPv6; the proxy listens at one of them only."""

    async def connect(port: int) -> str:
        sock = await open_tunnel(Proxy("http", "localhost", port), "192.0.2.1", 53, 5)
        with sock:
            return sock.getpeername()[0]

    def script(client: Client) -> None:
        request_of(client)
        client.send(HTTP_OK)

    with HttpPeer(script) as peer:
        assert asyncio.run(connect(peer.port)) == "127.0.0.1"


# -- HTTP ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "place"),
    [("192.0.2.1", "192.0.2.1:53"), ("2001:db8::1", "[2001:db8::1]:53"), ("fe80::1%eth0", "[fe80::1]:53"),
     ("rdap.example", "rdap.example:53")],
)  # fmt: skip
def test_an_http_proxy_is_asked_for_a_place(host, place):
    lines = connect_request(host, 53, None, None).split(b"\r\n")

    assert lines == [f"CONNECT {place} HTTP/1.1".encode(), f"Host: {place}".encode(), b"User-Agent: dnsscan", b"", b""]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_in_whatever_pieces_a_reply_comes_it_ends_at_its_empty_line(size):
    whole = b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 200 OK\nVia: \r\n z\r\n\n"
    octets, reply, taken = whole + b"\r\nHTTP/1.1 500 No\r\n", ConnectReply(), 0

    for at in range(0, len(octets), size):
        taken += reply.take(octets[at : at + size])

    assert reply.is_complete
    assert taken == len(whole)


def test_a_reply_keeps_no_more_than_a_line_of_what_it_was_given():
    reply = ConnectReply()
    reply.take(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000)

    assert len(reply._line) <= 1024


def test_a_reply_without_an_end_is_bounded():
    with pytest.raises(DialError, match="262144 octets"):
        ConnectReply().take(b"HTTP/1.1 103 Early\r\n\r\n" * 20_000)


# -- SOCKS5 --------------------------------------------------------------------------------------------------------


def conversation(steps: socks5.Steps, *replies: bytes) -> list[bytes]:
    """What is sent while the proxy says `replies`."""
    octets, count = next(steps)
    sent = [octets]
    try:
        for reply in replies:
            assert len(reply) == count
            octets, count = steps.send(reply)
            sent.append(octets)
    except StopIteration:
        return [message for message in sent if message]
    raise AssertionError(f"{count} more octets are wanted")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.1", b"\x01\xc0\x00\x02\x01"),
        ("2001:db8::1", b"\x04" + socket.inet_pton(socket.AF_INET6, "2001:db8::1")),
        ("fe80::1%eth0", b"\x04" + socket.inet_pton(socket.AF_INET6, "fe80::1")),
        ("rdap.example", b"\x03\x0crdap.example"),
    ],
)
def test_a_socks_proxy_is_asked_for_an_address_or_a_name(host, address):
    sent = conversation(socks5.handshake(host, 53, None, None), b"\x05\x00", b"\x05\x00", b"\x00\x01", bytes(6))

    assert sent == [b"\x05\x01\x00", b"\x05\x01\x00" + address + b"\x00\x35"]


def test_each_message_waits_for_the_reply_before_it():
    sent = conversation(socks5.handshake("192.0.2.1", 53, "u", ""), b"\x05\x02", b"\x05\x00", b"\x05\x00", b"\x00\x03",
                        b"\x02", b"\xff\xfe\x00\x35")  # fmt: skip

    assert sent == [b"\x05\x02\x00\x02", b"\x01\x01u\x00", b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x35"]


@pytest.mark.parametrize("host", ["", "x" * 256])
def test_a_name_that_socks_has_no_room_for_is_refused(host):
    with pytest.raises(DialError, match="1 to 255 octets"):
        conversation(socks5.handshake(host, 53, None, None), b"\x05\x00", b"\x05\x00")
