"""A folder with the parts of a scan (`dnsscan cluster`): which of its files are whole."""

import json
import os
import re
import stat
from typing import NamedTuple

from scanner.errors import ScanError

PLAN = "plan.json"
PART = re.compile(r"(part-[0-9]{6,12})\.(jsonl\.zst|parquet)")


class Parts(NamedTuple):
    """The files of parts with their books beside them, in order, all of one `ending`; `planned` are to be there."""

    files: list[str]
    ending: str
    planned: int


def part_name(number: int) -> str:
    """`part-000017`: of its lines and of its books, before the ending."""
    return f"part-{number:06d}"


def is_folder(descriptor: int) -> bool:
    """True for a folder's."""
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


def parts_in(descriptor: int, name: str) -> Parts:
    """What is in a folder. Raises ScanError where it is no folder of parts, or no part is there."""
    names = set(os.listdir(descriptor))
    files = sorted(file for file in names if (found := PART.fullmatch(file)) and f"{found[1]}.json" in names)
    try:
        plan = os.open(PLAN, os.O_RDONLY | os.O_CLOEXEC, dir_fd=descriptor)
        with os.fdopen(plan, "rb") as file:
            planned = int(json.load(file)["parts"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise ScanError(f"cannot read {name}: is a directory, and not one of dnsscan cluster") from None
    endings = {file.partition(".")[2] for file in files}
    if len(endings) != 1:
        raise ScanError(f"{name}: " + ("parts of two forms" if endings else f"none of its {planned:,} parts is there"))
    return Parts(files, endings.pop(), planned)
