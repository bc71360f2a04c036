"""What the engine has on each worker: a plugin, which later ones are given too, and a task that calls it."""

import contextlib
import signal
import threading
from typing import Any

import distributed
from distributed.diagnostics.plugin import WorkerPlugin

from scanner.cluster.part import PartMaker, Task, Worker
from scanner.cluster.scan import PartFailed
from scanner.cluster.share import Node, share_of
from scanner.errors import ScanError
from scanner.version import __version__

RESOURCE = "dnsscan"  # of a worker: how many parts it runs at a time
NEEDED = 0.5  # of it for a part: beside the one that asks, another ends, or is packed and brought away
ASK_S = 5.0


def workers_of(client: distributed.Client) -> dict[str, Any]:
    """What the engine knows of each, by address; asked anew. Raises OSError (TimeoutError is one)."""
    scheduler = client.scheduler
    assert scheduler is not None
    found = client.sync(scheduler.identity, n_workers=-1, callback_timeout=ASK_S)  # type: ignore[no-untyped-call]
    return dict(found["workers"])


class PartPlugin(WorkerPlugin):
    """A node's part maker."""

    def __init__(self, task: Task, topic: str):
        self._task, self.name, self._version = task, topic, __version__
        self._maker: PartMaker | None = None

    def setup(self, worker: distributed.Worker) -> None:
        """The worker is there. One of another version stays away: its lines might be others."""
        if self._version != __version__:
            raise RuntimeError(f"dnsscan {__version__} here, {self._version} where the scan was begun")
        self._worker = worker
        self._others: dict[str, Any] = {}
        slots = max(int(worker.state.total_resources.get(RESOURCE, worker.state.nthreads)), 1)
        self._maker = PartMaker(self._task, lambda number, lines: worker.log_event(self.name, (number, lines)), slots,
                                distributed.secede)  # fmt: skip

    def teardown(self, worker: distributed.Worker) -> None:
        """The worker leaves, or the scan is over."""
        self.stop()

    def make(self, number: int) -> dict[str, Any]:
        """The books of a part. Raises PartFailed."""
        assert self._maker
        worker = self._worker
        node = place_of(worker.address, self._asked())
        try:
            table = share_of(self._task.table, node, self._task.plan.count)
        except ScanError as error:
            raise PartFailed(str(error), error.exit_code) from None
        here = Worker(worker.address, str(worker.name), node.place, worker.local_directory)
        return self._maker.make(number, table, here)

    def _asked(self) -> dict[str, Any]:
        """All workers; those of the last time where the scheduler does not answer."""
        with contextlib.suppress(OSError):
            self._others = workers_of(distributed.get_client())
        if not self._others:
            raise PartFailed("the scheduler does not answer")
        return self._others

    def stop(self) -> None:
        """End its scans."""
        if self._maker:
            self._maker.stop()


def place_of(address: str, workers: dict[str, Any]) -> Node:
    """Where the worker stands among all: by name, which a worker that was started again keeps."""
    offering = {each for each in workers if RESOURCE in workers[each]["resources"]} or workers.keys()
    order = sorted(offering, key=lambda each: (str(workers[each]["name"]).rjust(9), each))
    host = workers[address]["host"] if address in workers else ""
    beside = [each for each in order if workers[each]["host"] == host] or [address]
    slots = slots_of(workers[address]) if address in workers else 1
    index = order.index(address) if address in order else 0
    return Node(index, max(len(order), 1), beside.index(address), len(beside), slots)


def slots_of(worker: dict[str, Any]) -> int:
    """Parts that it runs at a time: what it offers, else as many as it has threads."""
    return max(int(worker["resources"].get(RESOURCE, worker["nthreads"])), 1)


def make_part(topic: str, number: int) -> dict[str, Any] | PartFailed:
    """A task of the engine."""
    plugin = distributed.get_worker().plugins[topic]
    assert isinstance(plugin, PartPlugin)
    try:
        return plugin.make(number)
    except PartFailed as failure:
        if failure.no_room:  # told, not raised: a second try here would end as this one
            return failure
        raise


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
