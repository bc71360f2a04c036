"""A part, made on a node: a scan of its lines, then two files, each whole or not there: the lines, and their books."""

import contextlib
import hashlib
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import IO, Any, NamedTuple

from scanner.cluster.books import COUNTS, fits
from scanner.cluster.files import NO_ROOM, Folder, NoRoom, private, why
from scanner.cluster.forks import Forks
from scanner.cluster.lanes import Lanes, Turn
from scanner.cluster.lines import lines_of
from scanner.cluster.plan import Part, Plan
from scanner.cluster.scan import PartFailed, ScanProcess
from scanner.errors import OutputError, ScanError
from scanner.input.packed import ZSTD
from scanner.results.parts import part_name
from scanner.version import __version__

TOLD_EVERY_S = 0.5
LEVEL = 1  # of Zstandard: these lines become as small as with 3, in half the time
MEMORY = "512MB"  # for DuckDB, where parts are Parquet


@dataclass(frozen=True, slots=True)
class Task:
    """What every part of a scan has in common. `table` is the configuration, passwords included."""

    plan: Plan
    folder: str
    table: Mapping[str, Any]
    metrics: str | None = None  # [IP:]PORT of the first scan of a machine


class Worker(NamedTuple):
    """Where a part is made."""

    address: str
    name: str
    place: int  # among the workers of its machine, from 0
    scratch: str  # its directory


class PartMaker:
    """Makes the parts of one node; `told` hears how many lines of a part there are, now and then. As many ask at a time
    as there are lanes; `leave()` is called in a part's thread when the node has room for another."""

    def __init__(self, task: Task, told: Callable[[int, int], None], lanes: int, leave: Callable[[], None]):
        self._task, self._told = task, told
        self._lanes, self._leave = Lanes(lanes), leave
        self._folder, self._forks = Folder(task.folder), Forks()
        self._running: set[ScanProcess] = set()
        self._stopped = False
        self._full: PartFailed | None = None  # why nothing can be written here
        self._lock = threading.Lock()

    def make(self, number: int, table: Mapping[str, Any], worker: Worker) -> dict[str, Any]:
        """The part's books. Where it is there and whole, they are read. Raises PartFailed."""
        if self._full:
            raise PartFailed(*self._full.args)
        try:
            return self._made_before(number) or self._make(number, table, worker)
        except NoRoom as error:
            raise self._full_now(str(error), worker) from None
        except ScanError as error:
            raise PartFailed(str(error), error.exit_code) from None
        except OSError as error:
            reason = f"{worker.scratch}: {why(error)}"
            if error.errno in NO_ROOM:
                raise self._full_now(reason, worker) from None
            raise PartFailed(reason, OutputError.exit_code) from None

    def _full_now(self, reason: str, worker: Worker) -> PartFailed:
        """Parts that are here already need not be scanned to find out again."""
        self._full = PartFailed(reason, OutputError.exit_code, worker.address)
        return self._full

    def _made_before(self, number: int) -> dict[str, Any] | None:
        books = self._folder.read(f"{part_name(number)}.json")
        if books is None:
            return None
        lines = f"{part_name(number)}.{self._task.plan.ending}"
        return books if fits(books, self._task.plan, number, {lines: self._folder.size(lines) or 0}) else None

    def _make(self, number: int, table: Mapping[str, Any], worker: Worker) -> dict[str, Any]:
        with (
            tempfile.TemporaryDirectory(prefix="dnsscan-", dir=worker.scratch) as scratch,
            self._lanes.turn(self._leave) as turn,
        ):
            books = self._scan(self._task.plan.part(number), table, self._flags(worker.place), Path(scratch), turn)
            books["node"] = worker.name
            self._folder.write(f"{part_name(number)}.json", books, Path(scratch))
        return books

    def stop(self) -> None:
        """End what runs, for good."""
        with self._lock:
            self._stopped = True
            for scan in self._running:
                scan.kill()
            self._forks.close()

    def _flags(self, place: int) -> list[str]:
        """Of the `place`-th scan of this machine, from 0."""
        if self._task.metrics is None:
            return []
        host, colon, port = self._task.metrics.rpartition(":")
        return ["--metrics", f"{host}{colon}{int(port) + place}"]

    def _scan(self, part: Part, table: Mapping[str, Any], flags: list[str], scratch: Path,
              turn: Turn) -> dict[str, Any]:  # fmt: skip
        plan, began = self._task.plan, datetime.now(UTC)
        name = f"{part_name(part.number)}.{plan.ending}"
        with self._folder.new(name, scratch) as new:
            pass_on = turn.pass_on if is_shared(table, flags) else at_its_end
            with self._started(table, flags, lines_of(plan, part)) as scan:
                turn.begin(scan.pace)
                written = self._write(scan, part.number, new if plan.ending == "jsonl.zst" else scratch / "lines.jsonl",
                                      pass_on)  # fmt: skip
                summary = scan.end()
                fed, warnings = scan.fed, scan.warnings
            turn.end()
            turn.leave()
            if not (is_packed(plan, part) or summary["read"] == fed.all_lines
                    or (table.get("ptr") and summary["read"] > fed.all_lines)):  # fmt: skip # blocks of addresses
                raise PartFailed(f"the scan read {summary['read']:,} of {fed.all_lines:,} lines")
            if plan.ending == "parquet":
                as_parquet(scratch / "lines.jsonl", new, scratch)
            output = {"name": name, "octets": new.stat().st_size, "sha256": digest_of(new)}
        return {
            "dnsscan_part": 1, "version": __version__, "part": part.as_table(), "config_sha256": plan.config_sha256,
            "input": {"octets": fed.octets, "lines": fed.all_lines, "sha256": fed.digest.hexdigest()},
            "output": output, "lines": written, "counts": {key: summary[key] for key in COUNTS},
            "reasons": summary["reasons"], "began": began.isoformat(), "seconds": summary["seconds"],
            "resolvers": summary["resolvers"], "proxies": summary["proxies"], "warnings": warnings,
        }  # fmt: skip

    @contextlib.contextmanager
    def _started(self, table: Mapping[str, Any], flags: list[str], blocks: Iterator[bytes]) -> Iterator[ScanProcess]:
        with self._lock:
            if self._stopped:
                raise PartFailed("stopped")
            scan = ScanProcess(self._forks, table, flags, blocks)
            self._running.add(scan)
        try:
            yield scan
        finally:
            with self._lock:
                self._running.discard(scan)
            scan.close()

    def _write(self, scan: ScanProcess, number: int, path: Path, pass_on: Callable[[float], bool]) -> int:
        """The scan's lines to a file; how many they are."""
        lines, tell_at = 0, monotonic() + TOLD_EVERY_S
        with open(path, "wb", opener=private) as file:
            write, finish = packing(file) if path.suffix != ".jsonl" else (file.write, lambda: None)
            for block in scan.output(pass_on):
                write(block)
                lines += block.count(b"\n")
                if monotonic() >= tell_at:
                    tell_at = monotonic() + TOLD_EVERY_S
                    self._told(number, lines)
            finish()
        return lines


def is_shared(table: Mapping[str, Any], flags: list[str]) -> bool:
    """True where two scans may run at a time: what they use is counted in queries a second, not in tunnels or ports."""
    return not flags and not any(table.get(key) for key in ("proxies", "max_in_flight", "port_range"))


def at_its_end(_: float) -> bool:
    """The next part begins when this one has ended."""
    return True


def is_packed(plan: Plan, part: Part) -> bool:
    """True where its lines are not known before the scan has unpacked them."""
    return any(file.is_whole for file in plan.files if file.url == part.url)


def packing(file: IO[bytes]) -> tuple[Callable[[bytes], object], Callable[[], object]]:
    """Write through Zstandard; the second call ends it."""
    packer = import_module(ZSTD).ZstdCompressor(level=LEVEL)
    return lambda block: file.write(packer.compress(block)), lambda: file.write(packer.flush())


def as_parquet(lines: Path, new: Path, scratch: Path) -> None:
    """The lines as `dnsscan convert` writes them."""
    from scanner.results.convert import parquet
    from scanner.results.table import engine, load, opened

    with opened(str(lines)) as descriptor, engine(scratch, MEMORY) as con:
        load(con, str(lines), descriptor, scratch, rest=True)
        parquet(con, new)


def digest_of(path: Path) -> str:
    """SHA-256, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
