"""The pattern language: a text becomes the parts of a space. It reads no files: `read` gives the words of one.

pattern := (letters | (class | group) count?)*       letters: a-z A-Z 0-9 - _ . stand for themselves
class   := [ (letter | letter-letter)+ ]             one of them: [a-z], [a-z0-9-], [aeiou]
group   := { option (, option)* }                    all of the first, then of the second: {com,net,io}, {,x[0-9]}
option  := @FILE | pattern                           @FILE: the words in a file
count   := {3} | {2,4}                               only directly behind a class or a group
"""

import re
from collections.abc import Callable
from itertools import chain
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits
from typing import NoReturn

from scanner.candidates.space import NAME_MAX, Either, Part, Repeat, Row, Texts
from scanner.errors import ScanError
from scanner.text import shown

LETTERS = frozenset(ascii_letters + digits + "-_.")
RANGES = (ascii_lowercase, ascii_uppercase, digits)
LITERAL = re.compile(r"[A-Za-z0-9_.-]+")
COUNT = re.compile(r"\{(?=,?[0-9])([0-9]*)(,?)([0-9]*)\}")
STRAY_COUNT = re.compile(r"\{[0-9]+\}")
FILE = re.compile(r"@[^,}]*")
NESTED_MAX = 20
LANGUAGE = "write letters, digits, - _ . and [a-z] {a,b} {3} {2,4} {@FILE}"


def parse(text: str, read: Callable[[str], tuple[str, ...]]) -> Part:
    """The parts of a pattern. Raises ScanError with the column, counted in characters from 1."""
    reader = Reader(text, read)
    part = reader.row(0)
    if reader.at < len(text):
        reader.refuse(text[reader.at], "stands outside of { }" if text[reader.at] == "," else "closes nothing")
    if text == "":
        reader.refuse("", f"the pattern is empty; {LANGUAGE}")
    return part


class Reader:
    """The text and how far it is read. Each method reads one thing of the grammar."""

    def __init__(self, text: str, read: Callable[[str], tuple[str, ...]]) -> None:
        self.text, self.read, self.at = text, read, 0

    def next(self) -> str:
        """The next character; empty at the end."""
        return self.text[self.at : self.at + 1]

    def refuse(self, token: str, why: str, at: int | None = None) -> NoReturn:
        column = (self.at if at is None else at) + 1
        raise ScanError(f"pattern {shown(self.text)}, column {column}: {shown(token) + ' ' if token else ''}{why}")

    def row(self, depth: int) -> Part:
        """Things side by side, up to the end or to what closes or separates options."""
        parts: list[Part] = []
        while (letter := self.next()) and letter not in ",}]":
            parts.append(self.counted(depth) if letter in "[{" else Texts((self.literal(),)))
        return parts[0] if len(parts) == 1 else Row(tuple(parts)) if parts else Texts(("",))

    def literal(self) -> str:
        found = LITERAL.match(self.text, self.at)
        if found is None:
            self.refuse_letter()
        self.at = found.end()
        return found[0]

    def refuse_letter(self) -> NoReturn:
        letter = self.next()
        if not letter.isascii():
            self.refuse(letter, "is not ASCII; names in other scripts come from a list: {@FILE} or --words FILE")
        self.refuse(letter, f"is no letter of a name; {LANGUAGE}")

    def counted(self, depth: int) -> Part:
        """A class or a group, and its count."""
        if stray := STRAY_COUNT.match(self.text, self.at):
            self.refuse(stray[0], "counts nothing; a count stands behind [...] or {...}")
        part = self.choice() if self.next() == "[" else self.group(depth)
        found = COUNT.match(self.text, self.at)
        if found is None:
            return part
        least, most = self.count(found)
        if second := COUNT.match(self.text, self.at):
            self.refuse(second[0], "is a second count; write {[a-z]{2}}{3}")
        return Repeat(part, least, most)

    def count(self, found: re.Match[str]) -> tuple[int, int]:
        """`{3}` or `{2,4}`: the least and the most."""
        least, most = found[1], found[3] if found[2] else found[1]
        if not (least and most and len(least + most) < 9 and int(least) <= int(most) and 0 < int(most) <= NAME_MAX):
            self.refuse(found[0], f"is no count; write {{3}} or {{2,4}}, the lower first, {NAME_MAX} at most")
        self.at = found.end()
        return int(least), int(most)

    def choice(self) -> Part:
        """`[a-z0-9-]`: its letters in their order, each once."""
        begin = self.at
        letters = ""
        self.at += 1
        while self.next() != "]":
            if self.next() == "":
                self.refuse("[", "is never closed; write [a-z]", begin)
            letters += self.letters()
        self.at += 1
        if not letters:
            self.refuse("[]", "is empty; write [a-z]", begin)
        return Texts(tuple(dict.fromkeys(letters)))

    def letters(self) -> str:
        """One letter of a class, or a range."""
        first, between, last = self.text[self.at : self.at + 1], *self.text[self.at + 1 : self.at + 3].ljust(2)
        if first not in LETTERS:
            self.refuse_letter()
        if between != "-" or last in "] ":
            self.at += 1
            return first
        span = next((span for span in RANGES if first in span and last in span), "")
        if first not in span or first > last:
            self.refuse(f"{first}-{last}", "is no range; write a-z, A-Z or 0-9, the lower first, and - as the last")
        self.at += 3
        return span[span.index(first) : span.index(last) + 1]

    def group(self, depth: int) -> Part:
        """`{com,net}`: its options in their order; where all are plain words, each once."""
        begin = self.at
        if depth == NESTED_MAX:
            self.refuse("{", f"is nested too deep; {NESTED_MAX} is the most")
        options: list[Part] = []
        while not options or self.next() == ",":
            self.at += 1
            options.append(self.option(depth))
        if self.next() == "":
            self.refuse("{", "is never closed; write {com,net}", begin)
        if self.next() != "}":
            self.refuse(self.next(), "closes nothing")
        self.at += 1
        plain = [option.options for option in options if isinstance(option, Texts)]
        if len(plain) < len(options):
            return Either(tuple(options))
        texts = tuple(dict.fromkeys(chain.from_iterable(plain)))
        if texts == ("",):
            self.refuse(self.text[begin : self.at], "is empty; write {com,net}", begin)
        return Texts(texts)

    def option(self, depth: int) -> Part:
        """A pattern, or the words of a file."""
        found = FILE.match(self.text, self.at)
        if found is None:
            return self.row(depth + 1)
        if found[0] == "@":
            self.refuse("@", "has no file; write {@FILE}")
        self.at = found.end()
        return Texts(self.read(found[0][1:]))
