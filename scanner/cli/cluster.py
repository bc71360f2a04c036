"""`dnsscan cluster`: its flags."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from scanner.cli.flags import flags_of, only_given
from scanner.cli.offers import files
from scanner.config.options import OPTIONS
from scanner.errors import ScanError
from scanner.extras import need

EPILOG = """\b
The options of a scan may be given too (dnsscan --help): -r, -t, --fields ...
Rates and proxies are those of the whole: each node has its share.
\b
Example:
  dnsscan cluster names.txt -o parts --local 4 --config cfg.json
  dnsscan cluster s3://bucket/names.txt -o s3://bucket/run --config cfg.json \\
      --scheduler tcp://10.0.0.1:8786
  dnsscan cluster --names '[a-z]{5}.com' -o parts --config cfg.json
"""
OF_ONE_SCAN = ("domain", "output", "force", "resume", "dry_run", "stats", "progress", "quiet", "heartbeat", "metrics",
               "metrics_file")  # fmt: skip
NOT_HERE = {"max_time": "--max-time", "max_queries": "--max-queries", "format": "--format"}
SCAN_OPTIONS = {key: option for key, option in OPTIONS.items() if key not in OF_ONE_SCAN}


@click.command("cluster", epilog=EPILOG, context_settings={"help_option_names": ["--help", "-h"],
                                                          "max_content_width": 80})  # fmt: skip
@click.argument("inputs", nargs=-1, metavar="[INPUT]...", shell_complete=files)
@click.option("-o", "--output", required=True, metavar="DIR", help="A directory, or a URL of one (s3://bucket/run).",
              shell_complete=files)  # fmt: skip
@click.option("--names", "patterns", multiple=True, metavar="PATTERN", help="Candidates instead of an INPUT.")
@click.option("--scheduler", metavar="ADDR", help="Of a Dask cluster: tcp://10.0.0.1:8786.")
@click.option("--local", "local", type=click.IntRange(1, 1024), metavar="N",
              help="Workers of this machine [one for each core].")  # fmt: skip
@click.option("--part-lines", type=click.IntRange(1, 1_000_000_000), metavar="N", default=1_000_000,
              help="Lines of a part, about [1000000].")  # fmt: skip
@click.option("--parquet", is_flag=True, help="Parts as Parquet, not as JSON lines (.jsonl.zst).")
@click.option("--resume", is_flag=True, help="Only the parts that are not there.")
@click.option("--metrics", metavar="[IP:]PORT", help="Of each scan, for Prometheus; the next port beside it.")
@click.option("--quiet", "-q", is_flag=True, help="No progress, no summary.")
@flags_of(SCAN_OPTIONS, hidden=True)
def command(inputs: tuple[str, ...], output: str, patterns: tuple[str, ...], scheduler: str | None,
            local: int | None, part_lines: int, parquet: bool, resume: bool, metrics: str | None, quiet: bool,
            **given: Any) -> None:  # fmt: skip
    """A scan in parts, on all cores of this machine or on many machines (Dask).

    INPUT is a file or a URL of one (fsspec: s3://, gs://). DIR gets part-000000.jsonl.zst
    and its books for every part, then books.json.
    """
    for flag, value in (("-o", output), ("--scheduler", scheduler)):
        if value == "":
            raise ScanError(f"cluster: {flag} is empty")
    if scheduler and local:
        raise ScanError("cluster: --scheduler and --local contradict each other")
    need("cluster", "cluster", "fsspec")
    if find_spec("distributed") is None:
        need("cluster", "cluster", "distributed")
    from scanner.cli.main import read_first_line
    from scanner.cluster.part import Task
    from scanner.cluster.plan import plan_of
    from scanner.config.config import complete
    from scanner.config.config import given as given_in
    from scanner.config.endpoints import metrics_from_text
    from scanner.config.table import table_of
    from scanner.status.console import Console

    warnings: list[str] = []
    config = given.pop("config")
    first_line = read_first_line() if config == "-" else None
    path = Path(config) if config and first_line is None else None
    values = given_in(path, first_line, only_given(given), os.environ, warnings)
    settings = complete(values, warnings, numbered=True)
    for key, flag in NOT_HERE.items():
        if values.is_given(key) and values.value(key) not in (0, "compact"):
            raise ScanError(f"{values.where(key)}: cluster has no {flag}; it is for a scan on one machine")
    table = table_of(values, settings)
    table["fields"] = list(settings.fields)
    metrics_from_text(metrics, warnings)
    plan = plan_of(inputs, patterns, part_lines, table, "parquet" if parquet else "jsonl.zst")
    console = Console()
    if output.startswith("memory://"):
        console.warn(f"-o {output}: it is gone when this command ends")
    for warning in settings.warnings:
        console.warn(warning)
    from scanner.cluster.run import run

    task = Task(plan, output, table, metrics)
    sys.exit(run(task, scheduler=scheduler, workers=local or os.cpu_count() or 1, resume=resume, quiet=quiet))
