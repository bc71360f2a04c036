"""Text of others as a page may show it. Whatever a name, an answer or a run's own account holds, no character of it is
invisible or turns the line around, no password is in it, and it is not long."""

from scanner.text import hidden, printable

LONGEST = 200  # characters of the result
READ_MAX = 4096  # characters that are looked at; more than any URL with its password


def plain(text: object, longest: int = LONGEST) -> str:
    """One line of printable text: what is not printable (controls, bidi controls, white space other than the space) is
    its escape, the password of a URL is `***`, and what is beyond `longest` characters is an ellipsis."""
    whole = printable(hidden(str(text)[:READ_MAX]))
    return whole if len(whole) <= longest else f"{whole[: longest - 1]}…"
