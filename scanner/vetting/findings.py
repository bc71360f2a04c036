"""What is known of one resolver, and the one word that it comes to. Nothing is said that was not shown: what was not
asked, or not answered, is None."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from scanner.model import place_text
from scanner.vetting.honesty import LIE, NOBODYS, Honesty
from scanner.vetting.settings import Listed

VERDICTS = ("good", "slow", "lossy", "unproven", "failing", "referring", "refusing", "lying", "silent", "unfinished")
"""Key `verdict`; `good` alone is to be used."""

UNFINISHED = "unfinished", "the vetting was stopped"
LOSS_MAX = 0.05  # of a good one: 2 of 50
SLOW_SHARE = 0.5  # of the timeout
WAYS = ("udp", "tcp", "tls")


@dataclass
class Abilities:
    """What it can do, and what it says it is. The names are those of the keys."""

    edns: bool | None = None
    cookies: bool | None = None
    case: bool | None = None
    validates: bool | None = None
    ecs: bool | None = None
    version: str | None = None
    nsid: str | None = None


@dataclass
class Findings:
    """Of one resolver of the list. Truths are True, False, or None where that is not known."""

    listed: Listed
    suffixes: Sequence[str] = ()  # that were given
    timeout_s: float = 2.0
    ways: dict[str, bool | None] = field(default_factory=lambda: dict.fromkeys(WAYS))  # answers over it
    trouble: dict[str, str] = field(default_factory=dict)  # why not, or what is wrong there
    over: str | None = None  # of these, what everything else was asked over
    honesty: Honesty = field(default_factory=Honesty)
    abilities: Abilities = field(default_factory=Abilities)
    round_trips_ms: list[float] = field(default_factory=list)
    loss: float | None = None
    rate: int | None = None
    queries: int = 0
    is_complete: bool = False  # it was asked everything that there was to ask

    def heard(self, way: str, suffix: str, outcome: str) -> None:
        """What became of a name under `suffix` that does not exist; "" of one without an answer."""
        if way == self.over:
            self.honesty.outcomes[suffix] = outcome
        elif way == "tcp" and self.over == "udp":
            self.honesty.over_tcp[suffix] = outcome
        elif outcome == "taken":
            self.trouble[way] = LIE.format(suffix)

    # -- what it comes to --

    @property
    def verdict(self) -> str:
        """One of VERDICTS."""
        return self.judged[0]

    @property
    def judged(self) -> tuple[str, str | None]:
        """The verdict, and why where it is not good."""
        if lies := self.honesty.lies:
            return "lying", "; ".join(lies)
        if self.over is None:
            return ("silent", self._silence()) if self.is_complete else UNFINISHED
        return self.honesty.useless or (self._quality() if self.is_complete else UNFINISHED)

    @property
    def lies_about_suffixes_only(self) -> bool:
        """True where only names under a suffix that was given speak against it."""
        return self.honesty.is_sound and bool(self.honesty.lies)

    def _silence(self) -> str:
        way = "udp" if self.listed.is_bare else self.listed.resolver.scheme
        others = [other for other, answers in self.ways.items() if answers]
        if others:
            return f"no answer over {way}, but over {', '.join(others)}"
        return f"no answer over {way}" + (f": {self.trouble[way]}" if way in self.trouble else "")

    def _quality(self) -> tuple[str, str | None]:
        if self.loss is not None and self.loss > LOSS_MAX:
            return "lossy", f"{self.loss:.0%} of queries without an answer"
        if unproven := self.honesty.unproven:
            return "unproven", f"said nothing of {' and '.join(map(NOBODYS.format, unproven))}"
        p50_ms, most_ms = self.quantile_ms(0.5), self.timeout_s * SLOW_SHARE * 1000
        if p50_ms is not None and p50_ms > most_ms:
            return "slow", f"half of its answers take more than {most_ms:.0f} ms"
        return "good", None

    def quantile_ms(self, share: float) -> float | None:
        """Of the round trips: the least that so many did not exceed."""
        ordered = sorted(self.round_trips_ms)
        return round(ordered[math.ceil(share * len(ordered)) - 1], 3) if ordered else None

    @property
    def use(self) -> str | None:
        """As -r takes it; None where it is not to be used."""
        resolver = self.listed.resolver
        if self.over is None or self.verdict != "good":
            return None
        if self.over == resolver.scheme:
            return str(resolver)
        return f"{self.over}://{place_text(resolver.address, resolver.port)}"

    def as_line(self) -> dict[str, Any]:
        """The keys of its line, always all of them."""
        (verdict, why), honesty = self.judged, self.honesty
        return {
            "ns": self.listed.text, "verdict": verdict, "why": why, "use": self.use, "over": self.over, **self.ways,
            "p50_ms": self.quantile_ms(0.5), "p99_ms": self.quantile_ms(0.99),
            "loss": None if self.loss is None else round(self.loss, 3), "rate": self.rate,
            "invalid": honesty.about("invalid"), "com": honesty.about("com"),
            "suffixes": {suffix: honesty.about(suffix) for suffix in self.suffixes}, "exists": honesty.exists,
            **asdict(self.abilities), "trouble": self.trouble,
        }  # fmt: skip
