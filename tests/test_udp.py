"""Raw UDP with the real command: scripted servers, forgers, lists of resolvers, the lab, knot and unbound."""

import contextlib
import itertools
import json
import math
import signal
import socket
import struct
import threading
import time
from collections import Counter, deque

import pytest
from command import fed, scan, start, wait_for
from dns_peer import NXDOMAIN, SERVFAIL, Query, Talk, response
from udp_peer import Datagram, UdpPeer, honest

from scanner.config.config import load
from scanner.errors import ScanError
from scanner.lab import zone

FAST = ("--timeout-ms", 250, "--deadline-ms", 4000)


def names(count, prefix="is"):
    return "".join(f"{prefix}{number}.example\n" for number in range(count))


def stats_of(done):
    return json.loads([line for line in done.err.splitlines() if line.startswith("{")][-1])


def udp(lab):
    return f"udp://{lab.config['resolvers'][0]}"


# -- answers ---------------------------------------------------------------------------------------------------


def test_each_name_of_the_lab_has_the_verdict_that_it_has_in_its_zone(lab):
    listed = [f"udp{number}.lab.test" for number in range(20_000)]

    done = scan("-r", udp(lab), names="\n".join(listed))

    assert done.code == 0, done.err
    assert len(done.rows) == len(listed)
    assert {row["d"]: row["s"] for row in done.rows} == {name: zone.expected(name)[0] for name in listed}


def test_each_trouble_has_the_verdict_that_the_zone_foretells(lab):
    troubles = """nxdomain servfail refused formerr notimp rcode-9 nodata cname cname-nx delay-30 drop late wrongid qr0
    lie garbage short twice edns-formerr servfail-1 drop-1 drop-2 close-1 reset-2 big truncate""".split()
    listed = [f"{label}.u{number}.lab.test" for number, label in enumerate(troubles)]

    done = scan("-r", udp(lab), *FAST, names="\n".join(listed))

    wanted = {name: zone.expected(name) for name in listed}
    assert {row["d"]: (row["s"], row.get("e")) for row in done.rows} == wanted


def test_closing_labels_are_silence_over_udp(lab):
    done = scan("-r", udp(lab), *FAST, names="close.x.lab.test\nreset.x.lab.test\n")

    assert {row["e"] for row in done.rows} == {"timeout"}


@pytest.mark.server
def test_real_unbound_over_udp(unbound):
    done = scan("-r", f"udp://127.0.0.1:{unbound.port}", "-t", "A", *FAST,
                names="www.example.test\nnx.example.test\nx.refused.test\nx.drop.test\n")  # fmt: skip

    assert {row["d"]: (row["s"], row.get("e")) for row in done.rows} == {
        "www.example.test": ("taken", None),
        "nx.example.test": ("nxdomain", None),
        "x.refused.test": ("error", "refused"),
        "x.drop.test": ("error", "timeout"),
    }


@pytest.mark.server
def test_real_knot_over_udp_a_hundred_thousand_computable_names(knot):
    """mod-synthrecord: ip-192-0-2-N exists for N from 0 to 255."""
    listed = [f"ip-192-0-2-{number}.t.test" for number in range(100_000)]

    done = scan("-r", f"udp://127.0.0.1:{knot.port}", "-t", "A", names="\n".join(listed), limit_s=90)

    wrong = [row for row in done.rows if (row["s"] == "taken") != (int(row["d"][11:-7]) < 256)]
    assert wrong == []
    assert len(done.rows) == len({row["d"] for row in done.rows}) == len(listed)


@pytest.mark.server
def test_real_knot_that_answers_only_with_its_cookie(knot_with_cookies):
    """RFC 7873 section 5.2.3: BADCOOKIE brings the cookie with which the name is asked again, and costs no attempt."""
    listed = [f"ip-192-0-2-{number}.t.test" for number in range(20_000)]
    address = f"udp://127.0.0.1:{knot_with_cookies.port}"

    done = scan("-r", address, "-t", "A", "--stats", "json", names="\n".join(listed), limit_s=60)

    assert {row["d"]: row["s"] for row in done.rows} == {
        name: "taken" if number < 256 else "nxdomain" for number, name in enumerate(listed)
    }
    assert len(done.rows) == len(listed)
    assert 1 <= stats_of(done)["requeued"] < 200  # the first few, until the cookie is known


def test_fields_and_several_types(lab):
    done = scan("-r", udp(lab), "-t", "A", "-t", "MX", "--fields", "n,t,a,ns,p,fl", names="taken1.lab.test\n")

    assert sorted(row["t"] for row in done.rows) == ["A", "MX"]
    assert all(row["ns"] == udp(lab) and row["p"] is None and row["a"] for row in done.rows)


# -- who may answer --------------------------------------------------------------------------------------------


def other_letter(question: bytes) -> bytes:
    return question[:1] + (b"z" if question[1:2] != b"z" else b"y") + question[2:]


FORGERIES = {
    "id": lambda d: response(d.query, NXDOMAIN, change_id=0x0101),
    "qr": lambda d: response(d.query, NXDOMAIN, flags=0),
    "opcode": lambda d: response(d.query, NXDOMAIN, flags=0x8000 | 2 << 11),
    "qdcount": lambda d: forge_at(response(d.query, NXDOMAIN), 4, b"\0\2"),
    "no question": lambda d: response(d.query, NXDOMAIN)[:4] + b"\0\0" + b"\0" * 6,
    "name": lambda d: response(d.query, NXDOMAIN, question=other_letter(d.query.question)),
    "longer name": lambda d: response(d.query, NXDOMAIN, question=b"\1x" + d.query.question),
    "type": lambda d: response(d.query, NXDOMAIN, question=d.query.question[:-4] + b"\0\x0f\0\1"),
    "class": lambda d: response(d.query, NXDOMAIN, question=d.query.question[:-4] + b"\0\2\0\3"),
    "cut": lambda d: response(d.query, NXDOMAIN)[:11],
    "truncated, other id": lambda d: forge_at(response(d.query, 0, change_id=0x0101), 2, b"\x82"),
}


def forge_at(octets: bytes, at: int, new: bytes) -> bytes:
    return octets[:at] + new + octets[at + len(new) :]


@pytest.mark.parametrize("field", FORGERIES)
def test_answers_with_one_wrong_field_are_never_believed(field):
    """Forty for each name before the right one; more than 100 would move the name to TCP."""
    count = 300

    def script(datagram: Datagram) -> None:
        for _ in range(3 if count > 100 else 40):
            datagram.send(FORGERIES[field](datagram))
        datagram.answer()

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, "--stats", "json", "--rate", 300, names=names(count))

    assert Counter(row["s"] for row in done.rows) == {"taken": count}
    assert stats_of(done)["strays"] >= 3 * count  # more where a late answer had a name asked again
    assert len(peer.tcp.names_asked) < 10  # an ID may be met again


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
def test_answers_from_another_address_or_port_are_never_believed(host):
    with socket.socket(type=socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind((host, 0))

        def script(datagram: Datagram) -> None:
            datagram.send(response(datagram.query, NXDOMAIN), elsewhere)
            time.sleep(0.001)
            datagram.answer()

        with UdpPeer(script) as peer:
            done = scan("-r", peer.address, names=names(50))

    assert Counter(row["s"] for row in done.rows) == {"taken": 50}


def test_an_answer_in_another_case_is_asked_again_over_tcp():
    def script(datagram: Datagram) -> None:
        datagram.send(response(datagram.query, NXDOMAIN, question=datagram.query.question.lower()))

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, "--stats", "json", names=names(20, "longername"))

    assert Counter(row["s"] for row in done.rows) == {"taken": 20}
    assert stats_of(done)["case_lost"] == 20
    assert sorted(name for name in peer.tcp.names_asked if name.endswith(".example")) == sorted(
        names(20, "longername").split()
    )


def test_no_0x20_asks_in_lower_case():
    with UdpPeer() as peer:
        scan("-r", peer.address, "--no-0x20", names="MiXed.example\n")

    questions = {each.query.question[1:6] for each in peer.asked if each.query.name == "mixed.example"}
    assert questions == {b"MiXed"}


def test_true_truncation_is_followed_over_tcp_and_costs_no_attempt():
    def script(datagram: Datagram) -> None:
        datagram.send(forge_at(response(datagram.query, 0), 2, b"\x83"))

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, "--stats", "json", names=names(200))

    assert Counter((row["s"], row.get("x")) for row in done.rows) == {("taken", None): 200}
    assert stats_of(done)["truncated"] == 200
    assert set(names(200).split()) <= set(peer.tcp.names_asked)


def test_truncation_by_a_server_without_tcp_is_tried_elsewhere_or_told():
    def script(datagram: Datagram) -> None:
        datagram.send(forge_at(response(datagram.query, 0), 2, b"\x83"))

    def closed(talk: Talk) -> None:
        return

    with UdpPeer(script, tcp_script=closed) as cut, UdpPeer() as whole:
        alone = scan("-r", cut.address, *FAST, names=names(3))
        both = scan("-r", cut.address, "-r", whole.address, *FAST, names=names(40))

    assert {row["s"] for row in alone.rows} == {"error"}
    assert Counter(row["s"] for row in both.rows) == {"taken": 40}


def test_truncation_does_not_wait_for_a_stream_that_has_failed():
    """The next try of the stream comes seconds after a failure; what is truncated meanwhile has no time for that."""

    def script(datagram: Datagram) -> None:
        datagram.send(forge_at(response(datagram.query, 0), 2, b"\x83"))

    def closed(talk: Talk) -> None:
        return

    with UdpPeer(script, tcp_script=closed) as cut, UdpPeer() as whole:
        run = start("-r", cut.address, "-r", whole.address, *FAST)
        rows = fed(run, [names(40, f"turn{turn}x") for turn in range(3)], 0.4)
    shut(run)

    assert Counter(row["s"] for row in rows) == {"taken": 120}
    assert max(row["ms"] for row in rows) < 1500


def test_a_name_that_is_forged_again_and_again_goes_to_tcp():
    def script(datagram: Datagram) -> None:
        if datagram.query.name == "is0.example":
            for _ in range(150):
                datagram.send(response(datagram.query, NXDOMAIN, question=other_letter(datagram.query.question)))
            return
        datagram.answer()

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, names=names(3))

    assert Counter(row["s"] for row in done.rows) == {"taken": 3}
    assert "is0.example" in peer.tcp.names_asked


def test_a_resolver_whose_answers_are_forged_by_the_thousand_goes_to_tcp_with_one_warning():
    """The forger has the server's address; it does not see the IDs."""

    def script(datagram: Datagram) -> None:
        for _ in range(30):
            datagram.send(response(datagram.query, NXDOMAIN, change_id=0x5555))
        datagram.answer()

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, names=names(400))

    assert Counter(row["s"] for row in done.rows) == {"taken": 400}
    assert done.err.count("somebody forges its answers") == 1
    assert len([name for name in peer.tcp.names_asked if name.endswith(".example")]) > 50


def test_answers_that_come_twice_or_late_are_no_forgers():
    """Each twice, and every fourth only when it is not waited for any more."""
    late: deque[Datagram] = deque()

    def script(datagram: Datagram) -> None:
        if len(late) > 200:
            late.popleft().answer()
        if datagram.query.name[-9] in "048":
            late.append(datagram)
        else:
            datagram.answer()
            datagram.answer()

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, "--timeout-ms", 100, "--rate", 3000, "--retries", 1, "--no-second-pass",
                    "--stats", "json", names=names(2000))  # fmt: skip

    assert Counter(row["s"] for row in done.rows).keys() == {"taken", "error"}
    assert stats_of(done)["strays"] > 1300
    assert "forges" not in done.err
    assert len(peer.tcp.names_asked) < 10  # an ID may be met again


def test_a_server_that_gave_a_cookie_is_not_believed_without_it():
    """RFC 7873: the cookie that we saw once must be in every answer."""
    cookie = b"serversidecookie"

    def with_cookie(datagram: Datagram, rcode=None) -> bytes:
        octets = response(datagram.query, rcode)
        client = datagram.octets[datagram.octets.rindex(b"\0\x0a") + 4 :][:8]
        option = b"\0\x0a" + struct.pack("!H", 8 + len(cookie)) + client + cookie
        return octets[:-2] + struct.pack("!H", len(option)) + option

    def script(datagram: Datagram) -> None:
        if len(peer.names) > 1:
            datagram.send(response(datagram.query, NXDOMAIN))
        datagram.send(with_cookie(datagram))

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, "--rate", 50, names=names(30))

    assert Counter(row["s"] for row in done.rows) == {"taken": 30}
    assert cookie in peer.asked[-1].octets


def test_a_server_without_edns_is_asked_without():
    def script(datagram: Datagram) -> None:
        datagram.answer(1 if datagram.query.has_edns else None)

    with UdpPeer(script) as peer:
        done = scan("-r", peer.address, "--rate", 100, names=names(30))

    assert Counter(row["s"] for row in done.rows) == {"taken": 30}
    assert not peer.asked[-1].query.has_edns


# -- what leaves ------------------------------------------------------------------------------------------------


def test_message_ids_and_ports_are_many_and_even():
    with UdpPeer() as peer:
        done = scan("-r", peer.address, names=names(20_000))

    assert len(done.rows) == 20_000
    asked = [each for each in peer.asked if each.query.name.endswith(".example")]
    ports = Counter(each.source[1] for each in asked)
    assert len(ports) >= 20
    assert max(ports.values()) <= 1000
    ids = [each.query.message_id for each in asked]
    buckets = Counter(number >> 10 for number in ids)
    expected = len(ids) / 64
    chi_square = sum((buckets[bucket] - expected) ** 2 / expected for bucket in range(64))
    assert chi_square < 63 + 6 * math.sqrt(2 * 63)
    mean = sum(ids) / len(ids)
    serial = sum((a - mean) * (b - mean) for a, b in itertools.pairwise(ids)) / sum((a - mean) ** 2 for a in ids)
    assert abs(serial) < 6 / math.sqrt(len(ids))
    letters = Counter(each.query.question[1:3] for each in asked)
    assert set(letters) == {b"is", b"iS", b"Is", b"IS"}
    assert min(letters.values()) > len(asked) / 5


def test_the_same_id_is_never_twice_in_flight_on_one_port():
    """A server that answers nothing at all, so that everything stays in flight."""
    with UdpPeer(lambda _: None) as peer:
        scan("-r", peer.address, "--timeout-ms", 400, "--retries", 0, "--deadline-ms", 3000, names=names(3000))

    pairs = Counter((each.source[1], each.query.message_id) for each in peer.asked)
    assert max(pairs.values()) == 1


def test_bind_and_port_range():
    with UdpPeer() as peer:
        done = scan("-r", peer.address, "--bind", "127.0.0.3", "--bind", "127.0.0.4", "--port-range", "42000-42999",
                    names=names(2000))  # fmt: skip

    assert len(done.rows) == 2000
    sources = {each.source for each in peer.asked if each.query.name.endswith(".example")}
    assert {host for host, _ in sources} == {"127.0.0.3", "127.0.0.4"}
    assert all(42000 <= port <= 42999 for _, port in sources)


def test_ipv6_resolvers():
    try:
        with UdpPeer(host="::1") as peer:
            done = scan("-r", peer.address, names=names(500))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")

    assert Counter(row["s"] for row in done.rows) == {"taken": 500}


def test_a_rate_is_kept():
    begun = time.monotonic()
    with UdpPeer() as peer:
        done = scan("-r", peer.address, "--rate", 100, names=names(200))

    assert len(done.rows) == 200
    assert time.monotonic() - begun > 1.5


# -- lists ------------------------------------------------------------------------------------------------------


def test_a_retry_goes_to_another_resolver():
    def sleepy(datagram: Datagram) -> None:  # one that never answers at all would cost no attempt
        if len(datagram.peer.names) < 5:
            datagram.answer()

    with UdpPeer(sleepy) as mute, UdpPeer() as good:
        done = scan("-r", mute.address, "-r", good.address, "--timeout-ms", 200, "--no-early-retries", names=names(200))

    assert Counter(row["s"] for row in done.rows) == {"taken": 200}
    assert mute.names
    assert max(row.get("x", 0) for row in done.rows) >= 1


def test_a_failing_resolver_is_not_asked_the_same_name_twice_while_there_is_another():
    with UdpPeer(lambda d: d.answer(SERVFAIL)) as sick, UdpPeer() as good:
        done = scan("-r", sick.address, "-r", good.address, names=names(300))

    assert Counter(row["s"] for row in done.rows) == {"taken": 300}
    assert max(Counter(sick.names).values()) == 1


def test_a_resolver_that_refuses_everything_is_left_out_with_one_warning():
    with UdpPeer(lambda d: d.answer(5)) as closed:

        def script(datagram: Datagram) -> None:
            wait_for(lambda: len(closed.names) >= 20)  # or a busy machine may let this one answer everything
            datagram.answer()

        with UdpPeer(script) as good:
            done = scan("-r", closed.address, "-r", good.address, "--rate", 8000, names=names(3000))

    assert Counter(row["s"] for row in done.rows) == {"taken": 3000}
    assert done.err.count("is left out") == 1
    assert len(closed.names) < 1000


@pytest.mark.parametrize("policy", ["random", "round-robin", "sticky", "sequential", "best"])
def test_every_policy_scans_a_list(policy):
    peers = [UdpPeer() for _ in range(5)]
    for peer in peers:
        peer.__enter__()
    done = scan(*[word for peer in peers for word in ("-r", peer.address)], "--policy", policy, "--no-early-retries",
                names=names(2000))  # fmt: skip
    used = [len(peer.names) for peer in peers]
    for peer in peers:
        peer.__exit__()

    assert Counter(row["s"] for row in done.rows) == {"taken": 2000}
    assert sum(used) == 2000
    if policy == "sequential":
        assert used[1:] == [0] * 4
    elif policy != "sticky":
        assert min(used) > 20


def test_fifty_resolvers_that_never_answer_cost_no_name(lab, tmp_path):
    dead = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(50)]
    for each in dead:
        each.bind(("127.0.0.1", 0))
    resolvers = [f"udp://127.0.0.1:{each.getsockname()[1]}" for each in dead] + [udp(lab)]
    config = tmp_path / "cfg.json"
    config.write_text(json.dumps({"resolvers": resolvers, "timeout_ms": 300}))
    listed = [f"half{number}.lab.test" for number in range(20_000)]

    done = scan("--config", config, names="\n".join(listed))
    for each in dead:
        each.close()

    assert {row["d"]: row["s"] for row in done.rows} == {name: zone.expected(name)[0] for name in listed}


def test_udp_and_tcp_resolvers_work_side_by_side(lab):
    listed = [f"mixed{number}.lab.test" for number in range(5000)]

    both = ("-r", udp(lab), "-r", f"tcp://{lab.config['resolvers'][0]}")
    done = scan(*both, "--rate", 5000, "--fields", "ns", names="\n".join(listed))

    assert {row["d"]: row["s"] for row in done.rows} == {name: zone.expected(name)[0] for name in listed}
    assert len({row["ns"] for row in done.rows}) == 2


# -- trouble ----------------------------------------------------------------------------------------------------


def test_nobody_at_the_port_is_exit_code_3():
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    done = scan(
        "-r", f"udp://127.0.0.1:{port}", "--timeout-ms", 200, "--retries", 1, "--deadline-ms", 3000, names=names(20)
    )

    assert done.code == 3
    assert Counter(row["e"] for row in done.rows) == {"timeout": 20}


def test_an_unreachable_network_is_exit_code_3():
    done = scan("-r", "udp://[2001:db8::1]", "--timeout-ms", 200, "--retries", 0, names=names(5), limit_s=60)

    assert done.code == 3
    assert len(done.rows) == 5


def test_the_share_of_timeouts_is_what_loss_and_retries_make_it(new_lab):
    """36 of 100 queries or answers are lost; three attempts fail together for 0.36^3 of the names."""
    count, share = 60_000, 0.36**3
    with new_lab("--proxies", "0", "--loss", "0.36") as lab:
        listed = "\n".join(f"loss{number}.lab.test" for number in range(count))
        done = scan("-r", udp(lab), "--timeout-ms", 250, "--retries", 2, "--no-second-pass", "--no-early-retries",
                    names=listed, limit_s=100)  # fmt: skip

    lost = sum(row.get("e") == "timeout" for row in done.rows)
    assert len(done.rows) == count
    assert abs(lost / count - share) < 4 * math.sqrt(share * (1 - share) / count)


@pytest.mark.parametrize("threads", [1, 3])
def test_one_interrupt_finishes_what_is_in_flight(threads):
    def slow(datagram: Datagram) -> None:
        time.sleep(0.002)
        datagram.answer()

    with UdpPeer(slow) as peer:
        run = start("-r", peer.address, "--threads", threads, "--stats", "json")
        feeder = threading.Thread(target=feed, args=(run, names(200_000).encode()), daemon=True)
        feeder.start()
        out = [run.stdout.readline()]
        run.send_signal(signal.SIGINT)
        out += run.stdout.readlines()
        err = run.stderr.read()
        code = run.wait(10)
        feeder.join(5)
        shut(run)

    books = json.loads(err.splitlines()[-1])
    assert code == 130
    assert books["written"] == books["expected"] == len(out)
    assert books["read"] == books["written"] + books["blank"]


def shut(run) -> None:
    for stream in (run.stdin, run.stdout, run.stderr):
        with contextlib.suppress(BrokenPipeError):
            stream.close()


def feed(run, octets: bytes) -> None:
    try:
        run.stdin.write(octets)
        run.stdin.close()
    except (BrokenPipeError, ValueError):
        return


def test_a_slow_reader_of_stdout_makes_no_timeouts():
    with UdpPeer() as peer:
        run = start("-r", peer.address, "--timeout-ms", 300, "--deadline-ms", 900, "--retries", 0, "--quiet")
        feeder = threading.Thread(target=feed, args=(run, names(30_000).encode()), daemon=True)
        feeder.start()
        time.sleep(2)
        rows = [json.loads(line) for line in run.stdout]
        run.wait(20)
        feeder.join(5)
        for stream in (run.stdout, run.stderr):
            stream.close()

    assert len(rows) == 30_000
    assert Counter(row["s"] for row in rows) == {"taken": 30_000}


def test_proxies_with_udp_are_refused_in_one_sentence():
    done = scan("-r", "udp://127.0.0.1", "--proxy", "socks5://127.0.0.1:1080", names=names(1))

    assert (done.code, done.out) == (2, b"")
    assert "SOCKS5 tunnels carry TCP only" in done.err
    assert done.err.count("\n") == 1


def test_elsewhere_than_on_linux_udp_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr("scanner.config.check.LINUX", False)

    with pytest.raises(ScanError, match="raw UDP needs Linux; use tcp://"):
        load(None, None, {"resolvers": ("udp://127.0.0.1",)}, {})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--policy", "fastest"), "random, round-robin, sticky, sequential, best"),
        (("--bind", "here"), "is not an IP address"),
        (("--port-range", "5-9"), "MIN-MAX"),
        (("--port-range", "60000-70000"), "MIN-MAX"),
        (("--rcvbuf", "1"), "4096"),
    ],
)
def test_wrong_udp_options_are_one_line(words, said):
    done = scan("-r", "udp://127.0.0.1", *words, names=names(1))

    assert (done.code, done.out) == (2, b"")
    assert said in done.err
    assert done.err.count("\n") == 1


def test_an_honest_script_is_honest():
    """The scripted server itself, against a plain socket."""
    with UdpPeer(honest) as peer, socket.socket(type=socket.SOCK_DGRAM) as plain:
        plain.settimeout(5)
        query = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\2is\7example\0\0\1\0\1"
        plain.sendto(query, ("127.0.0.1", peer.port))
        octets = plain.recv(999)

    assert octets[:2] == b"\0\7"
    assert Query(7, "is.example", 1, query[12:], False) == peer.asked[0].query
