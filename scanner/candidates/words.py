"""Word lists from files: one word a line, each once, in their order. The words are held in memory; names never are."""

import os
import stat
from pathlib import Path

from scanner.candidates.pattern import LETTERS, LITERAL
from scanner.candidates.space import LABEL_MAX, NAME_MAX
from scanner.errors import ScanError
from scanner.input.line import JOINERS
from scanner.text import hidden, printable, shown

BOM = b"\xef\xbb\xbf"
SPACE = b" \t\r"
BUILTIN = "builtin:"  # before the name of a list that comes with the package; such a file is given as ./builtin:...
OCTETS_MAX = 512 << 20  # of one list; a larger one has no place in memory
PACKAGE = Path(__file__).parent.parent
PLACES = (PACKAGE / "wordlists", PACKAGE.parent / "wordlists")  # installed; in a checkout


class WordLists:
    """Reads each file once, however often it is named."""

    def __init__(self) -> None:
        self.warnings: list[str] = []  # of lines left out: one for each file that has such; of names left out
        self._lists: dict[str, tuple[str, ...]] = {}  # by the file's name

    def read(self, name: str) -> tuple[str, ...]:
        """The words of a file, `-` being stdin, or of `builtin:NAME`; blank lines and `#` comments are skipped. Raises
        ScanError."""
        if name not in self._lists:
            self._lists[name] = self._words_of(name, octets_of(name))
        return self._lists[name]

    def note_dropped(self, names: int) -> None:
        """So many names are left out. Said only where there are lists: those who write [a-z-] know."""
        if self._lists and names:
            why = "a label is empty, or begins or ends with a hyphen"
            self.warnings.append(f"{names:,} names that no host can have are left out: {why}")

    def _words_of(self, name: str, octets: bytes) -> tuple[str, ...]:
        words: dict[str, None] = {}
        bad: list[str] = []
        for number, line in enumerate(octets.removeprefix(BOM).split(b"\n"), 1):
            text = line.strip(SPACE).decode("utf-8", "backslashreplace")
            if text == "" or text.startswith("#"):
                continue
            bare = text.removesuffix(".")  # of a name in its full form, as zone files write it
            if bare and is_word(bare):
                words[bare] = None
            else:
                bad.append(f"line {number}: {shown(text)}")
        if not words:
            raise ScanError(f"{label(name)} has no word; one a line{f', not {bad[0]}' if bad else ''}")
        if bad:
            text = f"{len(bad):,} lines cannot stand in a name and are left out, first {bad[0]}"
            self.warnings.append(f"{label(name)}: {text}")
        return tuple(words)


def builtin() -> dict[str, Path]:
    """The lists that come with the package, by name."""
    return {path.stem: path for place in PLACES for path in sorted(place.glob("*.txt"))}


def path_of(name: str) -> str | Path:
    """Where a list is. Raises ScanError where there is none of the name behind `builtin:`."""
    if not name.startswith(BUILTIN):
        return name
    lists = builtin()
    if (path := lists.get(name.removeprefix(BUILTIN))) is None:
        raise ScanError(f"words {shown(name)}: there is no such list; write {BUILTIN}NAME with {', '.join(lists)}")
    return path


def octets_of(name: str) -> bytes:
    """All of a file. Raises ScanError."""
    try:
        with open(0 if name == "-" else path_of(name), "rb", closefd=name != "-") as file:
            if stat.S_ISCHR(os.fstat(file.fileno()).st_mode) and not file.isatty() and file.read(1):
                raise ScanError(f"{label(name)}: not a file of words but a device")
            octets = file.read(OCTETS_MAX + 1)
    except OSError as error:
        raise ScanError(f"{label(name)} cannot be read: {os.strerror(error.errno or 0)}") from None
    if len(octets) > OCTETS_MAX:
        raise ScanError(f"{label(name)}: larger than 512 MB; words are held in memory")
    return octets


def label(name: str) -> str:
    """How messages name a file."""
    return f"words {printable(hidden('stdin' if name == '-' else name))}"


def is_word(text: str) -> bool:
    """Letters of names, and in other scripts whatever is no space and can be seen: the scan checks those (IDNA)."""
    if len(text) > LABEL_MAX and (len(text) > NAME_MAX or max(map(len, text.split("."))) > LABEL_MAX):
        return False
    if LITERAL.fullmatch(text):
        return True
    return not text.isascii() and all(
        letter in LETTERS if letter.isascii() else letter.isprintable() or letter in JOINERS for letter in text
    )
