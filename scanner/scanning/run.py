"""The scan: joins source, engines and sink, and owns the order in which they start and stop."""

import asyncio
import contextlib
import os
import signal
import ssl
from collections.abc import Callable, Coroutine, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import uvloop

from scanner.config.config import Config
from scanner.errors import InputEndedEarly, ReaderGone, ScanError
from scanner.input.hints import FirstLines
from scanner.model import REASONS
from scanner.native.clock import Clock
from scanner.native.limits import Budget
from scanner.results.output import Output
from scanner.scanning.build import columns_for, lines_name_resolvers
from scanner.scanning.engines import Engines
from scanner.scanning.handover import Handover, handover_for
from scanner.scanning.packed import sniff
from scanner.scanning.patience import Patience
from scanner.scanning.sink import Sink
from scanner.scanning.source import Source, in_loop
from scanner.scanning.splitter import AHEAD, Splitter
from scanner.scanning.suffixes import NEAR_OCTETS, Suffixes, names_in, near_name
from scanner.scanning.vetting import Questions, Vetting
from scanner.signals import STOPPING, hear, no_status_signals, same_with_resume, stopped_text, typed_name
from scanner.status.console import Console, is_terminal
from scanner.status.reporters import Reporters
from scanner.status.view import View, finished
from scanner.transports.dial import DialLimits
from scanner.transports.dial_error import DialError
from scanner.transports.tls import tls_context

if TYPE_CHECKING:
    from scanner.registry.registry import Registry

TICK_S = 0.05
TICK_PACED_S = 0.01  # while a rate limits what is sent
DIAL_TIMEOUTS = 2.5  # attempts' time that opening a connection may take
DIALS_AT_ONCE = 512
CANARY_GRACE_S = 0.5  # for the question before the scan, when the scan was the quicker one
FAIL_AT_ONCE = 10_000  # names of each engine given up in one tick when nothing can be reached
EXIT_FAULT, EXIT_UNREACHED, EXIT_BUDGET = 1, 3, 5


def run(config: Config, sources: Sequence[int], output: Output) -> int:
    """Scan the names of `sources` (descriptors, in order) into `output`; returns the exit code. Raises ScanError."""
    return drive(Scan(config, sources, output).run())


def drive(work: Coroutine[None, None, int]) -> int:
    """Run to the end, in a loop of its own."""
    loop = uvloop.new_event_loop()
    try:
        return int(loop.run_until_complete(work))
    finally:  # not by asyncio.Runner, which needs new descriptors to end a loop: there may be none
        with no_status_signals():
            loop.close()


class Scan:
    """One run, from the first chunk to the summary.

    `host` is given when the scan is a guest in another program: it hears the warnings, and stderr and the signals are
    left alone."""

    def __init__(self, config: Config, sources: Sequence[int], output: Output,
                 host: Callable[[str], None] | None = None):  # fmt: skip
        self._config, self._sources, self._output, self._host = config, sources, output, host
        self._console = Console(host)
        self._tls = tls_for(config)
        self._resolvers = list(config.resolvers)  # and those that are found
        self._view = View(config.proxies, self._resolvers)
        self._reporters = Reporters(config, self._view, self._console, [*sources, output.descriptor],
                                    is_typed=any(map(is_terminal, sources)))  # fmt: skip
        self._clock = Clock()
        self._patience = Patience(config.deadline_ms / 1000, self._clock())
        self._budget = Budget(config.max_queries) if config.max_queries else None
        self._ended = asyncio.Event()
        self._arrived = asyncio.Event()  # input, its end, or the scan's
        self._how = Ending()
        self._first_chunk = True
        columns = columns_for(config)
        self._name_span = columns.name_span if columns else None
        self._first_lines = FirstLines(self._console.warn, ptr=config.ptr, name_span=self._name_span)
        self._suffixes, self._near = Suffixes(self._name_span), ""
        self._vetting: Vetting | None = None  # from the first name on
        self._registry: Registry | None = None
        self._handover: Handover | None = None
        self._trouble = REASONS.index("timeout")  # what last kept a connection from being opened
        self._connections = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> int:
        """Start everything, wait for the end, stop everything."""
        self._reporters.start()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._call_failed)
        limits = DialLimits(asyncio.Semaphore(DIALS_AT_ONCE), DIAL_TIMEOUTS * self._config.timeout_ms / 1000, self._tls)
        self._engines = Engines(
            self._config, self._resolvers, self._output.answered, self._budget, limits, room_made=self._room_made,
            deliver=self._deliver, changed=self._look_at_end, fault=self._fault, warn=self._console.warn,
            dial_failed=self._dial_failed,
        )  # fmt: skip
        if self._config.at_registry:
            from scanner.scanning.registry import registry_for  # with dnspython, which takes its time

            self._registry = registry_for(self._config, self._engines, limits, self._budget, self._console.warn)
            self._engines.want = self._registry.want
        self._handover = handover_for(self._engines.pace) if self._host is None else None
        self._splitter = Splitter(list(self._engines.takers), lambda: self._source.room_made(), self._engines.others)
        self._source = Source(self._sources, lambda chunk: in_loop(loop, self._feed, chunk),
                              lambda trouble: in_loop(loop, self._input_ended, trouble),
                              ahead=AHEAD * len(self._engines.takers), blocks=self._config.ptr,
                              name_span=self._name_span)  # fmt: skip
        self._sink = Sink(self._output.descriptor, behind=self._behind, failed=self._fail, fsync_s=self._config.fsync,
                          aside=self._console.aside_for(self._output.descriptor))  # fmt: skip
        self._view.begin(list(self._engines), self._source)
        if self._host is None:
            hear(loop, self._signalled, self._reporters.status)
        if self._config.max_time:
            loop.call_later(self._config.max_time, self._use_up, "max-time")
        self._welcome()
        try:
            self._source.start()
            self._tasks.append(loop.create_task(self._tick()))
            await self._scan(limits)
        finally:
            await self._close()
        return self._exit_code()

    async def _scan(self, limits: DialLimits) -> None:
        """No packet leaves before there is a name to ask (or the end)."""
        while not (any([engine.prepare() for engine in self._engines]) or self._ended.is_set()):
            self._look_at_end()
            self._arrived.clear()
            await self._arrived.wait()
        if self._engines.is_done:
            return
        vetting = self._vetting = self._new_vetting(limits)
        self._view.state_of = vetting.state_of
        canaries = asyncio.create_task(vetting.ask(self._suffixes.all, self._near))
        self._tasks += [canaries, asyncio.create_task(self._watch(canaries, vetting))]
        if self._config.strict:
            await canaries
        if not self._ended.is_set():
            for engine in self._engines:
                engine.start()
        await self._ended.wait()
        if self._how.error is None and not self._how.signal:
            await vetting.finish(canaries, CANARY_GRACE_S)

    def _new_vetting(self, limits: DialLimits) -> Vetting:
        """It asks each resolver for names of known answer: before its first name, and during the scan."""
        config = self._config
        questions = Questions(config.types, config.canaries, config.canary_every)
        authorities = {index for route in config.routes if route.authoritative for index in route.resolvers}
        trusted = {index for route in config.routes if route.trusted for index in route.resolvers}
        return Vetting(config.resolvers, config.proxies, limits, questions, self._engines, routes=self._engines.routes,
                       authorities=authorities, trusted=trusted, proving=self._engines.proving,
                       warn=self._console.warn, failed=self._not_passed,
                       stranded=self._engines.streams.pool.exchange.trouble)  # fmt: skip

    async def _watch(self, canaries: "asyncio.Task[None]", vetting: Vetting) -> None:
        """Ask on, once the first have their answers."""
        try:
            await asyncio.shield(canaries)
            if self._config.canary_every:
                await vetting.watch(lambda: self._suffixes.all)
        except Exception as fault:  # raised again by run()
            self._fault(fault)

    def _not_passed(self, text: str) -> None:
        """A resolver has lied, or did not finish what it was asked before the scan."""
        if self._config.strict:
            self._fail(UselessResolver(text + ": not scanned, because of --strict"))

    def _welcome(self) -> None:
        for warning in (*self._config.warnings, *self._output.warnings):
            self._console.warn(warning)
        if 0 in self._sources and is_terminal(0) and not self._config.quiet:
            self._console.warn("reading names from the terminal; end with Ctrl-D")

    # -- what happens --------------------------------------------------------------------------------------------

    def _feed(self, chunk: bytes) -> None:
        if self._first_chunk:
            self._first_chunk = False
            self._near = near_name(names_in(chunk[:NEAR_OCTETS], self._name_span))
            if warning := sniff(chunk, self._fail):
                self._console.warn(warning)
                self._first_lines.leave()
        if self._how.error is None:
            self._first_lines.feed(chunk)
            self._suffixes.see(chunk)
            self._engines.see(chunk)
            self._splitter.feed(chunk)
            self._input_moved()

    def _input_ended(self, trouble: str | None) -> None:
        self._how.input_read = not (self._how.signal or self._how.budget) and trouble is None
        if self._registry is not None:
            self._registry.input_ended()
        self._splitter.end()
        self._how.trouble = trouble
        if self._how.input_read:
            self._first_lines.end()
        self._input_moved()

    def _room_made(self) -> None:
        self._splitter.split()
        self._input_moved()

    def _input_moved(self) -> None:
        """There is more of it, or it has ended."""
        self._arrived.set()
        self._engines.wake()

    def _deliver(self, block: bytes) -> None:
        self._sink.add(block)

    def _behind(self, behind: bool) -> None:
        self._engines.order(lambda pool, now: pool.hold(now) if behind else pool.release(now))
        if not behind:
            self._patience.rest(self._clock())
            self._engines.wake()

    def _fail(self, error: ScanError) -> None:
        """Nothing more can be done: leave."""
        self._how.error = self._how.error or error
        self._end()

    def _fault(self, fault: BaseException) -> None:
        """A bug: it must not become a scan that never ends."""
        self._how.fault = self._how.fault or fault
        self._end()

    def _signalled(self, number: int) -> None:
        if self._how.signal:
            os._exit(128 + number)  # the second: at once; what was written ends with a line
        self._how.signal = number
        if number == signal.SIGINT and self._config.stats == "text" and not self._config.quiet:
            self._console.note(STOPPING)
        self._stop_reading()
        self._engines.order(lambda pool, _: pool.stop())

    def _use_up(self, budget: str) -> None:
        """Stop reading; attempts under way may end, and what needs more than that is left for another run."""
        if self._how.signal or self._how.budget or self._ended.is_set():
            return
        self._how.budget = budget
        self._stop_reading()
        self._engines.order(lambda pool, _: pool.leave())

    def _stop_reading(self) -> None:
        self._source.stop()
        self._splitter.stop()
        if self._engines.proving is not None:
            self._engines.proving.is_hurried = True
        self._arrived.set()

    def _look_at_end(self) -> None:
        self._arrived.set()  # before the start: lines were taken, and the next ones may be looked at
        if self._engines.is_done:
            self._end()

    def _end(self) -> None:
        self._ended.set()
        self._arrived.set()

    def _dial_failed(self, error: DialError) -> None:
        self._engines.streams.pool.exchange.trouble()
        self._trouble = REASONS.index(error.reason)
        self._console.trouble(str(error))

    def _call_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A bug, or no memory, in what the loop called: it must not go on as if nothing had happened."""
        fault = context.get("exception")
        if fault is None or isinstance(fault, OSError):
            loop.default_exception_handler(context)
            return
        self._fault(fault)

    # -- time ----------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        try:
            while True:
                await asyncio.sleep(TICK_PACED_S if self._engines.is_paced else TICK_S)
                self._turn(self._clock())
        except Exception as fault:  # raised again by run(): a bug must not become a scan that never ends
            self._fault(fault)

    def _turn(self, now: float) -> None:
        """What time brings: attempts and jobs that run out, refusing resolvers, giving up, reports, the end."""
        self._engines.tick()
        if self._registry is not None:
            self._registry.tick()
        self._splitter.resting = self._engines.balance()
        self._splitter.split()
        if any(engine.pool.held for engine in self._engines):
            self._patience.rest(now)
        elif self._patience.is_over(list(self._engines), now):
            self._give_up()
        if self._budget is not None and self._budget.used_up:
            self._use_up("max-queries")
        if self._handover is not None and self._how.input_read and (left := self._engines.names_left) is not None:
            self._handover.last_names(left, self._engines.most)
        self._reporters.tick(monotonic())
        self._look_at_end()

    def _give_up(self) -> None:
        """Names that wait get their line all the same."""
        reports = [engine.report for engine in self._engines]
        self._how.unreached = self._how.unreached or any(report.live_first or report.waits for report in reports)
        self._engines.order(lambda pool, now: pool.fail(self._trouble, now, FAIL_AT_ONCE, self._patience.silent_s))

    # -- the end -------------------------------------------------------------------------------------------------

    async def _close(self) -> None:
        self._connections = sum(engine.live for engine in self._engines)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._registry is not None:
            await self._registry.close()
        await self._engines.close()
        if self._handover is not None:
            self._handover.close()
        if not isinstance(self._how.error, ReaderGone) and self._how.fault is None:
            await self._sink.close()
        self._source.close()
        await self._reporters.close(self._how.word)

    def _is_partial(self) -> bool:
        """True when some input has no line."""
        pools = [engine.pool for engine in self._engines]
        return (not self._how.input_read or self._splitter.cut_short
                or any(pool.cut_short or pool.books.count("unfinished") for pool in pools))  # fmt: skip

    def _stopped_by(self) -> str:
        """What ended the scan before its input did, and how to go on; empty where nothing did."""
        how = self._how
        if not (how.signal or how.budget) or not self._is_partial():
            return ""
        by = f"--{how.budget}" if how.budget else typed_name(how.signal)
        if not self._output.is_file:
            return stopped_text(by, "with --output FILE, --resume goes on where a scan was stopped")
        may_resume = self._config.format != "names"
        return stopped_text(by, same_with_resume(forced=self._output.is_forced) if may_resume else "")

    def _exit_code(self) -> int:
        how = self._how
        if how.fault is not None:
            raise how.fault
        if how.error is not None:
            raise how.error
        self._reporters.summarize(self._connections, self._stopped_by())
        books = self._view.books()
        if not balanced(books):
            self._console.warn("the books do not balance: this is a bug; please report it")
            return EXIT_FAULT
        if books["uncompared"]:
            self._console.warn(uncompared_text(books["uncompared"]))
        if how.trouble is not None:
            raise InputEndedEarly(f"input ended early after {books['read']:,} lines: {how.trouble}")
        if how.signal:
            return 128 + how.signal
        if how.budget and self._is_partial():
            return EXIT_BUDGET
        if self._config.strict and self._vetting is not None and self._vetting.has_convicted:
            return EXIT_UNREACHED
        return EXIT_UNREACHED if how.unreached or nothing_answered(books) else 0


def tls_for(config: Config) -> ssl.SSLContext | None:
    """Where it is asked for; and where a line may ask for it, if there can be any. Raises ScanError."""
    if any(resolver.scheme == "tls" for resolver in config.resolvers):
        return tls_context()
    with contextlib.suppress(ScanError):
        return tls_context() if lines_name_resolvers(config) else None
    return None


class Ending:
    """What ended a scan, or will."""

    def __init__(self) -> None:
        self.error: ScanError | None = None
        self.fault: BaseException | None = None  # a bug
        self.signal = 0
        self.budget = ""  # the one that is used up
        self.input_read = False  # to its end, by the source
        self.trouble: str | None = None  # why input ended early
        self.unreached = False  # names were given up because nothing could be reached

    @property
    def word(self) -> str:
        """In one word, for other programs."""
        if self.error is not None or self.fault is not None or self.trouble is not None:
            return "error"
        return signal.Signals(self.signal).name if self.signal else self.budget or "input"


class UselessResolver(ScanError):
    """A resolver invents answers, has none, or leaves what it is asked unanswered, and the user wants none of that."""

    exit_code = EXIT_UNREACHED


def balanced(books: Mapping[str, Any]) -> bool:
    """The books of a finished scan: every line read has its lines written or left out, and the verdicts
    add up."""
    verdicts = books["taken"] + books["nxdomain"] + books["error"]
    done = finished(books)
    return bool(done == verdicts and done + books["unfinished"] == books["expected"])


def uncompared_text(names: int) -> str:
    """Whether a wildcard answers for them is not known."""
    one = names == 1
    return (f"{names:,} {'name exists' if one else 'names exist'} perhaps by a wildcard only: the random names asked "
            f"beside {'it' if one else 'them'} got no answer")  # fmt: skip


def nothing_answered(books: Mapping[str, Any]) -> bool:
    """True when there were names to ask and not one response came."""
    asked = finished(books) - books["reasons"].get("badname", 0) - books["reasons"].get("special", 0)
    return bool(asked > 0 and books["responses"] == 0)
