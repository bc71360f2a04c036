"""Figures in words, the same ones all over the page."""

from collections.abc import Sequence
from datetime import UTC, datetime


def percent(part: float, whole: float) -> str:
    """`12.3 %`; what is there and rounds to nothing is `< 0.1 %`."""
    share = part / whole if whole else 0
    return "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def beyond(count: int, limit: int) -> str:
    """For a caption where not all are shown."""
    return f": the first {limit:,} of {count:,}" if count > limit else ""


def number(value: float | None) -> str:
    """Empty where it was not recorded, or is nothing."""
    if not value:
        return ""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def counted(count: int, one: str, several: str) -> str:
    """`1 proxy`, `50 proxies`."""
    return f"{count:,} {one if count == 1 else several}"


def listed(texts: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join((", ".join(texts[:-1]), texts[-1]) if len(texts) > 1 else texts)


def a_second(rate: float) -> str:
    """A small one needs its fraction."""
    if rate >= 10 or rate == int(rate):
        return f"{rate:,.0f}"
    return f"{rate:.1f}" if rate >= 0.05 else "< 0.1"


def milliseconds(ms: float) -> str:
    return f"{ms:,.0f} ms" if ms < 10_000 else f"{ms / 1000:,.1f} s"


def clock(seconds: float) -> str:
    """`0.25 s`, `1:05`, `2:00:00`."""
    if seconds != int(seconds):
        return f"{seconds:.3g} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def between(first: float, last: float) -> str:
    """From one moment to another, the day of the second only where it is another."""
    begin, end = moment(first), moment(last)
    day, _, time = end.partition(" ")
    return f"{begin.removesuffix(' UTC')} to {time if begin.startswith(day) else end}"


def moment(seconds: float) -> str:
    """Seconds since 1970 as a date and a time."""
    return datetime.fromtimestamp(round(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
