"""The name that a registry would sell: one label below the public suffix. The only home of publicsuffixlist.

Only the ICANN section of the list counts: `foo.github.io` is a customer's name, not one at a registry.
"""

import re
from functools import cache

from publicsuffixlist import PublicSuffixList

LABELS = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@cache
def suffixes() -> PublicSuffixList:
    """The list of the installed package; nothing is fetched. An unknown TLD is taken for a suffix."""
    return PublicSuffixList(only_icann=True)


def registrable(name: str) -> str:
    """`b.example.co.uk` -> `example.co.uk`, in lower case; "" where no registry sells such a name. A-labels only."""
    name = name.lower().removesuffix(".")
    if len(name) > 253 or not LABELS.fullmatch(name) or name.rpartition(".")[2].isdecimal():
        return ""
    return suffixes().privatesuffix(name) or ""
