"""Every knob once: its key, its flag, its range, its default and what it means. Files and flags become one frozen
Config here; below this floor functions take plain values."""

import contextlib
import difflib
import json
import os
import re
import resource
import stat
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from scanner.endpoints import (
    fill_environment,
    hidden,
    metrics_from_text,
    place_text,
    printable,
    proxy_from_text,
    resolver_from_text,
    shown,
)
from scanner.errors import ScanError
from scanner.model import FIELDS, POLICIES, Proxy, Resolver
from scanner.rdata import type_number, type_text

FILE_MAX = 1 << 20  # octets
DESCRIPTORS_SPARE = 64  # for files, the loop and Python itself
NESTED_MAX = 20
LINUX = sys.platform.startswith("linux")
PASSWORD = r"://[^/\s\"']*:[^@\s\"'$]+@|^[^\s:#]+:[0-9]+:[^\s:]+:[^\s$]"  # scheme://u:p@ and host:port:u:p
FIRST_LINE = "--config -"  # the name of a configuration that is the first line of stdin; always JSON


@dataclass(frozen=True)
class Knob:
    """One number of the configuration; `default` as people read it."""

    least: int
    most: int
    default: str
    meaning: str
    word: str = ""  # a word that may stand for 0


NUMBERS = {
    "workers": Knob(1, 100_000, "500 with proxies, else 16", "tunnels held open"),
    "pipeline": Knob(0, 1024, "auto", "queries in flight on one connection", "auto"),
    "timeout_ms": Knob(1, 600_000, "2000", "one attempt"),
    "retries": Knob(0, 100, "2", "attempts after the first, each by another worker"),
    "deadline_ms": Knob(1, 3_600_000, "10000", "hard limit for one name"),
    "rate": Knob(0, 10_000_000, "1000 per public resolver and exit", "queries a second; 0 = no limit"),
    "max_in_flight": Knob(1, 10_000_000, "from the above", "names started and not yet written"),
    "fsync": Knob(1, 86_400, "never", "seconds between two times that --output is brought to the disk"),
    "max_time": Knob(1, 31_536_000, "none", "seconds after which the scan stops"),
    "max_queries": Knob(1, 999_999_999_999, "none", "queries after which the scan stops"),
    "threads": Knob(1, 256, "one per core but one", "udp: engines, each with its own sockets"),
    "rcvbuf": Knob(4096, 1 << 30, "1 MiB", "udp: a socket's buffer for answers, in octets"),
    "sndbuf": Knob(4096, 1 << 30, "1 MiB", "udp: a socket's buffer for queries, in octets"),
}
LISTS = {"resolvers": "resolver", "proxies": "proxy", "type": "type", "fields": "fields", "bind": "bind",
         "allow_nets": "allow-net", "ages": "age"}  # fmt: skip
OTHERS = ("resolver", "proxy_file", "all_names", "ptr", "strict", "policy", "port_range", "no_gso", "no_0x20",
          "no_second_pass")  # fmt: skip
KEYS = (*NUMBERS, "resolvers", "proxies", "type", "fields", "bind", *OTHERS)
CONFIRM = "confirm"  # the table of `dnsscan confirm`, which shares the file; here it is only seen to be one


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


@dataclass(frozen=True)
class Text:
    """A configuration file's text and name, for saying where something stands."""

    name: str
    text: str

    def at(self, key: str) -> str:
        """`cfg.json: line 3`, the first place where the key stands."""
        for number, line in enumerate(self.text.splitlines(), 1):
            if re.search(rf'(^|["\s{{,\[]){re.escape(key)}["\s=:\]]', line):
                return f"{self.name}: line {number}"
        return self.name


def read_file(path: Path) -> Text:
    """The text of a configuration or proxy file: a regular file, UTF-8, at most 1 MB. Raises ScanError."""
    name = printable(hidden(str(path)))
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise ScanError(f"{name}: not a regular file")
        if found.st_size > FILE_MAX:
            raise ScanError(f"{name}: larger than 1 MB; this cannot be a configuration")
        return Text(name, path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ScanError(f"{name}: cannot be read: {os.strerror(error.errno or 0)}") from None
    except UnicodeDecodeError as error:
        raise ScanError(f"{name}: not UTF-8 at octet {error.start}") from None
    except ValueError:
        raise ScanError(f"{name}: no file can have this name") from None


def parse(source: Text) -> dict[str, Any]:
    """JSON or TOML, by suffix, else by the first character; a flat table of known keys. Raises ScanError."""
    is_toml = source.name.endswith(".toml") or not (
        source.name in ("", FIRST_LINE) or source.name.endswith(".json") or source.text.lstrip()[:1] in ("{", "[", "")
    )
    depth = deepest = 0
    for character in source.text:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    if deepest > NESTED_MAX:
        raise ScanError(f"{source.name}: nested too deep; a configuration is one flat table")
    try:
        table = tomllib.loads(source.text) if is_toml else json.loads(source.text, object_pairs_hook=once(source))
    except json.JSONDecodeError as error:
        raise ScanError(f"{source.name}: line {error.lineno}: not JSON: {error.msg} at column {error.colno}") from None
    except tomllib.TOMLDecodeError as error:
        what, _, place = str(error).partition(" (at ")
        line = (
            re.sub(r", column.*|\)", "", place)
            if place.startswith("line")
            else f"line {source.text.count(chr(10)) + 1}"
        )
        raise ScanError(f"{source.name}: {line}: not TOML: {what}") from None
    except (ValueError, RecursionError):
        raise ScanError(f"{source.name}: not a configuration (a number or a nesting is too large)") from None
    if not isinstance(table, dict):
        raise ScanError(f'{source.name}: line 1: must be one table, for example {{"resolvers": ["192.0.2.53"]}}')
    check_keys(source, table)
    return table


def check_keys(source: Text, table: Mapping[str, Any]) -> None:
    """Every key is known. Raises ScanError with the nearest one that is."""
    for key in table:
        if key not in (*KEYS, CONFIRM):
            near = difflib.get_close_matches(key, KEYS, 1)
            hint = f'; did you mean "{near[0]}"?' if near else f"; known are {', '.join(KEYS)}"
            raise ScanError(f"{source.at(key)}: unknown key {shown(key)}{hint}")
    if not isinstance(table.get(CONFIRM, {}), dict):
        raise ScanError(f"{source.at(CONFIRM)}: {CONFIRM} must be a table")


def once(source: Text):  # type: ignore[no-untyped-def]
    """A hook for json that refuses a key given twice."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(items)
        if len(table) != len(items):
            twice = next(key for key in table if sum(other == key for other, _ in items) > 1)
            raise ScanError(f"{source.at(twice)}: key {shown(twice)} stands twice")
        return table

    return pairs


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


@dataclass(frozen=True)
class Merged:
    """The values of flags and file, each checked as it is taken."""

    source: Text
    table: Mapping[str, Any]
    flags: Mapping[str, Any]
    environ: Mapping[str, str]

    def where(self, key: str) -> str:
        """The flag, or the file and line, that a value came from."""
        if key in self.flags:
            return "--" + LISTS.get(key, key).replace("_", "-")
        return f"{self.source.at(key)}: {key}"

    def optional(self, key: str) -> int | None:
        """A number of the scan, None when it was not given."""
        return self.ranged(key, NUMBERS[key])

    def ranged(self, key: str, knob: Knob) -> int | None:
        """A number in its range, None when it was not given."""
        value = self.flags.get(key, self.table.get(key))
        if value is None:
            return None
        if knob.word and value == knob.word:
            return 0
        if key in self.flags and re.fullmatch(r"[0-9]{1,12}", str(value)):
            value = int(value)
        least = max(knob.least, 1) if knob.word else knob.least
        if type(value) is not int or not least <= value <= knob.most:
            also = f' or "{knob.word}"' if knob.word else ""
            raise ScanError(f"{self.where(key)}: {shown(str(value))} is not a number from {least} to {knob.most}{also}")
        return value

    def number(self, key: str, default: int = 0) -> int:
        """The same with a default."""
        value = self.optional(key)
        return default if value is None else value

    def switch(self, key: str) -> bool:
        """True or false."""
        value = self.flags.get(key, self.table.get(key, False))
        if type(value) is not bool:
            raise ScanError(f"{self.where(key)}: {shown(str(value))} is neither true nor false")
        return value

    def texts(self, key: str) -> list[str] | None:
        """A list of texts; one text stands for a list of one. None when it was not given."""
        value = self.flags.get(key, self.table.get(key))
        if value is None:
            return None
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
            raise ScanError(f"{self.where(key)}: must be a text or a list of texts")
        return list(items)

    def fields(self, numbered: bool) -> tuple[str, ...]:
        """Extra keys of the output, in the order in which they are written."""
        wanted = [field for text in self.texts("fields") or [] for field in text.split(",") if field]
        for field in wanted:
            if field not in FIELDS:
                raise ScanError(f"{self.where('fields')}: {shown(field)} is not known; fields are {', '.join(FIELDS)}")
        return tuple(field for field in FIELDS if field in wanted or (numbered and field == "n"))

    def types(self) -> tuple[int, ...]:
        """Record types by number, each once."""
        numbers: list[int] = []
        texts = self.texts("type")
        for text in ["NS"] if texts is None else texts:
            for part in text.split(","):
                number = type_number(part)
                if number is None or not 1 <= number <= 65279 or number in (41, 249, 250, 251, 252):
                    raise ScanError(f"{self.where('type')}: {shown(part)} is no record type to ask for; "
                                    "use A, NS, MX, TYPE65 ...")  # fmt: skip
                numbers.append(number)
        unique = tuple(dict.fromkeys(numbers))
        if not 1 <= len(unique) <= 32:
            raise ScanError(f"{self.where('type')}: 1 to 32 types")
        return unique

    def resolvers(self, proxies: tuple[Proxy, ...]) -> tuple[Resolver, ...]:
        """The resolvers, else the system's."""
        if {"resolver", "resolvers"} <= self.table.keys():
            raise ScanError(f"{self.source.at('resolvers')}: resolver and resolvers: give one of them")
        key = "resolver" if "resolver" in self.table and "resolvers" not in self.flags else "resolvers"
        texts = self.texts(key)
        if texts is None and proxies:
            raise ScanError("with proxies a resolver must be named: -r 192.0.2.53 (the system's may not be reachable)")
        if texts is None:
            return system_resolvers()
        found = []
        for text in texts:
            try:
                if proxies and text.startswith("udp://"):
                    raise ScanError(f"resolver {shown(text)}: SOCKS5 tunnels carry TCP only; use tcp:// with proxies")
                if text.startswith("udp://") and not LINUX:
                    raise ScanError(f"resolver {shown(text)}: raw UDP needs Linux; use tcp://")
                found.append(resolver_from_text(text))
            except ScanError as error:
                raise ScanError(f"{self.where(key)}: {error}") from None
        if not found:
            raise ScanError(f"{self.where(key)}: the list is empty; name a resolver, for example 192.0.2.53")
        return tuple(sorted(dict.fromkeys(found), key=lambda each: each.scheme != "udp"))  # udp first: one block

    def threads(self, resolvers: Sequence[Resolver], rate: int | None, warnings: list[str]) -> int:
        """UDP engines: one wherever a rate is kept or streams share the work, for there one is enough."""
        wanted = self.number("threads", max(len(os.sched_getaffinity(0)) - 1, 1) if LINUX else 1)
        kept = rate or (rate is None and any(resolver.is_public for resolver in resolvers))
        kept = kept or self.number("max_queries")
        mixed = any(resolver.scheme != "udp" for resolver in resolvers)
        if (kept or mixed) and "threads" in {*self.flags, *self.table} and wanted > 1:
            why = "where queries are counted or paced" if kept else "where not every resolver is udp://"
            warnings.append(f"{self.where('threads')}: one engine is used {why}")
        return 1 if kept or mixed else wanted

    def policy(self) -> str:
        """How the next of several udp:// resolvers is chosen."""
        value = self.flags.get("policy", self.table.get("policy", POLICIES[0]))
        if value not in POLICIES:
            raise ScanError(f"{self.where('policy')}: {shown(str(value))} is not one of {', '.join(POLICIES)}")
        return str(value)

    def binds(self) -> tuple[str, ...]:
        """Source addresses of datagrams."""
        texts = self.texts("bind") or []
        for text in texts:
            try:
                ip_address(text)
            except ValueError:
                raise ScanError(f"{self.where('bind')}: {shown(text)} is not an IP address of this machine") from None
        return tuple(texts)

    def port_range(self) -> tuple[int, int] | None:
        """Source ports of datagrams, `20000-30000`; at least 64 of them, or the pool would be easy to guess."""
        value = self.flags.get("port_range", self.table.get("port_range"))
        if value is None:
            return None
        match = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", str(value))
        if not match or not 1 <= int(match[1]) <= int(match[2]) - 63 <= 65535 - 63:
            raise ScanError(
                f"{self.where('port_range')}: {shown(str(value))} is not MIN-MAX, at least 64 of 1 to 65535"
            )
        return int(match[1]), int(match[2])

    def proxies(self, warnings: list[str]) -> tuple[Proxy, ...]:
        """The proxies of the list and of the file, each once."""
        entries = [(text, self.where("proxies")) for text in self.texts("proxies") or []]
        file = self.flags.get("proxy_file", self.table.get("proxy_file"))
        if file is not None and not isinstance(file, str):
            raise ScanError(f"{self.where('proxy_file')}: must be a path")
        if file is not None:
            source = read_file(Path(file))
            warn_if_open(Path(file), source, warnings)
            listed = lines_of(source)
            if not listed:
                raise ScanError(f"no proxies in {file}")
            entries += listed
        elif "proxies" in self.table and not entries:
            raise ScanError(f"{self.where('proxies')}: the list is empty; leave the key out for direct connections")
        found = [proxy_from_text(fill_environment(text, self.environ, where), where) for text, where in entries]
        unique = tuple(dict.fromkeys(found))
        if len(unique) < len(found):
            warnings.append(f"{len(found) - len(unique)} proxies stand twice and are used once")
        return unique


def warn_if_open(path: Path, source: Text, warnings: list[str]) -> None:
    """Warn of a password, one that is no ${NAME}, in a file that everybody can read."""
    if path.stat().st_mode & stat.S_IROTH and re.search(PASSWORD, source.text, re.MULTILINE):
        warnings.append(f"{source.name} holds a password and everybody can read it: chmod 600, or put ${{NAME}} there")


def lines_of(source: Text) -> list[tuple[str, str]]:
    """The entries of a proxy file with their places; blank lines and # comments are left out."""
    lines = [(line.strip(), f"{source.name}: line {number}") for number, line in enumerate(source.text.split("\n"), 1)]
    return [(line, where) for line, where in lines if line and not line.startswith("#")]


def is_near(host: str) -> bool:
    """True for a proxy on this machine."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def system_resolvers(path: Path = Path("/etc/resolv.conf")) -> tuple[Resolver, ...]:
    """The name servers of resolv.conf(5), over TCP. Raises ScanError when there are none."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        text = ""
    servers = [words[1] for line in text.splitlines() if len(words := line.split()) > 1 and words[0] == "nameserver"]
    found = []
    for server in servers:
        with contextlib.suppress(ScanError):  # what is no address there is passed over, as libc does
            found.append(resolver_from_text(server))
    if not found:
        raise ScanError(f"no resolver given and none in {path}; name one: -r 192.0.2.53")
    return tuple(dict.fromkeys(found))


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


def check_descriptors(workers: int, *, may_raise: bool = True) -> None:
    """Raise the limit of open files to what is allowed, in a process of our own; ScanError when the workers would not
    fit."""
    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if may_raise:
        if hard != resource.RLIM_INFINITY and limit < hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        limit = hard
    if limit != resource.RLIM_INFINITY and workers + DESCRIPTORS_SPARE > limit:
        flag = "--workers" if may_raise else "workers"
        fewer = f" or use {flag} {limit - DESCRIPTORS_SPARE}" if limit > DESCRIPTORS_SPARE else ""
        raise ScanError(
            f"{workers} workers need {workers + DESCRIPTORS_SPARE} open files, ulimit -n allows {limit}: "
            f"raise it{fewer}"
        )
