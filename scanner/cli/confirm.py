"""`dnsscan confirm`: its flags, its summary."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from scanner.errors import ScanError

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
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@click.option("--config", metavar="FILE", help="Of the scan: its proxies, its table confirm.")
@click.option("--also", type=click.Choice(["error"]), help="Ask about names with s=error too.")
@click.option("--recheck", metavar="ADDR", help="Ask this resolver, and the TLD's servers, first.")
@click.option("--store", metavar="FILE", help="Keep backlog, verdicts and history there (SQLite).")
@click.option("--age", "ages", multiple=True, metavar="C=AGE", help="A known verdict holds: free=1d registered=30d.")
@click.option("--output", metavar="FILE", help="Write there instead of stdout (must not exist).")
@click.option("--force", is_flag=True, help="Overwrite --output, drop an unfinished run.")
@click.option("--resume", is_flag=True, help="Go on with the run that --store holds.")
@click.option("--changes", is_flag=True, help="Print what changed in --store, and end.")
@click.option("--since", metavar="DATE", help="Of --changes: YYYY-MM-DD, UTC.")
@click.option("--registry-rate", metavar="N", help="Requests/s to one registry [1]; 0 = no limit.")
@click.option("--lookups", metavar="N", help="Requests in flight to one registry [8].")
@click.option("--timeout-ms", metavar="N", help="One request [10000].")
@click.option("--max-wait", metavar="SECONDS", help="Longest pause a registry may ask for [600].")
@click.option("--proxy", "proxies", multiple=True, metavar="URL", help="socks5://user:pass@host:1080, http://.")
@click.option("--proxy-file", metavar="FILE", help="One proxy a line.")
@click.option("--bootstrap", metavar="FILE", help="RDAP servers by TLD (RFC 9224).")
@click.option("--update-bootstrap", is_flag=False, flag_value="", metavar="[URL]", help="Fetch IANA's file, and end.")
@click.option("--whois-file", metavar="FILE", help="WHOIS servers by TLD, over the shipped ones.")
@click.option("--ca-file", metavar="FILE", help="CA certificates beside the system's.")
@click.option("--allow-net", "allow_nets", multiple=True, metavar="NET", help="A registry may be there, not public.")
@click.option("--authority-port", metavar="N", help="Of a TLD's own servers [53].")
@click.option("--stats", type=click.Choice(["text", "json"]), default="text", help="Form of the summary on stderr.")
@click.option("--quiet", is_flag=True, help="No summary.")
def command(files: tuple[Path, ...], config: str | None, also: str | None, store: str | None, output: str | None,
            force: bool, resume: bool, changes: bool, since: str | None, update_bootstrap: str | None, stats: str,
            quiet: bool, **given: Any) -> None:  # fmt: skip
    """What do the registries say of names that do not exist?

    One result line (or bare name) in, the same line with the registry's word
    out. Lines with s=nxdomain are asked about, each registrable name once.
    """
    from scanner.registration import run, settings

    for flag, needs, meant in (("--resume", "--store", resume and store is None),
                               ("--changes", "--store", changes and store is None),
                               ("--since", "--changes", since is not None and not changes)):  # fmt: skip
        if meant:
            raise ScanError(f"{flag} needs {needs}")
    if resume and force:
        raise ScanError("--resume and --force contradict each other")
    if changes:
        sys.exit(run.changes(Path(store or ""), day(since) if since else 0.0))
    flags = {key: value for key, value in given.items() if value not in (None, (), False)}
    chosen = settings.load(Path(config) if config else None, flags, os.environ)
    if update_bootstrap is not None:
        sys.exit(run.update_bootstrap(chosen, update_bootstrap or run.IANA))
    sys.exit(run.confirm(chosen, files, store=store, output=output, force=force, resume=resume,
                         also_errors=also == "error", stats=stats, quiet=quiet))  # fmt: skip


def day(text: str) -> float:
    """Seconds since the epoch at a day's begin. Raises ScanError."""
    from scanner.text import shown

    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise ScanError(f"--since: {shown(text)} is not a day such as 2026-11-21") from None
