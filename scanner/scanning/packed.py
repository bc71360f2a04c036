"""A look at the first octets of the input: what cannot be read is refused, UTF-16 is hinted at."""

from collections.abc import Callable

from scanner.errors import ScanError

PACKED = {b"PK\x03\x04": ("zip or xlsx", "unzip -p"), b"7z\xbc\xaf": ("7z", "7z x -so"),
          b"\x04\x22\x4d\x18": ("lz4", "lz4 -dc"), b"\x1f\x9d": ("compress (.Z)", "zcat")}  # fmt: skip


def sniff(chunk: bytes, refuse: Callable[[ScanError], object]) -> str:
    """A warning, or nothing; `refuse(error)` for what is no text."""
    for magic, (what, command) in PACKED.items():
        if chunk.startswith(magic):
            refuse(ScanError(f"the input is {what}, not names; unpack it first: {command} FILE | dnsscan ..."))
    if chunk[:2] in (b"\xff\xfe", b"\xfe\xff") or (len(chunk) > 7 and not any(chunk[1:200:2])):
        return "the input looks like UTF-16; convert it to UTF-8 first (iconv)"
    return ""
