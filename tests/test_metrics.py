"""Metrics for Prometheus: served while a scan runs, and in a file; judged by prometheus-client's own parser."""

import contextlib
import http.client
import json
import re
import socket
import threading
import time
import urllib.request
from collections import Counter

import pytest
from command import ROOT, SECRET, refusal, scan, start
from dns_peer import DnsPeer
from prometheus_client.parser import text_string_to_metric_families
from test_progress import feed, listed, row
from test_proxies_killed import free_ports
from test_udp import stats_of, udp

from scanner.model import REASONS
from scanner.status.metrics import LABELS_MAX, OTHERS, grouped

OF_THE_END = {"dnsscan_end_time_seconds"}  # families that a running scan does not have


def scraped(port: int, host: str = "127.0.0.1") -> str:
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5) as answer:
        return answer.read().decode()


def samples(text: str) -> dict[tuple, float]:
    """By name and labels, the label `scan` left out; fails where a series stands twice."""
    found = [
        ((sample.name, *sorted((key, value) for key, value in sample.labels.items() if key != "scan")), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    assert [name for name, count in Counter(name for name, _ in found).items() if count > 1] == []
    return dict(found)


def total(found: dict[tuple, float], name: str) -> float:
    return sum(value for (each, *_), value in found.items() if each == name)


@pytest.fixture(scope="module")
def watched(lab, tmp_path_factory):
    """One scan through proxies: what was scraped from it, what stood in its file meanwhile, and how both ended."""
    folder = tmp_path_factory.mktemp("metrics")
    (port,), file = free_ports(1), folder / "nightly.prom"
    settings = json.loads(lab.path.read_text())
    settings["proxies"] = [*settings["proxies"], f"socks5://user:{SECRET}@127.0.0.1:{free_ports(1)[0]}"]
    (folder / "cfg.json").write_text(json.dumps(settings))
    (folder / "cfg.json").chmod(0o600)
    run = start("--config", folder / "cfg.json", "--workers", 20, "--rate", 500, "--stats", "json", "--metrics", port,
                "--metrics-file", file, "--timeout-ms", 300)  # fmt: skip
    names = listed(4000) + listed(20, "servfail.m") + listed(20, "drop-1.m") + "a..b\n"
    threading.Thread(target=feed, args=(run, names.encode()), daemon=True).start()
    pages, files, out = [], [], [run.stdout.readline()]
    reader = threading.Thread(target=lambda: out.append(run.stdout.read()), daemon=True)
    reader.start()
    try:
        while reader.is_alive():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                pages.append(scraped(port))
            files.append(file.read_text())
            time.sleep(0.1)
        said = run.stderr.read().decode()
        assert run.wait(20) == 0
    finally:
        run.kill()
        run.stdout.close()
        run.stderr.close()
    return {"pages": pages, "files": files, "file": file, "said": said, "rows": b"".join(out).splitlines(),
           "stats": json.loads(said.splitlines()[-1])}  # fmt: skip


def test_counters_are_read_while_the_scan_runs_and_never_fall(watched):
    pages = [samples(page) for page in watched["pages"]]
    written = [total(page, "dnsscan_results_total") for page in pages]

    assert len(pages) >= 5
    assert 0 < written[len(pages) // 2] < 4041
    for name in {key for key in pages[0] if key[0].endswith(("_total", "_bucket", "_count"))}:
        values = [page[name] for page in pages]
        assert values == sorted(values), name
    assert max(page["dnsscan_tunnels_live",] for page in pages) > 0
    assert pages[0]["process_resident_memory_bytes",] > 1e6


def test_the_file_at_the_end_balances_with_the_books_and_the_lines(watched):
    found, books = samples(watched["file"].read_text()), watched["stats"]

    assert found["dnsscan_lines_read_total",] == books["read"] == 4041
    for verdict in ("taken", "nxdomain", "error"):
        count = sum(f'"s":"{verdict}"'.encode() in line for line in watched["rows"])
        assert found["dnsscan_results_total", ("verdict", verdict)] == books[verdict] == count
    reasons = {reason: found["dnsscan_reasons_total", ("reason", reason)] for reason in REASONS[1:]}
    assert {reason: count for reason, count in reasons.items() if count} == books["reasons"]
    for family, key in (("queries", "queries"), ("responses", "responses"), ("retries", "retried")):
        assert found[f"dnsscan_{family}_total",] == books[key]
    for kind in ("proxy", "resolver"):
        for key in ("queries", "responses"):
            assert total(found, f"dnsscan_{kind}_{key}_total") == books[key]
        assert total(found, f"dnsscan_{kind}_losses_total") == books["queries"] - books["responses"] >= 20
    assert found["dnsscan_round_trip_seconds_count",] == books["responses"]
    assert found["dnsscan_round_trip_seconds_bucket", ("le", "+Inf")] == books["responses"]
    mean_ms = 1000 * found["dnsscan_round_trip_seconds_sum",] / books["responses"]
    assert 0 < mean_ms < books["ms"]["p99"]
    assert found["dnsscan_start_time_seconds",] < found["dnsscan_end_time_seconds",]
    assert found["dnsscan_done_ratio",] == 1


def test_the_file_is_whole_whenever_it_is_read(watched):
    families = [set(samples(text)) for text in [*watched["files"], watched["file"].read_text()]]

    assert len(watched["files"]) >= 5
    assert all(text.endswith("\n") for text in watched["files"])
    assert all(("dnsscan_round_trip_seconds_sum",) in names for names in families)
    assert [file.name for file in watched["file"].parent.glob("nightly*")] == ["nightly.prom"]


def test_each_sample_of_a_file_names_its_scan(watched):
    """Two files with the same series are an error to the node exporter."""
    families = list(text_string_to_metric_families(watched["file"].read_text()))

    assert {sample.labels["scan"] for family in families for sample in family.samples} == {"nightly"}
    assert all(family.name.startswith("dnsscan_") for family in families)


def test_no_password_stands_anywhere(watched):
    everything = "".join([*watched["pages"], *watched["files"], watched["said"], watched["file"].read_text()])

    assert SECRET not in everything
    assert 'proxy="socks5://user:***@127.0.0.1:' in everything


def test_the_reference_documents_every_family_and_no_other(watched):
    text = watched["file"].read_text() + watched["pages"][-1]
    families = {
        sample.name if family.type != "histogram" else family.name
        for family in text_string_to_metric_families(text.replace("# EOF\n", ""))
        for sample in family.samples
        if family.name.startswith("dnsscan_")
    }
    page = ROOT / "docs" / "reference" / "metrics.md"
    described = set(re.findall(r"^\| `(dnsscan_\w+)`", page.read_text(), re.MULTILINE))

    assert families == described


def test_names_and_units_follow_the_conventions(watched):
    for family in text_string_to_metric_families(watched["file"].read_text()):
        assert re.fullmatch(r"dnsscan_[a-z]+(_[a-z]+)*", family.name)
        assert family.documentation
        assert not family.name.endswith(("_ms", "_total", "_milliseconds"))
        assert family.type in ("counter", "gauge", "histogram")


def test_every_engine_counts(lab, tmp_path):
    file = tmp_path / "udp.prom"

    done = scan("-r", udp(lab), "--threads", 3, "--stats", "json", "--metrics-file", file, names=listed(20_000))

    found, books = samples(file.read_text()), stats_of(done)
    assert total(found, "dnsscan_results_total") == books["written"] == 20_000
    assert found["dnsscan_resolver_responses_total", ("resolver", udp(lab))] == books["responses"]
    assert found["dnsscan_round_trip_seconds_count",] == books["responses"]


def test_thousands_of_proxies_have_a_bounded_number_of_series():
    rows = [row(f"socks5://127.0.{number // 250}.{number % 250}:1080", queries=1) for number in range(10_000)]
    alike = [row("socks5://user:***@127.0.0.1:1080", queries=1) for _ in range(10)]

    groups = grouped(alike + rows)

    assert len(groups) == LABELS_MAX + 1
    assert len(groups["socks5://user:***@127.0.0.1:1080"]) == 10
    assert len(groups[OTHERS]) == 10_000 - (LABELS_MAX - 1)


# -- serving ---------------------------------------------------------------------------------------------------


def test_a_bare_port_is_served_on_loopback_only_and_a_client_that_leaves_is_no_error(lab):
    (port,) = free_ports(1)
    run = start("-r", lab.config["resolvers"][0], "--quiet", "--metrics", port)
    try:
        run.stdin.write(b"is.lab.test\n")
        run.stdin.flush()
        run.stdout.readline()
        with pytest.raises(OSError, match="refused"):
            scraped(port, "127.0.0.2")
        for request in (b"", b"GET / HT", b"\0\xff\r\n\r\n", b"GET /metrics HTTP/1.1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port), 5) as rude:
                rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # it leaves with a reset
                rude.sendall(request)
        assert "dnsscan_queries_total 1.0" in scraped(port)
        run.stdin.close()
        assert run.wait(10) == 0
        err = run.stderr.read()
    finally:
        run.kill()
        run.stdout.close()
        run.stderr.close()

    assert err == b""
    with pytest.raises(OSError, match="refused"):
        http.client.HTTPConnection("127.0.0.1", port, timeout=5).request("GET", "/metrics")


def test_a_taken_port_is_refused_before_any_packet(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken, DnsPeer() as peer:
        port = taken.getsockname()[1]

        refusal(
            scan("-r", peer.address, "--metrics", port, names="a.example\n"), f"--metrics 127.0.0.1:{port}", "in use"
        )

    assert peer.connections == 0


@pytest.mark.parametrize(("address", "why"), [
    ("0", "is not [IP:]PORT"), ("70000", "is not [IP:]PORT"), ("127.0.0.1", "the port is missing"),
    ("example.com:9153", "is not [IP:]PORT"), ("", "is not [IP:]PORT"), ("[::1]", "the port is missing"),
    ("192.0.2.1:9153", "Cannot assign requested address"), (f"socks5://user:{SECRET}@h:1", "--metrics"),
])  # fmt: skip
def test_an_address_that_is_none_is_refused(address, why):
    refusal(scan("-r", "127.0.0.1:9", "--quiet", "--metrics", address, names="a.example\n"), "--metrics", why)


@pytest.mark.parametrize("address", ["localhost:{}", "[::1]:{}"])
def test_an_address_may_be_given(lab, address):
    (port,) = free_ports(1)
    run = start("-r", lab.config["resolvers"][0], "--quiet", "--metrics", address.format(port))
    try:
        run.stdin.write(b"is.lab.test\n")
        run.stdin.flush()
        run.stdout.readline()
        page = scraped(port, "[::1]" if ":" in address[:4] else "127.0.0.1")
    finally:
        run.kill()
        run.communicate()

    assert "dnsscan_queries_total 1.0" in page


def test_an_address_that_others_can_reach_is_warned_of():
    err = scan("-r", "127.0.0.1:9", "--metrics", "0.0.0.0:9153", "--dry-run").err

    assert len(err.splitlines()) == 1
    assert "0.0.0.0:9153" in err


@pytest.mark.parametrize("flag", ["--metrics", "--metrics-file"])
def test_without_the_extra_one_sentence_says_what_to_install(tmp_path, flag):
    (tmp_path / "prometheus_client.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'prometheus_client'\", name='prometheus_client')\n"
    )
    value = "9153" if flag == "--metrics" else str(tmp_path / "m.prom")
    with DnsPeer() as peer:
        done = scan("-r", peer.address, flag, value, names="a.example\n", PYTHONPATH=f"{tmp_path}:{ROOT}")

    assert refusal(done) == f"dnsscan: {flag} needs prometheus-client: pip install '.[metrics]'"
    assert peer.connections == 0
