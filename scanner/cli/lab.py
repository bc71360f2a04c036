"""`dnsscan lab`: its flags."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from scanner.cli.offers import files
from scanner.errors import ScanError
from scanner.lab.path import LabPath, read_ms, read_path, read_share, read_slow


@click.command("lab", context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 80})
@click.option("--proxies", type=click.IntRange(0, 1000), default=4, show_default=True, help="SOCKS5 proxies in front.")
@click.option("--addresses", type=click.IntRange(1, 10_000), default=1, help="UDP resolvers, no proxies [1].")
@click.option(
    "--nx", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="Share of names that do not exist."
)
@click.option("--loss", type=click.FloatRange(0, 1), default=0.0, help="Share of queries that are dropped.")
@click.option("--delay-ms", default="0", metavar="MIN[:MAX]", help="Delay of each answer.")
@click.option(
    "--path",
    metavar="RATE:QUEUE:DELAY_MS:LOSS",
    help="UDP resolvers behind a path: answers a second (0: no limit), datagrams that may wait, "
    "round trip, share of queries lost (0.01 or 1%). Counts on stderr at the end.",
)
@click.option("--jitter-ms", metavar="MS", help="Of the path: mean, exponential.")
@click.option("--slow", metavar="SHARE:MEDIAN_MS:SIGMA", help="Of the path: names that take a log-normal time, once.")
@click.option("--dead", metavar="SHARE", help="Of the path: names that are never answered.")
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=1, help="Of all that is by chance [1].")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the DNS server [any].")
@click.option("--proxy-port", type=click.IntRange(0, 65535), default=0, help="Of the first proxy [any].")
@click.option("--user", help="The proxies ask for it.")
@click.option("--password", help="The proxies ask for it.")
@click.option("--registries", is_flag=True, help="RDAP and WHOIS servers too, for dnsscan confirm.")
@click.option("--registry-log", type=click.Path(path_type=Path), metavar="FILE", help="Append a line for each request.")
@click.option("--write-config", type=click.Path(path_type=Path), metavar="PATH", help="Write the config there.")
@click.argument("argv", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED, shell_complete=files)
def command(
    argv: tuple[str, ...],
    delay_ms: str,
    path: str | None,
    jitter_ms: str | None,
    slow: str | None,
    dead: str | None,
    write_config: Path | None,
    **given: Any,
) -> None:
    """A DNS server and proxies on loopback; prints a config for them.

    `dnsscan lab -- COMMAND...` runs COMMAND with the lab up; {config} in it
    becomes the path of the config.
    """
    from scanner.lab.run import run_command, serve

    least, _, most = delay_ms.partition(":")
    if not least.isdecimal() or not (most or "0").isdecimal() or int(most or least) < int(least):
        raise ScanError(f"--delay-ms: {delay_ms!r} is not MIN or MIN:MAX in milliseconds")
    given["delay_ms"] = (int(least), int(most or least))
    if given["registry_log"] and not given["registries"]:
        raise ScanError("--registry-log needs --registries")
    given["path"] = path_of(path, jitter_ms, slow, dead)
    given["write_config"] = write_config
    sys.exit(run_command(list(argv), **given) if argv else serve(**given))


def path_of(path: str | None, jitter_ms: str | None, slow: str | None, dead: str | None) -> LabPath | None:
    """The path that the flags give; None without one. Raises ScanError."""
    if path is None:
        for flag, value in (("--jitter-ms", jitter_ms), ("--slow", slow), ("--dead", dead)):
            if value is not None:
                raise ScanError(f"{flag} needs --path")
        return None
    found = read_path(path)
    if jitter_ms is not None:
        found = replace(found, jitter_ms=read_ms("--jitter-ms", jitter_ms))
    if slow is not None:
        share, median_ms, sigma = read_slow(slow)
        found = replace(found, slow=share, slow_median_ms=median_ms, slow_sigma=sigma)
    return found if dead is None else replace(found, dead=read_share("--dead", dead))
