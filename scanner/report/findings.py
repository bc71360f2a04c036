"""What the reader is told first: what was scanned, and in one line what came to light."""

from collections.abc import Sequence

from scanner.report.confirmed import Registry
from scanner.report.drawing import shortened
from scanner.report.query import ROOT, Figures
from scanner.report.run_record import Run
from scanner.report.troubles import DEAD, FAILING, LOSSY, LOSSY_SHARE, SILENT, SLOW, Judged
from scanner.report.words import counted, listed, percent

TLDS_NAMED, TLD_MAX = 3, 24
UNANSWERED = ("timeout", "connection", "proxy", "tls", "truncated")  # reasons of names whose queries were all lost
SAID = {
    DEAD: "never answered",
    SILENT: "went silent",
    LOSSY: f"lost more than {100 * LOSSY_SHARE:.0f} % of their queries",
    FAILING: "answered with errors",
    SLOW: "were slow",
}
SAID_OF_ONE = {**SAID, LOSSY: f"lost more than {100 * LOSSY_SHARE:.0f} % of its queries", SLOW: "was slow"}


def what(figures: Figures, registry: Registry | None) -> str:
    """`8,112 names under .com, .net and .org`."""
    names = figures.names or sum(each.names for each in registry.registrations) if registry else figures.names
    if not names:
        return "Nothing"
    by_name = [(each.name, figures.tld_count) for each in figures.tlds]
    if registry and not by_name:
        by_name = [(each.tld, registry.shelf_count) for each in registry.shelves]
    named = [f".{shortened(name, TLD_MAX)}" for name, _ in by_name if name != ROOT][:TLDS_NAMED]
    rest = by_name[0][1] - len(named) if by_name else 0
    if rest > 0 and named:
        named = [*named[: TLDS_NAMED - 1], f"{rest + len(named[TLDS_NAMED - 1 :]):,} more TLDs"]
    under = f" under {listed(named)}" if named else ""
    return f"{counted(names, 'name', 'names')}{under}"


def findings(figures: Figures, proxies: Sequence[Judged], resolvers: Sequence[Judged], run: Run,
             registry: Registry | None) -> str:  # fmt: skip
    """One line; what is well known to be well is said too."""
    found = [
        *of_registries(registry),
        *of_endpoints("proxy", "proxies", proxies),
        *of_endpoints("resolver", "resolvers", resolvers),
        *of_losses(figures, run),
        *of_errors(figures),
    ]
    if not found:
        return ""
    text = "; ".join(found)
    return f"{text[0].upper()}{text[1:]}."


def of_registries(registry: Registry | None) -> list[str]:
    """How much is not known, and mostly why."""
    unknown = [each for each in registry.registrations if each.verdict == "unknown"] if registry else []
    if not registry:
        return []
    found = []
    if registry.expiring_count:
        found.append(f"{counted(registry.expiring_count, 'registered name', 'registered names')} may come free soon")
    if unknown:
        share = percent(sum(each.names for each in unknown), sum(each.names for each in registry.registrations))
        found.append(f"{share} are unknown" + (f", most often {unknown[0].reason}" if unknown[0].reason else ""))
    return found


def of_endpoints(one: str, several: str, all_of_them: Sequence[Judged]) -> list[str]:
    """`3 of 50 proxies never answered`."""
    counts = {kind: sum(each.kind == kind for each in all_of_them) for kind in SAID}
    whole = len(all_of_them)
    return [
        f"{count:,} of {counted(whole, one, several)} {(SAID_OF_ONE if count == 1 else SAID)[kind]}"
        if whole > 1 else f"the {one} {SAID_OF_ONE[kind]}"
        for kind, count in counts.items() if count
    ]  # fmt: skip


def of_losses(figures: Figures, run: Run) -> list[str]:
    """How many queries had no response, and what that did to the names."""
    unanswered = max(unanswered_lines(figures), unanswered_names(run))
    ledgers = run.resolvers or run.proxies
    queries = sum(each.queries or 0 for each in ledgers)
    losses = sum(each.losses or 0 for each in ledgers)
    names = f"{counted(unanswered, 'name', 'names')} got no answer"
    if not queries:
        return [names] if unanswered else []
    if not losses:
        return ["no query was lost", *([names] if unanswered else [])]
    lost = f"{percent(losses, queries)} of queries were lost"
    return [f"{lost}, {names}" if unanswered else f"{lost}, all recovered"]


def unanswered_lines(figures: Figures) -> int:
    return sum(group.lines for group in figures.groups if group.verdict == "error" and group.reason in UNANSWERED)


def unanswered_names(run: Run) -> int:
    """As the run counted them; of those that --only left out there is no line."""
    reasons = run.books.get("reasons")
    counts = [reasons.get(reason) for reason in UNANSWERED] if isinstance(reasons, dict) else []
    return sum(count for count in counts if isinstance(count, int))


def of_errors(figures: Figures) -> list[str]:
    """Names that ended in an error although something answered, or that were none."""
    others = [
        group
        for group in figures.groups
        if group.verdict == "error" and group.reason and group.reason not in UNANSWERED
    ]
    if not others:
        return []
    count = sum(group.lines for group in others)
    most = f", most often {others[0].reason}" if len(others) > 1 else f", {others[0].reason}"
    return [f"{counted(count, 'name', 'names')} ended in an error{most}"]
