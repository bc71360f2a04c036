"""What is asked before the scan: what does this resolver say of names that do not exist?

Captive portals and some access providers invent answers; every NXDOMAIN of the scan would then be a `taken`. A server
that only names other servers (an upward referral) is no resolver, and knows nothing of the scan's names.
"""

import secrets
from typing import NamedTuple

NOBODY_HAS = ("{}.invalid", "{}.com")  # RFC 6761 section 6.4, and a TLD where random names are free
A = 1
INVENTS = "answers names that do not exist (NXDOMAIN rewriting)"
REFERS = "does not resolve: it answers with the names of other servers (referrals)"


def names_of_nobody() -> list[str]:
    """The names for one resolver: new ones each time."""
    return [pattern.format(secrets.token_hex(12)) for pattern in NOBODY_HAS]


class Heard(NamedTuple):
    """How often a resolver has answered so far, and how."""

    responses: int
    taken: int  # with what would be a `taken`, without any reason
    referrals: int

    @property
    def is_enough(self) -> bool:
        """All are answered, or one is not as a resolver with a fault would: who refuses one name does not invent it."""
        return self.responses == len(NOBODY_HAS) or self.responses > max(self.taken, self.referrals)

    @property
    def fault(self) -> str:
        """What is wrong with a resolver that said the same of every name; "" when nothing is known to be."""
        if self.taken == len(NOBODY_HAS):
            return INVENTS
        return REFERS if self.referrals == len(NOBODY_HAS) else ""
