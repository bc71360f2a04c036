"""`dnsscan report`: its flags."""

from pathlib import Path

import click

from scanner.commands.extras import need

MEMORY = "512MB"  # for DuckDB; lines by the million take a quarter of it
EPILOG = """\b
Example:
  dnsscan --config cfg.json --fields ns,p,ts --stats json \\
      --output results.jsonl domains.txt 2> run.json
  dnsscan report results.jsonl --stats run.json -o report.html
"""


@click.command("report", epilog=EPILOG, context_settings={"max_content_width": 80})
@click.argument("results", metavar="RESULTS")
@click.option("--stats", type=click.Path(path_type=Path), metavar="FILE", help="What --stats json told of the run.")
@click.option("-o", "--output", required=True, metavar="FILE", help="The page (must not exist).")
@click.option("--force", is_flag=True, help="Overwrite the page.")
def command(results: str, stats: Path | None, output: str, force: bool) -> None:
    """The lines of a scan as one page, which opens from disk and loads nothing.

    RESULTS is a file of result lines (also .gz or .zst), or - for stdin.
    """
    need("report", "duckdb", "vl_convert")
    from scanner.newfile import new_file
    from scanner.report.page import page
    from scanner.report.query import ask
    from scanner.report.run import Run, read_run
    from scanner.results import engine, load, opened

    run = read_run(stats) if stats else Run()
    with opened(results) as descriptor, new_file(output, force=force, sources=[descriptor]) as new:
        with engine(new.parent, MEMORY) as con:
            loaded = load(con, results, descriptor, new.parent)
            figures = ask(con)
        new.write_text(page("stdin" if results == "-" else Path(results).name, loaded, figures, run), "utf-8")
