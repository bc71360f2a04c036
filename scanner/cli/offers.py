"""What completion offers behind a flag: made from the table of options, as the flag itself is."""

from collections.abc import Callable, Sequence

import click
from click.shell_completion import CompletionItem

from scanner.config.kinds import Choice, Number, Option, Path

Offer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
WORD, PART, FILE = "word", "part", "file"  # kinds of an item; more may follow a part
GOES_ON = ("=", "/", ":")  # a word that ends so is a part


def offer_of(option: Option) -> Offer | None:
    """What may stand behind the flag of an option; None where that is anything."""
    if isinstance(option.kind, Path):
        return files
    if option.key == "type":
        return types
    words = option.kind.words if isinstance(option.kind, Choice) else option.words
    if isinstance(option.kind, Number) and option.kind.word:
        words = (option.kind.word,)
    if not words:
        return None
    return list_of(words) if option.metavar == "LIST" else one_of(words, or_file=option.may_be_file)


def files(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """The name of a file."""
    return [CompletionItem(typed, type=FILE)]


def types(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """A record type, behind others with commas too."""
    from scanner.rdata import type_words

    head, comma, last = typed.rpartition(",")
    return [CompletionItem(f"{head}{comma}{item.value}", type=WORD) for item in matching(type_words(), last)]


def one_of(words: Sequence[str], *, or_file: bool = False) -> Offer:
    """One of these, or the name of a file, which may stand behind @."""

    def offer(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
        file = [CompletionItem(typed.removeprefix("@"), type=FILE, help=typed[: typed.startswith("@")])]
        return matching(words, typed) + (file if or_file else [])

    return offer


def list_of(words: Sequence[str]) -> Offer:
    """Some of these with commas between them, none of them twice."""

    def offer(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
        head, comma, last = typed.rpartition(",")
        left = [word for word in words if word not in head.split(",")]
        return [CompletionItem(f"{head}{comma}{item.value}", type=PART) for item in matching(left, last)]

    return offer


def matching(words: Sequence[str], typed: str) -> list[CompletionItem]:
    """Those that begin with what was typed, in the case in which that was."""
    if typed.islower():
        words = [word.lower() for word in words]
    return [CompletionItem(word, type=PART if word.endswith(GOES_ON) else WORD) for word in words
            if word.startswith(typed)]  # fmt: skip
