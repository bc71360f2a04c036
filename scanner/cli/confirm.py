"""`dnsscan confirm`: its flags, its summary."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from scanner.cli.flags import check_file_names, flags_of, only_given
from scanner.errors import ScanError
from scanner.registration.options import OPTIONS

EPILOG = """\b
Example:
  dnsscan --config cfg.json < names.txt | dnsscan confirm > confirmed.jsonl
  dnsscan confirm --store s.db --output out.jsonl results.jsonl
  dnsscan confirm --store s.db --output out.jsonl --resume results.jsonl
\b
Adds to each line: c (free, registered, reserved, unknown), via (rdap, whois,
dns), ms, exp, st, and for an unknown e. Exit codes are those of the scan.
"""


@click.command("confirm", epilog=EPILOG, context_settings={"help_option_names": ["--help", "-h"],
                                                          "max_content_width": 80})  # fmt: skip
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path())
@flags_of(OPTIONS)
def command(files: tuple[str, ...], domain: tuple[str, ...], config: str | None, also: str | None, store: str | None,
            output: str | None, force: bool, resume: bool, dry_run: bool, changes: bool, since: str | None,
            update_bootstrap: str | None, stats: str, quiet: bool, **given: Any) -> None:  # fmt: skip
    """What do the registries say of names that do not exist?

    One result line (or bare name) in, the same line with the registry's word
    out. Lines with s=nxdomain or e=wildcard are asked about, each registrable name
    once.
    """
    from scanner.registration import run, settings

    check_file_names(OPTIONS, click.get_current_context().params)
    for flag, needs, meant in (("--resume", "--store", resume and store is None),
                               ("--changes", "--store", changes and store is None),
                               ("--since", "--changes", since is not None and not changes)):  # fmt: skip
        if meant:
            raise ScanError(f"{flag} needs {needs}")
    if resume and force:
        raise ScanError("--resume and --force contradict each other")
    if changes:
        sys.exit(run.changes(Path(store or ""), day(since) if since else 0.0))
    chosen = settings.load(Path(config) if config else None, only_given(given), os.environ)
    if update_bootstrap is not None:
        sys.exit(run.update_bootstrap(chosen, update_bootstrap or run.IANA))
    if dry_run:
        sys.exit(run.rehearse(chosen, files, domain, store=store, force=force, resume=resume,
                              also_errors=also == "error", stats=stats))  # fmt: skip
    sys.exit(run.confirm(chosen, files, domain, store=store, output=output, force=force, resume=resume,
                         also_errors=also == "error", stats=stats, quiet=quiet))  # fmt: skip


def day(text: str) -> float:
    """Seconds since the epoch at a day's begin. Raises ScanError."""
    from scanner.text import shown

    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise ScanError(f"--since: {shown(text)} is not a day such as 2026-11-21") from None
