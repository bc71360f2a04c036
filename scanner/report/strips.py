"""Charts with a strip for each proxy or resolver: how long its responses took, and when they came."""

import math
from collections.abc import Callable, Sequence

from scanner.report.drawing import COLOURS, TEXT, WIDE, Drawing, Spec, drawn, quantity, rows_of, text_room
from scanner.report.overtime import time_axis
from scanner.report.timeline import Timeline
from scanner.report.words import clock, milliseconds

FAINT = 0.12  # of a course's fastest step


def courses(found: Sequence[tuple[str, Sequence[tuple[int, int, int]]]], line: Timeline, width_s: float) -> Drawing:
    """Of each (name, (step, responses, p50)...): darker where it was slower, nothing where nothing came."""
    times = [max(ms, 1) for _, course in found for _, _, ms in course]
    low, high = math.log(min(times)), math.log(max(*times, 2 * min(times)))
    shades = [
        {"row": row, "from": place * width_s, "to": min((place + 1) * width_s, line.span_s),
         "depth": (math.log(max(ms, 1)) - low) / (high - low),
         "say": f"{name}, {clock(place * width_s)}: {n:,} responses, median {milliseconds(ms)}"}
        for row, (name, course) in enumerate(found) for place, n, ms in course
    ]  # fmt: skip
    return strips([name for name, _ in found], shades, lambda width: time_axis(line, width), faint=FAINT)


def strips(names: Sequence[str], shades: Sequence[Spec], axis: Callable[[int], Spec], *, faint: float = 0.06,
           over: Sequence[Spec] = ()) -> Drawing:  # fmt: skip
    """A strip for each name, which stands before it, or on a telephone above it. `shades` have `row`, `depth` and the
    fields of `axis`; `over` are layers above them."""
    labels = [{"row": row, "name": name} for row, name in enumerate(names)]
    depth = quantity("depth", scale={"domain": [0, 1], "range": [faint, 1]}, legend=None)

    def spec(width: int) -> Spec:
        room = text_room(names) if width == WIDE else 0
        below = 0 if room else 11  # pixels
        strip = {"type": "rect", "fill": COLOURS["taken"], "height": 18, "yOffset": below}
        label = {**TEXT, "align": "left", "yOffset": -below}
        return {
            "height": {"step": 26 if room else 46},
            "encoding": {"y": {"field": "row", "type": "ordinal",
                               "axis": {"labels": False, "grid": False, "minExtent": room, "maxExtent": room}}},
            "layer": [
                {**rows_of(shades), "mark": strip, "encoding": {**axis(width), "opacity": depth}},
                *({**layer, "mark": {**layer["mark"], "yOffset": below}} for layer in over),
                {**rows_of(labels), "mark": label, "encoding": {"x": {"value": -room}, "text": {"field": "name"}}},
            ],
        }  # fmt: skip

    return drawn(spec)
