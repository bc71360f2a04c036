"""The section of proxies and resolvers: in one table each those that did badly, dead, lossy, slow; nothing where
nothing is wrong. The others are folded away."""

from collections.abc import Callable, Sequence

from scanner.report.drawing import shortened
from scanner.report.markup import (
    Html,
    address,
    details,
    element,
    figure,
    join,
    legend,
    missing,
    name,
    paragraph,
    section,
    table,
)
from scanner.report.query import Figures, course_width_s
from scanner.report.run_record import Run
from scanner.report.strips import courses
from scanner.report.timeline import Timeline
from scanner.report.troubles import ADVICE, ORDER, Judged, responses
from scanner.report.words import beyond, counted, number, percent

TITLE = "Proxies and resolvers"
BAD_MAX, OTHERS_MAX, DRAWN = 60, 200, 12
DRAWN_LEAST_S = 3.0  # a shorter scan has no course
COLUMNS: dict[str, Callable[[Judged], str]] = {
    "Queries": lambda it: number(it.ledger.queries) if it.ledger else number(it.seen.times.lines if it.seen else None),
    "Lost": lambda it: percent(it.ledger.losses or 0, it.ledger.queries or 0) if it.ledger and it.ledger.losses else "",
    "Errors": lambda it: percent(it.seen.errors, it.seen.times.lines) if it.seen and it.seen.errors else "",
    "p50 ms": lambda it: number(it.p50_ms),
    "p90 ms": lambda it: number(it.seen.times.p90) if it.seen else "",
    "p99 ms": lambda it: number(it.seen.times.p99 if it.seen else it.ledger.p99_ms if it.ledger else None),
    "Reconnects": lambda it: number(it.ledger.reconnects) if it.ledger else "",
    "Pauses": lambda it: number(it.ledger.pauses) if it.ledger else "",
}
NOT_RECORDED = {
    "proxy": "By proxy: not recorded; --fields p has each line name its proxy. A direct scan has none.",
    "resolver": "By resolver: not recorded; --fields ns has each line name its resolver.",
}
LOSSES = "Not recorded: with --stats json a scan records lost queries and pauses, and report --stats shows them."


def endpoints(figures: Figures, proxies: Sequence[Judged], resolvers: Sequence[Judged], run: Run) -> Html:
    parts = [
        of_kind("proxy", "proxies", proxies, figures.timeline, known=bool(run.settings)),
        of_kind("resolver", "resolvers", resolvers, figures.timeline, known=False),
    ]
    if not (run.proxies or run.resolvers):
        parts.append(missing(LOSSES))
    return section("endpoints", TITLE, *parts)


def of_kind(one: str, several: str, all_of_them: Sequence[Judged], line: Timeline | None, *, known: bool) -> Html:
    """What is wrong with which, when; then the others. `known`: there are none, and nothing is said."""
    if not all_of_them:
        return Html() if known else missing(NOT_RECORDED[one])
    bad = [each for each in all_of_them if each.kind]
    others = [each for each in all_of_them if not each.kind]
    figures = join((chart(one, several, all_of_them, line), details_of(one, several, others, bool(bad))))
    if not bad:
        which = f"{len(others):,} {several}" if len(others) > 1 else join((f"{one} ", name(others[0].name)))
        answered = "" if any(each.ledger for each in others) else " that answered"  # of others the lines say nothing
        return join((paragraph(join(("Nothing is wrong with the ", which, answered, "."))), figures))
    caption = f"{counted(len(bad), one, several)} of {len(all_of_them):,} did badly" + beyond(len(bad), BAD_MAX)
    advice = " ".join(ADVICE[kind] for kind in ORDER if any(each.kind == kind for each in bad))
    return join((paragraph(advice, "note"), rows(one, caption, bad[:BAD_MAX], judged=True), figures))


def details_of(one: str, several: str, others: Sequence[Judged], some_bad: bool) -> Html:
    """The table of those with nothing wrong, folded."""
    if not others:
        return Html()
    title = f"The other {counted(len(others), one, several)}" if some_bad else f"The figures by {one}"
    caption = f"By {one}, the slowest first" + beyond(len(others), OTHERS_MAX)
    return details(title, rows(one, caption, others[:OTHERS_MAX], judged=False))


def rows(one: str, caption: str, shown: Sequence[Judged], *, judged: bool) -> Html:
    """A row for each; a column without any value is left out."""
    columns = {head: [cell(each) for each in shown] for head, cell in COLUMNS.items()}
    recorded = {head: cells for head, cells in columns.items() if any(cells)}
    says = [element("span", each.say, class_="trouble") for each in shown] if judged else []
    heads = (one.capitalize(), *(("Trouble",) if judged else ()), *recorded)
    cells = zip((address(each.name) for each in shown), *((says,) if judged else ()), *recorded.values(), strict=True)
    return table(caption, heads, list(cells), words=2 if judged else 1, kind="cards")


def chart(one: str, several: str, all_of_them: Sequence[Judged], line: Timeline | None) -> Html:
    """When each answered and how fast: one that dies ends, one that slows down grows dark."""
    known = [each for each in all_of_them if each.seen and each.seen.course]
    shown = sorted(known, key=lambda each: (not each.kind, -responses(each)))[:DRAWN]
    if len(shown) < 2 or line is None or line.span_s < DRAWN_LEAST_S:
        return Html()
    drawing = courses([(short(each.name), each.seen.course) for each in shown if each.seen], line, course_width_s(line))
    what = f"of {len(all_of_them):,} {several}, {len(shown):,}; " if len(shown) < len(all_of_them) else ""
    description = f"{what}a strip for each {one}, darker where its median round trip is longer."
    title = f"When each {one} answered" + (f": {len(shown):,} of {len(all_of_them):,}" if what else "")
    return figure(title, description, drawing, legend("darker: slower", "gap: nothing came"))


def short(name: str) -> str:
    """Index and address of a proxy or resolver, short enough for a drawing: `#7 198.51.100.7:1080`."""
    index, _, url = name.rpartition(" ")
    return shortened(f"{index} {url.rpartition('@')[2].rpartition('://')[2]}".strip(), 28)
