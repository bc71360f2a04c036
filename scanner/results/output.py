"""The output file: made new and locked, or, with --resume, cut to its last whole line and continued.

The file is the only journal: each of its lines says which input line it answers (field n). Beside it stands a small one
that says which input that was, so that no other is taken for it.
"""

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner.errors import ScanError
from scanner.model import CLASSES, COLUMNS, FORMATS, PARTS_OF_TAKEN, VERDICTS
from scanner.native.input.answered import Answered
from scanner.results.stream import is_stream, open_stream
from scanner.text import hidden

SIDE = ".resume"  # behind the output's name
SIDE_OCTETS_MAX = 16 << 20  # some 100 for each input file
HEAD_OCTETS = 65_536  # of the input, for its hash
BLOCK = 1 << 20
USUAL = {"class": "IN", "format": "compact", "only": [], "ptr": False, "columns": [], "separator": "",
         "wildcards": False}  # fmt: skip
"""What a side file leaves out where it is so."""
ONLY_AGAIN = "names whose lines --only left out of {} are asked again"


@dataclass(frozen=True, slots=True)
class Output:
    """Where lines go, and what stands there already."""

    descriptor: int
    answered: Answered | None = None  # None: nothing
    warnings: tuple[str, ...] = ()  # what was found there and repaired, or cannot be known from it
    is_file: bool = False
    is_forced: bool = False  # it was to be emptied


def open_output(name: str, sources: Sequence[int], run: Mapping[str, Any], *, force: bool, resume: bool) -> Output:
    """The file `name`, mode 0600, locked: new, emptied with `force`, or continued with `resume`. `run` is what
    its lines come of: `types`, and the keys of USUAL. A pipe, a device or stdout is just written to. Raises ScanError
    before anything is changed."""
    if is_stream(name):
        if resume:
            raise ScanError(f"--resume: {hidden(name)} is not a regular file")
        return Output(open_stream(name, sources))
    shown = hidden(name)
    if os.path.isdir(name):
        raise ScanError(f"--output {shown}: is a directory; name a file in it")
    refuse_an_input(name, sources)
    identity = {"dnsscan": 1, "input": [input_identity(source) for source in sources],
                **{key: value for key, value in run.items() if USUAL.get(key) != value}}  # fmt: skip
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | (0 if force or resume else os.O_EXCL), 0o600)
        lock(descriptor, name)
        if resume and os.fstat(descriptor).st_size:
            return continued(descriptor, name, identity)
        os.ftruncate(descriptor, 0)
        write_side(name, identity)
    except FileExistsError:
        raise ScanError(f"--output {shown} exists; use --resume to go on with it, or --force to overwrite it") from None
    except OSError as error:
        raise ScanError(f"--output {shown}: {os.strerror(error.errno or 0)}") from None
    return Output(descriptor, is_file=True, is_forced=force)


def refuse_an_input(name: str, sources: Sequence[int]) -> None:
    """What is read is not written over. Raises ScanError."""
    if os.path.exists(name) and any(os.path.samestat(os.fstat(source), os.stat(name)) for source in sources):
        raise ScanError(f"--output {hidden(name)} is the input; choose another file")


def lock(descriptor: int, name: str) -> None:
    """Keep other runs away for as long as this process lives."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ScanError(f"--output {name} is being written by another dnsscan") from None


def input_identity(source: int) -> dict[str, Any] | str:
    """Size and hash of a file's head, from where it will be read; a pipe or terminal is just a stream."""
    found = os.fstat(source)
    if not stat.S_ISREG(found.st_mode):
        return "stream"
    at = os.lseek(source, 0, os.SEEK_CUR)
    head = os.pread(source, HEAD_OCTETS, at)
    return {"octets": found.st_size - at, "head_sha256": hashlib.sha256(head).hexdigest()}


def write_side(name: str, identity: dict[str, Any]) -> None:
    """Whole or not at all. Raises ScanError."""
    new = Path(f"{name}{SIDE}.new")
    try:
        new.unlink(missing_ok=True)  # a leftover, which may be a link or a FIFO, is neither followed nor waited for
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(identity, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(f"{name}{SIDE}")
    except OSError as error:
        raise ScanError(f"--output: {hidden(name)}{SIDE}: {os.strerror(error.errno or 0)}") from None


def continued(descriptor: int, name: str, identity: dict[str, Any]) -> Output:
    """What an earlier run left: checked, its torn last line cut off."""
    check_side(name, identity)
    own_types = "type" in identity.get("columns", ())  # each line's own
    answered = Answered([] if own_types else identity["types"], identity.get("format", "compact"))
    try:
        while block := os.read(descriptor, BLOCK):
            answered.read(block)
    except ValueError as error:
        line, why = error.args
        raise ScanError(f"--resume: {name}: line {line} {why}") from None
    torn = os.fstat(descriptor).st_size - answered.octets
    os.ftruncate(descriptor, answered.octets)
    os.lseek(descriptor, 0, os.SEEK_END)
    found = [f"{name}: a torn last line ({torn:,} octets) was removed"] if torn else []
    if "only" in identity:
        found.append(ONLY_AGAIN.format(name))
    return Output(descriptor, answered, tuple(found), is_file=True)


def check_side(name: str, identity: dict[str, Any]) -> None:
    """The earlier run had the same input, types, class, format and verdicts to write."""
    try:
        before = json.loads(read_side(f"{name}{SIDE}"))
        kind, was = (before["dnsscan"], before["input"]), {**USUAL, **before}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise damaged(name) from None
    if not (are_words(was.get("types")) and isinstance(was["class"], str) and was["class"] in CLASSES
            and was["format"] in FORMATS and isinstance(was["ptr"], bool)
            and isinstance(was["columns"], list) and all(word in COLUMNS for word in was["columns"])
            and isinstance(was["separator"], str)
            and isinstance(was["wildcards"], bool)
            and are_words(was["only"], (*VERDICTS, *PARTS_OF_TAKEN))):  # fmt: skip
        raise damaged(name)
    now = {**USUAL, **identity}
    for key, flag in (("class", "--class"), ("format", "--format"), ("ptr", "--ptr"), ("types", "--type"),
                      ("only", "--only"), ("columns", "--columns"), ("separator", "--separator"),
                      ("wildcards", "--wildcards")):  # fmt: skip
        if was[key] != now[key]:
            raise ScanError(f"--resume: {name} was begun {flag_text(flag, was[key])}")
    if kind != (identity["dnsscan"], identity["input"]):
        raise ScanError(f"--resume: the input does not match: {name} was begun with another (its size or head differs)")


def flag_text(flag: str, value: str | list[str] | bool) -> str:
    """`with --type A NS`, `without --only`."""
    if not value:
        return f"without {flag}"
    words = "" if value is True else value if isinstance(value, str) else ",".join(value)
    return f"with {flag} {words}".rstrip()


def are_words(found: object, known: Sequence[str] = ()) -> bool:
    """True for a list of words, of the known ones where there are any."""
    return isinstance(found, list) and all(
        isinstance(each, str) and each.replace("-", "").isalnum() and (not known or each in known) for each in found
    )


def damaged(name: str) -> ScanError:
    """The side file does not say what it should."""
    return ScanError(f"--resume: {name}{SIDE} is damaged, so the input of {name} is not known")


def read_side(path: str) -> bytes:
    """What stands in the side file. Raises ValueError where that is too much, ScanError for what is no file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO is not waited for
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ScanError(f"--resume: {path} is not a regular file")
            if found.st_size > SIDE_OCTETS_MAX:
                raise ValueError("too large")
            return file.read()
    except FileNotFoundError:
        name = path.removesuffix(SIDE)
        raise ScanError(f"--resume: {path} is missing, so the input of {name} is not known") from None
    except OSError as error:
        raise ScanError(f"--resume: {path}: {os.strerror(error.errno or 0)}") from None
