"""The whole list of free names, to search, copy and save; where a page cannot hold it, a link to the file beside."""

from urllib.parse import quote

from scanner.report.confirmed import Registry
from scanner.report.markup import Html, element, html, join, paragraph
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
        return join((title, paragraph(where(beside))))
    first, rest = ("".join(f"{name}\n" for name in part) for part in (found.listed[:PRINTED], found.listed[PRINTED:]))
    inside = join((element("span", first), element("span", rest, class_="rest")))
    names = element("pre", inside, id="free", tabindex="0", role="region", aria_labelledby="free-title", class_="tall")
    note = paragraph(f"On paper the first {PRINTED}.", "note paper") if rest else Html()
    return join((title, TOOLS, names, note))


def where(beside: str) -> Html:
    """The list, or how to get it: beside a page that goes into a pipe there is no place."""
    if not beside:
        return html("They are too many for a page; report -o FILE writes them beside it.")
    return join(
        ("They are too many for a page: one a line in ", element("a", beside, href=quote(beside)), ", beside it.")
    )
