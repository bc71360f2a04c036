"""Trusted resolvers: NXDOMAIN is asked once more of one of them before it is written, whatever carries either question.
What the two say of a name stands in its first label."""

import json
import signal
import threading
from collections import Counter

import pytest
from command import QUICK, refusal, scan, start, wait_for
from dns_peer import NXDOMAIN, SERVFAIL, DnsPeer, Query, response
from peer_answers import CNAME, answer, ede, own, record, server, soa
from test_liars import each, peer_of
from udp_peer import is_probe

CARRIERS = pytest.mark.parametrize(("one", "other"), [("udp", "udp"), ("udp", "tcp"), ("tcp", "udp"), ("tcp", "tcp")])
ALIAS = record(b"\xc0\x0c", CNAME, b"\5other\7example\0")
ROOT, SELF = b"\0", b"\xc0\x0c"
ANSWERS = {  # of a trusted resolver, by the first label without its digits
    "lie": lambda query: answer(query, [own(query.qtype) if query.qtype == 1 else server(SELF)]),
    "empty": lambda query: answer(query, [], [soa(SELF)]),
    "delegated": lambda query: answer(query, [], [server(SELF)]),
    "alias": lambda query: answer(query, [ALIAS], [soa(SELF)], rcode=NXDOMAIN),
    "failing": lambda query: response(query, SERVFAIL),
    "upward": lambda query: answer(query, [], [server(ROOT)]),
    "blocked": lambda query: answer(query, [], [], [ede(15)], rcode=NXDOMAIN),
    "silent": lambda query: None,
}


def kind_of(query: Query) -> str:
    return query.name.partition(".")[0].rstrip("0123456789")


class Answers:
    """A resolver that remembers the names that it was asked for, canaries aside."""

    def __init__(self, answers=response):
        self.answers, self.lock = answers, threading.Lock()
        self.names: Counter[str] = Counter()

    def __call__(self, query: Query) -> bytes | None:
        if is_probe(query):
            return response(query)
        with self.lock:
            self.names[query.name] += 1
        return self.answers(query)


def denies(query: Query) -> bytes:
    """Nothing exists but what begins with `is`."""
    return response(query, None if kind_of(query) == "is" else NXDOMAIN)


def trusted(query: Query) -> bytes | None:
    return ANSWERS[kind_of(query)](query) if kind_of(query) in ANSWERS else response(query, NXDOMAIN)


def told(done) -> dict[str, tuple]:
    return {row["d"]: (row["s"], row.get("e"), row["r"]) for row in done.rows}


@CARRIERS
def test_what_the_second_one_says_decides(one, other):
    names = {
        "nx.example": ("nxdomain", None, 3), "is.example": ("taken", None, 0), "lie.example": ("error", "disputed", 0),
        "empty.example": ("error", "disputed", 0), "delegated.example": ("error", "disputed", 0),
        "alias.example": ("error", "disputed", 3), "failing.example": ("error", "servfail", 2),
        "upward.example": ("error", "referral", 0), "blocked.example": ("error", "filtered", 3),
        "silent.example": ("error", "timeout", 3), "a..example": ("error", "badname", None),
    }  # fmt: skip
    first, second = Answers(denies), Answers(trusted)
    with peer_of(first, one) as ordinary, peer_of(second, other) as better:
        done = scan("-r", ordinary.address, "--trusted-resolver", better.address, *QUICK, "--fields", "why,ns",
                    "--stats", "json", names="".join(f"{name}\n" for name in names))  # fmt: skip

    whys = {row["d"].partition(".")[0]: row.get("why") for row in done.rows}
    scheme = {"udp": "", "tcp": "tcp://"}
    here, there = (f"{scheme[each]}{peer.address}" for each, peer in ((one, ordinary), (other, better)))
    books = json.loads(done.err.splitlines()[-1])
    assert done.code == 0, done.err
    assert told(done) == names
    assert set(second.names) == set(first.names) - {"is.example"}
    assert first.names["nx.example"] == 1
    assert whys["lie"] == f"resolvers say different things; NXDOMAIN from {here}, an answer from {there}"
    assert whys["empty"].endswith(f"; NXDOMAIN from {here}, no data from {there}")
    assert whys["silent"] == f"no answer in time; NXDOMAIN from {here}, which no trusted resolver has confirmed"
    assert whys["blocked"].endswith("which no trusted resolver has confirmed; EDE 15")
    assert (books["doubted"], books["written"], books["reasons"]["disputed"]) == (9, 11, 4)


@CARRIERS
def test_thousands_of_names_of_several_types_and_twins_have_a_line_each(one, other):
    lines = [f"{kind}{number}.example\n" * 2 for number in range(1500) for kind in ("nx", "lie")]
    with peer_of(Answers(denies), one) as ordinary, peer_of(Answers(trusted), other) as better:
        done = scan("-r", ordinary.address, "--trusted-resolver", better.address, "-t", "NS", "-t", "A",
                    names="".join(lines))  # fmt: skip

    counts = Counter((row["s"], row.get("e"), row["t"], row["d"].startswith("nx")) for row in done.rows)
    assert done.code == 0, done.err
    assert counts == {
        ("nxdomain", None, "NS", True): 3000, ("nxdomain", None, "A", True): 3000,
        ("error", "disputed", "NS", False): 3000, ("error", "disputed", "A", False): 3000,
    }  # fmt: skip


@CARRIERS
def test_a_slow_one_keeps_names_waiting_and_none_of_them_runs_out_of_time(one, other):
    """Three give 600 a second to the fourth, which takes 200: the last ones wait for longer than a name may take."""
    peers = [peer_of(Answers(denies), one) for _ in range(3)] + [peer_of(Answers(trusted), other)]
    with peers[0], peers[1], peers[2], peers[3]:
        resolvers = [part for peer in peers[:3] for part in ("-r", peer.address)]
        done = scan(*resolvers, "--trusted-resolver", peers[3].address, "--rate-per-resolver", 200, "--timeout-ms", 900,
                    "--deadline-ms", 1000, "--stats", "json",
                    names="".join(f"nx{number}.example\n" for number in range(600)))  # fmt: skip

    books = json.loads(done.err.splitlines()[-1])
    assert Counter(row["s"] for row in done.rows) == {"nxdomain": 600}, done.err
    assert books["second"] == 0


@CARRIERS
def test_one_that_is_silent_at_first_is_asked_again_in_the_second_pass(one, other):
    seen: Counter[str] = Counter()

    def late(query: Query) -> bytes | None:
        seen[query.name] += 1
        return response(query, NXDOMAIN) if kind_of(query) == "nx" or is_awake.is_set() else None

    is_awake = threading.Event()
    first = Answers(denies)
    with peer_of(first, one) as ordinary, peer_of(Answers(late), other) as better:
        run = start("-r", ordinary.address, "--trusted-resolver", better.address, "--timeout-ms", 100, "--deadline-ms",
                    1500, "--stats", "json", "--quiet")  # fmt: skip
        run.stdin.write(b"late.example\nnx.example\n")
        run.stdin.flush()
        wait_for(lambda: seen["late.example"] >= 3)
        threading.Event().wait(1.6)  # its time is over, whatever was asked
        is_awake.set()
        out, _ = run.communicate(timeout=30)

    assert [json.loads(line)["s"] for line in out.splitlines()] == ["nxdomain"] * 2
    assert first.names["late.example"] == 1, "the first answer is not asked for again"


def test_of_several_any_may_confirm_and_a_dead_one_costs_no_name():
    """One over UDP that nobody listens to, one over TCP, beside ordinary ones of both kinds."""
    with (
        peer_of(Answers(denies), "udp") as one,
        DnsPeer(peer_script(denies)) as two,
        DnsPeer(peer_script(trusted)) as good,
    ):
        done = scan("-r", one.address, "-r", two.address, "--trusted-resolver", f"udp://127.0.0.1:9,{good.address}",
                    "--timeout-ms", 300, names="".join(f"nx{number}.example\n" for number in range(500)))  # fmt: skip

    assert Counter(row["s"] for row in done.rows) == {"nxdomain": 500}, done.err


def peer_script(answers):
    return each(Answers(answers))


@pytest.mark.parametrize("other", ["udp", "tcp"])
@pytest.mark.parametrize(("one", "dead"), [("udp", "127.0.0.1:9"), ("tcp", "udp://127.0.0.1:9")])
def test_a_dead_resolver_costs_no_name_though_trusted_ones_answer_beside_it(one, dead, other):
    with peer_of(Answers(denies), one) as ordinary, peer_of(Answers(trusted), other) as better:
        done = scan("-r", dead, "-r", ordinary.address, "--trusted-resolver", better.address, "--timeout-ms", 500,
                    "--deadline-ms", 3000,
                    names="".join(f"nx{number}.example\n" for number in range(2000)))  # fmt: skip

    assert Counter(row["s"] for row in done.rows) == {"nxdomain": 2000}, done.err


@pytest.mark.parametrize(("one", "dead"), [("udp", "127.0.0.1:9"), ("tcp", "udp://127.0.0.1:9")])
def test_where_no_trusted_one_answers_each_name_has_its_line_and_none_is_free(one, dead):
    with peer_of(Answers(denies), one) as ordinary:
        done = scan("-r", ordinary.address, "--trusted-resolver", dead, *QUICK,
                    names="".join(f"nx{number}.example\n" for number in range(1000)) + "is.example\n")  # fmt: skip

    assert Counter(row["s"] for row in done.rows) == {"error": 1000, "taken": 1}, done.err
    assert done.code == 0


@pytest.mark.parametrize("form", ["massdns", "zdns", "names"])
def test_other_formats_know_what_is_disputed(form):
    with peer_of(Answers(denies), "udp") as ordinary, peer_of(Answers(trusted), "tcp") as better:
        done = scan("-r", ordinary.address, "--trusted-resolver", better.address, "--format", form,
                    *(("--only", "nxdomain") if form == "names" else ()),
                    names="nx.example\nlie.example\n")  # fmt: skip

    lines = {line.split(b"lie.example")[0] == line: line.decode() for line in done.out.splitlines()}
    if form == "names":
        assert done.out == b"nx.example\n"
        assert "error 1 (disputed 1)" in done.err
        return
    assert "NXDOMAIN" in lines[True]
    assert {"massdns": '"error":"DISPUTED"', "zdns": "say different things; NXDOMAIN from"}[form] in lines[False]


def test_a_resolver_that_is_trusted_itself_needs_no_other():
    """And the servers of a zone have said the last word on it."""
    first, second, authority = Answers(denies), Answers(denies), Answers(lambda query: answer(
        query, [], [soa(SELF)], rcode=NXDOMAIN, flags=0x8400))  # fmt: skip
    with peer_of(first, "udp") as one, peer_of(second, "udp") as two, peer_of(authority, "udp") as owner:
        done = scan("-r", one.address, "-r", two.address, "--trusted-resolver", two.address,
                    "--route", f"zone=authoritative,{owner.address}", "--policy", "round-robin",
                    names="".join(f"nx{number}.example\nnx{number}.zone\n" for number in range(200)))  # fmt: skip

    assert Counter(row["s"] for row in done.rows) == {"nxdomain": 400}, done.err
    assert sum(second.names.values()) == 200
    assert not any(name.endswith(".zone") for name in second.names)


def test_what_was_said_of_one_name_is_not_said_of_another_that_a_wildcard_answers_for():
    def with_wildcard(query: Query) -> bytes:
        is_there = query.name.endswith(".wild.example")
        return answer(query, [own()]) if is_there else response(query, NXDOMAIN)

    names = "".join(f"lie{number}.example\nis{number}.wild.example\n" for number in range(300))
    with peer_of(Answers(with_wildcard), "udp") as ordinary, peer_of(Answers(trusted), "udp") as better:
        done = scan("-r", ordinary.address, "--trusted-resolver", better.address, "-t", "A", "--wildcards",
                    "--fields", "why", names=names)  # fmt: skip

    assert Counter(row["e"] for row in done.rows) == {"disputed": 300, "wildcard": 300}, done.err
    assert {"NXDOMAIN from" in row["why"] for row in done.rows if row["e"] == "wildcard"} == {False}
    assert {"NXDOMAIN from" in row["why"] for row in done.rows if row["e"] == "disputed"} == {True}


def test_real_servers_dispute(unbound, knot):
    """unbound knows one name of example.test; knot has the zone, and refuses all others."""
    names = {
        "www.example.test": ("taken", None, 0), "alias.example.test": ("error", "disputed", 0),
        "delegated.example.test": ("error", "disputed", 0), "lost.example.test": ("error", "disputed", 3),
        "nobody.example.test": ("nxdomain", None, 3), "nobody.org": ("error", "refused", 5),
    }  # fmt: skip
    done = scan("-r", f"udp://127.0.0.1:{unbound.port}", "--trusted-resolver", f"127.0.0.1:{knot.port}", "-t", "A",
                names="".join(f"{name}\n" for name in names))  # fmt: skip

    assert told(done) == names


def test_it_is_asked_through_the_proxies(microsocks):
    with DnsPeer(peer_script(denies)) as ordinary, DnsPeer(peer_script(trusted)) as better:
        done = scan("-r", ordinary.address, "--trusted-resolver", better.address, "--proxy",
                    f"socks5://127.0.0.1:{microsocks.port}", "--workers", 4,
                    names="nx.example\nlie.example\nis.example\n")  # fmt: skip

    assert Counter(row["s"] for row in done.rows) == {"nxdomain": 1, "error": 1, "taken": 1}, done.err


def test_special_use_names_do_not_go_to_a_public_one():
    with peer_of(Answers(denies), "udp") as ordinary:
        done = scan("-r", ordinary.address, "--trusted-resolver", "192.88.99.1", *QUICK, "--retries", 0,
                    "--no-second-pass", names="nx.test\nnx.local\n")  # fmt: skip

    assert {row["d"]: row["s"] for row in done.rows} == {"nx.test": "nxdomain", "nx.local": "nxdomain"}


# -- one that lies ---------------------------------------------------------------------------------------------------


def inventing(query: Query) -> bytes:
    return answer(query, [own() if query.qtype == 1 else server(SELF)])


def denying(query: Query) -> bytes:
    return response(query, NXDOMAIN)


@pytest.mark.parametrize("other", ["udp", "tcp"])
@pytest.mark.parametrize("lie", [inventing, denying])
def test_the_word_of_one_that_lies_confirms_nothing(lie, other):
    first = Answers(denies)
    first.answers = lambda query: response(query)
    with peer_of(first, "udp") as ordinary, peer_of(lie, other) as liar:
        done = scan("-r", ordinary.address, "--trusted-resolver", liar.address, "--canary", "there.example=192.0.2.1",
                    *QUICK, names="nx1.example\nis1.example\n")  # fmt: skip

    assert {row["d"]: row["s"] for row in done.rows} == {"nx1.example": "error", "is1.example": "taken"}, done.err
    assert "dnsscan: trusted " in done.err
    assert "no trusted resolver is left that tells the truth" in done.err


def test_with_strict_a_trusted_one_that_lies_ends_the_scan():
    with peer_of(response, "udp") as ordinary, peer_of(inventing, "udp") as liar:
        done = scan("-r", ordinary.address, "--trusted-resolver", liar.address, "--strict", names="nx1.example\n")

    assert (done.code, done.out) == (3, b""), done.err


# -- stopping and going on -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["udp", "tcp"])
def test_a_scan_that_a_budget_or_a_signal_stops_is_gone_on_with(other, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{kind}{number}.example\n" for number in range(300) for kind in ("nx", "lie")))
    output = tmp_path / "out.jsonl"
    with peer_of(Answers(denies), "udp") as ordinary, peer_of(Answers(trusted), other) as better:
        common = ["-r", ordinary.address, "--trusted-resolver", better.address, "-o", output, "--stats", "json", names]
        first = scan("--max-queries", 500, *common)
        run = start("--resume", "--rate-per-resolver", 200, *common)
        wait_for(lambda: output.stat().st_size > 20_000)
        run.send_signal(signal.SIGTERM)
        _, err = run.communicate(timeout=30)
        last = scan("--resume", *common)

    books = json.loads(err.splitlines()[-1])
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert (first.code, run.returncode, last.code) == (5, 143, 0), (first.err, err, last.err)
    assert books["written"] + books["unfinished"] + books["skipped"] <= 600
    assert sorted(row["n"] for row in rows) == list(range(1, 601))
    assert Counter((row["s"], row.get("e")) for row in rows) == {("nxdomain", None): 300, ("error", "disputed"): 300}


# -- how it is given -------------------------------------------------------------------------------------------------


def test_it_may_stand_in_the_config_and_in_a_file(tmp_path):
    listed = tmp_path / "trusted.txt"
    listed.write_text("192.0.2.7  # one\nudp://192.0.2.8\n")
    config = tmp_path / "config.json"
    shown = []
    for given in ({"trusted_resolver": "192.0.2.7"}, {"trusted_resolvers": [f"@{listed}"]}):
        config.write_text(json.dumps({"resolvers": ["192.0.2.1"], **given}))
        shown.append(json.loads(scan("--config", config, "--dry-run").out)["trusted_resolvers"])
    flag = scan("--config", config, "--trusted-resolver", "tls://192.0.2.9", "--dry-run")

    assert shown == [["tcp://192.0.2.7:53"], ["udp://192.0.2.8:53", "tcp://192.0.2.7:53"]]
    assert json.loads(flag.out)["trusted_resolvers"] == ["tls://192.0.2.9:853"]
    assert json.loads(flag.out)["resolvers"] == ["tcp://192.0.2.1:53"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--trusted-resolver", "192.0.2.1"], ["all the resolvers", "nobody for them"]),
        (["--trusted-resolver", "htp://1"], ["--trusted-resolver", "htp://1"]),
        (["--trusted-resolver", "udp://192.0.2.2", "--proxy", "socks5://127.0.0.1"], ["udp://192.0.2.2", "TCP only"]),
    ],
)
def test_what_is_wrong_with_it_is_told_before_any_packet(args, words):
    refusal(scan("-r", "192.0.2.1", *args, names="a.example\n"), *words)
