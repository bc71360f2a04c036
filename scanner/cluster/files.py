"""Files wherever fsspec finds them: an input read by ranges, a folder whose files appear whole or not at all."""

import contextlib
import json
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec

from scanner.errors import OutputError, ScanError
from scanner.text import hidden

BLOCK = 1 << 20
LOCAL = ("file", "local")


@contextlib.contextmanager
def troubles(what: str, error: type[ScanError] = ScanError) -> Iterator[None]:
    """What a file system says becomes one line that begins with `what`. Raises `error`."""
    try:
        yield
    except OSError as found:
        raise error(f"{what}: {why(found)}") from None
    except of_object_stores() as found:
        raise error(f"{what}: {why(found)}") from None
    except ImportError as found:
        package = found.name or str(found).removeprefix("Install ").split(" ", 1)[0]
        raise error(f"{what}: needs {package}: pip install {package}") from None
    except ValueError as found:  # a protocol that nobody knows
        raise error(f"{what}: {found}") from None


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


def look_at(url: str) -> tuple[int, bytes]:
    """Octets, and the first MiB of them. Raises ScanError."""
    with troubles(f"cannot read {hidden(url)}"):
        system, path = file_of(url)
        found = system.info(path)
        if found["type"] == "directory":
            raise ScanError(f"cannot read {hidden(url)}: is a directory")
        if found.get("size") is None or (found["type"] != "file" and not found.get("islink")):
            raise ScanError(f"cannot read {hidden(url)}: its size is not known, so it cannot be cut into parts")
        with system.open(path, "rb") as file:
            return int(found["size"]), bytes(file.read(BLOCK))


def private(path: str, flags: int) -> int:
    """Open for its owner only."""
    return os.open(path, flags, 0o600)


class Folder:
    """Where parts go. Every file appears whole: by a rename where there are renames, else by one put."""

    def __init__(self, url: str):
        self.url = absolute(url)
        with troubles(f"-o {hidden(url)}"):
            self._system, self._root = file_of(self.url)
        protocol = self._system.protocol
        self.is_local = bool({protocol} & set(LOCAL) if isinstance(protocol, str) else set(protocol) & set(LOCAL))

    def make(self) -> None:
        """Make it, where it is not there. Raises ScanError."""
        with troubles(f"-o {hidden(self.url)}"):
            if self.is_local and os.path.isfile(self._root):
                raise ScanError(f"-o {hidden(self.url)}: is not a directory")
            self._system.makedirs(self._root, exist_ok=True)

    def sizes(self) -> dict[str, int]:
        """Octets by file name; empty where there is no such folder. Raises ScanError."""
        with troubles(f"-o {hidden(self.url)}"):
            self._system.invalidate_cache()
            if not self._system.exists(self._root):
                return {}
            if not self._system.isdir(self._root):
                raise ScanError(f"-o {hidden(self.url)}: is not a directory")
            listed = self._system.ls(self._root, detail=True)
            return {each["name"].rstrip("/").rpartition("/")[2]: each["size"] or 0 for each in listed}

    def read(self, name: str) -> Any:
        """What a file of JSON says; None where it is no JSON or not there."""
        try:
            return json.loads(self._system.cat_file(self._path(name)))
        except (FileNotFoundError, ValueError):
            return None

    @contextlib.contextmanager
    def new(self, name: str, scratch: Path) -> Iterator[Path]:
        """A path to write to. When the block ends well, what stands there is the file `name`; otherwise nothing is
        left. Raises OutputError."""
        token = f".{name}.{uuid.uuid4().hex}.new"
        path = Path(self._root) / token if self.is_local else scratch / token
        try:
            with troubles(f"-o {hidden(self.url)}/{name}", OutputError):
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
