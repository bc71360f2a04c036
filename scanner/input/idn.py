"""U-labels to A-labels by UTS 46 and IDNA 2008; the only home of the `idna` library.

Never IDNA 2003: Python's own codec makes `fass.de` of `faß.de`, which is another domain.
"""

import idna


def ascii_name(text: str) -> str | None:
    """The A-label form of a name with non-ASCII characters, or None when IDNA 2008 has none for it.

    Labels that are ASCII already are left as they are (`_dmarc` is no IDNA label, but a fine DNS one).
    """
    if len(text) > 254:  # before the library looks at it: its cost grows faster than the text
        return None
    try:
        mapped = idna.uts46_remap(text, std3_rules=False, transitional=False)
        return ".".join(label if label.isascii() else idna.alabel(label).decode("ascii") for label in mapped.split("."))
    except (idna.IDNAError, UnicodeError):
        return None
