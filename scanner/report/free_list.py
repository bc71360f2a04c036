"""The whole list of free names, to search, copy and save; where a page cannot hold it, a link to the file beside."""

from urllib.parse import quote

from scanner.report.confirmed import Registry
from scanner.report.markup import Html, element, join, paragraph
from scanner.report.words import counted

PRINTED = 200  # on paper
TOOLS = Html("""\
<div class="tools" id="free-tools" hidden>
<label>Search <input type="search" id="free-search" autocomplete="off" spellcheck="false"></label>
<button type="button" id="free-copy">Copy</button>
<button type="button" id="free-save">Save</button>
<output id="free-found"></output>
</div>""")


def free_list(found: Registry, beside: str) -> Html:
    """Nothing where no name is free."""
    if not found.free:
        return Html()
    title = element("h3", f"All {counted(found.free, 'free name', 'free names')}", id="free-title")
    if found.listed is None:
        link = element("a", beside, href=quote(beside))
        why = "They are too many for a page: one a line in "
        return join((title, paragraph(join((why, link, ", beside this page.")))))
    first, rest = ("".join(f"{name}\n" for name in part) for part in (found.listed[:PRINTED], found.listed[PRINTED:]))
    inside = join((element("span", first), element("span", rest, class_="rest")))
    names = element("pre", inside, id="free", tabindex="0", role="region", aria_labelledby="free-title", class_="tall")
    note = paragraph(f"On paper the first {PRINTED}.", "note paper") if rest else Html()
    return join((title, TOOLS, names, note))
