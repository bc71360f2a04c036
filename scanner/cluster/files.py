"""Files wherever fsspec finds them: an input read by ranges, a folder whose files appear whole or not at all."""

import contextlib
import errno
import fcntl
import json
import os
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fsspec

from scanner.errors import OutputError, ScanError
from scanner.text import hidden

BLOCK = 1 << 20
LOCAL = ("file", "local")
WEB = ("http", "https")
AT_ONCE = 100  # small files that are read
NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT,
                     errno.ENOTDIR))  # fmt: skip
"""Errors of a machine that cannot write, whatever it is given. Its directory may not be there, or not any more."""


class NoRoom(OutputError):
    """This machine cannot write; another may."""


@contextlib.contextmanager
def troubles(doing: str, url: str, name: str = "", error: type[ScanError] = ScanError) -> Iterator[None]:
    """What a file system says of the file `name` of a URL becomes one line, without a secret. Raises `error`."""
    what = f"{doing} {without_query(url)}{name}"
    try:
        yield
    except OSError as found:
        kind = NoRoom if error is OutputError and found.errno in NO_ROOM else error
        raise kind(f"{what}: {without_secret(why(found), url)}") from None
    except of_object_stores() as found:
        raise error(f"{what}: {without_secret(why(found), url)}") from None
    except ImportError as found:
        package = found.name or str(found).removeprefix("Install ").split(" ", 1)[0]
        raise error(f"{what}: needs {package}: pip install {package}") from None
    except ValueError as found:  # a protocol that nobody knows
        raise error(f"{what}: {without_secret(str(found), url)}") from None


def without_secret(text: str, url: str) -> str:
    """What a library says may quote the URL, or half of it."""
    user, at, _ = url.partition("://")[2].partition("/")[0].rpartition("@")
    query = url.partition("?")[2] if without_query(url).endswith("?***") else ""
    for secret in (user * bool(at), user.partition(":")[2] * bool(at), query):
        text = text.replace(secret, "***") if secret else text
    return text


def of_object_stores() -> tuple[type[BaseException], ...]:
    """Errors of the libraries behind s3:// that are no OSError (no credentials, no such endpoint)."""
    botocore = sys.modules.get("botocore.exceptions")
    return (botocore.BotoCoreError, botocore.ClientError) if botocore else ()


def why(error: BaseException) -> str:
    """In a few words."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    if isinstance(error, FileNotFoundError):
        return "No such file or directory"
    return " ".join(str(error).split()) or type(error).__name__


def absolute(url: str) -> str:
    """A local path as every process of this machine understands it; other URLs as they are."""
    return url if "://" in url else os.path.abspath(url)


def is_of_one_process(url: str) -> bool:
    """True where another process sees nothing of it."""
    return url.startswith("memory://")


def file_of(url: str) -> tuple[Any, str]:
    """The file system and the path in it."""
    system, path = fsspec.core.url_to_fs(url)
    return system, path


def named_by(url: str) -> list[str]:
    """The files that a name stands for: itself, or those that a pattern fits where no file is called so. Raises
    ScanError."""
    if not set("*?[") & set(url):
        return [url]
    with troubles("cannot read", url):
        system, path = file_of(url)
        if system.exists(path):
            return [url]
        found = sorted(each for each in system.glob(path) if system.isfile(each))
        if not found:
            raise ScanError(f"cannot read {without_query(url)}: no file fits it")
        return [system.unstrip_protocol(each) if "://" in url else each for each in found]


def identity_of(url: str) -> object:
    """The same for every name of one file: of this machine's whatever links lead to it."""
    with troubles("cannot read", url):
        system, path = file_of(url)
        if not is_local(system):
            return url
        found = os.stat(path)
        return found.st_dev, found.st_ino


def is_local(system: Any) -> bool:
    """True for a file system of this machine."""
    protocol = system.protocol
    return bool(({protocol} if isinstance(protocol, str) else set(protocol)) & set(LOCAL))


def without_query(url: str) -> str:
    """A URL as it may be read by others: without its password, and without its query, which may be a signature."""
    place, mark, _ = url.partition("?") if url.partition("://")[0].rpartition("::")[2] in WEB else (url, "", "")
    return f"{hidden(place)}{'?***' if mark else ''}"


def look_at(url: str) -> tuple[int, bytes]:
    """Octets, and the first MiB of them. Raises ScanError."""
    with troubles("cannot read", url):
        system, path = file_of(url)
        found = system.info(path)
        if found["type"] == "directory":
            raise ScanError(f"cannot read {without_query(url)}: is a directory")
        if found.get("size") is None or (found["type"] != "file" and not found.get("islink")):
            raise ScanError(f"cannot read {without_query(url)}: its size is not known, so it cannot be cut into parts")
        with system.open(path, "rb") as file:
            return int(found["size"]), bytes(file.read(BLOCK))


def from_json(octets: bytes) -> Any:
    """None where it is none."""
    try:
        return json.loads(octets)
    except ValueError:
        return None


def private(path: str, flags: int) -> int:
    """Open for its owner only."""
    return os.open(path, flags, 0o600)


class Folder:
    """Where parts go. Every file appears whole: by a rename where there are renames, else by one put."""

    def __init__(self, url: str):
        self.url = absolute(url)
        with troubles("-o", url):
            self._system, self._root = file_of(self.url)
        self.is_local = is_local(self._system)

    def make(self) -> None:
        """Make it, where it is not there. Raises ScanError."""
        with troubles("-o", self.url):
            if self.is_local and os.path.exists(self._root) and not os.path.isdir(self._root):
                raise ScanError(f"-o {hidden(self.url)}: is not a directory")
            self._system.makedirs(self._root, exist_ok=True)

    def sizes(self) -> dict[str, int]:
        """Octets by file name; empty where there is no such folder. Raises ScanError."""
        with troubles("-o", self.url):
            self._system.invalidate_cache()
            if not self._system.exists(self._root):
                return {}
            if not self._system.isdir(self._root):
                raise ScanError(f"-o {hidden(self.url)}: is not a directory")
            listed = self._system.ls(self._root, detail=True)
            return {each["name"].rstrip("/").rpartition("/")[2]: each["size"] or 0 for each in listed}

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else writes there meanwhile, as far as this machine sees it. Raises ScanError."""
        with contextlib.ExitStack() as opened:
            if self.is_local:
                descriptor = os.open(self._root, os.O_RDONLY)
                opened.callback(os.close, descriptor)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise ScanError(f"-o {self.url}: another dnsscan cluster writes there; wait for it, or name "
                                    "another directory") from None  # fmt: skip
                except OSError:  # a file system without locks
                    pass
            yield

    def size(self, name: str) -> int | None:
        """Octets of a file; None where it is not there. Raises ScanError."""
        with troubles("-o", self.url):
            try:
                return int(self._system.info(self._path(name))["size"])
            except FileNotFoundError:
                return None

    def read(self, name: str) -> Any:
        """What a file of JSON says; None where it is no JSON or not there. Raises ScanError."""
        with troubles("-o", self.url):
            try:
                return from_json(self._system.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def read_all(self, names: Sequence[str]) -> Iterator[Any]:
        """The same of many, in their order, several at a time: an object store takes its time for each. Raises
        ScanError."""
        for at in range(0, len(names), AT_ONCE):
            paths = [self._path(name) for name in names[at : at + AT_ONCE]]
            with troubles("-o", self.url):
                found = self._system.cat(paths, on_error="omit")
            yield from (from_json(found.get(self._system._strip_protocol(path), b"")) for path in paths)

    @contextlib.contextmanager
    def new(self, name: str, scratch: Path) -> Iterator[Path]:
        """A path to write to. When the block ends well, what stands there is the file `name`; otherwise nothing is
        left. Raises OutputError."""
        token = f".{name}.{uuid.uuid4().hex}.new"
        path = Path(self._root) / token if self.is_local else scratch / token
        try:
            with troubles("-o", self.url, f"/{name}", OutputError):
                yield path
                if self.is_local:
                    with path.open("rb") as file:
                        os.fsync(file.fileno())
                    os.replace(path, self._path(name))
                else:
                    self._system.put_file(str(path), self._path(name))
        finally:
            path.unlink(missing_ok=True)

    def write(self, name: str, found: Any, scratch: Path) -> None:
        """A file of JSON. Raises OutputError."""
        with self.new(name, scratch) as path, open(path, "w", encoding="utf-8", opener=private) as file:
            file.write(json.dumps(found, indent=1) + "\n")

    def tidy(self) -> None:
        """Take away what killed workers left half-written."""
        if self.is_local:
            for left in Path(self._root).glob(".*.new"):
                left.unlink(missing_ok=True)

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"
