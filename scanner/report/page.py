"""The page: one file that opens from disk and loads nothing. Its policy (CSP) allows this program's own
style and script by their hashes and nothing else: no request, no eval, no attribute with code."""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from string import Template

from scanner.report.account import account
from scanner.report.failing import failing
from scanner.report.markup import Html, element, html, join, missing, paragraph, percent, swatch
from scanner.report.names import names
from scanner.report.overtime import clock, moment, over_time
from scanner.report.plain import plain
from scanner.report.query import Figures
from scanner.report.registrations import registrations
from scanner.report.registrations import tiles as tiles_of_registrations
from scanner.report.roundtrips import milliseconds, round_trips
from scanner.report.run_record import Run
from scanner.report.timeline import Timeline, from_series
from scanner.report.tlds import top_level_domains
from scanner.report.verdicts import verdicts, whole
from scanner.results.table import Loaded
from scanner.text import rate_text
from scanner.version import __version__

POLICY = "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'"


def page(title: str, loaded: Loaded, figures: Figures, run: Run) -> str:
    """The whole page. `title` is the name of the file of lines; `run` what the scan recorded of itself."""
    here = files("scanner.report")
    style, script = (here.joinpath(part).read_text("utf-8") for part in ("page.css", "page.js"))
    line = figures.timeline or from_series(run.series)
    return Template(here.joinpath("page.html").read_text("utf-8")).substitute(
        title=html(plain(title)),
        policy=POLICY.format(digest(style), digest(script)),
        style=style,
        script=script,
        subtitle=html(subtitle(loaded, line, run)),
        notices=join(paragraph(text, "notice") for text in notices(loaded, run)),
        headline=join((opening(figures), headline(figures, line) if figures.groups else Html())),
        body=body(figures, line, run),
        version=__version__,
    )


def digest(text: str) -> str:
    """As a policy names it."""
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


def body(figures: Figures, line: Timeline | None, run: Run) -> Html:
    """The sections; of a file without lines only what the run recorded."""
    bought = registrations(figures.registrations)
    if not figures.groups:
        return join((bought or missing("There is no line in this file, so there is nothing to show."), account(run)))
    return join((
        bought,
        verdicts(figures),
        over_time(line, "the lines" if figures.timeline else "the scan's own account"),
        round_trips(figures, run),
        failing(run),
        top_level_domains(figures),
        names(figures.groups),
        account(run),
    ))  # fmt: skip


def subtitle(loaded: Loaded, line: Timeline | None, run: Run) -> str:
    """How much, and when."""
    count = f"{loaded.lines - loaded.foreign:,} lines"
    if line is not None and line.start is not None:
        return f"{count}, written from {moment(line.start)} to {moment(line.start + line.span_s)}"
    begun = run.books.get("started")
    return f"{count} of a run that began {plain(begun, 40)}" if isinstance(begun, str) else count


def notices(loaded: Loaded, run: Run) -> list[str]:
    """What the reader must know before anything else."""
    found = []
    if loaded.foreign:
        found.append(
            f"{loaded.foreign:,} of {loaded.lines:,} lines are no results (torn, damaged, or another program's) "
            "and are not in these figures."
        )
    count = loaded.lines - loaded.foreign
    written = [run.books.get(key, 0) for key in ("written", "skipped")]  # skipped: an earlier run has them
    if "written" in run.books and all(isinstance(each, int) for each in written) and sum(written) != count:
        found.append(f"The run wrote {sum(written):,} lines, and here are {count:,}: do the two belong together?")
    return found


def headline(figures: Figures, line: Timeline | None) -> Html:
    """The numbers that most people came for."""
    total = sum(figures.verdicts.values())
    tiles: list[tuple[object, str, str]] = [("lines", f"{total:,}", rate(total, line))]
    tiles += [(swatch(each), percent(count, total), f"{count:,} lines") for each, count in figures.verdicts.items()]
    if times := figures.times:
        tiles.append(("median round trip", milliseconds(times.p50), f"p99 {milliseconds(times.p99)}"))
    return join((tiled(tiles), whole(figures.verdicts)))


def opening(figures: Figures) -> Html:
    """What a confirmed file is read for: how many names are free, registered, reserved, unknown."""
    return tiled(tiles_of_registrations(figures.registrations)) if figures.registrations else Html()


def tiled(tiles: list[tuple[object, str, str]]) -> Html:
    """A word, a figure under it, and a little more."""
    cells = join(
        element("div", join((element("dt", term), element("dd", figure), element("dd", more, class_="more"))))
        for term, figure, more in tiles
    )
    return element("dl", cells, class_="tiles")


def rate(lines: int, line: Timeline | None) -> str:
    """Lines a second, where the time is known."""
    if line is None or not line.span_s:
        return ""
    took = f"in {clock(round(line.span_s, 0 if line.span_s >= 10 else 2))}"
    return f"{rate_text(lines, line.span_s)} {took}".lstrip()
