"""The real command, end to end, against other people's servers and through other people's proxies."""

import os
import threading
import time
from contextlib import contextmanager
from tempfile import TemporaryFile

import pytest
import servers
from command import QUICK, Scan, scan, start

pytestmark = pytest.mark.server

MADE = [f"ip-192-0-2-{number}.t.test" for number in range(256)]  # knot's mod-synthrecord makes them up
NOT_MADE = [f"no-{number}.t.test" for number in range(2000)]
WAYS = ("direct", "microsocks", "microsocks_password", "socks5h", "danted", "tinyproxy")
PATIENT = ("--timeout-ms", 2000, "--deadline-ms", 20000, "--retries", 5)


def at(server: servers.Server) -> tuple[str, str]:
    return "-r", f"127.0.0.1:{server.port}"


def through(way: str, request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The flags of a way; its proxy, if it has one, is running."""
    if way == "direct":
        return ()
    proxy = request.getfixturevalue({"socks5h": "microsocks"}.get(way, way))
    url = {
        "microsocks": "socks5://",
        "socks5h": "socks5h://",
        "danted": "socks5://",
        "microsocks_password": "socks5://user:${PROXY_PASSWORD}@",
        "tinyproxy": "http://user:${PROXY_PASSWORD}@",
    }[way]
    return "--proxy", f"{url}127.0.0.1:{proxy.port}"


def lines(names: list[str]) -> str:
    return "".join(f"{name}\n" for name in names)


def verdicts(done: Scan) -> dict[str, tuple[str, str]]:
    """Verdict and reason by name, after checking that every name came out once."""
    rows = done.rows
    found = {row["d"]: (row["s"], row.get("e", "")) for row in rows}
    assert len(found) == len(rows), "a name came out twice"
    assert "Traceback" not in done.err
    return found


def assert_made(done: Scan, names: list[str]) -> None:
    """Each name once, `taken` when it is one of MADE, else `nxdomain`."""
    right = {name: ("taken" if name.startswith("ip-") else "nxdomain", "") for name in names}

    assert verdicts(done) == right, done.err
    assert done.code == 0, done.err


# -- what each server says of a name ---------------------------------------------------------------


def test_unbound_says_what_there_is_and_what_there_is_not(unbound):
    right = {
        "www.example.test": ("taken", ""),
        "any.wild.test": ("taken", ""),
        "example.test": ("taken", "nodata"),
        "gone.example.test": ("nxdomain", ""),
        "gone.example": ("nxdomain", ""),
        "any.refused.test": ("error", "refused"),
        "any.drop.test": ("error", "connection"),  # over TCP unbound's `deny` closes the connection
    }
    done = scan(*at(unbound), "-t", "A", "--timeout-ms", 300, names=lines(list(right)))

    assert verdicts(done) == right
    assert done.code == 0


def test_knot_says_what_there_is_and_what_there_is_not(knot):
    right = {
        "www.example.test": ("taken", ""),
        "alias.example.test": ("taken", ""),
        "any.wild.example.test": ("taken", ""),
        "lost.example.test": ("taken", "cname_nx"),
        "example.test": ("taken", "nodata"),
        "gone.example.test": ("nxdomain", ""),
        "elsewhere.example": ("error", "refused"),
        "delegated.example.test": ("taken", "referral"),
        "www.delegated.example.test": ("error", "referral"),
        "moved.example.test": ("taken", "nodata"),
        "www.moved.example.test": ("taken", "nodata"),  # an alias to another zone
    }
    done = scan(*at(knot), "-t", "A", names=lines(list(right)))

    assert verdicts(done) == right
    assert done.code == 0


def test_extra_fields_tell_answers_authority_and_flags(knot):
    names = ["alias.example.test", "gone.example.test", "lost.example.test", "elsewhere.example"]
    done = scan(*at(knot), "-t", "A", "--fields", "a,cn,sec,fl", names=lines(names))

    rows = {row["d"]: (row["a"], row["cn"], row["sec"], row["fl"]) for row in done.rows}
    assert rows == {
        "alias.example.test": (["192.0.2.10"], ["www.example.test."], None, "qr aa rd"),
        "gone.example.test": ([], [], "example.test.", "qr aa rd"),
        "lost.example.test": ([], ["nowhere.example.test."], "example.test.", "qr aa rd"),
        "elsewhere.example": ([], [], None, "qr rd"),
    }


def test_a_line_of_each_type_is_told(knot):
    done = scan(
        *at(knot), "-t", "A", "-t", "NS", "-t", "MX", names="example.test\nwww.example.test\ngone.example.test\n"
    )

    assert {(row["d"], row["t"]): (row["s"], row.get("e", "")) for row in done.rows} == {
        ("example.test", "A"): ("taken", "nodata"),
        ("example.test", "NS"): ("taken", ""),
        ("example.test", "MX"): ("taken", "nodata"),
        ("www.example.test", "A"): ("taken", ""),
        ("www.example.test", "NS"): ("taken", "nodata"),
        ("www.example.test", "MX"): ("taken", "nodata"),
        ("gone.example.test", "A"): ("nxdomain", ""),
        ("gone.example.test", "NS"): ("nxdomain", ""),
        ("gone.example.test", "MX"): ("nxdomain", ""),
    }


# -- many names, by every way ----------------------------------------------------------------------


@pytest.mark.parametrize("pipeline", ["1", "auto"])
@pytest.mark.parametrize("way", WAYS)
def test_each_of_many_names_comes_out_once_and_right(way, pipeline, knot, request):
    names = MADE + NOT_MADE
    flags = through(way, request)
    done = scan(*at(knot), *flags, "-t", "A", "--workers", 8, "--pipeline", pipeline, *PATIENT,
                names=lines(names), PROXY_PASSWORD="secret")  # fmt: skip

    assert_made(done, names)
    assert "secret" not in done.err


def test_a_wrong_password_is_the_proxys_trouble_and_no_verdict(microsocks_password, knot):
    proxy = f"socks5://user:${{PROXY_PASSWORD}}@127.0.0.1:{microsocks_password.port}"
    done = scan(*at(knot), "--proxy", proxy, "-t", "A", "--deadline-ms", 1000, "--timeout-ms", 500,
                names=lines(MADE[:3]), PROXY_PASSWORD="wrong-word")  # fmt: skip

    assert verdicts(done) == {name: ("error", "proxy") for name in MADE[:3]}
    assert done.code == 3
    assert "wrong-word" not in done.err


def test_more_connections_than_unbound_takes_lose_no_name(tmp_path):
    few = servers.UNBOUND.replace("incoming-num-tcp: 256", "incoming-num-tcp: 4")
    names = ["www.example.test"] + [f"gone-{number}.example.test" for number in range(3000)]
    server = servers.configured("unbound", few, ["-d", "-p", "-c"], tmp_path)
    with stopped_after(server):
        done = scan(*at(server), "-t", "A", "--workers", 16, *PATIENT, names=lines(names), limit_s=60)

    assert verdicts(done) == {name: ("nxdomain", "") for name in names} | {"www.example.test": ("taken", "")}, done.err
    assert done.code == 0


def test_idle_connections_that_unbound_closes_lose_no_name(tmp_path):
    hasty = servers.UNBOUND.replace("incoming-num-tcp: 256", "incoming-num-tcp: 8\n  tcp-idle-timeout: 100")
    server = servers.configured("unbound", hasty, ["-d", "-p", "-c"], tmp_path)
    with stopped_after(server), slowly(*at(server), "-t", "A", "--workers", 4, *PATIENT) as feed:
        for batch in range(4):
            feed([f"gone-{batch}-{number}.example.test" for number in range(500)])
            time.sleep(0.5)
        done = feed.end()

    found = verdicts(done)
    assert len(found) == 2000
    assert set(found.values()) == {("nxdomain", "")}
    assert done.code == 0


@pytest.mark.parametrize("workers", [1, 4])
def test_names_on_which_the_server_closes_cost_the_others_nothing_but_time(unbound, workers):
    right = {f"{number}.example.test": ("nxdomain", "") for number in range(2000)}
    right |= {f"{number}.drop.test": ("error", "connection") for number in range(0, 2000, 100)}
    right = dict(sorted(right.items(), key=lambda item: int(item[0].partition(".")[0])))
    done = scan(*at(unbound), "-t", "A", "--workers", workers, names=lines(list(right)))

    assert verdicts(done) == right, done.err
    assert done.code == 0


# -- servers that go and come back -----------------------------------------------------------------


def test_a_server_restarted_in_mid_scan_costs_no_name(knot):
    names = MADE + [f"no-{number}.t.test" for number in range(20000)]
    with slowly(*at(knot), "-t", "A", "--workers", 4, *PATIENT) as feed:
        feed(names[:10000])
        feed.wait_for_output()
        knot.restart()
        feed(names[10000:])
        done = feed.end()

    assert_made(done, names)


def test_a_server_that_stands_still_for_a_second_costs_no_name(unbound):
    names = ["www.example.test"] + [f"gone-{number}.example.test" for number in range(20000)]
    with slowly(*at(unbound), "-t", "A", "--workers", 4, *PATIENT) as feed:
        feed(names[:10000])
        feed.wait_for_output()
        with paused(unbound, 1):
            feed(names[10000:])
            done = feed.end()

    assert verdicts(done) == {name: ("nxdomain", "") for name in names} | {"www.example.test": ("taken", "")}, done.err
    assert done.code == 0


def test_a_server_that_stands_still_for_good_is_a_timeout_and_no_verdict(unbound):
    with paused(unbound, 5):
        done = scan(*at(unbound), "-t", "A", *QUICK, names="www.example.test\ngone.example.test\n")

    assert verdicts(done) == {name: ("error", "timeout") for name in ("www.example.test", "gone.example.test")}
    assert done.code == 3


# -- tools -----------------------------------------------------------------------------------------


@contextmanager
def paused(server: servers.Server, duration_s: float):
    """The server stands still for `duration_s`, less when the block ends before."""
    waker = threading.Timer(duration_s, server.resume)
    server.pause()
    waker.start()
    try:
        yield
    finally:
        waker.cancel()
        waker.join()
        server.resume()


@contextmanager
def stopped_after(server: servers.Server):
    try:
        yield
    finally:
        server.stop()


class Feed:
    """A scan whose names are fed by and by; its output goes to files, so that nobody waits for a reader."""

    def __init__(self, process, out, err):
        self.process, self.out, self.err = process, out, err

    def __call__(self, names: list[str]) -> None:
        self.process.stdin.write(lines(names).encode())
        self.process.stdin.flush()

    def wait_for_output(self) -> None:
        while not os.fstat(self.out.fileno()).st_size:
            assert self.process.poll() is None
            time.sleep(0.001)

    def end(self, limit_s: float = 60) -> Scan:
        self.process.stdin.close()
        code = self.process.wait(limit_s)
        for file in (self.out, self.err):
            file.seek(0)
        return Scan(code, self.out.read(), self.err.read().decode())


@contextmanager
def slowly(*args):
    with TemporaryFile() as out, TemporaryFile() as err, start(*args, stdout=out, stderr=err) as process:
        try:
            yield Feed(process, out, err)
        finally:
            process.kill()
