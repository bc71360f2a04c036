"""The forms of the largest registries: `dnsscan confirm`, the real command, over all of them through the lab. Nothing
that is not understood is free; a day is right or left out."""

import json
import re

import pytest
from command import ROOT, scan
from test_confirm import confirm

from scanner.lab.registry_forms import FORMS, statuses_of
from scanner.lab.registry_zone import FORM_TLDS, STATES, expires

WORDS = {state: each.found for state, each in STATES.items()} | {"limit": "unknown"}
SIBLINGS = ("nonl", "policy", "terms", "crs", "bom", "swap")
ODD = (
    "both",
    "html",
    "junk",
    "empty",
    "other",
    "late",
    "referral",
    "comment",
    "tail",
    "several",
    "quota",
    "taken",
    "http",
)


@pytest.fixture(scope="module")
def rows(registries):
    """One run over every form and word."""
    names = [f"{word}-f.{tld}" for tld in FORMS for word in (*WORDS, *SIBLINGS, *ODD)]
    done = confirm(registries, "--timeout-ms", "20000", "--lookups", "20", lines=names, limit_s=200)
    assert done.code == 0, done.err
    assert len(done.rows) == len(names)
    return {row["d"]: row for row in done.rows}


def test_the_lab_has_every_form_and_the_client_its_rules():
    shipped = json.loads((ROOT / "scanner" / "registration" / "data" / "whois.json").read_text())

    assert tuple(sorted(FORMS)) == FORM_TLDS
    assert len(FORMS) >= 30
    assert FORMS.keys() <= shipped.keys()


@pytest.mark.parametrize("tld", FORMS)
def test_a_registry_is_read_as_it_writes(rows, tld):
    found = {word: rows[f"{word}-f.{tld}"] for word in WORDS}

    assert {word: row["c"] for word, row in found.items()} == WORDS
    assert found["limit"]["e"] == "ratelimited"
    assert rows[f"nonl-f.{tld}"]["c"] == "free"
    for word in ("registered", "hold", "redemption"):
        row = found[word]
        assert row.get("exp") == (expires(row["d"]).isoformat() if FORMS[tld].has_day else None)
        assert row.get("st", []) == statuses_of(tld, STATES[word].whois)


@pytest.mark.parametrize("tld", FORMS)
def test_what_is_not_understood_is_never_free(rows, tld):
    found = {word: rows[f"{word}-f.{tld}"]["c"] for word in ODD}

    assert "free" not in found.values(), found
    assert (found["comment"], found["several"]) == ("registered", "registered")
    assert rows[f"policy-f.{tld}"]["c"] == "reserved"
    assert [rows[f"{word}-f.{tld}"]["c"] for word in ("terms", "crs", "bom")] == ["free"] * 3
    if "{name}" in FORMS[tld].free or "{upper}" in FORMS[tld].free:  # else it says of no name that it is free
        assert rows[f"swap-f.{tld}"]["c"] == "unknown"


def test_the_page_of_registries_has_them_all():
    page = (ROOT / "docs" / "reference" / "registries.md").read_text()
    shipped = json.loads((ROOT / "scanner" / "registration" / "data" / "whois.json").read_text())
    cells = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `")]
    told = [tld for cell in cells for tld in re.findall(r"`([a-z]+)`", cell)]

    assert sorted(told) == sorted(shipped)


def test_the_shipped_table_can_be_read():
    assert scan("confirm", names="a.nosuchtld\n").row["e"] == "no_rdap"
