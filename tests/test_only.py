"""--only: the verdicts whose lines are written. The others are counted: no name that came in is unaccounted for."""

import json
import subprocess
from collections import Counter

import pytest
from command import DNSSCAN, ROOT, killed_and_resumed, refusal, scan
from dns_peer import DnsPeer
from test_metrics import samples
from test_udp import stats_of

from scanner.lab import zone
from scanner.native.jobs.books import ENTRIES
from scanner.scanning.run import balanced

VERDICTS = ("taken", "nxdomain", "error")


def resolver(lab) -> str:
    return lab.config["resolvers"][0]


def names(count: int) -> list[str]:
    """Most exist, some do not, and some are never known."""
    return [f"servfail.{number}.lab.test" if number % 50 == 0 else f"only{number}.lab.test" for number in range(count)]


def expected(listed: list[str]) -> Counter:
    return Counter(zone.expected(name)[0] for name in listed)


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
@pytest.mark.parametrize("only", ["taken", "nxdomain", "error", "error,nxdomain"])
def test_only_these_verdicts_are_written_and_the_books_tell_of_the_others(lab, scheme, only):
    listed = names(1000)

    done = scan("-r", f"{scheme}://{resolver(lab)}", "--only", only, "--retries", 0, "--stats", "json",
                names="\n".join(listed))  # fmt: skip

    books, kept = stats_of(done), only.split(",")
    assert (done.code, {row["s"] for row in done.rows}) == (0, set(kept))
    assert {row["d"] for row in done.rows} == {name for name in listed if zone.expected(name)[0] in kept}
    assert {verdict: books[verdict] for verdict in VERDICTS} == expected(listed)
    assert books["written"] == len(done.rows) == sum(books[verdict] for verdict in kept)
    assert books["read"] == 1000 == books["written"] + books["filtered"] == books["expected"]
    assert books["settings"]["only"] == [verdict for verdict in VERDICTS if verdict in kept]
    assert books["series"][-1][1:] == [books["written"], *(books[verdict] for verdict in VERDICTS)]


def test_all_of_them_are_what_is_written_anyway(lab):
    done = scan("-r", resolver(lab), "--only", "error,taken", "--only", "nxdomain", "--stats", "json",
                names="\n".join(names(100)))  # fmt: skip

    assert (len(done.rows), stats_of(done)["filtered"], stats_of(done)["settings"]["only"]) == (100, 0, [])


def test_the_summary_the_heartbeat_and_the_metrics_say_how_many_were_left_out(lab, tmp_path):
    pytest.importorskip("prometheus_client")
    listed = names(500)
    beat, metrics = tmp_path / "beat.json", tmp_path / "metrics.prom"

    done = scan("-r", resolver(lab), "--only", "nxdomain", "--retries", 0, "--heartbeat", beat,
                "--metrics-file", metrics, names="\n".join([*listed, "", "# no"]))  # fmt: skip

    wanted = expected(listed)
    left_out = 500 - wanted["nxdomain"]
    assert (
        f"read 502 = written {wanted['nxdomain']} + filtered {left_out} + blank 2; taken {wanted['taken']}," in done.err
    )
    told = json.loads(beat.read_text())
    assert (told["written"], told["filtered"], told["taken"]) == (wanted["nxdomain"], left_out, wanted["taken"])
    assert told["done"] == 1.0
    found = samples(metrics.read_text())
    assert found["dnsscan_lines_filtered_total",] == left_out
    assert {v: found["dnsscan_results_total", ("verdict", v)] for v in VERDICTS} == wanted


def test_without_only_nothing_says_filtered(lab):
    assert "filtered" not in scan("-r", resolver(lab), names="a.lab.test\n").err


def test_lines_that_are_no_names_and_names_met_twice_are_left_out_one_by_one(lab):
    lines = "a.lab.test\na.lab.test\nb..c\nhttp://x/\nnxdomain.lab.test\nnxdomain.lab.test\n"

    done = scan("-r", resolver(lab), "--only", "nxdomain", "-t", "A", "-t", "NS", "--stats", "json", names=lines)

    books = stats_of(done)
    assert [(row["d"], row["t"]) for row in sorted(done.rows, key=lambda row: row["t"])] == [
        *2 * [("nxdomain.lab.test", "A")], *2 * [("nxdomain.lab.test", "NS")]]  # fmt: skip
    assert (books["written"], books["filtered"], books["reasons"]) == (4, 8, {"badname": 4})


def test_fields_and_a_second_pass_change_nothing_about_it(lab):
    listed = [*names(200), *(f"servfail-3.{number}.lab.test" for number in range(50))]

    done = scan("-r", resolver(lab), "--only", "error", "-t", "A", "--fields", "a,ans,ts", "--stats", "json",
                names="\n".join(listed))  # fmt: skip

    books = stats_of(done)
    assert {row["d"] for row in done.rows} == {name for name in listed if name.startswith("servfail.")}
    assert books["recovered"] > 0
    assert books["written"] + books["filtered"] == 250


def test_a_budget_leaves_books_that_balance(lab):
    done = scan("-r", resolver(lab), "--only", "nxdomain", "--max-queries", 300, "--stats", "json",
                names="\n".join(names(2000)))  # fmt: skip

    books = stats_of(done)
    assert done.code == 5
    assert books["read"] == books["written"] + books["filtered"] + books["unfinished"]
    assert books["filtered"] > 0 < books["written"]


def test_books_in_which_a_name_is_missing_do_not_balance():
    books = {name: 0 for name, _ in ENTRIES} | {"written": 3, "filtered": 7, "taken": 8, "error": 2, "expected": 10}

    assert balanced(books)
    assert not balanced(books | {"filtered": 6})
    assert not balanced(books | {"filtered": 6, "taken": 7})


@pytest.mark.parametrize(("given", "said"), [
    ("gone", '--only: "gone" is no verdict; they are taken, nxdomain, error'),
    ("nxdomain,,TAKEN", '"TAKEN" is no verdict'),
    (",", "--only: names no verdict; leave it out to write all"),
])  # fmt: skip
def test_what_is_no_verdict_is_one_line(given, said):
    refusal(scan("-r", "127.0.0.1:9", "--only", given, names="a.example\n"), said)


def test_a_file_may_have_a_list_and_says_where_it_is_wrong(lab, tmp_path):
    config = tmp_path / "cfg.json"
    config.write_text(json.dumps({"resolvers": [resolver(lab)], "only": ["nxdomain", "error"]}))
    assert {row["s"] for row in scan("--config", config, "--retries", 0, names="\n".join(names(300))).rows} == {
        "nxdomain", "error"}  # fmt: skip

    config.write_text(json.dumps({"only": ["gone"]}))
    refusal(scan("--config", config, names="a.example\n"), f"{config}: line 1: only:", '"gone" is no verdict')
    config.write_text(json.dumps({"only": []}))
    refusal(scan("--config", config, names="a.example\n"), "only: names no verdict")


# -- with --resume -----------------------------------------------------------------------------------------------


def test_killed_at_any_moment_and_resumed_until_done_the_file_is_exact(lab, tmp_path):
    """What was left out is asked again in each run: a line for each name with the verdict, none twice."""
    listed = [f"resume{number}.lab.test" for number in range(60_000)]
    source, output = tmp_path / "names.txt", tmp_path / "nx.jsonl"
    source.write_text("".join(f"{name}\n" for name in listed))
    command = ["-r", resolver(lab), "--output", output, "--resume", "--only", "nxdomain", "--rate", 60_000, source]
    kills = killed_and_resumed(command, seed=20261129, runs=8, least_s=0.3, most_s=0.9)
    before = output.read_bytes().count(b"\n")
    done = scan(*command, "--stats", "json")

    rows = [json.loads(line) for line in output.read_text().splitlines()]
    wanted = {name for name in listed if zone.expected(name)[0] == "nxdomain"}
    books = stats_of(done)
    assert done.code == 0, done.err
    assert kills > 2
    assert 0 < before < len(wanted)
    assert Counter(row["d"] for row in rows) == Counter(dict.fromkeys(wanted, 1))
    assert all(listed[row["n"] - 1] == row["d"] and row["s"] == "nxdomain" for row in rows)
    assert f"names whose lines --only left out of {output} are asked again" in done.err
    assert books["read"] == 60_000 == books["written"] + books["filtered"] + books["skipped"]
    assert (books["skipped"], books["filtered"]) == (before, 60_000 - len(wanted))


def test_a_run_is_gone_on_with_by_what_it_was_begun_with(lab, tmp_path):
    source, output = tmp_path / "names.txt", tmp_path / "out.jsonl"
    source.write_text("\n".join(names(100)))
    command = ("-r", resolver(lab), "--output", output, source)
    scan(*command, "--only", "nxdomain")
    before = output.read_bytes(), (tmp_path / "out.jsonl.resume").read_bytes()

    with DnsPeer() as nobody:
        asked = ("-r", nobody.address, *command[2:], "--resume")
        refusal(scan(*asked), f"{output} was begun with --only nxdomain")
        refusal(scan(*asked, "--only", "nxdomain,error"), f"{output} was begun with --only nxdomain")
    assert nobody.names_asked == []
    assert (output.read_bytes(), (tmp_path / "out.jsonl.resume").read_bytes()) == before

    scan(*command, "--force")
    refusal(scan(*command, "--resume", "--only", "nxdomain"), f"{output} was begun without --only")


@pytest.mark.parametrize("value", ["nxdomain", [1], ["gone"], {}, None, [["taken"]]])
def test_a_side_file_that_says_something_else_is_damaged(lab, tmp_path, value):
    source, output, side = tmp_path / "names.txt", tmp_path / "out.jsonl", tmp_path / "out.jsonl.resume"
    source.write_text("a.lab.test\n")
    scan("-r", resolver(lab), "--output", output, "--only", "taken", source)
    side.write_text(json.dumps(json.loads(side.read_text()) | {"only": value}))

    refusal(scan("-r", resolver(lab), "--output", output, "--only", "taken", "--resume", source), "is damaged")


def test_a_reader_that_goes_away_is_still_noticed(lab):
    """`| head -1` ends the scan by the next line that is written."""
    run = subprocess.run(
        f"seq -f 'n%g.lab.test' 200000 | {' '.join(DNSSCAN)} -r {resolver(lab)} --only nxdomain | head -1",
        shell=True, executable="/bin/bash", capture_output=True, cwd=ROOT, check=False, timeout=30)  # fmt: skip

    assert run.stdout.count(b"\n") == 1
