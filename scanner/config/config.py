"""What a scan is given: files and flags become one frozen Config here; below this room functions take plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from scanner.config import asking, check
from scanner.config.endpoints import is_near, metrics_from_text
from scanner.config.file import FIRST_LINE, ConfigSource, check_keys, parse, read_file, warn_if_open
from scanner.config.kinds import SEPARATORS
from scanner.config.options import OPTIONS
from scanner.config.routes import joined
from scanner.config.values import Values
from scanner.errors import ScanError
from scanner.model import Proxy, Resolver, Route, place_text
from scanner.rdata import type_text
from scanner.text import hidden


@dataclass(frozen=True, slots=True)
class Config:
    """What a scan is given, checked and complete. Times in milliseconds, rates in queries a second."""

    resolvers: tuple[Resolver, ...]  # of all routes
    routes: tuple[Route, ...]  # the first is that of names with none of the suffixes; the last may be of trusted ones
    suffixes: tuple[tuple[str, int], ...]  # each with its route's index
    at_registry: bool
    from_root_hints: bool
    root_hints: tuple[Resolver, ...]  # () = those that are built in
    proxies: tuple[Proxy, ...]
    types: tuple[int, ...]
    qclass: str  # key `class`: IN, CH or HS
    flags: tuple[str, ...]  # of queries: rd, ad, cd, do
    edns: tuple[str, ...]  # options, each in its full form (config/asking.py)
    no_edns: bool
    workers: int
    pipeline: int  # 0 = found per connection
    timeout_ms: int
    retries: int
    deadline_ms: int
    rate: int  # of the whole scan, 0 = no limit
    rate_per_resolver: int | None  # None = the default rule, 0 = no limit
    max_in_flight: int  # 0 = from the others
    fields: tuple[str, ...]
    format: str  # of model.FORMATS
    columns: tuple[str, ...]  # of model.COLUMNS, () = a line is a name
    separator: str  # one character, a space for blanks; "" = each line's own
    only: tuple[str, ...]  # verdicts to write, () = all
    fsync: float  # seconds, 0 = never
    max_time: float  # seconds, 0 = no limit
    max_queries: int  # 0 = no limit
    no_second_pass: bool
    threads: int  # udp: engines
    expire_ms: int  # streams: idle, 0 = never
    max_age_ms: int  # streams, 0 = any
    max_idle: int  # streams: of one egress and resolver, 0 = any number
    policy: str  # of model.POLICIES
    failover: tuple[str, ...]  # RCODEs: names of model.RCODES, or rcodeN
    stream_policy: str  # the same for streams
    bind: tuple[str, ...]  # udp: source addresses
    rcvbuf: int  # octets
    sndbuf: int
    port_range: tuple[int, int] | None  # udp: source ports, None = the kernel chooses
    no_gso: bool
    no_0x20: bool
    no_early_retries: bool
    all_names: bool
    ptr: bool
    canaries: tuple[tuple[str, str], ...]  # names that exist, each with an address
    canary_every: float  # seconds, 0 = only before the scan
    strict: bool
    recheck_window: float  # seconds, 0 = no line waits for canaries
    wildcards: bool  # below every parent; else below suffixes only
    quiet: bool
    stats: str  # text or json
    progress: str  # auto, plain or none
    heartbeat: str  # the path of a file, "" = none
    metrics: tuple[str, int] | None  # where they are served
    metrics_file: str  # "" = none
    warnings: tuple[str, ...]


PLAIN = tuple(field.name for field in fields(Config) if field.name in OPTIONS)
NO_FILE = ConfigSource("", "{}")


def load(path: Path | None, first_line: str | None, flags: Mapping[str, Any], environ: Mapping[str, str],
         *, numbered: bool = False) -> Config:  # fmt: skip
    """File (or first line of stdin), then flags over it. `flags` holds only what was given; `numbered`: each line says
    which input line it is the result of. Raises ScanError."""
    warnings: list[str] = []
    return complete(given(path, first_line, flags, environ, warnings), warnings, numbered=numbered)


def given(path: Path | None, first_line: str | None, flags: Mapping[str, Any], environ: Mapping[str, str],
          warnings: list[str]) -> Values:  # fmt: skip
    """What stands in the file and in the flags, its keys known. Raises ScanError."""
    source = ConfigSource(FIRST_LINE, first_line) if first_line is not None else read_file(path) if path else NO_FILE
    table = parse(source)
    check_keys(source, table)
    warn_if_open(source, warnings)
    return Values(OPTIONS, source, table, flags, environ)


def from_table(table: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """The configuration that a program gives as a mapping with the keys of a file. Raises ScanError."""
    if not isinstance(table, Mapping) or not all(isinstance(key, str) for key in table):
        raise ScanError('config: must be a mapping, for example {"resolvers": ["192.0.2.53"]}')
    source = ConfigSource("config", "")
    check_keys(source, table)
    return complete(Values(OPTIONS, source, table, {"quiet": True}, environ), [], numbered=False)


def complete(values: Values, warnings: list[str], *, numbered: bool) -> Config:
    """Every value checked, and what was not given found from the others. Raises ScanError."""
    proxies = check.proxies(values, warnings)
    named = check.routes(values, tunnelled=bool(proxies))
    at_registry = check.at_registry(values)
    from_root = at_registry and values.value("from_root_hints")
    root_hints = check.root_hints(values, tunnelled=bool(proxies))
    default = check.resolvers(values, tunnelled=bool(proxies), routed=bool(named) or from_root)
    others = (*default, *(each for route in named for each in route.resolvers))
    trusted = check.trusted(values, others, tunnelled=bool(proxies))
    resolvers, routes, suffixes = joined(default, named, trusted, all_names=values.value("all_names"))
    streams = sum(resolver.scheme != "udp" for resolver in resolvers) if len(routes) > 1 else 0
    if proxies and any(not r.is_public for r in resolvers) and not all(is_near(p.host) for p in proxies):
        warnings.append("a private or loopback resolver behind a remote proxy is one in the proxy's own network")
    plain = {key: values.value(key) for key in PLAIN}
    return Config(**{
        **plain,
        "resolvers": resolvers, "routes": routes, "suffixes": suffixes, "proxies": proxies,
        "root_hints": root_hints,
        "types": check.types(values),
        "qclass": values.value("class"), "flags": asking.flags(values),
        "edns": asking.edns(values, tunnelled=bool(proxies), warnings=warnings),
        "workers": check.workers(values, len(proxies), streams, warnings),
        "threads": check.threads(values, (*resolvers, *root_hints), warnings),
        "columns": check.columns(values),
        "fields": check.fields(values, numbered=numbered), "only": check.only(values), "bind": check.bind(values),
        "failover": asking.failover(values), "policy": check.policy(values, len(resolvers)),
        "stream_policy": check.stream_policy(values, len(resolvers)),
        "canaries": check.canaries(values), "recheck_window": check.recheck_window(values),
        "progress": values.value("progress") or ("none" if plain["quiet"] else "auto"),
        "metrics": metrics_from_text(values.value("metrics"), warnings), "warnings": tuple(warnings),
    })  # fmt: skip


def describe(config: Config) -> dict[str, Any]:
    """The resolved configuration for people (--dry-run); passwords are hidden."""
    plain = {field.name: getattr(config, field.name) for field in fields(Config)}
    for key in ("warnings", "suffixes", "stream_policy"):
        plain.pop(key)
    plain["class"] = plain.pop("qclass")
    return {
        **plain,
        **servers_of(config),
        "root_hints": [str(resolver) for resolver in config.root_hints],
        "proxies": [str(proxy) for proxy in config.proxies],
        "types": [type_text(number) for number in config.types],
        "canaries": [f"{name}={address}" for name, address in config.canaries],
        "pipeline": config.pipeline or OPTIONS["pipeline"].default_text,
        "rate": config.rate or OPTIONS["rate"].default_text,
        "rate_per_resolver": OPTIONS["rate_per_resolver"].default_text
        if config.rate_per_resolver is None
        else config.rate_per_resolver,
        "max_in_flight": config.max_in_flight or "auto",
        "columns": config.columns or OPTIONS["columns"].default,
        "separator": next(word for word, character in SEPARATORS.items() if character == config.separator)
        if config.separator in SEPARATORS.values()
        else config.separator,
        "heartbeat": hidden(config.heartbeat),
        "metrics": config.metrics and place_text(*config.metrics),
        "metrics_file": hidden(config.metrics_file),
    }


def servers_of(config: Config) -> dict[str, Any]:
    """`resolvers`, `trusted_resolvers` and `routes` as they stand in a file, in full."""
    texts = [[str(config.resolvers[index]) for index in route.resolvers] for route in config.routes]
    routes = {suffix: index for suffix, index in config.suffixes if not config.routes[index].nowhere}
    if config.routes[0].authoritative:
        routes["."] = 0
    return {
        "resolvers": [] if "." in routes else texts[0],
        "trusted_resolvers": [
            text for route, each in zip(config.routes, texts, strict=True) if route.trusted for text in each
        ],
        "routes": {suffix: {"resolvers": texts[index], "authoritative": config.routes[index].authoritative}
                   for suffix, index in routes.items()},
    }  # fmt: skip
