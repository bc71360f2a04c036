"""--canary: a name that exists, which every resolver is asked for before the scan."""

import json

import pytest
from command import refusal, scan
from dns_peer import DnsPeer, Query, response
from peer_answers import AAAA, CNAME, answer, ede, own, soa
from socks_peer import BOUND, Client, SocksPeer
from test_liars import FAST, SCHEMES, Answers, asked_of, peer_of
from tls_peer import trusting

KNOWN = "www.known.shop"
TRUE = ("--canary", f"{KNOWN}=192.0.2.7", "--canary", f"{KNOWN}=2001:db8::7")
V4, V6 = bytes((192, 0, 2, 7)), bytes.fromhex("20010db8000000000000000000000007")
SOA = soa(b"\xc0\x0c")


def about_known(*sections, **options) -> Answers:
    """A peer that says this of the name when asked for its IPv4 address, and the truth of all else."""

    def answers(query: Query) -> bytes:
        if query.name != KNOWN:
            return response(query)
        return answer(query, *sections, **options) if query.qtype == 1 else answer(query, [own(AAAA, V6)])

    return answers


LIARS: dict[str, tuple[Answers, str]] = {
    "denies it": (about_known([], [SOA], rcode=3), f"says that {KNOWN} does not exist"),
    "says that it is an alias of nothing": (
        about_known([own(CNAME, b"\1x\xc0\x10")], [SOA], rcode=3), "is an alias of nothing",
    ),
    "has no address for it": (about_known([], [SOA]), f"says that {KNOWN} has no address"),
    "gives another": (about_known([own()]), f"gives {KNOWN} another address than 192.0.2.7"),
    "blocks it": (about_known([own(rdata=bytes(4))], [], [ede(15)]), "by its own word"),
    "fails at it": (about_known(rcode=2), "but servfail"),
}  # fmt: skip


@SCHEMES
@pytest.mark.parametrize("liar", LIARS)
def test_with_strict_one_that_does_not_know_it_ends_the_scan(liar, scheme, tmp_path):
    answers, said = LIARS[liar]
    with peer_of(answers, scheme) as peer:
        done = scan("-r", peer.address, *FAST, *TRUE, "--strict", names="is1.example\n", **trusting(tmp_path))

    assert (done.code, done.out) == (3, b"")
    assert said in done.err


@SCHEMES
def test_one_that_gives_one_of_its_addresses_passes(scheme, tmp_path):
    config = tmp_path / "cfg.json"
    config.write_text(json.dumps({"canaries": [f"{KNOWN}=198.51.100.1", f"{KNOWN}.=192.0.2.7"], "strict": True,
                                  "recheck_window": 0}))  # fmt: skip
    with peer_of(about_known([own(), own(rdata=V4)]), scheme) as peer:
        done = scan("-r", peer.address, *FAST, "--config", config, names="is1.example\n", **trusting(tmp_path))

    assert (done.code, len(done.rows)) == (0, 1), done.err
    assert [query.qtype for query in asked_of(peer) if query.name == KNOWN] == [1]


def test_one_that_lies_about_it_is_warned_of():
    with peer_of(about_known([own()]), "udp") as peer:
        done = scan("-r", peer.address, *FAST, *TRUE, names="is1.example\n")

    assert done.code == 0
    assert f"dnsscan: {peer.address} gives {KNOWN} another address" in done.err


def test_a_public_resolver_is_asked_for_servers_of_the_root_and_of_com():
    def diverted(client: Client) -> None:
        client.agree()
        client.send(b"\x05\x00\x00" + BOUND)
        client.relay(("127.0.0.1", peer.port))

    with DnsPeer() as peer, SocksPeer(diverted) as proxy:
        done = scan("-r", "9.9.9.9", "--proxy", proxy.url, *FAST, "--strict", names="is1.example\n")

    assert (done.code, done.out) == (3, b"")
    assert "says that a.root-servers.net does not exist" in done.err
    assert {"a.root-servers.net", "a.gtld-servers.net"} <= {query.name for query in peer.asked}


def test_a_proxy_that_does_not_work_is_no_resolver_that_does_not_pass():
    def broken(client: Client) -> None:
        client.agree()

    with DnsPeer() as peer, SocksPeer() as proxy, SocksPeer(broken) as bad:
        done = scan("-r", peer.address, "--proxy", proxy.url, "--proxy", bad.url, "--strict", names="is1.example\n")

    assert (done.code, len(done.rows)) == (0, 1), done.err


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("www.example", ['"www.example" is not NAME=ADDRESS', "www.example=192.0.2.1"]),
        ("www.example=", ["what stands behind = is not an IP address"]),
        ("www.example=ns.example", ["what stands behind = is not an IP address"]),
        ("www.example=fe80::1%lo", ["what stands behind = is not an IP address"]),
        ("a..b=192.0.2.1", ["empty label is no name to ask for"]),
        ("=192.0.2.1", ["is no name to ask for"]),
        (".=192.0.2.1", ["is no name to ask for"]),
        ("192.0.2.1=192.0.2.1", ["is no name to ask for"]),
    ],
)
def test_what_is_no_name_with_an_address_is_refused(text, parts):
    refusal(scan("-r", "127.0.0.1", "--canary", text), "--canary: ", *parts)


def test_it_is_shown_as_it_will_be_asked():
    done = scan("-r", "127.0.0.1", "--canary", "faß.de=2001:DB8:0::1", "--dry-run")

    assert json.loads(done.out)["canaries"] == ["xn--fa-hia.de=2001:db8::1"]
