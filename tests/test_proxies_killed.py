"""Proxies that die in the middle of a scan: nothing lost, nothing doubled, nothing wrong."""

import json
import socket
import threading
import time

import pytest
from command import start

COUNT = 20_000


@pytest.fixture
def direct_lab(new_lab):
    """The lab's DNS server as resolver, with as few proxies of its own as it allows."""
    with new_lab("--proxies", "1", "--nx", "0.5", "--delay-ms", "1:3") as lab:
        yield lab


def resolver_of(lab) -> str:
    resolvers = lab.config.get("resolvers", lab.config.get("resolver"))
    return resolvers if isinstance(resolvers, str) else resolvers[0]


def expected(name: str) -> str:
    from scanner.lab import zone

    return zone.expected(name, 0.5)[0]


def free_ports(count: int) -> list[int]:
    """Ports on which nobody listens."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in held]
    for listener in held:
        listener.close()
    return ports


def run_scan(config: dict, names: list[str], tmp_path, *, after_lines: int = 0, then=None, limit_s: float = 90):
    """Scan `names`; after so many lines of output do `then()`. Returns rows, stderr, exit code."""
    path = tmp_path / "cfg.json"
    path.write_text(json.dumps(config))
    run = start("--config", path)
    watch = threading.Timer(limit_s, run.kill)
    watch.start()
    rows = []
    said = []

    def feed() -> None:
        run.stdin.write("".join(f"{name}\n" for name in names).encode())
        run.stdin.close()

    def listen() -> None:
        said.append(run.stderr.read())

    threads = [threading.Thread(target=feed, daemon=True), threading.Thread(target=listen, daemon=True)]
    for thread in threads:
        thread.start()
    try:
        for line in run.stdout:
            rows.append(json.loads(line))
            if len(rows) == after_lines and then is not None:
                then()
        code = run.wait(10)
    finally:
        watch.cancel()
        run.kill()
        run.wait(10)
        threads[1].join(5)
        run.stdout.close()
        run.stderr.close()
    return rows, b"".join(said).decode(), code


def assert_whole_and_right(rows: list[dict], names: list[str]) -> None:
    told = {row["d"]: row["s"] for row in rows}
    assert len(rows) == len(names)
    assert told.keys() == set(names)
    wrong = [(name, verdict, expected(name)) for name, verdict in told.items() if verdict != expected(name)]
    assert wrong == []


@pytest.mark.server
def test_half_of_the_proxies_killed_in_mid_scan_cost_no_name(direct_lab, new_microsocks, tmp_path):
    proxies = [new_microsocks() for _ in range(6)]
    names = [f"name{number}.lab.test" for number in range(COUNT)]
    config = {
        "resolver": resolver_of(direct_lab),
        "proxies": [f"socks5://127.0.0.1:{proxy.port}" for proxy in proxies],
        "workers": 24,
        "pipeline": 4,
    }

    def kill_half() -> None:
        for proxy in proxies[::2]:
            proxy.kill()

    rows, err, code = run_scan(config, names, tmp_path, after_lines=2000, then=kill_half)

    assert code == 0, err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 10, err
    assert_whole_and_right(rows, names)


@pytest.mark.server
def test_a_proxy_that_comes_back_is_used_again(direct_lab, new_microsocks, tmp_path):
    proxy = new_microsocks()
    names = [f"back{number}.lab.test" for number in range(3000)]
    config = {
        "resolver": resolver_of(direct_lab),
        "proxies": [f"socks5://127.0.0.1:{proxy.port}"],
        "workers": 4,
        "pipeline": 2,
        "deadline_ms": 20000,
    }

    def restart() -> None:
        proxy.kill()
        time.sleep(1)
        proxy.restart()

    rows, err, code = run_scan(config, names, tmp_path, after_lines=500, then=restart)

    assert code == 0, err
    assert_whole_and_right(rows, names)


@pytest.mark.server
def test_one_good_proxy_among_300_dead_ones_carries_every_name(direct_lab, new_microsocks, tmp_path):
    good = new_microsocks()
    names = [f"one{number}.lab.test" for number in range(2000)]
    dead = [f"socks5://127.0.0.1:{port}" for port in free_ports(300)]
    config = {
        "resolver": resolver_of(direct_lab),
        "proxies": [*dead[:150], f"socks5://127.0.0.1:{good.port}", *dead[150:]],
        "workers": 301,
    }
    began = time.monotonic()

    rows, err, code = run_scan(config, names, tmp_path)

    assert code == 0, err
    assert_whole_and_right(rows, names)
    assert len(err.splitlines()) <= 10, err
    assert time.monotonic() - began < 30
