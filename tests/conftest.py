"""Fixtures: real servers (one of each for the whole run), the lab, and the real command.

A test that kills, stops or pauses a shared server puts it back before it ends; one that needs several
microsocks, or one to break for good, asks `new_microsocks` for its own.
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import command
import fork_server
import pytest
import servers

ROOT = Path(__file__).parent.parent
LAB_START_S = 10
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # for the runs that are started, where this one was by nohup


FIGURES: list[tuple[str, str]] = []
LONGEST = """debug_build cluster_faults cluster descriptors confirm docs time formats resume command_line
             http_proxies udp tls report_page report pacing resolvers socks_peers outage liveness heart_neighbours
             politeness""".split()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", action="store_true", help="make the pictures under docs/images anew")
    parser.addoption("--full", type=int, metavar="NAMES", help="the large size of the torture, and its number of names")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that the others run beside them and none is left for the end."""
    places = {f"test_{name}": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if config.getoption("--full"):
        terminalreporter.section("figures")
        for name, text in FIGURES:
            terminalreporter.write_line(f"{name}: {text}")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> int:
    """0 in the small size (`make test`); in the large one (`make torture`) how many names a scan has."""
    return int(request.config.getoption("--full") or 0)


@pytest.fixture
def figure() -> Callable[[str, str], None]:
    """`figure(name, text)`: something that was measured, printed at the end of the large size."""
    return lambda name, text: FIGURES.append((name, text))


@pytest.fixture(autouse=True)
def _no_run_outlives_its_test() -> Iterator[None]:
    """A test that fails may leave its run to itself, and that would go on asking servers which others share."""
    yield
    while command.STARTED:
        run = command.STARTED.pop()
        run.kill()  # does nothing to one that has been waited for
        run.wait()


@pytest.fixture(autouse=True)
def _no_variable_outlives_its_test() -> Iterator[None]:
    """One that did would be in all runs after it, and none of those could be a fork (see fork_server.py)."""
    before = environment_of_runs()
    yield
    assert environment_of_runs() == before, "the test changed a variable for good"


def environment_of_runs() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}


@contextmanager
def one(start: Callable[..., servers.Server], folders: pytest.TempPathFactory, *args: str) -> Iterator[servers.Server]:
    server = start(folders.mktemp(start.__name__), *args)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def unbound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    with one(servers.unbound, tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    with one(servers.knot, tmp_path_factory) as server:
        yield server


@pytest.fixture
def knot_with_cookies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    with one(servers.knot_with_cookies, tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def microsocks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    with one(servers.microsocks, tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def microsocks_password(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """User `user`, password `secret`."""
    with one(servers.microsocks, tmp_path_factory, "user", "secret") as server:
        yield server


@pytest.fixture(scope="session")
def danted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    with one(servers.danted, tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def tinyproxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    with one(servers.tinyproxy, tmp_path_factory) as server:
        yield server


@pytest.fixture
def new_microsocks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., servers.Server]]:
    """`new_microsocks(user="", password="")` starts one more, stopped when the test ends."""
    mine: list[servers.Server] = []

    def start(user: str = "", password: str = "") -> servers.Server:
        mine.append(servers.microsocks(tmp_path_factory.mktemp("microsocks"), user, password))
        return mine[-1]

    yield start
    for server in mine:
        server.stop()


@dataclass(frozen=True)
class Lab:
    """A running `dnsscan lab`: the config that it printed, and where that stands as a file."""

    config: dict[str, Any]
    path: Path
    process: subprocess.Popen[bytes]


@contextmanager
def running_lab(folder: Path, *options: str) -> Iterator[Lab]:
    with fork_server.begin(
        ["lab", *options],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"the lab ended with code {process.wait(LAB_START_S)}"
            path = folder / "lab.json"
            path.write_bytes(line)
            yield Lab(json.loads(line), path, process)
        finally:
            process.terminate()
            try:
                process.wait(LAB_START_S)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab with four SOCKS5 proxies."""
    with running_lab(tmp_path_factory.mktemp("lab"), "--proxies", "4") as one_lab:
        yield one_lab


@dataclass(frozen=True)
class Registries:
    """A lab with registries: its config file, and what was asked of them, a line each."""

    config: dict[str, Any]
    path: Path
    log: Path

    def asked(self) -> list[tuple[float, str]]:
        """Monotonic seconds and name of each request that reached a registry."""
        rows = [line.split() for line in self.log.read_text().splitlines()]
        return [(float(row[0]), row[3]) for row in rows]


@pytest.fixture(scope="session")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registries]:
    folder = tmp_path_factory.mktemp("registries")
    log = folder / "asked.log"
    log.touch()
    with running_lab(folder, "--registries", "--registry-log", str(log), "--proxies", "2") as lab:
        yield Registries(lab.config, lab.path, log)


@pytest.fixture
def new_lab(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """`with new_lab("--proxies", "2", "--loss", "0.1") as lab:`"""
    return lambda *options: running_lab(tmp_path_factory.mktemp("lab"), *options)


@dataclass(frozen=True)
class Run:
    """What one run of the command left behind: output lines as objects, stderr, exit code."""

    lines: list[dict[str, Any]]
    err: str
    code: int


@pytest.fixture
def run_dnsscan() -> Callable[..., Run]:
    """The real command, with a hard time limit: `run_dnsscan("--config", path, stdin=b"a.test\\n")`."""

    def run(*args: object, stdin: bytes = b"", limit_s: float = 30) -> Run:
        done = command.scan(*args, names=stdin, limit_s=limit_s)
        return Run(done.rows, done.err, done.code)

    return run
