"""What an option is, and what it may be: each kind reads a value of the file or of a flag, or says in one line what is
wrong with it."""

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from scanner.config.amounts import number_meant
from scanner.text import text_of, token


class Kind(Protocol):
    """One of the classes below, or of those of another table."""

    @property
    def may_be(self) -> str:
        """Its values, for the reference."""

    def read(self, value: Any, *, is_flag: bool) -> Any:
        """The value checked, None for one that stands for none. Raises ValueError with the end of an error line."""


class Number(NamedTuple):
    """A whole number in a range; `word` may stand for 0."""

    least: int
    most: int
    word: str = ""
    ms: bool = False  # its key says milliseconds

    @property
    def may_be(self) -> str:
        return f"{self.least:,} to {self.most:,}{f', `{self.word}`' if self.word else ''}"

    def read(self, value: Any, *, is_flag: bool) -> int | None:
        if value is None:
            return None
        if self.word and value == self.word:
            return 0
        if is_flag and re.fullmatch(r"[0-9]{1,12}", str(value)):
            value = int(value)
        if type(value) is int and self.least <= value <= self.most:
            return value
        also = f' or "{self.word}"' if self.word else ""
        meant = number_meant(value, ms=self.ms)
        write = f"; write {meant}" if meant is not None and self.least <= meant <= self.most else ""
        raise ValueError(f"{token(value)} is not a number from {self.least} to {self.most}{also}{write}")


class Switch:
    """True or false; as a flag, true."""

    @property
    def may_be(self) -> str:
        return "true, false"

    def read(self, value: Any, *, is_flag: bool) -> bool:
        if type(value) is not bool:
            raise ValueError(f"{token(value)} is neither true nor false")
        return value


class Texts:
    """A list of texts; one text stands for a list of one."""

    @property
    def may_be(self) -> str:
        return "a text or a list"

    def read(self, value: Any, *, is_flag: bool) -> tuple[str, ...] | None:
        if value is None:
            return None
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
            raise ValueError("must be a text or a list of texts")
        return tuple(items)


class Text:
    """A text, which is read where it is used."""

    @property
    def may_be(self) -> str:
        return "a text"

    def read(self, value: Any, *, is_flag: bool) -> str | None:
        return None if value is None else text_of(value)


class Path:
    """The name of a file."""

    @property
    def may_be(self) -> str:
        return "a path"

    def read(self, value: Any, *, is_flag: bool) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise ValueError("must be a path")
        try:
            octets = os.fsencode(value)
        except UnicodeEncodeError:
            octets = b"\0"
        if b"\0" in octets:
            raise ValueError("no file can have this name")
        return value


class Choice(NamedTuple):
    """One of several words."""

    words: tuple[str, ...]

    @property
    def may_be(self) -> str:
        return ", ".join(f"`{word}`" for word in self.words)

    def read(self, value: Any, *, is_flag: bool) -> str:
        if isinstance(value, str) and "_" in value:  # round_robin, as other programs write it
            value = value.replace("_", "-")
        if value not in self.words:
            raise ValueError(f"{token(value)} is not one of {', '.join(self.words)}")
        return str(value)


SEPARATORS = {"auto": "", "comma": ",", "tab": "\t", "blanks": " ", "semicolon": ";", "pipe": "|"}


class Separator:
    """What stands between columns: a word, or the character itself."""

    @property
    def may_be(self) -> str:
        return ", ".join(f"`{word}`" for word in SEPARATORS) + ", one other character"

    def read(self, value: Any, *, is_flag: bool) -> str | None:
        if value is None:
            return None
        if isinstance(value, str) and (value or "auto") in SEPARATORS:
            return SEPARATORS[value or "auto"]
        if value in ("\t", "\\t", " "):
            return " " if value == " " else "\t"
        if not (isinstance(value, str) and len(value) == 1 and value.isascii() and value.isprintable()) \
                or value.isalnum() or value in "-_.\"'":  # fmt: skip
            raise ValueError(f"{token(value)} is not one of {', '.join(SEPARATORS)}, nor a character such as ;")
        return value


class PortRange:
    """`20000-30000`; at least 64 ports, or they would be easy to guess."""

    @property
    def may_be(self) -> str:
        return "MIN-MAX, at least 64 of 1 to 65535"

    def read(self, value: Any, *, is_flag: bool) -> tuple[int, int] | None:
        if value is None:
            return None
        match = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", value) if isinstance(value, str) else None
        if not match or not 1 <= int(match[1]) <= int(match[2]) - 63 <= 65535 - 63:
            raise ValueError(f"{token(value)} is not MIN-MAX, at least 64 of 1 to 65535")
        return int(match[1]), int(match[2])


BOTH, FILE, FLAG = "in a file and as a flag", "in a file only", "as a flag only"


OWN, ANOTHERS, RARE = "its own", "another flag's, which names it", "that of the rare flags"


class Option(NamedTuple):
    """One option. Its check, its flag, --help, completion and the reference are made from this."""

    key: str
    kind: Kind
    metavar: str
    meaning: str  # one line, without the default; no full stop
    default: Any = None  # None = found from other values
    default_text: str = ""  # the default as people read it, where that is not the value
    detail: str = ""  # the meaning where there is more room than in --help; Markdown
    flag: str = ""  # the long flag, where it is not the key
    short: str = ""
    repeats: bool = False  # the flag may be given again
    place: str = BOTH
    row: str = OWN  # of --help, in which the flag stands
    value_if_bare: str | None = None  # of the flag without a value, where it may stand so
    words: tuple[str, ...] = ()  # what completion offers where the kind has no words; of a LIST, with commas between
    may_be_file: bool = False  # completion offers files too

    @property
    def long(self) -> str:
        """`--timeout-ms`."""
        return self.flag or "--" + self.key.replace("_", "-")

    @property
    def flags(self) -> tuple[str, ...]:
        """Every flag of it, the short one first; none for a key of files only."""
        return () if self.place == FILE else (self.short, self.long) if self.short else (self.long,)

    @property
    def shown_default(self) -> str:
        """The default as people read it; "" where it goes without saying."""
        return self.default_text or (str(self.default) if self.default else "")

    @property
    def help(self) -> str:
        """The line of --help."""
        return f"{self.meaning}{f' [{self.shown_default}]' if self.shown_default else ''}."


def keys_of(options: Mapping[str, Option]) -> tuple[str, ...]:
    """The keys that may stand in a file."""
    return tuple(key for key, option in options.items() if option.place != FLAG)


def table_of(*options: Option) -> dict[str, Option]:
    """Options by key, in order."""
    return {option.key: option for option in options}
