"""What a resolver says of names that nobody has, and of names that exist."""

from dataclasses import dataclass, field

TOP = "com"  # a name that every resolver of the public DNS has at hand
NOBODYS = "names under .{} that do not exist"
LIE = f"answers {NOBODYS}"
IS_HONEST = {"nxdomain": True, "taken": False}  # NODATA, an alias and a delegation are `taken` too: they say it exists


def both(one: bool | None, other: bool | None) -> bool | None:
    """False where either is; True where one is and the other does not contradict."""
    return False if False in (one, other) else one if other is None else other


@dataclass
class Honesty:
    """Of one resolver. Outcomes are by the suffix of the name that was asked; "" is no answer."""

    outcomes: dict[str, str] = field(default_factory=dict)  # over what it is to be used over
    over_tcp: dict[str, str] = field(default_factory=dict)  # where that is UDP: what is too long is asked over TCP
    wildcards: set[str] = field(default_factory=set)  # suffixes under which no answer is a lie
    exists: bool | None = None  # says that those exist which do
    denied: str = ""  # the first of them that does not, here

    def about(self, suffix: str) -> bool | None:
        """Whether it is honest about names under it; None where that is not known."""
        seen = {IS_HONEST.get(outcomes.get(suffix, "")) for outcomes in (self.outcomes, self.over_tcp)}
        return None if suffix in self.wildcards else False if False in seen else True if True in seen else None

    def learn_of_top(self, is_public: bool, outcome: str) -> None:
        """What it said of `com`: to deny it is a lie of a resolver of the public DNS; others may do without it."""
        self.exists = {"taken": True, "nxdomain": False if is_public else None}.get(outcome)
        if self.exists is False:
            self.denied = TOP

    @property
    def lies(self) -> list[str]:
        """What was said that is not so."""
        found = [LIE.format(suffix) for suffix in self.outcomes if self.about(suffix) is False]
        return [*found, f"denies {self.denied}, which exists"] if self.exists is False else found

    @property
    def is_sound(self) -> bool:
        """True where nothing speaks against it but what it says of suffixes, which may have a wildcard."""
        return self.about("invalid") is True and self.about("com") is True and self.exists is not False

    @property
    def useless(self) -> tuple[str, str] | None:
        """A verdict and why, where names have been asked and none has got an answer that can be used."""
        seen = set(self.outcomes.values())
        if len(self.outcomes) < 2 or seen & {"nxdomain", "taken", ""} or self._all_over_tcp:
            return None
        if seen == {"refused"}:
            return "refusing", "REFUSED to every name"
        if "referral" in seen:
            return "referring", "answers with the names of other servers"
        return "failing", f"no name got a verdict ({', '.join(sorted(seen))})"

    @property
    def unproven(self) -> list[str]:
        """Suffixes of which it has said nothing."""
        if self._all_over_tcp:
            return []
        return [name for name, word in self.outcomes.items() if word != "nxdomain" and name not in self.wildcards]

    @property
    def _all_over_tcp(self) -> bool:
        """True for one that tells everybody over UDP to come by TCP, and answers there."""
        return set(self.outcomes.values()) == {"truncated"} and set(self.over_tcp.values()) == {"nxdomain"}
