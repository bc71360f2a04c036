"""The books of parts, of each and merged."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from scanner.cluster.plan import Plan
from scanner.model import VERDICTS
from scanner.results.parts import part_name

ROWS = {"resolvers": "resolver", "proxies": "proxy"}  # of a summary, and the key of a row's name
FIGURES = ("queries", "responses", "losses")  # of such a row
COUNTS = ("read", "blank", "expected", "written", "filtered", "taken", "nxdomain", "error", "queries", "responses",
          "retried", "second", "recovered", "doubted", "random", "uncompared", "strays")  # fmt: skip
"""Counts of a scan's summary that add up over parts."""


def fits(books: Any, plan: Plan, number: int, sizes: Mapping[str, int]) -> TypeGuard[dict[str, Any]]:
    """True for the books of a whole part of this plan, whose lines are there."""
    try:
        return bool(
            books["dnsscan_part"] == 1
            and books["part"] == plan.part(number).as_table()
            and books["config_sha256"] == plan.config_sha256
            and books["output"]["name"] == f"{part_name(number)}.{plan.ending}"
            and sizes.get(books["output"]["name"]) == books["output"]["octets"]
            and can_be_added(books)
        )
    except (AttributeError, KeyError, TypeError, IndexError):
        return False


def can_be_added(books: Mapping[str, Any]) -> bool:
    """True for what a part of this version says, as far as it is added up. May raise KeyError, TypeError ..."""
    numbers = [books["input"]["octets"], *(books["counts"][key] for key in COUNTS), *books["reasons"].values()]
    numbers += [row[key] for kind in ROWS for row in books[kind] for key in FIGURES]
    names = [row[name] for kind, name in ROWS.items() for row in books[kind]]
    return all(type(each) is int for each in numbers) and all(type(each) is str for each in names)


class Total:
    """All parts together."""

    def __init__(self) -> None:
        self.parts: set[int] = set()
        self.counts = Counter(dict.fromkeys(COUNTS, 0))
        self.reasons: Counter[str] = Counter()
        self.octets = self.input_octets = 0
        self.rows: dict[str, dict[str, Counter[str]]] = {kind: {} for kind in ROWS}

    def add(self, books: Mapping[str, Any]) -> None:
        """One part, once."""
        number = books["part"]["number"]
        if number in self.parts:
            return
        self.parts.add(number)
        self.counts.update(books["counts"])
        self.reasons.update(books["reasons"])
        self.octets += books["output"]["octets"]
        self.input_octets += books["input"]["octets"]
        for kind, rows in self.rows.items():
            for row in books[kind]:
                figures = {key: row[key] for key in FIGURES}
                rows.setdefault(row[ROWS[kind]], Counter()).update(figures)

    @property
    def finished(self) -> int:
        """Names that have a verdict."""
        return sum(self.counts[verdict] for verdict in VERDICTS)

    def faults(self, plan: Plan) -> list[str]:
        """What does not add up, where every part is there: the parts do not make up the input, or a part's own books
        are wrong."""
        counts, found = self.counts, []
        if not self.finished == counts["expected"] == counts["written"] + counts["filtered"]:
            found.append("names to be asked, verdicts and lines are not as many")
        if plan.files and self.input_octets != plan.octets:
            found.append(f"the parts hold {self.input_octets:,} octets, the input {plan.octets:,}")
        if not plan.files and counts["read"] != plan.candidates:
            found.append(f"the parts hold {counts['read']:,} names, the patterns make {plan.candidates:,}")
        return found

    def as_table(self, plan: Plan, failed: Mapping[int, str], seconds: float) -> dict[str, Any]:
        """For books.json."""
        return {
            "dnsscan_cluster": 1, **self.counts, "reasons": dict(self.reasons), "parts": len(self.parts),
            "parts_planned": plan.count, "failed": {part_name(number): why for number, why in sorted(failed.items())},
            "input_octets": self.input_octets, "output_octets": self.octets, "seconds": round(seconds, 3),
            **{kind: listed(kind, rows) for kind, rows in self.rows.items()},
        }  # fmt: skip


def listed(kind: str, rows: Mapping[str, Counter[str]]) -> list[dict[str, Any]]:
    """Rows with their names, as a scan's summary has them."""
    return [{ROWS[kind]: name, **counts} for name, counts in rows.items()]


def of_parts(numbers: Iterable[int], total: int) -> str:
    """`part-000003, part-000007 and 12 more`."""
    wanted = sorted(numbers)
    more = f" and {len(wanted) - 5:,} more" if len(wanted) > 5 else ""
    return ", ".join(part_name(number) for number in wanted[:5]) + more + f" of {total:,}"
