"""The section of slow and failing proxies and resolvers, from the scan's own account: a lost attempt is on no line."""

from collections.abc import Callable, Sequence

from scanner.report.markup import Html, address, beyond, missing, percent, section, table
from scanner.report.query import ENDPOINTS_MAX
from scanner.report.run_record import Ledger, Run

TITLE = "Slow and failing proxies and resolvers"
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
    why = "Not recorded: with --stats json a scan records lost queries and reconnects, and report --stats shows them."
    return section("failing", TITLE, *(tables or [missing(why)]))


def ledger(kind: str, found: Sequence[Ledger]) -> Html:
    """The worst of them; a column without any value is left out."""
    worst = sorted(found, key=lambda each: (each.lost_share, each.p99_ms or 0), reverse=True)[:ENDPOINTS_MAX]
    columns = {head: [cell(each) for each in worst] for head, cell in COLUMNS.items()}
    recorded = {head: cells for head, cells in columns.items() if any(cells)}
    rows = list(zip((address(each.name) for each in worst), *recorded.values(), strict=True))
    caption = f"The scan's own account by {kind}, the most losses first" + beyond(len(found), ENDPOINTS_MAX)
    return table(caption, (kind.capitalize(), *recorded), rows)


def number(value: float | None) -> str:
    """Empty where it was not recorded."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
