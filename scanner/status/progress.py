"""How a scan is doing, in one line: drawn on a terminal four times a second, else written every 10 s or on request.

It is written by hand, and no library's progress bar: rich's takes over stdout while it is live, adds 50 ms to each
start, and the text would still have to be written here.
"""

import math
from collections.abc import Iterator
from time import monotonic

from scanner.model import VERDICTS
from scanner.status.console import Console
from scanner.status.view import View, finished
from scanner.text import two_digits

FRAME_S = 0.25
PLAIN_S = 10.0
COST_MAX = 0.005  # of a core: with tens of thousands of tunnels the line is drawn less often
FORMS = ("auto", "plain", "none")
PLAIN, BOLD, RED, YELLOW = "", "\x1b[1m", "\x1b[31m", "\x1b[33m"
RESET = "\x1b[0m"
ERRORS_MANY = 0.05  # of the names finished: then their share is red

Part = tuple[str, str]
"""A few words and their colour."""


class Progress:
    """`form` is auto (drawn on a terminal, else nothing), plain (a line every ten seconds) or none. Where the input
    `is_typed`, nothing is drawn until it has ended."""

    def __init__(self, view: View, console: Console, form: str, *, is_typed: bool = False):
        self._view, self._console = view, console
        self._is_drawn = form == "auto" and console.is_terminal
        self._waits = self._is_drawn and is_typed
        self._every_s = FRAME_S if self._is_drawn else PLAIN_S if form == "plain" else math.inf
        self._next_at = view.started + self._every_s

    def tick(self, now: float) -> None:
        """Draw or write the line, when it is time for that; may be called at any rate."""
        if now < self._next_at or (self._waits and self._view.share_done is None):
            return
        begun = monotonic()
        if self._is_drawn:
            console = self._console
            console.draw(line(fitting(list(parts(self._view)), console.columns - 1), console.has_colours))
        else:
            self.status()
        self._next_at = now + max(self._every_s, (monotonic() - begun) / COST_MAX)

    def status(self) -> None:
        """One line about now, also where nothing is drawn."""
        self._console.note(line(list(parts(self._view)), False))


def parts(view: View) -> Iterator[Part]:
    """The parts of the line, the most important first."""
    books = view.books()
    yield from course(view)
    yield f"{two_digits(view.per_second)}/s", BOLD
    if view.output_waits:
        yield "the output's reader is behind", YELLOW
    yield f"{books['written']:,} written", PLAIN
    if books["filtered"]:
        yield f"{books['filtered']:,} filtered", PLAIN
    if view.unproven:
        yield f"{view.unproven:,} to be proven", PLAIN
    for verdict in VERDICTS:
        share = books[verdict] / max(finished(books), 1)
        yield f"{verdict} {percent(share)}", RED if verdict == "error" and share >= ERRORS_MANY else PLAIN
    tally = view.tally()
    median, slow = tally.quantile_ms(0.5), tally.quantile_ms(0.99)
    if median is not None and slow is not None:
        yield f"p50 {brief(median)} p99 {brief(slow)} ms", PLAIN
    yield f"{books['in_flight']:,} in flight", PLAIN
    if books["retried"]:
        yield f"{books['retried']:,} retried", PLAIN
    yield from tunnels(view)


def course(view: View) -> Iterator[Part]:
    """How far it is, and how long the rest takes, where the size of the input is known."""
    share, left_s = view.share_done, view.left_s
    if share is not None:
        yield f"{math.floor(100 * share)}%", BOLD
        if left_s is not None and share < 1:
            yield f"{clock(left_s)} left", PLAIN


def tunnels(view: View) -> Iterator[Part]:
    """Connections that live, and what is waited for."""
    if view.live or view.pausing:
        yield f"{view.live:,} live", PLAIN
    if view.pausing:
        yield f"{view.pausing:,} pausing", YELLOW
    if view.resolvers_pausing:
        yield f"{view.resolvers_pausing:,} resolvers pausing", YELLOW


def fitting(wanted: list[Part], columns: int) -> list[Part]:
    """As many parts as stand in so many columns; of the first, when even that is too long, its beginning."""
    used = -2
    for count, (text, _) in enumerate(wanted):
        used += len(text) + 2
        if used > columns:
            return wanted[:count] or [(wanted[0][0][: max(columns, 0)], wanted[0][1])]
    return wanted


def line(wanted: list[Part], has_colours: bool) -> str:
    """The parts side by side."""
    return "  ".join(f"{colour}{text}{RESET}" if colour and has_colours else text for text, colour in wanted)


def percent(share: float) -> str:
    """`37%`, `0.4%`."""
    return f"{share:.0%}" if share >= 0.1 or share == 0 else f"{share:.1%}"


def brief(ms: float) -> str:
    """At most three digits before rounding would lie: `0.42`, `45`, `1,204`."""
    return f"{ms:,.0f}" if ms >= 10 else f"{ms:.2g}"


def clock(seconds: float) -> str:
    """`0:07`, `12:30`, `3:04:05`."""
    minutes, second = divmod(math.ceil(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:,}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
