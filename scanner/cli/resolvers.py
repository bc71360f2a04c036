"""`dnsscan resolvers`: its flags."""

import sys
from dataclasses import replace
from typing import Any

import click

from scanner.cli.flags import check_file_names, flags_of, only_given
from scanner.cli.offers import files
from scanner.errors import ScanError
from scanner.vetting.options import OPTIONS

EPILOG = """\b
Example:
  dnsscan resolvers list.txt > vetted.jsonl
  dnsscan resolvers --good --suffix de,co.uk list.txt > good.txt
  dnsscan -r good.txt domains.txt > results.jsonl
\b
Key verdict: good, or why not: slow, lossy, unproven, failing, referring,
refusing, lying, silent. Exit codes are those of the scan.
"""


@click.command("resolvers", epilog=EPILOG, context_settings={"help_option_names": ["--help", "-h"],
                                                            "max_content_width": 80})  # fmt: skip
@click.argument("lists", nargs=-1, metavar="[FILE]...", shell_complete=files)
@flags_of(OPTIONS)
def command(lists: tuple[str, ...], good: bool, output: str | None, force: bool, stats: str, quiet: bool,
            **given: Any) -> None:  # fmt: skip
    """Which resolvers of a list are to be used, and why not the others?

    One resolver a line in, in the forms of -r (# begins a comment; - = stdin);
    one JSON line for each out, as soon as it is vetted.
    """
    from scanner.vetting.output import at_once_most, open_output
    from scanner.vetting.run import Shape, vet
    from scanner.vetting.settings import load, read_lists

    check_file_names(OPTIONS, {**given, "output": output})
    if force and output is None:
        raise ScanError("--force needs --output FILE")
    settings = load(only_given(given))
    listed, read = read_lists(lists)
    settings = replace(settings, at_once=min(settings.at_once, at_once_most()))
    descriptor = open_output(output, lists, force=force)
    sys.exit(vet(listed, read, settings, descriptor, Shape(good, stats or "text", quiet)))
