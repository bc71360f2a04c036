"""`dnsscan resolvers`: a list of real and scripted resolvers, vetted in one run; then what a list may look like."""

import asyncio
import contextlib
import json
import os
import random
import re
import shlex
import signal
import socket
import subprocess
from time import monotonic

import dns.edns
import dns.message
import dns.rrset
import jsonschema
import pytest
import servers
import trustme
from command import DNSSCAN, ROOT, refusal, scan, start
from dns_peer import NOERROR, REFUSED, SERVFAIL, DnsPeer, Talk, response
from terminal import Terminal
from udp_peer import Datagram, UdpOnlyPeer, UdpPeer, honest

from scanner.config.endpoints import resolver_from_text
from scanner.vetting import messages, settings
from scanner.vetting.canaries import has_address, outcome
from scanner.vetting.examination import Common
from scanner.vetting.findings import VERDICTS, Findings
from scanner.vetting.pace import SAVED_S, Pace
from scanner.vetting.pending import Pending
from scanner.vetting.settings import Listed

pytestmark = pytest.mark.server

SCHEMA = json.loads((ROOT / "scanner" / "results" / "resolver.schema.json").read_text())
LOSS_OF_A_BUSY_MACHINE = 0.1
CLOSED = '  local-zone: "." static\n'
LIES = """
  local-zone: "com." redirect
  local-data: "com. 60 IN A 192.0.2.66"
  local-data: 'ecs.example.test. 60 IN TXT "192.0.2.1"'
"""
LIAR = servers.UNBOUND.replace(CLOSED, CLOSED + LIES)
NET_LIAR = LIAR.replace("com.", "net.")
VALIDATOR = """
server:
  directory: "{folder}"
  pidfile: ""
  username: ""
  chroot: ""
  do-daemonize: no
  use-syslog: no
  logfile: ""
  do-ip6: no
  interface: 127.0.0.1@{port}
  module-config: "validator iterator"
  do-not-query-localhost: no
  local-zone: "com." static
  local-zone: "net." static
  local-zone: "test." nodefault
  trust-anchor: "example.test. DS 12345 13 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
stub-zone:
  name: "example.test"
  stub-addr: 127.0.0.1@{authority}
remote-control:
  control-enable: no
"""
BIND_ZONES = "".join(
    f'zone "{name}" {{{{ type primary; file "{{folder}}/zone"; check-names ignore; }}}};\n'
    for name in ("com", "invalid", "net", "example.test")
)
BIND = servers.NAMED.partition("zone ")[0].replace("recursion no;", 'recursion no; server-id "site-7";') + BIND_ZONES
ZONE = """
$TTL 300
@     SOA   ns hostmaster 1 900 300 604800 300
@     NS    ns
ns    A     127.0.0.1
www   A     192.0.2.10
ecs   TXT   "edns0-client-subnet 192.0.2.0/24"
"""
ASKED = ("--bogus", "www.example.test", "--ecs-name", "ecs.example.test", "--suffix", "net")


# -- the peers -------------------------------------------------------------------------------------------------------


def inventing(datagram: Datagram) -> None:
    datagram.send(invented(datagram.query))


def invented(query) -> bytes:
    return response(query, NOERROR)


def invents_over_tcp(talk: Talk) -> None:
    for query in talk.queries():
        talk.answer(query, NOERROR)


def one_lie(talk: Talk) -> None:
    """Closes behind it."""
    talk.answer(talk.query(), NOERROR)


def one_answer(talk: Talk) -> None:
    talk.answer(talk.query())


def in_lower_case(datagram: Datagram) -> None:
    datagram.send(response(datagram.query, question=datagram.query.question.lower()))


def nodata(datagram: Datagram) -> None:
    """NOERROR, an SOA in the authority section: what an honest server says of another type."""
    octets = bytearray(response(datagram.query))
    octets[3] &= 0xF0
    datagram.send(bytes(octets))


def with_rcode(rcode: int):
    return lambda datagram: datagram.answer(rcode)


class HonestAtFirst:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, datagram: Datagram) -> None:
        self.count += 1
        honest(datagram) if self.count < 80 else inventing(datagram)


class Lossy:
    """Every fifth query is lost."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, datagram: Datagram) -> None:
        self.count += 1
        if self.count % 5:
            datagram.answer()


def no_edns(datagram: Datagram) -> None:
    """FORMERR to a query with EDNS, the question left out."""
    if datagram.query.has_edns:
        datagram.send(datagram.octets[:2] + b"\x81\x81" + bytes(8))
    else:
        datagram.answer()


def nothing(datagram: Datagram) -> None:
    """It is never answered."""


def forged(datagram: Datagram) -> None:
    """A stranger's answers come first: another ID, another question."""
    octets = response(datagram.query, NOERROR)
    datagram.send(bytes([octets[0] ^ 1]) + octets[1:])
    datagram.send(octets[:13] + bytes([octets[13] ^ 1]) + octets[14:])
    datagram.answer()


def truncated(datagram: Datagram) -> None:
    octets = datagram.octets
    datagram.send(octets[:2] + b"\x83\x80" + octets[4:6] + bytes(6) + datagram.query.question)


def drops_mixed_case(datagram: Datagram) -> None:
    if datagram.octets[12:-4] == datagram.octets[12:-4].lower():
        datagram.answer()


def drops_names_of_com(datagram: Datagram) -> None:
    if not datagram.query.name.endswith(".com"):
        datagram.answer()


SCRIPTS = {
    "inventing": inventing, "lower case": in_lower_case, "nodata": nodata, "refusing": with_rcode(REFUSED),
    "failing": with_rcode(SERVFAIL), "lossy": Lossy(), "honest at first": HonestAtFirst(), "no edns": no_edns,
    "forged": forged, "drops case": drops_mixed_case, "unproven": drops_names_of_com, "truncated": truncated,
}  # fmt: skip


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def listed(authority, unbound, knot, tmp_path_factory):
    """Each kind of resolver by a name: as it stands in the list."""
    with contextlib.ExitStack() as up:

        def server(name: str, config: str, arguments: list[str], program: str = "unbound", **values: str) -> str:
            folder = tmp_path_factory.mktemp(name)
            (folder / "zone").write_text(ZONE)
            certificate.private_key_pem.write_to_path(folder / "key.pem")
            for blob in certificate.cert_chain_pems:
                blob.write_to_path(folder / "chain.pem", append=True)
            made = servers.configured(program, config, arguments, folder, **values)
            up.callback(made.stop)
            return f"127.0.0.1:{made.port}"

        certificate = authority.issue_cert("dns.example.test", "127.0.0.1")
        found = {
            "honest": f"127.0.0.1:{unbound.port}", "honest over tcp": f"TCP://127.0.0.1:{unbound.port}",
            "com": server("liar", LIAR, ["-d", "-p", "-c"]), "net": server("net", NET_LIAR, ["-d", "-p", "-c"]),
            "validator": server("validator", VALIDATOR, ["-d", "-p", "-c"], authority=str(knot.port)),
            "tls": f"tls://{server('tls', servers.UNBOUND_OVER_TLS, ['-d', '-p', '-c'])}#dns.example.test",
            "bind": server("bind", BIND, ["-f", "-4", "-n", "1", "-c"], "named"),
            "knot": f"127.0.0.1:{knot.port}",
        }  # fmt: skip
        found["wrong name"] = found["tls"].replace("#dns", "#other")
        for name, script in SCRIPTS.items():
            found[name] = up.enter_context(UdpOnlyPeer(script, with_probes=True)).address
        found["to tcp"] = up.enter_context(UdpPeer(truncated, with_probes=True)).address
        intercepted = up.enter_context(UdpPeer(inventing, with_probes=True)).address
        found["intercepted"] = intercepted.replace("udp", "tcp")
        found["only tcp lies"] = up.enter_context(UdpPeer(tcp_script=invents_over_tcp)).address
        found["one lie"] = f"tcp://{up.enter_context(DnsPeer(one_lie)).address}"
        found["one answer"] = up.enter_context(DnsPeer(one_answer)).address
        found["dead"] = f"127.0.0.1:{servers.free_port()}"
        found["silent"] = up.enter_context(UdpOnlyPeer(nothing, with_probes=True)).address
        yield found


@pytest.fixture(scope="module")
def done(listed, authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("list")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    path = folder / "list.txt"
    path.write_text("# all of them\n\n" + "".join(f"{text}  # {name}\r\n" for name, text in listed.items()))
    found = scan("resolvers", *ASKED, path, SSL_CERT_FILE=str(folder / "ca.pem"))
    assert found.code == 0, found.err
    return found


@pytest.fixture(scope="module")
def rows(listed, done) -> dict[str, dict]:
    names = {text: name for name, text in listed.items()}
    return {names[row["ns"]]: row for row in done.rows}


# -- verdicts --------------------------------------------------------------------------------------------------------


def test_each_resolver_of_the_list_has_one_line_that_the_schema_knows(listed, done, rows):
    assert sorted(row["ns"] for row in done.rows) == sorted(listed.values())
    for row in rows.values():
        jsonschema.validate(row, SCHEMA)
    assert SCHEMA["properties"]["verdict"]["enum"] == list(VERDICTS)
    assert f"read {len(listed)} = vetted {len(listed)}; " in done.err


@pytest.mark.parametrize(("name", "verdict", "why"), [
    ("honest", "good", None), ("honest over tcp", "good", None), ("validator", "good", None), ("tls", "good", None),
    ("bind", "good", None), ("lower case", "good", None), ("no edns", "good", None), ("one answer", "good", None),
    ("forged", "good", None), ("to tcp", "good", None), ("drops case", "good", None), ("intercepted", "good", None),
    ("unproven", "unproven", "said nothing of names under .com that do not exist"),
    ("truncated", "failing", "no name got a verdict (truncated)"),
    ("com", "lying", "answers names under .com that do not exist"),
    ("net", "lying", "answers names under .net that do not exist"),
    ("inventing", "lying", "answers names under .invalid that do not exist; answers names under .com"),
    ("nodata", "lying", "answers names under .invalid"),
    ("honest at first", "lying", "answers names under .com"),
    ("only tcp lies", "lying", "answers names under .invalid"), ("one lie", "lying", "answers names under .invalid"),
    ("knot", "refusing", "REFUSED to every name"), ("refusing", "refusing", "REFUSED to every name"),
    ("failing", "failing", "no name got a verdict (servfail)"),
    ("lossy", "lossy", "% of queries without an answer"),
    ("dead", "silent", "no answer over udp: Connection refused"), ("silent", "silent", "no answer over udp"),
    ("wrong name", "silent", "no answer over tls: Hostname mismatch"),
])  # fmt: skip
def test_the_verdict_says_in_a_word_whether_it_is_to_be_used(rows, name, verdict, why):
    row = rows[name]

    assert row["verdict"] == verdict, row
    assert why in row["why"] if why else row["why"] is None


def test_what_is_to_be_used_stands_in_the_form_of_r(listed, rows):
    assert rows["honest"]["use"] == f"udp://{listed['honest']}"
    assert rows["honest over tcp"]["use"] == listed["honest over tcp"].replace("TCP", "tcp")
    assert rows["one answer"]["use"] == f"tcp://{listed['one answer']}"  # nothing answers over UDP there
    assert rows["tls"]["use"] == listed["tls"]
    assert [row["use"] for row in rows.values() if row["verdict"] != "good"] == [None] * sum(
        row["verdict"] != "good" for row in rows.values()
    )


@pytest.mark.parametrize(("name", "expected"), [
    ("honest", {"udp": True, "tcp": True, "tls": None, "loss": 0, "invalid": True, "com": True, "exists": None,
                "suffixes": {"net": True}, "edns": True, "cookies": False, "case": True, "validates": False,
                "ecs": None, "nsid": None, "trouble": {}}),
    ("com", {"invalid": True, "com": False, "loss": None, "rate": None, "ecs": False}),
    ("net", {"invalid": True, "com": True, "suffixes": {"net": False}}),
    ("validator", {"validates": True, "case": True}),
    ("bind", {"validates": False, "ecs": True, "cookies": True, "nsid": "site-7", "exists": True}),
    ("tls", {"udp": None, "tcp": None, "tls": True, "over": "tls"}),
    ("wrong name", {"tls": False, "over": None, "invalid": None}),
    ("drops case", {"case": None, "com": True}),
    ("intercepted", {"over": "tcp", "trouble": {"udp": "answers names under .com that do not exist"}}),
    ("unproven", {"invalid": True, "com": None, "exists": None, "loss": 0}),
    ("to tcp", {"over": "udp", "udp": True, "com": True}),
    ("lower case", {"case": False, "over": "udp", "tcp": False}),
    ("no edns", {"edns": False, "cookies": None, "case": True}),
    ("knot", {"invalid": None, "com": None, "ecs": None}),
    ("only tcp lies", {"udp": True, "tcp": True}),
    ("one answer", {"udp": False, "tcp": True, "loss": 0, "trouble": {"udp": "Connection refused"}}),
    ("silent", {"udp": False, "tcp": False, "p50_ms": None, "edns": None, "trouble": {"tcp": "Connection refused"}}),
])  # fmt: skip
def test_what_was_found_is_told_and_nothing_else(rows, name, expected):
    found = {key: rows[name][key] for key in expected}
    if expected.get("loss") == 0:
        assert found.pop("loss") <= LOSS_OF_A_BUSY_MACHINE
        expected = {key: value for key, value in expected.items() if key != "loss"}
    assert found == expected


def test_loss_is_the_share_of_queries_without_an_answer(rows):
    assert 0.12 < rows["lossy"]["loss"] < 0.28  # of its queries every fifth, among which are some that are not measured
    assert rows["lossy"]["invalid"] is True


def test_software_says_what_it_is(rows):
    assert rows["honest"]["version"].startswith("unbound 1.")
    assert re.match(r"9\.", rows["bind"]["version"])
    assert rows["lower case"]["version"] is None


def test_round_trips_and_a_rate_are_those_of_answers(rows):
    for name in ("honest", "honest over tcp", "tls"):
        row = rows[name]

        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert 1 <= row["rate"] <= 1000


# -- to be used ------------------------------------------------------------------------------------------------------


def test_the_good_ones_are_what_a_scan_takes(unbound, listed, tmp_path):
    texts = [listed[name] for name in ("honest", "com", "dead", "refusing", "inventing")]
    good = tmp_path / "good.txt"

    vetted = scan("resolvers", "--good", "--output", good, ",".join(texts), f"udp://{texts[0]}")
    done = scan("-r", good, "-t", "A", names="www.example.test\nnx.example.test\n")

    assert vetted.code == 0
    assert good.read_text() == f"udp://127.0.0.1:{unbound.port}\n"  # which came of two lines
    assert sorted((row["d"], row["s"]) for row in done.rows) == [("nx.example.test", "nxdomain"),
                                                                 ("www.example.test", "taken")]  # fmt: skip


def test_names_that_must_exist_convict_who_denies_them(unbound):
    address = f"udp://127.0.0.1:{unbound.port}"
    right, other, none = "www.example.test=192.0.2.10", "www.example.test=192.0.2.11", "gone.example.test=192.0.2.1"

    found = {texts: scan("resolvers", *[f"--canary={text}" for text in texts], address).row
             for texts in ((right,), (right, other), (none,))}  # fmt: skip

    assert [(row["verdict"], row["exists"]) for row in found.values()] == [
        ("good", True), ("lying", False), ("lying", False)]  # fmt: skip
    assert found[none,]["why"] == "denies gone.example.test, which exists"


def test_an_answer_under_a_wildcard_is_no_lie(unbound):
    lines = f"udp://127.0.0.1:{unbound.port}\ntcp://127.0.0.1:{unbound.port}\n"

    done = scan("resolvers", "--suffix", ".WILD.test", "-", names=lines)

    assert [(row["verdict"], row["suffixes"]) for row in done.rows] == [("good", {"wild.test": None})] * 2
    assert "--suffix wild.test: most resolvers have an answer" in done.err


@pytest.mark.parametrize(("address", "verdict"), [("192.0.2.53", "good"), ("8.8.8.8", "lying")])
def test_only_a_public_resolver_must_know_com(address, verdict):
    listed = Listed(address, resolver_from_text(address), True)
    findings = Findings(listed, over="udp", is_complete=True)
    for suffix in ("invalid", "com"):
        findings.heard("udp", suffix, "nxdomain")
    findings.honesty.learn_of_top(listed.resolver.is_public, "nxdomain")

    assert findings.verdict == verdict


def test_no_octets_of_a_response_break_what_reads_it():
    draw, canary = random.Random(15), settings.canary("www.example.com=192.0.2.1")
    asked = {
        kind: messages.query("www.example.com", kind, edns=True, cookie=b"12345678", nsid=True) for kind in ("A", "TXT")
    }
    whole = []
    for kind, text in (("A", "192.0.2.1"), ("TXT", '"ecs" "a"')):
        response = dns.message.make_response(dns.message.from_wire(asked[kind]))
        response.answer.append(dns.rrset.from_text("www.example.com.", 60, "IN", kind, text))
        response.use_edns(options=[dns.edns.CookieOption(b"12345678", b"abcdefgh"), dns.edns.NSIDOption(b"\xff")])
        whole.append((kind, response.to_wire()))

    for _ in range(600):
        kind, octets = draw.choice(whole)
        mutated = bytearray(octets[: draw.choice((None, None, draw.randrange(len(octets))))])
        for _ in range(draw.randrange(6) if mutated else 0):
            mutated[draw.randrange(len(mutated))] = draw.choice((0, 1, 63, 192, 255, draw.randrange(256)))
        replies, pending = [], Pending()
        sent = pending.add(asked[kind], 0.0, 0, replies.append)
        pending.hear(sent[:2] + bytes(mutated[2:]), 1.0)
        for reply in replies:
            messages.read(reply.octets)
            assert outcome(reply.octets, "www.example.com") != ""
            assert has_address(reply.octets, canary) in (True, False, None)


def test_queries_to_one_address_keep_its_rate_whoever_asks():
    async def turns() -> float:
        pace, begun = Pace(100), monotonic()
        await asyncio.gather(*(pace.turn() for _ in range(20)))
        return monotonic() - begun

    assert asyncio.run(turns()) > 19 / 100 - 2 * SAVED_S


@pytest.mark.parametrize(("texts", "paces"), [
    (("8.8.8.8", "udp://8.8.8.8:5353", "tls://8.8.8.8"), 1),
    (("127.0.0.1:5301", "127.0.0.1:5302", "udp://127.0.0.1:5302"), 2),
])  # fmt: skip
def test_a_public_address_has_one_rate_whatever_its_port(texts, paces):
    common = Common(settings.load({}), None, asyncio.Semaphore(), asyncio.Semaphore(), {})

    assert len({common.pace(resolver_from_text(text)) for text in texts}) == paces


# -- the list --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "words"), [
    ("127.0.0.1\ndns.example\n", ['stdin: line 2: resolver... "dns.example" is not an IP address']),
    ("\n# only\n", ["no resolvers in stdin"]),
    ("", ["no resolvers in stdin"]),
    ("https://192.0.2.53/dns-query\n", ["line 1", "DNS over HTTPS is not in this version"]),
    ("socks5://192.0.2.53:1080\n", ["line 1", "this is a proxy"]),
    ("127.0.0.1:99999\n", ["line 1", "port"]),
    ("224.0.0.1\n", ["line 1", "no resolver can have this address"]),
    (b"\xff\n", ["stdin: not UTF-8 at octet 0"]),
])  # fmt: skip
def test_a_line_that_is_no_resolver_is_told_before_any_is_asked(text, words):
    parts = [part for word in words for part in word.split("... ")]

    refusal(scan("resolvers", "-", names=text), *parts)


@pytest.mark.parametrize(("args", "words"), [
    (["nowhere.txt"], ["cannot read nowhere.txt: No such file"]),
    (["--suffix", "two words", "127.0.0.1"], ["--suffix", '"two words"', "co.uk"]),
    (["--canary", "www.example.test", "127.0.0.1"], ["--canary", "NAME=IP"]),
    (["--canary", "a..b=192.0.2.1", "127.0.0.1"], ["--canary", '"a..b"']),
    (["--bogus", "", "127.0.0.1"], ["--bogus"]),
    (["--rate-per-resolver", "1001", "127.0.0.1"], ["--rate-per-resolver", "1 to 1000"]),
    (["--timeout-ms", "0", "127.0.0.1"], ["--timeout-ms", "100 to 60000"]),
    (["--output", "", "127.0.0.1"], ["--output", "missing"]),
    (["--output", "pyproject.toml", "127.0.0.1"], ["pyproject.toml exists", "--force"]),
    (["--force", "127.0.0.1"], ["--force needs --output"]),
    (["--god", "127.0.0.1"], ["--god", "--good"]),
])  # fmt: skip
def test_a_wrong_argument_is_told_in_one_line(args, words):
    refusal(scan("resolvers", *args), *words)


def test_a_list_is_not_written_over(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("127.0.0.1:1\n")

    refusal(scan("resolvers", "--force", "-o", path, path), "is the input")

    assert path.read_text() == "127.0.0.1:1\n"


def test_a_resolver_that_stands_twice_is_asked_once(listed):
    text = listed["dead"]

    done = scan("resolvers", "--timeout-ms", 100, "--stats", "json", "-", names=f"{text}\n{text} # again\n")

    figures = json.loads(done.err)
    assert (figures["read"], figures["twice"], figures["vetted"], figures["verdicts"]) == (2, 1, 1, {"silent": 1})
    assert done.row["ns"] == text
    assert done.code == 3  # nothing could be reached


def test_a_scan_takes_the_good_ones_through_a_pipe(unbound, tmp_path):
    (tmp_path / "list.txt").write_text(f"127.0.0.1:{unbound.port}\n127.0.0.1:1\n")
    ours = shlex.join(DNSSCAN)
    text = f"echo www.example.test | {ours} --quiet -t A -r <({ours} resolvers -q --good {tmp_path}/list.txt)"

    done = subprocess.run(["bash", "-c", text], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (json.loads(done.stdout)["s"], done.stderr) == ("taken", "")


def test_lists_come_through_pipes_and_lines_leave_through_them(unbound, tmp_path):
    address, out = f"udp://127.0.0.1:{unbound.port}", tmp_path / "out.txt"
    text = f"{shlex.join(DNSSCAN)} resolvers -q --good --output >(cat > {out}; echo over) <(echo {address})"

    done = subprocess.run(["bash", "-c", f"{text} | cat"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr, out.read_text()) == ("over\n", "", f"{address}\n")


# -- how it ends -----------------------------------------------------------------------------------------------------


@pytest.fixture
def silent_ones():
    """Three sockets that never answer."""
    with contextlib.ExitStack() as up:
        found = [up.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(3)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        yield found


def address_of(sock: socket.socket) -> str:
    return f"udp://127.0.0.1:{sock.getsockname()[1]}"


def test_a_signal_ends_it_with_what_is_known(unbound, silent_ones):
    run = start("resolvers", "--at-once", 3, "--timeout-ms", 60000, "-")
    lines = [f"udp://127.0.0.1:{unbound.port}", *map(address_of, silent_ones), "127.0.0.1:1"]
    run.stdin.write("\n".join(lines).encode())
    run.stdin.close()
    first = json.loads(run.stdout.readline())

    for each in silent_ones:
        each.recv(512)  # all three are being asked
    run.send_signal(signal.SIGUSR1)
    said = run.stderr.readline()
    run.send_signal(signal.SIGINT)
    with run:
        rest = [json.loads(line) for line in run.stdout.read().splitlines()]
        err = run.stderr.read().decode()

    assert run.returncode == 130
    assert first["verdict"] == "good"
    assert b"1 of 5  3 in flight  good 1" in said
    assert [(row["verdict"], row["udp"]) for row in rest] == [("unfinished", None)] * 3
    assert "read 5 = vetted 4 + not asked 1; good 1, unfinished 3; written 4; " in err
    assert err.endswith("dnsscan: stopped by Ctrl-C: what was not asked has no line\n")
    for row in (first, *rest):
        jsonschema.validate(row, SCHEMA)


def test_it_ends_quietly_when_the_reader_of_stdout_has_gone(listed):
    with start("resolvers", listed["honest"]) as run:
        run.stdout.close()
        err = run.stderr.read()

    assert (run.returncode, err) == (141, b"")


def test_a_terminal_shows_how_it_is_doing_and_lines_in_rows_of_their_own(silent_ones):
    with Terminal(columns=80) as terminal:
        with start("resolvers", "--timeout-ms", 1000, ",".join(map(address_of, silent_ones)), stdout=terminal.theirs,
                   stderr=terminal.theirs, env={**os.environ, "TERM": "xterm"}) as run:  # fmt: skip
            terminal.hang_up()
            run.wait(30)
        terminal.reader.join(5)

    *lines, summary, rest = terminal.rows
    assert [json.loads(line)["verdict"] for line in lines] == ["silent"] * 3
    assert "vetted 3; silent 3" in summary
    assert rest == ""
    assert any("0 of 3" in frame for frame in terminal.plain_frames)


def test_a_log_that_is_stdout_is_never_emptied(silent_ones, tmp_path):
    (tmp_path / "log").write_text("kept\n")
    text = f"{shlex.join(DNSSCAN)} resolvers -q --timeout-ms 100 -o /dev/stdout --force {address_of(silent_ones[0])}"

    subprocess.run(["bash", "-c", f"{text} >> {tmp_path}/log"], cwd=ROOT, check=False)

    kept, line = (tmp_path / "log").read_text().splitlines()
    assert (kept, json.loads(line)["verdict"]) == ("kept", "silent")
