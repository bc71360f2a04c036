"""Which RDAP server is in charge of a TLD (RFC 9224). It reads a file; it never fetches one by itself."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from scanner.config.endpoints import port_from_text
from scanner.errors import ScanError
from scanner.text import shown

STALE_DAYS = 180
Bases = tuple[str, ...]


@dataclass(frozen=True)
class Bootstrap:
    """`bases` by suffix (`com`, `co.uk`): https URLs that end in a slash, in the registry's order."""

    name: str
    published: datetime
    bases: Mapping[str, Bases]

    def find(self, domain: str) -> Bases:
        """The servers of the longest suffix that matches, or none."""
        labels = domain.split(".")
        suffixes = (".".join(labels[at:]) for at in range(1, len(labels)))
        return next((self.bases[suffix] for suffix in suffixes if suffix in self.bases), ())

    def age_days(self, now: datetime) -> int:
        """Days since it was published."""
        return (now - self.published).days


def parse(name: str, text: str | bytes) -> Bootstrap:
    """A document of RFC 9224 section 4. Servers without https are left out. Raises ScanError."""
    try:
        document = json.loads(text)
        published = datetime.fromisoformat(document["publication"]).astimezone(UTC)
        services = [(listed(suffixes), listed(urls)) for suffixes, urls in listed(document["services"])]
        bases = {suffix.lower().strip("."): secure(urls) for suffixes, urls in services for suffix in suffixes}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise ScanError(f"{name}: not a bootstrap file of RFC 9224 (version, publication, services)") from None
    if not bases:
        raise ScanError(f"{name}: the bootstrap file names no server")
    return Bootstrap(name, published, {suffix: urls for suffix, urls in bases.items() if urls})


def listed(value: object) -> list[Any]:
    """The value, which is a list: a text or an object would be taken apart too. Raises TypeError."""
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def secure(urls: Sequence[Any]) -> Bases:
    """The https URLs, each ending in a slash."""
    return tuple(url if url.endswith("/") else url + "/" for url in urls if host_of(url))


def host_of(url: str) -> str:
    """`rdap.example.net:443`, which is asked and paced as one; "" for a URL that is not to be used."""
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        return ""
    if parts.scheme != "https" or not parts.hostname or parts.username is not None or not url.isascii():
        return ""
    return f"{parts.hostname}:{port}"


@dataclass(frozen=True)
class WhoisServer:
    """One TLD's server of port 43 and how to read it. The patterns are searched in the whole reply."""

    host: str
    port: int
    query: str  # {name} in it
    free: re.Pattern[str]
    registered: re.Pattern[str]
    reserved: re.Pattern[str] | None
    dates: str = ""  # dmy or mdy: what 08/07/2027 means there


def parse_whois(name: str, text: str) -> dict[str, WhoisServer]:
    """The table of WHOIS servers by TLD. Raises ScanError."""
    try:
        table = json.loads(text)
        return {tld: whois_server(f"{name}: {shown(tld)}", entry) for tld, entry in table.items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise ScanError(f'{name}: not a table of WHOIS servers: {{"tld": {{"server": "host", "free": "regex", '
                        '"registered": "regex"}}') from None  # fmt: skip


def whois_server(where: str, entry: Mapping[str, str]) -> WhoisServer:
    """One entry. Raises ScanError."""
    if unknown := entry.keys() - {"server", "query", "free", "registered", "reserved", "dates"}:
        raise ScanError(f"{where}: unknown key {shown(min(unknown))}")
    for key in ("server", "free", "registered"):
        if not isinstance(entry.get(key), str):
            raise ScanError(f"{where}: {key} is missing")
    host, _, port = entry["server"].partition(":")
    query = entry.get("query", "{name}")
    is_query = "{name}" in query and query.isascii() and query.isprintable()
    if not is_query or not host or not re.fullmatch(r"[0-9]{1,5}", port or "43") or not 0 < int(port or 43) < 65_536:
        raise ScanError(f"{where}: server is host or host:port, query is one line of ASCII with {{name}} in it")
    free, registered = (pattern(where, entry, key) for key in ("free", "registered"))
    reserved = pattern(where, entry, "reserved") if "reserved" in entry else None
    dates = entry.get("dates", "")
    if dates not in ("", "dmy", "mdy"):
        raise ScanError(f"{where}: dates is dmy or mdy")
    return WhoisServer(host, port_from_text(port or "43", where), query, free, registered, reserved, dates)


def pattern(where: str, entry: Mapping[str, str], key: str) -> re.Pattern[str]:
    """A regular expression of the table. Raises ScanError."""
    try:
        return re.compile(entry[key], re.IGNORECASE | re.MULTILINE)
    except (re.error, OverflowError) as error:
        raise ScanError(f"{where}: {key}: not a regular expression: {error}") from None
