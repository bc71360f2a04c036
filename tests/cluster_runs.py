"""`dnsscan cluster` as tests run it, what it leaves behind, and an engine as its own commands start it."""

import json
import os
import random
import resource
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path

import command
import psutil

from scanner.input.packed import ZSTD

LIMIT_S = 240
ZstdFile = import_module(ZSTD).ZstdFile


def cluster(*args: object, **changes: str | None) -> command.Scan:
    return command.scan("cluster", *args, limit_s=LIMIT_S, true=True, **changes)


def lines_in(folder: Path) -> list[bytes]:
    """Of all parts."""
    return [line for part in sorted(folder.glob("part-*.jsonl.zst")) for line in ZstdFile(part)]


def books_of(folder: Path) -> dict:
    return json.loads((folder / "books.json").read_text())


def together(folder: Path, to: Path) -> Path:
    to.write_bytes(b"".join(lines_in(folder)))
    return to


def parts_in(folder: Path) -> int:
    """How many are there."""
    return len(list(folder.glob("part-*.json")))


def until(found, run: subprocess.Popen) -> None:
    """Wait for it, as long as the run is there."""
    ends = time.monotonic() + LIMIT_S
    while not found():
        assert run.poll() is None, run.communicate()[1].decode()
        assert time.monotonic() < ends, run.communicate()[1].decode()
        time.sleep(0.05)


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """The engine's, which are forked from a process of the command's."""
    return [each for child in psutil.Process(process.pid).children() for each in child.children()]


class Killer(threading.Thread):
    """Kills a worker every `every_s`, and once has one stand still."""

    def __init__(self, process: subprocess.Popen, every_s: float, still_s: float):
        super().__init__(daemon=True)
        self._process, self._every_s, self._still_s = process, every_s, still_s
        self.killed, self.stopped, self.over = 0, 0, threading.Event()

    def run(self) -> None:
        dice = random.Random(20261130)
        while not self.over.wait(self._every_s):
            with suppress(psutil.NoSuchProcess, ValueError):  # fewer than two at this moment
                still, victim = dice.sample(workers_of(self._process), 2)
                victim.kill()
                self.killed += 1
                if not self.stopped:
                    still.suspend()
                    self.stopped += 1
                    self.over.wait(self._still_s)
                    still.resume()


class Engine:
    """A scheduler, and workers that offer the resource."""

    def __init__(self, folder: Path, **settings: str):
        folder.mkdir()
        self._folder = folder
        port_file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", ":0",
                                     "--scheduler-file", port_file, **settings)  # fmt: skip
        self.processes = [self.scheduler]
        until(lambda: port_file.exists() and port_file.read_text().endswith("}"), self.scheduler)
        self.address: str = json.loads(port_file.read_text())["address"]

    def worker(self, name: str, address: str = "", *, room: int = 0, **settings: str) -> subprocess.Popen:
        """One more; `room`: octets that it can write to a file."""
        limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))) if room else None
        process = self._start("worker", address or self.address, "--name", name, "--nthreads", "1", "--resources",
                              "dnsscan=1", "--no-dashboard", "--no-nanny", "--local-directory", self._folder,
                              preexec_fn=limit, **settings)  # fmt: skip
        self.processes.append(process)
        return process

    def _start(self, *args: object, preexec_fn: Callable[[], None] | None = None, **settings: str) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-m", "dask", *map(str, args)], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, cwd=self._folder, env=os.environ | settings,
                                preexec_fn=preexec_fn)  # fmt: skip


@contextmanager
def engine_of(folder: Path, *, workers: int = 1, **settings: str) -> Iterator[Engine]:
    engine = Engine(folder, **settings)
    try:
        for number in range(workers):
            engine.worker(f"w{number}")
        yield engine
    finally:
        for process in engine.processes:
            process.kill()
            process.wait()


class Relay(threading.Thread):
    """Octets to and fro between whoever connects and `target`, until it is told to stand still, or has brought the
    `last` word: then every connection stays open, new ones are accepted, and nothing comes through."""

    def __init__(self, target: str, last: bytes):
        super().__init__(daemon=True)
        self._last = last
        host, _, port = target.removeprefix("tcp://").rpartition(":")
        self._target, self._peers = (host, int(port)), {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self.still, self.over = threading.Event(), threading.Event()

    def run(self) -> None:
        with ExitStack() as opened:
            opened.enter_context(self._listener)
            while not self.over.is_set():
                for key, _ in self._selector.select(0.1):
                    if key.fileobj is self._listener:
                        near = opened.enter_context(self._listener.accept()[0])
                        self._join(near, opened.enter_context(socket.create_connection(self._target)))
                    elif self.still.is_set():
                        time.sleep(0.02)
                    else:
                        self._carry(key.fileobj)

    def _join(self, one: socket.socket, other: socket.socket) -> None:
        for near, far in ((one, other), (other, one)):
            self._peers[near] = far
            self._selector.register(near, selectors.EVENT_READ)

    def _carry(self, near: socket.socket) -> None:
        far, octets = self._peers[near], b""
        with suppress(OSError):
            octets = near.recv(1 << 16)
            far.sendall(octets)
        if self._last and self._last in octets:
            self.still.set()
        if not octets:
            self._selector.unregister(near)
            with suppress(OSError):
                far.shutdown(socket.SHUT_WR)


@contextmanager
def relay_to(target: str, last: bytes = b"") -> Iterator[Relay]:
    relay = Relay(target, last)
    relay.start()
    yield relay
    relay.over.set()
    relay.join()
