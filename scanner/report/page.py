"""The page: one file that opens from disk and loads nothing. Its policy (CSP) allows this program's own
style and script by their hashes and nothing else: no request, no eval, no attribute with code."""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from string import Template

from scanner.report.account import account
from scanner.report.confirmed import Registry
from scanner.report.endpoints import endpoints
from scanner.report.findings import findings, what
from scanner.report.markup import Html, element, html, join, missing, paragraph, section, swatch
from scanner.report.names import names
from scanner.report.overtime import over_time
from scanner.report.plain import plain
from scanner.report.query import Figures
from scanner.report.registrations import registrations
from scanner.report.registrations import tiles as tiles_of_registry
from scanner.report.registrations import whole as whole_of_registry
from scanner.report.roundtrips import round_trips
from scanner.report.run_record import Run
from scanner.report.timeline import Timeline, from_series
from scanner.report.tlds import top_level_domains
from scanner.report.troubles import judged, proxies_of, resolvers_of
from scanner.report.verdicts import verdicts, whole
from scanner.report.words import between, clock, counted, milliseconds, percent
from scanner.results.table import Loaded
from scanner.text import rate_text
from scanner.version import __version__

POLICY = "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'"
TYPES_NAMED = 4


def page(source: str, loaded: Loaded, figures: Figures, run: Run, registry: Registry | None = None,
         beside: str = "") -> str:  # fmt: skip
    """The whole page. `source` is what the lines came from; `run` what the scan recorded of itself; `beside` the file
    that holds the free names where they are too many."""
    here = files("scanner.report")
    style, script = (here.joinpath(part).read_text("utf-8") for part in ("page.css", "page.js"))
    line = figures.timeline or from_series(run.series)
    proxies, resolvers = proxies_of(figures.proxies, run), resolvers_of(figures.resolvers, run)
    proxies, resolvers = judged(proxies, figures.timeline), judged(resolvers, figures.timeline)
    sections: list[tuple[str, str, Html]] = [
        ("registrations", "What may be bought", registrations(registry, beside)),
        ("scan", "The scan", scanned(figures, line) if registry and figures.groups else Html()),
    ]  # fmt: skip
    if figures.groups:
        sections += [
            ("verdicts", "Verdicts", verdicts(figures)),
            ("time", "Over time", over_time(line, "the lines" if figures.timeline else "the scan's own account")),
            ("endpoints", "Proxies and resolvers", endpoints(figures, proxies, resolvers, run)),
            ("times", "Round trips", round_trips(figures, proxies, resolvers)),
            ("tlds", "Top-level domains", top_level_domains(figures)),
            ("sample", "Names", names(figures.groups)),
        ]  # fmt: skip
    elif not registry:
        sections.append(("", "", missing("There is no line in this file, so there is nothing to show.")))
    sections.append(("run", "The run", account(run)))
    found = findings(figures, proxies, resolvers, run, registry)
    return Template(here.joinpath("page.html").read_text("utf-8")).substitute(
        title=html(what(figures, registry)),
        policy=POLICY.format(digest(style), digest(script)),
        style=style,
        script=script,
        subtitle=html(subtitle(source, loaded, figures, line, run)),
        findings=paragraph(found, "findings") if found else "",
        notices=join(paragraph(text, "notice") for text in notices(loaded, run)),
        headline=opening(registry) if registry else headline(figures, line) if figures.groups else "",
        skip=next(ident for ident, _, inside in sections if ident and inside),
        nav=join(element("li", element("a", title, href=f"#{ident}")) for ident, title, inside in sections
                 if ident and inside),
        body=join(inside for _, _, inside in sections),
        version=__version__,
    )  # fmt: skip


def digest(text: str) -> str:
    """As a policy names it."""
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


def subtitle(source: str, loaded: Loaded, figures: Figures, line: Timeline | None, run: Run) -> str:
    """What was asked, how much came, from where, and when."""
    types = figures.types or types_of(run)
    asked = f"{', '.join(types[:TYPES_NAMED])}{', …' if len(types) > TYPES_NAMED else ''}: " if types else ""
    count = f"{asked}{counted(loaded.lines - loaded.foreign, 'line', 'lines')} of {plain(source)}"
    if line is not None and line.start is not None:
        return f"{count}, {between(line.start, line.start + line.span_s)}"
    begun = run.books.get("started")
    return f"{count}; the run began {plain(begun, 40)}" if isinstance(begun, str) else count


def types_of(run: Run) -> list[str]:
    """As its settings say."""
    recorded = run.settings.get("types")
    return [plain(each, 20) for each in recorded] if isinstance(recorded, list) else []


def notices(loaded: Loaded, run: Run) -> list[str]:
    """What the reader must know before anything else."""
    found = []
    if loaded.foreign:
        found.append(
            f"{loaded.foreign_text} (torn, damaged, or another program's) "
            f"and {'is' if loaded.foreign == 1 else 'are'} not in these figures."
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
    tiles += [(swatch(each), percent(count, total), counted(count, "line", "lines"))
              for each, count in figures.verdicts.items()]  # fmt: skip
    if times := figures.times:
        tiles.append(("median round trip", milliseconds(times.p50), f"p99 {milliseconds(times.p99)}"))
    return join((tiled(tiles), whole(figures.verdicts)))


def opening(registry: Registry) -> Html:
    """What a confirmed file is read for: how many names are free, registered, reserved, unknown."""
    return join((tiled(tiles_of_registry(registry.registrations)), whole_of_registry(registry.registrations)))


def scanned(figures: Figures, line: Timeline | None) -> Html:
    """The numbers of the scan, where the page opens with those of registries."""
    return section("scan", "The scan", headline(figures, line))


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
