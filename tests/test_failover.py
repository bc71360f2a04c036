"""`failover`: RCODEs with which a name goes to another resolver of its route at once. That is no attempt of the
name, and each resolver is asked once."""

import json
from collections import Counter
from contextlib import ExitStack

import pytest
from command import refusal, scan
from dns_peer import NXDOMAIN, REFUSED, SERVFAIL
from udp_peer import UdpPeer

SCHEMES = pytest.mark.parametrize("scheme", ["tcp", "udp"])
ONCE = ("--retries", 0, "--no-second-pass", "--no-early-retries", "--quiet")
NAMES = [f"is{number}.example" for number in range(40)]


def peer(rcode: int | None = None) -> UdpPeer:
    """It gives every name this RCODE; None: its answer."""

    def over_tcp(talk):
        for query in talk.queries():
            talk.answer(query, rcode)

    return UdpPeer(lambda datagram: datagram.answer(rcode), over_tcp)


def up(stack: ExitStack, *rcodes: int | None) -> list[UdpPeer]:
    return [stack.enter_context(peer(rcode)) for rcode in rcodes]


def places(scheme: str, peers: list[UdpPeer]) -> list[str]:
    return [each.address if scheme == "udp" else f"127.0.0.1:{each.port}" for each in peers]


def times_asked(scheme: str, each: UdpPeer) -> Counter[str]:
    """How often, by name of the scan."""
    heard = each.names if scheme == "udp" else each.tcp.names_asked
    return Counter(name for name in map(str.lower, heard) if name in NAMES)


def asked(scheme: str, peers: list[UdpPeer], *args: object):
    words = [word for place in places(scheme, peers) for word in ("-r", place)]
    return scan(*words, *ONCE, *args, names="\n".join(NAMES))


def said(done) -> set[tuple]:
    return {(row["s"], row.get("e"), row.get("x", 0)) for row in done.rows}


@SCHEMES
def test_a_name_goes_to_another_resolver_and_no_attempt_is_spent(scheme):
    with ExitStack() as stack:
        *sick, good = up(stack, SERVFAIL, SERVFAIL, SERVFAIL, None)
        done = asked(scheme, [*sick, good], "--failover", "SERVFAIL,REFUSED")

        assert said(done) == {("taken", None, 0)}
        assert all(max(times_asked(scheme, each).values()) == 1 for each in sick if times_asked(scheme, each))


@SCHEMES
def test_each_resolver_is_asked_once_and_then_the_attempts_count(scheme):
    with ExitStack() as stack:
        sick = up(stack, SERVFAIL, SERVFAIL, SERVFAIL)
        done = asked(scheme, sick, "--failover", "servfail")

        assert said(done) == {("error", "servfail", 0)}
        assert [set(times_asked(scheme, each).values()) for each in sick] == [{1}] * 3


@SCHEMES
def test_an_rcode_that_is_not_listed_is_an_attempt_as_before(scheme):
    with ExitStack() as stack:
        sick, other = up(stack, SERVFAIL, SERVFAIL)
        done = asked(scheme, [sick, other], "--failover", "REFUSED")

        assert said(done) == {("error", "servfail", 0)}
        assert times_asked(scheme, sick) + times_asked(scheme, other) == Counter(NAMES)


@SCHEMES
def test_a_name_that_one_denies_is_another_s_to_confirm(scheme):
    with ExitStack() as stack:
        peers = up(stack, NXDOMAIN, None)
        done = asked(scheme, peers, "--failover", "NXDOMAIN")
        denied = asked(scheme, peers[:1] + up(stack, NXDOMAIN), "--failover", "NXDOMAIN")

        assert said(done) == {("taken", None, 0)}
        assert said(denied) == {("nxdomain", None, 0)}


@SCHEMES
def test_it_stays_in_its_route(scheme):
    with ExitStack() as stack:
        first, second, stranger = up(stack, REFUSED, REFUSED, None)
        config = {"routes": {"example": places(scheme, [first, second])}, "resolvers": places(scheme, [stranger]),
                  "failover": ["REFUSED"]}  # fmt: skip
        done = scan("--config", "-", *ONCE, names="\n".join([json.dumps(config), *NAMES[:5]]))

        assert said(done) == {("error", "refused", 0)}
        assert not times_asked(scheme, stranger)
        assert times_asked(scheme, first) == times_asked(scheme, second) == Counter(NAMES[:5])


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("NOERROR", ["--failover", "NOERROR", "is the answer"]),
        ("SERFVAIL", ["--failover", "SERFVAIL", "SERVFAIL", "REFUSED"]),
        ("rcode24", ["--failover", "rcode24"]),
        ("0", ["--failover"]),
    ],
)
def test_a_word_that_is_no_rcode_is_named(word, parts):
    refusal(scan("-r", "127.0.0.1", "--failover", word, names=""), *parts)


def test_a_dry_run_shows_the_rcodes_by_their_names():
    done = scan("-r", "127.0.0.1", "--failover", "refused,SERVFAIL,rcode11,rcode5", "--dry-run", names="")

    assert json.loads(done.out)["failover"] == ["SERVFAIL", "REFUSED", "rcode11"]
