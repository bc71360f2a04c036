"""A scan in parts, from the plan to the books: what is missing is handed out, what comes back is added up."""

import contextlib
import os
import signal
import tempfile
import uuid
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from scanner.cluster.books import Total, fits, of_parts
from scanner.cluster.files import Folder, is_of_one_process
from scanner.cluster.part import Task
from scanner.cluster.plan import Plan, check_same
from scanner.cluster.scan import PartFailed
from scanner.cluster.warm import warm_up
from scanner.errors import ScanError
from scanner.results.parts import PLAN, part_name
from scanner.signals import ending, same_with_resume, stopped_text, typed_name
from scanner.status.console import Console
from scanner.text import hidden, two_digits

if TYPE_CHECKING:
    from scanner.cluster.engine import Parts  # half a second, which is not spent on what is refused

AHEAD = 4  # parts handed out for each that may run: a worker never waits for the next
RATE_OVER_S = 10.0
SAID_EVERY_S = 10.0
BOOKS = "books.json"
EXIT_FAULT = 1


def run(task: Task, *, scheduler: str | None, workers: int, resume: bool, quiet: bool) -> int:
    """Make every part that is not there; returns the exit code. Raises ScanError."""
    folder, console = Folder(task.folder), Console()
    folder.make()
    with folder.held():
        return run_in(folder, task, console, scheduler=scheduler, workers=workers, resume=resume, quiet=quiet)


def run_in(folder: Folder, task: Task, console: Console, *, scheduler: str | None, workers: int, resume: bool,
           quiet: bool) -> int:  # fmt: skip
    """The same, with a directory that is ours alone."""
    plan = task.plan
    sizes = prepare(plan, folder, resume=resume)
    total, began = Total(), monotonic()
    missing = still_missing(folder, plan, sizes, total)
    course = Course(plan, total, console, quiet)
    stopped = Stop()
    failed: dict[int, PartFailed] = {}
    if missing:
        with stopped.heard(), opened(task, scheduler, min(workers, len(missing)), course) as parts:
            course.welcome(len(missing), parts)
            failed = work(parts, missing, total, course, stopped)
    return finish(plan, folder, total, failed, monotonic() - began, course, stopped)


@contextlib.contextmanager
def opened(task: Task, scheduler: str | None, workers: int, course: "Course") -> Iterator["Parts"]:
    """The engine, which a local one begins with. Raises ScanError."""
    one_process = [url for url in (task.folder, *(file.url for file in task.plan.files)) if is_of_one_process(url)]
    if scheduler and one_process:
        raise ScanError(f"--scheduler: no other process sees {one_process[0]}")
    if not scheduler and not one_process:
        warm_up()
    from scanner.cluster.engine import Parts, local, remote

    engine = remote(scheduler, course.warn) if scheduler else local(workers, in_this_process=bool(one_process))
    with engine as client:
        yield Parts(client, task, f"dnsscan-{uuid.uuid4().hex[:8]}", course.told, course.warn)


def prepare(plan: Plan, folder: Folder, *, resume: bool) -> dict[str, int]:
    """The folder, with the plan in it; its files' octets by name. Raises ScanError."""
    where = hidden(folder.url)
    sizes = folder.sizes()
    if PLAN in sizes:
        if not resume and len(sizes) > 1:  # with nothing but a plan there is nothing to go on with
            raise ScanError(f"-o {where} holds a scan; use --resume to go on with it, or name another directory")
        check_same(plan, folder.read(PLAN), f"{where}/{PLAN}")
    elif sizes:
        raise ScanError(f"-o {where} is not empty; name another directory")
    else:
        with tempfile.TemporaryDirectory(prefix="dnsscan-") as scratch:
            folder.write(PLAN, plan.as_table(), Path(scratch))
    return sizes


def still_missing(folder: Folder, plan: Plan, sizes: dict[str, int], total: Total) -> list[int]:
    """The parts that are not there; the others are added up."""
    there = [number for number in range(plan.count) if f"{part_name(number)}.json" in sizes]
    for number, books in zip(there, folder.read_all([f"{part_name(number)}.json" for number in there]), strict=True):
        if fits(books, plan, number, sizes):
            total.add(books)
    return [number for number in range(plan.count) if number not in total.parts]


def work(parts: "Parts", missing: list[int], total: Total, course: "Course", stopped: "Stop") -> dict[int, PartFailed]:
    """Hand out and take back until all are back, or the user wants no more; those that failed."""
    waiting = deque(missing)
    failed: dict[int, PartFailed] = {}
    while (waiting or parts.in_hand) and not stopped.number:
        workers = len(parts.workers)
        while waiting and parts.in_hand < AHEAD * max(workers, 1):
            parts.hand_out(waiting.popleft())
        for number, outcome in parts.back():
            if not isinstance(outcome, PartFailed):
                total.add(outcome)
                course.done(number, outcome)
            elif not (outcome.no_room and any(failure.no_room for failure in failed.values())):  # once is enough
                failed[number] = outcome
                course.failed(number, outcome)
        if parts.is_full:  # every other part would be scanned for nothing
            break
        course.tick(workers)
    if waiting or parts.in_hand:
        parts.stop()
    return failed


def finish(plan: Plan, folder: Folder, total: Total, failed: dict[int, PartFailed], seconds: float, course: "Course",
           stopped: "Stop") -> int:  # fmt: skip
    """The books written and told; the exit code."""
    folder.tidy()
    with tempfile.TemporaryDirectory(prefix="dnsscan-") as scratch:
        reasons = {number: failure.reason for number, failure in failed.items()}
        folder.write(BOOKS, total.as_table(plan, reasons, seconds), Path(scratch))
    course.summary(seconds)
    whole = len(total.parts) == plan.count
    if stopped.number:
        course.say(stopped_text(typed_name(stopped.number), same_with_resume(forced=False)))
        return 128 + stopped.number
    if whole:
        faults = total.faults(plan)
        for fault in faults:
            course.say(f"the books do not balance: {fault}")
        return EXIT_FAULT if faults else 0
    missing = set(range(plan.count)) - total.parts
    course.say(f"not there: {of_parts(missing, plan.count)}; the same command with --resume tries them again")
    codes = {failure.exit_code for failure in failed.values()}
    return codes.pop() if len(codes) == 1 else EXIT_FAULT


class Stop:
    """The signal that the user stops the scan with; 0 = none yet."""

    def __init__(self) -> None:
        self.number = 0

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Within this, a signal is only noted; the second leaves at once."""
        before = {number: signal.signal(number, self._hear) for number in ending()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, _: object) -> None:
        if self.number:
            os._exit(128 + number)
        self.number = number


class Course:
    """How the scan is doing, on stderr: a line that is drawn on a terminal, else written now and then."""

    def __init__(self, plan: Plan, total: Total, console: Console, quiet: bool):
        self._plan, self._total, self._console, self._quiet = plan, total, console, quiet
        self._running: dict[int, int] = {}  # lines of parts that are not back
        self._seen: deque[tuple[float, int]] = deque([(monotonic(), self._lines())])
        self._next_at = monotonic()
        self._failures = 0

    def told(self, number: int, lines: int) -> None:
        """A part has so many lines now. In a thread of the engine's."""
        if number not in self._total.parts:
            self._running[number] = lines

    def welcome(self, missing: int, parts: "Parts") -> None:
        """What is about to happen."""
        if not parts.workers:
            self.warn("no worker is there yet; waiting for one")
        there = f", {self._plan.count - missing:,} there already" if missing < self._plan.count else ""
        seen = f"; dashboard {parts.dashboard}" if parts.dashboard else ""
        self._note(f"{self._plan.count:,} parts{there}; {len(parts.workers):,} workers{seen}")

    def done(self, number: int, books: dict[str, Any]) -> None:
        """A part is there."""
        self._running.pop(number, None)
        for warning in books["warnings"]:
            self._console.warn(warning)

    def failed(self, number: int, failure: PartFailed) -> None:
        """A part has failed, as often as it may."""
        self._running.pop(number, None)
        self._failures += 1
        self._console.warn(f"{part_name(number)}: {failure.reason}")

    def tick(self, workers: int) -> None:
        """Draw the line, or write it, when it is time for that."""
        now = monotonic()
        self._seen.append((now, self._lines()))
        while self._seen[1][0] < now - RATE_OVER_S:
            self._seen.popleft()
        if self._quiet or now < self._next_at:
            return
        text = self._text(workers)
        if self._console.is_terminal:
            self._console.draw(text[: self._console.columns - 1])
        else:
            if now > self._seen[0][0]:
                self._console.note(text)
            self._next_at = now + SAID_EVERY_S

    def warn(self, text: str) -> None:
        """Something that the user should know."""
        self._console.warn(text)

    def summary(self, seconds: float) -> None:
        """The books in one line."""
        if self._quiet:
            return
        counts, parts = self._total.counts, len(self._total.parts)
        blank = f" + blank {counts['blank']:,}" if counts["blank"] else ""
        self.say(f"{parts:,} of {self._plan.count:,} parts; read {counts['read']:,} = "
                 f"written {counts['written']:,}{blank}; "
                 f"taken {counts['taken']:,}, nxdomain {counts['nxdomain']:,}, error {counts['error']:,}; "
                 f"{counts['queries']:,} queries; {seconds:.1f} s")  # fmt: skip

    def say(self, text: str) -> None:
        """A line that is always written."""
        self._console.say(f"dnsscan: {text}")

    def _note(self, text: str) -> None:
        if not self._quiet:
            self._console.note(text)

    def _text(self, workers: int) -> str:
        (then, before), (now, lines) = self._seen[0], self._seen[-1]
        rate = two_digits((lines - before) / (now - then)) if now > then else "0"
        failed = f"  {self._failures:,} failed" if self._failures else ""
        parts = f"{len(self._total.parts):,} of {self._plan.count:,} parts{failed}"
        return f"{parts}  {rate}/s  {lines:,} lines  {workers:,} workers"

    def _lines(self) -> int:
        return self._total.counts["written"] + sum(list(self._running.values()))
