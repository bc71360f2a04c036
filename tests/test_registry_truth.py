"""Registries' own servers get canaries before their word is taken, and while they are asked: one that invents names,
denies what exists, or knows nothing of its zone gets no names."""

import json
import os
import threading
import time
from contextlib import ExitStack

import pytest
import registry_servers as net
from authority_peer import (
    PARKED,
    Authority,
    delegates_all,
    denies_all,
    filters,
    honest,
    parked,
    refers_upward,
    refuses,
    registries,
    speaks_for_another,
)
from command import Scan, scan, start

GOOD, BAD = "127.68.0.2", "127.68.0.3"
SCHEMES = pytest.mark.parametrize("scheme", ["tcp", "udp"])
NAMES = [f"{label}{index}.com" for index in range(20) for label in ("taken", "free")]


@pytest.fixture(autouse=True, scope="module")
def port_53():
    if not net.may_listen():
        (pytest.fail if os.environ.get("DNSSCAN_REQUIRE_SERVERS") == "1" else pytest.skip)("port 53 needs root")


def flags(root: str, scheme: str = "tcp") -> tuple[str, ...]:
    return ("--at-registry", "--from-root-hints", "--root-hint", f"{scheme}://{root}", "--fields", "why")


def at_registry(root: str, *args: object, names: list[str] = NAMES, scheme: str = "tcp") -> Scan:
    return scan(*flags(root, scheme), *args, names="\n".join(names) + "\n")


def told(done: Scan) -> dict[str, tuple[str, str | None]]:
    return {row["d"]: (row["s"], row.get("e")) for row in done.rows}


def expected(names: list[str]) -> dict[str, tuple[str, str | None]]:
    return {name: ("taken", "referral") if name.startswith("taken") else ("nxdomain", None) for name in names}


@SCHEMES
@pytest.mark.parametrize(("script", "words"), [
    (parked, "answers names below com that do not exist"),
    (delegates_all, "answers names below com that do not exist"),
    (denies_all("com"), "denies names below com that exist"),
    (filters("com"), "filters"),
    (refuses, ""), (refers_upward, ""), (speaks_for_another, ""),
], ids=["parked", "delegates all", "denies all", "filters", "refuses", "upward", "another zone"])  # fmt: skip
def test_a_server_that_lies_or_is_lame_gets_no_names(scheme, script, words):
    with registries({"com": {BAD: script, GOOD: honest("com")}}) as (root, peers):
        done = at_registry(root, scheme=scheme)

    assert told(done) == expected(NAMES), done.err
    assert not set(peers[BAD].names) & set(NAMES)
    assert words in done.err


@pytest.mark.parametrize("script", [parked, denies_all("com")], ids=["parked", "denies all"])
def test_names_of_a_zone_whose_servers_all_lie_end_in_an_error_that_says_so(script):
    with registries({"com": {BAD: script}, "net": {GOOD: honest("net")}}) as (root, peers):
        done = at_registry(root, names=[*NAMES, "taken1.net"])

    assert told(done) == {**dict.fromkeys(NAMES, ("error", "badresp")), "taken1.net": ("taken", "referral")}
    assert {row["why"].partition(": ")[2] for row in done.rows if row["s"] == "error"} == {
        "no server of the registry tells the truth"
    }
    assert not set(peers[BAD].names) & set(NAMES)


def test_below_a_country_one_answer_for_all_names_is_a_wildcard_unless_another_server_denies_them():
    names = [name.replace(".com", ".ws") for name in NAMES]
    with registries({"ws": {BAD: parked}}) as (root, _):
        alone = at_registry(root, "-t", "A", names=names)
    with registries({"ws": {BAD: parked, GOOD: honest("ws")}}) as (root, peers):
        done = at_registry(root, "-t", "A", names=names)

    assert set(told(alone).values()) == {("taken", "wildcard")}
    assert told(done) == expected(names)
    assert not set(peers[BAD].names) & set(names)


def test_a_server_that_denies_the_name_that_exists_by_the_user_s_word_is_a_liar():
    with registries({"com": {BAD: denies_all("com"), GOOD: honest("com")}}) as (root, peers):
        done = at_registry(root, "--canary", f"taken1.com={PARKED}")

    assert told(done) == expected(NAMES)
    assert not set(peers[BAD].names) & set(NAMES) - {"taken1.com"}


def test_a_server_that_turns_liar_is_convicted_and_its_names_go_to_the_other():
    turned = threading.Event()

    def turncoat(name, reply):
        (parked if turned.is_set() else honest("com"))(name, reply)

    with registries({"com": {BAD: turncoat, GOOD: honest("com")}}) as (root, peers):
        run = start(*flags(root), "--canary-every", "1", "--retries", "9")
        for name in NAMES:
            run.stdin.write(f"{name}\n".encode())
        run.stdin.flush()
        before = [json.loads(run.stdout.readline()) for _ in NAMES]
        turned.set()
        for index in range(1000):  # canaries are one of a hundred queries
            run.stdin.write(f"free{index}.while.com\n".encode())
        run.stdin.flush()
        warning = run.stderr.readline().decode()
        assert "Trace" not in warning, warning + run.stderr.read().decode()
        count = len(peers[BAD].names)
        late = [f"free{index}.late.com" for index in range(50)]
        out, _ = run.communicate("\n".join(late).encode() + b"\n", 30)

    found = {row["d"]: (row["s"], row.get("e")) for row in [*before, *map(json.loads, out.splitlines())]}
    assert f"{BAD}:53 answers names below com that do not exist; it is not asked until it tells the truth" in warning
    assert {name: found[name] for name in NAMES} == expected(NAMES)
    assert {found[name] for name in late} == {("nxdomain", None)}
    assert not set(peers[BAD].names[count:]) & set(late)
    assert len(found) == len(NAMES) + 1000 + len(late)


def test_a_liar_that_was_the_only_server_is_asked_again_when_it_tells_the_truth():
    lies = threading.Event()

    def turncoat(name, reply):
        (parked if lies.is_set() else honest("com"))(name, reply)

    with registries({"com": {BAD: turncoat}}) as (root, _):
        run = start(*flags(root), "--canary-every", "1", "--deadline-ms", "2000", "--timeout-ms", "500",
                    "--no-second-pass")  # fmt: skip
        run.stdin.write(b"free1.com\n")
        run.stdin.flush()
        assert json.loads(run.stdout.readline())["s"] == "nxdomain"
        run.stdin.write("".join(f"free{index}.www.com\n" for index in range(1000)).encode())  # one of a hundred queries
        run.stdin.flush()
        for _ in range(1000):
            run.stdout.readline()
        lies.set()
        run.stdin.write(b"free2.com\n")
        run.stdin.flush()
        run.stdout.readline()
        assert "is not asked until" in run.stderr.readline().decode()
        lost = next_row(run, lambda row: row.get("e") == "badresp")
        lies.clear()
        found = next_row(run, lambda row: row["s"] == "nxdomain")  # when it has passed twice
        run.communicate(b"", 30)

    assert (lost["s"], found["s"]) == ("error", "nxdomain")


def next_row(run, is_it) -> dict:
    """The first row of that kind, of names that are asked one after the other."""
    for index in range(400):
        run.stdin.write(f"free{index}.com\n".encode())
        run.stdin.flush()
        row = json.loads(run.stdout.readline())
        if is_it(row):
            return row
        time.sleep(0.1)
    raise AssertionError(row)


# -- limits of the whole scan ------------------------------------------------------------------------------------------


def test_what_finds_registries_counts_towards_the_budget():
    with registries({"com": {GOOD: honest("com")}}) as (root, peers):
        done = at_registry(root, "--max-queries", "5", "--output", "/dev/null")

    assert done.code == 5
    assert sum(len(peer.names) for peer in peers.values()) == 5


def test_what_finds_registries_keeps_the_rate_of_the_whole_scan():
    zones = {zone: {GOOD: honest("com")} for zone in ("com", "net", "org", "info", "biz")}
    with registries(zones) as (root, peers):
        at_registry(root, "--rate", "10", "--deadline-ms", "1000", names=[f"free.{zone}" for zone in zones])

    times = sorted(at for peer in peers.values() for at in peer.times)
    assert times[-1] - times[0] >= (len(times) - 2) / 10 * 0.9


# -- names below registered domains ------------------------------------------------------------------------------------


@SCHEMES
def test_a_name_below_a_delegation_is_asked_of_one_server(scheme):
    names = [f"www{index}.taken{index}.com" for index in range(10)]
    with registries({"com": {f"127.68.0.{last}": honest("com") for last in range(2, 6)}}) as (root, peers):
        done = at_registry(root, names=[*names, "a.b.free.com"], scheme=scheme)

    asked = [name for peer in peers.values() for name in peer.names if name in names]
    assert told(done) == {**dict.fromkeys(names, ("error", "referral")), "a.b.free.com": ("nxdomain", None)}
    assert sorted(asked) == sorted(names)


# -- zones with many servers -------------------------------------------------------------------------------------------


@SCHEMES
def test_a_name_goes_to_each_server_of_its_route_once_before_it_is_given_up(scheme):
    places = [f"127.68.{net_}.{last}" for net_ in (1, 2) for last in range(2, 14)]
    with ExitStack() as stack:
        peers = [stack.enter_context(Authority(place, refuses)) for place in places]
        peers[-1].script = honest("com")
        route = "com=authoritative," + ",".join(f"{scheme}://{place}" for place in places)
        done = scan(
            "--route",
            route,
            "--retries",
            "0",
            "--no-second-pass",
            "--policy",
            "round_robin",
            names="free1.com\ntaken1.com\n",
        )

    assert told(done) == expected(["free1.com", "taken1.com"])
    assert all(max(map(peer.names.count, peer.names), default=1) == 1 for peer in peers)
