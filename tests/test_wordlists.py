"""The shipped word lists: what their script writes, and what their README says of them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LISTS = sorted((ROOT / "wordlists").glob("*.txt"))


def lines_of(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


def test_the_script_writes_the_lists_that_are_shipped(tmp_path):
    subprocess.run([sys.executable, ROOT / "scripts" / "make_wordlists.py", tmp_path], check=True, timeout=30)

    assert {path.name: path.read_bytes() for path in LISTS} == {
        path.name: path.read_bytes() for path in tmp_path.iterdir()
    }


def test_the_readme_counts_the_lines_of_each_list():
    table = re.findall(
        r"^\| `(\w+\.txt)` \| ([0-9,]+) \|", (ROOT / "wordlists" / "README.md").read_text(), re.MULTILINE
    )

    assert dict(table) == {path.name: f"{len(lines_of(path)):,}" for path in LISTS}


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_no_line_stands_twice_and_none_is_blank(path):
    lines = lines_of(path)

    assert len(set(lines)) == len(lines)
    assert all(line == line.strip() != "" for line in lines)


def test_words_and_tlds_are_plain_letters_and_the_usual_tlds_come_first():
    words, tlds = lines_of(ROOT / "wordlists" / "words.txt"), lines_of(ROOT / "wordlists" / "tlds.txt")

    assert [word for word in words if not re.fullmatch("[a-z]{2,9}", word)] == []
    assert [tld for tld in tlds if not re.fullmatch("[a-z]{2,20}", tld)] == []
    assert tlds[:3] == ["com", "net", "org"]
    assert words == sorted(words)
