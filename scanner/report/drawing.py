"""Charts: from a Vega-Lite spec to SVG, and what all specs share. The only home of vl-convert.

They are drawn when the page is made, not when it is read. A page so made needs no script of others, no `unsafe-eval`
and no megabyte of library, and shows its charts on paper and where scripts are off. A colour is a variable of the
page's style, so light and dark share one drawing; each chart is drawn twice, for a wide page and for a telephone.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import vl_convert

Spec = dict[str, Any]
VEGA_LITE = "6.1"
WIDE, NARROW = 880, 340  # pixels of a drawing; the page scales it
LETTER = 7.6  # pixels of a letter at most: the fonts of readers are wider than the one that measures here
COLOURS = {"taken": "var(--taken)", "nxdomain": "var(--nxdomain)", "error": "url(#hatch)"}
"""By verdict, of the page's style; #hatch is a pattern in the page, so that errors differ by more than colour."""
REGISTRY_COLOURS = {word: f"var(--{word})" for word in ("free", "registered", "reserved")} | {"unknown": "url(#hatch)"}
"""By what a registry says."""

TEXT: Spec = {"type": "text", "fontSize": 12.5, "fill": "var(--ink)"}
EXTENT = {"minExtent": 46, "maxExtent": 46}  # pixels for a vertical axis: charts above each other share their time
COUNTS = {"tickCount": 4, "tickMinStep": 1, "format": "~s", **EXTENT}  # a vertical axis of whole numbers
CONFIG: Spec = {
    "background": None,
    "font": "sans-serif",
    "view": {"stroke": None},
    "bar": {"discreteBandSize": {"band": 0.72}},
    "axis": {
        "domain": False,
        "ticks": False,
        "title": None,
        "labelFontSize": 12.5,
        "labelColor": "var(--muted)",
        "labelPadding": 6,
        "gridColor": "var(--line)",
    },
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """One chart in its two sizes, as SVG elements."""

    wide: str
    narrow: str


def drawn(chart: Callable[[int], Spec]) -> Drawing:
    """What `chart(width)` specifies."""
    return Drawing(svg(chart(WIDE), WIDE), svg(chart(NARROW), NARROW))


def svg(spec: Spec, width: int) -> str:
    """The drawing of a spec, as wide as where it is put. It loads nothing."""
    frame = {"width": width, "autosize": {"type": "fit-x", "contains": "padding"}, "padding": 2, "config": CONFIG}
    text = vl_convert.vegalite_to_svg({**frame, **spec}, vl_version=VEGA_LITE, allowed_base_urls=[])
    return re.sub(r'^<svg [^>]*(viewBox="[^"]*")>', r'<svg aria-hidden="true" \1>', text, count=1)


def rows_of(rows: Sequence[Spec]) -> Spec:
    """The data of a spec or layer."""
    return {"data": {"values": list(rows)}}


def quantity(field: str, **more: object) -> Spec:
    """A channel that shows a number."""
    return {"field": field, "type": "quantitative", **more}


def by_verdict(colours: Mapping[str, str] = COLOURS) -> Spec:
    """The channels of what is stacked by `verdict`, `place` after `place`."""
    scale = {"domain": list(colours), "range": list(colours.values())}
    return {"color": {"field": "verdict", "scale": scale, "legend": None}, "order": quantity("place")}


def one_bar(parts: Sequence[tuple[str, int, str]], colours: Mapping[str, str]) -> Callable[[int], Spec]:
    """All of (verdict, count, what to say of it) in one bar."""
    rows = [
        {"verdict": each, "place": place, "lines": count, "say": say} for place, (each, count, say) in enumerate(parts)
    ]
    return lambda width: {
        **rows_of(rows),
        "height": 26,
        "padding": 0,
        "mark": {"type": "bar", "height": 26},
        "encoding": {
            "x": quantity("lines", stack="normalize", axis=None),
            **by_verdict(colours),
            "description": {"field": "say"},
        },
    }


def labelled_bars(rows: Sequence[Spec], field: str, colours: Mapping[str, str] = COLOURS) -> Callable[[int], Spec]:
    """A horizontal bar for each value of `field`, made of the rows' `lines` by `verdict`, with its `label` behind it at
    `all` lines."""
    most = max((int(row["all"]) for row in rows), default=0)
    behind = text_room(str(row["label"]) for row in rows) + 8
    room = text_room(row[field] for row in rows)
    axis = {"labelColor": "var(--ink)", "labelAlign": "left", "labelLimit": 0, "labelPadding": room, "minExtent": room}
    y = {"field": field, "type": "nominal", "sort": None, "axis": axis}
    return lambda width: {
        **rows_of(rows),
        "height": {"step": 24},
        "encoding": {"y": y},
        "layer": [
            {
                "mark": "bar",
                "encoding": {
                    "x": quantity("lines", axis=None, scale={"domain": [0, most / (1 - behind / (width - room))]}),
                    **by_verdict(colours),
                    "description": {"field": "say"},
                },
            },
            {
                "mark": {**TEXT, "align": "left", "dx": 6, "fill": "var(--muted)"},
                "encoding": {"x": quantity("all", axis=None), "text": {"field": "label"}},
            },
        ],
    }


def text_room(texts: Any) -> int:
    """Pixels that the longest of them takes, and a gap."""
    return round(max(map(len, texts), default=0) * LETTER) + 10


def shortened(text: str, longest: int) -> str:
    """With an ellipsis for what is beyond `longest` characters."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
