"""`dnsscan lab`: its flags."""

import sys
from pathlib import Path
from typing import Any

import click

from scanner.errors import ScanError


@click.command("lab", context_settings={"ignore_unknown_options": False, "max_content_width": 80})
@click.option("--proxies", type=click.IntRange(0, 1000), default=4, show_default=True, help="SOCKS5 proxies in front.")
@click.option("--addresses", type=click.IntRange(1, 10_000), default=1, help="UDP resolvers, no proxies [1].")
@click.option(
    "--nx", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="Share of names that do not exist."
)
@click.option("--loss", type=click.FloatRange(0, 1), default=0.0, help="Share of queries that are dropped.")
@click.option("--delay-ms", default="0", metavar="MIN[:MAX]", help="Delay of each answer.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the DNS server [any].")
@click.option("--proxy-port", type=click.IntRange(0, 65535), default=0, help="Of the first proxy [any].")
@click.option("--user", help="The proxies ask for it.")
@click.option("--password", help="The proxies ask for it.")
@click.option("--registries", is_flag=True, help="RDAP and WHOIS servers too, for dnsscan confirm.")
@click.option("--registry-log", type=click.Path(path_type=Path), metavar="FILE", help="Append a line for each request.")
@click.option("--write-config", type=click.Path(path_type=Path), metavar="PATH", help="Write the config there.")
@click.argument("argv", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
def command(argv: tuple[str, ...], delay_ms: str, write_config: Path | None, **given: Any) -> None:
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
    given["write_config"] = write_config
    sys.exit(run_command(list(argv), **given) if argv else serve(**given))
