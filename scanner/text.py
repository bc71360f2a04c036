"""How anything is printed safely: no control characters, no passwords, no line without an end."""

import os
import re

SHOWN_MAX = 60  # characters of a token


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


def hidden(text: str) -> str:
    """The text with `***` where a URL has its password, in case a proxy was given in another thing's place."""
    begin, end = re.search(r":/+[^:@/\s]*:", text), text.rfind("@")  # once each: a token may have a million characters
    return f"{text[: begin.end()]}***{text[end:]}" if begin and begin.end() <= end else text


def token(value: object) -> str:
    """Any value of a configuration for an error line."""
    return shown(text_of(value))


def text_of(value: object) -> str:
    """Its text, or its type where Python makes none: a number of 10,000 digits, a thousand lists in each other."""
    try:
        return str(value)
    except (ValueError, RecursionError):
        return f"{type(value).__name__} too large to show"


def os_error_text(error: OSError) -> str:
    """The system's words for an errno, without the addresses that event loops add."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else "cannot connect"
