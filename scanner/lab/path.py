"""What lies between the lab's UDP server and its client: `--path RATE:QUEUE:DELAY_MS:LOSS` and more.

A query is lost by chance or comes to its address's queue, which drops it when full; the server takes one at a time,
RATE a second; the answer arrives DELAY_MS later. `link.pyx` does it.
"""

from dataclasses import dataclass

from scanner.errors import ScanError

RATE_MAX = 1_000_000
QUEUE_MAX = 1_000_000
MS_MAX = 60_000
SIGMA_MAX = 5.0


@dataclass(frozen=True)
class LabPath:
    """Every number that a path has; the shares are of 1."""

    rate: int = 0  # answers a second of each address; 0: as fast as it can
    queue: int = 0  # datagrams that may wait behind the one that is answered
    delay_ms: float = 0  # added to the round trip
    loss: float = 0  # of queries
    jitter_ms: float = 0  # the mean of an exponential that is added to each answer: they overtake each other
    slow: float = 0  # of names, which the server first has to look for: a log-normal time, once
    slow_median_ms: float = 0
    slow_sigma: float = 0
    dead: float = 0  # of names, which are never answered


def read_path(text: str) -> LabPath:
    """RATE:QUEUE:DELAY_MS:LOSS. Raises ScanError."""
    wrong = ScanError(f"--path: {text!r} is not RATE:QUEUE:DELAY_MS:LOSS, such as 2000:50:30:1%")
    parts = text.split(":")
    if len(parts) != 4:
        raise wrong
    rate, queue = (number(part, most, wrong) for part, most in zip(parts[:2], (RATE_MAX, QUEUE_MAX), strict=True))
    if rate % 1 or queue % 1:
        raise wrong
    return LabPath(int(rate), int(queue), number(parts[2], MS_MAX, wrong), share(parts[3], wrong))


def read_slow(text: str) -> tuple[float, float, float]:
    """SHARE:MEDIAN_MS:SIGMA, in this order. Raises ScanError."""
    wrong = ScanError(f"--slow: {text!r} is not SHARE:MEDIAN_MS:SIGMA, such as 30%:150:0.8")
    parts = text.split(":")
    if len(parts) != 3:
        raise wrong
    return share(parts[0], wrong), number(parts[1], MS_MAX, wrong), number(parts[2], SIGMA_MAX, wrong)


def read_share(flag: str, text: str) -> float:
    """0.05 or 5%. Raises ScanError."""
    return share(text, ScanError(f"{flag}: {text!r} is not a share, such as 0.05 or 5%"))


def read_ms(flag: str, text: str) -> float:
    """Milliseconds. Raises ScanError."""
    return number(text, MS_MAX, ScanError(f"{flag}: {text!r} is not a number of milliseconds up to {MS_MAX}"))


def share(text: str, wrong: ScanError) -> float:
    if text.endswith("%"):
        return number(text.removesuffix("%"), 100, wrong) / 100
    return number(text, 1, wrong)


def number(text: str, most: float, wrong: ScanError) -> float:
    """Digits and at most one point: no sign, no exponent, no `nan`."""
    whole, _, fraction = text.partition(".")
    if not (text.isascii() and whole.isdecimal() and (fraction or "0").isdecimal()) or float(text) > most:
        raise wrong
    return float(text)
