"""Routes: the longest suffix decides whom a name is asked of, whatever carries the question. The servers of the routes
are NSD and knot, authorities for a few zones each, which refuse all others; names without a route are unbound's,
where none of theirs exists."""

import json
from collections import Counter

import pytest
import servers
from command import QUICK, Scan, refusal, scan
from dns_peer import DnsPeer
from peer_answers import QR_RD_RA, A, answer, own, server, soa
from udp_peer import UdpPeer, cut

from scanner.native.input.suffixes import SuffixTable

SCHEMES = pytest.mark.parametrize("scheme", ["tcp", "udp"])
COM, REFUSED, SERVFAIL = b"\3com\0", 5, 2
AA = 0x0400


@pytest.fixture(scope="module")
def com(tmp_path_factory):
    """Authority for com, corp.example and an IDN."""
    started = servers.registry(tmp_path_factory.mktemp("com"), "nsd", "com", "corp.example", "xn--p1ai")
    yield f"127.0.0.1:{started.port}"
    started.stop()


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """Authority for net, co.uk and a zone below corp.example."""
    started = servers.registry(tmp_path_factory.mktemp("net"), "knot", "net", "co.uk", "dev.corp.example")
    yield f"127.0.0.1:{started.port}"
    started.stop()


def at(scheme: str, *places: str) -> list[str]:
    return [f"{scheme}://{place}" for place in places]


def authority(scheme: str, *places: str) -> dict:
    return {"resolvers": at(scheme, *places), "authoritative": True}


def routed(routes: dict, names: list[str], *args: object, resolvers: list[str] | None = None) -> Scan:
    """A scan with these routes in its config."""
    config = {"routes": routes, **({"resolvers": resolvers} if resolvers else {})}
    lines = json.dumps(config) + "\n" + "\n".join(names) + "\n"
    return scan("--config", "-", "--fields", "ns", "--quiet", *args, names=lines)


def told(done: Scan) -> dict[str, tuple]:
    """Verdict, reason and the port that said it, by name."""
    return {row["d"]: (row["s"], row.get("e"), row.get("ns", "").rpartition(":")[2]) for row in done.rows}


# -- the longest suffix ----------------------------------------------------------------------------------------------


@SCHEMES
def test_the_longest_suffix_decides_whom_a_name_is_asked_of(scheme, com, net, unbound):
    first, second, default = com[10:], net[10:], str(unbound.port)
    routes = {
        "COM.": authority(scheme, com), "net": authority(scheme, net), "corp.example": authority(scheme, com),
        "Dev.Corp.example": authority(scheme, net), "рф": authority(scheme, com), "co.uk": authority(scheme, net),
        "pub.com": at(scheme, f"127.0.0.1:{unbound.port}"),
    }  # fmt: skip
    expected = {
        "taken.com": ("taken", "referral", first), "TAKEN.Com.": ("taken", "referral", first),
        "free.com": ("nxdomain", None, first), "own.net": ("taken", "nodata", second),
        "com": ("taken", None, first), "free.corp.example": ("nxdomain", None, first),
        "free.dev.corp.example": ("nxdomain", None, second), "dev.corp.example": ("taken", None, second),
        "xdev.corp.example": ("nxdomain", None, first), "xcorp.example": ("nxdomain", None, default),
        "corp.example.org": ("nxdomain", None, default), "free.рф": ("nxdomain", None, first),
        "taken.xn--p1ai": ("taken", "referral", first), "taken.co.uk": ("taken", "referral", second),
        "uk": ("nxdomain", None, default), "xcom": ("nxdomain", None, default), "pub.com": ("nxdomain", None, default),
        "a.pub.com": ("nxdomain", None, default), "spub.com": ("nxdomain", None, first),
    }  # fmt: skip

    done = routed(routes, list(expected), "--no-0x20", resolvers=at(scheme, f"127.0.0.1:{unbound.port}"))

    assert done.code == 0, done.err
    assert told(done) == expected


def test_the_table_finds_what_a_walk_over_the_labels_finds():
    labels = ["a", "bb", "a-a", "xn--p1ai", "com", "c" * 62]
    names = [".".join(parts) for size in (1, 2, 3) for parts in product(labels, size)]
    suffixes = {name: 1 + index % 7 for index, name in enumerate(names) if index % 3 == 0}
    table = SuffixTable([(suffix.encode(), route) for suffix, route in suffixes.items()])

    for name in [*names, *(f"x{name}" for name in names), *(f"X.{name.upper()}." for name in names)]:
        assert table.route_of(name.encode()) == longest(name.lower().rstrip("."), suffixes), name


def product(labels: list[str], size: int) -> list[list[str]]:
    rest = product(labels, size - 1) if size > 1 else [[]]
    return [[label, *parts] for label in labels for parts in rest]


def longest(name: str, suffixes: dict[str, int]) -> int:
    parts = name.split(".")
    return next((suffixes[tail] for i in range(len(parts)) if (tail := ".".join(parts[i:])) in suffixes), 0)


@SCHEMES
def test_thousands_of_routes_share_their_servers(scheme, com, net):
    zones = {f"z{number}.{zone}": place for number in range(2000) for zone, place in (("com", com), ("net", net))}
    routes = {suffix: authority(scheme, place) for suffix, place in zones.items()}
    names = [f"free.{suffix}" for suffix in zones]

    done = routed(routes, names)

    assert done.code == 0, done.err
    assert told(done) == {f"free.{suffix}": ("nxdomain", None, place[10:]) for suffix, place in zones.items()}


# -- the root, and no route ------------------------------------------------------------------------------------------


def test_the_route_of_the_root_has_all_other_names(com, net):
    done = routed({"net": authority("tcp", net), ".": authority("udp", com)}, ["free.com", "free.net", "own.com"])

    assert told(done) == {
        "free.com": ("nxdomain", None, com[10:]), "free.net": ("nxdomain", None, net[10:]),
        "own.com": ("taken", "nodata", com[10:]),
    }  # fmt: skip


def test_resolvers_of_a_flag_go_before_the_route_of_the_root(com, unbound):
    done = routed({".": authority("tcp", com)}, ["free.com"], "-r", f"127.0.0.1:{unbound.port}")

    assert done.row["ns"] == f"tcp://127.0.0.1:{unbound.port}"


@SCHEMES
def test_a_name_without_a_route_has_its_line_and_is_asked_of_nobody(scheme, com):
    done = routed({"com": authority(scheme, com)}, ["free.com", "free.net", "faß.de"], "--stats", "json")

    assert done.code == 0, done.err
    assert told(done) == {
        "free.com": ("nxdomain", None, com[10:]), "free.net": ("error", "connection", ""),
        "faß.de": ("error", "connection", ""),
    }  # fmt: skip


def test_routes_may_be_flags_too(com, net):
    done = scan("--route", f"com=authoritative,{com}", "--route", f"net=authoritative,udp://{net}", "--fields", "ns",
                names="free.com\nfree.net\n")  # fmt: skip

    assert told(done) == {"free.com": ("nxdomain", None, com[10:]), "free.net": ("nxdomain", None, net[10:])}


def test_special_use_names_go_only_where_their_route_is_no_public_resolver(com):
    routes = {"com": "192.0.2.1", "corp.test": authority("tcp", com), ".": "8.8.8.8"}
    names = ["a.test", "local", "10.in-addr.arpa", "b.corp.test"]

    done = routed(routes, names, "--retries", "0", "--no-second-pass")

    assert told(done) == {
        "a.test": ("error", "special", ""), "local": ("error", "special", ""),
        "10.in-addr.arpa": ("error", "special", ""), "b.corp.test": ("error", "refused", ""),
    }  # fmt: skip


# -- authoritative servers -------------------------------------------------------------------------------------------


@SCHEMES
def test_what_is_no_verdict_goes_to_the_next_server_of_the_route(scheme, com, net):
    """knot refuses com, and the two peers are lame: one without authority, one that refers upwards."""

    def lame(talk):
        for query in talk.queries():
            talk.send(frame_of(answer(query, (), [soa(COM)], flags=QR_RD_RA, rcode=3)))

    def upwards(talk):
        for query in talk.queries():
            talk.send(frame_of(answer(query, (), [server(b"\0")], flags=QR_RD_RA)))

    names = [f"free{number}.com" for number in range(60)]
    with DnsPeer(lame) as one, DnsPeer(upwards) as other:
        places = [*at(scheme, com, net), one.address, other.address]
        done = routed({"com": {"resolvers": places, "authoritative": True}}, names, "--retries", "0")

        assert done.code == 0, done.err
        assert {row["s"] for row in done.rows} == {"nxdomain"}
        assert {row["ns"] for row in done.rows} == {f"{scheme}://{com}"}
        assert len(done.rows) == 60


def frame_of(octets: bytes) -> bytes:
    return len(octets).to_bytes(2) + octets


def test_an_authority_is_asked_without_recursion_and_others_with(com):
    """Seen by the peers: RD is the lowest bit of the third octet."""
    seen = {}

    def script(datagram):
        seen[datagram.query.name.lower()] = datagram.octets[2] & 1
        datagram.send(answer(datagram.query, [own()], flags=QR_RD_RA | AA))

    with UdpPeer(script) as one, UdpPeer(script) as two:
        routes = {"a.org": {"resolvers": one.address, "authoritative": True}, "b.org": two.address}
        routed(routes, ["x.a.org", "x.b.org"], "-t", "A", "--no-0x20")

    assert (seen["x.a.org"], seen["x.b.org"]) == (0, 1)


@pytest.mark.parametrize(
    ("flags", "rcode", "records", "expected"),
    [
        (AA, 3, ((), [soa(COM)]), ("nxdomain", None)),
        (0, 3, ((), [soa(COM)]), ("error", "badresp")),
        (AA, 0, ([own(A)], ()), ("taken", None)),
        (0, 0, ([own(A)], ()), ("error", "badresp")),
        (AA, 0, ((), [soa(COM)]), ("taken", "nodata")),
        (0, 0, ((), [soa(COM)]), ("error", "badresp")),
        (0, 0, ((), [server(b"\xc0\x0c")]), ("taken", "referral")),
        (0, 0, ((), [server(b"\0")]), ("error", "referral")),
        (0, 0, ((), [server(COM)]), ("error", "referral")),
        (AA, 2, ((), ()), ("error", "servfail")),
    ],
)
def test_only_the_word_of_an_authority_is_a_verdict(flags, rcode, records, expected):
    def script(datagram):
        datagram.send(answer(datagram.query, *records, flags=0x8000 | flags, rcode=rcode))

    with UdpPeer(script) as peer:
        route = {"resolvers": peer.address, "authoritative": True}
        done = routed({"com": route}, ["a.com"], "-t", "A", "--retries", "1", "--no-second-pass")

    assert (done.row["s"], done.row.get("e")) == expected


# -- within the route ------------------------------------------------------------------------------------------------


@SCHEMES
def test_a_retry_stays_in_its_route(scheme):
    """The only server of the route refuses; the others, which would answer, never hear of it."""
    names = [f"n{number}.com" for number in range(40)]

    def refuse(datagram):
        datagram.answer(REFUSED)

    def refuse_all(talk):
        for query in talk.queries():
            talk.answer(query, REFUSED)

    with UdpPeer(refuse, refuse_all) as bad, UdpPeer() as good:
        place = lambda peer: peer.address if scheme == "udp" else f"127.0.0.1:{peer.port}"  # noqa: E731
        done = routed({"com": place(bad)}, [*names, "x.net"], resolvers=[place(good)])

        heard = {query.name for query in good.tcp.asked} | set(good.names)

    assert Counter((row["s"], row.get("e")) for row in done.rows)["error", "refused"] == 40
    assert not {name.lower() for name in heard} & set(names)


def test_what_a_datagram_cannot_hold_is_asked_of_the_same_server_over_tcp(net):
    names = [f"n{number}.com" for number in range(30)]
    with UdpPeer(cut) as peer:
        done = routed({"com": peer.address, "net": authority("udp", net)}, [*names, "free.net"])

        assert {query.name.lower() for query in peer.tcp.asked} >= set(names)
    assert Counter(row["s"] for row in done.rows)["taken"] + Counter(row["s"] for row in done.rows)["nxdomain"] == 31


@SCHEMES
def test_a_route_without_answers_does_not_keep_the_others_waiting(scheme, com):
    """More names of the dead route than may wait at once stand before those of the other."""
    dead = servers.free_port()
    names = [f"n{number}.dead.org" for number in range(3000)] + [f"free{number}.com" for number in range(300)]
    routes = {"dead.org": at(scheme, f"127.0.0.1:{dead}"), "com": authority(scheme, com)}

    done = routed(routes, names, *QUICK, "--retries", "0", "--max-in-flight", "200", "--no-second-pass")

    found = Counter((row["d"].partition(".")[2], row["s"]) for row in done.rows)
    assert found == {("dead.org", "error"): 3000, ("com", "nxdomain"): 300}


def test_streams_and_datagrams_share_the_input_and_each_asks_its_own_routes(com, net, unbound):
    names = [f"free{number}.{zone}" for number in range(2000) for zone in ("com", "net", "org")]
    routes = {"com": authority("tcp", com), "net": authority("udp", net)}

    default = f"127.0.0.1:{unbound.port}"
    done = routed(routes, names, resolvers=at("tcp", default) + at("udp", default))

    ports = {"com": com[10:], "net": net[10:], "org": str(unbound.port)}
    assert done.code == 0, done.err
    assert len(done.rows) == 6000
    assert told(done) == {name: ("nxdomain", None, ports[name.rpartition(".")[2]]) for name in names}


def test_routes_go_through_proxies(com, net, microsocks):
    names = [f"free{number}.{zone}" for number in range(300) for zone in ("com", "net")]
    routes = {"com": authority("tcp", com), "net": authority("tcp", net)}

    done = routed(routes, names, "--proxy", f"socks5://127.0.0.1:{microsocks.port}", "--workers", "4")

    assert done.code == 0, done.err
    assert told(done) == {name: ("nxdomain", None, (com if ".com" in name else net)[10:]) for name in names}


def test_every_server_of_a_route_has_its_row_in_the_summary_and_its_rate(com, net):
    routes = {"com": authority("udp", com), "net": authority("tcp", net), "org": at("tcp", com)}
    names = [f"free{number}.{zone}" for number in range(10) for zone in ("com", "net")]
    config = json.dumps({"routes": routes, "rate_per_resolver": 50})

    done = scan("--config", "-", "--stats", "json", names="\n".join([config, *names]) + "\n")

    told_of = json.loads(done.err.splitlines()[-1])
    assert {row["resolver"]: row["responses"] for row in told_of["resolvers"]} == {
        f"udp://{com}": 10, f"tcp://{net}": 10, f"tcp://{com}": 0,
    }  # fmt: skip
    assert told_of["seconds"] > 0.1  # ten at fifty a second, but for the first


def test_each_server_of_a_route_is_put_to_the_question_before_the_scan(com):
    """`--strict` with one that invents addresses; an authority that refers is none."""

    def invent(datagram):
        datagram.send(answer(datagram.query, [own()], flags=QR_RD_RA))

    with UdpPeer(invent, with_probes=True) as liar:
        done = routed({"org": liar.address, "com": authority("udp", com)}, ["a.org", "free.com"], "--strict")

    assert (done.code, done.rows) == (3, [])
    assert {line.split()[1] for line in done.err.splitlines()} == {liar.address}, done.err


@SCHEMES
def test_a_resolver_that_does_not_pass_is_asked_where_its_route_has_no_better(scheme, unbound):
    """It knows one zone, and fails for all others; unbound, which passes, is that of another route."""

    def datagram(datagram):
        datagram.answer(None if datagram.query.name.lower().endswith(".org") else SERVFAIL)

    def stream(talk):
        for query in talk.queries():
            talk.answer(query, None if query.name.lower().endswith(".org") else SERVFAIL)

    with UdpPeer(datagram, stream, with_probes=True) as peer:
        places = [*at(scheme, f"127.0.0.1:{peer.port}"), *at(scheme, f"127.0.0.1:{unbound.port}")]
        done = routed({"corp.org": places[0]}, ["a.corp.org", "free.com"], resolvers=places[1:])

    assert {row["d"]: row["ns"] for row in done.rows} == dict(zip(["a.corp.org", "free.com"], places, strict=True))


def test_an_authority_that_knows_only_whom_else_to_ask_is_no_resolver_and_need_be_none():
    def refer(datagram):
        name = datagram.query.name
        datagram.send(answer(datagram.query, (), [server(COM if name.endswith("com") else b"\0")], flags=0x8000))

    with UdpPeer(refer, with_probes=True) as root:
        done = routed({".": {"resolvers": root.address, "authoritative": True}}, ["com"], "--strict")

    assert (done.row["s"], done.row["e"]) == ("taken", "referral"), done.err


# -- the configuration -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('"routes": "192.0.2.1"', ("cfg.json: line 2: routes: must be a table",)),
        ('"routes": {"com": []}', ('routes: "com": must be an address, a list of them',)),
        ('"routes": {"com": [1]}', ('routes: "com": must be an address',)),
        ('"routes": {"com": "ns.example"}', ("line 2", 'routes: "com": resolver "ns.example"', "not an IP address")),
        ('"routes": {"com": {"servers": "192.0.2.1"}}', ('"com": unknown key "servers"', "resolvers, authoritative")),
        ('"routes": {"com": {"resolvers": "::1", "authoritative": 1}}', ('"com": authoritative is neither',)),
        ('"routes": {"a..b": "192.0.2.1"}', ('line 2: routes: "a..b": is no suffix (empty label)',)),
        ('"routes": {"": "192.0.2.1"}', ('routes: "": is no suffix (empty)',)),
        ('"routes": {"*.com": "192.0.2.1"}', ('routes: "*.com": is no suffix; write it as "com"',)),
        ('"routes": {".com": "192.0.2.1"}', ('routes: ".com": is no suffix; write it as "com"',)),
        ('"routes": {"com": "::1",\n"COM.": "::1"}', ('line 3: routes: "COM.": "com" has two routes',)),
        ('"routes": {"com": "authoritative"}', ('routes: "com": no resolver stands there',)),
        ('"resolvers": "::1", "routes": {".": "::2"}', ("line 2: resolvers: routes name resolvers for . too",)),
        ('"proxies": "h:1080", "routes": {"com": "udp://::1"}', ('routes: "com": resolver "udp://', "TCP only")),
    ],
)  # fmt: skip
def test_a_route_that_is_wrong_is_named_with_its_place(tmp_path, text, parts):
    path = tmp_path / "cfg.json"
    path.write_text("{\n" + text + "\n}")
    path.chmod(0o600)

    refusal(scan("--config", path, "--dry-run"), *parts)


def test_a_suffix_with_dots_stands_in_quotes_in_toml(tmp_path):
    path = tmp_path / "cfg.toml"
    path.write_text('[routes]\ncorp.example = "192.0.2.1"\n')

    refusal(scan("--config", path, "--dry-run"), '"corp": unknown key "example"', "in quotes")


def test_a_table_for_another_process_holds_the_routes_in_full():
    from scanner.config.config import from_table, given
    from scanner.config.table import table_of

    flags = {"routes": ("com=authoritative,udp://192.0.2.1", "corp.test=10.0.0.53", ".=8.8.8.8,authoritative")}
    values = given(None, None, flags, {}, [])
    config = from_table({"routes": {"com": {"resolvers": "udp://192.0.2.1", "authoritative": True},
                                    "corp.test": "10.0.0.53", ".": "8.8.8.8,authoritative"}}, {})  # fmt: skip

    table = table_of(values, config)

    assert from_table(table, {}) == config
    assert table["routes"]["."] == {"resolvers": ["tcp://8.8.8.8:53"], "authoritative": True}


def test_a_dry_run_shows_the_routes(tmp_path):
    path = tmp_path / "cfg.toml"
    path.write_text("""
        [routes]
        "corp.example" = "192.0.2.1"
        com = { resolvers = ["udp://192.0.2.2"], authoritative = true }
    """)

    done = scan("--config", path, "--dry-run")

    shown = json.loads(done.out)
    assert (shown["resolvers"], shown["routes"]) == ([], {
        "corp.example": {"resolvers": ["tcp://192.0.2.1:53"], "authoritative": False},
        "com": {"resolvers": ["udp://192.0.2.2:53"], "authoritative": True},
    })  # fmt: skip
