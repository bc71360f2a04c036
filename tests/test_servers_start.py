"""The real servers that other tests lean on: each starts, answers as its docstring says, and comes back."""

import base64
import contextlib
import socket

import dns.message
import dns.query
import dns.rcode
import pytest
from python_socks import ProxyError
from python_socks.sync import Proxy

pytestmark = pytest.mark.server


def ask(server, name, qtype="A"):
    return dns.query.tcp(dns.message.make_query(name, qtype), "127.0.0.1", port=server.port, timeout=5)


def ask_through(url, server, name):
    with contextlib.closing(Proxy.from_url(url).connect("127.0.0.1", server.port, timeout=5)) as tunnel:
        query = dns.message.make_query(name, "A")
        dns.query.send_tcp(tunnel, query)
        return dns.query.receive_tcp(tunnel)[0]


@pytest.mark.parametrize(
    ("name", "rcode"),
    [
        ("www.example.test", dns.rcode.NOERROR),
        ("nothing.example.test", dns.rcode.NXDOMAIN),
        ("anything.wild.test", dns.rcode.NOERROR),
        ("nothing.example", dns.rcode.NXDOMAIN),
        ("any.refused.test", dns.rcode.REFUSED),
    ],
)
def test_unbound_answers_over_tcp(unbound, name, rcode):
    assert ask(unbound, name).rcode() == rcode


@pytest.mark.parametrize(
    ("name", "rcode"),
    [
        ("www.example.test", dns.rcode.NOERROR),
        ("nothing.example.test", dns.rcode.NXDOMAIN),
        ("lost.example.test", dns.rcode.NXDOMAIN),
        ("ip-192-0-2-7.t.test", dns.rcode.NOERROR),
        ("other.t.test", dns.rcode.NXDOMAIN),
        ("elsewhere.example", dns.rcode.REFUSED),
    ],
)
def test_knot_answers_over_tcp(knot, name, rcode):
    assert ask(knot, name).rcode() == rcode


def test_microsocks_opens_a_tunnel(microsocks, knot):
    response = ask_through(f"socks5://127.0.0.1:{microsocks.port}", knot, "www.example.test")

    assert response.rcode() == dns.rcode.NOERROR


def test_microsocks_with_a_password_opens_a_tunnel(microsocks_password, knot):
    response = ask_through(f"socks5://user:secret@127.0.0.1:{microsocks_password.port}", knot, "www.example.test")

    assert response.rcode() == dns.rcode.NOERROR


def test_microsocks_refuses_a_wrong_password(microsocks_password, knot):
    with pytest.raises(ProxyError):
        ask_through(f"socks5://user:wrong@127.0.0.1:{microsocks_password.port}", knot, "www.example.test")


def test_danted_opens_a_tunnel(danted, knot):
    response = ask_through(f"socks5://127.0.0.1:{danted.port}", knot, "www.example.test")

    assert response.rcode() == dns.rcode.NOERROR


def test_tinyproxy_opens_a_tunnel(tinyproxy, knot):
    response = ask_through(f"http://user:secret@127.0.0.1:{tinyproxy.port}", knot, "www.example.test")

    assert response.rcode() == dns.rcode.NOERROR


def test_tinyproxy_refuses_a_wrong_password(tinyproxy, knot):
    secret = base64.b64encode(b"user:wrong").decode()
    with socket.create_connection(("127.0.0.1", tinyproxy.port), timeout=5) as client:
        client.sendall(
            f"CONNECT 127.0.0.1:{knot.port} HTTP/1.1\r\nProxy-Authorization: Basic {secret}\r\n\r\n".encode()
        )

        assert client.recv(12) in (b"HTTP/1.1 401", b"HTTP/1.1 407", b"HTTP/1.0 401", b"HTTP/1.0 407")


def test_a_killed_server_refuses_and_a_restarted_one_answers_on_its_port(new_microsocks, knot):
    server = new_microsocks()
    url = f"socks5://127.0.0.1:{server.port}"

    server.kill()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)
    server.restart()

    assert ask_through(url, knot, "www.example.test").rcode() == dns.rcode.NOERROR


def test_a_paused_server_accepts_and_says_nothing_until_it_is_resumed(new_microsocks):
    server = new_microsocks()
    server.pause()
    with socket.create_connection(("127.0.0.1", server.port), timeout=0.2) as client:
        client.sendall(b"\x05\x01\x00")
        with pytest.raises(TimeoutError):
            client.recv(2)
        server.resume()
        client.settimeout(5)

        assert client.recv(2) == b"\x05\x00"
