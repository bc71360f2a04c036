"""How fast `dnsscan confirm` asks, whom it stops asking, and how long it says that it will take: the real command."""

import json
import time
from collections import Counter

import pytest
from command import refusal, scan
from oracle import held
from socks_peer import SocksPeer
from test_confirm import confirm, result

MASSDNS = '{"name":"a.com.","type":"NS","class":"IN","status":"NOERROR","data":{},"flags":[],"resolver":"x"}\n'
NAMES = [f"x{number}.example" for number in range(12)]


def test_a_registry_has_its_rate_from_each_proxy(registries, tmp_path):
    with SocksPeer() as one, SocksPeer() as other:
        urls = [one.url_with("u", "p"), other.url_with("u", "p")]
        (tmp_path / "cfg.json").write_text(json.dumps({**registries.config, "proxies": urls}))
        begun = time.monotonic()
        done = scan("confirm", "--config", tmp_path / "cfg.json", "--registry-rate", "4", names="\n".join(NAMES))
        took = time.monotonic() - begun

        assert [one.connections, other.connections] == [6, 6]
    assert {row["d"]: row["c"] for row in done.rows} == {name: held(name) for name in NAMES}
    assert took > 1.25  # six turns of each


@pytest.mark.parametrize(("name", "reason"), [("n{}.deadtld", "connection"), ("hang-{}.example", "timeout")])
def test_a_registry_that_never_answers_is_given_up_with_one_warning(registries, name, reason):
    names = [name.format(number) for number in range(300)]
    done = confirm(registries, "--timeout-ms", "100", "--lookups", "100", lines=[*names, "free-g.test"])
    rows = {row["d"]: row for row in done.rows}
    books = done.err.splitlines()[-1]

    assert rows.pop("free-g.test")["c"] == "free"
    assert {row["c"] for row in rows.values()} == {"unknown"}
    most = Counter(row["e"] for row in rows.values()).most_common(1)[0][0]
    assert most in (reason, "timeout")  # 100 ms may be over before a busy machine has the refusal
    assert len(rows) == 300
    assert done.err.count("given up") == 1
    assert "): given up, the rest of its names are unknown" in done.err
    assert int(books.split(" requests,")[0].rpartition(" ")[2]) < 500  # and not three for each name
    assert done.code == 0


def test_a_registry_that_answers_now_and_then_is_not_given_up(registries):
    names = [f"{'free' if number % 4 else 'hang'}-{number}.example" for number in range(48)]
    done = confirm(registries, "--timeout-ms", "400", "--lookups", "16", lines=names)

    assert Counter(row["c"] for row in done.rows)["unknown"] >= 12  # on a busy machine others are late too
    assert "given up" not in done.err


def test_a_dry_run_says_how_long_it_will_take_and_asks_nobody(registries):
    before = len(registries.asked())
    lines = [*(f"a{number}.com" for number in range(90)), "b.a1.com", *(f"b{number}.de" for number in range(7200)),
             result("t.com", "taken"), "no name", "x.unheard-of"]  # fmt: skip
    done = confirm(registries, "--dry-run", "--registry-rate", "0.5", "--proxy", "socks5://127.0.0.1:9", "--proxy",
                   "socks5://127.0.0.1:10", lines=lines)  # fmt: skip
    found = json.loads(confirm(registries, "--dry-run", "--stats", "json", lines=lines).out)
    text = done.out.decode()

    assert (done.code, done.err) == (0, "")
    assert text.startswith("7,294 read = 3 answered without asking + 0 blank + 7,291 that wait for 7,290 names\n")
    assert " 7,200 names  at least 2 h\n" in text
    assert " 90 names  at least 1 min 30 s\n" in text
    assert text.endswith("takes at least 2 h, at 0.5 requests a second to each registry from each of 2 proxies\n")
    assert (found["ask"], found["seconds"], [row["names"] for row in found["registries"]]) == (7290, None, [7200, 90])
    assert len(registries.asked()) == before


def test_a_dry_run_counts_what_a_store_knows_and_leaves_it_as_it_was(registries, tmp_path):
    store = tmp_path / "state.db"
    confirm(registries, "--store", store, lines=["a.com", "b.com", "c.com"])
    before = store.read_bytes()
    rates = ("--store", store, "--dry-run", "--stats", "json", "--registry-rate", "1")
    known = json.loads(confirm(registries, *rates, lines=["a.com", "c.com", "d.com"]).out)
    new = json.loads(confirm(registries, *rates[:1], tmp_path / "new.db", *rates[2:], lines=["a.com"]).out)

    assert (known["ask"], known["cached"], known["seconds"]) == (1, 2, 1)
    assert new["ask"] == 1
    assert store.read_bytes() == before
    assert not (tmp_path / "new.db").exists()
    assert confirm(registries, "--store", store, lines=["a.com"]).code == 0


def test_a_dry_run_of_what_cannot_run_is_refused_alike(registries, tmp_path):
    assert "cannot read" in refusal(scan("confirm", "--dry-run", tmp_path / "missing"))
    assert "is one of --format massdns" in refusal(scan("confirm", "--dry-run", names=MASSDNS))
