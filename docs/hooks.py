"""What mkdocs does beside its own work: sections of the README stand in pages, and tables are made from the code.

In a page `<!-- README: Heading -->` becomes what stands under that heading of the README (`CONTRIBUTING: Heading`: of
that file), and `<!-- code: name -->` the table of that name in CODE. None of that is written to a file,
but the README's table of options: to bring it up to date,  python docs/hooks.py
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
from scanner.registration import options as confirm  # noqa: E402

PLACE = re.compile(r"^<!-- (README|CONTRIBUTING|code): (.+?) -->$", re.MULTILINE)
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?://)([^)]*)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
OPTIONS_TABLE = re.compile(r"(^## Config\n(?:[^|\n].*\n|\n)*)(?:\|.*\n)+", re.MULTILINE)
PAGES = {
    "#the-lab": "reference/lab.md",
    "#config": "reference/config.md",
    "#registries": "reference/lab.md#registries",
    "#watching-it": "how-to/watch.md",
    "#nothing-lost": "how-to/resume.md",
}
"""Where a link within the README leads here; its other links are to files of the repository, and become their text."""


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put in what the page asks for."""
    depth = page.file.src_uri.count("/")
    return PLACE.sub(lambda place: inserted(place[1], place[2], depth), markdown)


def inserted(source: str, name: str, depth: int) -> str:
    """A section of a file, or a table made from the code. Raises KeyError when there is none of the name."""
    return CODE[name]() if source == "code" else linked(sections(source)[name], "../" * depth)


def sections(file: str = "README") -> dict[str, str]:
    """The sections of a file by heading: each up to the next heading of its level or above, its own headings one up."""
    text = (ROOT / f"{file}.md").read_text()
    fenced = [match.span() for match in FENCED.finditer(text)]  # where # begins a comment
    heads = [h for h in HEADING.finditer(text) if not any(begin < h.start() < end for begin, end in fenced)]
    found = {}
    for number, head in enumerate(heads):
        ends = (other.start() for other in heads[number + 1 :] if len(other[1]) <= len(head[1]))
        found[head[2]] = text[head.end() : next(ends, len(text))].strip()
    return found


def linked(text: str, up: str) -> str:
    """Links and images of the README as they are from a page so many folders down."""
    text = text.replace("docs/images/", f"{up}images/")
    return LINK.sub(lambda link: f"[{link[1]}]({up}{PAGES[link[2]]})" if link[2] in PAGES else link[1], text)


# -- tables from the code --------------------------------------------------------------------------------------------


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


def of_schema(name: str) -> str:
    """The keys of a line, of its JSON Schema."""
    schema = json.loads((ROOT / "scanner" / "results" / name).read_text())
    rows = []
    for key, each in schema["properties"].items():
        kind = each.get("type", "text" if "$ref" in each else " ".join(map(str, each.get("enum", []))))
        need = "always" if key in schema["required"] else ""
        rows.append([f"`{key}`", need, " or ".join([kind] if isinstance(kind, str) else kind),
                     each.get("description", "")])  # fmt: skip
    return table(["key", "", "type", "meaning"], rows)


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


CODE = {
    "confirm": of_confirm,
    "result": lambda: of_schema("result.schema.json"),
    "confirmed": lambda: of_schema("confirmed.schema.json"),
    "commands": help_texts,
}


def readme() -> str:
    """The README with its table of options as the code has it."""
    text = (ROOT / "README.md").read_text()
    return OPTIONS_TABLE.sub(lambda match: match[1] + of_config() + "\n", text)


if __name__ == "__main__":
    (ROOT / "README.md").write_text(readme())
