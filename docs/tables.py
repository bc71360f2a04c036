"""Tables of the documentation, and pages of the manual, that are made from the code, so that nothing is said twice.

In a page `<!-- code: NAME -->` and `<!-- /code -->` stand around the table of that name in TABLES. To bring all pages
up to date:  python docs/tables.py
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # the scanner of this checkout

from scanner.cli import main  # noqa: E402
from scanner.config import kinds, options  # noqa: E402
from scanner.errors import EXIT_CODES  # noqa: E402
from scanner.model import FIELDS  # noqa: E402
from scanner.registration import options as confirm  # noqa: E402

PLACE = re.compile(r"^<!-- code: (.+?) -->\n.*?^<!-- /code -->$", re.MULTILINE | re.DOTALL)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every program: what is typed, and its command."""
    group = main.entry
    context = click.Context(group)
    yield "dnsscan", group.commands["scan"]
    for name in main.PROGRAMS:
        command = group.get_command(context, name)
        assert command is not None
        yield f"dnsscan {name}", command


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown."""
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def flags(command: click.Command) -> dict[str, click.Option]:
    """By the name of its configuration key."""
    return {param.name or "": param for param in command.params if isinstance(param, click.Option)}


def value_of(option: click.Option) -> str:
    """What stands behind the flag."""
    if option.is_flag and not option.metavar:
        return ""
    if isinstance(option.type, click.Choice):
        return "|".join(map(str, option.type.choices))
    return option.metavar or option.type.name.upper()


def of_options(keys: tuple[str, ...], known: Mapping[str, kinds.Option]) -> str:
    """One row for each key of a file: its flag, what it may be, its default, what it means."""
    rows = []
    for option in map(known.__getitem__, keys):
        default = option.shown_default or ("false" if option.default is False else "none")
        meaning = option.detail or option.meaning[0].lower() + option.meaning[1:]
        rows.append([f"`{option.key}`", ", ".join(f"`{flag}`" for flag in option.flags), option.kind.may_be,
                     "" if option.place == kinds.FILE else default, meaning])  # fmt: skip
    return table(["key", "flag", "may be", "default", "meaning"], rows)


def of_config() -> str:
    """Every key of a configuration."""
    return of_options(options.KEYS, options.OPTIONS)


def of_confirm() -> str:
    """Every key of its table `confirm`."""
    return of_options(confirm.KEYS, confirm.OPTIONS)


def schema_of(name: str) -> dict[str, dict[str, Any]]:
    """The properties of a JSON Schema that is shipped."""
    properties: dict[str, dict[str, Any]] = json.loads((ROOT / "scanner" / "results" / name).read_text())["properties"]
    return properties


def of_result() -> str:
    """The keys of a line: those that are there anyway, then those on request."""
    rows = [["`--fields`" if key in FIELDS else "", *row] for key, row in of_keys("result.schema.json")]
    return table(["key", "on request", "type", "meaning"], [[key, asked, *more] for asked, key, *more in rows])


def of_confirmed() -> str:
    """The keys that `confirm` adds."""
    return table(["key", "type", "meaning"], [row for _, row in of_keys("confirmed.schema.json")])


def of_resolver() -> str:
    """The keys of a line of `resolvers`."""
    return table(["key", "type", "meaning"], [row for _, row in of_keys("resolver.schema.json")])


def of_keys(name: str) -> Iterator[tuple[str, list[str]]]:
    """Each key of a schema; its row: the key, its type, what it means."""
    for key, each in schema_of(name).items():
        kind = each.get("type", "text" if "$ref" in each else [f"`{word or 'null'}`" for word in each.get("enum", [])])
        yield key, [f"`{key}`", kind if isinstance(kind, str) else " or ".join(kind), each.get("description", "")]


def of_reasons() -> str:
    """Every reason, the verdicts that it comes with, what it means."""
    rows = []
    for each in schema_of("result.schema.json")["e"]["anyOf"]:
        reason = each.get("const", "rcodeN")
        rows.append([f"`{reason}`", f"`{each['verdict']}`", each["description"]])
    return table(["`e`", "with `s`", "meaning"], rows)


def of_exit_codes() -> str:
    """Every exit code."""
    return table(["code", "meaning"], [[str(code), meaning] for code, meaning in EXIT_CODES.items()])


def help_texts() -> str:
    """Every command: its usage, what it says of itself, its options."""
    parts = []
    for typed, command in commands():
        with click.Context(command, info_name=typed) as context:
            usage = command.collect_usage_pieces(context)
            rows = [[", ".join(f"`{text}`" for text in option.opts) + f" {value_of(option)}", option.help or ""]
                    for option in flags(command).values()]  # fmt: skip
        description = (command.help or "").replace("\b", "")
        parts += [f"## {typed}", f"`{typed} {' '.join(usage)}`", description, table(["option", "meaning"], rows)]
    return "\n\n".join(parts)


TABLES = {
    "config": of_config,
    "confirm": of_confirm,
    "result": of_result,
    "reasons": of_reasons,
    "confirmed": of_confirmed,
    "resolver": of_resolver,
    "exit codes": of_exit_codes,
    "commands": help_texts,
}


def filled(page: str) -> str:
    """A page with its tables as the code has them. Raises KeyError where there is none of the name."""
    return PLACE.sub(lambda place: f"<!-- code: {place[1]} -->\n{TABLES[place[1]]()}\n<!-- /code -->", page)


def pages() -> Iterator[tuple[Path, str, str]]:
    """Each page with tables, and each of the manual: its text, and what it should be."""
    from manpage import manual

    for path, text in manual():
        yield path, path.read_text() if path.exists() else "", text
    for path in sorted((ROOT / "docs").glob("**/*.md")):
        text = path.read_text()
        if PLACE.search(text):
            yield path, text, filled(text)


def old() -> str | None:
    """The pages that are not up to date, by name."""
    return " ".join(path.name for path, text, right in pages() if text != right) or None


if __name__ == "__main__":
    for path, _, right in pages():
        path.write_text(right)
