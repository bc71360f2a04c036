"""Proxies that are no good: each is a reason on a line and a few words on stderr, never a traceback, a hang
or a lost name."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from command import QUICK, Scan, scan
from dns_peer import DnsPeer
from proxied import NAMES, assert_all_answered, assert_nothing_reached, resolver_over_tls, through
from socks_peer import BOUND, NO_AUTH, NONE_FITS, PASSWORD, Client, SocksPeer, cut_after, honest

SECRET = "hunter2-geheim"
OK = b"\x05\x00\x00" + BOUND


def silent(client: Client) -> None:
    while client.connection.recv(4096):
        pass


def silent_after_method(client: Client) -> None:
    client.methods()
    client.send(bytes((5, NO_AUTH)))
    silent(client)


def silent_after_request(client: Client) -> None:
    client.agree()
    silent(client)


def closes_at_once(client: Client) -> None:
    del client


def socks4(client: Client) -> None:
    client.methods()
    client.send(b"\x00\x5b\x00\x00\x00\x00\x00\x00")


def http(client: Client) -> None:
    client.methods()
    client.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def refuses_methods(client: Client) -> None:
    client.methods()
    client.send(bytes((5, NONE_FITS)))


def wants_an_unknown_method(client: Client) -> None:
    client.methods()
    client.send(b"\x05\x80")
    silent(client)


def wants_a_password(client: Client) -> None:
    client.methods()
    client.send(bytes((5, PASSWORD)))
    silent(client)


def rejects_the_password(client: Client) -> None:
    client.methods()
    client.send(bytes((5, PASSWORD)))
    client.credentials()
    client.send(b"\x01\x01")


def unknown_address_type(client: Client) -> None:
    client.agree()
    client.send(b"\x05\x00\x00\x09\x7f\x00\x00\x01\x1f\x90")
    silent(client)


def closes_after_success(client: Client) -> None:
    client.agree()
    client.send(OK)


def garbage_after_success(client: Client) -> None:
    client.agree()
    client.send(OK + b"\x00\x05junk!")
    silent(client)


def replies(code: int, with_address: bool):
    def script(client: Client) -> None:
        client.agree()
        client.send(bytes((5, code, 0)) + (BOUND if with_address else b""))

    return script


BAD = {
    "says nothing": silent,
    "says nothing after the method": silent_after_method,
    "says nothing after the request": silent_after_request,
    "closes at once": closes_at_once,
    "answers SOCKS4": socks4,
    "answers HTTP": http,
    "refuses every method": refuses_methods,
    "wants an unknown method": wants_an_unknown_method,
    "wants a password": wants_a_password,
    "unknown address type": unknown_address_type,
    "closes after success": closes_after_success,
    "garbage after success": garbage_after_success,
    **{
        f"reply {code:02x} {'with' if with_address else 'without'} address": replies(code, with_address)
        for code in (1, 2, 3, 4, 5, 6, 7, 8, 0x5A)
        for with_address in (True, False)
    },
}


def test_an_honest_proxy_carries_every_name():
    with SocksPeer(honest) as peer:
        assert_all_answered(through(peer.url))

        assert peer.connections >= 1


@pytest.mark.parametrize("script", BAD.values(), ids=BAD.keys())
def test_with_only_a_bad_proxy_every_name_has_its_error_line(script):
    with SocksPeer(script) as peer:
        assert_nothing_reached(through(peer.url))


@pytest.mark.parametrize("script", BAD.values(), ids=BAD.keys())
def test_a_good_proxy_beside_a_bad_one_gets_every_name_through(script):
    with SocksPeer(script) as bad, SocksPeer(honest) as fine:
        assert_all_answered(through(bad.url, fine.url))


@pytest.mark.parametrize("with_password", [False, True])
def test_replies_cut_at_every_octet_lose_nothing(with_password):
    whole = 2 + 2 * with_password + len(OK)

    def run(count: int) -> Scan:
        with SocksPeer(cut_after(count, with_password)) as peer:
            return through(peer.url_with("user", SECRET) if with_password else peer.url)

    with ThreadPoolExecutor(3) as pool:
        for done in pool.map(run, range(whole + 1)):
            assert_nothing_reached(done)
            assert SECRET not in done.err


@pytest.mark.parametrize("with_password", [False, True])
def test_replies_that_come_one_octet_at_a_time_are_fine(with_password):
    def script(client: Client) -> None:
        client.drip = True
        target = client.agree(with_password)
        client.send(OK)
        client.relay(target)

    with SocksPeer(script) as peer:
        assert_all_answered(through(peer.url_with("user", SECRET) if with_password else peer.url))


@pytest.mark.parametrize(
    "bound",
    [
        b"\x03\x0bexample.com\x00\x35",
        b"\x04" + bytes(16) + b"\x00\x35",
        b"\x03\x00\x00\x00",
        b"\x03\x04\xff\xfe\xe4\x00\x00\x35",
        b"\x03\xff" + b"\xe4" * 255 + b"\x00\x35",
    ],
)
@pytest.mark.parametrize("drip", [False, True])
def test_every_kind_of_bound_address_is_read_to_its_end(bound, drip):
    def script(client: Client) -> None:
        target = client.agree()
        client.drip = drip
        client.send(b"\x05\x00\x00" + bound)
        client.relay(target)

    with SocksPeer(script) as peer:
        assert_all_answered(through(peer.url))


def odd(auth: bytes = b"\x01\x00", reply: bytes = OK):
    """A proxy that wants a password, with replies of its own."""

    def script(client: Client) -> None:
        client.methods()
        client.send(bytes((5, PASSWORD)))
        client.credentials()
        client.send(auth)
        target = client.request()
        client.send(reply)
        client.relay(target)

    return script


def says_all_at_once(client: Client) -> None:
    """Its replies before it has heard what they are to."""
    client.methods()
    client.send(bytes((5, PASSWORD)) + b"\x01\x00" + OK)
    client.credentials()
    client.relay(client.request())


ODD = {
    "replies before the messages": says_all_at_once,
    "version 5 in the reply to the password": odd(auth=b"\x05\x00"),
    "version 0 in the reply to the password": odd(auth=b"\x00\x00"),
    "a reserved octet that is not 0": odd(reply=b"\x05\x00\xff" + BOUND),
    "a bound name that is not UTF-8": odd(auth=b"\x05\x00", reply=b"\x05\x00\x00\x03\x02\xff\xe4\x00\x35"),
    "no password wanted, though there is one": honest,
}


@pytest.mark.parametrize("script", ODD.values(), ids=ODD.keys())
def test_octets_that_decide_nothing_are_passed_over(script):
    with SocksPeer(script) as peer:
        assert_all_answered(through(peer.url_with("user", SECRET)))


@pytest.mark.parametrize("script", ODD.values(), ids=ODD.keys())
def test_so_it_is_with_tls_in_the_tunnel(tmp_path, script):
    with SocksPeer(script) as peer, resolver_over_tls(tmp_path) as (resolver, ca):
        done = scan("-r", resolver, "--proxy", peer.url_with("user", SECRET), "--workers", 4,
                    names="\n".join(NAMES) + "\n", limit_s=20, SSL_CERT_FILE=ca)  # fmt: skip

    assert_all_answered(done)


def test_a_rejected_password_is_a_proxy_error_and_never_shown():
    with SocksPeer(rejects_the_password) as peer:
        done = through(peer.url_with("user", SECRET))

    assert_nothing_reached(done)
    assert {row["e"] for row in done.rows} == {"proxy"}
    assert SECRET not in done.err
    assert SECRET.encode() not in done.out


LONG = "p" * 255


@pytest.mark.parametrize(
    ("userinfo", "sent"),
    [
        ("us%20er:p%40s:s@w%C3%BC@", ("us er", "p@s:s@w\u00fc")),
        ("user:p\u20ac@", ("user", "p\u20ac")),
        ("user:p%E2%82%AC@", ("user", "p\u20ac")),
        ("user@", ("user", "")),
        ("user:@", ("user", "")),
        (f"{LONG}:{LONG}@", (LONG, LONG)),
        ("u:" + "\u20ac" * 85 + "@", ("u", "\u20ac" * 85)),
    ],
)
def test_user_and_password_arrive_as_they_were_given(userinfo, sent):
    seen = []

    def script(client: Client) -> None:
        client.methods()
        client.send(bytes((5, PASSWORD)))
        seen.append(client.credentials())
        client.send(b"\x01\x00")
        target = client.request()
        client.send(OK)
        client.relay(target)

    with SocksPeer(script) as peer:
        assert_all_answered(through(f"socks5://{userinfo}127.0.0.1:{peer.port}"))

    assert set(seen) == {(sent[0].encode(), sent[1].encode())}


@pytest.mark.parametrize(("userinfo", "methods"), [("", b"\0"), ("@", b"\0"), (":@", b"\0"), ("user@", b"\0\2")])
def test_a_password_is_offered_where_there_is_a_user(userinfo, methods):
    seen = []

    def script(client: Client) -> None:
        seen.append(client.methods())
        client.send(bytes((5, NO_AUTH)))
        target = client.request()
        client.send(OK)
        client.relay(target)

    with SocksPeer(script) as peer:
        assert_all_answered(through(f"socks5://{userinfo}127.0.0.1:{peer.port}"))

    assert set(seen) == {methods}


def tls_alert(client: Client) -> None:
    client.methods()
    client.send(b"\x15\x03\x01\x00\x02\x02\x46")


WORDS = {
    "speaks HTTP": (http, "not the reply of a SOCKS5 proxy: does it speak HTTP? Then write http://"),
    "speaks SOCKS4": (socks4, "does it speak SOCKS4?"),
    "speaks TLS": (tls_alert, "does it speak TLS?"),
    "says nothing": (silent, "does it speak HTTP? Then write http://"),
    "closes at once": (closes_at_once, "does it speak HTTP? Then write http://"),
    "is silent within": (silent_after_method, "no tunnel within"),
    "closes within": (cut_after(3, with_password=False), "it closed the connection within its reply"),
    "wants a password": (wants_a_password, "it wants a user and a password"),
    "refuses every method": (refuses_methods, "it wants a user and a password"),
    "wants another method": (wants_an_unknown_method, "it wants authentication by method 128, which is not known here"),
    "says no address type that we know": (unknown_address_type, "address type 9"),
    "fails": (replies(1, with_address=True), "general failure"),
    "forbids": (replies(2, with_address=False), "not allowed by its rules"),
    "has a code of its own": (replies(0x5A, with_address=True), "reply 90"),
}


@pytest.mark.parametrize(("script", "words"), WORDS.values(), ids=WORDS.keys())
def test_one_line_says_what_is_wrong_with_a_proxy(script, words):
    with SocksPeer(script) as peer:
        done = through(peer.url)

    assert_nothing_reached(done)
    assert words in done.err


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (rejects_the_password, "it does not take this user and password"),
        (refuses_methods, "it takes clients neither with a password nor without"),
    ],
)
def test_a_password_that_is_refused_is_told_in_words(script, words):
    with SocksPeer(script) as peer:
        assert words in through(peer.url_with("user", SECRET)).err


def test_the_client_asks_the_proxy_for_the_resolver_and_for_nothing_else():
    targets = []

    def script(client: Client) -> None:
        targets.append(client.agree())
        client.send(OK)
        client.relay(targets[-1])

    with SocksPeer(script) as peer, DnsPeer() as resolver:
        done = scan("-r", resolver.address, "--proxy", peer.url, names="is.example\n")

    assert done.code == 0
    assert set(targets) == {("127.0.0.1", resolver.port)}


def test_a_closed_port_is_a_proxy_error():
    with SocksPeer(honest) as peer:
        url = peer.url

    assert_nothing_reached(through(url))


def test_the_resolver_given_as_proxy_is_a_proxy_error():
    with DnsPeer() as resolver:
        url = f"socks5://{resolver.address}"
        done = scan("-r", resolver.address, "--proxy", url, *QUICK, names="\n".join(NAMES) + "\n", limit_s=20)

    assert_nothing_reached(done)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 64 + ".invalid", "a..b"])
@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_a_proxy_host_that_does_not_resolve_is_told_in_words(scheme, host):
    done = through(f"{scheme}://{host}:1080")

    assert_nothing_reached(done)
    assert f"proxy {scheme}://{host}:1080: host name not found\n" in done.err


def test_a_proxy_host_that_does_not_resolve_is_dead_and_others_are_used():
    with SocksPeer(honest) as fine:
        assert_all_answered(through("socks5://no-such-host.invalid:1080", fine.url))


def test_duplicate_proxies_are_kept_once_with_a_warning():
    with SocksPeer(honest) as peer:
        done = through(peer.url, peer.url)

    assert_all_answered(done)
    assert "duplicate" in done.err or "twice" in done.err


def test_a_proxy_file_may_have_crlf_a_byte_order_mark_comments_and_blanks(tmp_path):
    with SocksPeer(honest) as peer, DnsPeer() as resolver:
        listed = tmp_path / "proxies.txt"
        listed.write_bytes(b"\xef\xbb\xbf" + f"{peer.url}\r\n\r\n# a comment\r\n".encode())

        done = scan("-r", resolver.address, "--proxy-file", listed, *QUICK, names="\n".join(NAMES) + "\n")

        assert_all_answered(done)


def test_a_proxy_that_dies_between_names_costs_no_name():
    served = []

    def script(client: Client) -> None:
        target = client.agree()
        client.send(OK)
        served.append(target)
        if len(served) % 2:
            client.relay(target)

    with SocksPeer(script) as peer:
        assert_all_answered(through(peer.url))
