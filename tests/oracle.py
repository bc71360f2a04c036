"""The oracle: it knows an input file, a result file, and the rules by which names exist or are held; nothing of ours.

    python tests/oracle.py INPUT RESULTS      # knot's synthesized names: ip-10-B-C-D.t.test exists, nothing else does

Prints the counts as JSON; ends with 1 where a line is lost, doubled or wrong. Errors are not wrong: they are
counted as not final.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

BY_CRC = ("free",) * 6 + ("registered", "registered", "reserved", "registered")


def exists(name: str) -> bool:
    """Knot's mod-synthrecord with network 10.0.0.0/8."""
    parts = name.removesuffix(".t.test").split("-")
    return len(parts) == 5 and parts[:2] == ["ip", "10"] and all(0 <= int(part) < 256 for part in parts[2:])


def held(name: str) -> str:
    """What the lab's registry holds of a name without a word before a dash, as `dnsscan lab --registries` promises."""
    return BY_CRC[crc32(name.encode()) % 10]


def made(number: int) -> str:
    """The name of this number; nineteen in twenty exist."""
    first = 11 if number % 20 == 7 else 10
    return f"ip-{first}-{number >> 16 & 255}-{number >> 8 & 255}-{number & 255}.t.test"


def write_names(path: Path, count: int) -> Path:
    """So many of them, none twice."""
    with path.open("w") as file:
        for number in range(count):
            file.write(f"{made(number)}\n")
    return path


def address_of(name: str) -> str:
    """The only right answer for a name that exists."""
    return ".".join(name.removesuffix(".t.test").split("-")[1:])


def judge(names: Path, results: Path, exists: Callable[[str], bool] = exists) -> dict[str, int]:
    """Counts: lines in, lines out, lost, doubled, wrong, not_final."""
    left = Counter(names.read_text().split())
    counts = {"lines_in": left.total(), "lines_out": 0, "doubled": 0, "wrong": 0, "not_final": 0}
    with results.open() as file:
        for line in file:
            row = json.loads(line)
            counts["lines_out"] += 1
            left[row["d"]] -= 1
            counts["doubled"] += left[row["d"]] < 0
            if row["s"] == "error":
                counts["not_final"] += 1
            else:
                right = row["s"] == ("taken" if exists(row["d"]) else "nxdomain")
                right = right and ("a" not in row or row["a"] == ([address_of(row["d"])] if exists(row["d"]) else []))
                counts["wrong"] += not right
    counts["lost"] = sum(count for count in left.values() if count > 0)
    return counts


def is_exact(counts: dict[str, int]) -> bool:
    """Nothing lost, doubled or wrong."""
    return counts["lost"] == counts["doubled"] == counts["wrong"] == 0


if __name__ == "__main__":
    found = judge(Path(sys.argv[1]), Path(sys.argv[2]))
    print(json.dumps(found))
    sys.exit(not is_exact(found))
