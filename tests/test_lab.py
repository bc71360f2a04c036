"""The lab against dnspython and the standard library: a server that the tests and the benches lean on."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from debug_build import fewer
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.lab import zone
from scanner.lab.answers import answer
from scanner.lab.registry_zone import RDAP_TLDS, WHOIS_TLDS

ROOT = Path(__file__).parent.parent
WAIT_S = 5


def ask(name, rdtype="NS", *, nx=0.05, stream=True, **options):
    query = dns.message.make_query(name, rdtype, **options)
    octets = answer(query.to_wire(), nx, stream)
    return None if octets is None else dns.message.from_wire(octets)


def dns_address(lab):
    host, _, port = lab.config["resolvers"][0].rpartition(":")
    return host, int(port)


def connect(lab):
    return socket.create_connection(dns_address(lab), WAIT_S)


def framed(octets):
    return struct.pack("!H", len(octets)) + octets


def read_frame(peer):
    size = int.from_bytes(read_exactly(peer, 2), "big")
    return read_exactly(peer, size)


def read_exactly(peer, size):
    octets = b""
    while len(octets) < size:
        more = peer.recv(size - len(octets))
        assert more, "the connection closed"
        octets += more
    return octets


# -- what is answered ------------------------------------------------------------------------------------------


@settings(max_examples=fewer(300), deadline=None)
@given(st.from_regex(r"([A-Za-z0-9_-]{1,20}\.){0,4}[A-Za-z0-9-]{1,20}\.?", fullmatch=True), st.floats(0, 1))
def test_every_name_has_the_verdict_that_the_rule_in_words_gives_it(name, nx):
    response = ask(name, nx=nx)

    assert response.rcode() == (dns.rcode.NOERROR if zone.exists(name, nx) else dns.rcode.NXDOMAIN)


def test_the_share_of_names_that_do_not_exist_is_what_was_asked_for():
    missing = sum(not zone.exists(f"name{number}.com", 0.3) for number in range(20_000))

    assert 0.28 < missing / 20_000 < 0.32


@pytest.mark.parametrize("rdtype", ["A", "AAAA", "NS", "MX", "TXT", "SOA", "CAA", "ANY"])
@pytest.mark.parametrize("edns", [False, True])
def test_a_name_that_exists_has_the_record_or_an_soa(rdtype, edns):
    response = ask("www.example.org", rdtype, nx=0, use_edns=edns)

    assert response.rcode() == dns.rcode.NOERROR
    assert response.flags & dns.flags.QR
    assert response.edns == (0 if edns else -1)
    if rdtype == "CAA":
        assert not response.answer
        assert response.authority[0].rdtype == dns.rdatatype.SOA
    else:
        assert str(response.answer[0].name) == "www.example.org."


def test_the_question_comes_back_in_the_case_in_which_it_was_asked():
    assert str(ask("wWw.ExAmPlE.oRg", nx=0).question[0].name) == "wWw.ExAmPlE.oRg."


def test_nxdomain_names_the_top_level_domain_as_authority():
    response = ask("www.example.org", nx=1)

    assert str(response.authority[0].name) == "org."


def test_the_root_exists():
    assert ask(".", nx=0.5).rcode() == dns.rcode.NOERROR


@pytest.mark.parametrize("tld", [*RDAP_TLDS, *WHOIS_TLDS])
@pytest.mark.parametrize("recursion", [dns.flags.RD, 0])
def test_the_lab_is_the_server_of_each_top_level_domain(tld, recursion):
    response = ask(tld, "NS", nx=1, flags=recursion)

    assert [str(record) for record in response.answer[0]] == ["ns.lab.test."]
    assert zone.exists(tld, 1)


def test_the_server_of_the_top_level_domains_has_this_address_and_no_other():
    address, six = ask("Ns.Lab.Test", "A", nx=1), ask("ns.lab.test", "AAAA", nx=1)

    assert [str(record) for record in address.answer[0]] == ["127.0.0.1"]
    assert (six.rcode(), six.answer) == (dns.rcode.NOERROR, [])
    assert six.authority[0].rdtype == dns.rdatatype.SOA
    assert zone.exists("ns.lab.test", 1)


def test_nothing_under_invalid_exists_not_even_itself():
    for name in ("invalid", "a.invalid", "recheck-a.invalid"):
        assert ask(name, nx=0).rcode() == ask(name, nx=0, flags=0).rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("name", ["0123456789abcdef01234567.com", "FEDCBA9876543210fedcba98.a.lab.test"])
def test_a_name_that_scans_ask_for_because_nobody_has_it_does_not_exist_here_either(name):
    assert not zone.exists(name, 0)
    assert ask(name, nx=0).rcode() == dns.rcode.NXDOMAIN
    assert ask(f"{name[1:]}", nx=0).rcode() == ask(f"g{name[1:]}", nx=0).rcode() == dns.rcode.NOERROR


@pytest.mark.parametrize("name", ["recheck-a.com", "RECHECK-a.example", "recheck-.lab.test", "recheck-a.b.test"])
def test_a_name_to_recheck_is_denied_to_who_asks_for_recursion_and_no_other(name):
    denied, told = ask(name, nx=0), ask(name, nx=1, flags=0)

    assert (denied.rcode(), told.rcode()) == (dns.rcode.NXDOMAIN, dns.rcode.NOERROR)
    assert told.answer
    assert not zone.exists(name, 0)


@pytest.mark.parametrize("name", ["www.example.org", "gone.example.org"])
def test_who_asks_for_no_recursion_gets_the_same_verdict_from_an_authority(name):
    for nx in (0, 1):
        recursive, authority = ask(name, nx=nx), ask(name, nx=nx, flags=0)

        assert authority.rcode() == recursive.rcode()
        assert authority.flags == dns.flags.QR | dns.flags.AA | authority.rcode()
        assert recursive.flags == dns.flags.QR | dns.flags.RD | dns.flags.RA | recursive.rcode()


def test_a_long_response_is_truncated_over_udp_and_whole_over_tcp():
    short = ask("big.lab.test", stream=False, use_edns=0, payload=1232)
    whole = ask("big.lab.test")

    assert short.flags & dns.flags.TC
    assert not short.answer
    assert len(whole.answer[0]) > 2000


@pytest.mark.parametrize(
    ("label", "rcode"),
    [("servfail", 2), ("refused", 5), ("formerr", 1), ("notimp", 4), ("nxdomain", 3), ("rcode-9", 9)],
)
def test_rcode_labels(label, rcode):
    assert ask(f"{label}.x.lab.test", nx=0).rcode() == rcode
    assert ask(f"x.{label}.LAB.test.", nx=0).rcode() == rcode
    assert ask(f"{label}.example.com", nx=0).rcode() == 0


def test_an_rcode_above_15_needs_edns():
    assert ask("rcode-23.lab.test", use_edns=0).rcode() == 23
    assert ask("rcode-23.lab.test", use_edns=-1).rcode() == 2


@pytest.mark.parametrize("label", ["drop", "close", "reset"])
def test_silent_labels(label):
    assert ask(f"{label}.lab.test") is None


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=400), st.booleans())
def test_any_octets_get_a_response_that_parses_or_silence(octets, stream):
    response = answer(octets, 0.5, stream)

    assert response is None or dns.message.from_wire(response).id == int.from_bytes(octets[:2], "big")


def test_mutated_queries_never_get_more_than_they_may():
    rng = random.Random(7)
    query = dns.message.make_query("a.delay-5.big.lab.test", "NS", use_edns=0).to_wire()
    for _ in range(fewer(20_000)):
        octets = bytearray(query)
        for _ in range(rng.randrange(1, 4)):
            octets[rng.randrange(len(octets))] = rng.randrange(256)
        response = answer(bytes(octets[: rng.randrange(len(octets) + 1)]), 0.5, rng.random() < 0.5)
        assert response is None or len(response) >= 12


# -- how it is served ------------------------------------------------------------------------------------------


def test_udp_and_tcp_are_served_on_one_port(lab):
    host, port = dns_address(lab)
    query = dns.message.make_query("www.example.org", "A")

    over_udp = dns.query.udp(query, host, port=port, timeout=WAIT_S)
    over_tcp = dns.query.tcp(query, host, port=port, timeout=WAIT_S)

    assert over_udp.answer == over_tcp.answer


def test_queries_arrive_one_octet_at_a_time(lab):
    query = dns.message.make_query("www.example.org", "A")
    with connect(lab) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in framed(query.to_wire()):
            peer.sendall(bytes([octet]))

        response = dns.message.from_wire(read_frame(peer))

    assert query.is_response(response)


def test_many_queries_in_one_write_are_all_answered(lab):
    queries = [dns.message.make_query(f"n{number}.example.org", "A", id=number) for number in range(2000)]
    with connect(lab) as peer:
        peer.sendall(b"".join(framed(query.to_wire()) for query in queries))
        ids = [int.from_bytes(read_frame(peer)[:2], "big") for _ in queries]

    assert ids == list(range(2000))


def test_a_peer_that_does_not_read_holds_up_no_other_and_gets_everything_later(lab):
    query = framed(dns.message.make_query("big.lab.test", "NS").to_wire())
    count = 200  # some 12 MB of answers
    with connect(lab) as slow, connect(lab) as quick:
        slow.sendall(query * count)
        quick.sendall(framed(dns.message.make_query("quick.example.org", "A").to_wire()))
        assert read_frame(quick)

        sizes = {len(read_frame(slow)) for _ in range(count)}

    assert len(sizes) == 1
    assert sizes.pop() > 50_000


def test_delayed_answers_overtake_each_other(lab):
    slow = dns.message.make_query("delay-200.lab.test", "A", id=1)
    quick = dns.message.make_query("www.lab.test", "A", id=2)
    with connect(lab) as peer:
        begun = time.monotonic()
        peer.sendall(framed(slow.to_wire()) + framed(quick.to_wire()))
        first, second = read_frame(peer), read_frame(peer)

    assert (first[1], second[1]) == (2, 1)
    assert time.monotonic() - begun >= 0.19


def test_a_delayed_answer_is_not_given_to_the_next_connection(lab):
    for _ in range(20):
        with connect(lab) as gone:
            gone.sendall(framed(dns.message.make_query("delay-100.lab.test", "A", id=7).to_wire()))
        with connect(lab) as peer:
            peer.sendall(framed(dns.message.make_query("delay-150.lab.test", "A", id=8).to_wire()))
            assert read_frame(peer)[1] == 8


def test_a_trouble_with_a_number_ends(lab):
    query = dns.message.make_query(f"servfail-2.t{random.random()}.lab.test".replace("0.", "x"), "A")
    with connect(lab) as peer:
        rcodes = []
        for _ in range(4):
            peer.sendall(framed(query.to_wire()))
            rcodes.append(read_frame(peer)[3] & 15)

    assert rcodes == [2, 2, 0, 0]


def test_closing_and_resetting_labels_end_the_connection(lab):
    with connect(lab) as peer:
        peer.sendall(framed(dns.message.make_query("close.lab.test", "A").to_wire()))
        assert peer.recv(1) == b""
    with connect(lab) as peer:
        peer.sendall(framed(dns.message.make_query("reset.lab.test", "A").to_wire()))
        with pytest.raises(ConnectionResetError):
            peer.recv(1)


def test_twice_is_twice_over_both_transports(lab):
    wire = dns.message.make_query("twice.lab.test", "A").to_wire()
    with connect(lab) as peer:
        peer.sendall(framed(wire))
        assert read_frame(peer) == read_frame(peer)
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        peer.settimeout(WAIT_S)
        peer.connect(dns_address(lab))
        peer.send(wire)
        assert peer.recv(999) == peer.recv(999)


def test_noise_is_survived(lab):
    rng = random.Random(3)
    for _ in range(200):
        with connect(lab) as peer:
            peer.sendall(rng.randbytes(rng.randrange(1, 2000)))
    with socket.socket(type=socket.SOCK_DGRAM) as peer:
        for _ in range(2000):
            peer.sendto(rng.randbytes(rng.randrange(1, 600)), dns_address(lab))

    test_udp_and_tcp_are_served_on_one_port(lab)


def test_loss_loses_about_its_share(new_lab):
    with new_lab("--proxies", "0", "--loss", "0.3") as lab, connect(lab) as peer:
        queries = b"".join(framed(dns.message.make_query("a.org", "A", id=i).to_wire()) for i in range(2000))
        peer.sendall(queries)
        peer.settimeout(0.5)
        octets = b""
        while True:
            try:
                octets += peer.recv(65536)
            except TimeoutError:
                break

    answered = octets.count(b"\x01a\x03org\x00")
    assert 1250 < answered < 1550


def test_many_addresses_each_answer_for_themselves(new_lab, run_dnsscan):
    with new_lab("--addresses", "300") as lab:
        names = [f"many{number}.lab.test" for number in range(6000)]
        args = ("--config", lab.path, "--fields", "ns", "--rate", 3000)  # so slowly that all have passed their canaries
        run = run_dnsscan(*args, stdin="\n".join(names).encode())

    assert {row["d"]: row["s"] for row in run.lines} == {name: zone.expected(name)[0] for name in names}
    assert len(lab.config["resolvers"]) == 300
    assert len({row["ns"] for row in run.lines}) > 250
    assert "proxies" not in lab.config


# -- the proxies -----------------------------------------------------------------------------------------------


def proxy_of(lab, index=0):
    host, port = re.search(r"@?([\d.]+):(\d+)$", lab.config["proxies"][index]).groups()
    return socket.create_connection((host, int(port)), WAIT_S)


@pytest.mark.parametrize("split", [False, True])
def test_the_proxy_carries_a_query(lab, split):
    host, port = dns_address(lab)
    messages = [b"\x05\x01\x00", b"\x05\x01\x00\x01" + socket.inet_aton(host) + struct.pack("!H", port)]
    with proxy_of(lab) as peer:
        for message, reply in zip(messages, (2, 10), strict=True):
            for piece in [message[i : i + 1] for i in range(len(message))] if split else [message]:
                peer.sendall(piece)
            assert read_exactly(peer, reply)[1] == 0
        peer.sendall(framed(dns.message.make_query("a.org", "A", id=77).to_wire()))

        assert read_frame(peer)[1] == 77


def test_the_proxy_goes_nowhere_but_loopback(lab):
    with proxy_of(lab) as peer:
        peer.sendall(b"\x05\x01\x00")
        read_exactly(peer, 2)
        peer.sendall(b"\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x35")

        assert read_exactly(peer, 10)[1] == 2


def test_the_proxies_ask_for_the_password(new_lab, run_dnsscan):
    with new_lab("--proxies", "1", "--user", "me", "--password", "s:e@c/ret") as lab:
        run = run_dnsscan("--config", lab.path, stdin=b"a.lab.test\n")
        with proxy_of(lab) as peer:
            peer.sendall(b"\x05\x01\x02")
            read_exactly(peer, 2)
            peer.sendall(b"\x01\x02me\x03bad")
            refused = read_exactly(peer, 2)

    assert [row["s"] for row in run.lines] == [zone.expected("a.lab.test")[0]]
    assert refused == b"\x01\x01"


# -- the command -----------------------------------------------------------------------------------------------


def lab_command(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "scanner", "lab", *words],
        cwd=ROOT,
        capture_output=True,
        timeout=30,
        check=False,
        **options,
    )


def test_a_command_runs_with_the_lab_up_and_its_exit_code_is_the_labs():
    done = lab_command(
        "--proxies", "1", "--", "sh", "-c", 'cmp "$0" "$DNSSCAN_LAB_CONFIG" && cat "$0"; exit 7', "{config}"
    )

    assert (done.returncode, done.stderr) == (7, b"")
    assert len(json.loads(done.stdout)["proxies"]) == 1


def test_a_command_finds_the_config_where_it_was_to_be_written(tmp_path):
    path = tmp_path / "there.json"

    done = lab_command("--write-config", str(path), "--", "echo", "{config}")

    assert done.stdout.decode() == f"{path}\n"
    assert len(json.loads(path.read_text())["proxies"]) == 4


def test_a_config_that_cannot_be_written_is_one_line():
    for words in ((), ("--", "true")):
        done = lab_command("--write-config", "/no/such/folder/lab.json", *words)

        assert done.returncode == 2
        said = b"dnsscan: lab: cannot write the config to /no/such/folder/lab.json: No such file or directory\n"
        assert done.stderr == said


def test_a_command_that_cannot_run_is_one_line():
    done = lab_command("--", "/no/such/program")

    assert done.returncode == 2
    assert done.stderr == b"dnsscan: lab: cannot run /no/such/program: No such file or directory\n"


def test_a_command_that_a_signal_ended():
    assert lab_command("--", "sh", "-c", "kill -TERM $$").returncode == 143


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_lab_quietly(number):
    with subprocess.Popen(
        [sys.executable, "-m", "scanner", "lab"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        config = json.loads(process.stdout.readline())
        process.send_signal(number)
        out, err = process.communicate(timeout=10)

    assert (process.returncode, out, err) == (0, b"", b"")
    assert len(config["proxies"]) == 4


def test_the_config_file_is_its_owners_alone(tmp_path):
    path = tmp_path / "lab.json"
    with subprocess.Popen([sys.executable, "-m", "scanner", "lab", "--write-config", str(path)], cwd=ROOT) as process:
        until = time.monotonic() + 10
        while not (path.exists() and path.stat().st_size) and time.monotonic() < until:
            time.sleep(0.02)
        process.terminate()

    assert json.loads(path.read_text())["resolvers"]
    assert os.stat(path).st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--delay-ms", "5:1"], "--delay-ms: '5:1' is not MIN or MIN:MAX"),
        (["--delay-ms", "soon"], "--delay-ms: 'soon' is not MIN or MIN:MAX"),
        (["--nx", "2"], "--nx"),
        (["--porxies", "2"], "unknown option --porxies; did you mean --proxies?"),
    ],
)
def test_wrong_options_are_one_line(words, said):
    done = lab_command(*words)

    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


def test_a_taken_port_is_one_line(lab):
    done = lab_command("--port", str(dns_address(lab)[1]))

    assert done.returncode == 2
    assert f"port {dns_address(lab)[1]}" in done.stderr.decode()


# -- the scanner on it -----------------------------------------------------------------------------------------


TROUBLED = """nxdomain servfail refused formerr notimp rcode-9 nodata cname cname-nx delay-30 drop close reset
late wrongid qr0 lie garbage short twice big truncate edns-formerr servfail-1 drop-1 close-2 reset-1""".split()


def test_each_trouble_has_the_verdict_that_the_zone_foretells(lab, run_dnsscan):
    names = [f"{label}.n{number}.lab.test" for number, label in enumerate(TROUBLED)]

    run = run_dnsscan("--config", lab.path, "--pipeline", 1, "--timeout-ms", 400, stdin="\n".join(names).encode())

    assert {row["d"]: (row["s"], row.get("e")) for row in run.lines} == {n: zone.expected(n) for n in names}
    assert run.code == 0


def test_reference_and_zone_name_the_same_troubles():
    text = (ROOT / "docs" / "reference" / "lab.md").read_text()
    table = text.partition("<!-- trouble -->")[2].partition("<!-- /trouble -->")[0]
    told = set(re.findall(r"`([^`]+)`", "\n".join(line.split("|")[1] for line in table.splitlines() if "`" in line)))

    assert told == {label for row in zone.TROUBLE for label in row.split()}


LEFT = """
import asyncio
from scanner.lab.run import run

async def main():
    for error in (ConnectionResetError("a reset"), ValueError("a fault")):
        asyncio.get_running_loop().create_future().set_exception(error)
    return 0

raise SystemExit(run(main()))
"""


def test_of_what_nothing_awaits_any_more_only_a_fault_is_told():
    """As of a connection whose client resets it while the lab ends it: `lab` alone and `lab -- COMMAND` run so."""
    done = subprocess.run([sys.executable, "-c", LEFT], cwd=ROOT, capture_output=True, text=True, check=True)

    assert "a fault" in done.stderr
    assert "a reset" not in done.stderr


def test_a_client_that_resets_just_as_the_server_speaks_leaves_nothing_on_stderr():
    with (
        subprocess.Popen(
            [sys.executable, "-m", "scanner", "lab", "--proxies", "1"],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process,
        socket.create_server(("127.0.0.1", 0)) as upstream,
    ):  # fmt: skip
        port = int(json.loads(process.stdout.readline())["proxies"][0].rpartition(":")[2])
        for _ in range(10):
            client = socket.create_connection(("127.0.0.1", port), WAIT_S)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a close is a reset
            client.sendall(b"\x05\x01\x00")
            read_exactly(client, 2)
            client.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + struct.pack("!H", upstream.getsockname()[1]))
            read_exactly(client, 10)
            with upstream.accept()[0] as server:
                process.send_signal(signal.SIGSTOP)  # so that it hears of both at once
                client.close()
                server.sendall(b"too late")
                process.send_signal(signal.SIGCONT)
                server.settimeout(WAIT_S)
                with contextlib.suppress(OSError):
                    server.recv(1)
        process.terminate()
        said = process.stderr.read().decode()

    assert "Traceback" not in said
