"""Files of configuration and of proxies: read, parsed, and where something stands in them."""

import difflib
import json
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner.config.options import CONFIRM, KEYS
from scanner.errors import ScanError
from scanner.text import hidden, printable, shown

FILE_MAX = 1 << 20  # octets
NESTED_MAX = 20
PASSWORD = r"://[^/\s\"']*:[^@\s\"'$]+@|^[^\s:#]+:[0-9]+:[^\s:]+:[^\s$]"  # scheme://u:p@ and host:port:u:p
FIRST_LINE = "--config -"  # the name of a configuration that is the first line of stdin; always JSON


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


def warn_if_open(path: Path, source: Text, warnings: list[str]) -> None:
    """Warn of a password, one that is no ${NAME}, in a file that everybody can read."""
    if path.stat().st_mode & stat.S_IROTH and re.search(PASSWORD, source.text, re.MULTILINE):
        warnings.append(f"{source.name} holds a password and everybody can read it: chmod 600, or put ${{NAME}} there")


def lines_of(source: Text) -> list[tuple[str, str]]:
    """The entries of a proxy file with their places; blank lines and # comments are left out."""
    lines = [(line.strip(), f"{source.name}: line {number}") for number, line in enumerate(source.text.split("\n"), 1)]
    return [(line, where) for line, where in lines if line and not line.startswith("#")]
