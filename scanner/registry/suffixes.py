"""The public suffixes: where registries sell names. ICANN's section of the list that the installed package has."""

from collections.abc import Iterator
from pathlib import Path

from scanner.input.line import SPECIAL_USE, ascii_name_of

BEGIN, END = "// ===BEGIN ICANN DOMAINS===", "// ===END ICANN DOMAINS==="
NOT_SOLD = frozenset((*SPECIAL_USE, "arpa"))


def icann_suffixes() -> list[tuple[bytes, bool]]:
    """Each in A-labels, and whether every name one label longer is a suffix too (`*.ck`)."""
    found: dict[str, bool] = {}
    for rule in rules():
        suffix = rule.removeprefix("*.")
        name = suffix if suffix.isascii() else ascii_name_of(suffix)
        if name is not None and name.rpartition(".")[2] not in NOT_SOLD:
            found[name] = found.get(name, False) or rule != suffix
            found.setdefault(name.rpartition(".")[2], False)  # some (`za`) stand there by what is below them only
    return [(name.encode(), has_children) for name, has_children in found.items()]


def rules() -> Iterator[str]:
    """The lines of the section; its few exceptions (`!www.ck`) are names of registrants, one label below the suffix."""
    from publicsuffixlist import PSLFILE  # a list of thousands, which other scans do not need

    text = Path(PSLFILE).read_text("utf-8")
    for line in text.partition(BEGIN)[2].partition(END)[0].splitlines():
        rule = line.partition(" ")[0].strip().lower()
        if rule and not rule.startswith(("//", "!")):
            yield rule
