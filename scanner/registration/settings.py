"""The options of `dnsscan confirm`: flags over the table `confirm` of a scan's configuration and its proxies."""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from scanner.config import Knob, Merged, Text, parse, read_file
from scanner.endpoints import resolver_from_text, shown
from scanner.errors import ScanError
from scanner.model import Proxy, Resolver
from scanner.registration.answer import VERDICTS
from scanner.registration.bootstrap import Bootstrap, WhoisServer, parse_whois
from scanner.registration.bootstrap import parse as parse_bootstrap
from scanner.registration.dial import Net

NUMBERS = {
    "lookups": Knob(1, 1000, "8", "requests in flight towards one registry"),
    "timeout_ms": Knob(100, 600_000, "10000", "one request, whatever drips"),
    "max_wait": Knob(0, 86_400, "600", "seconds that a registry may ask us to wait"),
    "authority_port": Knob(1, 65_535, "53", "port of a TLD's own servers, for --recheck"),
}
KEYS = (*NUMBERS, "registry_rate", "bootstrap", "whois_file", "ca_file", "allow_nets", "recheck", "ages")
RATE_MAX = 10_000.0
DAY_S = 86_400.0
UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY_S}
AGES_S = {"free": DAY_S, "registered": 30 * DAY_S, "reserved": 30 * DAY_S, "unknown": 0.0}
OWN_BOOTSTRAP = "rdap-dns.json"  # in the user's cache, where --update-bootstrap puts it


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a confirmation, checked and complete."""

    proxies: tuple[Proxy, ...]
    bootstrap: Bootstrap
    whois: Mapping[str, WhoisServer]
    ca_file: str | None  # None = the system's
    nets: tuple[Net, ...]  # beside the public addresses
    registry_rate: float  # requests a second and registry, 0 = no limit
    lookups: int
    timeout_s: float
    max_wait_s: float
    recheck: Resolver | None
    authority_port: int
    ages_s: Mapping[str, float]
    warnings: tuple[str, ...]


def load(path: Path | None, flags: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """File, then flags over it. `flags` holds only what was given. Raises ScanError."""
    source = read_file(path) if path else Text("", "{}")
    whole = parse(source)
    table = whole.get("confirm", {})
    for key in table:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, 1)
            hint = f'; did you mean "{near[0]}"?' if near else f"; known are {', '.join(KEYS)}"
            raise ScanError(f"{source.at(key)}: confirm: unknown key {shown(key)}{hint}")
    warnings: list[str] = []
    merged = Merged(source, table, flags, environ)
    numbers = {key: merged.ranged(key, knob) for key, knob in NUMBERS.items()}
    recheck = resolver(merged)
    nets = allowed(merged)
    if recheck is not None:
        nets = (*nets, ip_network(recheck.address.partition("%")[0]))  # the user named it
    return Settings(
        proxies=Merged(source, whole, flags, environ).proxies(warnings),
        bootstrap=bootstrap(merged, environ), whois=whois(merged), ca_file=path_of(merged, "ca_file"), nets=nets,
        registry_rate=rate(merged), lookups=numbers["lookups"] or 8,
        timeout_s=(numbers["timeout_ms"] or 10_000) / 1000,
        max_wait_s=600 if numbers["max_wait"] is None else numbers["max_wait"],
        recheck=recheck, authority_port=numbers["authority_port"] or 53, ages_s=ages(merged), warnings=tuple(warnings),
    )  # fmt: skip


def path_of(merged: Merged, key: str) -> str | None:
    """A path, None when it was not given."""
    value = merged.flags.get(key, merged.table.get(key))
    if value is not None and (not isinstance(value, str) or not value):
        raise ScanError(f"{merged.where(key)}: must be a path")
    return value


def bootstrap(merged: Merged, environ: Mapping[str, str]) -> Bootstrap:
    """The given file, else the newer of the user's own and the shipped one."""
    given = path_of(merged, "bootstrap")
    if given is not None:
        source = read_file(Path(given))
        return parse_bootstrap(source.name, source.text)
    shipped = parse_bootstrap("the shipped bootstrap file", shipped_text("rdap-dns.json"))
    own = own_bootstrap(environ)
    if not own.exists():
        return shipped
    found = parse_bootstrap(str(own), read_file(own).text)
    return max(found, shipped, key=lambda each: each.published)


def own_bootstrap(environ: Mapping[str, str]) -> Path:
    """Where --update-bootstrap puts its file."""
    cache = environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if os.path.isabs(cache) else Path.home() / ".cache") / "dnsscan" / OWN_BOOTSTRAP


def whois(merged: Merged) -> dict[str, WhoisServer]:
    """The WHOIS servers by TLD: the given file's over the shipped ones."""
    table = parse_whois("the shipped WHOIS table", shipped_text("whois.json"))
    given = path_of(merged, "whois_file")
    if given is not None:
        source = read_file(Path(given))
        table |= parse_whois(source.name, source.text)
    return table


def shipped_text(name: str) -> str:
    """A file of the package."""
    return files("scanner.registration").joinpath("data", name).read_text("utf-8")


def allowed(merged: Merged) -> tuple[Net, ...]:
    """Networks in which a registry may be, beside the public ones."""
    nets = []
    for text in merged.texts("allow_nets") or []:
        try:
            nets.append(ip_network(text))
        except ValueError:
            raise ScanError(
                f"{merged.where('allow_nets')}: {shown(text)} is not a network such as 192.0.2.0/24"
            ) from None
    return tuple(nets)


def rate(merged: Merged) -> float:
    """Requests a second; a fraction is fine (0.2 is one in five seconds)."""
    value = merged.flags.get("registry_rate", merged.table.get("registry_rate", 1))
    text = in_words(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", text) or float(value) > RATE_MAX:
        raise ScanError(f"{merged.where('registry_rate')}: {shown(text)} is not a number from 0 to {RATE_MAX:g}")
    return float(value)


def resolver(merged: Merged) -> Resolver | None:
    """The second opinion, asked over TCP."""
    value = merged.flags.get("recheck", merged.table.get("recheck"))
    if value is None:
        return None
    text = in_words(value)
    try:
        found = resolver_from_text(text)
    except ScanError as error:
        raise ScanError(f"{merged.where('recheck')}: {error}") from None
    if found.scheme != "tcp":
        raise ScanError(f"{merged.where('recheck')}: {shown(text)}: this resolver is asked over tcp://")
    return found


def ages(merged: Merged) -> dict[str, float]:
    """Seconds for which a verdict holds: `free=1d` as flags, a table in a file."""
    given = merged.flags.get("ages", merged.table.get("ages", {}))
    if isinstance(given, dict):
        pairs = [(verdict, in_words(age)) for verdict, age in given.items()]
    elif isinstance(given, list | tuple) and all(isinstance(each, str) for each in given):
        pairs = [(verdict, age) for verdict, _, age in (each.partition("=") for each in given)]
    else:
        raise ScanError(f'{merged.where("ages")}: must be a table, such as {{"free": "12h"}}')
    found = dict(AGES_S)
    for verdict, text in pairs:
        match = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
        if verdict not in VERDICTS or not match:
            raise ScanError(f"{merged.where('ages')}: {shown(f'{verdict}={text}')} is not VERDICT=AGE, such as "
                            f"free=12h; verdicts are {', '.join(VERDICTS)}")  # fmt: skip
        found[verdict] = int(match[1]) * UNITS_S[match[2]]
    return found


def in_words(value: object) -> str:
    """A value of the configuration, to be read or to be named in an error; a table in it may nest without end."""
    return "a table" if isinstance(value, dict) else "a list" if isinstance(value, list) else str(value)
