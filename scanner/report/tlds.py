"""The section of names by top-level domain."""

from collections.abc import Callable, Sequence

from scanner.report.drawing import COLOURS, Spec, drawn, labelled_bars, shortened
from scanner.report.markup import VERDICTS, Html, figure, missing, name, section, table
from scanner.report.query import TLDS, Figures, Tld
from scanner.report.words import beyond, number, percent

TITLE = "Top-level domains"
LABEL = 16  # letters


def top_level_domains(figures: Figures) -> Html:
    if not figures.tlds:
        return section("tlds", TITLE, missing("No line holds a name."))
    rows = [
        (name(tld.name), f"{tld.lines:,}", f"{tld.taken:,}", f"{tld.nxdomain:,}", number(tld.error),
         percent(tld.nxdomain, tld.lines), percent(tld.error, tld.lines) if tld.error else "")
        for tld in figures.tlds
    ]  # fmt: skip
    description = "bars, the commonest first; the table below has the figures."
    heads = ("TLD", "Names", "taken", "nxdomain", "error", "nxdomain share", "Error share")
    caption = "Names by top-level domain" + beyond(figures.tld_count, TLDS)
    bars = figure("Names", description, drawn(by_tld(figures.tlds)), VERDICTS)
    return section("tlds", TITLE, bars, table(caption, heads, rows, kind="cards"))


def by_tld(tlds: Sequence[Tld]) -> Callable[[int], Spec]:
    """A bar for each, its verdicts one after the other."""
    rows = [
        {
            "tld": shortened(tld.name, LABEL), "verdict": verdict, "place": place, "lines": getattr(tld, verdict),
            "all": tld.lines, "label": "" if place else f"{tld.lines:,}",
            "say": f"{tld.name}, {verdict}: {getattr(tld, verdict):,} of {tld.lines:,} names",
        }
        for tld in tlds for place, verdict in enumerate(COLOURS)
    ]  # fmt: skip
    return labelled_bars(rows, "tld")
