"""Lines that name their resolver: each is asked of that one and of nobody else, whatever carries the question."""

import json
from collections import Counter

import pytest
from command import QUICK, refusal, scan
from dns_peer import NXDOMAIN, SERVFAIL, DnsPeer, Query, Talk
from test_fields import SCHEMA_OF_LINES
from test_stdin_lines import PUBLIC_RESOLVER
from test_udp import stats_of
from tls_peer import TlsPeer, trusting
from udp_peer import UdpPeer, cut, is_probe

COLUMNS = ("--columns", "name,resolver")


def denies(talk: Talk) -> None:
    """A script: nothing exists."""
    for query in talk.queries():
        talk.answer(query, NXDOMAIN)


def scanned_names(peer) -> list[str]:
    asked: list[Query] = [each.query for each in peer.asked] if isinstance(peer, UdpPeer) else peer.asked
    return sorted(query.name for query in asked if not is_probe(query))


@pytest.mark.parametrize("default", ["tcp", "udp"])
@pytest.mark.parametrize("scheme", ["tcp", "udp", "tls"])
def test_each_line_is_asked_of_the_resolver_that_it_names(scheme, default, tmp_path):
    named_peer = {"tcp": DnsPeer, "udp": UdpPeer, "tls": TlsPeer}[scheme]
    with named_peer() as named, DnsPeer(denies) as tcp, UdpPeer(lambda each: each.answer(NXDOMAIN)) as udp:
        usual = tcp if default == "tcp" else udp
        lines = "".join(f"n{i}.example,{named.address if i % 2 else ''}\n" for i in range(200))
        done = scan("-r", usual.address, *COLUMNS, "--fields", "ns", "--stats", "json", names=lines,
                    **trusting(tmp_path))  # fmt: skip
        places = {row["ns"] for row in done.rows if row["s"] == "taken"}

    SCHEMA_OF_LINES.validate(done.rows[0])
    assert done.code == 0, done.err
    verdicts = {row["d"]: row["s"] for row in done.rows}
    assert verdicts == {f"n{i}.example": "taken" if i % 2 else "nxdomain" for i in range(200)}
    assert scanned_names(named) == sorted(f"n{i}.example" for i in range(1, 200, 2))
    assert len(places) == 1
    assert next(iter(places)).removeprefix("tcp://") == named.address.removeprefix("tcp://")


def test_the_same_name_is_asked_of_each_resolver_that_its_lines_name():
    with DnsPeer() as one, DnsPeer(denies) as other:
        places = [one.address, other.address, f"tcp://{one.address}", one.address, other.address]
        lines = "".join(f"same.example {place}\n" for place in places)
        done = scan("-r", other.address, *COLUMNS, "--fields", "n", names=lines)

    assert {row["n"]: row["s"] for row in done.rows} == {
        1: "taken", 2: "nxdomain", 3: "taken", 4: "taken", 5: "nxdomain",
    }  # fmt: skip


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_one_that_fails_is_not_replaced_by_another_and_its_second_pass_is_its_own(scheme):
    with (UdpPeer if scheme == "udp" else DnsPeer)() as usual, DnsPeer(
        lambda talk: [talk.answer(query, SERVFAIL) for query in talk.queries()]
    ) as broken:  # fmt: skip
        lines = "".join(f"b{i}.example,{broken.address}\ng{i}.example\n" for i in range(20))
        done = scan("-r", usual.address, *COLUMNS, "--retries", 1, "--stats", "json", names=lines)

    verdicts = Counter((row["d"][0], row["s"], row.get("e")) for row in done.rows)
    assert verdicts == {("b", "error", "servfail"): 20, ("g", "taken", None): 20}
    assert stats_of(done)["second"] == 20
    assert scanned_names(usual) == sorted(f"g{i}.example" for i in range(20))


def test_a_silent_one_costs_the_others_nothing():
    with DnsPeer() as good, UdpPeer(lambda _: None, lambda talk: talk.wait_for_close()) as silent:
        lines = "".join(f"s{i}.example,{silent.address}\ng{i}.example,{good.address}\n" for i in range(100))
        done = scan("-r", good.address, *COLUMNS, *QUICK, names=lines)

    assert done.code == 0, done.err
    assert Counter((row["d"][0], row["s"], row.get("e")) for row in done.rows) == {
        ("s", "error", "timeout"): 100, ("g", "taken", None): 100,
    }  # fmt: skip


def test_what_a_datagram_of_it_cannot_hold_is_asked_there_over_tcp():
    with UdpPeer(cut) as named, DnsPeer(denies) as usual:
        done = scan("-r", usual.address, *COLUMNS, names="".join(f"c{i}.example,{named.address}\n" for i in range(9)))

    assert {row["s"] for row in done.rows} == {"taken"}


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("dns.example", '"dns.example" is not an IP address'),
        ("192.0.2.300", '"192.0.2.300" is not an IP address'),
        ("192.0.2.1:0", "the port is not a number from 1 to 65535"),
        ("https://192.0.2.1/dns-query", "DNS over HTTPS is not in this version"),
        ("socks5://192.0.2.1:1080", "this is a proxy"),
        ("0.0.0.0", "no resolver can have this address"),
        (b"\xff", "is not an IP address"),
        ("1" * 300, "is not an IP address"),
    ],
)
def test_a_line_whose_resolver_cannot_be_asked_is_bad_and_says_why(cell, why):
    cell = cell if isinstance(cell, bytes) else cell.encode()
    with DnsPeer() as usual:
        done = scan("-r", usual.address, *COLUMNS, "--fields", "why", names=b"a.example,%b\nb.example\n" % cell)

    rows = {row["d"]: row for row in done.rows}
    assert (rows["a.example"]["e"], rows["b.example"]["s"]) == ("badname", "taken")
    assert why in rows["a.example"]["why"]
    assert scanned_names(usual) == ["b.example"]


def test_through_proxies_no_datagram_is_sent(lab):
    with UdpPeer() as named:
        done = scan("--config", lab.path, *COLUMNS, "--fields", "why", names=f"a.com,{named.address}\nb.com,\n")

    rows = {row["d"]: row for row in done.rows}
    assert "SOCKS5 tunnels carry TCP only" in rows["a.com"]["why"]
    assert rows["b.com"]["s"] in ("taken", "nxdomain")
    assert named.asked == []


def test_special_use_names_go_to_private_ones_and_not_to_public_ones():
    with DnsPeer() as private:
        lines = f"localhost,{private.address}\nlocalhost,192.88.99.53\nlocalhost\n"
        of_private = scan("-r", private.address, *COLUMNS, "--fields", "n", *QUICK, names=lines)
        of_public = scan("-r", PUBLIC_RESOLVER, *COLUMNS, "--fields", "n", *QUICK, names=lines)

    assert {row["n"]: row.get("e") == "special" for row in of_private.rows} == {1: False, 2: True, 3: False}
    assert {row["n"]: row.get("e") == "special" for row in of_public.rows} == {1: False, 2: True, 3: True}


@pytest.mark.parametrize("flags", [(), ("--wildcards",)])
def test_what_it_says_is_not_compared_with_what_it_says_of_random_names(flags):
    def invents(talk: Talk) -> None:
        for query in talk.queries():
            talk.answer(query, 0)

    with DnsPeer(invents) as named, DnsPeer(invents) as usual:
        lines = f"a.ws,{named.address}\nb.ws\n"
        done = scan("-r", usual.address, *COLUMNS, *flags, "-t", "A", "--canary-every", "0", names=lines)

    assert {row["d"]: row.get("e") for row in done.rows} == {"a.ws": None, "b.ws": "wildcard"}
    assert scanned_names(named) == ["a.ws"]


def test_with_type_metadata_and_resume(tmp_path):
    output, names = tmp_path / "out.jsonl", tmp_path / "names.txt"
    with DnsPeer() as one, DnsPeer(denies) as other:
        names.write_text(f"a.example,A,{one.address},x\na.example,MX,{other.address},y\na.example,,,z\n")
        args = ("-r", other.address, "--columns", "name,type,resolver,meta", "--output", output, names)
        done = scan(*args)
        lines = output.read_text().splitlines()
        output.write_text(lines[0] + "\n")
        resumed = scan(*args, "--resume")

    assert (done.code, resumed.code) == (0, 0), resumed.err
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert sorted((row["m"], row["t"], row["s"]) for row in rows) == [
        ("x", "A", "taken"), ("y", "MX", "nxdomain"), ("z", "NS", "nxdomain"),
    ]  # fmt: skip


class Everywhere(DnsPeer):
    host = "0.0.0.0"


def test_hundreds_of_named_resolvers():
    with Everywhere() as named, DnsPeer(denies) as usual:
        lines = "".join(f"n{i}.example,127.1.{i >> 8}.{i & 255}:{named.port}\n" for i in range(1, 401))
        done = scan("-r", usual.address, *COLUMNS, "--fields", "ns", names=lines)

    assert done.code == 0, done.err
    assert Counter(row["s"] for row in done.rows) == {"taken": 400}
    assert len({row["ns"] for row in done.rows}) == 400


def test_it_is_refused_beside_at_registry():
    refusal(scan("-r", "127.0.0.1:9", *COLUMNS, "--at-registry"), "--columns: with --at-registry a line cannot name")
