"""The descriptors that names or lines are read from."""

import fcntl
import os
import stat
from pathlib import Path

from scanner.endpoints import hidden
from scanner.errors import ScanError


def open_inputs(files: tuple[Path, ...]) -> list[int]:
    """Descriptors of the input files, or stdin's. Raises ScanError."""
    if not files:
        try:
            if stat.S_ISDIR(os.fstat(0).st_mode):
                raise ScanError("cannot read stdin: is a directory")
            if fcntl.fcntl(0, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
                raise OSError
        except OSError:
            raise ScanError("cannot read stdin: it is closed; give a file or a pipe") from None
        return [0]
    descriptors = []
    for path in files:
        try:
            descriptors.append(0 if str(path) == "-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            if stat.S_ISDIR(os.fstat(descriptors[-1]).st_mode):
                raise ScanError(f"cannot read {path}: is a directory")
        except OSError as error:
            raise ScanError(f"cannot read {hidden(str(path))}: {os.strerror(error.errno or 0)}") from None
    return descriptors
