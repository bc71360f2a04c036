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
    shortened,
    text_room,
)
from scanner.report.markup import (
    Html,
    address,
    beyond,
    details,
    figure,
    join,
    legend,
    missing,
    paragraph,
    percent,
    section,
    table,
)
from scanner.report.plain import plain
from scanner.report.query import ENDPOINTS_MAX, Endpoint, Figures, Times
from scanner.report.run_record import Run

TITLE = "Round trips"
PERCENTILES = {"p50": "M-0.34,-1.1H0.34V1.1H-0.34Z", "p90": "diamond", "p99": "triangle-up"}  # and their marks
MARKS = legend("darker: more responses", Html("&#9474; p50"), Html("&#9670; p90"), Html("&#9650; p99"))
TICKS_MS = [first * 10**power for power in range(6) for first in (1, 2, 5)]
TICK_LABEL = "datum.value < 1000 ? datum.value + ' ms' : datum.value / 1000 + ' s'"


def round_trips(figures: Figures, run: Run) -> Html:
    times = figures.times
    if times is None:
        return section("times", TITLE, missing("Nothing was answered."))
    description = (
        f"Of {times.lines:,} responses half took {milliseconds(times.p50)} or less, nine in ten "
        f"{milliseconds(times.p90)}, 99 in 100 {milliseconds(times.p99)}."
    )
    rows = [(span(b), f"{n:,}", percent(n, times.lines)) for b, n in times.bins.items()]
    counts = table("Responses by round trip", ("Round trip", "Responses", "Share"), rows)
    proxies = [proxy_name(run, each.name) for each in figures.proxies]
    resolvers = [each.name for each in figures.resolvers]
    return section(
        "times", TITLE, paragraph(description), figure("All responses", description, drawn(histogram(times))),
        details("The figures of this chart", counts),
        endpoints(("proxy", "proxies"), figures.proxies, proxies, figures.proxy_count)
        or missing("By proxy: not recorded; --fields p has each line name its proxy. A direct scan has none."),
        endpoints(("resolver", "resolvers"), figures.resolvers, resolvers, figures.resolver_count)
        or missing("By resolver: not recorded; --fields ns has each line name its resolver."),
    )  # fmt: skip


def proxy_name(run: Run, index: str) -> str:
    """`#7 socks5://198.51.100.7:1080`, of the settings of the run where they are known."""
    known = run.settings.get("proxies")
    at = int(index)
    return f"#{at} {plain(known[at], 60)}" if isinstance(known, list) and 0 <= at < len(known) else f"#{at}"


def endpoints(kind: tuple[str, str], found: Sequence[Endpoint], names: Sequence[str], count: int) -> Html:
    """A strip and a row of a table for each, the slowest first; nothing where there is none."""
    if not found:
        return Html()
    rows = [
        (address(name), f"{each.times.lines:,}", percent(each.errors, each.times.lines),
         f"{each.times.p50:,}", f"{each.times.p90:,}", f"{each.times.p99:,}")
        for each, name in zip(found, names, strict=True)
    ]  # fmt: skip
    heads = (kind[0].capitalize(), "Responses", "Errors", "p50 ms", "p90 ms", "p99 ms")
    description = f"a strip for each of {len(found):,} {kind[1]}; the table below has the figures."
    return join((
        figure(f"By {kind[0]}", description, strips([each.times for each in found], list(map(place, names))), MARKS),
        table(f"Responses by {kind[0]}, the slowest first" + beyond(count, ENDPOINTS_MAX), heads, rows),
    ))  # fmt: skip


def place(name: str) -> str:
    """Index and address of a proxy or resolver, short enough for a drawing: `#7 198.51.100.7:1080`."""
    index, _, url = name.rpartition(" ")
    return shortened(f"{index} {url.rpartition('@')[2].rpartition('://')[2]}".strip(), 28)


def histogram(times: Times) -> Callable[[int], Spec]:
    """How many responses took how long; the percentiles marked."""
    low, high = reach([times])
    rows = [{**edges(b), "none": 0, "lines": n, "say": f"{span(b)}: {n:,} responses"} for b, n in times.bins.items()]
    marks = [
        {"at": max(ms, low), "row": row, "label": f"{name} {milliseconds(ms)}"}
        for row, (name, ms) in enumerate(percentiles(times))
    ]
    bar = {"type": "rect", "fill": COLOURS["taken"], "stroke": "var(--paper)", "strokeWidth": 0.75}
    rule = {"type": "rule", "stroke": "var(--ink)", "strokeWidth": 1.5, "strokeDash": [4, 3]}
    y = quantity("none", axis=COUNTS)
    return lambda width: {
        "height": 200 if width == WIDE else 170,
        "layer": [
            {**rows_of(rows), "mark": bar,
             "encoding": {**time_axis(low, high, width), "y": y, "y2": {"field": "lines"}}},
            {**rows_of(marks), "mark": rule, "encoding": {"x": quantity("at")}},
            *(layer for mark in marks for layer in percentile_label(mark, low, high)),
        ],
    }  # fmt: skip


def percentile_label(mark: Spec, low: float, high: float) -> list[Spec]:
    """On the side of its line where there is room, each on a row of its own, with a rim that keeps it off the bars."""
    right = math.log(mark["at"] / low) < 0.75 * math.log(high / low)
    side = {"align": "left", "dx": 5} if right else {"align": "right", "dx": -5}
    text = {**TEXT, "fontWeight": "bold", "baseline": "top", **side}
    rim = {"stroke": "var(--paper)", "strokeWidth": 4, "strokeJoin": "round"}
    encoding = {"x": quantity("at"), "y": {"value": mark["row"] * 18}, "text": {"field": "label"}}
    return [{**rows_of([mark]), "mark": {**text, **more}, "encoding": encoding} for more in (rim, {})]


def strips(found: Sequence[Times], names: Sequence[str]) -> Drawing:
    """A strip for each, darker where more of its responses are, with its percentiles; the name before it, or on a
    telephone above it."""
    low, high = reach(found)
    named = list(enumerate(zip(found, names, strict=True)))
    shades = [
        {"row": row, **edges(b), "depth": math.sqrt(n / max(times.bins.values())),
         "say": f"{name}, {span(b)}: {n:,} responses"}
        for row, (times, name) in named for b, n in times.bins.items()
    ]  # fmt: skip
    marks = [
        {"row": row, "at": max(ms, low), "percentile": percentile, "say": f"{name}, {percentile}: {milliseconds(ms)}"}
        for row, (times, name) in named for percentile, ms in percentiles(times)
    ]  # fmt: skip
    labels = [{"row": row, "name": name} for row, name in enumerate(names)]
    depth = quantity("depth", scale={"domain": [0, 1], "range": [0.06, 1]}, legend=None)
    shapes = {"domain": list(PERCENTILES), "range": list(PERCENTILES.values())}
    mark = {"x": quantity("at"), "shape": {"field": "percentile", "scale": shapes, "legend": None},
            "description": {"field": "say"}}  # fmt: skip

    def spec(width: int) -> Spec:
        room = text_room(names) if width == WIDE else 0
        below = 0 if room else 11  # pixels
        strip = {"type": "rect", "fill": COLOURS["taken"], "height": 18, "yOffset": below}
        point = {"type": "point", "filled": True, "fill": "var(--ink)", "stroke": "var(--paper)", "strokeWidth": 1,
                 "size": 90, "opacity": 1, "yOffset": below}  # fmt: skip
        label = {**TEXT, "align": "left", "yOffset": -below}
        return {
            "height": {"step": 26 if room else 46},
            "encoding": {"y": {"field": "row", "type": "ordinal",
                               "axis": {"labels": False, "grid": False, "minExtent": room, "maxExtent": room}}},
            "layer": [
                {**rows_of(shades), "mark": strip, "encoding": {**time_axis(low, high, width), "opacity": depth}},
                {**rows_of(marks), "mark": point, "encoding": mark},
                {**rows_of(labels), "mark": label, "encoding": {"x": {"value": -room}, "text": {"field": "name"}}},
            ],
        }  # fmt: skip

    return drawn(spec)


def percentiles(times: Times) -> list[tuple[str, int]]:
    return [(name, getattr(times, name)) for name in PERCENTILES]


def time_axis(low: float, high: float, width: int) -> Spec:
    """Milliseconds, each decade as wide as the next."""
    few = math.log10(high / low) > (4 if width == WIDE else 1.5)
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


def milliseconds(ms: float) -> str:
    return f"{ms:,.0f} ms" if ms < 10_000 else f"{ms / 1000:,.1f} s"
