"""`dnsscan convert`: its flags."""

import click

from scanner.cli.offers import files
from scanner.extras import need
from scanner.text import printable

MEMORY = "1GB"  # for DuckDB; what does not fit, when it sorts, goes to the disk
KEY_MAX = 40  # characters of a key in a warning
EPILOG = """\b
Example:
  dnsscan convert results.jsonl -o results.parquet
  duckdb -c "SELECT s, e, count(*) FROM 'results.parquet' GROUP BY ALL"
"""


@click.command(
    "convert", epilog=EPILOG, context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 80}
)
@click.argument("results", metavar="RESULTS", shell_complete=files)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    help=".parquet, .csv, .sqlite or .duckdb (must not exist); - = stdout, CSV.",
    shell_complete=files,
)
@click.option("--force", is_flag=True, help="Overwrite it.")
def command(results: str, output: str, force: bool) -> None:
    """The lines of a scan, or of `confirm`, as a table with typed columns, in the
    format that the ending of FILE names.

    RESULTS is a file of result lines (also .gz or .zst), the directory of a
    `dnsscan cluster`, or - for stdin.
    """
    need("convert", "parquet", "duckdb")
    from scanner.results.convert import KEYS_NAMED, format_of, unknown_keys
    from scanner.results.newfile import new_file
    from scanner.results.table import engine, load, opened
    from scanner.status.console import Console

    write = format_of(output)
    with (
        opened(results) as descriptor,
        new_file(output, force=force, sources=[descriptor]) as new,
        engine(new.parent, MEMORY) as con,
    ):
        loaded = load(con, results, descriptor, new.parent, rest=True)
        write(con, new)
        lines, keys = unknown_keys(con)
    if loaded.missing:
        are = "part of the scan is" if loaded.missing == 1 else "parts of the scan are"
        Console().warn(f"{loaded.missing:,} {are} not there")
    if loaded.foreign:
        Console().warn(f"{loaded.foreign_text} and {'was' if loaded.foreign == 1 else 'were'} left out")
    if keys:
        named = ", ".join(printable(key)[:KEY_MAX] for key in keys[:KEYS_NAMED])
        more = ", ..." if len(keys) > KEYS_NAMED else ""
        have = "line has" if lines == 1 else "lines have"
        Console().warn(f"{lines:,} {have} keys without a column ({named}{more}); they are in the column other")
