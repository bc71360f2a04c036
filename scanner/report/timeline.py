"""A scan over time: lines by verdict in equal steps, from the lines or from the scan's series."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

STEPS = 120  # at most, and so wide that a step is a number people count in
WIDTHS_S = (0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400)
"""In less than the first a rate is chance: a name more or less, and it is another."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Lines written in one step."""

    taken: int
    nxdomain: int
    error: int

    @property
    def lines(self) -> int:
        return self.taken + self.nxdomain + self.error


@dataclass(frozen=True, slots=True)
class Timeline:
    """Steps of `width_s` seconds from the start of the scan."""

    width_s: float
    buckets: list[Bucket]
    span_s: float  # from the first line to the last
    start: float | None = None  # seconds since 1970, where that is known

    def seconds(self, place: int) -> float:
        """How long a step is: the last one ends where the scan does."""
        last = place == len(self.buckets) - 1
        return self.span_s - place * self.width_s if last else self.width_s


def steps(span_s: float, width: float) -> int:
    """How many there are; a rest shorter than a step belongs to the last, so none is shorter than the others."""
    return max(1, math.floor(span_s / width + 1e-9))


def width_s(span_s: float, most: int = STEPS) -> float:
    """The narrowest step with which `span_s` seconds are no more than `most`."""
    least = span_s / most
    return next((width for width in WIDTHS_S if width > least), math.ceil(least / 86_400) * 86_400)


def from_series(series: Sequence[Sequence[float]]) -> Timeline | None:
    """From points (seconds, written, taken, nxdomain, error), the counts cumulative and never falling; between two
    points a count grows evenly. None where no time passes."""
    span = series[-1][0] if series else 0
    if span <= 0:
        return None
    width = width_s(max(span, STEPS * span / len(series)))
    edges = [*(step * width for step in range(steps(span, width))), span]
    points = [(0.0, 0.0, 0.0, 0.0, 0.0), *series]
    counts = [[round(at(points, edge, column)) for edge in edges] for column in (2, 3, 4)]
    grown = [[after - before for before, after in pairwise(column)] for column in counts]
    return Timeline(width, [Bucket(*each) for each in zip(*grown, strict=True)], span)


def at(points: Sequence[Sequence[float]], second: float, column: int) -> float:
    """The count in `column` at `second`, which is within the points."""
    for before, after in pairwise(points):
        if second <= after[0]:
            share = (second - before[0]) / (after[0] - before[0]) if after[0] > before[0] else 1
            return before[column] + share * (after[column] - before[column])
    return points[-1][column]
