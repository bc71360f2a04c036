"""Files of configuration and of proxies: read, parsed, and where something stands in them."""

import difflib
import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner.config.options import CONFIRM, KEYS, OPTIONS
from scanner.errors import ScanError
from scanner.text import path_text, shown

FILE_MAX = 1 << 20  # octets
NESTED_MAX = 20
USERINFO = re.compile(r"""://([^/\s"']*)@""")
SHORT_FORM = re.compile(r"^[^\s:#]+:[0-9]+:[^\s:]+:[^\s$]", re.MULTILINE)  # host:port:user:password
STRING = re.compile(r"""
    \"{3}(?:[^\\]|\\.)*?(?:\"{3}|\Z) | '{3}.*?(?:'{3}|\Z)          # of TOML, over many lines
  | "(?:[^"\\\n]|\\.)*+(?:"|$|\Z) | '[^'\n]*(?:'|$) | \#[^\n]*    # of JSON or TOML; a comment
""", re.VERBOSE | re.DOTALL | re.MULTILINE)  # fmt: skip
"""What may hold brackets that mean nothing. One that never ends goes on to the end, so nothing is read twice."""
FIRST_LINE = "--config -"  # the name of a configuration that is the first line of stdin; always JSON


@dataclass(frozen=True)
class ConfigSource:
    """A configuration file's text and name, for saying where something stands."""

    name: str
    text: str
    is_open: bool = False  # everybody on this machine can read it

    def at(self, key: str) -> str:
        """`cfg.json: line 3`, the first place where the key stands."""
        for number, line in enumerate(self.text.splitlines(), 1):
            if re.search(rf'(^|["\s{{,\[]){re.escape(key)}["\s=:\].]', line):
                return f"{self.name}: line {number}"
        return self.name


def read_file(path: Path, *, may_be_piped: bool = False) -> ConfigSource:
    """The text of a configuration or a list: a regular file, or a pipe where it may be one, UTF-8, at most 1 MB. Raises
    ScanError."""
    name = path_text(str(path))
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) and not (may_be_piped and stat.S_ISFIFO(found.st_mode)):
            raise ScanError(f"{name}: not a regular file")
        with path.open("rb") as file:
            octets = file.read(FILE_MAX + 1)
        if len(octets) > FILE_MAX:
            raise ScanError(f"{name}: larger than 1 MB; this cannot be a configuration")
        return ConfigSource(name, octets.decode("utf-8-sig"), bool(found.st_mode & stat.S_IROTH))
    except OSError as error:
        raise ScanError(f"{name}: cannot be read: {os.strerror(error.errno or 0)}") from None
    except UnicodeDecodeError as error:
        raise ScanError(f"{name}: not UTF-8 at octet {error.start}") from None
    except ValueError:
        raise ScanError(f"{name}: no file can have this name") from None


def parse(source: ConfigSource) -> dict[str, Any]:
    """JSON or TOML, by suffix, else by the first character; one table. Raises ScanError."""
    check_nesting(source)
    try:
        table = toml(source) if is_toml(source) else json.loads(source.text, object_pairs_hook=once(source))
    except json.JSONDecodeError as error:
        raise ScanError(f"{source.name}: line {error.lineno}: not JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError):
        raise ScanError(f"{source.name}: not a configuration (a number or a nesting is too large)") from None
    if not isinstance(table, dict):
        raise ScanError(f'{source.name}: line 1: must be one table, for example {{"resolvers": ["192.0.2.53"]}}')
    return table


def is_toml(source: ConfigSource) -> bool:
    """True unless the name, or else the first character, says JSON."""
    name = source.name.lower()
    if name.endswith(".toml"):
        return True
    is_json = name in ("", FIRST_LINE) or name.endswith(".json")
    return not is_json and not re.match(r"\s*(\{|\[\s*[^\s\[\w-]|\Z)", source.text)  # `[confirm]` is TOML


def toml(source: ConfigSource) -> dict[str, Any]:
    """The table of a TOML file. Raises ScanError with the line."""
    try:
        return tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        what, _, place = str(error).partition(" (at ")
        at_end = f"line {source.text.count(chr(10)) + 1}"
        line = re.sub(r", column.*|\)", "", place) if place.startswith("line") else at_end
        raise ScanError(f"{source.name}: {line}: not TOML: {what}") from None


def check_nesting(source: ConfigSource) -> None:
    """Brackets in brackets, and keys of TOML with many parts (one with 100,000 takes minutes). Raises ScanError."""
    bare = STRING.sub("", source.text)
    depth = deepest = 0
    for bracket in re.findall(r"[\[\]{}]", bare):
        depth = depth + 1 if bracket in "[{" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    if is_toml(source):
        deepest = max(deepest, *(part.count(".") for part in re.split(r"[\n,=\[\]{}]", bare)))
    if deepest > NESTED_MAX:
        raise ScanError(f"{source.name}: nested too deep; a configuration is one flat table")


def check_keys(source: ConfigSource, table: Mapping[str, Any]) -> None:
    """Every key of a scan's file is known. Raises ScanError."""
    known_keys(source, [key for key in table if key != CONFIRM], KEYS)
    if not isinstance(table.get(CONFIRM, {}), dict):
        raise ScanError(f"{source.at(CONFIRM)}: {CONFIRM} must be a table")


def known_keys(source: ConfigSource, keys: Iterable[str], known: Sequence[str], within: str = "") -> None:
    """Each key is one of `known`. Raises ScanError with the nearest one; `within` names the table in the file."""
    for key in keys:
        if key not in known:
            if not within and key in OPTIONS:
                raise ScanError(f"{source.at(key)}: {shown(key)} is no key of a file: give {OPTIONS[key].long}")
            near = flag_key(key, known) or difflib.get_close_matches(key, known, 1)
            hint = f'; did you mean "{near[0]}"?' if near else f"; known are {', '.join(known)}"
            raise ScanError(f"{source.at(key)}: {within}unknown key {shown(key)}{hint}")


def flag_key(word: str, known: Sequence[str]) -> list[str]:
    """The key whose flag is the word: `proxy` is `proxies` in a file."""
    return [key for key, option in OPTIONS.items() if option.long == f"--{word.replace('_', '-')}" and key in known]


def once(source: ConfigSource) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    """A hook for json that refuses a key given twice."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for key, value in items:
            if key in table:
                raise ScanError(f"{source.at(key)}: key {shown(key)} stands twice")
            table[key] = value
        return table

    return pairs


def warn_if_open(source: ConfigSource, warnings: list[str]) -> None:
    """Warn of a password, one that is no ${NAME}, in a file that everybody can read."""
    if source.is_open and has_password(source.text):
        warnings.append(f"{source.name} holds a password and everybody can read it: chmod 600, or put ${{NAME}} there")


def has_password(text: str) -> bool:
    """True where a password stands that is no ${NAME}. Nothing is read twice: a megabyte takes no time."""
    parts = (part for userinfo in USERINFO.findall(text) for part in userinfo.split("@"))
    return any(part.rpartition("$")[2].partition(":")[2] for part in parts) or bool(SHORT_FORM.search(text))


def lines_of(source: ConfigSource) -> list[tuple[str, str]]:
    """The entries of a list with their places; blank lines, and comments from a # that begins a word, are left out."""
    lines = [(re.sub(r"(^|\s)#.*", "", line).strip(), f"{source.name}: line {number}")
             for number, line in enumerate(source.text.split("\n"), 1)]  # fmt: skip
    return [(line, where) for line, where in lines if line]
