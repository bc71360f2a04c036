"""What it costs to read results: `dnsscan report` and `dnsscan convert`, of lines made up with every key.

`.venv/bin/python bench/reading.py [LINES]` (a million) prints a table: seconds, CPU and peak memory of the command, and
the size of what it made. Nothing is kept.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))
import lines  # noqa: E402 (found by the path above)

CHUNK = 50_000  # lines made at a time, so that this program stays small
MADE = ("report.html", "out.parquet", "out.duckdb", "out.sqlite", "out.csv")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="dnsscan-bench-") as folder:
        results = make(Path(folder), count)
        print(f"{count:,} lines, {results.stat().st_size / 1e6:,.0f} MB:\n")
        print("| made | seconds | CPU | peak RSS | size |\n|---|--:|--:|--:|--:|")
        for name in MADE:
            print(measured(results, Path(folder) / name))


def make(folder: Path, count: int) -> Path:
    """A file of lines, and the account of its run beside it."""
    results = folder / "results.jsonl"
    with results.open("w") as file:
        for start in range(0, count, CHUNK):
            rows = lines.lines(min(CHUNK, count - start), seed=start)
            moved = ({**row, "ts": round(row["ts"] + start / lines.PER_SECOND, 3)} for row in rows)
            file.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in moved)
    (folder / "run.json").write_text(json.dumps(lines.run(rows)))
    return results


def measured(results: Path, made: Path) -> str:
    """A row of the table."""
    program = ["report", "--stats", str(results.parent / "run.json")] if made.suffix == ".html" else ["convert"]
    command = [sys.executable, "-m", "scanner", *program, str(results), "-o", str(made)]
    begun = time.monotonic()
    process = subprocess.Popen(command, cwd=HERE.parent)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    cpu = used.ru_utime + used.ru_stime
    return (f"| `{made.suffix}` | {seconds:.1f} | {cpu:.1f} s | {used.ru_maxrss / 1024:.0f} MiB "
            f"| {made.stat().st_size / 1e6:.1f} MB |")  # fmt: skip


if __name__ == "__main__":
    main()
