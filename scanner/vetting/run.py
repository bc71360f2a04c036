"""The vetting of a list: so many resolvers at one time, a line for each as it is done; signals end it early."""

import asyncio
import json
import os
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scanner.errors import ScanError
from scanner.scanning.sink import Sink
from scanner.signals import hear, typed_name
from scanner.status.console import Console
from scanner.transports.tls import tls_context
from scanner.vetting.examination import BURSTS, MEASURED, Common, Examination
from scanner.vetting.findings import Findings
from scanner.vetting.settings import Listed, Settings, ways_of
from scanner.vetting.status import Books, Status, in_words
from scanner.vetting.wildcards import wildcards

EXIT_UNREACHED = 3


@dataclass(frozen=True)
class Shape:
    """How it is told."""

    only_good: bool
    stats: str
    quiet: bool


def vet(listed: Sequence[Listed], read: int, settings: Settings, descriptor: int, shape: Shape) -> int:
    """A line for each on `descriptor`; returns the exit code. Raises ScanError."""
    console = Console()
    tls = context(listed, console)
    books = Books(read, len(listed))
    status = Status(books, console, is_drawn=console.is_terminal and not shape.quiet)
    vetting = Vetting(listed, settings, descriptor, shape, tls, books, status, console)
    code = asyncio.run(vetting.run())
    if shape.stats == "json":
        console.say(json.dumps(books.summary()))
    elif not shape.quiet:
        console.say(f"dnsscan: {in_words(books.summary())}")
        if vetting.stopped_by:
            console.say(f"dnsscan: stopped by {typed_name(vetting.stopped_by)}: what was not asked has no line")
    return code


def context(listed: Sequence[Listed], console: Console) -> ssl.SSLContext | None:
    """None where nothing is asked over TLS, or where it only might be and cannot. Raises ScanError."""
    if not any("tls" in ways_of(each) for each in listed):
        return None
    try:
        return tls_context()
    except ScanError as error:
        if any(each.resolver.scheme == "tls" for each in listed):
            raise
        console.warn(f"nothing is asked over TLS: {error}")
        return None


class Vetting:
    """From the first resolver to the last line."""

    def __init__(self, listed: Sequence[Listed], settings: Settings, descriptor: int, shape: Shape,
                 tls: ssl.SSLContext | None, books: Books, status: Status, console: Console) -> None:  # fmt: skip
        self._waiting: Iterator[Listed] = iter(listed)
        self._settings, self._shape, self._descriptor, self._tls = settings, shape, descriptor, tls
        self._workers = min(settings.at_once, len(listed))
        self._books, self._status, self._console = books, status, console
        self._in_flight: dict[int, Examination] = {}  # by the worker's number
        self._all: list[Findings] = []  # where suffixes are judged, which all together do
        self._held: list[Findings] = []  # that a wildcard may acquit
        self._given: set[str] = set()  # lines of --good
        self._reached = False
        self._signal = 0
        self._failure: ScanError | None = None

    @property
    def stopped_by(self) -> int:
        """The signal that ended it; 0 where none did."""
        return self._signal

    async def run(self) -> int:
        """Until all are vetted, or a signal; returns the exit code. Raises ScanError."""
        loop = asyncio.get_running_loop()
        self._room = asyncio.Event()
        self._room.set()
        self._sink = Sink(self._descriptor, behind=self._behind, failed=self._failed,
                          aside=self._console.aside_for(self._descriptor))  # fmt: skip
        hear(loop, self._signalled, self._status.say)
        drawing = loop.create_task(self._status.draw())
        common = Common(self._settings, self._tls, asyncio.Semaphore(MEASURED), asyncio.Semaphore(BURSTS), {})
        self._work = asyncio.gather(*(self._worker(number, common) for number in range(self._workers)))
        try:
            await self._work
        except asyncio.CancelledError:
            if not self._signal and self._failure is None:
                raise
            for examination in self._in_flight.values():
                self._done(examination.findings)
        finally:
            drawing.cancel()
        self._judge_suffixes()
        await self._sink.close()
        return self._exit_code()

    async def _worker(self, number: int, common: Common) -> None:
        for listed in self._waiting:
            await self._room.wait()
            findings = Findings(listed, self._settings.suffixes, timeout_s=self._settings.timeout_s)
            self._in_flight[number] = examination = Examination(findings, common)
            self._status.in_flight = len(self._in_flight)
            await examination.run()
            del self._in_flight[number]
            self._done(findings)

    # -- lines --

    def _done(self, findings: Findings) -> None:
        self._reached = self._reached or True in findings.ways.values()
        self._books.queries += findings.queries
        if self._settings.suffixes:
            self._all.append(findings)
        if findings.lies_about_suffixes_only:
            self._held.append(findings)
        else:
            self._write(findings)

    def _judge_suffixes(self) -> None:
        """When all have been asked: under a wildcard nobody has lied."""
        found = wildcards(self._all, self._settings.suffixes)
        for suffix in found:
            self._console.warn(f"--suffix {suffix}: most resolvers have an answer for names under it that nobody has: "
                               "taken for a wildcard, by which no resolver is judged")  # fmt: skip
        for findings in self._held:
            findings.honesty.wildcards.update(found)
            self._write(findings)

    def _write(self, findings: Findings) -> None:
        self._books.vetted += 1
        self._books.verdicts[findings.verdict] += 1
        line = findings.use if self._shape.only_good else json.dumps(findings.as_line(), separators=(",", ":"))
        if line is None or line in self._given:
            return
        if self._shape.only_good:
            self._given.add(line)
        self._books.written += 1
        self._sink.add(line.encode() + b"\n")

    # -- what happens --

    def _behind(self, is_behind: bool) -> None:
        self._room.clear() if is_behind else self._room.set()

    def _failed(self, error: ScanError) -> None:
        self._failure = self._failure or error
        self._work.cancel()

    def _signalled(self, number: int) -> None:
        if self._signal:
            os._exit(128 + number)  # the second: at once; what was written ends with a line
        self._signal = number
        self._work.cancel()

    def _exit_code(self) -> int:
        if self._failure is not None:
            raise self._failure
        if self._signal:
            return 128 + self._signal
        return 0 if self._reached else EXIT_UNREACHED
