"""Completion in bash, zsh and fish. The scripts, which are in completions/, give the line up to the cursor in COMP_LINE
and get one line for each thing that may stand there: its kind, its text, what it means."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, split_arg_string

from scanner.cli.offers import FILE, WORD
from scanner.errors import ScanError

SCRIPTS = {"bash": "dnsscan.bash", "zsh": "_dnsscan", "fish": "dnsscan.fish"}
CURSOR = "\0"  # no line has one
HELP_MAX = 60  # characters


class Completion(ShellComplete):
    """What may stand at the cursor, as zsh and fish want it: the whole word."""

    def source(self) -> str:
        return (Path(__file__).parent / "completions" / SCRIPTS[self.name]).read_text()

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor's, without the command; what is there of that one."""
        *words, last = split_arg_string(os.environ.get("COMP_LINE", "") + CURSOR)
        while words and re.match(r"\w+=", words[0]):  # variables that are set for the command
            del words[0]
        return words[1:], last.rstrip(CURSOR)

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """At the first word programs too; behind `lab --` those of the command that is there."""
        if args[:1] == ["lab"] and "--" in args:
            command = args[args.index("--") + 1 :]
            if command and Path(command[0]).name == self.prog_name:
                return self.get_completions(command[1:], incomplete)
        programs = [] if args or incomplete.startswith("-") else self.programs(incomplete)
        return programs + super().get_completions(args, incomplete)

    def programs(self, typed: str) -> list[CompletionItem]:
        """Those beside the scan."""
        group = self.cli
        assert isinstance(group, click.Group)
        context = click.Context(group)
        commands = [group.get_command(context, name) for name in group.list_commands(context)]
        return [CompletionItem(command.name, help=command.get_short_help_str(HELP_MAX)) for command in commands
                if command and command.name and command.name.startswith(typed)]  # fmt: skip

    def complete(self) -> str:
        args, typed = self.get_completion_args()
        flag = typed[: typed.index("=") + 1] if re.match(r"--[^=]+=", typed) else ""
        return "\n".join(self.lines(self.get_completions(args, typed), typed, flag))

    def lines(self, items: Iterable[CompletionItem], typed: str, flag: str) -> Iterable[str]:
        """One for each item; `flag` stands before a value with its equals sign."""
        for item in items:
            if item.type == FILE:
                yield f"{FILE}\t{item.value}\t{flag}{item.help or ''}"
            else:
                yield f"{kind_of(item)}\t{flag}{item.value}\t{' '.join((item.help or '').split())}"


class Bash(Completion):
    """bash completes what stands behind the last octet that breaks words (an @ it keeps), and shows no meanings."""

    name = "bash"

    def lines(self, items: Iterable[CompletionItem], typed: str, flag: str) -> Iterable[str]:
        breaks = os.environ.get("COMP_WORDBREAKS", "=:").replace("@", "")
        cut = max((typed.rfind(octet) + 1 for octet in breaks), default=0)
        for item in items:
            text = item.help or "" if item.type == FILE else (flag + item.value)[cut:]
            yield f"{kind_of(item)}\t{text}"


class Zsh(Completion):
    name = "zsh"


class Fish(Completion):
    name = "fish"


def kind_of(item: CompletionItem) -> str:
    """Its kind in our words; click's own are whole."""
    return WORD if item.type == "plain" else str(item.type)


def register(variable: str) -> None:
    """Have click complete so. Raises ScanError where the variable asks for another shell."""
    for shell in (Bash, Zsh, Fish):
        add_completion_class(shell)
    if os.environ[variable].partition("_")[0] not in SCRIPTS:
        raise ScanError(f"{variable}: completion is for {', '.join(SCRIPTS)}, as in bash_source")
