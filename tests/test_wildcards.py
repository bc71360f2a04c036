"""Names that exist only by a wildcard (RFC 4592), told from those that have records of their own: by the real command,
from real authorities and from peers that answer now this, now that."""

import itertools
import json
from collections import Counter

import pytest
import servers
from command import scan
from dns_peer import NXDOMAIN, SERVFAIL, DnsPeer, Query, Talk, frame, response
from peer_answers import CNAME, answer, own, record, soa
from test_confirm import confirm
from test_udp import stats_of
from udp_peer import UdpPeer, is_probe

from scanner.native.input.wild_suffix import wild_suffix
from scanner.paths.canary import PRIVATE, may_have_wildcard
from scanner.scanning.suffixes import suffixes_in

pytestmark = pytest.mark.server

APEX = """
@         3600 SOA   ns hostmaster 1 900 300 604800 300
@         3600 NS    ns
ns        3600 A     127.0.0.1
"""
ZONES = {
    "ws": "* 300 A 192.0.2.99\nown 300 A 192.0.2.10\nparked 300 A 192.0.2.99\n"
          "taken NS ns.taken\nns.taken A 192.0.2.12",
    "de": "taken NS ns.taken\nns.taken A 192.0.2.12\nown 300 A 192.0.2.10",
    "uk": "co 300 A 192.0.2.10\n*.co 300 A 192.0.2.99\nown.co 300 A 192.0.2.10",
    "wild.test": "* 300 A 192.0.2.98\n* 300 A 192.0.2.99\nwww 300 A 192.0.2.10\nsame 300 A 192.0.2.99\n"
                 "more 300 A 192.0.2.98\nmore 300 A 192.0.2.99\nmore 300 A 192.0.2.10\nmail 300 MX 5 ns",
    "alias.test": "* 300 CNAME host\nhost 300 A 192.0.2.10\nother 300 A 192.0.2.10\nown 300 CNAME other\n"
                  "same 300 CNAME host\nlost 300 CNAME nowhere.ws.",
    "mx.test": "* 300 MX 5 ns\nhas 300 A 192.0.2.10",
    "moved.test": "under 300 DNAME wild.test.",
    "plain.test": "www 300 A 192.0.2.10\na.ent 300 A 192.0.2.10",
}  # fmt: skip
BELOW_SUFFIXES = {
    "own.ws": "", "free.ws": "wildcard", "parked.ws": "wildcard", "taken.ws": "referral", "a.free.ws": "wildcard",
    "own.de": "", "taken.de": "referral", "free.de": None, "own.co.uk": "", "free.co.uk": "wildcard", "co.uk": "",
    "FREE2.WS": "wildcard", "nowhere.wild.test": "", "ns.ws": "",
}  # fmt: skip
BELOW_PARENTS = {
    **BELOW_SUFFIXES,
    "nowhere.wild.test": "wildcard", "www.wild.test": "", "same.wild.test": "wildcard", "more.wild.test": "",
    "mail.wild.test": "nodata", "a.b.wild.test": "wildcard", "c.b.wild.test": "wildcard", "a.www.wild.test": None,
    "x.alias.test": "wildcard", "own.alias.test": "", "same.alias.test": "wildcard", "host.alias.test": "",
    "x.mx.test": "wildcard", "has.mx.test": "", "ns.mx.test": "", "x.under.moved.test": "wildcard",
    "www.plain.test": "", "ent.plain.test": "nodata", "x.plain.test": None, "a.ent.plain.test": "",
}  # fmt: skip
FAST = ("--timeout-ms", 300, "--deadline-ms", 2000, "--retries", 0)


@pytest.fixture(scope="module", params=["knot", "nsd"])
def authority(request, tmp_path_factory):
    zones = {zone: APEX + records + "\n" for zone, records in ZONES.items()}
    found = servers.authority(tmp_path_factory.mktemp(request.param), request.param, zones)
    yield found
    found.stop()


def reasons(done) -> dict[str, str | None]:
    """By name; None where there is no such name."""
    return {row["d"]: row.get("e", "") if row["s"] == "taken" else None for row in done.rows}


# -- real authorities ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
@pytest.mark.parametrize(("flags", "found"), [((), BELOW_SUFFIXES), (("--wildcards",), BELOW_PARENTS)],
                         ids=["suffixes", "parents"])  # fmt: skip
def test_a_name_that_gets_what_random_names_get_is_one_of_a_wildcard(authority, scheme, flags, found):
    resolver = f"{scheme}://127.0.0.1:{authority.port}"

    done = scan("-r", resolver, "-t", "A", *flags, "--threads", 2, "--stats", "json", "--quiet", "--fields", "why,a",
                names="\n".join(found))  # fmt: skip

    books = stats_of(done)
    assert (done.code, reasons(done)) == (0, found)
    assert books["read"] == books["written"] == len(found)
    assert books["queries"] == books["responses"] == len(found) + books["random"]
    assert books["uncompared"] == 0
    assert all("why" in row for row in done.rows if row.get("e") == "wildcard")
    assert {row["d"]: row["a"] for row in done.rows}["own.ws"] == ["192.0.2.10"]


def test_names_of_several_types_are_compared_type_by_type(authority):
    done = scan("-r", f"127.0.0.1:{authority.port}", "-t", "A", "-t", "MX", "-t", "NS", "--wildcards",
                names="www.wild.test\nmail.wild.test\nx.wild.test\n")  # fmt: skip

    assert {(row["d"], row["t"]): row.get("e", "") for row in done.rows} == {
        ("www.wild.test", "A"): "", ("www.wild.test", "MX"): "wildcard", ("www.wild.test", "NS"): "wildcard",
        ("mail.wild.test", "A"): "nodata", ("mail.wild.test", "MX"): "", ("mail.wild.test", "NS"): "wildcard",
        ("x.wild.test", "A"): "wildcard", ("x.wild.test", "MX"): "wildcard", ("x.wild.test", "NS"): "wildcard",
    }  # fmt: skip


def test_each_parent_is_asked_about_once_however_many_names_it_has_and_however_often_they_come(authority):
    names = [f"n{number % 500}.{parent}" for number in range(3000) for parent in ("wild.test", "plain.test", "de")]
    names += ["www.plain.test"] * 20

    done = scan("-r", f"127.0.0.1:{authority.port}", "-t", "A", "--wildcards", "--stats", "json",
                names="\n".join(names))  # fmt: skip

    books = stats_of(done)
    assert Counter(row.get("e", row["s"]) for row in done.rows) == {"wildcard": 3000, "nxdomain": 6000, "taken": 20}
    assert books["random"] == 2 + 2
    assert books["read"] == books["written"] == len(names)


def test_every_format_has_its_line_for_them(authority):
    ask = ("-r", f"127.0.0.1:{authority.port}", "-t", "A", "--wildcards")
    names = "x.wild.test\nwww.wild.test\nx.plain.test\n"

    bare = scan(*ask, "--format", "names", "--only", "taken", names=names)
    alone = scan(*ask, "--format", "names", "--only", "own,nxdomain", "--stats", "json", names=names)
    others = scan(*ask, "--format", "names", "--only", "wildcard,nxdomain", names=names)
    whole = scan(*ask, "--only", "wildcard,own", "--dry-run")
    massdns = scan(*ask, "--format", "massdns", names=names)
    zdns = scan(*ask, "--format", "zdns", names=names)

    assert sorted(bare.out.split()) == [b"www.wild.test", b"x.wild.test"]
    assert sorted(alone.out.split()) == [b"www.wild.test", b"x.plain.test"]
    assert sorted(others.out.split()) == [b"x.plain.test", b"x.wild.test"]
    assert json.loads(whole.out)["only"] == ["taken"]
    assert (stats_of(alone)["filtered"], stats_of(alone)["settings"]["only"]) == (1, ["own", "nxdomain"])
    by_name = {row["name"]: row for row in massdns.rows}
    assert {each["data"] for each in by_name["x.wild.test."]["data"]["answers"]} == {"192.0.2.98", "192.0.2.99"}
    assert {row["name"]: row["results"]["A"]["status"] for row in zdns.rows} == {
        "x.wild.test": "NOERROR", "www.wild.test": "NOERROR", "x.plain.test": "NXDOMAIN"}  # fmt: skip


# -- the row: a top-level domain with a wildcard, and its registry -------------------------------------------------


def test_the_registry_is_asked_about_names_of_a_wildcard_and_not_of_others(authority, registries):
    names = ["free-s.ws", "own.ws", "taken.ws"]
    found = scan("-r", f"127.0.0.1:{authority.port}", "-t", "A", names="\n".join(names))

    done = confirm(registries, "--stats", "json", lines=[*found.out.decode().splitlines(), wild("free-s.com"),
                                                         wild("plain-a.com")])  # fmt: skip

    rows = {row["d"]: row for row in done.rows}
    books = json.loads(done.err.splitlines()[-1])
    assert reasons(found) == {"free-s.ws": "wildcard", "own.ws": "", "taken.ws": "referral"}
    assert {name: rows[name].get("via") for name in ("own.ws", "taken.ws")} == {"own.ws": "dns", "taken.ws": "dns"}
    assert (rows["free-s.ws"]["c"], rows["free-s.ws"]["e"]) == ("unknown", "no_rdap")  # the lab has no such registry
    assert (rows["free-s.com"]["c"], rows["free-s.com"]["via"]) == ("free", "rdap")
    assert rows["plain-a.com"]["via"] == "rdap"
    assert books["requests"] == 2


def wild(name: str) -> str:
    return json.dumps({"d": name, "s": "taken", "r": 0, "ms": 7, "re": True, "e": "wildcard"}, separators=(",", ":"))


def test_the_dns_once_more_proves_nothing_below_a_wildcard(authority, registries):
    done = confirm(registries, "--recheck", f"127.0.0.1:{authority.port}", lines=["free-s.ws", "own.ws"])

    assert [row["e"] for row in done.rows] == ["no_rdap", "no_rdap"]


# -- peers ---------------------------------------------------------------------------------------------------------


class Rotating:
    """Each answer has the next few of a pool of addresses; names that begin with `own` have one of their own."""

    def __init__(self, pool: int, at_once: int):
        self._turns, self._pool, self._at_once = itertools.count(), pool, at_once
        self.random: list[str] = []

    def __call__(self, query: Query) -> bytes:
        if query.name.endswith("invalid") or query.name.endswith("com"):
            return answer(query, rcode=NXDOMAIN)
        if is_probe(query):
            self.random.append(query.name)
        if query.name.startswith("own"):
            return answer(query, [own(rdata=bytes((198, 51, 100, 1)))])
        first = next(self._turns) * self._at_once
        octets = [(first + index) % self._pool for index in range(self._at_once)]
        return answer(query, [own(rdata=bytes((192, 0, 2, octet))) for octet in octets])


def peer_of(answers, scheme: str):
    if scheme == "udp":
        return UdpPeer(lambda datagram: datagram.send(octets) if (octets := answers(datagram.query)) else None,
                       with_probes=True)  # fmt: skip

    def script(talk: Talk) -> None:
        for query in talk.queries():
            if octets := answers(query):
                talk.send(frame(octets))

    return DnsPeer(script)


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
@pytest.mark.parametrize(("pool", "at_once", "most"), [(1, 1, 8), (2, 1, 24), (4, 4, 8), (9, 3, 24)])
def test_a_wildcard_that_gives_now_these_addresses_now_those_is_one(scheme, pool, at_once, most):
    answers = Rotating(pool, at_once)
    names = [f"{word}{number}.sub.example" for number in range(30) for word in ("n", "own")]
    with peer_of(answers, scheme) as peer:
        done = scan("-r", peer.address, "-t", "A", "--wildcards", "--threads", 1, names="\n".join(names))

    assert reasons(done) == {name: "wildcard" if name.startswith("n") else "" for name in names}
    assert len([name for name in answers.random if name.endswith("sub.example")]) <= most


def silent_to(asked: list[str], rcode: int | None):
    """Random names get this, or nothing; others exist."""

    def answers(query: Query) -> bytes | None:
        if query.name.split(".")[-1] in ("invalid", "com"):
            return answer(query, rcode=NXDOMAIN)
        if is_probe(query):
            asked.append(query.name)
            return None if rcode is None else answer(query, rcode=rcode)
        return answer(query, [own()])

    return answers


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
@pytest.mark.parametrize("rcode", [None, SERVFAIL])
def test_random_names_without_an_answer_prove_nothing_and_that_is_said(scheme, rcode):
    asked: list[str] = []
    with peer_of(silent_to(asked, rcode), scheme) as peer:
        done = scan("-r", peer.address, "-t", "A", "--wildcards", *FAST, "--fields", "why", "--canary-every", 0,
                    names="a.x.example\nb.x.example\nc.y.example\n")  # fmt: skip

    assert (done.code, reasons(done)) == (0, {"a.x.example": "", "b.x.example": "", "c.y.example": ""})
    assert {row.get("why") for row in done.rows} == {"the random names asked beside it got no answer"}
    assert "3 names exist perhaps by a wildcard only" in done.err


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_a_budget_that_is_used_up_leaves_the_answer_as_it_came(scheme):
    answers = Rotating(1, 1)
    with peer_of(answers, scheme) as peer:
        done = scan("-r", peer.address, "-t", "A", "--wildcards", "--max-queries", 1, "--stats", "json",
                    names="a.x.example\nb.x.example\n")  # fmt: skip

    books = stats_of(done)
    assert (done.code, books["queries"], books["random"], books["written"], books["uncompared"]) == (5, 1, 0, 1, 1)
    assert reasons(done) == {"a.x.example": ""}


def alias_of_each(query: Query) -> bytes:
    """`NAME.sub.example` is an alias of `NAME.cdn.example`, and of `other.cdn.example` where it is an `own` one."""
    label = query.name.split(".")[0].encode()
    if not query.name.endswith("sub.example"):
        return answer(query, rcode=NXDOMAIN)
    first = b"other" if label.startswith(b"own") else label
    target = bytes([len(first)]) + first + b"\3cdn\7example\0"
    return answer(query, [own(CNAME, target), record(target, 1, bytes((192, 0, 2, 7)))])


def test_an_alias_that_is_made_from_each_name_is_the_same_for_all():
    with peer_of(alias_of_each, "udp") as peer:
        done = scan("-r", peer.address, "-t", "A", "--wildcards", names="a.sub.example\nown.sub.example\n")

    assert reasons(done) == {"a.sub.example": "wildcard", "own.sub.example": ""}


def test_no_data_of_another_zone_is_another_answer():
    def answers(query: Query) -> bytes:
        if query.name.split(".")[-1] in ("invalid", "com"):
            return answer(query, rcode=NXDOMAIN)
        zone = b"\3own\2ws\0" if query.name.endswith("own.ws") else b"\2ws\0"
        return answer(query, [], [soa(zone)])

    with peer_of(answers, "tcp") as peer:
        done = scan("-r", peer.address, names="own.ws\nwww.own.ws\nfree.ws\n")

    assert reasons(done) == {"own.ws": "nodata", "www.own.ws": "nodata", "free.ws": "wildcard"}


def test_what_does_not_fit_a_datagram_is_compared_over_tcp():
    def over_udp(datagram) -> None:
        octets = response(datagram.query, NXDOMAIN if datagram.query.name.endswith(("invalid", "com")) else 0)
        datagram.send(octets if octets[3] & 15 else octets[:2] + bytes([octets[2] | 2]) + octets[3:])

    def over_tcp(talk: Talk) -> None:
        for query in talk.queries():
            talk.send(frame(answer(query, [own(rdata=bytes((192, 0, 2, 1 + query.name.startswith("own"))))])))

    with UdpPeer(over_udp, tcp_script=over_tcp, with_probes=True) as peer:
        done = scan("-r", peer.address, "-t", "A", "--wildcards", "--stats", "json",
                    names="a.sub.example\nb.sub.example\nown.sub.example\n")  # fmt: skip

    assert reasons(done) == {"a.sub.example": "wildcard", "b.sub.example": "wildcard", "own.sub.example": ""}
    assert stats_of(done)["uncompared"] == 0


@pytest.mark.parametrize("tcp_works", [True, False])
def test_where_only_the_random_names_need_tcp_the_names_beside_them_go_there_too(tcp_works):
    def over_udp(datagram) -> None:
        name = datagram.query.name
        octets = answer(datagram.query, [own()], rcode=0)
        if name.endswith(("invalid", "com")):
            octets = response(datagram.query, NXDOMAIN)
        elif len(name.partition(".")[0]) == 24:
            octets = octets[:2] + bytes([octets[2] | 2]) + octets[3:]
        datagram.send(octets)

    def over_tcp(talk: Talk) -> None:
        for query in talk.queries() if tcp_works else ():
            talk.send(frame(answer(query, [own(rdata=bytes((192, 0, 2, 1 + query.name.startswith("own"))))])))

    with UdpPeer(over_udp, tcp_script=over_tcp, with_probes=True) as peer:
        done = scan("-r", peer.address, "-t", "A", "--wildcards", "--stats", "json", *FAST,
                    names="a.sub.example\nb.sub.example\nown.sub.example\n")  # fmt: skip

    found = {"a.sub.example": "wildcard", "b.sub.example": "wildcard", "own.sub.example": ""}
    assert reasons(done) == (found if tcp_works else dict.fromkeys(found, ""))
    assert stats_of(done)["uncompared"] == (0 if tcp_works else 3)


def test_a_name_too_long_for_a_random_one_beside_it_has_its_answer_all_the_same():
    parent = ".".join(["p" * 61] * 4)  # 247 characters
    with peer_of(Rotating(1, 1), "udp") as peer:
        done = scan("-r", peer.address, "-t", "A", "--wildcards", names=f"abc.{parent}\n")

    assert (done.code, done.row["s"], done.row.get("e")) == (0, "taken", None)


def test_a_resumed_scan_asks_again_and_says_the_same(authority, tmp_path):
    out, names = tmp_path / "out.jsonl", tmp_path / "names"
    names.write_text("".join(f"n{number}.wild.test\nwww.wild.test\n" for number in range(200)))
    ask = ("-r", f"udp://127.0.0.1:{authority.port}", "-t", "A", "--wildcards", "--output", out)
    first = scan(*ask, "--max-queries", 100, names)

    second = scan(*ask, "--resume", names)

    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert (first.code, second.code, len({row["n"] for row in rows}), len(rows)) == (5, 0, 400, 400)
    assert Counter(row.get("e", "") for row in rows if row["d"] == "www.wild.test") == {"": 200}
    assert sum(row.get("e") == "wildcard" for row in rows) >= 198  # but those that the budget cut off


# -- the parts -----------------------------------------------------------------------------------------------------


def test_the_suffixes_that_may_have_a_wildcard_are_those_of_the_canaries():
    names = ["a.ws", "a.CO.uk", "co.uk", "x.a.co.uk", "a.com", "a.shop", "a.xn--p1ai", "a.xn--", "b.a.com.br",
             "a.xx.br", "ws", "a.test", "a.example", "a.b2", *(f"a.{word}" for word in PRIVATE), "a.plan", "a.alan",
             "a.ac.com", "q.org.za", "org.za", "a.ne.jp", "one.jp", "a.one.jp", f"a.{'p' * 50}",
             f"{'x' * 50}.de"]  # fmt: skip
    for name in names:
        found = [suffix for suffix in suffixes_in(name.encode()) if may_have_wildcard(suffix)]
        longest = max(found, key=len, default="")
        assert wild_suffix(name.encode()).lower() == longest, name
