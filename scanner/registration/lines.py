"""Input lines in, output lines out: what a line asks for, and the line with its answer. It does no I/O.

A line is a scan's result (one JSON object) or a bare name. Its own keys are kept, those of the answer are added.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import orjson

from scanner.input.line import classify_line, shown
from scanner.input.nesting import NESTED_MAX, is_too_deep
from scanner.model import VERDICTS
from scanner.registration.answer import NOT_ASKED, REGISTERED, UNKNOWN, Answer
from scanner.registration.domain import registrable

LINE_MAX = 1 << 20  # octets; a result with all its records
SHOWN_MAX = 256  # octets of a line that is none, in its output line
WILDCARD = "wildcard"  # a reason of names that exist as every name does: of them the DNS proves nothing
NOTHING_SENT = ("badname", "special")  # reasons of a scan that no registry can change
TAKEN = re.compile(  # lines as a scan nearly always writes them, one after another: answered without reading their JSON
    rb'(?:\{"d":"[^"\\\x00-\x1f]*","s":"taken","r":\d+,"ms":\d+,"re":(?:true|false)(?:,"e":"(?!wildcard")[a-z0-9_]+")?'
    rb'(?:,"x":\d+)?(?:,"n":\d+)?\}\n)++'  # possessive: no memory of each line's begin
)
EXISTS = Answer(REGISTERED, "dns", ms=NOT_ASKED)
FAILED = Answer(UNKNOWN, "", ms=NOT_ASKED)
Finished = tuple[bytes, Answer]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A line whose domain is to be asked."""

    domain: str
    text: bytes


def in_the_dns(lines: bytes) -> bytes:
    """The output lines of lines that TAKEN matches: in them a brace before a newline ends a line."""
    return lines.replace(b"}\n", b',"c":"registered","via":"dns"}\n')


def read(text: bytes, also_errors: bool) -> Finished | Waiting | None:
    """The output line and its answer, or the domain that it waits for, or None for a blank line or a comment."""
    text = text.strip(b" \t\r")
    if not text or text.startswith(b"#"):
        return None
    row = row_of(text)
    if row is None:
        return finish({"d": json.loads(b'"%b"' % shown(text[:SHOWN_MAX]))}, Answer(UNKNOWN, "", "badline"))
    verdict = row.get("s", "nxdomain")
    if verdict == "taken" and row.get("e") != WILDCARD:
        return finish(row, EXISTS)
    if verdict == "error" and not (also_errors and row.get("e") not in NOTHING_SENT):
        return finish(row, FAILED)
    asked = row.get("q", row["d"])
    domain = registrable(asked) if isinstance(asked, str) else ""
    if not domain:
        return finish(row, Answer(UNKNOWN, "", "no_domain"))
    return Waiting(domain, text)


def row_of(text: bytes) -> dict[str, Any] | None:
    """A result line's members, or `d` (and `q`) of a bare name; None for neither."""
    if len(text) > LINE_MAX:
        return None
    if not text.startswith(b"{"):
        name, quoted, reason, _ = classify_line(text)
        if reason or not name:
            return None
        asked = name.decode("ascii")
        return {"d": asked} if quoted is None else {"d": json.loads(b'"%b"' % quoted), "q": asked}
    try:
        row = orjson.loads(text)
    except ValueError:
        return None
    is_ours = isinstance(row, dict) and isinstance(row.get("d"), str) and row.get("s") in VERDICTS
    return None if not is_ours or (may_be_deep(text) and is_too_deep(row)) else row


def may_be_deep(text: bytes) -> bool:
    """False, at little cost, for nearly all lines: there are not enough brackets."""
    return text.count(b"[") + text.count(b"{") > NESTED_MAX


def finish(row: dict[str, Any], answer: Answer) -> Finished:
    """The output line. `ms` and `e` of the scan stay where no request was made."""
    added: dict[str, Any] = {"c": answer.verdict}
    if answer.via:
        added["via"] = answer.via
        if answer.ms != NOT_ASKED:
            added["ms"] = answer.ms
    if answer.expires:
        added["exp"] = answer.expires
    if answer.statuses:
        added["st"] = answer.statuses
    if answer.reason:
        added["e"] = answer.reason
    return json.dumps({**row, **added}, separators=(",", ":")).encode("ascii") + b"\n", answer


def answered(domain: str, text: bytes, answer: Answer) -> Finished:
    """The output line of a line that waited for this domain. Raises ValueError where it cannot have waited."""
    row = row_of(text)
    if row is None:
        raise ValueError("no line that waits for an answer")
    if not isinstance(row.get("q", row["d"]), str):
        raise ValueError("no name to ask about")
    is_other = domain != row["d"].lower().removesuffix(".")
    return finish({**row, "reg": domain} if is_other else row, answer)
