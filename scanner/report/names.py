"""The section of names: a few of each verdict and reason, to search in."""

from collections.abc import Iterable

from scanner.report.markup import Html, captioned, element, join, name, paragraph, scroller, section, swatch
from scanner.report.query import SAMPLES, Group

PRINTED = 5  # of each on paper
CAPTION = f"Up to {SAMPLES} names of each verdict and reason"
TOOLS = """\
<div class="tools" id="tools" hidden>
<label>Search <input type="search" id="search" autocomplete="off" spellcheck="false"></label>
<label>Show <select id="group"><option value="">all verdicts and reasons</option>{}</select></label>
<output id="found"></output>
</div>"""
HEAD = Html(
    '<tr><th scope="col">Name</th><th scope="col">Verdict</th><th scope="col">Reason</th>'
    '<th scope="col" class="n">ms</th><th scope="col">Answers, or why</th></tr>'
)


def names(groups: Iterable[Group]) -> Html:
    keys = {f"{group.verdict} {group.reason}".strip(): group for group in groups}
    rows = join(row for key, group in keys.items() for row in samples(group, key))
    tools = Html(TOOLS.format(join(element("option", key) for key in keys)))
    inside = join((element("thead", HEAD), element("tbody", rows)))
    note = paragraph(f"On paper {PRINTED} of each; on screen up to {SAMPLES}.", "note paper")
    table = scroller(element("table", inside, id="names", class_="cards", aria_label=CAPTION), "Names", "scroll tall")
    return section("sample", "Names", tools, captioned(CAPTION), table, note)


def samples(group: Group, key: str) -> list[Html]:
    """Rows; `key` is what the choice above them is compared with."""
    verdict, reason = element("td", swatch(group.verdict)), element("td", group.reason)
    return [
        element("tr", join((
            element("th", name(sample.name), scope="row"), verdict, reason,
            element("td", f"{sample.ms:,}", class_="n", data_head="ms"),
            element("td", name(sample.detail) if sample.detail else "", class_="long"),
        )), data_group=key, class_="extra" if place >= PRINTED else "")
        for place, sample in enumerate(group.samples)
    ]  # fmt: skip
