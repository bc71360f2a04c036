"""A look at the first octets of the input: packed files are refused, UTF-16 is hinted at."""

from collections.abc import Callable

from scanner.errors import ScanError

PACKED = {b"\x1f\x8b": ("gzip", "zcat"), b"\x28\xb5\x2f\xfd": ("zstd", "zstdcat"), b"BZh": ("bzip2", "bzcat"),
          b"\xfd7zXZ": ("xz", "xzcat"), b"PK\x03\x04": ("zip or xlsx", "unzip -p")}  # fmt: skip


def sniff(chunk: bytes, refuse: Callable[[ScanError], object]) -> str:
    """A warning, or nothing; `refuse(error)` for what is no text."""
    for magic, (what, command) in PACKED.items():
        if chunk.startswith(magic):
            refuse(ScanError(f"the input is {what}, not names; unpack it first: {command} FILE | dnsscan ..."))
    if chunk[:2] in (b"\xff\xfe", b"\xfe\xff") or (len(chunk) > 7 and not any(chunk[1:200:2])):
        return "the input looks like UTF-16; convert it to UTF-8 first (iconv)"
    return ""
