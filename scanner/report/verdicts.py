"""The section of verdicts and reasons, and the bar of all lines at the head of the page."""

from collections.abc import Callable, Sequence

from scanner.report.drawing import COLOURS, Spec, drawn, labelled_bars, one_bar
from scanner.report.markup import VERDICTS, Html, element, figure, image, join, section, swatch, table
from scanner.report.query import GROUPS, Figures, Group
from scanner.report.words import beyond, percent

DRAWN = 16  # reasons
MEANINGS = {
    "servfail": "the resolver answered SERVFAIL",
    "refused": "the resolver answered REFUSED",
    "formerr": "the resolver answered FORMERR",
    "notimp": "the resolver answered NOTIMP",
    "rcode": "the resolver answered with this RCODE",
    "timeout": "no answer in time",
    "connection": "the connection to the resolver closed or could not be made, or the name has no route",
    "proxy": "the proxy could not be used",
    "tls": "TLS failed",
    "badresp": "the response is malformed or contradicts itself",
    "truncated": "the answer is too large for a datagram, and TCP to the resolver failed",
    "badname": "the line holds no name; nothing was sent",
    "special": "a special-use name; nothing was sent",
    "cname_nx": "an alias whose target does not exist",
    "nodata": "the name exists, the type does not",
    "referral": "the resolver names other servers instead of an answer",
    "filtered": "the resolver says that its answer is a policy's, not the truth",
    "wildcard": "a name made up beside it gets the same answer",
    "disputed": "resolvers say different things",
}
WITHOUT_REASON = {
    "taken": "the name exists",
    "nxdomain": "the name does not exist",
    "error": "not known to the scan; a registry was asked",
}


def verdicts(figures: Figures) -> Html:
    total = sum(figures.verdicts.values())
    rows = [
        (swatch(group.verdict), reason(group), f"{group.lines:,}", percent(group.lines, total))
        for group in figures.groups
    ]
    counts = table(
        "Lines by verdict and reason" + beyond(figures.group_count, GROUPS),
        ("Verdict", "Reason", "Lines", "Share"), rows, words=2,
    )  # fmt: skip
    with_reason = [group for group in figures.groups if group.reason][:DRAWN]
    if not with_reason:
        return section("verdicts", "Verdicts and reasons", counts)
    description = "bars, the commonest first; the table below has the figures."
    bars = figure("Lines with a reason", description, drawn(reasons(with_reason)), VERDICTS)
    return section("verdicts", "Verdicts and reasons", bars, counts)


def reason(group: Group) -> Html:
    """The reason and what it means; where there is none, what the verdict means."""
    if not group.reason:
        return element("small", WITHOUT_REASON[group.verdict])
    key = "rcode" if group.reason.startswith("rcode") else group.reason
    return join((element("span", group.reason, class_="reason"), " ", element("small", MEANINGS[key])))


def reasons(groups: Sequence[Group]) -> Callable[[int], Spec]:
    """A bar for each reason."""
    rows = [
        {
            "reason": group.reason, "verdict": group.verdict, "place": 0, "lines": group.lines, "all": group.lines,
            "label": f"{group.lines:,}", "say": f"{group.verdict}, {group.reason}: {group.lines:,} lines",
        }
        for group in groups
    ]  # fmt: skip
    return labelled_bars(rows, "reason")


def whole(counts: dict[str, int]) -> Html:
    """All lines in one bar."""
    total = sum(counts.values())
    shares = [f"{verdict} {percent(counts[verdict], total)}" for verdict in COLOURS]
    parts = [(verdict, counts[verdict], f"{say}, {counts[verdict]:,} lines")
             for verdict, say in zip(COLOURS, shares, strict=True)]  # fmt: skip
    return image(drawn(one_bar(parts, COLOURS)), f"Lines by verdict: {', '.join(shares)}", "bar")
