"""`dnsscan report`: its figures, judged by counting anew; what it says of damaged files; and its page as a text. The
page in a browser is in test_report_page.py."""

import json
import math
import os
import re
import signal
import stat
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import lines as made
import pytest
from command import ROOT, SECRET, environment, refusal, scan, start, wait_for

from scanner.errors import ScanError
from scanner.model import REASONS
from scanner.registration import answer
from scanner.report import registrations
from scanner.report.account import words
from scanner.report.confirmed import LISTED, Registry, ask_registry
from scanner.report.findings import findings
from scanner.report.page import page
from scanner.report.plain import plain
from scanner.report.query import ROOT as ROOT_NAME
from scanner.report.query import SAMPLES, Figures, ask
from scanner.report.run_record import read_run
from scanner.report.timeline import STEPS, WIDTHS_S, from_series
from scanner.report.troubles import Judged, judged, proxies_of, resolvers_of
from scanner.report.verdicts import MEANINGS
from scanner.results.table import engine, load, opened

TODAY = date(2026, 11, 30)
LINE = {"d": "a.example", "s": "taken", "r": 0, "ms": 5, "re": True}
HOSTILE = "<script>hacked=1</script>\u202e\u2066\x07\u200b&amp;\"'`${alert(1)}]]>--></style></title>"
BIDI = re.compile("[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\x00-\x08\x0b-\x1f\x7f-\x9f]")


@contextmanager
def engine_with(path: Path, folder: Path):
    with opened(str(path)) as descriptor, engine(folder, "512MB") as con:
        yield con, load(con, path.name, descriptor, folder)


def figures(rows: list[dict], folder: Path) -> Figures:
    with engine_with(made.write(folder / "results.jsonl", rows), folder) as (con, _):
        return ask(con)


def registry_of(rows: list[dict], folder: Path) -> Registry:
    with engine_with(made.write(folder / "confirmed.jsonl", rows), folder) as (con, _):
        return ask_registry(con, TODAY)


def rank(times: list[int], share: float) -> int:
    """The percentile by nearest rank."""
    return sorted(times)[math.ceil(share * len(times)) - 1]


class Page(HTMLParser):
    """What a page holds: its tags, the texts of its tables' cells, and what its tags ask to load."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.loads: list[str] = []
        self.styled: list[str] = []
        self.policy = ""
        self.cells: list[str] = []
        self.text = text
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        given = dict(attrs)
        self.loads += [
            given[key] for key in ("src", "href", "action", "data") if not given.get(key, "#").startswith("#")
        ]
        self.styled += [key for key in given if key == "style" or key.startswith("on")]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


def page_of(folder: Path, rows: list[dict], run: object = None) -> Page:
    """The page of these rows and this account, made without the command around it."""
    (folder / "run.json").write_text(json.dumps(run or {}))
    with engine_with(made.write(folder / "results.jsonl", rows), folder) as (con, loaded):
        found, registry = ask(con), ask_registry(con, TODAY)
    return Page(page("results.jsonl", loaded, found, read_run(folder / "run.json"), registry))


def hostile() -> tuple[list[dict], dict]:
    """Lines and an account that would be more than text."""
    rows = [
        {**LINE, "d": f"{HOSTILE}.example", "a": [HOSTILE, "x" * 65_536], "ns": HOSTILE, "p": 0, "ts": 1},
        {**LINE, "d": "x" * 65_536, "a": [HOSTILE] * 4000, "q": f"a.{HOSTILE}", "fl": HOSTILE, "ts": 2},
        {**LINE, "d": f"b.{HOSTILE}", "s": "error", "e": "badname", "r": None, "re": False, "why": HOSTILE, "ts": 3},
    ]
    settings = {HOSTILE: [HOSTILE], "proxies": [f"socks5://user:{SECRET}@198.51.100.7:1080"]}
    run = {HOSTILE: HOSTILE, "started": HOSTILE, "ms": {HOSTILE: 1}, "settings": settings}
    return rows, {**run, "proxies": [{"proxy": HOSTILE, "queries": 1}]}


# -- figures ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counted(tmp_path_factory) -> tuple[list[dict], Figures]:
    rows = made.lines(6000)
    return rows, figures(rows, tmp_path_factory.mktemp("figures"))


def test_verdicts_and_reasons_are_counted(counted):
    rows, found = counted

    assert {(group.verdict, group.reason): group.lines for group in found.groups} == Counter(
        (row["s"], row.get("e", "")) for row in rows
    )
    assert found.verdicts == {
        verdict: sum(row["s"] == verdict for row in rows) for verdict in ("taken", "nxdomain", "error")
    }


def test_percentiles_are_those_of_the_answered_lines_by_nearest_rank(counted):
    rows, found = counted
    times = [row["ms"] for row in rows if row["r"] is not None]

    assert (found.times.p50, found.times.p90, found.times.p99) == (
        rank(times, 0.5),
        rank(times, 0.9),
        rank(times, 0.99),
    )
    assert sum(found.times.bins.values()) == found.times.lines == len(times)


def test_endpoints_are_those_with_the_slowest_responses_first(counted):
    rows, found = counted
    by_proxy = {str(p): [row["ms"] for row in rows if row.get("p") == p] for p in range(10)}

    assert found.proxy_count == len(found.proxies) == 10
    assert found.proxies[0].name == "7"
    assert [each.times.p99 for each in found.proxies] == sorted(
        (rank(times, 0.99) for times in by_proxy.values()), reverse=True
    )
    assert {each.name: each.times.lines for each in found.proxies} == {p: len(times) for p, times in by_proxy.items()}
    assert {each.name: each.errors for each in found.resolvers} == {
        ns: sum(row.get("ns") == ns and row["s"] == "error" for row in rows) for ns in made.RESOLVERS
    }


def test_names_are_counted_by_their_last_label(tmp_path):
    names = ["a.COM", "b.com.", "com", ".", "x.münchen", "xn--p1ai.", "a..b", "www.example.co.uk"]
    rows = [{**LINE, "d": name} for name in names]
    rows[4] |= {"q": "x.xn--mnchen-3ya"}
    rows[6] |= {"s": "error", "e": "badname", "r": None, "re": False}

    found = figures(rows, tmp_path)

    assert {tld.name: tld.lines for tld in found.tlds} == {
        "com": 3, ROOT_NAME: 1, "xn--mnchen-3ya": 1, "xn--p1ai": 1, "uk": 1,
    }  # fmt: skip


def test_every_line_is_in_one_step_of_the_time(counted):
    rows, found = counted
    line = found.timeline
    first = min(row["ts"] for row in rows)

    assert line.start == first
    assert 2 <= len(line.buckets) <= STEPS + 1
    assert sum(bucket.lines for bucket in line.buckets) == len(rows)
    assert line.buckets[3].error == sum(
        row["s"] == "error" for row in rows if 3 * line.width_s <= row["ts"] - first < 4 * line.width_s
    )


def test_samples_are_a_few_of_each_reason_and_the_same_each_time(counted, tmp_path):
    rows, found = counted
    again = figures(rows[::-1], tmp_path)

    assert [group.samples for group in again.groups] == [group.samples for group in found.groups]
    for group in found.groups:
        assert len(group.samples) == min(SAMPLES, group.lines)
        assert {sample.name for sample in group.samples} <= {
            row["d"] for row in rows if (row["s"], row.get("e", "")) == (group.verdict, group.reason)
        }


def test_the_lists_end_where_a_page_can_hold_no_more(tmp_path):
    rows = [{**LINE, "d": f"{'x' * 5000}.t{n}", "ns": f"tcp://[2001:db8::{n:x}]:53", "p": n, "ts": n * 1e9,
             "s": "error", "e": f"rcode{n}", "r": n} for n in range(200)]  # fmt: skip

    found = figures(rows, tmp_path)

    assert (found.group_count, found.resolver_count, found.proxy_count, found.tld_count) == (200, 200, 200, 200)
    assert (len(found.groups), len(found.resolvers), len(found.proxies), len(found.tlds)) == (40, 200, 200, 15)
    assert len(found.timeline.buckets) <= STEPS + 1
    assert max(len(sample.name) for group in found.groups for sample in group.samples) <= 200


def test_lines_that_are_no_results_are_in_no_figure(tmp_path):
    source = tmp_path / "results.jsonl"
    source.write_text(f'{json.dumps(LINE)}\nnone\n\n{json.dumps({**LINE, "ts": 1e300})}\n{{"d":"torn.exa')

    with engine_with(source, tmp_path) as (con, loaded):
        found = ask(con)

    assert (loaded.lines, loaded.foreign) == (4, 2)
    assert found.verdicts == {"taken": 2, "nxdomain": 0, "error": 0}
    assert found.timeline is None


def test_every_reason_has_its_meaning():
    assert set(MEANINGS) == set(REASONS) - {""}


# -- time from the scan's own account --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "points"), [(600, 600), (600, 7), (1, 100), (0.3, 3), (86_400 * 30, 600), (119, 119), (121, 400)]
)
def test_a_series_becomes_steps_that_hold_all_its_lines(seconds, points):
    series = [[seconds * n / points, 100 * n, 70 * n, 20 * n, 10 * n] for n in range(1, points + 1)]

    line = from_series(series)

    assert len(line.buckets) <= min(STEPS, points) + 1
    assert [sum(getattr(bucket, key) for bucket in line.buckets) for key in ("taken", "nxdomain", "error")] == [
        70 * points, 20 * points, 10 * points,
    ]  # fmt: skip
    assert sum(line.seconds(place) for place in range(len(line.buckets))) == pytest.approx(seconds)
    rates = [bucket.lines / line.seconds(place) for place, bucket in enumerate(line.buckets)]
    assert max(rates) - min(rates) < 0.2 * max(rates)


def test_no_step_is_shorter_than_a_quarter_of_a_second():
    line = from_series([[n / 10, 10 * n, 10 * n, 0, 0] for n in range(1, 13)])

    assert min(WIDTHS_S) == line.width_s == 0.25
    assert [line.seconds(place) for place in range(len(line.buckets))] == pytest.approx([0.25, 0.25, 0.25, 0.45])


def test_a_series_in_which_no_time_passes_has_no_steps():
    assert from_series([]) is None
    assert from_series([[0, 5, 5, 0, 0]]) is None


# -- the scan's own account ------------------------------------------------------------------------------------------


def test_the_account_is_the_last_json_line_and_every_key_of_it_may_be_missing(tmp_path):
    path = tmp_path / "run.json"
    path.write_text('dnsscan: a warning\n{"written": 7, "odd": [1]}\n\n')

    run = read_run(path)

    assert run.books == {"written": 7}
    assert (run.settings, run.series, run.resolvers, run.proxies) == ({}, [], [], [])


def test_an_account_in_many_lines_is_read_too(tmp_path):
    path = tmp_path / "run.json"
    told = made.run(made.lines(2000))
    path.write_text(json.dumps(told, indent=2))

    run = read_run(path)

    assert run.settings == told["settings"]
    assert [ledger.losses for ledger in run.proxies] == [each["losses"] for each in told["proxies"]]


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"", "no JSON object"),
        (b"dnsscan: a warning\n", "no JSON object"),
        (b"[1]\n", "no JSON object"),
        (b'{"torn": ', "no JSON object"),
        (b"\xff\xfe{}", "no JSON object"),
        (b"{" * 100_000, "no JSON object"),
        (b'{"settings": []}', "settings"),
        (b'{"series": {}}', "series"),
        (b'{"series": [[1, 2, 3, 4]]}', "series"),
        (b'{"series": [[1, 2, 3, 4, "5"]]}', "series"),
        (b'{"series": [[1, 2, 2, 0, -1]]}', "series"),
        (b'{"series": [[2, 9, 9, 0, 0], [1, 9, 9, 0, 0]]}', "series"),
        (b'{"series": [' + b"[1,1,1,1,1]," * 2000 + b"[1,1,1,1,1]]}", "series"),
        (b'{"proxies": [7]}', "proxy"),
        (b'{"proxies": [{"queries": 1}]}', "proxy"),
        (b'{"resolvers": [{"resolver": "x", "losses": "many"}]}', "resolver"),
        (b'{"resolvers": [{"resolver": "x", "losses": true}]}', "resolver"),
        (b" " * (17 << 20), "16 MB"),
    ],
)
def test_a_damaged_account_is_refused_by_its_key(tmp_path, octets, said):
    (tmp_path / "run.json").write_bytes(octets)

    with pytest.raises(ScanError, match=rf"^--stats .*run\.json: .*{said}"):
        read_run(tmp_path / "run.json")


def test_values_are_shown_in_words():
    assert words({"a": 1234, "b": True, "c": None}) == "a 1,234, b yes, c none"
    assert words(list(range(12))) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
    assert (
        words([f"socks5://u:{SECRET}@192.0.2.{n}" for n in range(2)])
        == "socks5://u:***@192.0.2.0, socks5://u:***@192.0.2.1"
    )
    assert words([]) == words("") == "none"


# -- proxies and resolvers -------------------------------------------------------------------------------------------


def ledger(name: str, **counts: float) -> dict:
    """Of a proxy, good unless `counts` say otherwise."""
    good = {"queries": 1000, "responses": 1000, "losses": 0, "p50_ms": 30, "p99_ms": 90, "reconnects": 0, "pauses": 0}
    return {"proxy": name, "resolver": name, **good, **counts}


DEAD = {"queries": 0, "responses": 0, "pauses": 2, "p50_ms": None, "p99_ms": None}


def told(folder: Path, rows: list[dict], run: dict) -> tuple[list[Judged], list[Judged], str]:
    """The proxies, the resolvers, and the findings."""
    (folder / "run.json").write_text(json.dumps(run))
    found, account = figures(rows, folder), read_run(folder / "run.json")
    proxies = judged(proxies_of(found.proxies, account), found.timeline)
    resolvers = judged(resolvers_of(found.resolvers, account), found.timeline)
    return proxies, resolvers, findings(found, proxies, resolvers, account, None)


def test_the_dead_come_first_then_the_lossy_then_the_slow_and_three_queries_prove_nothing(tmp_path):
    proxies = [
        ledger("slow", p50_ms=300), ledger("good"), ledger("refused", **DEAD),
        ledger("lossy", responses=900, losses=100),
        ledger("timeouts", **{**DEAD, "queries": 40, "losses": 40}), ledger("worse", responses=800, losses=200),
        ledger("few", queries=3, responses=1, losses=2), ledger("idle", **{**DEAD, "pauses": 0}), ledger("good too"),
    ]  # fmt: skip
    run = {"proxies": proxies, "resolvers": [ledger("one", queries=7000, responses=6860, losses=140)]}

    found, resolvers, said = told(tmp_path, [LINE], run)
    text = page_of(tmp_path, [LINE], run).text

    assert [(each.name[3:], each.say) for each in found if each.kind] == [
        ("timeouts", "never answered"), ("refused", "never answered"),
        ("worse", "20.0 % lost"), ("lossy", "10.0 % lost"), ("slow", "slow: 300 ms, usual 30"),
    ]  # fmt: skip
    assert said == (
        "2 of 9 proxies never answered; 2 of 9 proxies lost more than 5 % of their queries; 1 of 9 proxies was slow; "
        "2.0 % of queries were lost, all recovered."
    )
    assert not resolvers[0].kind
    assert 'Nothing is wrong with the resolver <bdi class="name">one</bdi>.' in text
    assert "The other 4 proxies" in text


def test_three_dead_of_fifty_and_what_was_lost_are_one_line_under_the_headline(tmp_path):
    proxies = [ledger(f"p{n}", **(DEAD if n in (7, 19, 49) else {"responses": 980, "losses": 20})) for n in range(50)]
    rows = [{**LINE, "d": f"n{n}.example"} for n in range(9)]

    whole = page_of(tmp_path, rows, {"proxies": proxies})

    assert (
        '<p class="findings">3 of 50 proxies never answered; 2.0 % of queries were lost, all recovered.</p>'
        in whole.text
    )
    assert whole.text.index("<h1>") < whole.text.index('"findings"') < whole.text.index('"tiles"')
    assert "<h1><bdi>9 names under .example</bdi></h1>" in whole.text
    assert whole.cells.count("never answered") == 3


def test_names_without_an_answer_are_said_and_no_error_is_called_recovered(tmp_path):
    lost = {**LINE, "s": "error", "e": "timeout", "r": None, "re": False}
    rows = [LINE, lost, lost, {**LINE, "s": "error", "e": "refused", "r": 5}]

    assert told(tmp_path, rows, {"resolvers": [ledger("one", losses=100, responses=900)]})[2] == (
        "The resolver lost more than 5 % of its queries; 10.0 % of queries were lost, 2 names got no answer; "
        "1 name ended in an error, refused."
    )
    filtered = {"resolvers": [ledger("one", losses=9, responses=991)], "reasons": {"timeout": 3}}
    assert told(tmp_path, [LINE], filtered)[2] == "0.9 % of queries were lost, 3 names got no answer."
    assert told(tmp_path, rows, {})[2] == "2 names got no answer; 1 name ended in an error, refused."
    assert told(tmp_path, [LINE], {})[2] == ""
    assert told(tmp_path, [LINE], {"resolvers": [ledger("one")]})[2] == "No query was lost."


def test_a_proxy_that_dies_and_a_resolver_that_slows_down_are_seen_in_the_lines(tmp_path):
    rows = [
        {**LINE, "ts": n / 100, "p": p, "ns": f"tcp://192.0.2.{n % 3}:53", "ms": 250 if n % 3 == 1 and n > 1800 else 25}
        for n in range(3000) for p in [n % 4] if p != 2 or n < 1200
    ]  # fmt: skip
    run = {"proxies": [ledger(f"p{n}", pauses=int(n == 2)) for n in range(4)]}

    proxies, resolvers, said = told(tmp_path, rows, run)
    whole = page_of(tmp_path, rows, run)

    assert [(each.name, each.say) for each in proxies if each.kind] == [("#2 p2", "no answer after 0:12")]
    assert [(each.name, each.say) for each in resolvers if each.kind] == [
        ("tcp://192.0.2.1:53", "slowed from 25 to 250 ms")
    ]
    assert said.startswith("1 of 4 proxies went silent; 1 of 3 resolvers was slow")
    assert "When each proxy answered" in whole.text
    assert "#2 p2, 0:11: 25 responses" not in whole.text  # steps of half a second
    assert re.search(r"#2 p2, 0:11: \d+ responses, median 25 ms", whole.text)
    assert not re.search(r"#2 p2, 0:1[3-9]", whole.text)


def test_a_resolver_that_answers_with_errors_is_found_out_and_names_that_fail_everywhere_blame_none(tmp_path):
    def rows(bad: set[int]) -> list[dict]:
        error = {"s": "error", "e": "refused", "r": 5}
        return [{**LINE, "ns": f"192.0.2.{n % 4}", **(error if n % 4 in bad else {})} for n in range(400)]

    assert [each.say for each in told(tmp_path, rows({2}), {})[1]] == ["100.0 % errors", "", "", ""]
    some = [{**row, "s": "error", "e": "refused", "r": 5} if n % 10 == 0 else row for n, row in enumerate(rows(set()))]
    assert [each.say for each in told(tmp_path, some, {})[1] if each.say] == []


def test_a_proxy_that_answers_before_the_scan_and_then_no_name_is_silent(tmp_path):
    rows = [{**LINE, "p": n % 3} for n in range(300)]
    proxies = [*(ledger(f"p{n}") for n in range(3)), ledger("p3", responses=2, queries=12, losses=9, pauses=4)]

    assert [each.say for each in told(tmp_path, rows, {"proxies": proxies})[0]][:2] == ["no answer to any name", ""]


def test_settings_of_any_form_make_a_page(tmp_path):
    odd = {"types": 5, "proxies": {}, "resolvers": 7, "workers": [], "threads": {"a": 1}, "retries": None, "new": [{}]}

    assert "The settings" not in page_of(tmp_path, [LINE], {"settings": odd, "reasons": {"timeout": "3"}}).text


def test_a_direct_scan_says_nothing_of_proxies(tmp_path):
    text = page_of(tmp_path, [LINE], {"settings": {"proxies": []}, "resolvers": [ledger("one")]}).text

    assert "By proxy" not in text


# -- the account -----------------------------------------------------------------------------------------------------


def test_settings_that_differ_from_the_defaults_are_shown_and_the_others_folded_away(tmp_path):
    done = scan("--dry-run", "-r", "192.0.2.53", "--retries", 4, "--only", "nxdomain", "--no-0x20", "--workers", 16)
    settings = json.loads(done.out)

    text = page_of(tmp_path, [LINE], {"settings": settings, "written": 1, "blank": 0}).text
    shown, _, folded = text.partition("Settings that differ from the defaults")[2].partition("<details>")
    keys = re.findall(r'<bdi class="name">(\w+)</bdi></th>', shown)

    assert keys == ["resolvers", "retries", "only", "no_0x20"]
    assert re.search("<summary>[0-9]+ other settings, as they are by default</summary>", folded)
    assert "timeout_ms" in folded
    assert "<summary>1 counts that are 0</summary>" in text


# -- the page --------------------------------------------------------------------------------------------------------


def test_a_page_of_everything_loads_nothing_and_has_no_code_in_its_attributes(tmp_path):
    rows = made.lines(4000)

    whole = page_of(tmp_path, rows, made.run(rows))

    assert (whole.loads, whole.styled) == ([], [])
    assert [whole.tags[tag] for tag in ("script", "style", "link", "img", "iframe")] == [1, 1, 0, 0, 0]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-\S+'; script-src 'sha256-\S+'; base-uri 'none'; form-action 'none'",
        whole.policy,
    )
    assert whole.tags["figure"] == 9
    assert whole.tags["table"] == whole.text.count('<p class="caption"') == 12


def test_the_same_lines_make_the_same_page(tmp_path):
    rows = made.lines(300)

    assert page_of(tmp_path, rows).text == page_of(tmp_path, rows).text


def test_what_was_not_recorded_is_shown_with_the_flag_that_records_it(tmp_path):
    text = page_of(tmp_path, made.compact(made.lines(300))).text.replace("<code>", "").replace("</code>", "")

    told = re.findall(r'<p class="missing">(.*?)</p>', text)
    assert len(told) == 5
    assert all(flag in " ".join(told) for flag in ("--fields ts", "--fields p", "--fields ns", "--stats json"))


def test_time_comes_from_the_account_where_no_line_tells_it(tmp_path):
    rows = made.lines(3000)

    assert "counted from the scan&#x27;s own account" in page_of(tmp_path, made.compact(rows), made.run(rows)).text


def test_a_scan_without_errors_has_no_chart_of_them(tmp_path):
    whole = page_of(tmp_path, [{**LINE, "ts": n} for n in range(9)])

    assert "There was no error." in whole.text
    assert "Errors a second" not in whole.text


def test_a_confirmed_file_opens_with_what_may_be_bought_and_blames_no_scan_for_a_registry(tmp_path):
    nx = {**LINE, "s": "nxdomain", "r": 3, "re": False}
    rows = [
        {**nx, "c": "free", "via": "rdap", "ms": 900},
        {**nx, "c": "unknown", "via": "rdap", "e": "proxy", "ms": 901},
        {**nx, "c": "unknown", "via": "whois", "e": "http403"},
        {**nx, "s": "error", "c": "unknown", "via": "rdap", "e": "timeout"},
        {**nx, "s": "error", "e": "servfail", "c": "unknown"},
        {**LINE, "e": "nodata", "c": "registered", "via": "dns"},
        {"d": "bare.example", "c": "reserved", "via": "whois", "ms": 3},
        {"d": "no name", "c": "unknown", "e": "badline"},
    ]

    found, registry = figures(rows, tmp_path), registry_of(rows, tmp_path)
    whole = page_of(tmp_path, rows)

    assert [(each.verdict, each.reason) for each in registry.registrations] == [
        ("free", ""), ("registered", ""), ("reserved", ""),
        *(("unknown", reason) for reason in ("badline", "http403", "proxy", "servfail", "timeout")),
    ]  # fmt: skip
    assert {(each.verdict, each.reason) for each in found.groups} == {
        ("nxdomain", ""), ("error", ""), ("error", "servfail"), ("taken", "nodata"),
    }  # fmt: skip
    assert found.times.lines == 2  # the round trips of registries are none of resolvers
    assert whole.text.index('class="free"') < whole.text.index('class="taken"')
    assert "the proxy on the way to the registry" in whole.text
    assert "the proxy could not be used" not in whole.text


def test_free_names_are_counted_by_tld_once_each_and_listed_whole(tmp_path):
    free = {"c": "free", "via": "rdap", "ms": 9}
    rows = [
        {**free, "d": "b.example"}, {**free, "d": "A.Example."}, {**free, "d": "www.c.test", "reg": "c.test"},
        {**free, "d": "mail.c.test", "reg": "c.test"}, {**free, "d": "<b>\u202e.test"},
        {"d": "taken.example", "c": "registered", "via": "dns"}, {"d": "no name", "c": "unknown", "e": "badline"},
    ]  # fmt: skip

    found = registry_of(rows, tmp_path)
    text = page_of(tmp_path, rows).text

    assert found.listed == (r"<b>\u202e.test", "a.example", "b.example", "c.test")
    assert {(each.tld, each.free, each.names) for each in found.shelves} == {("example", 2, 3), ("test", 2, 2)}
    assert "All 4 free names" in text
    assert r"<span>&lt;b&gt;\u202e.test" in text
    assert "<h1><bdi>6 names under .example and .test</bdi></h1>" in text


def test_names_that_expire_soon_or_are_being_deleted_are_listed_soonest_first(tmp_path):
    def held(name: str, days: int | None, *statuses: str) -> dict:
        day = {} if days is None else {"exp": str(TODAY + timedelta(days=days))}
        return {"d": name, "c": "registered", "via": "rdap", "ms": 9, "st": list(statuses), **day}

    rows = [held("later.example", 61), held("old.example", -91), held("soon.example", 60, "active"),
            held("past.example", -3), held("now.example", 0), held("redeemed.example", -2000, "redemptionPeriod"),
            held("going.example", None, "serverHold", "pendingDelete")]  # fmt: skip

    found = registry_of(rows, tmp_path)
    whole = page_of(tmp_path, rows)

    assert [each.name.partition(".")[0] for each in found.expiring] == ["going", "past", "now", "soon", "redeemed"]
    assert "5 registered names may come free soon." in whole.text
    assert {"not said", "2026-11-27, 3 days ago", "2026-11-30, today", "2027-01-29, in 60 days"} <= set(whole.cells)


def test_a_list_that_is_too_long_for_a_page_is_a_file_beside_it(tmp_path):
    rows = [{"d": f"name{n:06}.example", "c": "free", "via": "rdap", "ms": 9} for n in range(LISTED + 1)]
    beside, asked = tmp_path / "page.free.txt", ("report", tmp_path / "all.jsonl", "-o", tmp_path / "page.html")
    made.write(tmp_path / "all.jsonl", rows)

    done = scan(*asked)
    text = (tmp_path / "page.html").read_text()

    assert (done.code, done.err) == (0, "")
    assert beside.read_text().split() == [row["d"] for row in rows]
    assert stat.S_IMODE(beside.stat().st_mode) == 0o600
    assert '<a href="page.free.txt">page.free.txt</a>' in text
    assert len(text) < 200_000
    (tmp_path / "page.html").unlink()
    assert b"report -o FILE writes them beside it" in scan(*asked[:2], "-o", "-").out
    refusal(scan(*asked), "page.free.txt exists", "--force")
    assert not (tmp_path / "page.html").exists()


def test_names_that_would_make_a_page_of_more_than_three_megabytes_go_into_the_file(tmp_path):
    worst = "\U000e0001&<>\"'" * 100
    free = [{"d": f"{'x' * 40}{n}.example", "c": "free", "via": "rdap", "ms": 9} for n in range(30_000)]
    rows = [{**LINE, "d": f"{n}{worst}", "why": worst, "ns": f"{n}{worst}", "p": n % 200, "ts": n, "s": "error",
             "e": f"rcode{n % 50}", "r": 9, "ms": 2 ** (n % 31)} for n in range(2000)]  # fmt: skip
    source = made.write(tmp_path / "all.jsonl", free + rows)

    done = scan("report", source, "-o", tmp_path / "page.html")

    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "page.html").stat().st_size < 3_000_000
    assert len((tmp_path / "page.free.txt").read_text().split()) == 30_000


def test_a_file_of_bare_names_that_were_confirmed_has_its_page(tmp_path):
    whole = page_of(tmp_path, [{"d": "bare.example", "c": "free", "via": "whois", "ms": 3}])

    assert "What may be bought" in whole.text
    assert "There is no line" not in whole.text


def test_every_reason_of_a_registry_has_its_meaning():
    assert set(registrations.MEANINGS) >= set(answer.REASONS)


def test_days_near_today_are_said_in_a_word():
    assert [registrations.day_text(days) for days in (-2, -1, 0, 1, 2)] == [
        "2 days ago", "yesterday", "today", "tomorrow", "in 2 days",
    ]  # fmt: skip


def test_every_line_at_one_moment_is_no_chart_of_time(tmp_path):
    rows = [{**LINE, "ts": 1, "ms": 0}, {**LINE, "ts": 1, "ms": 0}]

    assert "within a millisecond" in page_of(tmp_path, rows).text


def test_hostile_names_answers_and_accounts_are_text(tmp_path):
    whole = page_of(tmp_path, *hostile())

    assert whole.tags["script"] == whole.tags["style"] == whole.tags["title"] == 1
    assert (whole.loads, whole.styled) == ([], [])
    assert BIDI.findall(whole.text) == []
    assert SECRET not in whole.text
    assert any(cell.startswith(r"<script>hacked=1</script>\u202e\u2066\x07\u200b&amp;") for cell in whole.cells)


def test_a_page_stays_small_whatever_stands_in_the_lines(tmp_path):
    worst = "\U000e0001&<>\"'" * 100
    rows = [{**LINE, "d": f"{n}{worst}.{n}{worst}", "why": worst, "ns": f"{n}{worst}", "p": n, "ts": n, "s": "error",
             "e": f"rcode{n}", "r": n, "ms": 2 ** (n % 31)} for n in range(50)] * SAMPLES  # fmt: skip
    ledgers = [{"proxy": f"{n}{worst}", "queries": 2**53, "losses": n} for n in range(100)]
    run = {"settings": {f"{n}{worst}": [worst] * 12 for n in range(200)}, "proxies": ledgers,
           "resolvers": [{**each, "resolver": each["proxy"]} for each in ledgers]}  # fmt: skip

    whole = page_of(tmp_path, rows, run)

    assert whole.tags["tr"] > 40 * SAMPLES
    assert len(whole.text.encode()) < 3_000_000


def test_text_of_others_is_one_short_line_without_a_password():
    assert plain("a\u202eb\n\x00\ud800") == r"a\u202eb\n\x00\ud800"
    assert plain("x" * 500) == "x" * 199 + "…"
    assert SECRET not in plain(f"socks5://user:{'p' * 700}{SECRET}@host")


# -- the command -----------------------------------------------------------------------------------------------------


def test_a_file_without_lines_makes_a_page_that_says_so_and_one_without_results_none(tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "foreign.jsonl").write_text("hello\n")

    done = scan("report", tmp_path / "empty.jsonl", "-o", tmp_path / "page.html")

    assert (done.code, done.out, done.err) == (0, b"", "")
    assert "There is no line in this file" in (tmp_path / "page.html").read_text()
    refusal(scan("report", tmp_path / "foreign.jsonl", "-o", tmp_path / "no.html"), "none of its 1 lines")
    assert not (tmp_path / "no.html").exists()


def test_a_page_says_what_it_left_out_and_that_two_files_do_not_belong_together(tmp_path):
    octets = made.write(tmp_path / "results.jsonl", made.lines(300)).read_bytes() + b'{"d":"torn'
    run = tmp_path / "run.json"
    run.write_text('{"written": 250, "skipped": 7}')

    done = scan("report", "-", "-o", tmp_path / "page.html", "--stats", run, names=octets)
    notices = re.findall(r'<p class="notice">(.*?)</p>', (tmp_path / "page.html").read_text())

    assert (done.code, done.err) == (0, "")
    assert "1 of 301 lines" in notices[0]
    assert "257 lines, and here are 300" in notices[1]


def test_a_page_is_overwritten_only_with_force(tmp_path):
    source = made.write(tmp_path / "results.jsonl", [LINE])
    (tmp_path / "page.html").write_text("mine")

    refusal(scan("report", source, "-o", tmp_path / "page.html"), "page.html exists", "--force")
    refusal(scan("report", source, "-o", source), "is the input")
    refusal(
        scan("report", source, "-o", tmp_path / "new.html", "--stats", tmp_path / "none"), "--stats", "No such file"
    )
    assert (tmp_path / "page.html").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["page.html", "results.jsonl"]


def test_without_a_part_one_line_says_what_to_install(tmp_path):
    source = made.write(tmp_path / "results.jsonl", [LINE])
    hidden = "import sys; sys.modules['vl_convert'] = None; import scanner.cli.main; scanner.cli.main.dnsscan()"

    done = subprocess.run([sys.executable, "-c", hidden, "report", source, "-o", tmp_path / "page.html"], cwd=ROOT,
                          capture_output=True)  # fmt: skip

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == "dnsscan: report needs vl-convert: pip install '.[report]'\n"


def test_a_real_scan_and_its_account_become_a_page(lab, tmp_path):
    names = b"".join(b"n%d.lab.test\n" % n for n in range(300)) + b"nxdomain.x.lab.test\nservfail.y.lab.test\na..b\n"
    done = scan("--config", lab.path, "--fields", "n,why,a,ns,p,ts", "--stats", "json", names=names)
    (tmp_path / "results.jsonl").write_bytes(done.out)
    (tmp_path / "run.json").write_text(done.err)

    run = ("--stats", tmp_path / "run.json")
    reported = scan("report", tmp_path / "results.jsonl", *run, "-o", tmp_path / "page.html")
    whole = Page((tmp_path / "page.html").read_text())

    assert (reported.code, reported.out, reported.err) == (0, b"", "")
    assert stat.S_IMODE((tmp_path / "page.html").stat().st_mode) == 0o600
    resolver = f"tcp://{lab.config['resolvers'][0]}"
    assert {"a..b", "empty label", "servfail", "303", resolver} <= set(whole.cells)
    assert any(cell.startswith("#") for cell in whole.cells)  # proxies; a short scan may not need all of them


def test_a_demo_that_is_interrupted_leaves_nothing_running_and_no_file(tmp_path):
    run = start("report", "--demo", "-o", tmp_path / "page.html", true=True, env=environment(TMPDIR=str(tmp_path)))
    wait_for(lambda: any(path.stat().st_size for path in tmp_path.glob("*/demo.jsonl")))

    run.send_signal(signal.SIGINT)

    assert run.communicate(timeout=20) == (b"", b"")
    assert run.returncode == 130
    assert os.listdir(tmp_path) == []


def test_the_demo_scans_a_lab_and_shows_what_came_out(tmp_path):
    done = scan("report", "--demo", "--seconds", 3, "-o", tmp_path / "page.html", limit_s=60)
    whole = Page((tmp_path / "page.html").read_text())

    assert (done.code, done.out, done.err) == (0, b"", "")
    assert {"servfail", "nodata", "cname_nx", "badname", "com", "test"} <= set(whole.cells)
    assert "1 of 4 proxies" in whole.text
    refusal(scan("report", "--demo", "--stats", "run.json", "-o", tmp_path / "other.html"), "--demo", "--stats")
    refusal(scan("report", "--demo", "-o", tmp_path / "page.html"), "page.html exists", "--force")
    refusal(scan("report", "-", "--seconds", 5, "-o", tmp_path / "other.html"), "--seconds needs --demo")
    refusal(scan("report", "-o", tmp_path / "other.html"), "--demo; one of them")
    refusal(scan("report", "--demo", tmp_path / "lines", "-o", tmp_path / "other.html"), "one of them")
