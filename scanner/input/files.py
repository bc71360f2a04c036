"""The descriptors that names or lines are read from."""

import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Sequence

from scanner.errors import ScanError
from scanner.input.hints import TYPES
from scanner.input.line import address_of, classify_line
from scanner.text import path_text


def open_inputs(files: Sequence[str], names: Sequence[str] = ()) -> list[int]:
    """Descriptors of `names`, given on the command line, and of the input files; stdin's where there is neither. Raises
    ScanError."""
    given = [lines_of(names)] if names else []
    paths = [*files] or ([] if names else ["-"])
    return given + [open_input(path, or_name=True) for path in paths]


def open_input(name: str, *, or_name: bool = False, may_be_folder: bool = False) -> int:
    """The descriptor of a file, or of a folder where that may be; `-` is stdin. `or_name`: a name to ask for may stand
    here by mistake. Raises ScanError."""
    shown = "stdin" if name == "-" else path_text(name)
    try:
        descriptor = 0 if name == "-" else os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) and not may_be_folder:
            raise ScanError(f"cannot read {shown}: is a directory")
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:  # what the start puts there
            raise OSError(errno.EBADF, "")
    except OSError as error:
        closed = name == "-" and error.errno == errno.EBADF
        why = "it is closed; give a file or a pipe" if closed else os.strerror(error.errno or 0)
        hint = meant(name) if or_name and error.errno == errno.ENOENT else ""
        raise ScanError(f"cannot read {shown}: {why}{hint}") from None
    return descriptor


def meant(text: str) -> str:
    """The end of an error line: what somebody may have meant who gave this as a file."""
    if is_name(text):
        return f"; to ask for a name: -d {text}"
    if text.startswith("@"):
        return "; to name a resolver: -r ADDR"
    if text in TYPES:
        return f"; to ask for a type: -t {text}"
    return f"; to ask for the name of an address: --ptr -d {text}" if address_of(text) else ""


def is_name(text: str) -> bool:
    """True for what may be a domain name; a word without a dot is rather a file's, or a command's."""
    return "." in text.strip(".") and not classify_line(os.fsencode(text))[2]


def lines_of(texts: Sequence[str]) -> int:
    """The descriptor of an unnamed file with the names of `-d`, one a line. Raises ScanError."""
    names = [name.strip() for text in texts for name in text.split(",")]
    if "" in names:
        raise ScanError("-d: a name is missing, for example -d example.com")
    descriptor = in_memory() if hasattr(os, "memfd_create") else on_disk()
    with open(os.dup(descriptor), "wb") as file:
        file.writelines(os.fsencode(name) + b"\n" for name in names)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def in_memory() -> int:
    """A new file that no disk needs to have room for."""
    return os.memfd_create("names")


def on_disk() -> int:
    """The same where the system has none of those."""
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
