"""The canaries of one resolver: those that are open, and what was said of the others. Nothing here sends: questions
come out, messages go in. What did not finish has not passed."""

import secrets
from collections.abc import Sequence

from scanner.model import Resolver
from scanner.native.message.query import encode
from scanner.native.verdict import addresses_in, classify
from scanner.paths.canary import REFERS, Canary, Kind, is_error, lie_of, random_name

FINAL = ("refused", "notimp")  # errors that are a server's policy; of others the second is its answer
ERRORS_MAX = 2
TRUNCATED = 0x02  # of a message's third octet
TRUTHS = ("taken", "nxdomain", "nodata", "cname_nx", "filtered", "elsewhere")  # it knows something, true or not


class Asking:
    """The questions to one resolver. `near` is a name of the input: a server of private zones refuses what is none of
    its business, and one that refuses everything else is asked below that name; "" = it is not."""

    def __init__(self, resolver: Resolver, canaries: Sequence[Canary], near: str = ""):
        self.resolver = resolver
        self.said: dict[Canary, str] = {}  # verdict or reason
        self.is_cut = False  # a datagram could not hold an answer
        self._near = "" if resolver.is_public else near
        self._lie: str | None = None  # None = it is to be looked for again
        self._open: dict[int, Canary] = {}  # by message ID
        self._errors: dict[int, int] = {}
        self._without_edns: set[int] = set()
        for canary in canaries:
            self._add(canary)

    def _add(self, canary: Canary) -> int:
        message_id = secrets.randbelow(65536)
        while message_id in self._open:
            message_id = secrets.randbelow(65536)
        self._open[message_id] = canary
        self._lie = None
        return message_id

    @property
    def open(self) -> list[int]:
        """Message IDs of what is to be asked; none once a lie was told."""
        return [] if self.lie else list(self._open)

    def is_open(self, message_id: int) -> bool:
        """True for one of these."""
        return message_id in self._open and not self.lie

    def query(self, message_id: int) -> bytes:
        """The question's message."""
        canary = self._open[message_id]
        return encode(canary.name.encode(), canary.qtype, message_id, message_id not in self._without_edns)

    def hear(self, message: bytes) -> list[int] | None:
        """A message: IDs of what is to be asked (again) now; None where it answers no question."""
        message_id = int.from_bytes(message[:2], "big")
        canary = self._open.get(message_id)
        found = classify(message, canary.name.encode(), canary.qtype) if canary is not None else None
        if canary is None or found is None:
            return None
        if message[2] & TRUNCATED:
            self.is_cut = True
            return []
        said = found[1] or found[0]
        if said in ("formerr", "notimp") and message_id not in self._without_edns:
            self._without_edns.add(message_id)
            return [message_id]
        if (
            canary.kind is Kind.THERE
            and found == ("taken", "")
            and not addresses_in(message).intersection(canary.addresses)
        ):
            said = "elsewhere"
        self.said[canary], self._lie = said, None
        if is_error(said) and said not in FINAL:
            self._errors[message_id] = self._errors.get(message_id, 0) + 1
            if self._errors[message_id] < ERRORS_MAX:
                return [message_id]
        del self._open[message_id]
        self._lie = None
        return self._ask_near()

    def _ask_near(self) -> list[int]:
        """One question more, where nothing is open and it knew nothing."""
        if self._open or not self._near or self._knows:
            return []
        near, self._near = self._near, ""
        return [self._add(Canary(random_name(near), 1, Kind.NEAR))]

    # -- what it shows -------------------------------------------------------------------------------------------

    @property
    def _knows(self) -> bool:
        return any(said in TRUTHS for said in self.said.values())

    @property
    def lie(self) -> str:
        """What shows that it does not tell the truth; "" when nothing does."""
        if self._lie is None:
            self._lie = self._find_lie()
        return self._lie

    def _find_lie(self) -> str:
        for canary, said in self.said.items():
            if text := lie_of(canary, said):
                return text
        is_over = self.said and not self._open
        return REFERS if is_over and all(said == "referral" for said in self.said.values()) else ""

    @property
    def unfinished(self) -> str:
        """Why it has not passed, though it has not lied; "" when it has passed. A server of private zones that knows
        anything is excused for what it refuses."""
        lacking = len(self._open) - sum(self._open[message_id] in self.said for message_id in self._open)
        if lacking:
            return f"left {lacking} of {lacking + len(self.said)} questions of known answer unanswered"
        errors = sorted({said for canary, said in self.said.items() if is_error(said) and self._is_owed(canary)})
        return f"has no answer to questions of known answer but {', '.join(errors)}" if errors else ""

    def _is_owed(self, canary: Canary) -> bool:
        """True where an error is no answer."""
        if canary.kind is Kind.SUFFIX:
            return False
        return canary.kind is Kind.THERE or not self._knows or self.resolver.is_public

    @property
    def only_refuses(self) -> bool:
        """True when it was heard, and refused all."""
        return bool(self.said) and set(self.said.values()) == {"refused"}

    @property
    def only_fails(self) -> bool:
        """True when it answered all, and nothing but that it has no answer."""
        return bool(self.said) and not self._open and all(map(is_error, self.said.values()))

    @property
    def is_silent(self) -> bool:
        """True when nothing came at all."""
        return not self.said

    def suffixes(self) -> dict[str, str]:
        """What it said of random names below each suffix."""
        return {canary.suffix: said for canary, said in self.said.items() if canary.kind is Kind.SUFFIX}
