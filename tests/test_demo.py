"""`make demo` as a newcomer sees it, on a terminal; the build before it, which is scripts/venv's, has been."""

import os
import re
import subprocess
import sys

import pytest
from command import DNSSCAN, ROOT, environment
from terminal import Terminal

LAB = ["lab", "--registries", "--proxies", "4", "--nx", "0.3", "--write-config", "lab.json"]
TABLE = {  # the rows, without how often it was tried where that depends on the machine
    "nodata.lab.test": "taken nodata",
    "cname-nx.lab.test": "taken cname_nx",
    "servfail.lab.test": "error servfail, 4 attempts",
    "servfail-1.lab.test": "taken, 2 attempts",
    "refused.lab.test": "error refused, 4 attempts",
    "drop.lab.test": "error timeout",
    "close.lab.test": "error connection",
    "garbage.lab.test": "error timeout",
    "wrongid.lab.test": "error timeout",
    "two..dots": "error badname",
}


@pytest.mark.timeout(600)  # a busy machine
def test_the_demo_shows_a_large_scan_answers_troubles_and_free_names(tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "dnsscan").write_text(f'#!/bin/sh\nexec {" ".join(DNSSCAN)} "$@"\n')
    (programs / "python").symlink_to(sys.executable)
    (programs / "dnsscan").chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    with Terminal(120) as terminal:
        run = subprocess.Popen([*DNSSCAN, *LAB, "--", ROOT / "scripts" / "demo-in-lab"], cwd=tmp_path,
                               env=environment(PATH=path, PYTHONPATH=str(ROOT), TERM="xterm", NO_COLOR="1"),
                               stdin=subprocess.DEVNULL, stdout=terminal.theirs, stderr=terminal.theirs)  # fmt: skip
        try:
            code = run.wait(500)
        finally:
            run.kill()
        terminal.hang_up()
        terminal.reader.join(5)
    lines, said = terminal.lines, "\n".join(terminal.lines)

    assert code == 0, said
    assert "read 456,976 = written 456,976 + blank 0; taken 319,969, nxdomain 137,007, error 0" in said
    assert any("%" in frame and "in flight" in frame for frame in terminal.plain_frames)
    assert '"d":"cname.lab.test","s":"taken"' in said
    rows = lines[next(number for number, line in enumerate(lines) if line.startswith("name asked")) + 1 :][:10]
    assert [row.split()[0] for row in rows] == [*TABLE]
    assert [row for row in rows if TABLE[row.split()[0]] not in row] == []
    assert re.search(r"\d+ are free: ([a-z]{2}\.com ){8}\.\.\.", said)
    assert len(lines) < 45
    assert "proxy" not in said.partition("proxies:")[2]  # no list of them where nothing is wrong
