"""How anything is printed safely: no control characters, no passwords, no line without an end, no digit that
means nothing."""

import os
import re

SHOWN_MAX = 60  # characters of a token
PATH_MAX = 255  # characters of a path
RATE_LEAST_S = 0.5  # a rate over less says nothing


def shown(text: str) -> str:
    """A token for an error line: its password hidden, escaped, cut."""
    safe = "".join(c if c.isprintable() and c.isascii() else escaped(c) for c in hidden(text))
    return f'"{safe[:SHOWN_MAX]}{"..." if len(safe) > SHOWN_MAX else ""}"'


def printable(text: str) -> str:
    """The text with everything escaped that a terminal would not simply show."""
    return "".join(c if c.isprintable() else escaped(c) for c in text)


def escaped(character: str) -> str:
    """`\\n`, `\\x1b`, `\\u0661`; what stands for an octet that is not UTF-8 is `\\udcff`."""
    return character.encode("unicode_escape").decode("ascii")


SOLD = re.compile(r"""
    (?<![^\s/"'\[(,]) (?:\[[^\[\]\s]*\]|[^\s:@/"'\[\](,]+)  # a host, or a user
    : (?:[0-9]{1,5}:[^\s:]*:                                          # its port, user, password
       | [^\s:/"']+:(?:\[[^\[\]\s]*\]|[^\s:/"'\[\]]+):[^\s:/"'])  # its password, host, port
""", re.VERBOSE)  # fmt: skip
"""A proxy as vendors write it without a URL. Begins only where a word does, so nothing is read twice."""
SWAPPED = re.compile(r"(?:(?<![0-9.])[0-9.]{7,15}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}@[^\s:@/]*:")
"""The same with the address and its port before the user."""
ADDRESS_6 = re.compile(r"[^0-9A-Fa-f]?(?:[0-9A-Fa-f]{0,4}:)+[0-9A-Fa-f:.]*(?:%\S*)?\W?")
URL_USER = re.compile(r":/+[^:@/\s]*:")
USER = re.compile(r"""(?<![^\s"'\[(,])[^\s:@/"'\[(,]*:(?!//)""")


def hidden(text: str) -> str:
    """The text with `***` where a proxy has its password, in case one was given in another thing's place: a URL,
    `user:pass@host`, `address:port@user:pass`, and the forms with colons alone, behind whose first part nothing
    is shown."""
    if swapped := SWAPPED.search(text):
        return f"{text[: swapped.end()]}***"
    url, end = URL_USER.search(text), text.rfind("@")  # once each: a token may have a million characters
    begin = url if url and url.end() <= end else None
    if begin is None and (sold := SOLD.search(text)) and not ADDRESS_6.fullmatch(text):
        first = re.match(r"\[[^\]]*\]|[^:]*", sold[0])
        return f"{text[: sold.start() + len(first[0] if first else '')]}:***"
    begin = begin or USER.search(text)
    return f"{text[: begin.end()]}***{text[end:]}" if begin and begin.end() <= end else text


def path_text(path: str) -> str:
    """A path for a message: whole, unless no path is so long, and in quotes where its ends would not be seen."""
    safe = printable(hidden(path))
    safe = safe if len(safe) <= PATH_MAX else f"{safe[:SHOWN_MAX]}..."
    return safe if safe and safe.strip() == safe else f'"{safe}"'


def token(value: object) -> str:
    """Any value of a configuration for an error line."""
    return shown(text_of(value))


def text_of(value: object) -> str:
    """Its text, or its type where Python makes none: a number of 10,000 digits, a thousand lists in each other."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    try:
        return str(value)
    except (ValueError, RecursionError):
        return f"{type(value).__name__} too large to show"


def os_error_text(error: OSError) -> str:
    """The system's words for an errno, without the addresses that event loops add."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else "cannot connect"


def two_digits(number: float) -> str:
    """`1,600,000`, `840`, `7.2`: more would be noise."""
    rounded = float(f"{number:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def rate_text(count: float, seconds: float) -> str:
    """`840/s`; empty for a time too short to tell a rate."""
    return f"{two_digits(count / seconds)}/s" if seconds >= RATE_LEAST_S else ""
