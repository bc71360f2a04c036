"""Dask: where parts run, and how they are handed out.

Each worker has a `PartPlugin` (`node`); a part is a task that calls it. Work, its loss with a worker, its second try
and its dashboard are the engine's.
"""

import asyncio
import contextlib
import itertools
import logging
import struct
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from pkgutil import resolve_name
from time import monotonic, sleep
from typing import Any

import dask
import distributed
from distributed.comm.core import connect
from distributed.diagnostics.plugin import WorkerPlugin

from scanner.cluster.node import ASK_S, NEEDED, RESOURCE, Ignore, PartPlugin, make_part, stop_parts, workers_of
from scanner.cluster.part import Task
from scanner.cluster.scan import PartFailed
from scanner.errors import ScanError
from scanner.version import __version__

TRIES = 3
WAIT_S = 0.25
ALLOWED_FAILURES = 20  # workers that die under one part before the part is held to be the cause
WORKER_TTL = "60s"  # a local worker that stands still so long is given up
CONNECT_S = 5
RECONNECT_S = 5  # of a scheduler that is gone
UNANSWERED_MAX = 6  # questions of five seconds to a scheduler that is there, and says nothing
GIVEN_TRIES, START_TRIES = 10, 3
TOLD_S = 20.0  # that workers may take to hear something; one that stands still does not
STOP_S = 5.0
OWN_VERSION, ENGINE_VERSION = "scanner.version:__version__", "distributed:__version__"  # names of Python's
DIFFERS = "install the same version on every machine"


class EngineGone(ScanError):
    """The scheduler cannot be reached any more."""

    exit_code = 1


@contextlib.contextmanager
def local(workers: int, *, in_this_process: bool) -> Iterator[distributed.Client]:
    """An engine on this machine. Threads instead of processes where a file system is of one process only."""
    logging.disable()
    settings = {
        "distributed.worker.multiprocessing-method": "forkserver",
        "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
        "distributed.scheduler.worker-ttl": WORKER_TTL,
    }
    with (
        tempfile.TemporaryDirectory(prefix="dnsscan-", ignore_cleanup_errors=True) as folder,
        dask.config.set(settings),
        started(workers, folder, in_this_process=in_this_process) as cluster,
        distributed.Client(cluster) as client,
    ):
        if not in_this_process:
            give(client, Ignore())
        yield client


def started(workers: int, folder: str, *, in_this_process: bool) -> distributed.LocalCluster:
    """The workers; where one dies as it starts, all are started anew. Raises EngineGone."""
    for _ in range(START_TRIES):
        with contextlib.suppress(RuntimeError):
            return distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=not in_this_process, resources={RESOURCE: 1},
                local_directory=folder, memory_limit=0, dashboard_address="127.0.0.1:0"
            )  # fmt: skip
    raise EngineGone("cluster: the workers do not start on this machine")


@contextlib.contextmanager
def remote(address: str, warn: Callable[[str], None]) -> Iterator[distributed.Client]:
    """An engine that is there. Raises ScanError."""
    logging.disable()
    warnings.simplefilter("ignore")  # of versions, in a table
    try:
        asyncio.run(reach(address))
        client = distributed.Client(address, timeout=CONNECT_S)
    except (OSError, ValueError, TypeError) as error:
        raise ScanError(f"--scheduler {address}: {' '.join(str(error).split()) or 'no answer'}") from None
    with client:
        check_versions(client, warn)
        yield client


async def reach(address: str) -> None:
    """Raise OSError or ValueError where no scheduler answers, for which a client would wait for ever."""
    security = distributed.Security().get_connection_args("client")
    try:
        async with asyncio.timeout(CONNECT_S):
            (await connect(address, timeout=CONNECT_S, **security)).abort()
    except TimeoutError:
        raise OSError(f"no answer within {CONNECT_S} s") from None
    except (MemoryError, OverflowError, struct.error):  # it takes what came for a length
        raise OSError("what answers there is no scheduler (its dashboard has another port)") from None


def check_versions(client: distributed.Client, warn: Callable[[str], None]) -> None:
    """Raise ScanError where a worker has no dnsscan, or another."""
    for address, version in asked(client, OWN_VERSION).items():
        if isinstance(version, BaseException):
            raise ScanError(f"--scheduler: the worker {address} has no dnsscan: pip install "
                            f"'dnsscan[cluster]=={__version__}' there")  # fmt: skip
        if version != __version__:
            raise ScanError(f"--scheduler: the worker {address} has dnsscan {version}, this machine {__version__}: "
                            + DIFFERS)  # fmt: skip
    ours = resolve_name(ENGINE_VERSION)
    others = {version for version in asked(client, ENGINE_VERSION).values() if isinstance(version, str)} - {ours}
    if others:
        warn(f"--scheduler: workers have distributed {', '.join(sorted(others))}, this machine {ours}: {DIFFERS}")


def asked(client: distributed.Client, name: str) -> dict[str, Any]:
    """What each worker has under a name of Python's, or an exception; empty where not all answer."""
    return within(TOLD_S, lambda: client.run(resolve_name, name, on_error="return")) or {}


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """What a call of the engine's returns; None where it fails, or takes longer: a worker that stands still answers
    nothing, and is no reason to wait."""
    found: list[Any] = []

    def run() -> None:
        with contextlib.suppress(OSError, asyncio.TimeoutError, RuntimeError):
            found.append(call())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else None


def give(client: distributed.Client, plugin: WorkerPlugin) -> None:
    """Every worker the plugin, those that come later too. One that dies just then, or stands still, is no reason to
    give up. Raises EngineGone."""
    for _ in range(GIVEN_TRIES):
        began = monotonic()
        if within(TOLD_S, lambda: client.register_plugin(plugin)) is not None or monotonic() > began + TOLD_S:
            return
    raise EngineGone("cluster: the workers cannot be reached")


class Parts:
    """Parts in the hands of the engine."""

    def __init__(self, client: distributed.Client, task: Task, topic: str, told: Callable[[int, int], None],
                 warn: Callable[[str], None]):  # fmt: skip
        self._client, self._topic, self._warn = client, topic, warn
        self._futures: dict[Any, int] = {}
        self._only: dict[Any, set[str]] = {}  # of these, the workers that may make the part
        self._unanswered = 0
        self._no_room: set[str] = set()  # addresses of workers that cannot write
        self._workers: dict[str, Any] = {}
        self._last_there = monotonic()
        self._turns = itertools.count()
        give(client, PartPlugin(task, topic))
        client.subscribe_topic(topic, lambda event: told(*event[1]))

    @property
    def workers(self) -> dict[str, Any]:
        """What the engine knows of each, by address; asked anew. Raises EngineGone."""
        if self._client.status == "running":
            try:
                self._workers, self._unanswered = workers_of(self._client), 0
            except OSError:
                self._unanswered += 1
        if self._unanswered >= UNANSWERED_MAX:
            raise EngineGone("the scheduler does not answer; the same command with --resume goes on")
        return self._workers

    @property
    def with_room(self) -> list[str]:
        """Those that can write."""
        return [address for address in self._workers if address not in self._no_room]

    @property
    def is_full(self) -> bool:
        """No worker can write."""
        return bool(self._no_room) and not self.with_room

    @property
    def in_hand(self) -> int:
        """Handed out, and not back."""
        return len(self._futures)

    @property
    def dashboard(self) -> str:
        """Where the engine shows itself; "" where it cannot."""
        try:
            import bokeh  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: F401
        except ImportError:
            return ""
        return str(self._client.dashboard_link)

    def hand_out(self, number: int) -> None:
        """One more. Where no worker offers the resource, any worker takes as many as it has threads."""
        offers = any(RESOURCE in worker["resources"] for worker in self._workers.values())
        key = f"{self._topic}-{number}-{next(self._turns)}"
        only = self.with_room if self._no_room else []
        needed = {RESOURCE: NEEDED} if offers else None
        future = self._client.submit(make_part, self._topic, number, key=key, pure=False, retries=TRIES - 1,
                                     resources=needed, workers=only or None)  # fmt: skip
        self._futures[future] = number
        if only:
            self._only[future] = set(only)

    def back(self) -> Iterator[tuple[int, dict[str, Any] | PartFailed]]:
        """Those that have ended since, each with its books or why it has none; waits a moment for the first. Raises
        EngineGone."""
        if self._client.status == "running":
            self._last_there = monotonic()
        elif monotonic() > self._last_there + RECONNECT_S:
            raise EngineGone("the scheduler is gone; the same command with --resume goes on")
        else:
            sleep(WAIT_S)
        with contextlib.suppress(TimeoutError, distributed.CancelledError):
            distributed.wait(list(self._futures), timeout=WAIT_S, return_when="FIRST_COMPLETED")
        for future in [future for future in self._futures if future.done() or self._has_nowhere(future)]:
            outcome = None
            try:
                outcome = self._outcome(future) if future.done() else None
            except TimeoutError:
                continue  # once more, until it comes or `workers` gives the scheduler up
            except (OSError, distributed.CancelledError):
                pass  # its result was on a worker that died
            if outcome is None and self._client.status != "running":
                continue
            number = self._futures.pop(future)
            self._only.pop(future, None)
            future.release()
            if outcome is None:
                self.hand_out(number)
            else:
                yield number, outcome

    def _has_nowhere(self, future: Any) -> bool:
        """All workers that might make it are gone."""
        return future in self._only and self._only[future].isdisjoint(self._workers)

    def _outcome(self, future: Any) -> dict[str, Any] | PartFailed | None:
        """None where the part is another worker's now. Raises TimeoutError where nobody brings it."""
        error = future.exception()
        if error is None:
            books: dict[str, Any] | PartFailed = future.result(timeout=ASK_S)
            if isinstance(books, PartFailed):
                self._put_aside(books)
                return books if self.is_full else None
            return books
        if isinstance(error, PartFailed):
            return error
        if isinstance(error, distributed.scheduler.KilledWorker):
            return PartFailed(f"{error.allowed_failures + 1} workers died under it")
        return PartFailed(f"{type(error).__name__}: {error}")

    def _put_aside(self, failure: PartFailed) -> None:
        """No more parts for a worker that cannot write."""
        if failure.no_room in self._workers.keys() - self._no_room:
            name = self._workers[failure.no_room]["name"]
            self._warn(f"worker {name}: {failure.reason}; it is given no more parts")
        self._no_room.add(failure.no_room)

    def stop(self) -> None:
        """No part goes on."""
        futures, self._futures = list(self._futures), {}
        within(STOP_S, lambda: self._client.cancel(futures, force=True))
        within(STOP_S, lambda: self._client.run(stop_parts, self._topic, on_error="ignore"))
