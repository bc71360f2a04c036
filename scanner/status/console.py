"""What a scan writes to stderr: warnings, a line that is redrawn on a terminal, and the summary.

It never touches stdout, and a stderr that is full or closed never ends a scan, nor stops it. Where the results go to
a terminal too, their writer says so (`aside`), and what was drawn is erased first.
"""

import contextlib
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator

COLUMNS = 80  # of a terminal that does not report its width
NOTE_WAIT_S = 0.2  # for results on their way to the same terminal
TROUBLES_SHOWN = 6  # of thousands of dead proxies; the summary counts them all


class Console:
    """The messages of one scan. `host`, where there is one, gets its warnings instead of stderr."""

    def __init__(self, host: Callable[[str], None] | None = None) -> None:
        self._host = host
        self._warned: set[str] = set()
        self._troubles: set[str] = set()
        self._turn = threading.Lock()  # to write to the terminal
        self._drawn = False  # a line without its newline stands there
        self.is_terminal = host is None and is_terminal(2) and os.environ.get("TERM") != "dumb"
        self.has_colours = self.is_terminal and not os.environ.get("NO_COLOR")  # no-color.org

    @property
    def troubles(self) -> int:
        """How many kinds of trouble with proxies and resolvers were met."""
        return len(self._troubles)

    @property
    def columns(self) -> int:
        """How wide the terminal is now."""
        with contextlib.suppress(OSError):
            return os.get_terminal_size(2).columns or COLUMNS
        return COLUMNS

    def warn(self, text: str) -> None:
        """One line; the same text is not repeated."""
        if text not in self._warned:
            self._warned.add(text)
            self.note(text)

    def trouble(self, text: str) -> None:
        """A proxy or resolver cannot be used: one line for each of the first few."""
        self._troubles.add(text)
        if len(self._troubles) <= TROUBLES_SHOWN:
            self.warn(text)
        else:
            self.warn("more proxies or resolvers are in trouble; the summary counts them")

    def note(self, text: str) -> None:
        """One line about now; where there is no room for it at once, none."""
        if self._host is not None:
            self._host(text)
        elif has_room(2) and self._turn.acquire(timeout=NOTE_WAIT_S):
            try:
                self._write_line(f"dnsscan: {text}")
            finally:
                self._turn.release()

    def say(self, text: str) -> None:
        """One line, all of it, however long the reader takes."""
        with self._turn:
            self._write_line(text)

    def draw(self, text: str) -> None:
        """Put the text, shorter than a line, in the place of the one that was drawn before; where there is no room for
        it at once, leave it."""
        if is_in_front() and self._turn.acquire(blocking=False):
            try:
                if has_room(2):
                    self._drawn = True
                    write(f"\r{text}\x1b[K")
            finally:
                self._turn.release()

    def wipe(self) -> None:
        """Leave nothing of what was drawn."""
        with self.aside():
            pass

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Nothing stands in the terminal's row, and nothing is drawn, while the block runs. For any thread."""
        with self._turn:
            self._erase()
            yield

    def aside_for(self, descriptor: int) -> Callable[[], contextlib.AbstractContextManager[None]]:
        """What is to be around each write to `descriptor`."""
        return self.aside if is_terminal(descriptor) else contextlib.nullcontext

    def _write_line(self, text: str) -> None:
        self._erase()
        write(text + "\n")

    def _erase(self) -> None:
        if self._drawn:
            self._drawn = False
            write("\r\x1b[K")


def write(text: str) -> None:
    """To stderr, at once; a stderr that cannot be written to is ignored."""
    octets = text.encode("utf-8", "backslashreplace")
    with contextlib.suppress(OSError):
        while octets:
            octets = octets[os.write(2, octets) :]


def has_room(descriptor: int) -> bool:
    """False for a full pipe and a terminal that was stopped (Ctrl-S): writing there would wait."""
    waiter = select.poll()
    waiter.register(descriptor, select.POLLOUT)
    return bool(waiter.poll(0))


def is_in_front() -> bool:
    """False for a job in the background, that would draw over what the user is typing."""
    try:
        return os.tcgetpgrp(2) == os.getpgrp()
    except OSError:  # not the terminal that we were started from, so no one types there
        return True


def is_terminal(descriptor: int) -> bool:
    """True for a terminal; False for anything else, closed ones included."""
    try:
        return os.isatty(descriptor) and sys.platform != "win32"
    except OSError:
        return False
