"""The section of slow and failing exits, from the scan's own account: an attempt that was lost is on no line."""

from collections.abc import Callable, Sequence

from scanner.report.markup import Html, address, beyond, missing, percent, section, table
from scanner.report.query import EXITS
from scanner.report.run_record import Ledger, Run

TITLE = "Slow and failing exits"
COLUMNS: dict[str, Callable[[Ledger], str]] = {
    "Queries": lambda each: number(each.queries),
    "Responses": lambda each: number(each.responses),
    "Lost": lambda each: number(each.losses),
    "Lost share": lambda each: percent(each.losses, each.queries) if each.losses is not None and each.queries else "",
    "p50 ms": lambda each: number(each.p50_ms),
    "p99 ms": lambda each: number(each.p99_ms),
    "Reconnects": lambda each: number(each.reconnects),
    "Pauses": lambda each: number(each.pauses),
    "Window": lambda each: number(each.window),
}


def failing(run: Run) -> Html:
    tables = [ledger(kind, found) for kind, found in (("proxy", run.proxies), ("resolver", run.resolvers)) if found]
    told = "Not recorded: --stats json has a scan tell of lost queries and reconnects, and report --stats shows them."
    return section("exits", TITLE, *(tables or [missing(told)]))


def ledger(kind: str, found: Sequence[Ledger]) -> Html:
    """The worst of them; a column that nobody recorded is left out."""
    worst = sorted(found, key=lambda each: (each.lost_share, each.p99_ms or 0), reverse=True)[:EXITS]
    columns = {head: [cell(each) for each in worst] for head, cell in COLUMNS.items()}
    told = {head: cells for head, cells in columns.items() if any(cells)}
    rows = list(zip((address(each.name) for each in worst), *told.values(), strict=True))
    caption = f"The scan's own account by {kind}, the most losses first" + beyond(len(found), EXITS)
    return table(caption, (kind.capitalize(), *told), rows)


def number(value: float | None) -> str:
    """Empty where it was not recorded."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
