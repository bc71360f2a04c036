"""The README's picture, docs/images/terminal.svg: a real run on a terminal, through four proxies of the lab.

.venv/bin/python scripts/terminal_picture.py
"""

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from command import DNSSCAN  # noqa: E402
from terminal import Terminal, picture  # noqa: E402

LAB = [*DNSSCAN, "lab", "--proxies", "4", "--nx", "0.3", "--"]
COLUMNS = 104


def main(folder: Path) -> None:
    """Scan all names of four letters and digits, and keep what the terminal showed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "NO_COLOR": ""}
    with (folder / "names.txt").open("wb") as names:
        subprocess.run([*DNSSCAN, "names", "[a-z0-9]{4}.com"], check=True, stdout=names, env=environment)
    with Terminal(COLUMNS) as terminal, (folder / "results.jsonl").open("wb") as results:
        scan = [*LAB, *DNSSCAN, "--config", "{config}", "names.txt"]
        subprocess.run(scan, check=True, cwd=folder, stdout=results, stderr=terminal.theirs, env=environment)
        terminal.hang_up()
        terminal.reader.join(5)
    with (folder / "results.jsonl").open() as lines:
        head = [next(lines).rstrip() for _ in range(3)]
    rows = [
        "$ dnsscan names '[a-z0-9]{4}.com' > names.txt",
        "$ dnsscan --config cfg.json names.txt > results.jsonl",
        terminal.frames[len(terminal.frames) * 2 // 3],
        *textwrap.wrap(terminal.lines[0], COLUMNS),
        "$ head -n 3 results.jsonl",
        *head,
    ]
    (ROOT / "docs" / "images" / "terminal.svg").write_text(picture(rows[0], rows[1:], COLUMNS))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        main(Path(made))
