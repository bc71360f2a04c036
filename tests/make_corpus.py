"""Writes tests/corpus: one response to `a.com NS` for each oddity, named for it; its message ID is 0x1234.

python tests/make_corpus.py
"""

import struct
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
QUESTION = b"\1a\3com\0\0\2\0\1"
NS = b"\xc0\x0c\0\2\0\1\0\0\0\x3c\0\4\2ns\0"
SOA = b"\xc0\x0e\0\6\0\1\0\0\0\x3c\0\x18\1m\0\1h\0" + struct.pack("!5I", 1, 900, 300, 604800, 60)
OPT = b"\0\0\x29\4\xd0\0\0\0\0\0\0"
NOERROR, SERVFAIL, NXDOMAIN = 0x8180, 0x8182, 0x8183


def message(
    *records: bytes, flags: int = NOERROR, question: bytes = QUESTION, counts: tuple = (), more: bytes = b""
) -> bytes:
    """A header with honest counts (answers only) unless others are given, the question, the records."""
    counts = counts or (1, len(records), 0, 0)
    return struct.pack("!6H", 0x1234, flags, *counts) + question + b"".join(records) + more


def record(owner: bytes, rtype: int, rdata: bytes) -> bytes:
    return owner + struct.pack("!HHIH", rtype, 1, 60, len(rdata)) + rdata


def chain(length: int) -> bytes:
    """Pointers that point to the pointer before them, the first of them to the question's name."""
    at = 12 + len(QUESTION) + 12
    pointers = [struct.pack("!H", 0xC00C)]
    pointers += [struct.pack("!H", 0xC000 | at + 2 * i) for i in range(min(length, (0x3FFF - at) // 2))]
    return b"".join(pointers)


def filled(record_: bytes, *, first: bytes = b"", **options) -> bytes:
    """A message with as many of a record behind the `first` as 64 KB take."""
    count = (65535 - 12 - len(QUESTION) - len(first)) // len(record_)
    return message(*[first] * bool(first), *[record_] * count, **options)


def everything(windows: int) -> bytes:
    """The bitmap of all types in the first windows."""
    return b"".join(bytes([window, 32]) + 32 * b"\xff" for window in range(windows))


AT = 12 + len(QUESTION)  # of the first record
LABELS = 126 * b"\1a"  # with the root 253 octets; a pointer to AT + 12 is one to them
ODD_LABELS = 3 * (b"\x3f" + 63 * b"\xff") + b"\x3c" + 60 * b"\0"
LONG_NAME, THERE = record(b"\xc0\x0c", 2, LABELS + b"\0"), struct.pack("!H", 0xC000 | AT + 12)
ODD_NAME = record(b"\xc0\x0c", 2, ODD_LABELS + b"\0")
ALIAS = record(b"\xc0\x0c", 5, LABELS[2:] + b"\1b\0")
NEAR_MISS = record(b"\xc0\x0c", 2, LABELS[2:] + b"\1c\0")
EVERY_OCTET = (record(b"\xc0\x0c", 2, b"\x20" + bytes(range(i, i + 32)) + b"\0") for i in range(0, 256, 32))
FULL_TXT = record(b"\xc0\x0c", 16, 255 * (b"\xff" + 255 * b"t") + b"\xa5" + 165 * b"t")
LONG = b"".join(b"\x3f" + 63 * bytes([97 + i]) for i in range(3)) + b"\x3d" + 61 * b"z" + b"\0"  # 255 octets
CORPUS = {
    "good": message(NS),
    "nodata": message(SOA, counts=(1, 0, 1, 0)),
    "nxdomain": message(SOA, flags=NXDOMAIN, counts=(1, 0, 1, 0)),
    "nxdomain-with-answers": message(NS, flags=NXDOMAIN),
    "cname-nx": message(record(b"\xc0\x0c", 5, b"\1b\xc0\x0e"), flags=NXDOMAIN),
    "cname-loop": message(record(b"\xc0\x0c", 5, b"\xc0\x0c")),
    "cname-chain": message(*(record(b"\1%c\xc0\x0e" % (97 + i), 5, b"\1%c\xc0\x0e" % (98 + i)) for i in range(20))),
    "dname": message(record(b"\xc0\x0e", 39, b"\3net\0"), flags=NXDOMAIN),
    "pointer-to-self": message(record(b"\xc0\x17", 2, b"\2ns\0")),
    "pointer-forward": message(record(b"\xc0\x30", 2, b"\2ns\0" + 20 * b"\0")),
    "pointer-into-header": message(record(b"\xc0\0", 2, b"\2ns\0")),
    "pointer-beyond-the-end": message(record(b"\xff\xff", 2, b"\2ns\0")),
    "pointer-chain-of-10000": message(record(b"\xc0\x0c", 10, chain(10_000)), record(b"\xff\xf0", 2, b"\2ns\0")),
    "pointer-in-the-question": message(question=b"\xc0\x0c\0\2\0\1"),
    "counts-that-lie": message(NS, counts=(1, 65535, 65535, 65535)),
    "counts-too-small": message(NS, NS, counts=(1, 1, 0, 0)),
    "qdcount-0": message(NS, question=b"", counts=(0, 1, 0, 0)),
    "qdcount-2": message(NS, question=2 * QUESTION, counts=(2, 1, 0, 0)),
    "truncated-empty": message(flags=NOERROR | 0x200),
    "truncated-with-data": message(NS, flags=NOERROR | 0x200),
    "query-not-response": message(flags=0x0100),
    "opcode-status": message(flags=0x9180),
    "opt": message(OPT, counts=(1, 0, 0, 1)),
    "opt-twice": message(OPT, OPT, counts=(1, 0, 0, 2)),
    "opt-in-the-answer": message(OPT, counts=(1, 1, 0, 0)),
    "opt-with-long-option": message(OPT[:-2] + b"\0\4\0\x0a\xff\xff", counts=(1, 0, 0, 1)),
    "rcode-extended": message(b"\0\0\x29\4\xd0\1\0\0\0\0\0", counts=(1, 0, 0, 1)),
    "rcode-badcookie": message(b"\0\0\x29\4\xd0\1\0\0\0\0\0", flags=0x8187, counts=(1, 0, 0, 1)),
    "servfail": message(flags=SERVFAIL),
    "name-of-255-octets": message(record(LONG, 2, b"\2ns\0")),
    "name-of-256-octets": message(record(b"\1x" + LONG, 2, b"\2ns\0")),
    "label-of-63-octets": message(record(b"\x3f" + 63 * b"l" + b"\0", 2, b"\2ns\0")),
    "label-of-64-octets": message(record(b"\x40" + 64 * b"l" + b"\0", 2, b"\2ns\0")),
    "label-type-128": message(record(b"\x80" + 20 * b"l" + b"\0", 2, b"\2ns\0")),
    "class-chaos": message(question=QUESTION[:-1] + b"\3"),
    "type-other": message(question=QUESTION[:-3] + b"\1\0\1"),
    "name-other": message(NS, question=b"\1b" + QUESTION[2:]),
    "name-in-mixed-case": message(NS, question=b"\1A\3cOm\0\0\2\0\1"),
    "name-of-the-root": message(question=b"\0\0\2\0\1"),
    "txt-of-nothing": message(record(b"\xc0\x0c", 16, b"")),
    "txt-of-empty-strings": message(record(b"\xc0\x0c", 16, 8 * b"\0")),
    "txt-with-escape-and-newline": message(record(b"\xc0\x0c", 16, b'\x0b\x1b[31m\n\r"\\\0\xff')),
    "label-with-escape-and-newline": message(record(b"\xc0\x0c", 2, b"\x08\x1b[1m\n\"\\\0\0")),
    "label-of-every-octet": message(*EVERY_OCTET),
    "rdlength-beyond-the-end": message(b"\xc0\x0c\0\2\0\1\0\0\0\x3c\xff\xff\2ns\0"),
    "rdlength-too-short": message(b"\xc0\x0c\0\2\0\1\0\0\0\x3c\0\1\2ns\0"),
    "header-only": message()[:12],
    "cut-in-the-question": message()[:15],
    "cut-in-a-record": message(NS)[:-3],
    "trailing-octets": message(NS, more=100 * b"\xff"),
    "answer-of-4000-records": message(*(record(b"\xc0\x0c", 1, struct.pack("!I", i)) for i in range(4000))),
    "answer-of-65535-octets": message(FULL_TXT, more=53 * b"\0"),
    "authority-of-4000-pointers": message(*(record(b"\xc0\x0c", 2, b"\xc0\x0c") for _ in range(4000)), flags=NXDOMAIN,
                                          counts=(1, 0, 4000, 0)),
    "options-of-16000": message(OPT[:-2] + struct.pack("!H", 65488) + 16372 * b"\xfd\xe9\0\0", counts=(1, 0, 0, 1)),
    "errors-of-10000": message(OPT[:-2] + struct.pack("!H", 65484) + 10914 * b"\0\x0f\0\2\0\x16", counts=(1, 0, 0, 1)),
    "error-of-65000-octets": message(OPT[:-2] + struct.pack("!2H2H", 65000, 15, 64996, 22) + 64994 * b"\x1b",
                                     counts=(1, 0, 0, 1)),
    "txt-of-65000-strings": message(record(b"\xc0\x0c", 16, 65490 * b"\0")),
    "ns-of-127-labels": filled(record(b"\xc0\x0c", 2, THERE), first=LONG_NAME),
    "ns-of-odd-labels": filled(record(THERE, 2, THERE), first=ODD_NAME),
    "soa-of-127-labels": filled(record(THERE, 6, THERE + THERE + 20 * b"\xff"), first=LONG_NAME),
    "soa-of-odd-labels-cut": filled(record(THERE, 6, THERE + THERE + 19 * b"\xff"), first=ODD_NAME),
    "owners-of-127-labels": filled(record(b"\1a" + THERE, 2, b"\0"), first=LONG_NAME),
    "nsec-of-every-type": filled(record(b"\xc0\x0c", 47, b"\0" + everything(256))),
    "nsec-of-every-type-cut": filled(record(b"\xc0\x0c", 47, b"\0" + everything(255) + b"\xff\0")),
    "cname-of-near-misses": filled(record(b"\1a" + struct.pack("!H", 0xC000 | AT + len(ALIAS) + 14), 5, b"\0"),
                                   first=ALIAS + NEAR_MISS),
    "cname-of-33-backwards": message(*(record(bytes([1, 96 + i]) + b"\xc0\x0e", 5, bytes([1, 97 + i]) + b"\xc0\x0e")
                                       for i in range(33, 0, -1))),
    "cname-of-a-pointer-forwards": message(record(b"\xc0\xff", 5, b"\0")),
    "dname-of-a-pointer-forwards": message(record(b"\xff\xff", 39, b"\0")),
    "dname-of-many": filled(record(THERE, 39, b"\0"), first=LONG_NAME),
}  # fmt: skip


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.bin"):
        path.unlink()
    for name, octets in CORPUS.items():
        assert len(octets) <= 65535, name
        (FOLDER / f"{name}.bin").write_bytes(octets)


if __name__ == "__main__":
    main()
