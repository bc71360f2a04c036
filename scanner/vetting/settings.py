"""What a vetting is given: the list, and what its resolvers are asked, checked and complete."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

from scanner.config.check import is_file, resolver, resolver_entries
from scanner.config.endpoints import ip_from_text, is_place
from scanner.config.file import ConfigSource, lines_of
from scanner.config.values import Values
from scanner.errors import ScanError
from scanner.input.files import open_input
from scanner.input.idn import ascii_name
from scanner.model import Resolver
from scanner.text import hidden, printable, shown
from scanner.vetting.options import OPTIONS

LIST_MAX = 16 << 20  # octets: half a million resolvers
BLOCK = 1 << 20
SUFFIXES_MAX = 100
NAME = re.compile(r"(?=.{1,200}\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


class Listed(NamedTuple):
    """A resolver of the list."""

    text: str  # as it stands there
    resolver: Resolver
    is_bare: bool  # without a scheme: over what it is to be used is for us to say


class Canary(NamedTuple):
    """A name that must exist."""

    name: str
    address: IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Settings:
    """What is asked, and how."""

    suffixes: tuple[str, ...]
    canaries: tuple[Canary, ...]
    bogus: str
    ecs_name: str
    timeout_s: float
    rate: int  # queries a second to one address
    at_once: int


def load(flags: Mapping[str, Any]) -> Settings:
    """Of the flags that were given. Raises ScanError."""
    values = Values(OPTIONS, ConfigSource("", "{}"), {}, flags, {})
    suffixes = [part for text in values.texts("suffixes") or () for part in text.split(",") if part]
    found = dict.fromkeys(name("--suffix", text.lstrip("."), "such as com or co.uk") for text in suffixes)
    if len(found) > SUFFIXES_MAX:
        raise ScanError(f"--suffix: more than {SUFFIXES_MAX} of them")
    return Settings(
        suffixes=tuple(found), canaries=tuple(canary(text) for text in values.texts("canaries") or ()),
        bogus=name("--bogus", values.value("bogus")), ecs_name=name("--ecs-name", values.value("ecs_name")),
        timeout_s=values.value("timeout_ms") / 1000, rate=values.value("rate_per_resolver"),
        at_once=values.value("at_once"),
    )  # fmt: skip


def name(flag: str, text: str, such: str = "such as www.example.com") -> str:
    """A name in lower case, in A-labels. Raises ScanError."""
    ascii_text = text if text.isascii() else ascii_name(text)
    plain = (ascii_text or "").lower().removesuffix(".")
    if not NAME.fullmatch(plain):
        raise ScanError(f"{flag}: {shown(text)} is not a name {such}")
    return plain


def canary(text: str) -> Canary:
    """`NAME=ADDRESS`. Raises ScanError."""
    left, _, right = text.partition("=")
    try:
        return Canary(name("--canary", left), ip_from_text(right))
    except ValueError:
        raise ScanError(f"--canary: {shown(text)} is not NAME=IP, such as www.example.com=192.0.2.10") from None


# -- the list ----------------------------------------------------------------------------------------------------------


def read_lists(arguments: Sequence[str]) -> tuple[list[Listed], int]:
    """The resolvers of all lists, each once, and how many entries there were. Raises ScanError."""
    entries = [entry for argument in arguments or ("-",) for entry in entries_of(argument)]
    found: dict[tuple[Resolver, bool], Listed] = {}
    for text, where in entries:
        each = listed(text, where)
        found.setdefault((each.resolver, each.is_bare), each)
    return list(found.values()), len(entries)


def listed(text: str, where: str) -> Listed:
    """One entry. Raises ScanError with its place."""
    try:
        return Listed(text, resolver(text, tunnelled=False), "://" not in text)
    except ScanError as error:
        raise ScanError(f"{where}: {error}") from None


def entries_of(argument: str) -> list[tuple[str, str]]:
    """A list by its name, `-` for stdin; or resolvers as -r takes them, each with its place. Raises ScanError."""
    is_resolver = "://" in argument or "," in argument or is_place(argument)
    if argument != "-" and not is_file(argument) and (is_resolver or argument.startswith("@")):
        return resolver_entries(argument, "resolvers")
    source = ConfigSource("stdin" if argument == "-" else printable(hidden(argument)), text_of(argument))
    entries = lines_of(source)
    if not entries:
        raise ScanError(f"no resolvers in {source.name}")
    return entries


def text_of(argument: str) -> str:
    """The text of a list, which may come through a pipe. Raises ScanError."""
    shown_name = "stdin" if argument == "-" else printable(hidden(argument))
    octets = b"".join(blocks(open_input(argument), shown_name))
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScanError(f"{shown_name}: not UTF-8 at octet {error.start}") from None


def blocks(descriptor: int, shown_name: str) -> Iterator[bytes]:
    """All that can be read. Raises ScanError."""
    size = 0
    try:
        while block := os.read(descriptor, BLOCK):
            size += len(block)
            if size > LIST_MAX:
                raise ScanError(f"{shown_name}: larger than {LIST_MAX >> 20} MB; this cannot be a list of resolvers")
            yield block
    except OSError as error:
        raise ScanError(f"{shown_name}: cannot be read: {os.strerror(error.errno or 0)}") from None
    finally:
        if descriptor:
            os.close(descriptor)


def ways_of(each: Listed) -> dict[str, Resolver]:
    """Over what it can be asked: its own port for UDP and TCP alike. TLS and the others know of each other's port only
    where both are the well-known ones."""
    resolver, address = each.resolver, each.resolver.address
    if resolver.scheme == "tls":
        plain = {way: Resolver(way, address, 53) for way in ("udp", "tcp")} if resolver.port == 853 else {}
        return {"tls": resolver, **plain}
    found = {way: Resolver(way, address, resolver.port) for way in ("udp", "tcp")}
    return {**found, "tls": Resolver("tls", address, 853)} if resolver.port == 53 else found
