"""The scan: joins source, names, workers and sink, and owns the order in which they start and stop."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import uvloop

from scanner.config.config import Config
from scanner.errors import InputEndedEarly, ReaderGone, ScanError
from scanner.model import REASONS
from scanner.native.clock import Clock
from scanner.native.names import Aside, Names
from scanner.native.session import Session
from scanner.native.udp import Engine
from scanner.parts import engine_for, names_for, tags_for, ways_for
from scanner.results.output import Output
from scanner.signals import hear
from scanner.sink import Sink
from scanner.source import Source, in_loop
from scanner.status.console import Console, is_terminal
from scanner.status.reporters import Reporters as Tellers
from scanner.status.view import View as Watch
from scanner.transports.stream import tls_context
from scanner.transports.trouble import Trouble
from scanner.workers.crew import Crew
from scanner.workers.datagrams import Datagrams
from scanner.workers.dealer import AHEAD, Dealer
from scanner.workers.lane import Lane
from scanner.workers.probe import rewrites
from scanner.workers.way import Way
from scanner.workers.worker import Openings, work

TICK_S = 0.05
TICK_PACED_S = 0.01  # while a rate limits what is sent
OPENING_TIMEOUTS = 2.5  # attempts' time that opening a connection may take
OPENINGS_AT_ONCE = 512
PROBE_GRACE_S = 0.5  # for the question before the scan, when the scan was the quicker one
OUTAGE_S = 30  # without an answer, after which resolvers that have answered are given up
FAIL_AT_ONCE = 10_000  # names given up in one tick when nothing can be reached
PACKED = {b"\x1f\x8b": ("gzip", "zcat"), b"\x28\xb5\x2f\xfd": ("zstd", "zstdcat"), b"BZh": ("bzip2", "bzcat"),
          b"\xfd7zXZ": ("xz", "xzcat"), b"PK\x03\x04": ("zip or xlsx", "unzip -p")}  # fmt: skip
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
        loop.close()


class Scan:
    """One run, from the first chunk to the summary.

    `host` is given when the scan is a guest in another program: it is told the warnings, and stderr and the signals are
    left alone."""

    def __init__(self, config: Config, sources: Sequence[int], output: Output,
                 host: Callable[[str], None] | None = None):  # fmt: skip
        self._config = config
        self._sources = sources
        self._output = output
        self._host = host
        self._tls = tls_context() if any(resolver.scheme == "tls" for resolver in config.resolvers) else None
        self._clock = Clock()
        self._names = names_for(config, lambda: self._dealer.deal(), output.answered)
        self._dealer = Dealer(self._names, lambda: self._source.room_made(), config.threads)
        self._lanes: list[Lane] = []
        self._console = Console(host)
        self._watch = Watch(config.proxies, config.resolvers)
        self._watch.pools.append(self._names)
        self._tellers = Tellers(config, self._watch, self._console, [*sources, output.descriptor])
        self._ended = asyncio.Event()
        self._arrived = asyncio.Event()  # input, its end, or the scan's
        self._error: ScanError | None = None
        self._fault: BaseException | None = None  # a bug
        self._signal = 0
        self._budget = ""  # the one that is used up
        self._input_read = False  # to its end, by the source
        self._first_chunk = True
        self._unreached = False  # names were given up because nothing could be reached
        self._quiet_since = self._clock()  # no name was waiting, or the output was behind
        self._trouble = REASONS.index("timeout")  # what last kept a connection from being opened
        self._connections = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._datagrams: Datagrams | None = None

    async def run(self) -> int:
        """Start everything, wait for the end, stop everything."""
        self._tellers.start()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._call_failed)
        self._source = Source(self._sources, lambda chunk: in_loop(loop, self._feed, chunk),
                              lambda trouble: in_loop(loop, self._input_ended, trouble),
                              ahead=AHEAD * self._config.threads)  # fmt: skip
        self._sink = Sink(self._names.lines, self._output.descriptor, behind=self._behind, failed=self._fail,
                          flushed=self._flushed, fsync_s=self._config.fsync)  # fmt: skip
        self._crew = Crew(self._names, self._sink, self._clock)
        if self._host is None:
            hear(loop, self._signalled, self._tellers.status)
        if self._config.max_time:
            loop.call_later(self._config.max_time, self._use_up, "max-time")
        self._welcome()
        self._crews = self._watch.crews  # one list
        self._crews.append(self._crew)
        self._ways = ways_for(self._config)
        self._watch.source = self._source
        self._source.start()
        self._tasks.append(loop.create_task(self._tick()))
        try:
            await self._until_names()
            openings = self._openings()
            if not self._names.done:
                probe = loop.create_task(self._probe(openings))
                self._tasks.append(probe)
                if self._config.strict:
                    await probe
                if not self._ended.is_set():
                    self._hire(openings)
                await self._ended.wait()
                if self._error is None and not self._signal:
                    await asyncio.wait([probe], timeout=PROBE_GRACE_S)
        finally:
            await self._close()
        return self._exit_code()

    async def _until_names(self) -> None:
        """No packet leaves before there is a name to ask (or the end)."""
        while not (self._names.available or self._ended.is_set()):
            self._sink.poke()
            self._arrived.clear()
            await self._arrived.wait()

    def _openings(self) -> Openings:
        return Openings(asyncio.Semaphore(OPENINGS_AT_ONCE), OPENING_TIMEOUTS * self._config.timeout_ms / 1000,
                        self._tls, self._note_trouble)  # fmt: skip

    async def _probe(self, openings: Openings) -> None:
        """Ask each resolver, once, for names that nobody has."""
        ways = {way.resolver: way for way in self._ways.values()}
        for way, invented in zip(ways.values(), await asyncio.gather(
                *(rewrites(way, openings) for way in ways.values())), strict=True):  # fmt: skip
            if invented:
                text = f"{way.resolver} answers names that do not exist (NXDOMAIN rewriting)"
                self._console.warn(text)
                if self._config.strict:
                    self._fail(ResolverRewrites(text + ": not scanned, because of --strict"))

    def _welcome(self) -> None:
        for warning in (*self._config.warnings, self._output.warning):
            if warning:
                self._console.warn(warning)
        if 0 in self._sources and is_terminal(0) and not self._config.quiet:
            self._console.warn("reading names from the terminal; end with Ctrl-D")

    def _hire(self, openings: Openings) -> None:
        """One task for each worker; worker i has proxy i % M for life."""
        config, ways = self._config, self._ways
        proxies, resolvers = max(len(config.proxies), 1), len(config.resolvers)
        self._names.workers, self._names.exits, self._names.resolvers = config.workers, proxies, resolvers
        for way in ways.values():
            way.peer.replaceable = resolvers > 1
        streams = [r for r, resolver in enumerate(config.resolvers) if resolver.scheme != "udp"]
        if len(streams) < resolvers:
            self._datagrams = self._start_datagrams([ways[0, r] for r in range(resolvers - len(streams))], openings)
            self._watch.engines = self._datagrams.engines
            for _ in range(config.threads - 1):
                self._datagrams.engines.append(self._start_lane())
        for index in range(config.workers if streams else 0):
            way = ways[index % proxies, streams[(index // proxies + index % proxies) % len(streams)]]
            session = Session(self._names, way.peer, window=config.pipeline, timeout_s=config.timeout_ms / 1000,
                              worker=index, exit=way.exit_index, resolver=way.resolver_index,
                              tags=tags_for(way, config.fields))  # fmt: skip
            self._employ(work(session, way, self._crew, openings))
        self._watch.ways.extend(way for way in ways.values() if way.peer.tally is not None)  # those that are used

    def _employ(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.append(asyncio.create_task(work))
        self._tasks[-1].add_done_callback(self._worker_left)

    def _start_datagrams(self, ways: list[Way], openings: Openings) -> Datagrams:
        """The UDP engine; for names that a datagram cannot answer, streams to the same resolver."""
        config = self._config
        timeout_s = config.timeout_ms / 1000

        def follow(way: Way, aside: Aside) -> None:
            crew = Crew(aside, self._sink, self._clock)
            self._crews.append(crew)
            session = Session(self._names, way.peer, timeout_s=timeout_s, worker=len(self._tasks),
                              resolver=way.resolver_index, tags=tags_for(way, config.fields), aside=aside)  # fmt: skip
            self._employ(work(session, way, crew, replace(openings, trouble=partial(lost, aside))))

        def lost(aside: Aside, trouble: Trouble) -> None:
            self._note_trouble(trouble)
            aside.give_back(REASONS.index(trouble.reason), self._clock())

        engine = engine_for(config, self._names, ways)
        return Datagrams(self._names, self._sink, self._clock, engine, ways, follow=follow, warn=self._console.warn)

    def _start_lane(self) -> Engine:
        """One more UDP engine beside the loop's; names that need a stream come back from it."""
        loop = asyncio.get_running_loop()
        names = names_for(
            self._config, lambda: in_loop(loop, lambda _: self._dealer.deal(), None), self._output.answered, lends=True
        )
        ways = list(ways_for(self._config).values())
        for way in ways:
            way.peer.replaceable = len(ways) > 1
        names.resolvers = len(ways)
        lane = Lane(names, engine_for(self._config, names, ways), ways,
                    deliver=lambda: in_loop(loop, self._collect, lane),
                    lend=lambda letters: in_loop(loop, self._adopt, letters),
                    left=lambda fault: in_loop(loop, self._lane_left, (lane, fault)))  # fmt: skip
        self._lanes.append(lane)
        self._watch.pools.append(names)
        self._watch.ways.extend(ways)
        self._dealer.takers.append(names)
        lane.start()
        self._dealer.deal()
        return lane.engine

    def _collect(self, lane: Lane) -> None:
        for block in lane.collect():
            self._sink.add(block)

    def _adopt(self, letters: list[list[bytes]]) -> None:
        self._names.adopt(letters)
        self._wake()

    def _lane_left(self, what: tuple[Lane, BaseException | None]) -> None:
        lane, fault = what
        self._collect(lane)
        lane.ended = True
        if fault is not None:
            self._fault = self._fault or fault
            self._end()
        self._sink.poke()

    def _wake(self) -> None:
        """Names may be sent: to all who send."""
        for crew in self._crews:
            crew.wake()
        if self._datagrams is not None:
            self._datagrams.wake()

    # -- what happens --------------------------------------------------------------------------------------------

    def _feed(self, chunk: bytes) -> None:
        if self._first_chunk:
            self._first_chunk = False
            self._sniff(chunk)
        if self._error is None:
            self._dealer.feed(chunk)
            self._arrived.set()
            self._wake()

    def _sniff(self, chunk: bytes) -> None:
        """Look at the first octets: packed files are refused, UTF-16 is hinted at."""
        for magic, (what, command) in PACKED.items():
            if chunk.startswith(magic):
                self._fail(ScanError(f"the input is {what}, not names; unpack it first: {command} FILE | dnsscan ..."))
        if chunk[:2] in (b"\xff\xfe", b"\xfe\xff") or (len(chunk) > 7 and not any(chunk[1:200:2])):
            self._console.warn("the input looks like UTF-16; convert it to UTF-8 first (iconv)")

    def _input_ended(self, trouble: str | None) -> None:
        self._input_read = not (self._signal or self._budget) and trouble is None
        self._dealer.end()
        if trouble is not None and self._error is None:
            self._error = InputEndedEarly(f"input ended early after {self._names.read:,} lines: {trouble}")
        self._arrived.set()
        self._wake()
        self._sink.poke()

    def _behind(self, behind: bool) -> None:
        for names, order in self._pools():
            order(partial(names.hold if behind else names.release, self._clock()))
        if not behind:
            self._wake()

    def _pools(self) -> list[tuple[Names, Callable[[Callable[[], object]], object]]]:
        """All names there are, each with the way to have something done where they are at home."""
        return [(self._names, lambda call: call()), *((lane.names, lane.order) for lane in self._lanes)]

    def _fail(self, error: ScanError) -> None:
        """Nothing more can be done: leave."""
        self._error = self._error or error
        self._end()

    def _signalled(self, number: int) -> None:
        if self._signal:
            os._exit(128 + number)  # the second: at once; what was written ends with a line
        self._signal = number
        self._source.stop()
        self._dealer.stop()
        for names, order in self._pools():
            order(names.stop)
        self._sink.poke()

    def _use_up(self, budget: str) -> None:
        """Stop reading; attempts under way may end, and what needs more than that is left for another run."""
        if self._signal or self._budget or self._ended.is_set():
            return
        self._budget = budget
        self._source.stop()
        self._dealer.stop()
        for names, order in self._pools():
            order(names.leave)
        self._sink.poke()

    def _flushed(self) -> None:
        """The sheet is empty: sessions that found it full may go on; or this was the last line."""
        self._wake()
        if self._names.done and not self._names.lines.used and all(lane.ended for lane in self._lanes):
            self._end()

    def _end(self) -> None:
        self._ended.set()
        self._arrived.set()

    def _note_trouble(self, trouble: Trouble) -> None:
        self._names.troubles += 1
        self._trouble = REASONS.index(trouble.reason)
        self._console.trouble(str(trouble))

    def _call_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A bug, or no memory, in what the loop called: it must not go on as if nothing had happened."""
        fault = context.get("exception")
        if fault is None or isinstance(fault, OSError):
            loop.default_exception_handler(context)
            return
        self._fault = self._fault or fault
        self._end()

    def _worker_left(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self._fault = task.exception()
            self._end()

    # -- time ----------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        paced = any(way.peer.rate for way in self._ways.values())
        try:
            while True:
                await asyncio.sleep(TICK_PACED_S if paced else TICK_S)
                self._turn(self._clock())
        except Exception as fault:  # told again by run(): a bug must not become a scan that never ends
            self._fault = fault
            self._end()

    def _turn(self, now: float) -> None:
        """Whatever time brings: attempts and names that run out, silent connections, refusing resolvers, the end."""
        if not self._names.lines.behind:
            for crew in self._crews:
                for connection in list(crew.live):
                    connection.expire(now)
            self._names.expire(now)
            self._leave_out_refusing(list(self._ways.values()), self._names)
            for lane in self._lanes:
                self._leave_out_refusing(lane.ways, lane.names)
            self._give_up(now)
        if 0 < self._names.query_max <= self._names.queries:
            self._use_up("max-queries")
        self._wake()
        self._tellers.tick(now)
        if self._names.lines.used or self._names.done:
            self._sink.poke()

    def _leave_out_refusing(self, ways: Sequence[Way], names: Names) -> None:
        for way in ways:
            if way.peer.refusing and not way.left_out:
                used = {other.resolver for other in ways if not other.left_out}
                if len(used) < 2:
                    way.peer.replaceable = False
                    continue
                self._leave_out(way, ways)
                names.resolvers -= 1

    def _leave_out(self, refusing: Way, ways: Sequence[Way]) -> None:
        for way in ways:
            if way.resolver == refusing.resolver:
                way.left_out = True
        for connection in list(self._crew.live):
            if connection.way.left_out:
                connection.abort()
        self._console.warn(f"{refusing.resolver} refused 20 names in a row and is left out")

    def _give_up(self, now: float) -> None:
        """When nothing has answered for a whole deadline, or for long where something had before, waiting names get
        their line all the same."""
        waiting = self._names.live or self._names.available or not all(lane.ended for lane in self._lanes)
        if not waiting or not any(names.troubles for names, _ in self._pools()):
            self._quiet_since = now
        heard_at = max(names.heard_at for names, _ in self._pools())
        patience_s = max(self._config.deadline_ms / 1000, OUTAGE_S if heard_at else 0)
        if now - max(heard_at, self._quiet_since) > patience_s:
            self._unreached |= any(names.live > names.second_live or names.available for names, _ in self._pools())
            for names, order in self._pools():
                order(partial(names.fail, self._trouble, now, FAIL_AT_ONCE))

    # -- the end -------------------------------------------------------------------------------------------------

    async def _close(self) -> None:
        self._connections = sum(len(crew.live) for crew in self._crews)
        if self._datagrams is not None:
            self._datagrams.close()
        for lane in self._lanes:
            lane.close()
            self._collect(lane)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not isinstance(self._error, ReaderGone) and self._fault is None:
            await self._sink.close()
        self._source.close()
        for names, _ in self._pools():
            names.close()
        await self._tellers.close(self._ended_by)

    @property
    def _ended_by(self) -> str:
        """In one word, for other programs."""
        if self._error is not None or self._fault is not None:
            return "error"
        return signal.Signals(self._signal).name if self._signal else self._budget or "input"

    def _is_partial(self) -> bool:
        """True when some input has no line."""
        return (not self._input_read or self._dealer.cut_short
                or any(names.unfinished or names.cut_short for names, _ in self._pools()))  # fmt: skip

    def _exit_code(self) -> int:
        if self._fault is not None:
            raise self._fault
        if self._error is not None and not isinstance(self._error, InputEndedEarly):
            raise self._error
        self._tellers.summarize(self._connections)
        if not balanced(self._watch.books()):
            self._console.warn("the books do not balance: this is a bug; please report it")
            return EXIT_FAULT
        if self._error is not None:
            raise self._error
        if self._signal:
            return 128 + self._signal
        if self._budget and self._is_partial():
            return EXIT_BUDGET
        return EXIT_UNREACHED if self._unreached or nothing_answered(self._watch.books()) else 0


class ResolverRewrites(ScanError):
    """A resolver invents answers, and the user wants none of that."""

    exit_code = EXIT_UNREACHED


def balanced(books: Mapping[str, Any]) -> bool:
    """The books of a finished scan: every line read has its lines written, and the verdicts add up."""
    verdicts = books["taken"] + books["nxdomain"] + books["error"]
    return bool(books["written"] == verdicts and books["written"] + books["unfinished"] == books["expected"])


def nothing_answered(books: Mapping[str, Any]) -> bool:
    """True when there were names to ask and not one answer came."""
    asked = books["written"] - books["reasons"].get("badname", 0) - books["reasons"].get("special", 0)
    return bool(asked > 0 and books["responses"] == 0)
