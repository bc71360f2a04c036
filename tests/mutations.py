"""Responses to `a.com`, four of five mutated: what the native verdict, its fields and its fingerprint say of each, held
to the table of verdicts as `verdict_table.py` reads it.

    python tests/mutations.py [COUNT] [SEED]      # 10 million, on every core

Prints the counts as JSON; ends with 1 where fewer were read than asked for, or the readings disagree about one.
"""

import json
import os
import random
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import dns.name
import dns.rdatatype as types
from verdict_table import Verdict, made, mutated, own_records, verdict

from scanner.native.message.fingerprint import fingerprint
from scanner.native.output.fields import ResponseFields
from scanner.native.verdict import classify

NAME = dns.name.from_text("a.com.")
COUNT = 10_000_000
FIELDS = ResponseFields(("a", "cn"))
ITEMS_MAX = 64
EACH = 5  # messages of one that is sound: itself, and mutated
SHOWN = 5  # disagreements


@dataclass
class Counts:
    """Of one run."""

    asked: int
    read: int = 0
    verdicts: Counter = field(default_factory=Counter)  # by what the table says; None: no response to the question
    disagreements: list[str] = field(default_factory=list)

    def add(self, other: "Counts") -> None:
        self.asked += other.asked
        self.read += other.read
        self.verdicts += other.verdicts
        self.disagreements += other.disagreements

    @property
    def hold(self) -> bool:
        return self.read == self.asked == self.verdicts.total() and not self.disagreements


def told(octets: bytes, qtype: int) -> dict:
    return json.loads(b"{" + FIELDS.describe(octets, b"a.com", qtype)[1:] + b"}")


def contradiction(octets: bytes, qtype: int, expected: Verdict | None) -> str | None:
    """What is said of a response that the table does not say."""
    found = classify(octets, b"a.com", qtype)
    if found != expected:
        return f"verdict {found}"
    if expected is None or expected[0] != "taken":
        return None
    row, why = told(octets, qtype), expected[1]
    if why == "cname_nx":
        if not (row["cn"] or row["a"]):  # a question for aliases has them as its answer
            return "no alias"
    elif bool(row["a"]) != (not why or (why == "referral" and qtype == types.NS)):
        return f"a {row['a']}"
    own = 0 if why else own_records(octets, NAME, qtype)
    if len(fingerprint(octets, b"a.com", qtype)) != min(own or 1, ITEMS_MAX):
        return "fingerprint"
    return None


def run(count: int, seed: int) -> Counts:
    dice, counts = random.Random(seed), Counts(count)
    for turn in range(count):
        if turn % EACH == 0:
            original, qtype = made(dice)
        octets = mutated(original, dice) if turn % EACH else original
        expected = verdict(octets, NAME, qtype)
        counts.verdicts[expected] += 1
        if reason := contradiction(octets, qtype, expected):
            counts.disagreements.append(f"the table says {expected}, not {reason}: {qtype} {octets.hex()}")
        counts.read += 1
    return counts


def run_on_every_core(count: int, seed: int) -> Counts:
    """In pieces, each with a seed of its own."""
    cores = len(os.sched_getaffinity(0))
    pieces = 10 * cores
    sizes = [count // pieces + (index < count % pieces) for index in range(pieces)]
    total = Counts(0)
    with ProcessPoolExecutor(cores) as pool:
        for counts in pool.map(run, sizes, range(seed, seed + pieces)):
            total.add(counts)
    return total


def main(count: int = COUNT, seed: int = 20261130) -> int:
    counts = run_on_every_core(count, seed)
    verdicts: Counter = Counter()
    for each, number in counts.verdicts.most_common():
        verdicts[" ".join(filter(None, each)).rstrip("0123456789") if each else "no response"] += number
    print(json.dumps({"asked": count, "read": counts.read, "disagreements": len(counts.disagreements), **verdicts}))
    for each in counts.disagreements[:SHOWN]:
        print(each, file=sys.stderr)
    return int(not counts.hold or counts.asked != count)


if __name__ == "__main__":
    sys.exit(main(*(int(each) for each in sys.argv[1:])))
