"""`dnsscan report`: its flags."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
def command(results: str | None, stats: Path | None, output: str, force: bool, demo: bool) -> None:
    """The lines of a scan as one page, which opens from disk and loads nothing.

    RESULTS is a file of result lines (also .gz or .zst), or - for stdin.
    """
    if demo == (results is not None):
        raise ScanError("report: give a file of result lines, or - for stdin, or --demo; one of them")
    need("report", "report", "duckdb", "vl_convert")
    from scanner.report.page import page
    from scanner.report.query import ask
    from scanner.report.run_record import Run, read_run
    from scanner.results.newfile import new_file
    from scanner.results.table import engine, load, opened

    run = read_run(stats) if stats else Run()
    with given(results) as name, opened(name) as descriptor, new_file(output, force=force, sources=[descriptor]) as new:
        with engine(new.parent, MEMORY) as con:
            loaded = load(con, name, descriptor, new.parent)
            figures = ask(con)
        new.write_text(page("stdin" if name == "-" else Path(name).name, loaded, figures, run), "utf-8")


@contextmanager
def given(results: str | None) -> Iterator[str]:
    """The file that was named, or one with the lines of the demo, for as long as the block lasts."""
    if results is not None:
        yield results
        return
    from scanner.cli.demo import lines

    with tempfile.TemporaryDirectory(prefix="dnsscan-") as folder:
        path = Path(folder) / "demo.jsonl"

        async def write() -> None:
            with path.open("wb") as file:
                async for line in lines():
                    file.write(line)

        asyncio.run(write())
        yield str(path)
