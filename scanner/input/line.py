"""What an input line that is not a plain name is: another way to write a name, or not a name and why.

Plain names (letters, digits, `-`, `_`, dots) never come here; `native/names` cuts and encodes them itself.
"""

import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from json import dumps

from scanner.model import REASONS

BADNAME = REASONS.index("badname")
SPECIAL = REASONS.index("special")
LINE_MAX = 4096  # octets
SHOWN_MAX = 256  # octets of an overlong line that its `d` keeps
SPECIAL_WHY = "special-use (RFC 6761)"
SPACE = b" \t\r"
JOINERS = "\u200c\u200d"  # invisible, but IDNA 2008 has a place for them (RFC 5892 appendix A)

ADDRESS_LIKE = re.compile(r"\[?[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*\]?(?:%[^/]*)?(?:/.*)?|[0-9]+\.[0-9.]*/.*")
"""Of one line or a whole input of such: a prefix that cannot be, an interface, brackets."""

Classified = tuple[bytes, bytes | None, int, str]
"""(name to ask, JSON text of `d` or None when `d` is the name itself, reason or 0, why)."""

SPECIAL_USE = (
    *("localhost", "local", "onion", "invalid", "test", "alt"),
    *("10.in-addr.arpa", "127.in-addr.arpa", "254.169.in-addr.arpa", "168.192.in-addr.arpa"),
    *(f"{n}.172.in-addr.arpa" for n in range(16, 32)),
)


def classify_line(line: bytes, *, ptr: bool = False, special: bool = False) -> Classified:
    """What a line without its newline is. `ptr`: ask reverse names for addresses. `special`: hold special-use back."""
    if len(line) > LINE_MAX:
        return bad(line[:SHOWN_MAX], f"line too long (> {LINE_MAX} octets)")
    line = line.strip(SPACE)
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        control = first_control(line)
        return bad(line, control or "not UTF-8")
    if control := first_control(line):
        return bad(line, control)
    if address := address_of(text):
        if not ptr:
            return bad(line, "IP address (use --ptr)")
        if special and is_special(address):
            return b"", shown(line), SPECIAL, SPECIAL_WHY
        return b"%b" % address.encode(), shown(line), 0, ""
    name = text if text.isascii() else ascii_name_of(text)
    why = fault(text, name)
    if why or name is None:
        return bad(line, why or "not a name by IDNA 2008")
    if special and is_special(name):
        return b"", shown(line), SPECIAL, SPECIAL_WHY
    return name.encode(), None if name == text else shown(line), 0, ""


def bad(line: bytes, why: str) -> Classified:
    """The verdict on a line that is not a name."""
    return b"", shown(line), BADNAME, why


def shown(line: bytes) -> bytes:
    r"""Key `d` as JSON text, ASCII only: octets that are no UTF-8, and controls, in \DDD form."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        text = "".join(chr(octet) if octet < 128 else f"\\{octet:03d}" for octet in line)
    text = "".join(presentable(character) for character in text)
    return dumps(text)[1:-1].encode("ascii")


def presentable(character: str) -> str:
    r"""The character, or its UTF-8 octets as \DDD where it is a control or would disturb a terminal."""
    if character.isprintable():
        return character
    return "".join(f"\\{octet:03d}" for octet in character.encode("utf-8"))


def first_control(line: bytes) -> str:
    r"""`control character \DDD` for the first one, else nothing."""
    for octet in line:
        if (octet < 32 and octet != 9) or octet == 127:
            return f"control character \\{octet:03d}"
    return ""


def address_of(text: str) -> str | None:
    """The reverse name when the text is an IP address, else None."""
    try:
        return ip_address(text if ":" in text else text.removesuffix(".")).reverse_pointer
    except ValueError:
        return None


def block_of(text: str) -> IPv4Network | IPv6Network | None:
    """The block of addresses that the text is (`192.0.2.0/30`; bits behind the prefix do not count), else None."""
    try:
        return ip_network(text, strict=False) if "/" in text and "%" not in text else None
    except ValueError:
        return None


def ascii_name_of(text: str) -> str | None:
    """The A-label form; the IDNA tables are read when the first such name comes."""
    from scanner.input.idn import ascii_name

    return ascii_name(text)


def fault(text: str, name: str | None) -> str:
    """Why the text is not a name, or nothing. `name` is its ASCII form, None when it has none."""
    looks = likeness(text)
    if looks:
        return looks
    if name is None:
        return "name too long (> 253 characters)" if len(text) > 254 else "not a name by IDNA 2008"
    if name == ".":
        return ""
    labels = name.removesuffix(".").split(".")
    if "" in labels:
        return "empty label"
    if len(max(labels, key=len)) > 63:
        return "label too long (> 63 octets)"
    if len(name.removesuffix(".")) > 253:
        return "name too long (> 253 characters)"
    strange = next((c for c in name if not (c.isascii() and c.isalnum()) and c not in "-_."), "")
    return f"character {strange}" if strange else ""


def likeness(text: str) -> str:
    """What else the text looks like: the commonest things that get into lists of names."""
    if any(character.isspace() for character in text):
        return "space"
    hidden = next((c for c in text if not c.isprintable() and c not in JOINERS), "")
    if hidden:
        return f"invisible character U+{ord(hidden):04X}"
    if "://" in text:
        return "looks like a URL"
    if text.startswith("@") or "@" in text:
        return "looks like an address (user@)"
    if "," in text:
        return "unexpected column"
    if block_of(text):
        return "block of IP addresses (use --ptr)"
    host, colon, port = text.rpartition(":")
    if colon and host and port.isdecimal():
        return "looks like host:port"
    if ADDRESS_LIKE.fullmatch(text):
        return "neither an IP address nor a block of them"
    if "\\" in text:
        return "escapes are not understood"
    return "wildcard" if text.startswith("*.") else ""


def is_special(name: str) -> bool:
    """True for names that public resolvers must not be bothered with (RFC 6761 and its registry)."""
    folded = "." + name.lower().removesuffix(".")
    return any(folded.endswith("." + owner) for owner in SPECIAL_USE)
