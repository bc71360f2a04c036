"""The settings of `dnsscan confirm`: flags over the table `confirm` of a scan's file, whose proxies it shares."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from scanner.config.check import proxies
from scanner.config.endpoints import resolver_from_text
from scanner.config.file import ConfigSource, check_keys, known_keys, parse, read_file
from scanner.config.options import CONFIRM
from scanner.config.values import Values
from scanner.errors import ScanError
from scanner.model import Proxy, Resolver
from scanner.registration.bootstrap import Bootstrap, WhoisServer, parse_whois
from scanner.registration.bootstrap import parse as parse_bootstrap
from scanner.registration.dial import Net
from scanner.registration.options import KEYS, LOOKUPS_MAX, OPTIONS
from scanner.text import shown

OWN_BOOTSTRAP = "rdap-dns.json"  # in the user's cache, where --update-bootstrap puts it


@dataclass(frozen=True, slots=True)
class Settings:
    """What a confirmation is given, checked and complete."""

    proxies: tuple[Proxy, ...]
    bootstrap: Bootstrap
    whois: Mapping[str, WhoisServer]
    ca_file: str | None  # None = the system's
    nets: tuple[Net, ...]  # beside the public addresses
    registry_rate: float  # requests a second, registry and exit; 0 = no limit
    lookups: int
    timeout_s: float
    max_wait_s: float
    recheck: Resolver | None
    authority_port: int
    ages_s: Mapping[str, float]
    warnings: tuple[str, ...]


def load(path: Path | None, flags: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """File, then flags over it. `flags` holds only what was given. Raises ScanError."""
    source = read_file(path) if path else ConfigSource("", "{}")
    whole = parse(source)
    check_keys(source, whole)
    table = whole.get(CONFIRM, {})
    known_keys(source, table, KEYS, f"{CONFIRM}: ")
    warnings: list[str] = []
    values = Values(OPTIONS, source, table, flags, environ)
    recheck = resolver(values)
    nets = allowed(values)
    if recheck is not None:
        nets = (*nets, ip_network(recheck.address.partition("%")[0]))  # the user named it
    through = proxies(Values(OPTIONS, source, whole, flags, environ), warnings)
    lookups = values.value("lookups")
    if not values.is_given("lookups"):
        lookups = min(max(lookups, len(through)), LOOKUPS_MAX)
    return Settings(
        proxies=through,
        bootstrap=bootstrap(values), whois=whois(values), ca_file=values.value("ca_file"), nets=nets,
        registry_rate=values.value("registry_rate"), lookups=lookups,
        timeout_s=values.value("timeout_ms") / 1000, max_wait_s=values.value("max_wait"), recheck=recheck,
        authority_port=values.value("authority_port"), ages_s=values.value("ages"), warnings=tuple(warnings),
    )  # fmt: skip


def bootstrap(values: Values) -> Bootstrap:
    """The given file, else the newer of the user's own and the shipped one."""
    given = values.value("bootstrap")
    if given is not None:
        source = read_file(Path(given))
        return parse_bootstrap(source.name, source.text)
    shipped = parse_bootstrap("the shipped bootstrap file", shipped_text("rdap-dns.json"))
    own = own_bootstrap(values.environ)
    if not own.exists():
        return shipped
    found = parse_bootstrap(str(own), read_file(own).text)
    return max(found, shipped, key=lambda each: each.published)


def own_bootstrap(environ: Mapping[str, str]) -> Path:
    """Where --update-bootstrap puts its file."""
    cache = environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if os.path.isabs(cache) else Path.home() / ".cache") / "dnsscan" / OWN_BOOTSTRAP


def whois(values: Values) -> dict[str, WhoisServer]:
    """The WHOIS servers by TLD: the given file's over the shipped ones."""
    table = parse_whois("the shipped WHOIS table", shipped_text("whois.json"))
    given = values.value("whois_file")
    if given is not None:
        source = read_file(Path(given))
        table |= parse_whois(source.name, source.text)
    return table


def shipped_text(name: str) -> str:
    """A file of the package."""
    return files("scanner.registration").joinpath("data", name).read_text("utf-8")


def allowed(values: Values) -> tuple[Net, ...]:
    """Networks in which a registry may be, beside the public ones."""
    nets = []
    for text in values.texts("allow_nets") or ():
        try:
            nets.append(ip_network(text))
        except ValueError:
            raise ScanError(
                f"{values.where('allow_nets')}: {shown(text)} is not a network such as 192.0.2.0/24"
            ) from None
    return tuple(nets)


def resolver(values: Values) -> Resolver | None:
    """The second opinion, asked over TCP."""
    text = values.value("recheck")
    if text is None:
        return None
    try:
        found = resolver_from_text(text)
    except ScanError as error:
        raise ScanError(f"{values.where('recheck')}: {error}") from None
    if found.scheme != "tcp":
        raise ScanError(f"{values.where('recheck')}: {shown(text)}: this resolver is asked over tcp://")
    return found
