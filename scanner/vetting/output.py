"""Where the lines go: stdout, a new file, or what a shell gives as one."""

import os
import resource
from collections.abc import Sequence

from scanner.errors import ScanError
from scanner.results.output import lock
from scanner.results.stream import is_stream, open_stream
from scanner.text import hidden

SPARE = 64  # descriptors for files, the loop and Python itself
EACH = 3  # for UDP, TCP and TLS


def open_output(name: str | None, lists: Sequence[str], *, force: bool) -> int:
    """The descriptor; a file must be new, and none of the lists. A pipe, a device or stdout is just written to. Raises
    ScanError."""
    if name is None and any(os.path.exists(each) and os.path.samestat(os.stat(each), os.fstat(1)) for each in lists):
        raise ScanError("stdout is the input; choose another file")
    if name is None:
        return 1
    if is_stream(name):
        return open_stream(name, ())
    shown = hidden(name)
    if os.path.exists(name) and any(os.path.exists(each) and os.path.samefile(each, name) for each in lists):
        raise ScanError(f"--output {shown} is the input; choose another file")
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (0 if force else os.O_EXCL), 0o600)
        lock(descriptor, name)
        os.ftruncate(descriptor, 0)
    except FileExistsError:
        raise ScanError(f"--output {shown} exists; use --force to overwrite it") from None
    except OSError as error:
        raise ScanError(f"--output {shown}: {os.strerror(error.errno or 0)}") from None
    return descriptor


def at_once_most() -> int:
    """How many resolvers the limit of open files allows to be asked at one time; raised to what is allowed."""
    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and limit < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        limit = hard
    return 10_000 if limit == resource.RLIM_INFINITY else max((limit - SPARE) // EACH, 1)
