"""A table of options as the flags of a command."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from scanner.cli.offers import offer_of
from scanner.config.kinds import FLAG, OWN, Choice, Option, Path, Switch
from scanner.errors import ScanError


class Unlisted(click.Option):
    """A flag that has no line of its own in --help: another names it."""

    def get_help_record(self, ctx: click.Context) -> None:
        """None."""


def flags_of(
    options: Mapping[str, Option], *, hidden: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that gives a command the flags of a table, in its order; `hidden` ones are not in its --help."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(tuple(options.values())):
            if option.flags:
                cls = click.Option if option.row == OWN else Unlisted
                command = click.option(option.key, *option.flags, hidden=hidden, cls=cls, **attributes(option))(command)
        return command

    return decorate


def attributes(option: Option) -> dict[str, Any]:
    """What click is to know of it. Values are checked by their kinds, where a flag and a file are the same."""
    found: dict[str, Any] = {"help": option.help, "metavar": option.metavar or None, "shell_complete": offer_of(option)}
    if isinstance(option.kind, Switch):
        return found | {"is_flag": True}
    if option.value_if_bare is not None:
        return found | {"is_flag": False, "flag_value": option.value_if_bare}
    if isinstance(option.kind, Choice) and option.place == FLAG:
        found |= {"type": click.Choice(option.kind.words)}
    return found | {"multiple": option.repeats}


def only_given(params: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were typed."""
    return {key: value for key, value in params.items() if value not in (None, (), False)}


def check_file_names(options: Mapping[str, Option], params: Mapping[str, Any]) -> None:
    """No flag that is a flag only names a file by nothing. Raises ScanError."""
    for key, option in options.items():
        if isinstance(option.kind, Path) and option.place == FLAG and params[key] == "":
            raise ScanError(f"{option.long}: the name of a file is missing")
