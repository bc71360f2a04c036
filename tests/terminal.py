"""A terminal to run the real command on: what it draws, when, and as a picture."""

import fcntl
import os
import pty
import re
import struct
import termios
import threading
import time
from typing import Self
from xml.sax.saxutils import escape

COLOURS = {"1": "class='bold'", "31": "class='red'", "33": "class='yellow'"}
STYLE = """<style>
rect {fill: #f6f8fa; stroke: #d0d7de} text {fill: #1f2328}
.bold {font-weight: bold} .red {fill: #cf222e} .yellow {fill: #7d4e00}
@media (prefers-color-scheme: dark) {
rect {fill: #161b22; stroke: #30363d} text {fill: #d0d7de} .red {fill: #ff7b72} .yellow {fill: #d4a72c}
}
</style>"""


class Terminal:
    """`with Terminal(columns) as terminal:` then `start(..., stderr=terminal.theirs)` and `terminal.began(run)`."""

    def __init__(self, columns: int = 80):
        self.ours, self.theirs = pty.openpty()
        self.seen: list[tuple[float, bytes]] = []  # when it came, and what
        self.resize(columns)
        self.reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self.reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.theirs >= 0:
            self.hang_up()
        self.reader.join(5)
        os.close(self.ours)

    def hang_up(self) -> None:
        """Only the program has its end now: what it shows ends with the program."""
        os.close(self.theirs)
        self.theirs = -1

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def type(self, octets: bytes) -> None:
        os.write(self.ours, octets)

    def _read(self) -> None:
        while True:
            try:
                octets = os.read(self.ours, 65536)
            except OSError:  # EIO: the other end is closed
                return
            if not octets:
                return
            self.seen.append((time.monotonic(), octets))

    @property
    def octets(self) -> bytes:
        return b"".join(octets for _, octets in self.seen)

    @property
    def frames(self) -> list[str]:
        """Each text that was drawn over the one before, colours included."""
        return re.findall("\r([^\r\n]+)\x1b\\[K", self.octets.decode())

    @property
    def plain_frames(self) -> list[str]:
        return [without_colours(frame) for frame in self.frames]

    @property
    def lines(self) -> list[str]:
        """What stays: whole lines, with nothing of what was drawn."""
        return [line.split("\x1b[K")[-1] for line in self.octets.decode().split("\r\n") if line.split("\x1b[K")[-1]]

    @property
    def rows(self) -> list[str]:
        """What one sees in the end: each row with all that was written into it and not erased."""
        rows, row, at = [], "", 0
        for part in re.findall("\r|\n|\x1b\\[[0-9;]*[A-Za-z]|[^\r\n\x1b]+", self.octets.decode()):
            if part == "\r":
                at = 0
            elif part == "\n":
                rows.append(row)
                row = ""
            elif part == "\x1b[K":
                row = row[:at]
            elif part[0] != "\x1b":
                row = row[:at].ljust(at) + part + row[at + len(part) :]
                at += len(part)
        return [*rows, row]


def without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def picture(prompt: str, frames: list[str], columns: int) -> str:
    """The texts as an SVG, one under another, in their colours; light or dark as its reader is."""
    width, height = 20 + 8.4 * columns, 52 + 22 * len(frames)
    rows = [prompt, *frames]
    texts = [
        f"<text x='10' y='{28 + 22 * number}' xml:space='preserve'>{coloured(row)}</text>"
        for number, row in enumerate(rows)
    ]
    return "\n".join([
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width:.0f} {height}' font-size='14' "
        "font-family='ui-monospace, DejaVu Sans Mono, monospace'>",
        STYLE, "<rect width='100%' height='100%' rx='6'/>", *texts, "</svg>", "",
    ])  # fmt: skip


def coloured(text: str) -> str:
    """The text with a tspan for each colour."""
    parts = re.split(r"\x1b\[([0-9;]*)m", text)
    return "".join(
        f"<tspan {COLOURS[code]}>{escape(part)}</tspan>" if code in COLOURS else escape(part)
        for code, part in zip(["0", *parts[1::2]], parts[::2], strict=True)
    )
