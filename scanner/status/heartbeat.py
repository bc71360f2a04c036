"""Files that show other programs how a scan is doing: written whole every few seconds, and at the end.

The scan's own loop starts each write, so the files of a stuck scan grow old. The write itself runs in another thread.
"""

import asyncio
import json
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from time import monotonic, thread_time

from scanner.errors import ScanError
from scanner.results.newfile import write_whole
from scanner.status.view import View, utc_text
from scanner.text import hidden

BEAT_S = 2.0
COST_MAX = 0.005  # of a core: with hundreds of proxies the metrics are written less often
BOOKS = ("read", "written", "filtered", "taken", "nxdomain", "error", "retried", "in_flight")
OURS = (b'{"dnsscan":', b"# HELP dnsscan_")  # how such a file begins: no other is overwritten


class Heartbeat:
    """Keeps `files`: flag and path, and what makes the octets (called in any thread); `others` are files in use. Raises
    ScanError when one cannot be written at the start; later failures go to `warn`."""

    def __init__(self, files: Mapping[tuple[str, str], Callable[[], bytes]], others: Sequence[int],
                 warn: Callable[[str], None]):  # fmt: skip
        self._files = {(flag, target(flag, path, others)): octets for (flag, path), octets in files.items()}
        if len({path for _, path in self._files}) < len(files):
            raise ScanError(f"{' and '.join(flag for flag, _ in files)}: each needs a file of its own")
        self._warn = warn
        self._writing: asyncio.Future[list[str]] | None = None
        self._next_at = 0.0
        self._every_s = BEAT_S

    def start(self) -> None:
        """Write them for the first time. Raises ScanError."""
        for failure in self._beat():
            raise ScanError(failure)
        self._next_at = monotonic() + self._every_s

    def tick(self, now: float) -> None:
        """Write them, when it is time for that and the disk is done with the last time."""
        if self._files and now >= self._next_at and (self._writing is None or self._writing.done()):
            self._next_at = now + self._every_s
            self._report_failures()
            self._writing = asyncio.get_running_loop().run_in_executor(None, self._beat)

    async def close(self) -> None:
        """Write them for the last time."""
        if self._writing is not None:
            await asyncio.wait([self._writing])
        self._report_failures()
        for failure in self._beat():
            self._warn(failure)

    def _report_failures(self) -> None:
        for failure in self._writing.result() if self._writing is not None else ():
            self._warn(failure)

    def _beat(self) -> list[str]:
        """Replace each file; what went wrong."""
        failures, begun = [], thread_time()
        for (flag, path), octets in self._files.items():
            try:
                write_whole(path, octets())
            except OSError as error:
                failures.append(f"{flag} {hidden(path)}: {os.strerror(error.errno or 0)}")
        self._every_s = max(BEAT_S, (thread_time() - begun) / COST_MAX)
        return failures


def target(flag: str, path: str, others: Sequence[int]) -> str:
    """The file itself, where the path is a link. Raises ScanError for what is no file or not ours."""
    path = os.path.realpath(path)
    try:
        found = os.stat(path)
        is_file = stat.S_ISREG(found.st_mode)
        is_used = any(os.path.samestat(found, os.fstat(other)) for other in others)
        head = head_of(path) if is_file else b""
    except FileNotFoundError:
        return path
    except OSError as error:
        raise ScanError(f"{flag} {hidden(path)}: {os.strerror(error.errno or 0)}") from None
    if not is_file:
        raise ScanError(f"{flag} {hidden(path)}: not a regular file; it would be replaced")
    if is_used or (head and not head.startswith(OURS)):
        raise ScanError(f"{flag} {hidden(path)}: exists and is not ours to overwrite; name another file")
    return path


def head_of(path: str) -> bytes:
    """Enough to see whether the file is ours. Raises OSError."""
    with open(path, "rb") as file:
        return file.read(20)


def heartbeat(view: View) -> bytes:
    """How the scan is doing, as one JSON object in one line."""
    books = view.books()
    share, left_s, answer_s = view.share_done, view.left_s, view.last_answer_s
    text = json.dumps({
        "dnsscan": 1, "pid": os.getpid(), "at": utc_text(datetime.now(UTC)), "started": utc_text(view.began),
        "seconds": round(view.seconds, 3), "ended_by": view.ended_by,
        **{key: books[key] for key in BOOKS},
        "per_second": round(view.per_second), "last_answer_s": None if answer_s is None else round(answer_s, 3),
        "done": None if share is None else round(share, 4), "left_s": None if left_s is None else round(left_s),
        "live": view.live, "pausing": view.pausing + view.resolvers_pausing, "output_waits": view.output_waits,
    })  # fmt: skip
    return text.encode() + b"\n"
