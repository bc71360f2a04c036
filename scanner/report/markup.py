"""HTML, a piece at a time. A str may come from anywhere and is escaped here; only Html goes into a page as it is."""

import re
from collections.abc import Iterable, Sequence
from html import escape

from scanner.report.drawing import COLOURS, Drawing


class Html(str):
    """Markup that this program made."""

    __slots__ = ()


def html(piece: object) -> Html:
    """Anything as markup."""
    return piece if isinstance(piece, Html) else Html(escape(str(piece)))


def join(pieces: Iterable[object]) -> Html:
    return Html("".join(map(html, pieces)))


def element(tag: str, inside: object, **attributes: str) -> Html:
    """`<tag class="..." aria-label="...">inside</tag>`; `class_` is class, and `_` inside a name stands for `-`."""
    names = [key.rstrip("_").replace("_", "-") for key in attributes]
    given = [f' {key}="{escape(value)}"' for key, value in zip(names, attributes.values(), strict=True) if value]
    return Html(f"<{tag}{''.join(given)}>{html(inside)}</{tag}>")


def name(text: object) -> Html:
    """A name or value from outside, isolated from the writing direction of the text around it."""
    return element("bdi", text, class_="name")


def address(text: object) -> Html:
    """A resolver or proxy: on one line where there is room."""
    return element("bdi", text, class_="name address")


def swatch(verdict: str) -> Html:
    """A verdict, of the scan or of a registry, in its colour and pattern, and in its word."""
    square = element("rect", "", class_=verdict, width="12", height="12", rx="3")
    drawing = element("svg", square, aria_hidden="true", viewBox="0 0 12 12")
    return element("span", join((drawing, verdict)), class_="verdict")


def legend(*entries: object) -> Html:
    return element("p", join(element("span", entry) for entry in entries), class_="legend")


VERDICTS = legend(*map(swatch, COLOURS))
"""The legend of what is drawn by verdict."""


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]], *, words: int = 1, kind: str = "",
          tall: bool = False, printed: int = 0) -> Html:  # fmt: skip
    """Its first `words` columns hold words, the others numbers; the first cell of a row names it. One of the kind
    `cards` has many columns: on a telephone each row is a card, its cells under their heads. A `tall` one is scrolled,
    and on paper has its first `printed` rows."""
    kinds = ["" if place < words else "n" for place in range(len(heads))]
    head = join(element("th", text, scope="col", class_=kind) for text, kind in zip(heads, kinds, strict=True))
    body = join(row(cells, heads, kinds, extra=0 < printed <= place) for place, cells in enumerate(rows))
    inside = join((element("thead", element("tr", head)), element("tbody", body)))
    found = element("table", inside, class_=kind, aria_label=caption)
    return join((captioned(caption), scroller(found, caption, "scroll tall" if tall else "scroll")))


def captioned(text: str) -> Html:
    """The words above a table. A caption of its own would stay behind alone at the foot of a sheet of paper."""
    return element("p", text, class_="caption", aria_hidden="true")


def row(cells: Sequence[object], heads: Sequence[str], kinds: Sequence[str], *, extra: bool = False) -> Html:
    first, *others = cells
    named = element("th", first, scope="row")
    rest = [
        element("td", cell, class_=kind, data_head=head)
        for cell, head, kind in zip(others, heads[1:], kinds[1:], strict=True)
    ]
    return element("tr", join((named, *rest)), class_="extra" if extra else "")


def scroller(inside: Html, label: str, kind: str = "scroll") -> Html:
    """Where a table wider than the page is scrolled, by the keyboard too."""
    return element("div", inside, class_=kind, tabindex="0", role="region", aria_label=label)


def figure(title: str, description: str, drawing: Drawing, key: Html | None = None) -> Html:
    """A chart under its title and legend; `description` says in words what it shows."""
    caption = element("figcaption", join((element("h3", title), key or Html())))
    return element("figure", join((caption, image(drawing, f"{title}: {description}"))))


def image(drawing: Drawing, label: str, kind: str = "") -> Html:
    """A chart in its two sizes, of which the page shows one."""
    return join(
        element("div", Html(text), class_=f"{size} {kind}".strip(), role="img", aria_label=label)
        for size, text in (("wide", drawing.wide), ("narrow", drawing.narrow))
    )


def paragraph(text: object, kind: str = "") -> Html:
    return element("p", text, class_=kind)


def missing(text: str) -> Html:
    """In the place of what was not recorded; the flags in the text are not broken at the end of a line."""
    return paragraph(Html(re.sub(r"(--stats json|--fields ts|--\w+)", r"<code>\1</code>", escape(text))), "missing")


def details(summary: str, inside: Html) -> Html:
    """What is shown when the reader opens it."""
    return element("details", join((element("summary", summary), inside)))


def section(ident: str, title: str, *pieces: object) -> Html:
    heading = element("h2", title, id=f"{ident}-title")
    return element("section", join((heading, *pieces)), id=ident, aria_labelledby=f"{ident}-title")
