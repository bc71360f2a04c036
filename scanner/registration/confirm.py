"""The confirmation: joins source, batch writer and registry queues, and owns the order in which they start and stop."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial

from scanner.errors import InputEndedEarly, ScanError
from scanner.registration import rdap, whois
from scanner.registration.answer import Answer, Refused
from scanner.registration.batch_writer import BatchWriter
from scanner.registration.damage import Damaged
from scanner.registration.dial import Dialer
from scanner.registration.directory import DNS, NO_REGISTRY, Directory
from scanner.registration.https import Web
from scanner.registration.pace import Pace, Silence
from scanner.registration.recheck import Recheck
from scanner.registration.registry_queue import RegistryQueue
from scanner.registration.settings import Settings
from scanner.registration.status import Status
from scanner.registration.store import Store
from scanner.scanning.source import Source, in_loop
from scanner.signals import hear
from scanner.transports.tls import verifying_context

CHUNKS_AHEAD = 4
VIA = {"https": "rdap", "whois": "whois", "dns": "dns"}  # by the scheme of a queue's host
PATIENCE = 3  # times the timeout without a reply, and a registry is given up
EXIT_FAULT, EXIT_UNREACHED = 1, 3


class Confirmation:
    """One process's part of a run, from the first chunk to the last line."""

    def __init__(self, settings: Settings, store: Store, sources: Sequence[int], output: int, *, also_errors: bool,
                 aside: Callable[[], AbstractContextManager[None]], warn: Callable[[str], None]):  # fmt: skip
        self._settings = settings
        self._warn = warn
        self._sources = sources
        self._directory = Directory(settings)
        self._writer = BatchWriter(
            store, output, host_of=self._directory.host_of, no_registry=NO_REGISTRY, also_errors=also_errors,
            aside=aside,
        )  # fmt: skip
        self._store = store
        self._dialer = Dialer(settings.proxies, settings.nets)
        tls = verifying_context("RDAP (https)", settings.ca_file)
        self._web = Web(self._dialer, tls, settings.timeout_s)
        self._recheck = settings.recheck and Recheck(
            self._dialer, settings.recheck, settings.authority_port, settings.timeout_s
        )
        self._queues: dict[str, RegistryQueue] = {}
        self._chunks: list[bytes] = []  # read and not yet with the batch writer
        self._answers: list[tuple[str, Answer]] = []  # the same
        self._input_ended = False
        self._trouble: str | None = None  # why the input ended early
        self._fault: BaseException | None = None  # a bug
        self._signal = 0
        self._cut_short = False  # a signal came before the input's end
        self._status: Status | None = None
        self.books = self._writer.books

    @property
    def asked(self) -> int:
        """Requests that were sent."""
        return sum(queue.asked for queue in self._queues.values())

    @property
    def resting(self) -> int:
        """Registries that have asked for a pause."""
        return sum(queue.is_resting for queue in self._queues.values())

    @property
    def stopped_by(self) -> int:
        """The signal that left lines without an answer; 0 where none did."""
        return self._signal if self._cut_short or self.books.waiting else 0

    async def run(self, status: Status) -> int:
        """Until every line has its answer, or a signal; returns the exit code. Raises ScanError."""
        loop = asyncio.get_running_loop()
        self._status = status
        self._wake, self._stopping = asyncio.Event(), asyncio.Event()
        hear(loop, self._signalled, status.say)
        self._source = Source(self._sources, lambda chunk: in_loop(loop, self._feed, chunk),
                              lambda trouble: in_loop(loop, self._end, trouble), ahead=CHUNKS_AHEAD)  # fmt: skip
        self._source.start()
        drawing = loop.create_task(status.draw())
        try:
            await self._work()
        finally:
            drawing.cancel()
            status.wipe()
            await self._close()
        return self._exit_code()

    async def _work(self) -> None:
        """Batch after batch: input goes to the batch writer, the domains it finds go to the queues."""
        self._wake.set()
        while self._fault is None:
            await self._wake.wait()
            self._wake.clear()
            chunks, self._chunks = self._chunks, []
            answers, self._answers = self._answers, []
            ended = self._input_ended
            wanted = {host: queue.wanted() for host, queue in self._queues.items()}
            found = await asyncio.to_thread(self._writer.work, chunks, ended, answers, wanted)
            for _ in chunks:
                self._source.room_made()
            for host, domains in found.items():
                self._queue_of(host).feed(domains)
            if ended and not (self._chunks or self._answers) and (self._is_idle() or not self.books.waiting):
                return

    def _is_idle(self) -> bool:
        """True when a signal has stopped us and no request is under way."""
        return self._stopping.is_set() and not any(queue.tasks for queue in self._queues.values())

    async def _close(self) -> None:
        self._stopping.set()
        tasks = [task for queue in self._queues.values() for task in queue.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._web.close()
        self._source.close()

    def _exit_code(self) -> int:
        if self._fault is not None:
            raise self._fault
        if not self.books.are_balanced():
            raise Unbalanced(f"the books do not balance: this is a bug; please report it ({self.books})")
        if self._trouble is not None:
            raise InputEndedEarly(f"input ended early after {self.books.read:,} lines: {self._trouble}")
        if self._signal:
            return 128 + self._signal
        self._store.finish()
        return EXIT_UNREACHED if self.asked and not any(queue.reached for queue in self._queues.values()) else 0

    # -- what happens --------------------------------------------------------------------------------------------

    def _feed(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._wake.set()

    def _end(self, trouble: str | None) -> None:
        self._input_ended, self._trouble = True, trouble
        self._wake.set()

    def _deliver(self, domain: str, answer: Answer) -> None:
        self._answers.append((domain, answer))
        self._wake.set()

    def _left(self, fault: BaseException | None) -> None:
        self._fault = self._fault or fault
        self._wake.set()

    def _signalled(self, number: int) -> None:
        if self._signal:
            os._exit(128 + number)  # the second: at once; what was written ends with a line
        self._signal, self._cut_short = number, not self._input_ended
        if self._status is not None and number == signal.SIGINT:
            self._status.stopping()
        self._stopping.set()
        self._source.stop()

    # -- which server is asked -------------------------------------------------------------------------------------

    def _queue_of(self, host: str) -> RegistryQueue:
        if host not in self._queues:
            settings, via = self._settings, VIA.get(host.partition(":")[0])
            if via is None:
                raise Damaged
            self._queues[host] = RegistryQueue(
                self._ask, via, pace=Pace(0 if host == DNS else settings.registry_rate, self._dialer.exits,
                                          self._dialer.is_out),
                silence=Silence(PATIENCE * settings.timeout_s), lookups=settings.lookups,
                max_wait_s=settings.max_wait_s, deliver=self._deliver, left=self._left, stopping=self._stopping,
                given_up=lambda silence, reason: self._warn(given_up_text(host, silence, reason)))  # fmt: skip
        return self._queues[host]

    async def _ask(self, domain: str, number: int) -> Answer:
        """The DNS again where that is wanted, then the registry through this exit. Raises Refused."""
        if self._recheck and (found := await self._recheck.lookup(domain)):
            return found
        if bases := self._settings.bootstrap.find(domain):
            return await self._ask_rdap(bases, domain, number)
        if server := self._directory.whois_of(domain):
            return await whois.lookup(self._dialer, server, domain, self._settings.timeout_s, number)
        raise Refused(NO_REGISTRY.reason)

    async def _ask_rdap(self, bases: Sequence[str], domain: str, number: int) -> Answer:
        """The registry's servers in its order, the next one only where the one before cannot be reached."""
        get = partial(self._web.get, number=number)
        for base in bases[:-1]:
            try:
                return await rdap.lookup(get, base, domain)
            except Refused as refused:
                if refused.reason != "connection":
                    raise
        return await rdap.lookup(get, bases[-1], domain)


def given_up_text(host: str, silence: Silence, reason: str) -> str:
    """The one warning about a registry that is not asked any more."""
    place = host.partition("://")[2] or "the DNS"
    return (f"{place}: no reply to {silence.requests:,} requests in {silence.seconds:.0f} s ({reason}): given up, the "
            "rest of its names are unknown")  # fmt: skip


class Unbalanced(ScanError):
    """A line is missing or was written twice."""

    exit_code = EXIT_FAULT
