"""Output that is no file of ours: stdout, a pipe, a device. It is written as it is: neither emptied nor locked, and
nothing stands beside it."""

import fcntl
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from scanner.errors import ScanError
from scanner.text import hidden

STDOUT = "-"
OPEN = re.compile(r"/dev/fd/([0-9]{1,9})|/proc/([0-9]{1,9})(?:/task/[0-9]+)?/fd/([0-9]{1,9})")
NAMED = {STDOUT: 1, "/dev/stdout": 1, "/dev/stderr": 2}
LINKS_MAX = 40  # as the kernel's


def is_stream(name: str) -> bool:
    """True for stdout, what else is open here, a pipe and a device. What cannot be looked at is none."""
    if own_descriptor(name) is not None:
        return True
    try:
        mode = os.stat(name).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def open_stream(name: str, sources: Sequence[int], flag: str = "--output") -> int:
    """A descriptor to write to; of a FIFO, when it has a reader. Raises ScanError."""
    own, what = own_descriptor(name), f"{flag} {hidden(name)}"
    try:
        refuse_a_loop(what, os.stat(name) if own is None else os.fstat(own), sources)
        if own is None:
            return os.open(name, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)
        if fcntl.fcntl(own, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise ScanError(f"{what}: it is open for reading only")
        return own
    except OSError as error:
        raise ScanError(f"{what}: {os.strerror(error.errno or 0)}") from None


def stdout_for(sources: Sequence[int]) -> int:
    """Its descriptor, where no output is named. Raises ScanError."""
    refuse_a_loop("stdout", os.fstat(1), sources)
    return 1


def refuse_a_loop(what: str, found: os.stat_result, sources: Sequence[int]) -> None:
    """A file or a FIFO that is read is not written to, or would be read for ever; a terminal may be both. Raises
    ScanError."""
    is_kept = stat.S_ISREG(found.st_mode) or stat.S_ISFIFO(found.st_mode)
    if is_kept and any(os.path.samestat(os.fstat(source), found) for source in sources):
        raise ScanError(f"{what} is the input; choose another file")


def own_descriptor(name: str) -> int | None:
    """The number of what is open here already, where the name, or the one that it is a link to, stands for that: it
    may be at the end of a file (`>> log`) that opening the name anew would find from its begin."""
    for _ in range(LINKS_MAX):
        if name not in NAMED:
            name = os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))
        if name in NAMED:
            return NAMED[name]
        if match := OPEN.fullmatch(name):
            is_ours = match[2] is None or int(match[2]) == os.getpid()
            return int(match[1] or match[3]) if is_ours else None
        try:
            name = os.path.join(os.path.dirname(name), os.readlink(name))
        except (OSError, ValueError):
            return None
    return None


def write_stream(descriptor: int, path: Path) -> None:
    """A whole file into it. Raises OSError."""
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            left = memoryview(block)
            while left:
                left = left[os.write(descriptor, left) :]
