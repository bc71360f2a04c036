"""What a scan is given: files and flags become one frozen Config here; below this room functions take plain values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scanner.config.check import Merged
from scanner.config.endpoints import is_near, metrics_from_text, place_text
from scanner.config.file import FIRST_LINE, Text, check_keys, parse, read_file, warn_if_open
from scanner.errors import ScanError
from scanner.model import Proxy, Resolver
from scanner.rdata import type_text
from scanner.text import hidden


@dataclass(frozen=True, slots=True)
class Config:
    """What a scan is told, checked and complete. Times in milliseconds, `rate` in queries a second."""

    resolvers: tuple[Resolver, ...]
    proxies: tuple[Proxy, ...]
    types: tuple[int, ...]
    workers: int
    pipeline: int  # 0 = found per connection
    timeout_ms: int
    retries: int
    deadline_ms: int
    rate: int | None  # None = the default rule, 0 = no limit
    max_in_flight: int  # 0 = from the others
    fields: tuple[str, ...]
    fsync: int  # seconds, 0 = never
    max_time: int  # seconds, 0 = no limit
    max_queries: int  # 0 = no limit
    no_second_pass: bool
    threads: int  # udp: engines
    policy: str  # udp: of native.udp.POLICIES
    bind: tuple[str, ...]  # udp: source addresses
    rcvbuf: int  # octets
    sndbuf: int
    port_range: tuple[int, int] | None  # udp: source ports, None = the kernel chooses
    no_gso: bool
    no_0x20: bool
    all_names: bool
    ptr: bool
    strict: bool
    quiet: bool
    stats: str  # text or json
    progress: str  # auto, plain or none
    heartbeat: str  # the path of a file, "" = none
    metrics: tuple[str, int] | None  # where they are served
    metrics_file: str  # "" = none
    warnings: tuple[str, ...]


def load(path: Path | None, first_line: str | None, flags: Mapping[str, Any], environ: Mapping[str, str],
         *, numbered: bool = False) -> Config:  # fmt: skip
    """File (or first line of stdin), then flags over it. `flags` holds only what was given; `numbered`: each line says
    which input line it answers. Raises ScanError."""
    source = Text(FIRST_LINE, first_line) if first_line is not None else read_file(path) if path else Text("", "{}")
    table = parse(source)
    warnings: list[str] = []
    if path:
        warn_if_open(path, source, warnings)
    return merge(source, table, flags, environ, warnings, numbered)


def from_table(table: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """The configuration that a program gives as a mapping with the keys of a file. Raises ScanError."""
    source = Text("config", "")
    if not isinstance(table, Mapping) or not all(isinstance(key, str) for key in table):
        raise ScanError('config: must be a mapping, for example {"resolvers": ["192.0.2.53"]}')
    check_keys(source, table)
    return merge(source, table, {"quiet": True}, environ, [], numbered=False)


def merge(source: Text, table: Mapping[str, Any], flags: Mapping[str, Any], environ: Mapping[str, str],
          warnings: list[str], numbered: bool) -> Config:  # fmt: skip
    """Flags over the table, each value checked. Raises ScanError."""
    merged = Merged(source, table, flags, environ)
    proxies = merged.proxies(warnings)
    resolvers = merged.resolvers(proxies)
    if proxies and any(not r.is_public for r in resolvers) and not all(is_near(p.host) for p in proxies):
        warnings.append("a private or loopback resolver behind a remote proxy is one in the proxy's own network")
    rate = merged.optional("rate")
    workers = merged.number("workers") or (max(500, len(proxies)) if proxies else 16)
    if workers < len(proxies):
        warnings.append(f"{workers} workers for {len(proxies)} proxies: only the first {workers} are used")
    return Config(
        resolvers=resolvers, proxies=proxies, types=merged.types(), workers=workers,
        pipeline=merged.number("pipeline") or 0, timeout_ms=merged.number("timeout_ms", 2000),
        retries=merged.number("retries", 2), deadline_ms=merged.number("deadline_ms", 10_000),
        rate=rate, threads=merged.threads(resolvers, rate, warnings),
        fsync=merged.number("fsync"), max_time=merged.number("max_time"), max_queries=merged.number("max_queries"),
        no_second_pass=merged.switch("no_second_pass"),
        max_in_flight=merged.number("max_in_flight"), fields=merged.fields(numbered),
        policy=merged.policy(), bind=merged.binds(), rcvbuf=merged.number("rcvbuf", 1 << 20),
        sndbuf=merged.number("sndbuf", 1 << 20), port_range=merged.port_range(), no_gso=merged.switch("no_gso"),
        no_0x20=merged.switch("no_0x20"),
        all_names=merged.switch("all_names"), ptr=merged.switch("ptr"), strict=merged.switch("strict"),
        quiet=bool(flags.get("quiet")), stats=flags.get("stats", "text"),
        progress=flags.get("progress", "none" if flags.get("quiet") else "auto"),
        heartbeat=flags.get("heartbeat", ""), metrics=metrics_from_text(flags.get("metrics"), warnings),
        metrics_file=flags.get("metrics_file", ""), warnings=tuple(warnings),
    )  # fmt: skip


def describe(config: Config) -> dict[str, Any]:
    """The resolved configuration for people (--dry-run); passwords are hidden."""
    plain = asdict(config)
    plain.pop("warnings")
    return {
        **plain,
        "resolvers": [str(resolver) for resolver in config.resolvers],
        "proxies": [str(proxy) for proxy in config.proxies],
        "types": [type_text(number) for number in config.types],
        "pipeline": config.pipeline or "auto",
        "rate": "1000 per public resolver and exit" if config.rate is None else config.rate,
        "max_in_flight": config.max_in_flight or "auto",
        "heartbeat": hidden(config.heartbeat),
        "metrics": config.metrics and place_text(*config.metrics),
        "metrics_file": hidden(config.metrics_file),
    }
