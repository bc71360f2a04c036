"""Dask: where parts run, and how they are handed out. The only file that knows it.

Each worker has a `PartPlugin`, which the engine gives to those that come later too; a part is a task that calls it.
Work, its loss with a worker, its second try and its dashboard are the engine's.
"""

import asyncio
import contextlib
import itertools
import logging
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from time import monotonic, sleep
from typing import Any

import dask
import distributed
from distributed.diagnostics.plugin import WorkerPlugin

from scanner.cluster.part import PartMaker, Task
from scanner.cluster.scan import PartFailed
from scanner.cluster.share import Node, share_of
from scanner.errors import ScanError

RESOURCE = "dnsscan"  # of a worker: how many parts it runs at a time
TRIES = 3
WAIT_S = 0.25
ALLOWED_FAILURES = 20  # workers that die under one part before the part is held to be the cause
CONNECT_S = 10
RECONNECT_S = 5  # of a scheduler that is gone
GIVEN_TRIES, START_TRIES = 10, 3


class EngineGone(ScanError):
    """The scheduler cannot be reached any more."""

    exit_code = 1


class PartPlugin(WorkerPlugin):
    """A node's part maker."""

    def __init__(self, task: Task, topic: str):
        self._task, self.name = task, topic
        self._maker: PartMaker | None = None

    def setup(self, worker: distributed.Worker) -> None:
        """The worker is there."""
        self._worker = worker
        self._maker = PartMaker(self._task, lambda number, lines: worker.log_event(self.name, (number, lines)))

    def teardown(self, worker: distributed.Worker) -> None:
        """The worker leaves, or the scan is over."""
        self.stop()

    def make(self, number: int) -> dict[str, Any]:
        """The books of a part. Raises PartFailed."""
        assert self._maker
        worker = self._worker
        workers = distributed.get_client().scheduler_info(n_workers=-1)["workers"]
        node = place_of(worker.address, workers)
        try:
            table = share_of(self._task.table, node, self._task.plan.count)
        except ScanError as error:
            raise PartFailed(str(error), error.exit_code) from None
        return self._maker.make(number, table, str(worker.name), node.place, worker.local_directory)

    def stop(self) -> None:
        """End its scans."""
        if self._maker:
            self._maker.stop()


def place_of(address: str, workers: dict[str, Any]) -> Node:
    """Where the worker stands among all: by name, which a worker that was started again keeps."""
    order = sorted(workers, key=lambda each: (str(workers[each]["name"]).rjust(9), each))
    host = workers[address]["host"] if address in workers else ""
    beside = [each for each in order if workers[each]["host"] == host] or [address]
    slots = int(workers.get(address, {}).get("resources", {}).get(RESOURCE, 1))
    index = order.index(address) if address in order else 0
    return Node(index, max(len(order), 1), beside.index(address), len(beside), slots)


def make_part(topic: str, number: int) -> dict[str, Any]:
    """A task of the engine."""
    plugin = distributed.get_worker().plugins[topic]
    assert isinstance(plugin, PartPlugin)
    return plugin.make(number)


def stop_parts(topic: str, dask_worker: distributed.Worker) -> None:
    """On every worker."""
    plugin = dask_worker.plugins.get(topic)
    if isinstance(plugin, PartPlugin):
        plugin.stop()


class Ignore(WorkerPlugin):
    """Ctrl-C on the terminal is for the command, whose workers end with it."""

    name = "dnsscan-ignore"

    def setup(self, worker: distributed.Worker) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def local(workers: int, *, in_this_process: bool) -> Iterator[distributed.Client]:
    """An engine on this machine. Threads instead of processes where a file system is of one process only."""
    logging.disable()
    settings = {
        "distributed.worker.multiprocessing-method": "forkserver",
        "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
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
def remote(address: str) -> Iterator[distributed.Client]:
    """An engine that is there. Raises ScanError."""
    logging.disable()
    try:
        client = distributed.Client(address, timeout=CONNECT_S)
    except (TimeoutError, OSError, ValueError, TypeError) as error:
        raise ScanError(f"--scheduler {address}: {' '.join(str(error).split()) or 'no answer'}") from None
    with client:
        yield client


def give(client: distributed.Client, plugin: WorkerPlugin) -> None:
    """Every worker the plugin, those that come later too. One that dies just then is no reason to give up. Raises
    EngineGone."""
    for _ in range(GIVEN_TRIES):
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            client.register_plugin(plugin)
            return
    raise EngineGone("cluster: the workers cannot be reached")


class Parts:
    """Parts in the hands of the engine."""

    def __init__(self, client: distributed.Client, task: Task, topic: str, told: Callable[[int, int], None]):
        self._client, self._topic = client, topic
        self._futures: dict[Any, int] = {}
        self._workers: dict[str, Any] = {}
        self._last_there = monotonic()
        self._turns = itertools.count()
        give(client, PartPlugin(task, topic))
        client.subscribe_topic(topic, lambda event: told(*event[1]))

    @property
    def workers(self) -> dict[str, Any]:
        """What the engine knows of each, by address; asked anew."""
        if self._client.status == "running":
            with contextlib.suppress(OSError):
                self._workers = dict(self._client.scheduler_info(n_workers=-1)["workers"])
        return self._workers

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
        future = self._client.submit(make_part, self._topic, number, key=key, pure=False, retries=TRIES - 1,
                                     resources={RESOURCE: 1} if offers else None)  # fmt: skip
        self._futures[future] = number

    def back(self) -> Iterator[tuple[int, dict[str, Any] | PartFailed]]:
        """Those that have ended since, each with its books or why it has none; waits a moment for the first. Raises
        EngineGone."""
        if self._client.status == "running":
            self._last_there = monotonic()
        elif monotonic() > self._last_there + RECONNECT_S:
            raise EngineGone("the scheduler is gone; run the same command again with --resume")
        else:
            sleep(WAIT_S)
        with contextlib.suppress(TimeoutError, distributed.CancelledError):
            distributed.wait(list(self._futures), timeout=WAIT_S, return_when="FIRST_COMPLETED")
        for future in [future for future in self._futures if future.done()]:
            outcome = None
            with contextlib.suppress(OSError, distributed.CancelledError):  # its result was on a worker that died
                outcome = self._outcome(future)
            if outcome is not None:
                yield self._futures.pop(future), outcome
            elif self._client.status == "running":
                self.hand_out(self._futures.pop(future))
            future.release()

    def _outcome(self, future: Any) -> dict[str, Any] | PartFailed:
        error = future.exception()
        if error is None:
            books: dict[str, Any] = future.result()
            return books
        if isinstance(error, PartFailed):
            return error
        if isinstance(error, distributed.scheduler.KilledWorker):
            return PartFailed(f"{error.allowed_failures + 1} workers died under it")
        return PartFailed(f"{type(error).__name__}: {error}")

    def stop(self) -> None:
        """No part goes on."""
        futures, self._futures = list(self._futures), {}
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            self._client.cancel(futures, force=True)
            self._client.run(stop_parts, self._topic, on_error="ignore")
