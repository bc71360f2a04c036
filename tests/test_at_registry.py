"""Names are asked of the servers of their registries: those that the zone of their public suffix is delegated to. BIND
is the root, knot and NSD have the zones below it, unbound resolves; every verdict is what the zone files hold."""

import json
import socket

import pytest
import registry_servers as net
from command import QUICK, Scan, refusal, scan

from scanner.native.input.suffixes import SuffixTable
from scanner.registry.suffixes import icann_suffixes

RESOLVER = net.RESOLVER


@pytest.fixture(scope="module")
def internet(tmp_path_factory):
    with net.internet(tmp_path_factory.mktemp("internet")) as root:
        yield root


def at_registry(config: dict, names: list[str], *args: object) -> Scan:
    lines = json.dumps({"at_registry": True, **config}) + "\n" + "\n".join(names) + "\n"
    return scan("--config", "-", "--fields", "ns,why", *args, names=lines)


def told(done: Scan) -> dict[str, tuple[str, str | None]]:
    return {row["d"]: (row["s"], row.get("e")) for row in done.rows}


@pytest.mark.parametrize("config", [
    {"resolvers": [RESOLVER]},
    {"resolvers": [f"udp://{RESOLVER}"]},
    {"from_root_hints": True, "root_hints": "{}"},
    {"from_root_hints": True, "root_hints": "udp://{}"},
], ids=["tcp", "udp", "root, tcp", "root, udp"])  # fmt: skip
def test_every_verdict_is_what_the_zone_of_the_registry_holds(config, internet):
    names = net.candidates(20)
    config = {key: value.format(internet) if key == "root_hints" else value for key, value in config.items()}

    done = at_registry(config, names)

    found = told(done)
    assert (done.code, len(done.rows)) == (0, len(names)), done.err
    assert [(name, found[name]) for name in names if found[name] != net.expected(name)] == [], done.err


def test_the_verdicts_are_the_same_through_tunnels(internet, microsocks):
    names = net.candidates(5)

    done = at_registry(
        {"resolvers": [RESOLVER], "proxies": [f"socks5://127.0.0.1:{microsocks.port}"], "workers": 40}, names
    )

    found = told(done)
    assert (done.code, len(done.rows)) == (0, len(names)), done.err
    assert [(name, found[name]) for name in names if found[name] != net.expected(name)] == [], done.err


def test_a_scan_that_takes_a_while_does_not_judge_a_registry_by_its_traffic(internet):
    """That is looked at once a second, of those that were asked for fifty names since."""
    names = [f"taken{index}.com" for index in range(400)]

    done = at_registry({"resolvers": [RESOLVER], "rate": 200}, names)

    assert (done.code, len(done.rows)) == (0, 400), done.err
    assert done.err.count("dnsscan: ") == done.err.count("dnsscan: read"), done.err


def test_a_lame_server_gets_no_names_and_suffixes_of_one_zone_share_its_servers(internet):
    done = at_registry({"resolvers": [RESOLVER]}, [f"taken{index}.{suffix}" for index in range(30)
                                                   for suffix in ("net", "uk", "co.uk", "br", "com.br")])  # fmt: skip

    by_suffix = {}
    for row in done.rows:
        by_suffix.setdefault(row["d"].partition(".")[2], set()).add(row["ns"])
    assert by_suffix == {
        "net": {f"tcp://{net.NSD}:53"}, "br": {f"tcp://{net.NSD}:53"}, "com.br": {f"tcp://{net.NSD}:53"},
        "uk": {f"tcp://{net.KNOT}:53"}, "co.uk": {f"tcp://{net.KNOT}:53"},
    }  # fmt: skip


def test_names_below_a_suffix_whose_servers_are_not_found_end_in_an_error_that_says_so(internet):
    done = at_registry({"resolvers": [RESOLVER]}, [*(f"name{index}.{net.DEAD}" for index in range(50)), "taken1.com"])

    lost = [row for row in done.rows if row["d"].endswith(f".{net.DEAD}")]
    assert {(row["s"], row["e"], row["why"]) for row in lost} == {
        ("error", "servfail", "the resolver answered SERVFAIL: the servers of the registry were not found")
    }
    assert (len(lost), told(done)["taken1.com"]) == (50, ("taken", "referral"))
    assert done.err.count(f"the servers of {net.DEAD} were not found") == 1


def test_where_nobody_can_be_asked_for_servers_each_name_has_its_line():
    names = [f"name{index}.{suffix}" for index in range(20) for suffix in ("com", "co.uk")]

    done = at_registry({"resolvers": ["127.66.0.98"]}, names, *QUICK)

    assert (done.code, len(done.rows)) == (3, len(names))
    assert {(row["s"], row["e"]) for row in done.rows} == {("error", "connection")}


def test_names_of_a_server_that_has_moved_to_tcp_wait_for_it_as_long_as_it_answers(internet):
    names = [f"free{index}.tv" for index in range(200)]

    done = at_registry({"from_root_hints": True, "root_hints": f"udp://{internet}"}, names, "--rate-per-resolver", "60",
                       "--deadline-ms", "1500", "--timeout-ms", "500")  # fmt: skip

    assert told(done) == dict.fromkeys(names, ("nxdomain", None))


def test_a_route_for_a_suffix_goes_before_its_registry(internet):
    done = at_registry({"resolvers": [RESOLVER], "routes": {"com": {"resolvers": net.NSD, "authoritative": True}}},
                       ["taken1.com", "taken1.net"])  # fmt: skip

    assert told(done) == {"taken1.com": ("error", "refused"), "taken1.net": ("taken", "referral")}


def test_a_suffix_below_which_each_name_is_one_is_found_name_by_name():
    table = SuffixTable([])
    table.put(b"ck", 7, has_children=True)
    table.put(b"co.ck", 8)

    assert [table.route_of(name) for name in (b"ck", b"bar.ck", b"foo.bar.ck", b"foo.co.CK", b"com")] == [
        7,
        7,
        -3,
        8,
        0,
    ]


def test_the_suffixes_are_those_of_the_list_in_a_labels():
    found = dict(icann_suffixes())

    assert (found[b"co.uk"], found[b"ck"], found[b"xn--p1ai"], found[b"za"]) == (False, True, False, False)
    assert not {b"github.io", b"onion", b"in-addr.arpa"} & found.keys()


@pytest.mark.parametrize(("args", "words"), [
    (["--from-root-hints", "-r", RESOLVER], ["--from-root-hints", "--at-registry"]),
    (["--at-registry", "--from-root-hints", "--root-hint", "tls://127.0.0.1"], ["--root-hint", "tcp:// or udp://"]),
    (["--at-registry", "--from-root-hints", "--root-hint", "udp://127.0.0.1", "--proxy", "socks5://127.0.0.1:1080"],
     ["TCP only"]),
])  # fmt: skip
def test_what_contradicts_itself_is_refused(args, words):
    refusal(scan(*args, names="example.com\n"), *words)


def test_a_dry_run_shows_where_the_root_is():
    done = scan("--at-registry", "--from-root-hints", "--root-hint", "192.0.2.1", "--dry-run")

    shown = json.loads(done.out)
    assert (shown["at_registry"], shown["root_hints"], shown["resolvers"]) == (True, ["tcp://192.0.2.1:53"], [])


def test_names_that_wait_for_servers_to_be_found_do_not_keep_a_scan_from_ending():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        resolver = f"127.0.0.1:{silent.getsockname()[1]}"

        done = at_registry({"resolvers": [resolver]}, ["one.com", "two.net"], "--max-time", "1", "--stats", "json")

    assert (done.code, done.out) == (5, b"")
    assert json.loads(done.err.splitlines()[-1])["unfinished"] == 2
