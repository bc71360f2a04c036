"""Pages of the manual, made from the commands themselves: `dnsscan.1` for the scan, and `dnsscan-NAME.1` for each
program beside it. They stand in man/, which an installation brings along; `python docs/tables.py` writes them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click
from tables import ROOT, commands, flags, schema_of, value_of

from scanner.errors import EXIT_CODES
from scanner.model import FIELDS
from scanner.version import __version__

KEYS = {"dnsscan": "result.schema.json", "dnsscan confirm": "confirmed.schema.json"}  # the lines of a program
INTRODUCTION = "Each line is one JSON object in ASCII. Its keys:"


def escaped(text: str) -> str:
    """Text as roff has it: backslashes and minus signs as such, no line that a dot or quote begins is a request, and
    what is not ASCII is named."""
    text = re.sub(r"^([.'])", r"\\&\1", text.replace("\\", "\\e").replace("-", "\\-"), flags=re.MULTILINE)
    return re.sub(r"[^\x00-\x7f]", lambda found: rf"\[u{ord(found[0]):04X}]", text)


def paragraphs(text: str) -> list[str]:
    """What a command says of itself; what stands behind \\b is kept line by line."""
    parts = []
    for part in re.split(r"\n\s*\n|(?=\x08)", text.strip(" \n")):
        kept = part.startswith("\b")
        body = escaped(part.removeprefix("\b").strip("\n"))
        if body.strip():
            parts += [".PP", ".nf", body, ".fi"] if kept else [".PP", body]
    return parts


def page(typed: str, command: click.Command) -> str:
    """One page, in the macros of man(7)."""
    title = typed.replace(" ", "-")
    description = (command.help or "").strip()
    with click.Context(command, info_name=typed) as context:
        usage = " ".join(command.collect_usage_pieces(context))
    lines = [f'.TH {title.upper()} 1 "" "dnsscan {__version__}" "dnsscan"', ".nh", ".ad l",
             ".SH NAME", escaped(f"{title} - {description.partition(chr(10))[0]}"),
             ".SH SYNOPSIS", f".B {escaped(typed)}", escaped(usage),
             ".SH DESCRIPTION", *paragraphs(description), ".SH OPTIONS"]  # fmt: skip
    for option in flags(command).values():
        names = ", ".join(rf"\fB{escaped(text)}\fR" for text in option.opts)
        lines += [".TP", rf"{names} \fI{escaped(value_of(option))}\fR", escaped(option.help or "")]
    if typed in KEYS:
        lines += [".SH OUTPUT", INTRODUCTION, *(line for key in keys(KEYS[typed]) for line in key)]
    if typed == "dnsscan":
        lines += [".SH REASONS", *reasons(), ".SH EXIT STATUS", *exit_codes()]
    if command.epilog:
        lines += [".SH NOTES", *paragraphs(command.epilog)]
    others = [other.replace(" ", "-") for other, _ in commands() if other != typed]
    lines += [".SH SEE ALSO", ", ".join(rf"\fB{escaped(other)}\fR(1)" for other in others)]
    return "\n".join(lines) + "\n"


def exit_codes() -> list[str]:
    """Each code, and what it means."""
    return [line for code, meaning in EXIT_CODES.items() for line in tagged(str(code), meaning)]


def tagged(tag: str, text: str) -> list[str]:
    """A term, and what it means; Markdown's signs of code are left out."""
    return [".TP", rf"\fB{escaped(tag)}\fR", escaped(text.replace("`", ""))]


def keys(schema: str) -> Iterator[list[str]]:
    """Each key of a line, and what it means."""
    for key, each in schema_of(schema).items():
        asked = " (--fields)" if schema == KEYS["dnsscan"] and key in FIELDS else ""
        yield tagged(key, f"{each.get('description', '')}{asked}")


def reasons() -> list[str]:
    """Each reason of a scan's line, and what it means."""
    found = schema_of(KEYS["dnsscan"])["e"]["anyOf"]
    return [line for each in found for line in tagged(each.get("const", "rcodeN"), each["description"])]


def manual() -> Iterator[tuple[Path, str]]:
    """Every page: where it stands, and its text."""
    for typed, command in commands():
        yield ROOT / "man" / f"{typed.replace(' ', '-')}.1", page(typed, command)
