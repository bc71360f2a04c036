"""A file that appears whole or not at all: written in a folder of its own beside its place, then moved there. It never
writes over what exists unless `force` is set."""

import os
import shutil
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scanner.errors import OutputError, ReaderGone, ScanError
from scanner.results.stream import is_stream, open_stream, write_stream
from scanner.signals import ending
from scanner.text import hidden


@contextmanager
def new_file(name: str, *, force: bool, sources: Sequence[int] = ()) -> Iterator[Path]:
    """A path to write to, in an empty folder that may hold other things meanwhile. When the block ends well, what
    stands at the path becomes `name`, mode 0600; otherwise nothing is left. A pipe, a device or stdout gets it whole.

    Raises ScanError before the block where `name` exists (without `force`), is one of `sources` (descriptors) or cannot
    be made. An OSError in the block is one of writing, a full disk for example, and comes out as OutputError.
    """
    if is_stream(name):
        with stream_of(name, sources) as new:
            yield new
        return
    check(name, force, sources)
    target = Path(name).absolute()
    try:
        str(target).encode()  # DuckDB takes the path as text
        folder = tempfile.mkdtemp(prefix=".dnsscan-", dir=target.parent)
    except UnicodeEncodeError:
        raise ScanError(f"-o {hidden(name)}: its path is not UTF-8") from None
    except OSError as error:
        raise ScanError(f"-o {hidden(name)}: {os.strerror(error.errno or 0)}") from None
    leave_clean(folder)
    try:
        new = Path(folder) / "new"
        yield new
        make_private(new)
        check(name, force, sources)
        new.replace(target)
    except OSError as error:
        raise OutputError(f"-o {hidden(name)}: {error.strerror}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def stream_of(name: str, sources: Sequence[int]) -> Iterator[Path]:
    """The same, where the file goes into a pipe, a device or stdout when it is whole."""
    descriptor = open_stream(name, sources, "-o")
    folder = tempfile.mkdtemp(prefix="dnsscan-")
    leave_clean(folder)
    try:
        new = Path(folder) / "new"
        yield new
        write_stream(descriptor, new)
    except BrokenPipeError:
        raise ReaderGone("the reader of the output went away") from None
    except OSError as error:
        raise OutputError(f"-o {hidden(name)}: {error.strerror}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_beside(made: Path, name: str, *, force: bool, sources: Sequence[int]) -> None:
    """Move one more file out of the folder of `new_file`, which it belongs to, to `name`. Raises as that does."""
    make_private(made)
    check(name, force, sources)
    made.replace(Path(name).absolute())


def check(name: str, force: bool, sources: Sequence[int]) -> None:
    """Nothing that is wanted stands at `name`."""
    try:
        found = os.stat(name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ScanError(f"-o {hidden(name)}: {os.strerror(error.errno or 0)}") from None
    if not stat.S_ISREG(found.st_mode):
        raise ScanError(f"-o {hidden(name)}: is not a regular file")
    if any(os.path.samestat(os.fstat(source), found) for source in sources):
        raise ScanError(f"-o {hidden(name)} is the input; choose another file")
    if not force:
        raise ScanError(f"-o {hidden(name)} exists; use --force to overwrite it")


def make_private(new: Path) -> None:
    """On the disk, and readable by its owner only."""
    descriptor = os.open(new, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, 0o600)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def leave_clean(folder: str) -> None:
    """A signal that ends the program takes the folder away first. It does not unwind the stack: an engine whose threads
    wait for a pipe would wait on. A thread has the signals, for one that comes just before a read does not end that;
    the handlers are for threads that there were already."""
    numbers = ending()

    def leave(number: int, _: object = None) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(128 + number)

    for number in numbers:
        signal.signal(number, leave)
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    threading.Thread(target=lambda: leave(signal.sigwait(numbers)), name="signals", daemon=True).start()


def write_whole(path: str, octets: bytes) -> None:
    """Replace the file at once: a reader sees the old one or the new one. Raises OSError."""
    new = f"{path}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
    os.replace(new, path)
