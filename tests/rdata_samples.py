"""Rdata of every type that native code has a presentation form for: as many good ones as wanted, at random.

They stand in a message that begins with NAMES, to which compressed names point.
"""

import random
import struct
from collections.abc import Callable

HEADER = bytes(12)
NAMES = b"\3www\7example\3com\0" + b'\x08a.b"\\\x00\xff \4\xc3\xb6.;\xc0\x10' + b"\xc0\x1d"
"""At 12 www.example.com; at 29 odd labels before example.com; at 45 a pointer to these."""
PLACES = (12, 16, 24, 28, 29, 38, 45)
AT = len(HEADER) + len(NAMES)


def label(rng: random.Random) -> bytes:
    size = rng.choice((1, 2, 3, 8, 20, 63))
    octets = rng.randbytes(size) if rng.random() < 0.3 else bytes(rng.choice(b"abcXYZ019-_") for _ in range(size))
    return bytes([size]) + octets


def plain_name(rng: random.Random) -> bytes:
    labels = [label(rng) for _ in range(rng.randrange(4))]
    if sum(map(len, labels)) > 254:
        labels = labels[:1]
    return b"".join(labels) + b"\0"


def name(rng: random.Random) -> bytes:
    """Compressed as often as not."""
    if rng.random() < 0.5:
        return plain_name(rng)
    return b"".join(label(rng) for _ in range(rng.randrange(3))) + struct.pack("!H", 0xC000 | rng.choice(PLACES))


def text(rng: random.Random, most: int = 255) -> bytes:
    size = rng.choice((0, 1, 5, 30, most))
    return rng.randbytes(size) if rng.random() < 0.5 else bytes(rng.randrange(32, 127) for _ in range(size))


def counted(rng: random.Random) -> bytes:
    octets = text(rng)
    return bytes([len(octets)]) + octets


def types(rng: random.Random) -> bytes:
    """A bitmap, windows going up."""
    out = b""
    for window in sorted(rng.sample((0, 1, 2, 127, 128, 255), rng.randrange(4))):
        bitmap = rng.randbytes(rng.choice((1, 4, 32))).rstrip(b"\0") or b"\1"
        out += bytes([window, len(bitmap)]) + bitmap
    return out


def numbers(rng: random.Random, form: str) -> bytes:
    """Each either small, largest or anything."""
    sizes = {"B": 8, "H": 16, "I": 32}
    values = [rng.choice((0, 1, 2**bits - 1, rng.getrandbits(bits))) for bits in (sizes[letter] for letter in form)]
    return struct.pack("!" + form, *values)


def digest(rng: random.Random, lengths: dict[int, int], form: str) -> bytes:
    """Numbers, the last of which says how long what follows is."""
    kind = rng.choice([*lengths, rng.randrange(5, 256)])
    return numbers(rng, form) + bytes([kind]) + rng.randbytes(lengths.get(kind, rng.randrange(1, 100)))


def hashing(rng: random.Random) -> bytes:
    salt = rng.randbytes(rng.choice((0, 1, 8, 255)))
    return numbers(rng, "BBH") + bytes([len(salt)]) + salt


def next_hashed(rng: random.Random) -> bytes:
    size = rng.choice((1, 2, 3, 4, 5, 20, 255))
    return bytes([size]) + rng.randbytes(size)


def location(rng: random.Random) -> bytes:
    def size() -> int:
        return rng.choice((0x12, 0x16, 0x13, 0x00, rng.randrange(1, 10) << 4 | rng.randrange(10)))

    latitude = 2**31 + rng.choice((0, 324_000_000, -324_000_000, rng.randrange(-324_000_000, 324_000_001)))
    longitude = 2**31 + rng.choice((0, 648_000_000, -648_000_000, rng.randrange(-648_000_000, 648_000_001)))
    sizes = (0x12, 0x16, 0x13) if rng.random() < 0.3 else (size(), size(), size())
    altitude = rng.choice((0, 10_000_000, 9_999_995, 2**32 - 1, rng.getrandbits(32)))
    return struct.pack("!4B3I", 0, *sizes, latitude, longitude, altitude)


def parameter_value(rng: random.Random, key: int, keys: list[int]) -> bytes:
    if key == 0:
        others = [other for other in keys if other]
        return b"".join(
            struct.pack("!H", other) for other in sorted(rng.sample(others, rng.randrange(1, len(others) + 1)))
        )
    if key in (1, 10):
        strings = [text(rng) or b"h2,\\" for _ in range(rng.randrange(1, 4))]
        return b"".join(bytes([len(string)]) + string for string in strings)
    if key in (2, 8):
        return b""
    if key == 3:
        return numbers(rng, "H")
    if key in (4, 6):
        return rng.randbytes((4 if key == 4 else 16) * rng.randrange(1, 4))
    if key == 5:
        octets = rng.randbytes(rng.randrange(4, 80))
        return struct.pack("!H", len(octets)) + octets
    return text(rng, 400)


def service(rng: random.Random) -> bytes:
    keys = set(rng.sample((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 667, 65280, 65535), rng.randrange(6)))
    if 2 in keys:
        keys.add(1)
    if keys == {0}:
        keys = {0, 3}
    out = struct.pack("!H", rng.randrange(1, 65536) if keys else rng.randrange(2)) + plain_name(rng)
    for key in sorted(keys):
        value = parameter_value(rng, key, sorted(keys))
        out += struct.pack("!HH", key, len(value)) + value
    return out


def tag(rng: random.Random) -> bytes:
    octets = bytes(rng.choice(b"issuewildIODEF0123456789") for _ in range(rng.choice((1, 5, 255))))
    return bytes([len(octets)]) + octets


def zonemd(rng: random.Random) -> bytes:
    kind = rng.choice((1, 2, 240))
    return (
        numbers(rng, "I")
        + bytes([rng.randrange(1, 256), kind])
        + rng.randbytes(ZONEMD.get(kind, rng.randrange(12, 90)))
    )


DS = {1: 20, 2: 32, 3: 32, 4: 48}
ZONEMD = {1: 48, 2: 64}

MAKERS: dict[str, Callable[[random.Random], bytes]] = {
    "A": lambda rng: rng.randbytes(4),
    "AAAA": lambda rng: b"".join(rng.choice((b"\0\0", b"\xff\xff", b"\0\1", rng.randbytes(2))) for _ in range(8)),
    "NS": name, "CNAME": name, "PTR": name, "DNAME": plain_name,
    "MX": lambda rng: numbers(rng, "H") + name(rng),
    "TXT": lambda rng: b"".join(counted(rng) for _ in range(rng.randrange(1, 5))),
    "SPF": lambda rng: b"".join(counted(rng) for _ in range(rng.randrange(1, 5))),
    "SOA": lambda rng: name(rng) + name(rng) + numbers(rng, "IIIII"),
    "SRV": lambda rng: numbers(rng, "HHH") + name(rng),
    "CAA": lambda rng: numbers(rng, "B") + tag(rng) + text(rng, 1000),
    "NAPTR": lambda rng: numbers(rng, "HH") + counted(rng) + counted(rng) + counted(rng) + name(rng),
    "DS": lambda rng: digest(rng, DS, "HB"), "CDS": lambda rng: digest(rng, DS, "HB"),
    "DNSKEY": lambda rng: numbers(rng, "HBB") + rng.randbytes(rng.randrange(1, 300)),
    "CDNSKEY": lambda rng: numbers(rng, "HBB") + rng.randbytes(rng.randrange(1, 300)),
    "RRSIG": lambda rng: numbers(rng, "HBBIIIH") + plain_name(rng) + rng.randbytes(rng.randrange(1, 300)),
    "NSEC": lambda rng: plain_name(rng) + types(rng),
    "NSEC3": lambda rng: hashing(rng) + next_hashed(rng) + types(rng),
    "NSEC3PARAM": hashing,
    "TLSA": lambda rng: digest(rng, {1: 32, 2: 64}, "BB"), "SMIMEA": lambda rng: digest(rng, {1: 32, 2: 64}, "BB"),
    "SSHFP": lambda rng: digest(rng, {1: 20, 2: 32}, "B"),
    "SVCB": service, "HTTPS": service,
    "URI": lambda rng: numbers(rng, "HH") + (text(rng, 1000) or b"x"),
    "LOC": location,
    "HINFO": lambda rng: counted(rng) + counted(rng),
    "RP": lambda rng: name(rng) + name(rng),
    "OPENPGPKEY": lambda rng: rng.randbytes(rng.randrange(1, 500)),
    "CSYNC": lambda rng: numbers(rng, "IH") + types(rng),
    "ZONEMD": zonemd,
}  # fmt: skip


def message_with(rdata: bytes, *, more: bytes = b"") -> bytes:
    """A message in which this rdata stands at AT."""
    return HEADER + NAMES + rdata + more


BLOBS = {"DS": 3, "CDS": 3, "DNSKEY": 3, "CDNSKEY": 3, "RRSIG": 8, "TLSA": 3, "SMIMEA": 3, "SSHFP": 2, "ZONEMD": 3,
         "OPENPGPKEY": 0}  # fmt: skip
"""Words before hex or base64 to the end, in which dnspython puts spaces (RFC 4034 section 2.2); we put none."""


def in_one_piece(rtype: str, text: str) -> str:
    """dnspython's text as we write it."""
    if rtype not in BLOBS:
        return text
    words = text.split(" ")
    return " ".join([*words[: BLOBS[rtype]], "".join(words[BLOBS[rtype] :])])
