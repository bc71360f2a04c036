"""Pages of the manual, made from the commands themselves:  python docs/manpage.py FOLDER

`dnsscan.1` for the scan, and `dnsscan-NAME.1` for each program beside it.
"""

import re
import sys
from pathlib import Path

import click
from tables import commands, flags, value_of

from scanner.errors import EXIT_CODES
from scanner.version import __version__


def escaped(text: str) -> str:
    """Text as roff has it: backslashes and minus signs as such, and no line that a dot or quote begins is a request."""
    return re.sub(r"^([.'])", r"\\&\1", text.replace("\\", "\\e").replace("-", "\\-"), flags=re.MULTILINE)


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
    if typed == "dnsscan":
        lines += [".SH EXIT STATUS", *exit_codes()]
    if command.epilog:
        lines += [".SH NOTES", *paragraphs(command.epilog)]
    others = [other.replace(" ", "-") for other, _ in commands() if other != typed]
    lines += [".SH SEE ALSO", ", ".join(rf"\fB{escaped(other)}\fR(1)" for other in others)]
    return "\n".join(lines) + "\n"


def exit_codes() -> list[str]:
    """Each code, and what it means."""
    return [line for code, meaning in EXIT_CODES.items() for line in (".TP", rf"\fB{code}\fR", escaped(meaning))]


def main(folder: Path) -> None:
    """Write every page."""
    folder.mkdir(parents=True, exist_ok=True)
    for typed, command in commands():
        (folder / f"{typed.replace(' ', '-')}.1").write_text(page(typed, command))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
