"""Hostile messages against the native receive path: a corpus with one file for each oddity, and mutations of it.
The table of verdicts, as `verdict_table.py` reads it, is the oracle. The debug build (scripts/debug-test) runs this
too."""

import random
import time

import dns.name
import orjson
import pytest
from debug_build import IS_DEBUG_BUILD
from make_corpus import CORPUS, FOLDER
from verdict_table import mutated, verdict

from scanner.input.line import classify_line
from scanner.model import FIELDS
from scanner.native.jobs.pool import JobPool
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import PathState
from scanner.native.session import Session

NS, TIMEOUT, WINDOW = 2, 6, 64
LINE_MAX = 2_400_000  # octets of a line: what is spelled out and what always has room (native/output/fields.pxd)


class Victim:
    """A session with names that never end; what it is sent is as hostile as it gets."""

    def __init__(self, *, names: bytes = b"a.com\n", window: int = WINDOW, fields=(), format="compact"):
        self.lines = LineBuffer()
        self.pool = JobPool(self.lines, (NS,), classify_line=classify_line, room_made=lambda: None, retries=0,
                            deadline_s=1e9, fields=fields, format=format)  # fmt: skip
        self.pool.feed(names)
        self.session = Session(self.pool, PathState(), window=window)

    def ids(self) -> list[tuple[bytes, bytes]]:
        """Message ID and question of each query that it sends now."""
        octets, found, at = self.session.fill(1.0) or b"", [], 0
        while at < len(octets):
            size = int.from_bytes(octets[at : at + 2], "big")
            found.append((octets[at + 2 : at + 4], octets[at + 14 : octets.index(b"\0", at + 14) + 5]))
            at += 2 + size
        return found

    def receive(self, *messages: bytes) -> None:
        self.session.receive(b"".join(len(each).to_bytes(2, "big") + each for each in messages), 1.0)

    def rows(self) -> list[dict]:
        return [orjson.loads(line) for line in self.lines.take().splitlines()]


OF_ONE_RESPONSE = ("badresp", "referral", "filtered")  # reasons of errors that need no second look


def disagrees(row: dict, message: bytes) -> str | None:
    """What the table of verdicts, as dnspython reads it, holds against a line; None when it agrees."""
    if row["s"] == "error" and row["e"] not in OF_ONE_RESPONSE:
        return None
    expected = verdict(message, dns.name.from_text(row["d"]), NS)
    return None if expected == (row["s"], row.get("e", "")) else f"the table says {expected}"


def test_the_corpus_is_what_its_script_makes():
    assert {path.stem: path.read_bytes() for path in FOLDER.glob("*.bin")} == CORPUS


VERDICTS = {
    "good": ("taken", None), "nodata": ("taken", "nodata"), "nxdomain": ("nxdomain", None),
    "nxdomain-with-answers": ("error", "badresp"), "cname-nx": ("taken", "cname_nx"), "dname": ("taken", "cname_nx"),
    "cname-loop": ("taken", "nodata"), "counts-that-lie": ("error", "badresp"), "servfail": ("error", "servfail"),
    "rcode-extended": ("error", "rcode16"), "rcode-badcookie": ("error", "rcode23"),
    "name-in-mixed-case": ("taken", None),
    "opt": ("taken", "nodata"), "trailing-octets": ("taken", None), "answer-of-4000-records": ("taken", "nodata"),
    "opt-twice": ("error", "badresp"), "opt-in-the-answer": ("error", "badresp"),
    "truncated-empty": ("error", "badresp"), "truncated-with-data": ("error", "badresp"),
    "rdlength-too-short": ("error", "badresp"), "name-of-256-octets": ("taken", "nodata"),
    "qdcount-0": None, "qdcount-2": None, "query-not-response": None, "opcode-status": None, "class-chaos": None,
    "type-other": None, "name-other": None, "header-only": None, "cut-in-the-question": None,
    "name-of-the-root": None, "cut-in-a-record": ("error", "badresp"), "rdlength-beyond-the-end": ("error", "badresp"),
}  # fmt: skip


ASKED_AGAIN = ("servfail", "rcode-extended", "rcode-badcookie")  # BADVERS too: once more, without EDNS


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.parametrize("fields", [(), FIELDS], ids=["compact", "all fields"])
def test_each_oddity_has_its_verdict_or_none_and_the_table_agrees(name, fields):
    victim = Victim(fields=fields)

    for _ in range(1 + (name in ASKED_AGAIN)):
        ((message_id, _question),) = victim.ids()
        message = message_id + CORPUS[name][2:]
        for at in range(0, len(message) + 2, 977):  # in pieces
            framed = len(message).to_bytes(2, "big") + message
            victim.session.receive(framed[at : at + 977], 1.0)

    octets = victim.lines.take()
    assert octets.isascii()
    assert not any(octet < 32 and octet != 10 for octet in octets)
    rows = [orjson.loads(line) for line in octets.splitlines()]
    assert len(rows) + victim.session.in_flight == 1
    for row in rows:
        assert disagrees(row, message) is None
    if name in VERDICTS:
        assert [(row["s"], row.get("e")) for row in rows] == ([] if VERDICTS[name] is None else [VERDICTS[name]])


@pytest.mark.parametrize("name", [name for name, octets in CORPUS.items() if len(octets) > 10_000])
@pytest.mark.parametrize("fields", [(), FIELDS], ids=["compact", "all fields"])
def test_a_hostile_64_kilobyte_answer_costs_little(name, fields):
    assert_cheap(name, fields=fields)


def assert_cheap(name: str, **options: object) -> None:
    """At most 5 ms of CPU each, forty times over; with sanitizers it costs many times that."""
    rounds, most_s = (2, 0.2) if IS_DEBUG_BUILD else (40, 0.005)
    victim = Victim(names=b"a.com\n" * rounds, window=1, **options)
    begun = time.process_time()
    for _ in range(rounds):
        for message_id, _question in victim.ids():
            victim.receive(message_id + CORPUS[name][2:])
        assert len(victim.lines.take()) < LINE_MAX

    assert time.process_time() - begun < rounds * most_s


def test_mutated_messages_lose_no_name_and_disagree_with_the_table_in_none(full, figure):
    """Every verdict of a thousandth of the rounds, and every `nxdomain` that the original was not, is judged."""
    rounds = 800_000 if full else 1000  # of 64 messages
    random_ = random.Random(20261121)
    originals = [octets for octets in CORPUS.values() if len(octets) < 600]
    victim, count, judged, number, read = Victim(), 0, 0, 0, 0
    for turn in range(rounds):
        if victim.pool.backlog() < 2 * WINDOW:
            victim.pool.feed(b"".join(b"f%d.example\n" % (number + i) for i in range(5000)))
            number += 5000
        sent = {}
        for message_id, question in victim.ids():
            original = random_.choice(originals)
            name = question[1 : 1 + question[0]].decode()
            body = original[12:].replace(b"\1a\3com\0\0\2\0\1", question, 1)
            sent[name] = (message_id + mutated(original[2:12] + body, random_), original)
        victim.receive(*(message for message, _ in sent.values()))
        count += len(sent)
        rows = victim.rows()
        read += len(rows)
        for row in rows:
            name = row["d"].partition(".")[0]
            message, original = sent.get(name, (b"", b""))
            if message and (turn % 1000 == 0 or not full or (row["s"] == "nxdomain" and original[3] & 15 != 3)):
                judged += 1
                assert (reason := disagrees(row, message)) is None, (reason, row, message.hex())
        victim.session.abandon(TIMEOUT, 1.0)
        victim.session.opened()
    victim.pool.end()
    while victim.ids():
        victim.session.abandon(TIMEOUT, 1.0)
        victim.session.opened()
        read += len(victim.rows())
    read += len(victim.rows())

    assert victim.pool.done
    assert read == victim.pool.books.count("read") == victim.pool.books.count("written")
    figure(
        "mutated messages", f"{count:,} received, {judged:,} verdicts held to the table: none disagrees, no name lost"
    )
