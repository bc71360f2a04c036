"""Each value of files and flags, checked as it is taken."""

import os
import re
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from scanner.config.endpoints import fill_environment, proxy_from_text, resolver_from_text, system_resolvers
from scanner.config.file import Text, lines_of, read_file, warn_if_open
from scanner.config.options import LISTS, NUMBERS, Knob
from scanner.errors import ScanError
from scanner.model import FIELDS, POLICIES, Proxy, Resolver
from scanner.rdata import type_number
from scanner.text import shown

DESCRIPTORS_SPARE = 64  # for files, the loop and Python itself
LINUX = sys.platform.startswith("linux")


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
