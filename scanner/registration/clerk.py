"""The clerk: takes lines in, books answers, writes lines out, each batch in one transaction. It asks nobody.

It works in a thread, one batch at a time, and waits there for a slow reader of the output.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from scanner.native.line import write_lines
from scanner.registration.answer import Answer
from scanner.registration.lines import LINE_MAX, Finished, Waiting, answered, read
from scanner.registration.store import Store
from scanner.sink import error_for, piece_for

FIRST = 16  # domains for a desk that is new
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


class Clerk:
    """`host_of` gives the registry of a domain; "" asks nobody, and `nobody` says what is answered then."""

    def __init__(self, store: Store, descriptor: int, *, host_of: Callable[[str], str], nobody: Answer,
                 also_errors: bool):  # fmt: skip
        run = store.run()
        assert run is not None
        left, _ = store.waiting()
        self.books = Books(left=left, waiting=left)
        self._store = store
        self._descriptor = descriptor
        self._piece = piece_for(descriptor)
        self._host_of, self._nobody = host_of, nobody
        self._also_errors = also_errors
        self._begun = run.begun
        self._lines, self._octets = run.lines, run.octets
        self._skip = run.lines  # lines of the input that an earlier process took in
        self._hosts = set(store.hosts())  # that have something to answer and perhaps no desk
        self._rest = b""  # of a line whose end has not come

    def work(self, chunks: Sequence[bytes], ended: bool, answers: Sequence[tuple[str, Answer]],
             wanted: Mapping[str, tuple[int, int]]) -> dict[str, Domains]:  # fmt: skip
        """One batch; gives domains for those who ask. `wanted`: the last number a host's desk was given, and how many
        more it takes; a host that is not in it has no desk yet. Raises OutputError, ReaderGone."""
        with self._store:
            out = self._take_in(self._cut(chunks, ended))
            for domain, answer in answers:
                self._store.learn(domain, answer)
                lines = self._store.take(domain)
                self.books.waiting -= len(lines)
                out += [self._count(answered(line, answer)) for line in lines]
            self._write(b"".join(out))
            self._store.book(self._lines, self._octets)
        hosts, self._hosts = {**dict.fromkeys(self._hosts, (0, FIRST)), **wanted}, set()
        return {host: found for host, (after, count) in hosts.items()
                if (found := self._store.next(host, after, count))}  # fmt: skip

    def _cut(self, chunks: Sequence[bytes], ended: bool) -> list[bytes]:
        """Whole lines; the rest is kept, of an endless line no more than can be told from a good one."""
        lines = (self._rest + b"".join(chunks)).split(b"\n")
        self._rest = lines.pop()[: LINE_MAX + 1]
        if ended and self._rest:
            lines.append(self._rest)
            self._rest = b""
        return lines

    def _take_in(self, lines: list[bytes]) -> list[bytes]:
        """The output lines that can be written at once; the others wait in the store."""
        skipped = min(self._skip, len(lines))
        self._skip -= skipped
        self.books.read += len(lines)
        self.books.skipped += skipped
        self._lines += len(lines) - skipped
        out: list[bytes] = []
        waiting: list[Waiting] = []
        for line in lines[skipped:]:
            found = read(line, self._also_errors)
            if isinstance(found, tuple):
                out.append(self._count(found))
            elif found is None:
                self.books.blank += 1
            elif known := self._known(found.domain):
                out.append(self._count(answered(found.text, known)))
            else:
                waiting.append(found)
        self.books.waiting += len(waiting)
        self._store.put((each.domain, each.text) for each in waiting)
        domains = [(each.domain, self._host_of(each.domain)) for each in waiting]
        self._hosts.update(host for _, host in domains)
        self._store.ask(domains)
        return out

    def _known(self, domain: str) -> Answer | None:
        """What needs no asking."""
        if not self._host_of(domain):
            return self._nobody
        known = self._store.known(domain, self._begun)
        self.books.cached += known is not None
        return known

    def _count(self, finished: Finished) -> bytes:
        line, answer = finished
        self.books.written += 1
        self.books.verdicts[answer.verdict] += 1
        if answer.reason:
            self.books.reasons[answer.reason] += 1
        return line

    def _write(self, block: bytes) -> None:
        """Before the transaction ends: what it says is written is written."""
        if block and (failure := write_lines(self._descriptor, block, self._piece)):
            raise error_for(failure)
        self._octets += len(block)
