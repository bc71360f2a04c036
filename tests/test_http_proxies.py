"""HTTP proxies (CONNECT) whose replies are odd but right, and others that are no good: the first carry every name, the
others are a reason on a line and a few words on stderr."""

import base64
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from command import QUICK, Scan, refusal, scan
from dns_peer import DnsPeer
from http_peer import OK, HttpPeer, Request, replies, request_of, says
from proxied import NAMES, assert_all_answered, assert_nothing_lost, assert_nothing_reached, resolver_over_tls, through
from socks_peer import Client, SocksPeer, honest

SECRET = "hunter2-geheim"
STATUS = b"HTTP/1.1 200 OK\r\n"


def headers(size: int) -> bytes:
    """So many octets of header lines, about."""
    return b"".join(b"X-Trace-%d: %s\r\n" % (number, b"x" * 80) for number in range(size // 95))


def singly(octets: bytes) -> list[bytes]:
    return [octets[at : at + 1] for at in range(len(octets))]


GOOD = {
    "in two segments": [OK[:20], OK[20:]],
    "cut within its last line end": [OK[:-1], OK[-1:]],
    "cut between its last line ends": [OK[:-2], OK[-2:]],
    "octet by octet": singly(OK),
    "with 64 KB of header": [STATUS + headers(65_536) + b"\r\n"],
    "with 64 KB of header in two segments": [STATUS + headers(32_768), headers(32_768) + b"\r\n"],
    "with a header line of 64 KB": [STATUS + b"X: " + b"x" * 65_536 + b"\r\n\r\n"],
    "with a header line that says HTTP/1.1 407": [STATUS + b"HTTP/1.1 407 no\r\n\r\n"],
    "with a folded header line": [STATUS + b"X: 1\r\n \r\n\t2\r\n\r\n"],
    "with a header that is not ASCII": [STATUS + b"Via: \xff\x00\xe4\r\n no colon\r\n\r\n"],
    "after 100": [b"HTTP/1.1 100 Continue\r\n\r\n" + OK],
    "after 100 in a segment of its own": [b"HTTP/1.1 100 Continue\r\n\r\n", OK],
    "after two of 103 with header": [b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 2 + OK],
    "after 102 octet by octet": singly(b"HTTP/1.1 102 Processing\r\nX: y\r\n\r\n" + OK),
    "201": [b"HTTP/1.1 201 Created\r\n\r\n"],
    "204": [b"HTTP/1.1 204 No Content\r\n\r\n"],
    "299": [b"HTTP/1.1 299 Odd\r\n\r\n"],
    "HTTP/1.0": [b"HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\n"],
    "without words": [b"HTTP/1.1 200\r\n\r\n"],
    "with a blank for words": [b"HTTP/1.1 200 \r\n\r\n"],
    "with words that are not UTF-8": [b"HTTP/1.1 200 \xe4\xff\r\n\r\n"],
    "line ends of LF only": [b"HTTP/1.1 200 OK\nX: y\n\n"],
    "line ends of both kinds": [b"HTTP/1.1 200 OK\r\nX: y\n\r\n"],
    "with lengths that mean nothing": [STATUS + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"],
    "that says it will close": [STATUS + b"Connection: close\r\n\r\n"],
}


@pytest.mark.parametrize("pieces", GOOD.values(), ids=GOOD.keys())
def test_a_reply_is_read_to_its_empty_line_and_no_further(pieces):
    with HttpPeer(replies(*pieces, pause_s=0.002 if len(pieces) > 9 else 0.02)) as peer:
        assert_all_answered(through(peer.url))


@pytest.mark.parametrize("kind", ["octet by octet", "with 64 KB of header", "after 100", "204", "line ends of LF only"])
def test_so_it_is_with_tls_in_the_tunnel(tmp_path, kind):
    with HttpPeer(replies(*GOOD[kind], pause_s=0.002)) as peer, resolver_over_tls(tmp_path) as (resolver, ca):
        done = scan("-r", resolver, "--proxy", peer.url, "--workers", 4, names="\n".join(NAMES) + "\n", limit_s=20,
                    SSL_CERT_FILE=ca)  # fmt: skip

    assert_all_answered(done)


def silent(client: Client) -> None:
    while client.connection.recv(4096):
        pass


def silent_within_the_reply(client: Client) -> None:
    request_of(client)
    client.send(STATUS)
    silent(client)


def endless(first: bytes, again: bytes, pause_s: float):
    def script(client: Client) -> None:
        request_of(client)
        client.send(first)
        while True:
            client.send(again)
            time.sleep(pause_s)

    return script


BAD = {
    "closes at once": (lambda client: client.octets(1) and None, "does it speak HTTP?"),
    "says nothing": (silent, "does it speak HTTP?"),
    "is silent within its reply": (silent_within_the_reply, "no tunnel within"),
    "wants a password": (says(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n"),
                         "407 Proxy Authentication Required (user and password are missing or wrong)"),
    "forbids": (says(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), "403 Forbidden"),
    "is a web server": (says(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n"), "405 Method Not Allowed"),
    "sends us elsewhere": (says(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"), "302 Found"),
    "switches protocols": (says(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + OK), "101 Switching Protocols"),
    "says only 100": (says(b"HTTP/1.1 100 Continue\r\n\r\n"), "closed the connection within its reply"),
    "answers in SOCKS5": (says(b"\x05\xff"), "does it speak HTTP? A SOCKS5 proxy is written socks5://"),
    "answers in one octet of SOCKS5": (says(b"\x05"), "does it speak HTTP?"),
    "answers in TLS": (says(b"\x15\x03\x01\x00\x02\x02\x46"), "does it speak HTTP?"),
    "answers in SSH": (says(b"SSH-2.0-OpenSSH_9.2p1\r\n"), "does it speak HTTP?"),
    "answers in HTTP/0.9": (says(b"<html>\n\n"), "does it speak HTTP?"),
    "has a code of letters": (says(b"HTTP/1.1 abc OK\r\n\r\n"), "does it speak HTTP?"),
    "has a code of two digits": (says(b"HTTP/1.1 20 OK\r\n\r\n"), "does it speak HTTP?"),
    "has a code of 999": (says(b"HTTP/1.1 999 No\r\n\r\n"), "999 No"),
    "has a status line without a code": (says(b"HTTP/1.1\r\n\r\n"), "does it speak HTTP?"),
    "answers with an empty line": (says(b"\r\n\r\n"), "does it speak HTTP?"),
    "has a header without an end": (endless(STATUS, headers(8192), 0), "octets"),
    "has a header line without an end": (endless(STATUS, b"x" * 8192, 0), "octets"),
    "has a status line without an end": (endless(b"HTTP/1.1 200 ", b"x" * 8192, 0), "octets"),
    "says 100 for ever": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 400, 0), "octets"),
    "drips a header without an end": (endless(STATUS, b"x", 0.01), "no tunnel within"),
    "puts escapes into its words": (says(b"HTTP/1.1 403 \x1b[31m\r\n\r\n"), r"403 \x1b[31m"),
}  # fmt: skip


@pytest.mark.parametrize(("script", "words"), BAD.values(), ids=BAD.keys())
def test_with_only_a_bad_proxy_every_name_has_its_line_and_one_says_why(script, words):
    with HttpPeer(script) as peer:
        done = through(peer.url)

    assert_nothing_reached(done)
    assert {row["e"] for row in done.rows} == {"proxy"}
    assert words in done.err


@pytest.mark.parametrize("script", [script for script, _ in BAD.values()], ids=BAD.keys())
def test_a_good_proxy_beside_a_bad_one_gets_every_name_through(script):
    with HttpPeer(script) as bad, HttpPeer() as fine:
        assert_all_answered(through(bad.url, fine.url))


@pytest.mark.parametrize("code", [502, 503, 504])
def test_a_proxy_that_cannot_reach_the_resolver_is_not_to_blame(code):
    with HttpPeer(says(b"HTTP/1.1 %d Gateway\r\n\r\n" % code)) as peer:
        done = through(peer.url)

    assert_nothing_reached(done)
    assert {row["e"] for row in done.rows} == {"connection"}


def test_replies_cut_at_every_octet_lose_nothing():
    def run(count: int) -> Scan:
        with HttpPeer(says(OK[:count])) as peer:
            return through(peer.url)

    with ThreadPoolExecutor(10) as pool:  # each waits for its timeout
        for done in pool.map(run, range(len(OK) + 1)):
            assert_nothing_reached(done)


def test_a_tunnel_that_closes_now_and_then_costs_no_name():
    served = []

    def script(client: Client) -> None:
        request = request_of(client)
        client.send(OK)
        served.append(request)
        if len(served) % 2:
            client.relay(request.place)

    with HttpPeer(script) as peer:
        assert_all_answered(through(peer.url))


def test_octets_behind_the_reply_are_the_servers_and_cost_no_name():
    def script(client: Client) -> None:
        request = request_of(client)
        client.send(OK + b"\x00\x0c" + bytes(12))  # a message that answers nothing
        client.relay(request.place)

    with HttpPeer(script) as peer:
        done = through(peer.url)

    assert_nothing_lost(done)
    assert {row["s"] for row in done.rows} == {"taken", "nxdomain"}


# -- what is asked -------------------------------------------------------------------------------------------------


def request_for(*flags: object, userinfo: str = "", **environ: str) -> Request:
    """What a proxy is asked by a scan of one name."""
    seen = []

    def script(client: Client) -> None:
        seen.append(request_of(client))
        client.send(OK)
        client.relay(seen[-1].place)

    with HttpPeer(script) as peer, DnsPeer() as resolver:
        done = scan("-r", resolver.address, "--proxy", f"http://{userinfo}127.0.0.1:{peer.port}", *flags,
                    names="is.example\n", **environ)  # fmt: skip
        assert (done.code, done.row["s"]) == (0, "taken"), done.err
        assert {request.target for request in seen} == {resolver.address}
        assert {request.header["host"] for request in seen} == {resolver.address}
    return seen[0]


@pytest.mark.parametrize(
    ("userinfo", "sent"),
    [
        ("user:p%E2%82%AC@", "user:p\u20ac"),
        ("user:p\u20ac@", "user:p\u20ac"),
        ("us%20er:p%40s:s@w\u00fc@", "us er:p@s:s@w\u00fc"),
        ("user:${WORD}@", "user:p\u20ac"),
        ("user@", "user:"),
        ("user:@", "user:"),
        (":word@", ":word"),
        (f"{'u' * 300}:{'p' * 300}@", f"{'u' * 300}:{'p' * 300}"),
    ],
)
def test_user_and_password_are_sent_in_utf8(userinfo, sent):
    scheme, _, word = request_for(userinfo=userinfo, WORD="p\u20ac").header["proxy-authorization"].partition(" ")

    assert (scheme, base64.b64decode(word).decode()) == ("Basic", sent)


@pytest.mark.parametrize("userinfo", ["", "@", ":@"])
def test_without_a_user_nothing_is_said_of_one(userinfo):
    assert "proxy-authorization" not in request_for(userinfo=userinfo).header


@pytest.mark.parametrize(
    ("userinfo", "words"), [("u%3Ax:p", "no colon"), ("u:" + "p" * 4096, "at most 4096 octets"), ("u:%ff", "UTF-8")]
)
def test_what_basic_authentication_has_no_room_for_is_refused(userinfo, words):
    refusal(scan("-r", "192.0.2.53", "--proxy", f"http://{userinfo}@h"), "--proxy: ", words)


def test_a_rejected_password_is_never_shown():
    with HttpPeer(says(b"HTTP/1.1 407 No\r\n\r\n")) as peer:
        done = through(peer.url_with("user", SECRET))

    assert_nothing_reached(done)
    assert SECRET not in done.err
    assert base64.b64encode(f"user:{SECRET}".encode()).decode() not in done.err


# -- the wrong kind ------------------------------------------------------------------------------------------------


def test_a_socks_proxy_given_as_http_is_told_in_a_sentence():
    def socks(client: Client) -> None:
        assert client.octets(2)[0] != 5
        client.send(b"\x05\xff")

    with SocksPeer(socks) as peer:
        done = through(f"http://127.0.0.1:{peer.port}")

    assert_nothing_reached(done)
    assert "does it speak HTTP? A SOCKS5 proxy is written socks5://" in done.err


def test_an_http_proxy_that_waits_for_a_line_given_as_socks5_is_told_in_a_sentence():
    with HttpPeer() as peer:
        done = through(f"socks5://127.0.0.1:{peer.port}")

    assert_nothing_reached(done)
    assert " s: does it speak HTTP? Then write http://" in done.err


@pytest.mark.server
@pytest.mark.parametrize("server", ["microsocks", "danted"])
def test_a_real_socks_proxy_given_as_http_is_told_in_a_sentence(request, server):
    port = request.getfixturevalue(server).port
    with DnsPeer() as resolver:
        done = scan("-r", resolver.address, "--proxy", f"http://127.0.0.1:{port}", *QUICK, names="is.example\n")

    assert (done.code, done.row["e"]) == (3, "proxy")
    assert "does it speak HTTP? A SOCKS5 proxy is written socks5://" in done.err
    assert len(done.err.splitlines()) <= 4, done.err


@pytest.mark.server
def test_a_real_http_proxy_given_as_socks5_is_told_in_a_sentence(tinyproxy):
    with DnsPeer() as resolver:
        done = scan("-r", resolver.address, "--proxy", f"socks5://127.0.0.1:{tinyproxy.port}", *QUICK,
                    names="is.example\n")  # fmt: skip

    assert (done.code, done.row["e"]) == (3, "proxy")
    assert "does it speak HTTP? Then write http://" in done.err


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_may_be_given_by_name(scheme):
    with HttpPeer() if scheme == "http" else SocksPeer() as peer:
        assert_all_answered(through(f"{scheme}://localhost:{peer.port}"))


def test_good_proxies_of_both_kinds_share_the_names():
    with HttpPeer() as http, SocksPeer(honest) as socks:
        assert_all_answered(through(http.url, socks.url))

        assert http.connections
        assert socks.connections
