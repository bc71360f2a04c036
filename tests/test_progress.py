"""What a scan says of itself while it runs and at its end: drawn on a terminal, in lines, in a file, in the summary."""

import contextlib
import itertools
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from command import DNSSCAN, ROOT, SECRET, environment, refusal, scan, start, wait_for
from dns_peer import DnsPeer
from terminal import Terminal, picture
from test_proxies_killed import free_ports
from test_udp import stats_of, udp

from scanner.errors import ScanError
from scanner.status.console import Console
from scanner.status.heartbeat import target
from scanner.status.progress import Progress, clock, fitting, percent
from scanner.status.summary import bad_text
from scanner.status.view import POINTS_MAX, Row, Series, View

IMAGES = ROOT / "docs" / "images"
FIGURES = "queries responses losses p50_ms p99_ms reconnects pauses window".split()


def listed(count: int, prefix: str = "is") -> str:
    return "".join(f"{prefix}{number}.lab.test\n" for number in range(count))


def tcp(lab) -> str:
    return lab.config["resolvers"][0]


def on_terminal(*args: object, names: str | None, columns: int = 80, then=None, **environ: str | None):
    """A whole run with stderr on a terminal and names from a pipe, or fed by `then(terminal, run)`, which is called
    while it runs. Returns the code, stdout and the terminal."""
    with Terminal(columns) as terminal:
        run = start(*args, stderr=terminal.theirs, env=environment(**{"TERM": "xterm", "NO_COLOR": None, **environ}))
        terminal.hang_up()
        began = time.monotonic()
        if names is not None:
            threading.Thread(target=feed, args=(run, names.encode()), daemon=True).start()
        try:
            if then is not None:
                then(terminal, run)
            out = run.stdout.read()
            run.wait(20)
        finally:
            run.kill()
            run.wait()
            run.stdout.close()
        terminal.took_s = time.monotonic() - began
        terminal.reader.join(5)
    return run.returncode, out, terminal


def feed(run: subprocess.Popen, octets: bytes) -> None:
    with contextlib.suppress(OSError):
        run.stdin.write(octets)
        run.stdin.close()


def wait_for_frames(terminal: Terminal, count: int) -> None:
    wait_for(lambda: len(terminal.frames) >= count)


def rows_of(out: bytes) -> list:
    """The rows in one order, without what differs from run to run."""
    rows = [json.loads(line) for line in out.splitlines()]
    return sorted((row["d"], row["s"], row["r"], row["re"]) for row in rows)


# -- on a terminal ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn(lab):
    return on_terminal("-r", tcp(lab), "--rate", 2000, names=listed(3000), columns=120)


def test_a_scan_draws_one_line_at_most_four_times_a_second_and_leaves_only_its_summary(drawn):
    code, out, terminal = drawn

    assert code == 0
    assert len(rows_of(out)) == 3000
    assert 2 <= len(terminal.frames) <= 4 * terminal.took_s + 1
    assert re.search(r"^\d+%  (\d:\d\d left  )?[\d,.]+/s  [\d,]+ written  taken \d+%  nxdomain [\d.]+%  error 0%"
                     r"  p50 [\d.]+ p99 [\d.]+ ms  [\d,]+ in flight", terminal.plain_frames[-1])  # fmt: skip
    assert [line[:32] for line in terminal.lines] == ["dnsscan: read 3,000 = written 3,"]
    assert b"\n" not in terminal.octets[: terminal.octets.rindex(b"\x1b[K")]


def test_the_line_never_wraps_and_follows_the_width_of_the_terminal(lab):
    marks = []

    def narrow(terminal: Terminal, run: subprocess.Popen) -> None:
        for columns in (40, 12):
            wait_for_frames(terminal, len(terminal.frames) + 2)
            terminal.resize(columns)
            marks.append(len(terminal.frames) + 1)  # one may have been on its way
        wait_for_frames(terminal, marks[1] + 2)
        run.send_signal(signal.SIGINT)

    _, _, terminal = on_terminal("-r", tcp(lab), "--rate", 500, names=listed(8000), columns=100, then=narrow)

    widths = list(map(len, terminal.plain_frames))
    assert 40 < max(widths[: marks[0] - 1]) < 100
    assert 12 < max(widths[marks[0] : marks[1] - 1]) < 40
    assert 0 < max(widths[marks[1] :]) < 12


def test_colours_can_be_switched_off(lab, drawn):
    _, _, plain = on_terminal("-r", tcp(lab), "--rate", 2000, names=listed(1200), NO_COLOR="1")

    assert all("\x1b[1m" in frame for frame in drawn[2].frames)
    assert plain.frames
    assert set(re.findall(rb"\x1b\[[^A-Za-z]*[A-Za-z]", plain.octets)) == {b"\x1b[K"}


@pytest.mark.parametrize(("args", "environ"), [
    (["--progress", "none"], {}), (["--quiet"], {}), ([], {"TERM": "dumb"}),
])  # fmt: skip
def test_nothing_is_drawn_where_that_is_not_wanted(lab, args, environ):
    code, _, terminal = on_terminal("-r", tcp(lab), "--rate", 2000, *args, names=listed(900), **environ)

    assert code == 0
    assert b"\x1b" not in terminal.octets
    assert len(terminal.lines) == (0 if "--quiet" in args else 1)


def test_stdout_is_the_same_with_and_without_progress_but_for_the_times(lab, drawn):
    quiet = scan("-r", tcp(lab), names=listed(3000))

    assert drawn[2].frames
    assert "\r" not in quiet.err
    assert "\x1b" not in quiet.err
    same = [sorted(re.sub(rb'"ms":\d+', b"", out).splitlines()) for out in (drawn[1], quiet.out)]
    assert same[0] == same[1]


def test_the_size_of_a_file_is_known_at_once_and_of_a_pipe_when_it_has_ended(lab, tmp_path):
    (tmp_path / "names.txt").write_text(listed(20000))

    def estimate(file: Terminal, run: subprocess.Popen) -> None:
        wait_for(lambda: any(" left  " in frame for frame in file.plain_frames))
        run.send_signal(signal.SIGINT)

    def hold(pipe: Terminal, run: subprocess.Popen) -> None:
        run.stdin.write(listed(1000).encode())
        run.stdin.flush()
        wait_for_frames(pipe, 3)
        pipe.mark = len(pipe.frames)
        feed(run, listed(1000, "nx").encode())

    _, _, file = on_terminal("-r", tcp(lab), "--rate", 2000, tmp_path / "names.txt", names="", then=estimate)
    _, _, pipe = on_terminal("-r", tcp(lab), "--rate", 2000, names=None, then=hold)

    shares = [int(frame.split("%")[0]) for frame in file.plain_frames]
    assert shares == sorted(shares)
    assert shares[-1] > shares[0]
    assert any(" left  " in frame for frame in file.plain_frames)
    assert [frame for frame in pipe.plain_frames[: pipe.mark] if re.match(r"\d+%", frame)] == []
    assert re.match(r"\d+%", pipe.plain_frames[-1])


def test_a_stopped_terminal_stops_nothing(lab):
    """Ctrl-S: a write would wait there."""

    def stop(terminal: Terminal, run: subprocess.Popen) -> None:
        first = run.stdout.readline()
        terminal.type(b"\x13")
        terminal.got = first + b"".join(run.stdout.readline() for _ in range(2499))
        terminal.shown = len(terminal.octets)
        terminal.type(b"\x11")

    code, rest, terminal = on_terminal("-r", tcp(lab), "--rate", 2000, names=listed(2500), then=stop)

    assert code == 0
    assert rest == b""
    assert len(rows_of(terminal.got)) == 2500
    assert terminal.lines[-1].startswith("dnsscan: read 2,500")


IN_BACKGROUND = """import fcntl, subprocess, sys, termios
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
sys.exit(subprocess.call(sys.argv[1:], process_group=0))
"""


@pytest.mark.parametrize("args", [[], ["--output", "/dev/stderr"]])
def test_results_on_the_terminal_share_no_row_with_the_progress(lab, args):
    with Terminal(60) as terminal:
        run = start("-r", tcp(lab), "--rate", 600, *args, stdout=terminal.theirs, stderr=terminal.theirs,
                    env=environment(TERM="xterm"))  # fmt: skip
        terminal.hang_up()
        run.communicate(listed(700).encode(), 30)
        terminal.reader.join(5)

    assert rows_on(terminal) == 700
    assert len(terminal.frames) >= 2


def rows_on(terminal: Terminal) -> int:
    """How many results stand there, each in a row of its own, before the summary."""
    *rows, summary, rest = terminal.rows
    assert (summary[:14], rest) == ("dnsscan: read ", "")
    for row in rows:
        assert json.loads(row)["s"] in ("taken", "nxdomain")
    return len(rows)


def test_nothing_is_drawn_over_names_that_are_typed_until_their_end(lab):
    with Terminal() as terminal:
        run = start("-r", tcp(lab), "--rate", 100, stdin=terminal.theirs, stderr=terminal.theirs,
                    env=environment(TERM="xterm"))  # fmt: skip
        terminal.type(listed(200).encode())
        rows = [run.stdout.readline() for _ in range(100)]
        typing = terminal.frames
        terminal.type(b"\x04")
        rows += run.stdout.readlines()
        run.stdout.close()
        run.wait(20)
        terminal.hang_up()
        terminal.reader.join(5)

    assert len(rows_of(b"".join(rows))) == 200
    assert typing == []
    assert terminal.frames


def test_a_job_in_the_background_does_not_draw_over_what_is_typed(lab, tmp_path):
    (tmp_path / "names.txt").write_text(listed(1500))
    command = [sys.executable, "-c", IN_BACKGROUND, *DNSSCAN, "-r", tcp(lab), "--rate", "2000", tmp_path / "names.txt"]
    with Terminal() as terminal, open(os.devnull, "r+") as null:
        run = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdin=null, stdout=null,
                               stderr=terminal.theirs, env=environment(TERM="xterm"))  # fmt: skip
        terminal.hang_up()
        assert run.wait(20) == 0
        terminal.reader.join(5)

    assert terminal.frames == []
    assert [line[:20] for line in terminal.lines] == ["dnsscan: read 1,500 "]


# -- lines -----------------------------------------------------------------------------------------------------


def test_a_plain_line_comes_every_ten_seconds(capfd):
    view = View([], [])
    progress = Progress(view, Console(), "plain")
    told = []

    for seconds in (0, 5, 9.9, 10, 10.1, 19.9, 20.1, 25):
        progress.tick(view.started + seconds)
        told.append(capfd.readouterr().err.count("\n"))

    assert told == [0, 0, 0, 1, 0, 0, 1, 0]


def test_sigusr1_prints_one_line_each_time_and_changes_no_result(lab):
    run = start("-r", tcp(lab), "--rate", 2000, "--stats", "json")
    threading.Thread(target=feed, args=(run, listed(2000).encode()), daemon=True).start()
    first, said = run.stdout.readline(), []
    for _ in range(3):
        run.send_signal(signal.SIGUSR1)
        said.append(run.stderr.readline().decode())
    with run.stdout, run.stderr:
        out, rest = run.stdout.read(), run.stderr.read()
        run.wait(20)

    assert all(re.match(r"dnsscan: .*[\d,.]+/s  [\d,]+ written  taken .* in flight", line) for line in said), said
    assert [line[:1] for line in rest.splitlines()] == [b"{"]
    assert run.returncode == 0
    assert len({name for name, *_ in rows_of(first + out)}) == 2000


def test_a_pipe_that_is_not_read_does_not_hold_up_the_scan(lab):
    theirs, ours = os.pipe()
    os.set_blocking(ours, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(ours, b"x" * 4096)
    os.set_blocking(ours, True)
    run = start("-r", tcp(lab), "--rate", 2000, "--quiet", stderr=ours)
    os.close(ours)
    threading.Thread(target=feed, args=(run, listed(1500).encode()), daemon=True).start()
    try:
        first = run.stdout.readline()
        run.send_signal(signal.SIGUSR1)
        out = first + run.stdout.read()
        code = run.wait(20)
    finally:
        run.kill()
        run.stdout.close()
        os.close(theirs)

    assert code == 0
    assert len(rows_of(out)) == 1500


@pytest.mark.parametrize(("columns", "fits"), [
    (100, ["37%", "8,123/s", "5 written"]), (23, ["37%", "8,123/s", "5 written"]), (22, ["37%", "8,123/s"]),
    (3, ["37%"]), (2, ["37"]), (0, [""]), (-1, [""]),
])  # fmt: skip
def test_whole_parts_are_left_out_where_there_is_no_room(columns, fits):
    parts = [("37%", ""), ("8,123/s", ""), ("5 written", "")]

    assert [text for text, _ in fitting(parts, columns)] == fits


def test_numbers_are_short():
    assert [percent(share) for share in (0, 0.001, 0.099, 0.1, 0.5, 1)] == ["0%", "0.1%", "9.9%", "10%", "50%", "100%"]
    assert [clock(seconds) for seconds in (0.2, 59.5, 61, 3600, 360_000)] == [
        "0:01", "1:00", "1:01", "1:00:00", "100:00:00",
    ]  # fmt: skip


# -- the heartbeat ---------------------------------------------------------------------------------------------


def test_the_heartbeat_is_whole_whenever_it_is_read_and_tells_of_the_end(lab, tmp_path):
    path, link = tmp_path / "beat.json", tmp_path / "link.json"
    link.symlink_to(path)
    run = start("-r", tcp(lab), "--rate", 2000, "--stats", "json", "--heartbeat", link)
    beats = []
    try:
        run.stdin.write(listed(2500).encode())
        run.stdin.flush()
        run.stdout.readline()
        beats.append(json.loads(path.read_bytes()))
        run.stdin.close()
        while run.poll() is None and select.select([run.stdout], [], [], 20)[0] and os.read(run.stdout.fileno(), 65536):
            beats.append(json.loads(path.read_bytes()))
        stats = json.loads(run.stderr.read().splitlines()[-1])
        assert run.wait(20) == 0
    finally:
        run.kill()
        run.stdout.close()
        run.stderr.close()

    last = json.loads(path.read_bytes())
    assert beats[0]["ended_by"] is None
    assert beats[0]["pid"] == last["pid"] == run.pid
    assert (last["ended_by"], last["written"], last["done"]) == ("input", 2500, 1.0)
    assert {key: last[key] for key in ("read", "taken", "nxdomain", "error")} == {
        key: stats[key] for key in ("read", "taken", "nxdomain", "error")
    }
    assert link.is_symlink()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["beat.json", "link.json"]


def test_the_heartbeat_goes_on_while_there_is_nothing_to_do(lab, tmp_path):
    path = tmp_path / "beat.json"
    run = start("-r", tcp(lab), "--quiet", "--heartbeat", path)
    try:
        run.stdin.write(b"is.lab.test\n")
        run.stdin.flush()
        run.stdout.readline()
        first = path.stat().st_mtime_ns
        until = time.monotonic() + 12
        while path.stat().st_mtime_ns == first and time.monotonic() < until:
            time.sleep(0.1)
        second = json.loads(path.read_bytes())
        run.send_signal(signal.SIGTERM)
        assert run.wait(10) == 143
    finally:
        run.kill()
        run.communicate()

    assert path.stat().st_mtime_ns > first
    assert (second["ended_by"], second["written"], second["in_flight"]) == (None, 1, 0)
    assert second["last_answer_s"] > 1
    assert json.loads(path.read_bytes())["ended_by"] == "SIGTERM"


def test_a_file_that_cannot_be_the_heartbeat_is_refused_before_any_packet(tmp_path):
    mine, names = tmp_path / "mine.txt", tmp_path / "names.txt"
    mine.write_text("a.example\n")
    names.write_text("")
    with open(names) as used:
        for path, why in (("/dev/null", "not a regular file"), (tmp_path, "not a regular file"), (mine, "not ours"),
                          (tmp_path / "mine.txt" / "beat", "Not a directory"), (names, "not ours")):  # fmt: skip
            with pytest.raises(ScanError, match=why):
                target("--heartbeat", str(path), [used.fileno()])
    both = tmp_path / "both"
    with DnsPeer() as peer:
        refusal(scan("-r", peer.address, "--heartbeat", mine, names), "--heartbeat", "mine.txt", "not ours")
        refusal(scan("-r", peer.address, "--heartbeat", both, "--metrics-file", both, names), "a file of its own")
        refusal(scan("-r", peer.address, "--heartbeat", both, "--output", both, names), "not ours")
        refusal(scan("-r", peer.address, "--heartbeat", tmp_path / "no" / "beat", names), "No such file")
        refusal(scan("-r", peer.address, "--heartbeat", "", names), "--heartbeat", "missing")

    assert mine.read_text() == "a.example\n"
    assert peer.connections == 0


# -- the summary -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_the_json_summary_has_every_figure_and_they_add_up(lab, scheme):
    args = ("-r", udp(lab), "--threads", 2) if scheme == "udp" else ("--config", lab.path)
    names = listed(4000) + listed(20, f"drop-1.{scheme}") + listed(20, f"close-1.{scheme}")

    done = scan(*args, "--timeout-ms", 400, "--stats", "json", names=names)

    books = stats_of(done)
    assert set(books["ms"]) == {"p50", "p90", "p99"}
    assert 0 < books["ms"]["p50"] <= books["ms"]["p90"] <= books["ms"]["p99"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", books["started"])
    assert books["started"] < books["ended"]
    assert books["ended_by"] == "input"
    assert books["settings"]["types"] == ["NS"]
    for kind, count in (("resolver", 1), ("proxy", 4 * (scheme == "tcp"))):
        rows = books["proxies" if kind == "proxy" else "resolvers"]
        assert [list(row) for row in rows] == [[kind, *FIGURES, *(["state"] if kind == "resolver" else [])]] * count
        assert all(row["queries"] == row["responses"] + row["losses"] for row in rows)
        if rows:
            assert sum(row["queries"] for row in rows) == books["queries"]
            assert sum(row["responses"] for row in rows) == books["responses"]
    assert sum(row["losses"] for row in books["resolvers"]) >= 20
    series = books["series"]
    assert series[-1] == [books["seconds"], books["written"], books["taken"], books["nxdomain"], books["error"]]
    assert all(a <= b for one, two in itertools.pairwise(series) for a, b in zip(one, two, strict=True))


def test_the_quantiles_are_those_of_the_lines(new_lab):
    with new_lab("--proxies", "0", "--delay-ms", "20:200") as lab:
        done = scan("-r", tcp(lab), "--stats", "json", names=listed(2000))

    ms = sorted(row["ms"] for row in done.rows)
    found = stats_of(done)["ms"]
    for percent_, name in ((50, "p50"), (90, "p90"), (99, "p99")):
        exact = ms[len(ms) * percent_ // 100]
        assert abs(found[name] - exact) <= 0.07 * exact + 1, (name, found, exact)


def test_a_healthy_scan_ends_with_one_line(lab):
    done = scan("--config", lab.path, names=listed(500))

    assert len(done.err.splitlines()) == 1
    assert re.search(r"; [\d.]+ s(, [\d,]+/s)?; p50 [\d.]+ ms, p99 [\d.]+ ms$", done.err)


def test_a_proxy_that_dies_stands_worst_in_the_summary(lab, new_microsocks, tmp_path):
    dying, dead = new_microsocks("user", SECRET), free_ports(1)[0]
    good = lab.config["proxies"][:2]
    settings = {"resolvers": lab.config["resolvers"], "rate_per_resolver": 800, "workers": 8,
                "proxies": [f"socks5://user:{SECRET}@127.0.0.1:{dying.port}", *good, f"127.0.0.1:{dead}"]}  # fmt: skip
    (tmp_path / "cfg.json").write_text(json.dumps(settings))
    (tmp_path / "cfg.json").chmod(0o600)

    def run_and_kill(form: str):
        run = start("--config", tmp_path / "cfg.json", "--stats", form, "--timeout-ms", 500)
        threading.Thread(target=feed, args=(run, listed(3500).encode()), daemon=True).start()
        said = []
        reader = threading.Thread(target=lambda: said.append(run.stderr.read().decode()), daemon=True)
        reader.start()
        head = b"".join(run.stdout.readline() for _ in range(700))
        dying.stop()
        out = head + run.stdout.read()
        assert run.wait(20) == 0
        reader.join(5)
        run.stdout.close()
        run.stderr.close()
        return rows_of(out), said[0]

    rows, text = run_and_kill("text")

    assert len(rows) == 3500
    summary = text[text.index("dnsscan: read ") :].splitlines()
    assert summary[1] == f"dnsscan: 1 proxy without any answer (0 queries lost): socks5://127.0.0.1:{dead}"
    assert summary[2].startswith(f"dnsscan: proxy socks5://user:***@127.0.0.1:{dying.port}: ")
    assert re.search(r"[1-9]\d* pauses", summary[2])
    assert len(summary) == 3
    assert SECRET not in text


def test_secrets_stand_in_no_summary_and_no_heartbeat(tmp_path):
    proxy = f"socks5://user:{SECRET}@127.0.0.1:{free_ports(1)[0]}"

    done = scan("-r", "127.0.0.1:9", "--proxy", proxy, "--stats", "json", "--timeout-ms", 200, "--deadline-ms", 600,
                "--heartbeat", tmp_path / "beat", names="a.example\n")  # fmt: skip

    assert done.code == 3
    assert SECRET not in done.err + (tmp_path / "beat").read_text()
    assert stats_of(done)["settings"]["proxies"] == [proxy.replace(SECRET, "***")]
    assert stats_of(done)["proxies"][0]["pauses"] > 0
    assert stats_of(done)["resolvers"][0]["pauses"] == 0


def row(name: str, queries: int = 100, responses: int = 100, losses: int = 0, pauses: int = 0) -> Row:
    return Row(name, queries, responses, losses, 1.0, 2.0, 0, pauses, 8)


def test_the_ten_worst_are_listed_worst_first():
    rows = [row("good"), row("pausing", pauses=3), row("dead", 50, 0, 50), row("deaf", 0, 0, 0, pauses=1),
            *(row(f"lossy{share:02}", 100, 100 - share, share) for share in range(1, 30))]  # fmt: skip

    said = list(bad_text(rows, "proxy", "proxies"))

    assert said[0] == "2 proxies without any answer (50 queries lost): dead, deaf"
    assert [line.split(":")[0] for line in said[1:11]] == [f"proxy lossy{share}" for share in range(29, 19, -1)]
    assert said[11:] == ["15 more proxies did badly; --stats json has all"]


def test_the_series_of_a_long_scan_keeps_its_ends_and_halves_its_resolution():
    series = Series()
    count = 40_000

    for tick in range(count):
        series.add(tick / 20, Counter(written=tick))
    series.add(count / 20, Counter(written=count), last=True)

    seconds = [point[0] for point in series.points]
    assert POINTS_MAX / 2 < len(series.points) <= POINTS_MAX
    assert (seconds[0], seconds[-1]) == (0, count / 20)
    steps = [later - earlier for earlier, later in itertools.pairwise(seconds[:-1])]
    assert max(steps) < 1.1 * min(steps)
    assert all(point[1] == round(point[0] * 20) for point in series.points)


# -- the picture in the docs -------------------------------------------------------------------------------------


def test_the_picture_of_the_progress_line(new_lab, request, tmp_path):
    """Made anew with `--screenshots`; without it, it is only held against the program: it shows such a line."""
    if request.config.getoption("--screenshots"):
        names = listed(9000, "shop") + listed(300, "servfail.shop") + listed(9000, "pub")
        with new_lab("--proxies", "4", "--delay-ms", "20:120", "--nx", "0.2", "--loss", "0.01") as lab:
            settings = {**lab.config, "proxies": [*lab.config["proxies"], f"127.0.0.1:{free_ports(1)[0]}"]}
            (tmp_path / "cfg.json").write_text(json.dumps(settings))
            _, _, terminal = on_terminal("--config", tmp_path / "cfg.json", "--rate", 1000, names=names, columns=132)
        IMAGES.mkdir(parents=True, exist_ok=True)
        prompt = "$ dnsscan --config cfg.json < domains.txt > results.jsonl"
        frame = terminal.frames[len(terminal.frames) // 2]
        (IMAGES / "progress.svg").write_text(picture(prompt, [frame], 132))

    shown = re.sub("<[^>]+>", "", (IMAGES / "progress.svg").read_text())

    assert re.search(r"\d+%  \d+:\d\d left  [\d,.]+/s  [\d,]+ written  taken \d+%  nxdomain [\d.]+%  error ", shown)
