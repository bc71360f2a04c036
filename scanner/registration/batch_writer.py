"""Takes lines in, records answers and writes lines out, each batch in one transaction. It sends no request.

It runs in a thread, one batch at a time, and waits there for a slow reader of the output.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from scanner.errors import ScanError
from scanner.native.output.buffer import write_lines
from scanner.registration.answer import Answer
from scanner.registration.damage import Damaged
from scanner.registration.lines import EXISTS, LINE_MAX, TAKEN, Finished, Waiting, answered, in_the_dns, read
from scanner.registration.store import Store
from scanner.results.foreign import form_of
from scanner.scanning.sink import error_for, piece_for

FIRST = 16  # domains for a queue that is new
Domains = list[tuple[int, str]]  # each with its number in the store


@dataclass
class Books:
    """The counts of one process. read + left = written + blank + waiting + skipped."""

    read: int = 0
    left: int = 0  # lines that waited when an earlier process ended
    written: int = 0
    blank: int = 0
    waiting: int = 0
    skipped: int = 0  # that an earlier process had taken in
    cached: int = 0  # lines answered by what was known already
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def are_balanced(self) -> bool:
        return self.read + self.left == self.written + self.blank + self.waiting + self.skipped


class BatchWriter:
    """`host_of` gives the registry of a domain, "" where there is none; `no_registry` is the answer then. Whatever is
    written is written inside an `aside()`."""

    def __init__(self, store: Store, descriptor: int, *, host_of: Callable[[str], str], no_registry: Answer,
                 also_errors: bool, aside: Callable[[], AbstractContextManager[None]]):  # fmt: skip
        run = store.run()
        assert run is not None
        left = store.waiting()
        self.books = Books(left=left, waiting=left)
        self._store = store
        self._descriptor = descriptor
        self._piece = piece_for(descriptor)
        self._host_of, self._no_registry = host_of, no_registry
        self._also_errors = also_errors
        self._aside = aside
        self._begun = run.begun
        self._lines, self._octets = run.lines, run.octets
        self._skip = run.lines  # lines of the input that an earlier process took in
        self._hosts = set(store.hosts())  # with domains to ask, and perhaps no queue yet
        self._rest = b""  # of a line whose end has not come
        self._is_first = True  # no line has been taken in yet

    def work(self, chunks: Sequence[bytes], ended: bool, answers: Sequence[tuple[str, Answer]],
             wanted: Mapping[str, tuple[int, int]]) -> dict[str, Domains]:  # fmt: skip
        """One batch; returns the next domains for each queue. `wanted`: by host, the last number that its queue was
        given and how many more it takes; a host that is missing has no queue yet. Raises OutputError, ReaderGone."""
        with self._store:
            out = self._take_in(self._cut(chunks, ended))
            for domain, answer in answers:
                self._store.learn(domain, answer)
                lines = self._store.take(domain)
                self.books.waiting -= len(lines)
                out += [self._tally(*self._answered(domain, line, answer)) for line in lines]
            self._write(b"".join(out))
            self._store.book(self._lines, self._octets)
        hosts, self._hosts = {**dict.fromkeys(self._hosts, (0, FIRST)), **wanted}, set()
        return {host: found for host, (after, count) in hosts.items()
                if (found := self._store.next(host, after, count))}  # fmt: skip

    def _answered(self, domain: str, line: bytes, answer: Answer) -> Finished:
        try:
            return answered(domain, line, answer)
        except ValueError:
            raise Damaged from None

    def _cut(self, chunks: Sequence[bytes], ended: bool) -> bytes:
        """Whole lines; the rest is kept, of an endless line no more than it takes to see that it is too long."""
        block = self._rest + b"".join(chunks)
        end = block.rfind(b"\n") + 1
        self._rest = block[end:][: LINE_MAX + 1]
        if ended and self._rest:
            self._rest, block = b"", block + b"\n"
            end = len(block)
        return block[:end]

    def _take_in(self, block: bytes) -> list[bytes]:
        """The output lines that can be written at once; the others wait in the store."""
        out: list[bytes] = []
        waiting: list[tuple[Waiting, str]] = []  # each with the host of its registry
        at = self._pass_over(block)
        if self._is_first and block:
            self._is_first = False
            self._refuse_foreign(block[: block.index(b"\n")])
        while at < len(block):
            if run := TAKEN.match(block, at):
                at = run.end()
                out.append(self._tally(in_the_dns(run[0]), EXISTS, run[0].count(b"\n")))
                continue
            begin, at = at, block.index(b"\n", at) + 1
            found = read(block[begin : at - 1], self._also_errors)
            if isinstance(found, tuple):
                out.append(self._tally(*found))
            elif found is None:
                self.books.blank += 1
            elif known := self._known(found.domain, host := self._host_of(found.domain)):
                out.append(self._tally(*answered(found.domain, found.text, known)))
            else:
                waiting.append((found, host))
        self._wait(waiting)
        return out

    def _refuse_foreign(self, line: bytes) -> None:
        """Before anything is asked. Raises ScanError."""
        if form := form_of(line):
            raise ScanError(f"line 1 is one of --format {form}: confirm reads those of --format compact and of names")

    def _pass_over(self, block: bytes) -> int:
        """Count the block's lines; where those begin that no earlier process has taken in."""
        count = block.count(b"\n")
        skipped = min(self._skip, count)
        self._skip -= skipped
        self._lines += count - skipped
        self.books.read += count
        self.books.skipped += skipped
        at = 0
        for _ in range(skipped):
            at = block.index(b"\n", at) + 1
        return at

    def _wait(self, waiting: list[tuple[Waiting, str]]) -> None:
        """Lines into the store, and their domains to be asked."""
        self.books.waiting += len(waiting)
        self._hosts.update(host for _, host in waiting)
        self._store.put((line.domain, line.text) for line, _ in waiting)
        self._store.ask((line.domain, host) for line, host in waiting)

    def _known(self, domain: str, host: str) -> Answer | None:
        """An answer for which no request is needed."""
        if not host:
            return self._no_registry
        known = self._store.known(domain, self._begun)
        self.books.cached += known is not None
        return known

    def _tally(self, lines: bytes, answer: Answer, count: int = 1) -> bytes:
        self.books.written += count
        self.books.verdicts[answer.verdict] += count
        if answer.reason:
            self.books.reasons[answer.reason] += count
        return lines

    def _write(self, block: bytes) -> None:
        """Before the transaction ends, so that whatever it records as written is written."""
        if block:
            with self._aside():
                failure = write_lines(self._descriptor, block, self._piece)
            if failure:
                raise error_for(failure)
        self._octets += len(block)
