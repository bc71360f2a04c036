"""The questions to one resolver that may still be answered: without I/O, and given the time."""

import os
from collections.abc import Callable
from typing import NamedTuple

from scanner.vetting.messages import end_of_question

QR = 0x80  # of the third octet


class Reply(NamedTuple):
    """The answer to one question."""

    octets: bytes  # whose question is written as it was asked
    round_trip_s: float
    came_s: float  # monotonic
    case_kept: bool | None  # None where the question did not come back


class Asked(NamedTuple):
    """A question in flight."""

    question: bytes
    sent_s: float  # monotonic
    sent_ns: int  # of the wall clock, which is the one that the kernel stamps datagrams with
    heard: Callable[[Reply], object]


class Pending:
    """By message ID; what was asked stays until the end, for a late answer counts too."""

    def __init__(self) -> None:
        self._asked: dict[int, Asked] = {}

    def add(self, query: bytes, now_s: float, now_ns: int, heard: Callable[[Reply], object]) -> bytes:
        """The query under an ID of its own; `heard` is called once, with the first answer to it."""
        number = int.from_bytes(os.urandom(2))
        while number in self._asked:
            number = int.from_bytes(os.urandom(2))
        self._asked[number] = Asked(query[12 : end_of_question(query)], now_s, now_ns, heard)
        return number.to_bytes(2) + query[2:]

    def hear(self, message: bytes, now_s: float, came_ns: int | None = None) -> None:
        """A message: the answer to a question, or what is not for us. `came_ns`: when the kernel had it."""
        if len(message) < 12 or not message[2] & QR:
            return
        number = int.from_bytes(message[:2])
        asked = self._asked.get(number)
        if asked is None:
            return
        end = 12 + len(asked.question)
        question = message[12:end]
        has_question = message[4:6] != b"\0\0"
        if question.lower() != asked.question.lower() if has_question else message[3] & 15 == 0:
            return  # an answer to another question, or to none
        del self._asked[number]
        waited_s = max(now_s - asked.sent_s, 0.0)
        if came_ns is not None:  # a clock that was set meanwhile makes it no longer than it can be
            waited_s = min(max(came_ns - asked.sent_ns, 0) / 1e9, waited_s)
        octets = message[:12] + asked.question + message[end:] if has_question else message
        kept = question == asked.question if has_question else None
        asked.heard(Reply(octets, waited_s, asked.sent_s + waited_s, kept))
