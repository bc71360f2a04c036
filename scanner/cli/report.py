"""`dnsscan report`: its flags."""

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from scanner.cli.offers import files
from scanner.errors import ScanError
from scanner.extras import need

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
@click.option("--seconds", type=click.IntRange(2, 600), default=30, show_default=True, help="How long --demo scans.")
def command(results: str | None, stats: Path | None, output: str, force: bool, demo: bool, seconds: int) -> None:
    """The lines of a scan as one page, which opens from disk and loads nothing.

    RESULTS is a file of result lines (also .gz or .zst), or - for stdin.
    """
    if demo and stats:
        raise ScanError("report: --demo has a --stats of its own")
    if demo == (results is not None):
        raise ScanError("report: give a file of result lines, or - for stdin, or --demo; one of them")
    need("report", "report", "duckdb", "vl_convert")
    from scanner.report.confirmed import ask_registry, write_free
    from scanner.report.page import page
    from scanner.report.query import ask
    from scanner.report.run_record import Run, read_run
    from scanner.results.newfile import new_file, put_beside
    from scanner.results.table import engine, load, opened

    with given(results, stats, seconds) as (name, recorded), opened(name) as descriptor:
        run = read_run(recorded) if recorded else Run()
        with new_file(output, force=force, sources=[descriptor]) as new:
            beside = Path(output).with_suffix(".free.txt")
            with engine(new.parent, MEMORY) as con:
                loaded = load(con, name, descriptor, new.parent)
                figures, registry = ask(con), ask_registry(con, datetime.now(UTC).date())
                listed = registry is None or registry.listed is not None
                if not listed:
                    write_free(con, new.with_name("free"))
            new.write_text(page(shown(name, demo), loaded, figures, run, registry, beside.name), "utf-8")
            if not listed:
                put_beside(new.with_name("free"), str(beside), force=force, sources=[descriptor])


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
        lines, run = asyncio.run(scanned(Path(folder), seconds))
        yield str(lines), run
