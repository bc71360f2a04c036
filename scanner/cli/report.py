"""`dnsscan report`: its flags."""

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from scanner.cli.offers import files
from scanner.errors import ScanError
from scanner.extras import need

DEMO_S = 30
PAGE_MAX = 3_000_000  # octets
MEMORY = "512MB"  # for DuckDB; lines by the million take a quarter of it
EPILOG = """\b
Example:
  dnsscan --config cfg.json --fields ns,p,ts --stats json \\
      --output results.jsonl domains.txt 2> run.json
  dnsscan report results.jsonl --stats run.json -o report.html
  dnsscan report --demo -o report.html        a scan of the lab
"""


@click.command(
    "report", epilog=EPILOG, context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 80}
)
@click.argument("results", metavar="RESULTS", required=False, shell_complete=files)
@click.option(
    "--stats", type=click.Path(path_type=Path), metavar="FILE", help="The output of --stats json, of the same run."
)
@click.option(
    "-o", "--output", required=True, metavar="FILE", help="The page (must not exist); - = stdout.", shell_complete=files
)
@click.option("--force", is_flag=True, help="Overwrite the page.")
@click.option("--demo", is_flag=True, help="Scan a lab first, in the place of RESULTS.")
@click.option("--seconds", type=click.IntRange(2, 600), help=f"How long --demo scans [{DEMO_S}].")
def command(results: str | None, stats: Path | None, output: str, force: bool, demo: bool, seconds: int | None) -> None:
    """The lines of a scan as one page, which opens from disk and loads nothing.

    RESULTS is a file of result lines (also .gz or .zst), or - for stdin.
    """
    if demo and stats:
        raise ScanError("report: --demo has a --stats of its own")
    if seconds and not demo:
        raise ScanError("report: --seconds needs --demo")
    if demo == (results is not None):
        raise ScanError("report: give a file of result lines, or - for stdin, or --demo; one of them")
    need("report", "report", "duckdb", "vl_convert")
    from scanner.report.confirmed import ask_registry, write_free
    from scanner.report.page import page
    from scanner.report.query import ask
    from scanner.report.run_record import Run, read_run
    from scanner.results.newfile import check, new_file, put_beside
    from scanner.results.stream import is_stream
    from scanner.results.table import engine, load, opened

    if demo and not is_stream(output):
        check(output, force, ())  # not after half a minute
    with given(results, stats, seconds or DEMO_S) as (name, recorded), opened(name) as descriptor:
        run = read_run(recorded) if recorded else Run()
        with new_file(output, force=force, sources=[descriptor]) as new:
            beside = "" if is_stream(output) else Path(output).with_suffix(".free.txt").name
            with engine(new.parent, MEMORY) as con:
                loaded = load(con, name, descriptor, new.parent)
                figures, registry = ask(con), ask_registry(con, datetime.now(UTC).date())
                text = page(shown(name, demo), loaded, figures, run, registry, beside)
                if registry and registry.listed and len(text.encode()) > PAGE_MAX:
                    registry = replace(registry, listed=None)
                    text = page(shown(name, demo), loaded, figures, run, registry, beside)
                if registry and registry.listed is None and beside:
                    write_free(con, new.with_name("free"))
                    where = str(Path(output).with_name(beside))
                    put_beside(new.with_name("free"), where, force=force, sources=[descriptor])
            new.write_text(text, "utf-8")


def shown(name: str, demo: bool) -> str:
    """What the lines came from, for people."""
    return "the demo" if demo else "stdin" if name == "-" else Path(name).name


@contextmanager
def given(results: str | None, stats: Path | None, seconds: int) -> Iterator[tuple[str, Path | None]]:
    """The files that were named, or those of the demo, for as long as the block lasts."""
    if results is not None:
        yield results, stats
        return
    from scanner.cli.demo import scanned

    with tempfile.TemporaryDirectory(prefix="dnsscan-") as folder:
        if sys.stderr.isatty():
            click.echo(f"dnsscan: scanning a lab for {seconds} s", err=True)
        try:
            lines, run = asyncio.run(scanned(Path(folder), seconds))
        except asyncio.CancelledError as signal:
            sys.exit(int(signal.args[0]))
        yield str(lines), run
