"""The command line: flags to Config, files to descriptors, errors to one line and an exit code. The only home of
click, with its neighbours; everything heavy is imported where it is used, so that `--version` is quick."""

import contextlib
import difflib
import errno
import os
import re
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from scanner.cli.flags import check_file_names, flags_of, only_given
from scanner.cli.foreign import check_foreign
from scanner.config.kinds import RARE
from scanner.config.options import OPTIONS
from scanner.errors import OutputError, ReaderGone, ScanError
from scanner.text import hidden, printable, shown
from scanner.version import __version__

PROGRAMS = ("cluster", "confirm", "convert", "lab", "names", "report", "resolvers")
"""Beside the scan; each is a file of this room."""
COMPLETE = "_DNSSCAN_COMPLETE"  # set by the shell that asks, or wants its script
NO_MEMORY = b"dnsscan: out of memory\n"
LINE_MAX = 1000  # characters of an error line
ALIKE = 0.75  # of difflib: with less in common, a guess would be a riddle
FIRST_LINE_MAX = 1 << 20  # octets; as much as a configuration file may have
EPILOG = f"""\b
Rare (man dnsscan): {" ".join(option.long for option in OPTIONS.values() if option.row == RARE)}
Programs: dnsscan {"|".join(PROGRAMS)} --help
  cat domains.txt | dnsscan --config cfg.json > results.jsonl
Exit: 0 every line has its result; 1 our fault; 2 usage, config or input;
3 nothing could be reached; 4 output; 5 budget; 128+N signal; 141 reader left.
"""


class ScanOrCommand(click.Group):
    """`dnsscan FILE...` scans; `dnsscan lab ...` is another program. A file named lab is given as ./lab."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not (args and args[0] in PROGRAMS):
            args = ["scan", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, _: click.Context) -> list[str]:
        """The programs; the scan's own name is not typed."""
        return list(PROGRAMS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The scan, or a program of its own from the file of its name."""
        if name not in PROGRAMS:
            return super().get_command(ctx, name)
        command: click.Command = import_module(f"scanner.cli.{name}").command
        return command


class ScanCommand(click.Command):
    """The scan, whose own name is not written."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:  # that of a completion, of words that are not whole yet
            check_foreign(self.params, args)
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage("dnsscan", "[OPTIONS] [FILE]...")


@click.group(cls=ScanOrCommand, add_help_option=False)
def entry() -> None:
    """Scan names, or run another program."""


@entry.command(
    "scan",
    cls=ScanCommand,
    epilog=EPILOG,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 80},
)
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path())
@flags_of(OPTIONS)
@click.version_option(__version__, prog_name="dnsscan")
def scan_command(files: tuple[str, ...], domain: tuple[str, ...], config: str | None, output: str | None, force: bool,
                 resume: bool, dry_run: bool, **given: Any) -> None:  # fmt: skip
    """Which names exist? One name a line in, one JSON line out."""
    from scanner.config.check import check_descriptors
    from scanner.config.config import describe, load
    from scanner.results.stream import is_stream, stdout_for

    check_file_names(OPTIONS, click.get_current_context().params)
    check_program(files)
    for flag, meant in (("--resume", resume), ("--force", force), ("--fsync", given["fsync"])):
        if meant and output is None:
            raise ScanError(f"{flag} needs --output FILE")
    if resume and force:
        raise ScanError("--resume and --force contradict each other")
    first_line = read_first_line() if config == "-" else None
    path = Path(config) if config is not None and first_line is None else None
    settings = load(path, first_line, only_given(given), os.environ,
                    numbered=output is not None and not is_stream(output))  # fmt: skip
    if resume and settings.format == "names":
        raise ScanError("--resume: a bare name does not say which input line it is of; use another --format or --force")
    if dry_run:
        import orjson

        for warning in settings.warnings:
            complain(warning, 0)
        click.echo(orjson.dumps(describe(settings), option=orjson.OPT_INDENT_2))
        return
    check_descriptors(settings.workers)
    from scanner.input.files import open_inputs
    from scanner.rdata import type_text
    from scanner.results.output import Output, open_output
    from scanner.scanning.run import run

    sources = open_inputs(files, domain)
    of_it = {"types": [type_text(number) for number in settings.types], "class": settings.qclass,
             "format": settings.format, "only": list(settings.only), "ptr": settings.ptr,
             "wildcards": settings.wildcards, "columns": list(settings.columns),
             "separator": settings.separator}  # fmt: skip
    out = open_output(output, sources, of_it, force=force, resume=resume) if output else Output(stdout_for(sources))
    sys.exit(run(settings, sources, out))


def check_program(files: tuple[str, ...]) -> None:
    """The first word is no program's name that was mistyped. Raises ScanError."""
    word = files[0] if files else ""
    if not word.isalpha() or os.path.lexists(word):
        return
    alike = difflib.get_close_matches(word.lower(), (*PROGRAMS, "help", "version"), 1, ALIKE)
    if alike:
        meant = alike[0] if alike[0] in PROGRAMS else f"--{alike[0]}"
        raise ScanError(f"cannot read {shown(word)}: no such file; did you mean dnsscan {meant}?")


def read_first_line() -> str:
    """The first line of stdin, and not an octet more: the names behind it are the scan's."""
    line = bytearray()
    try:
        while (octet := os.read(0, 1)) not in (b"", b"\n"):
            line += octet
            if len(line) > FIRST_LINE_MAX:
                raise ScanError("--config -: the first line is longer than 1 MB; this cannot be a configuration")
    except OSError as error:
        raise ScanError(f"--config -: stdin cannot be read: {os.strerror(error.errno or 0)}") from None
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ScanError("--config -: the first line of stdin is not UTF-8") from None


def dnsscan() -> NoReturn:
    """The program: every error of the user is one line on stderr and an exit code."""
    threading.excepthook = thread_died
    try:
        check_standard_descriptors()
        if COMPLETE in os.environ:
            import_module("scanner.cli.completion").register(COMPLETE)
        entry.main(standalone_mode=False, prog_name="dnsscan")
        code = 0
    except click.exceptions.Exit as leave:
        code = leave.exit_code
    except click.Abort:
        code = 130
    except click.ClickException as error:
        code = complain(message_of(error), 2)
    except ReaderGone as error:
        code = error.exit_code
    except ScanError as error:
        code = complain(str(error), error.exit_code)
    except MemoryError:
        leave_without_memory()
    except RuntimeError as error:
        if "can't start new thread" not in str(error):
            raise
        code = complain("no thread can be started: raise ulimit -u (processes) or ulimit -v (memory)", 2)
    except OSError as error:
        if error.errno == errno.ENOENT and not is_anywhere():
            sys.exit(complain("the working directory is gone; change to one that exists", 2))
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # where Python may put what it still holds
        code = 141 if error.errno == errno.EPIPE else complain("stdout: No space left on device", 4)
    sys.exit(code)


def check_standard_descriptors() -> None:
    """A closed stdout is an error, and the first thing to be looked at: what is opened takes its place. A closed stderr
    becomes /dev/null, so that no socket takes that."""
    if is_closed(1):
        raise OutputError("stdout is closed")
    for descriptor in (0, 2):
        if is_closed(descriptor):
            null = os.open(os.devnull, os.O_RDWR)
            if descriptor == 0 and null == 0:
                os.close(null)  # kept closed: reading names from it is an error of its own
                os.dup2(os.open(os.devnull, os.O_WRONLY), 0)


def is_closed(descriptor: int) -> bool:
    """True when nothing is open there."""
    try:
        os.fstat(descriptor)
    except OSError:
        return True
    return False


def is_anywhere() -> bool:
    """False where the working directory was removed, so that no relative path means anything."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def leave_without_memory() -> NoReturn:
    """At once, with words made beforehand: nothing else can be counted on (glibc aborts where a thread ends so)."""
    with contextlib.suppress(OSError):
        os.write(2, NO_MEMORY)
    os._exit(1)


def thread_died(args: threading.ExceptHookArgs) -> NoReturn:
    """Reading or writing has died of a bug, or of no memory; without it the scan would never end."""
    if issubclass(args.exc_type, MemoryError):
        leave_without_memory()
    threading.__excepthook__(args)
    os._exit(1)


def complain(text: str, code: int) -> int:
    """One line on stderr, wherever that goes, with no control characters; returns the code."""
    with contextlib.suppress(OSError):
        os.write(2, f"dnsscan: {printable(text)[:LINE_MAX]}\n".encode())
    return code


def message_of(error: click.ClickException) -> str:
    """click's message as one line: what, and what would be right."""
    program = f"dnsscan {sys.argv[1]}" if sys.argv[1:2] and sys.argv[1] in PROGRAMS else "dnsscan"
    if isinstance(error, click.NoSuchOption):
        alike = difflib.get_close_matches(error.option_name, error.possibilities or (), 1, ALIKE)
        near = f"; did you mean {alike[0]}?" if alike else f"; see {program} --help"
        return f"unknown option {shown(error.option_name)[1:-1]}{near}"
    text = re.sub(r"'([^']+)'", lambda quoted: f"'{hidden(quoted[1])}'", " ".join(error.format_message().split()))
    text = re.sub(r"'([^']{60})[^']+'", r"'\1...'", text)
    return f"{text.removesuffix('.')} (see {program} --help)"
