"""What was learned of one registrable name. Nothing is guessed: what could not be learned is `unknown`, with why."""

from dataclasses import dataclass

from scanner.input.line import presentable
from scanner.model import REGISTRATIONS

FREE, REGISTERED, RESERVED, UNKNOWN = VERDICTS = REGISTRATIONS

REASONS = (
    "badline", "no_domain", "no_rdap", "rdap_bad", "whois_bad", "redirect", "address", "ratelimited", "http",
    "timeout", "connection", "proxy", "tls",
)  # fmt: skip
"""The closed list behind key `e` of an unknown; `http` is written with its status code (`http403`)."""

NOT_ASKED = -1  # ms of an answer for which nothing was sent
TEXTS_MAX = 32  # statuses kept
TEXT_MAX = 64  # characters of one


@dataclass(frozen=True, slots=True)
class Answer:
    """`ms` is the round trip of the request that was answered, else the whole time spent."""

    verdict: str  # of VERDICTS
    via: str  # rdap, whois or dns: what was asked
    reason: str = ""  # of REASONS, where the verdict is unknown
    ms: int = 0
    expires: str = ""  # YYYY-MM-DD
    statuses: tuple[str, ...] = ()  # as EPP writes them (RFC 8056): serverHold, redemptionPeriod


def cleaned(texts: list[str]) -> tuple[str, ...]:
    r"""A registry's texts, few and short; what a terminal would not simply show is \DDD."""
    return tuple("".join(map(presentable, text[:TEXT_MAX])) for text in texts[:TEXTS_MAX])


class Refused(Exception):
    """A lookup came to nothing; `reason` is of REASONS. `again`: another try may help, `wait_s` later if
    the registry named a time."""

    def __init__(self, reason: str, *, again: bool = False, wait_s: float | None = None):
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.wait_s = wait_s
