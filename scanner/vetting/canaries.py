"""Names that cannot exist, names that must, and what an answer about them shows."""

import secrets
from collections.abc import Sequence
from ipaddress import ip_address

from scanner.native.verdict import classify
from scanner.vetting.messages import NXDOMAIN, REFUSED, SERVFAIL, A, read
from scanner.vetting.settings import Canary

LABEL_OCTETS = 11  # of chance: nobody has registered it, and nobody has asked for it
TC = 2  # of the third octet
WORDS = {SERVFAIL: "servfail", REFUSED: "refused", NXDOMAIN: "nxdomain"}


def name_of_nobody(suffix: str) -> str:
    """A new one each time. It begins as it does so that whoever reads a log knows what it is."""
    return f"nx-{secrets.token_hex(LABEL_OCTETS)[1:]}.{suffix}"


def outcome(response: bytes, name: str, qtype: int = A) -> str:
    """What a scan would make of it: `nxdomain`, `taken`, `truncated`, or the reason of an error."""
    if response[2] & TC:
        return "truncated"
    found = classify(response, name.encode(), qtype)
    if found is None:  # a server that does not even give the question back
        return WORDS.get(response[3] & 15, "badresp")
    verdict, reason = found
    return reason if verdict == "error" else verdict


def has_address(response: bytes, canary: Canary) -> bool | None:
    """Whether a name that must exist has the address that it must have; None of a failure."""
    said = read(response)
    word = outcome(response, canary.name, qtype_of(canary))
    if said is None or word not in ("taken", "nxdomain"):
        return None
    return canary.address in [ip_address(text) for text in said.records]


def qtype_of(canary: Canary) -> int:
    return A if canary.address.version == 4 else 28


def kind_of(canary: Canary) -> str:
    return "A" if canary.address.version == 4 else "AAAA"


def first_denied(canaries: Sequence[Canary], seen: Sequence[bool | None]) -> str:
    """The name of the first that was denied."""
    return next((canary.name for canary, honest in zip(canaries, seen, strict=True) if honest is False), "")
