"""The section of round trips: how long responses took, all together, by proxy and by resolver."""

import math
from collections.abc import Callable, Sequence

from scanner.report.drawing import (
    COLOURS,
    COUNTS,
    TEXT,
    WIDE,
    Drawing,
    Spec,
    drawn,
    quantity,
    rows_of,
    text_room,
)
from scanner.report.endpoints import DRAWN, short
from scanner.report.markup import Html, details, figure, legend, missing, paragraph, section, table
from scanner.report.query import Figures, Times
from scanner.report.strips import strips
from scanner.report.troubles import Judged
from scanner.report.words import beyond, counted, milliseconds, percent

TITLE = "Round trips"
PERCENTILES = {"p50": "M-0.34,-1.1H0.34V1.1H-0.34Z", "p90": "diamond", "p99": "triangle-up"}  # and their marks
MARKS = legend("darker: more responses", Html("&#9474; p50"), Html("&#9670; p90"), Html("&#9650; p99"))
TICKS_MS = [first * 10**power for power in range(6) for first in (1, 2, 5)]
TICK_LABEL = "datum.value < 1000 ? datum.value + ' ms' : datum.value / 1000 + ' s'"
ROW = 18  # pixels, of a percentile's label above the bars


def round_trips(figures: Figures, proxies: Sequence[Judged], resolvers: Sequence[Judged]) -> Html:
    times = figures.times
    if times is None:
        return section("times", TITLE, missing("Nothing was answered."))
    description = (
        f"Of {counted(times.lines, 'response', 'responses')} half took {milliseconds(times.p50)} or less, nine in ten "
        f"{milliseconds(times.p90)}, 99 in 100 {milliseconds(times.p99)}."
    )
    rows = [(span(b), f"{n:,}", percent(n, times.lines)) for b, n in times.bins.items()]
    counts = table("Responses by round trip", ("Round trip", "Responses", "Share"), rows)
    return section(
        "times", TITLE, paragraph(description), figure("All responses", description, drawn(histogram(times))),
        details("The figures of this chart", counts), by_endpoint("proxy", proxies), by_endpoint("resolver", resolvers),
    )  # fmt: skip


def by_endpoint(kind: str, found: Sequence[Judged]) -> Html:
    """A strip for each, where there are several to compare; the figures are in the section of proxies and resolvers."""
    shown = [(short(each.name), each.seen.times) for each in found if each.seen][:DRAWN]
    if len(shown) < 2:
        return Html()
    title = f"By {kind}" + beyond(len(found), len(shown))
    description = f"a strip for each; the figures stand under “Proxies and resolvers”, by {kind}."
    return figure(title, description, spread(shown), MARKS)


def histogram(times: Times) -> Callable[[int], Spec]:
    """How many responses took how long; the percentiles marked, each on a row of its own above the bars: what is said
    to the right of the first line meets no other line there, for the second begins a row below."""
    low, last = reach([times])
    rows = [{**edges(b), "none": 0, "lines": n, "say": f"{span(b)}: {n:,} responses"} for b, n in times.bins.items()]
    marks = [
        {"at": max(ms, low), "row": row, "label": f"{name} {milliseconds(ms)}"}
        for row, (name, ms) in enumerate(percentiles(times))
    ]
    bar = {"type": "rect", "fill": COLOURS["taken"], "stroke": "var(--paper)", "strokeWidth": 0.75}

    def spec(width: int) -> Spec:
        height = 220 if width == WIDE else 190
        high = with_room(marks, low, last, width)
        top = max(times.bins.values()) * height / (height - len(marks) * ROW)
        y = quantity("none", axis=COUNTS, scale={"domain": [0, top], "nice": False})
        return {
            "height": height,
            "layer": [
                {**rows_of(rows), "mark": bar,
                 "encoding": {**time_axis(low, high, width), "y": y, "y2": {"field": "lines"}}},
                *(layer for mark in marks for layer in percentile(mark, height)),
            ],
        }  # fmt: skip

    return spec


def with_room(marks: Sequence[Spec], low: float, high: float, width: int) -> float:
    """How far the axis goes: far enough that each label fits behind its line."""
    plot = width - 60  # pixels, without the vertical axis
    for mark in marks:
        share = text_room([mark["label"]]) / plot
        high = max(high, low * math.exp(math.log(max(mark["at"] / low, 1)) / (1 - share)))
    return high


def percentile(mark: Spec, height: int) -> list[Spec]:
    """Its line and its label."""
    above = mark["row"] * ROW
    rule = {"type": "rule", "stroke": "var(--ink)", "strokeWidth": 1.5, "strokeDash": [4, 3]}
    text = {**TEXT, "fontWeight": "bold", "baseline": "top", "align": "left", "dx": 5}
    at = quantity("at")
    return [
        {**rows_of([mark]), "mark": rule, "encoding": {"x": at, "y": {"value": above}, "y2": {"value": height}}},
        {**rows_of([mark]), "mark": text, "encoding": {"x": at, "y": {"value": above}, "text": {"field": "label"}}},
    ]


def spread(found: Sequence[tuple[str, Times]]) -> Drawing:
    """Darker where more of its responses are, with its percentiles."""
    low, high = reach([times for _, times in found])
    shades = [
        {"row": row, **edges(b), "depth": math.sqrt(n / max(times.bins.values())),
         "say": f"{name}, {span(b)}: {n:,} responses"}
        for row, (name, times) in enumerate(found) for b, n in times.bins.items()
    ]  # fmt: skip
    marks = [
        {"row": row, "at": max(ms, low), "percentile": percentile, "say": f"{name}, {percentile}: {milliseconds(ms)}"}
        for row, (name, times) in enumerate(found) for percentile, ms in percentiles(times)
    ]  # fmt: skip
    shapes = {"domain": list(PERCENTILES), "range": list(PERCENTILES.values())}
    mark = {"x": quantity("at"), "shape": {"field": "percentile", "scale": shapes, "legend": None},
            "description": {"field": "say"}}  # fmt: skip
    point = {"type": "point", "filled": True, "fill": "var(--ink)", "stroke": "var(--paper)", "strokeWidth": 1,
             "size": 90, "opacity": 1}  # fmt: skip
    over = {**rows_of(marks), "mark": point, "encoding": mark}
    return strips([name for name, _ in found], shades, lambda width: time_axis(low, high, width), over=[over])


def percentiles(times: Times) -> list[tuple[str, int]]:
    return [(name, getattr(times, name)) for name in PERCENTILES]


def time_axis(low: float, high: float, width: int) -> Spec:
    """Milliseconds, each decade as wide as the next."""
    few = math.log10(high / low) > (4 if width == WIDE else 1.2)
    ticks = [ms for ms in TICKS_MS if low <= ms <= high and (str(ms)[0] == "1" or not few)]
    axis = {"values": ticks, "labelExpr": TICK_LABEL, "labelFlush": True}
    scale = {"type": "log", "domain": [low, high], "nice": False}
    return {"x": quantity("from", scale=scale, axis=axis), "x2": {"field": "to"}, "description": {"field": "say"}}


def reach(found: Sequence[Times]) -> tuple[float, float]:
    """From where to where an axis goes on which all of these fit, in whole bins."""
    bins = [b for times in found for b in times.bins]
    return edges(min(bins))["from"], edges(max(bins))["to"]


def edges(b: int) -> dict[str, float]:
    """From where to where a bin goes, in ms. Times are whole numbers: the bins of 1, 2 and 3 ms are the widest."""
    if b < 0:
        return {"from": 0.5, "to": 1}
    return {"from": math.ceil(10 ** (b / 10)), "to": math.ceil(10 ** ((b + 1) / 10))}


def span(b: int) -> str:
    """The whole milliseconds of a bin."""
    if b < 0:
        return "below 1 ms"
    first, last = edges(b)["from"], edges(b)["to"] - 1
    return f"{first} ms" if first == last else f"{first} to {last} ms"
