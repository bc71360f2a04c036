"""What is wrong with a proxy or resolver, judged beside its neighbours: from the scan's own account, and from the lines
that came by it. A slow network is nobody's fault, and three queries prove nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low

from scanner.report.plain import plain
from scanner.report.query import RESPONSES_MIN, Endpoint
from scanner.report.run_record import NAME_MAX, Ledger, Run
from scanner.report.timeline import Timeline
from scanner.report.words import clock, percent

DEAD, SILENT, LOSSY, FAILING, SLOW = "dead", "silent", "lossy", "failing", "slow"
ORDER = (DEAD, SILENT, LOSSY, FAILING, SLOW)
ADVICE = {
    DEAD: "What never answered cost attempts and gave nothing: take it out.",
    SILENT: "What went silent worked before: look whether it still runs, or has used up what it may do.",
    LOSSY: "What loses queries may be asked too fast: try a lower rate, or do without it.",
    FAILING: "What answers with errors may not serve you: ask it by hand.",
    SLOW: "What is slow holds up the names that wait for it: the others may do better without it.",
}

LOSSY_SHARE, LOSSES_LEAST = 0.05, 10
FAILING_SHARE, TIMES_OTHERS = 0.05, 4  # of the responses; and so many times the share of all
SLOWER, SLOWER_MS = 3, 20  # times the median of all, and so much above it
SLOWED = 2  # times what it was, where the others are not
MISSED_LEAST = 30  # responses that it would have had, were it not silent
SILENT_SHARE = 0.05  # of the scan


@dataclass(frozen=True, slots=True)
class Judged:
    """A proxy or resolver with all that is known of it; `kind` is of ORDER, or nothing is wrong."""

    name: str
    ledger: Ledger | None
    seen: Endpoint | None
    kind: str = ""
    say: str = ""

    @property
    def p50_ms(self) -> float | None:
        if self.seen is not None:
            return self.seen.times.p50
        return self.ledger.p50_ms if self.ledger else None

    @property
    def lost_share(self) -> float:
        return self.ledger.lost_share if self.ledger else 0.0


def proxies_of(found: Sequence[Endpoint], run: Run) -> list[Judged]:
    """Those of the run, in its order, each with what was seen of it; then those that only the lines know."""
    seen = {each.name: each for each in found}
    known = [Judged(proxy_name(run, str(at)), ledger, seen.get(str(at))) for at, ledger in enumerate(run.proxies)]
    only_seen = [each for each in found if int(each.name) >= len(run.proxies) or int(each.name) < 0]
    return known + [Judged(proxy_name(run, each.name), None, each) for each in only_seen]


def proxy_name(run: Run, index: str) -> str:
    """`#7 socks5://198.51.100.7:1080`, where the run says it."""
    settings, at = run.settings.get("proxies"), int(index)
    known = [each.name for each in run.proxies] or settings
    return f"#{at} {plain(known[at], NAME_MAX)}" if isinstance(known, list) and 0 <= at < len(known) else f"#{at}"


def resolvers_of(found: Sequence[Endpoint], run: Run) -> list[Judged]:
    """As proxies_of."""
    seen = {each.name: each for each in found}
    known = [Judged(ledger.name, ledger, seen.get(ledger.name)) for ledger in run.resolvers]
    names = {ledger.name for ledger in run.resolvers}
    return known + [Judged(each.name, None, each) for each in found if each.name not in names]


def judged(each: Sequence[Judged], line: Timeline | None) -> list[Judged]:
    """The worst first, those with nothing wrong last, the slowest of them first."""
    neighbours = Neighbours.of(each)
    told = [Judged(one.name, one.ledger, one.seen, *trouble(one, neighbours, line)) for one in each]
    ranks = {kind: rank for rank, kind in enumerate((*ORDER, ""))}

    def place(one: Judged) -> tuple[float, ...]:
        lost = one.lost_share if one.kind else 0
        return ranks[one.kind], responses(one) < RESPONSES_MIN, -lost, -(one.p50_ms or 0)

    return sorted(told, key=place)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What is usual among them; None: not known."""

    p50: float | None
    late: float | None  # p50 in the last third of the scan
    errors: float  # of all responses
    lines: float  # of each that has any

    @staticmethod
    def of(each: Sequence[Judged]) -> "Neighbours":
        seen = [one.seen for one in each if one.seen and one.seen.times.lines >= RESPONSES_MIN]
        times = [one.p50_ms for one in each if one.p50_ms is not None and responses(one) >= RESPONSES_MIN]
        lates = [one.late for one in seen if one.late is not None]
        lines = sum(one.times.lines for one in seen)
        return Neighbours(
            p50=median_low(times) if times else None,
            late=median_low(lates) if lates else None,
            errors=sum(one.errors for one in seen) / lines if lines else 0.0,
            lines=median_low([one.times.lines for one in seen]) if seen else 0,
        )


def responses(one: Judged) -> float:
    if one.ledger and one.ledger.responses is not None:
        return one.ledger.responses
    return one.seen.times.lines if one.seen else 0


def trouble(one: Judged, usual: Neighbours, line: Timeline | None) -> tuple[str, str]:
    """Its kind and what to say of it; of several the worst."""
    return (
        is_dead(one) or went_silent(one, usual, line) or is_lossy(one) or is_failing(one, usual) or slowed(one, usual)
        or is_slow(one, usual) or ("", "")
    )  # fmt: skip


def is_dead(one: Judged) -> tuple[str, str] | None:
    """It was tried, and nothing came of it."""
    it = one.ledger
    if it is None or it.responses or one.seen or not (it.queries or it.pauses or it.reconnects):
        return None
    return DEAD, "never answered"


def went_silent(one: Judged, usual: Neighbours, line: Timeline | None) -> tuple[str, str] | None:
    """The scan had it pause, and it gave nothing more while the others gave what it would have had a part in."""
    if not (one.ledger and one.ledger.pauses):
        return None
    if one.seen is None:
        return (SILENT, "no answer to any name") if usual.lines >= MISSED_LEAST else None
    last = one.seen.last_s
    if last is None or line is None:
        return None
    later = sum(bucket.lines for place, bucket in enumerate(line.buckets) if place * line.width_s > last)
    earlier = sum(bucket.lines for bucket in line.buckets) - later
    missed = later * one.seen.times.lines / max(earlier, 1)
    if missed < MISSED_LEAST or line.span_s - last < SILENT_SHARE * line.span_s:
        return None
    return SILENT, f"no answer after {clock(round(last))}"


def is_lossy(one: Judged) -> tuple[str, str] | None:
    it = one.ledger
    if it is None or not it.queries or (it.losses or 0) < LOSSES_LEAST or it.lost_share <= LOSSY_SHARE:
        return None
    return LOSSY, f"{percent(it.losses or 0, it.queries)} lost"


def is_failing(one: Judged, usual: Neighbours) -> tuple[str, str] | None:
    """Its responses are errors much more often than those of the others."""
    it = one.seen
    if it is None or it.times.lines < RESPONSES_MIN:
        return None
    share = it.errors / it.times.lines
    if share <= FAILING_SHARE or (share <= TIMES_OTHERS * usual.errors and share < 0.5):
        return None
    return FAILING, f"{percent(it.errors, it.times.lines)} errors"


def slowed(one: Judged, usual: Neighbours) -> tuple[str, str] | None:
    """It became slow, and the others did not."""
    it = one.seen
    if it is None or it.early is None or it.late is None or usual.late is None:
        return None
    if it.late < SLOWED * max(it.early, usual.late if usual.late != it.late else 0) or it.late - it.early < SLOWER_MS:
        return None
    return SLOW, f"slowed from {it.early:,} to {it.late:,} ms"


def is_slow(one: Judged, usual: Neighbours) -> tuple[str, str] | None:
    p50 = one.p50_ms
    if p50 is None or usual.p50 is None or responses(one) < RESPONSES_MIN:
        return None
    if p50 < SLOWER * usual.p50 or p50 - usual.p50 < SLOWER_MS:
        return None
    return SLOW, f"slow: {p50:,.0f} ms, usual {usual.p50:,.0f}"
