"""The section of what happened when: lines a second, and errors a second."""

import math
from collections.abc import Callable

from scanner.report.drawing import COLOURS, COUNTS, EXTENT, WIDE, Spec, by_verdict, drawn, quantity, rows_of
from scanner.report.markup import (
    VERDICTS,
    Html,
    details,
    figure,
    legend,
    missing,
    paragraph,
    section,
    swatch,
    table,
)
from scanner.report.timeline import Timeline
from scanner.report.words import a_second, clock, moment
from scanner.text import two_digits

TITLE = "Over time"
TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
GAP = 0.14  # of a step, behind its bar
DRAWN_LEAST_S = 1.0  # a shorter scan has no course


def over_time(line: Timeline | None, source: str) -> Html:
    """`source`: where the times come from."""
    if line is None:
        why = "Not recorded: with --fields ts each line has its time, and with --stats json the run has a series."
        return section("time", TITLE, missing(why))
    if line.span_s < DRAWN_LEAST_S:
        return section(
            "time",
            TITLE,
            missing(f"All lines were written within {short(line.span_s)}; that is too short for a chart."),
        )
    begun = f", from {moment(line.start)}" if line.start is not None else ""
    note = paragraph(f"Steps of {line.width_s:g} s{begun}, counted from {source}.", "note")
    description = "bars, one for each step; the table below has the figures."
    rows = [
        (clock(place * line.width_s), two_digits(bucket.lines / line.seconds(place)), f"{bucket.taken:,}",
         f"{bucket.nxdomain:,}", f"{bucket.error:,}", a_second(bucket.error / line.seconds(place)))
        for place, bucket in enumerate(line.buckets)
    ]  # fmt: skip
    counts = table("Lines in each step", ("From", "Lines/s", "taken", "nxdomain", "error", "Errors/s"), rows)
    return section(
        "time", TITLE, note,
        figure("Lines a second", description, drawn(throughput(line)), VERDICTS),
        figure("Errors a second", description, drawn(errors(line)), legend(swatch("error")))
        if any(bucket.error for bucket in line.buckets) else missing("There was no error."),
        details("The figures of both", counts),
    )  # fmt: skip


def throughput(line: Timeline) -> Callable[[int], Spec]:
    """Lines a second, one verdict on top of the other."""
    rows = []
    for place, bucket in enumerate(line.buckets):
        top = 0.0
        for verdict in COLOURS:
            low, top = top, top + getattr(bucket, verdict) / line.seconds(place)
            say = f"{clock(place * line.width_s)}, {verdict}: {two_digits(top - low)} lines/s"
            rows.append({**step(line, place), "verdict": verdict, "low": low, "high": top, "say": say})
    y = quantity("low", axis=COUNTS)
    return lambda width: {
        **rows_of([row for row in rows if row["high"] > row["low"]]),
        "height": 200 if width == WIDE else 150,
        "mark": "rect",
        "encoding": {**time_axis(line, width), "y": y, "y2": {"field": "high"}, **by_verdict()},
    }


def errors(line: Timeline) -> Callable[[int], Spec]:
    """A second, in each step: a share would be 100 % where the only name of a step fails."""
    rows = [
        {**step(line, place), "none": 0, "errors": bucket.error / line.seconds(place),
         "say": f"{clock(place * line.width_s)}: {a_second(bucket.error / line.seconds(place))} errors/s, "
                f"{bucket.error:,} of {bucket.lines:,} lines"}
        for place, bucket in enumerate(line.buckets) if bucket.error
    ]  # fmt: skip
    y = quantity("none", axis={"tickCount": 3, "format": ",.2~f", **EXTENT})
    return lambda width: {
        **rows_of(rows),
        "height": 90,
        "mark": {"type": "rect", "fill": COLOURS["error"]},
        "encoding": {**time_axis(line, width), "y": y, "y2": {"field": "errors"}},
    }


def step(line: Timeline, place: int) -> Spec:
    """From where to where a step is drawn."""
    begin = place * line.width_s
    return {"from": begin, "to": begin + line.seconds(place) - GAP * line.width_s}


def time_axis(line: Timeline, width: int) -> Spec:
    """Seconds since the start, marked at times that people count in."""
    most = 10 if width == WIDE else 5
    known = (each for each in (line.width_s, *TICKS_S) if line.span_s / each <= most)
    apart = next(known, math.ceil(line.span_s / most))
    ticks = [place * apart for place in range(math.floor(line.span_s / apart) + 1)]
    words = " : ".join(f"datum.value == {tick} ? '{clock(tick)}'" for tick in ticks)
    axis = {"values": ticks, "labelExpr": f"{words} : ''", "grid": False, "labelFlush": True}
    scale = {"domain": [0, line.span_s], "nice": False}
    return {"x": quantity("from", scale=scale, axis=axis), "x2": {"field": "to"}, "description": {"field": "say"}}


def short(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds > 0.001 else "a millisecond"
