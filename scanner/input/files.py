"""The descriptors that names or lines are read from."""

import errno
import fcntl
import os
import stat
from pathlib import Path

from scanner.errors import ScanError
from scanner.text import hidden


def open_inputs(files: tuple[Path, ...]) -> list[int]:
    """Descriptors of the input files, or stdin's. Raises ScanError."""
    return [open_input(str(path)) for path in files or ("-",)]


def open_input(name: str, *, may_be_folder: bool = False) -> int:
    """The descriptor of a file, or of a folder where that may be; `-` is stdin. Raises ScanError."""
    shown = "stdin" if name == "-" else hidden(name)
    try:
        descriptor = 0 if name == "-" else os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) and not may_be_folder:
            raise ScanError(f"cannot read {shown}: is a directory")
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:  # what the start puts there
            raise OSError(errno.EBADF, "")
    except OSError as error:
        closed = name == "-" and error.errno == errno.EBADF
        why = "it is closed; give a file or a pipe" if closed else os.strerror(error.errno or 0)
        raise ScanError(f"cannot read {shown}: {why}") from None
    return descriptor
