"""The scan as a library: names from any iterable, typed results, by the same scan that the command runs.

The scan has a thread and a loop of its own, so that a consumer who computes for seconds makes no answer late. Names go
to it through one pipe and lines come back through another; these are the back-pressure. It never touches a signal,
stderr, a limit of the process, or a descriptor that it has not opened.
"""

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any, Literal

import orjson

from scanner.config.check import check_descriptors
from scanner.config.config import Config, from_table
from scanner.errors import ScanError
from scanner.results.output import Output
from scanner.scanning.run import EXIT_FAULT, Scan, drive
from scanner.scanning.source import in_loop

__all__ = ["ExtendedError", "Record", "Result", "ScanError", "Verdict", "scan", "scan_all"]

Name = str | bytes
Verdict = Literal["taken", "nxdomain", "error"]
KEYS = (
    "d", "s", "r", "ms", "re", "e", "x", "q", "n", "why", "t", "a", "ttl", "cn", "ans", "auth", "add", "soa", "sec",
    "fl", "ede", "nsid", "raw", "ns", "p", "ts", "us", "m",
)  # fmt: skip
"""Of a line."""

BLOCK = 64 * 1024  # octets read or written at once; what a pipe holds
BLOCK_S = 0.005  # a name waits no longer for others to be written with


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a response."""

    name: str | None  # its owner; None when that cannot be read
    ttl: int  # s
    type: str
    data: str  # presentation form; `\\# LENGTH HEX` of a type without one, and where it cannot be read


@dataclass(frozen=True, slots=True)
class ExtendedError:
    """What a resolver says of an answer (RFC 8914)."""

    code: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of one name (and type): the keys of an output line under longer names. `ms` is in milliseconds.

    What stands below `asked` is there on request: config key `fields`.
    """

    name: str  # as it was given, white space around it removed
    verdict: Verdict
    rcode: int | None  # of the last response; None when none came
    ms: int  # round trip of the attempt that was answered; for an error without a response, the whole time spent
    noerror: bool
    reason: str | None = None  # of the closed list, where there is one to give
    retries: int = 0  # attempts beyond the first
    asked: str | None = None  # the name in the query, when it differs from `name`
    number: int | None = None  # of the name among those given, from 1, empty ones counted
    why: str | None = None  # the reason in words, and the extended errors of the response
    type: str | None = None  # record type; always there when several were asked for
    answers: tuple[str, ...] | None = None  # rdata of the type asked at the end of the alias chain, presentation form
    ttl: int | None = None  # the least of these, s
    aliases: tuple[str, ...] | None = None  # targets of the alias chain, in order
    answer: tuple[Record, ...] | None = None  # whole sections
    authority: tuple[Record, ...] | None = None
    additional: tuple[Record, ...] | None = None
    soa: str | None = None  # the authority section's SOA: its data
    zone: str | None = None  # and its owner
    flags: str | None = None  # of the header
    errors: tuple[ExtendedError, ...] | None = None
    server: str | None = None  # its own identifier (RFC 5001)
    message: str | None = None  # the response, in base64
    resolver: str | None = None
    proxy: int | None = None  # its index; None when direct
    time: float | None = None  # when the result was known, seconds since 1970 UTC
    microseconds: int | None = None  # `ms`, finer
    metadata: str | None = None  # what stood beside the name (config key `columns`)

    @classmethod
    def from_line(cls, line: str | bytes) -> "Result":
        """The result of an output line. Raises ValueError or KeyError when it is none."""
        row = orjson.loads(line)
        if not isinstance(row, dict) or not isinstance(row["d"], str):
            raise ValueError("not a result: no object with a name")
        for key in LISTS.keys() & row.keys():
            row[key] = members(key, row[key])
        return cls(row["d"], row["s"], row["r"], row["ms"], row["re"], row.get("e"), row.get("x", 0),
                   *map(row.get, KEYS[7:]))  # fmt: skip

    def to_line(self) -> bytes:
        """The output line of this result, for `dnsscan report` and other readers of such lines. In ASCII, with its
        newline. What is None is left out, but for the RCODE."""
        row = {key: getattr(self, name) for key, name in zip(KEYS, self.__slots__, strict=True)}
        known = {key: value for key, value in row.items() if value is not None or key == "r"}
        if not self.retries:
            del known["x"]
        return json.dumps(known, separators=(",", ":"), default=asdict).encode("ascii") + b"\n"


LISTS: dict[str, type] = {
    "a": str, "cn": str, "ans": Record, "auth": Record, "add": Record, "ede": ExtendedError,
}  # fmt: skip
"""Keys that hold one, and what of."""


def members(key: str, found: Any) -> tuple[Any, ...] | None:
    """Of a list of a line. Raises ValueError where it is none, or of something else."""
    if found is None:
        return None
    kind = LISTS[key]
    if not isinstance(found, list) or not all(isinstance(each, str if kind is str else dict) for each in found):
        raise ValueError(f"not a result: {key} is not what it should be")
    try:
        return tuple(found if kind is str else (kind(**each) for each in found))
    except TypeError:
        raise ValueError(f"not a result: {key} is not what it should be") from None


def scan(names: Iterable[Name] | AsyncIterable[Name], config: Mapping[str, Any], *,
         warn: Callable[[str], None] | None = None) -> AsyncGenerator[Result, None]:  # fmt: skip
    """Scan `names`; one result for each (and type), in no order. To be used with `async for`, in any running loop.

    `names` are input lines: a newline at the end does not count, empty ones and `#` comments are passed over. They are
    asked for as they are needed, an ordinary iterable in the loop's thread. `config` has the keys of a configuration
    file. `warn` is called with each warning, one line; without it warnings are dropped.

    Raises ScanError, before anything is sent, when the configuration is wrong. What `names` raises comes out of the
    `async for`. Leaving it (break, an exception, cancellation, `aclose()`) stops the scan.
    """
    if isinstance(names, str | bytes):
        raise TypeError(f"names is an iterable of names, not one: [{names!r}]")
    settings = from_table(config, os.environ)
    if settings.format != "compact":
        raise ScanError("config: format: results of the library are objects, not lines; leave it out")
    check_descriptors(settings.workers, may_raise=False)
    return results(names, settings, warn)


def scan_all(names: Iterable[Name] | AsyncIterable[Name], config: Mapping[str, Any], *,
             warn: Callable[[str], None] | None = None) -> list[Result]:  # fmt: skip
    """`scan` for programs without a loop: `asyncio.run` of it, and all results at once."""

    async def collected() -> list[Result]:
        return [result async for result in scan(names, config, warn=warn)]

    return asyncio.run(collected())


async def results(names: Iterable[Name] | AsyncIterable[Name], config: Config,
                  warn: Callable[[str], None] | None) -> AsyncGenerator[Result, None]:  # fmt: skip
    """The results of one scan. However it is left, what it has opened and started is gone after that."""
    guest = Guest(config, names, warn)
    try:
        while block := await guest.read():
            for line in block.splitlines():
                yield Result.from_line(line)
    finally:
        await guest.close()
    guest.raise_failure()


class Guest:
    """One scan in a thread of its own, inside a program that has other things to do, and the pipes to and from it."""

    def __init__(self, config: Config, names: Iterable[Name] | AsyncIterable[Name],
                 warn: Callable[[str], None] | None):  # fmt: skip
        self._config, self._warn = config, warn
        self._home = asyncio.get_running_loop()
        self._torn = b""  # a line without its end
        self._news = asyncio.Event()  # lines came, or the scan has ended
        self._ended = False  # the scan, and all its lines are in the pipe
        self._left = False  # the consumer wants no more
        self._task: asyncio.Task[int] | None = None  # the scan's
        self._code = 0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="scan", daemon=True)
        with contextlib.ExitStack() as undo:  # for when a descriptor or the thread cannot be had
            self._names_out, self._names_in = pipe(undo)
            self._lines_out, self._lines_in = pipe(undo)
            os.set_blocking(self._names_in, False)
            os.set_blocking(self._lines_out, False)
            self._ours = {self._names_in, self._lines_out}  # ends not yet closed; the scan's thread closes the others
            self._thread.start()
            undo.pop_all()
        self._feeder = self._home.create_task(self._feed(names))
        self._feeder.add_done_callback(self._fed)

    # -- in the scan's thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._code = drive(self._main())
        except BaseException as error:  # raised again by raise_failure()
            self._error = error
        os.close(self._names_out)
        os.close(self._lines_in)
        in_loop(self._home, self._scan_ended, None)

    async def _main(self) -> int:
        self._task = asyncio.current_task()
        if self._left:
            return 0
        return await Scan(self._config, [self._names_out], Output(self._lines_in), host=self._tell).run()

    def _tell(self, warning: str) -> None:
        if self._warn is not None:
            in_loop(self._home, self._warn, warning)

    # -- in the program's ----------------------------------------------------------------------------------------

    def _scan_ended(self, _: None) -> None:
        self._ended = True  # beside the end of the pipe, which a forked child may hold open
        self._news.set()

    async def read(self) -> bytes:
        """Some whole lines; nothing when there will be no more."""
        await asyncio.sleep(0)  # where lines are always there, other tasks and a cancellation have their turn too
        while True:
            ended = self._ended
            try:
                octets = os.read(self._lines_out, BLOCK)
            except BlockingIOError:
                if ended:
                    return b""
                await self._lines_came()
                continue
            lines, _, self._torn = (self._torn + octets).rpartition(b"\n")
            if lines or not octets:
                return lines

    async def _lines_came(self) -> None:
        self._news.clear()
        self._home.add_reader(self._lines_out, self._news.set)
        try:
            await self._news.wait()
        finally:
            self._home.remove_reader(self._lines_out)

    async def _feed(self, names: Iterable[Name] | AsyncIterable[Name]) -> None:
        """Write the names as fast as the scan takes them."""
        if isinstance(names, AsyncIterable):
            async for name in names:
                if not await self._write(line_of(name)):
                    return
        else:
            for block in blocks(names):
                if not await self._write(block):
                    return
                await asyncio.sleep(0)
        if self._names_in in self._ours:
            self._close_end(self._names_in)

    async def _write(self, octets: bytes) -> bool:
        """True while the scan takes names. `names` may give some when all is closed, and the number is another's."""
        rest = memoryview(octets)
        while rest:
            if self._names_in not in self._ours:
                return False
            try:
                rest = rest[os.write(self._names_in, rest) :]
            except BlockingIOError:
                await self._room_came()
            except BrokenPipeError:
                return False
        return True

    async def _room_came(self) -> None:
        room = asyncio.Event()
        self._home.add_writer(self._names_in, room.set)
        try:
            await room.wait()
        finally:
            if self._names_in in self._ours:  # else the number may be another's by now
                self._home.remove_writer(self._names_in)

    def _fed(self, feeder: "asyncio.Task[None]") -> None:
        if not feeder.cancelled() and feeder.exception() is not None:
            self._leave()

    def _leave(self) -> None:
        """Have the scan end at once, wherever it is."""
        self._left = True  # set before the task is looked at: _main does it the other way round
        if self._task is not None:
            in_loop(self._task.get_loop(), asyncio.Task.cancel, self._task)

    def _close_end(self, descriptor: int) -> None:
        self._ours.remove(descriptor)
        self._home.remove_writer(descriptor)  # of a feeder that has not had its turn yet
        os.close(descriptor)

    async def close(self) -> None:
        """Stop the scan if it has not ended, and wait for it. Cancelled, it still frees what is ours, and the scan goes
        by itself."""
        self._feeder.cancel()
        self._leave()
        try:
            await asyncio.wait([self._feeder])
            while await self.read():
                pass
            self._thread.join()  # it has nothing left to do
        finally:
            for descriptor in tuple(self._ours):
                self._close_end(descriptor)

    def raise_failure(self) -> None:
        """Raise what ended the scan before all names had their results: what `names` raised, a ScanError, a bug."""
        fed = None if self._feeder.cancelled() else self._feeder.exception()
        if error := fed or self._error:
            raise error
        if self._code == EXIT_FAULT:
            raise RuntimeError("the books of the scan do not balance: this is a bug; please report it")


def pipe(undo: contextlib.ExitStack) -> tuple[int, int]:
    """A new pipe, which `undo` closes. Raises OSError."""
    ends = os.pipe()
    for end in ends:
        undo.callback(os.close, end)
    return ends


def blocks(names: Iterable[Name]) -> Iterator[bytes]:
    """The names as lines, many together where they come fast."""
    block, at = bytearray(), 0.0
    for name in names:
        block += line_of(name)
        if len(block) >= BLOCK or monotonic() >= at:
            yield bytes(block)
            block.clear()
            at = monotonic() + BLOCK_S
    yield bytes(block)


def line_of(name: Name) -> bytes:
    """The input line. A newline within the name becomes one in presentation form: one bad line, not two."""
    if not isinstance(name, str | bytes):
        raise TypeError(f"a name is str or bytes, not {type(name).__name__}")
    octets = name.encode("utf-8", "surrogatepass") if isinstance(name, str) else name
    return octets.removesuffix(b"\n").replace(b"\n", b"\\010") + b"\n"
