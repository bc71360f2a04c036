"""Days as registries write them: a text in, `2027-01-29` out, or nothing. A text that is not understood whole, or that
could be two days (`08/07/2027`), gives none. Each form has its test.
"""

import re
from datetime import date

MONTH = r"(?P<word>[a-z]{3,9})"
YEAR, NUMBER, DAY = r"(?P<year>\d{4})", r"(?P<month>\d{1,2})", r"(?P<day>\d{1,2})"
CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:\s?[ap]m)?"
ZONE = r"\s*(?:z|utc|gmt|[a-z]{3,4}|(?:utc|gmt)?[+-]\d\d?:?(?:\d\d)?(?::\d\d)?)?"
REST = rf"(?:(?:t|\s+|\s*:\s*)\(?{CLOCK}{ZONE}\)?|\s*(?:utc|gmt|z))?(?:\s*\([^()]*\))?\s*\.?"
ORDINAL = "(?:st|nd|rd|th)?"
FORMS = [
    re.compile(form + REST, re.ASCII | re.IGNORECASE)
    for form in (
        rf"{YEAR}(?P<s>[-/.]){NUMBER}(?P=s){DAY}",
        rf"{YEAR}\.\s{NUMBER}\.\s{DAY}",
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)",
        rf"{DAY}(?P<s>[-.])\s?{NUMBER}(?P=s)\s?{YEAR}",
        rf"{YEAR}[-\s./]{MONTH}[-\s./]{DAY}",
        rf"{DAY}{ORDINAL}[-\s./]{MONTH}[-\s./,]\s?{YEAR}",
        rf"(?:[a-z]{{3,9}},?\s+)?{MONTH}\s+{DAY}{ORDINAL},?\s+{YEAR}",
        rf"[a-z]{{3,9}},?\s+{DAY}\s+{MONTH}\s+{YEAR}",
        rf"[a-z]{{3}}\s+{MONTH}\s+{DAY}\s+{CLOCK}\s+(?:[a-z]{{3,4}}\s+)?{YEAR}",
    )
]
SLASHED = re.compile(r"(?P<one>\d{1,2})/(?P<two>\d{1,2})/(?P<year>\d{4})" + REST, re.ASCII | re.IGNORECASE)


def day(text: object, order: str = "") -> str:
    """ISO 8601. `order` (`dmy` or `mdy`) says how a registry means `08/07/2027`."""
    if not isinstance(text, str) or len(text) > 64:
        return ""
    text = text.strip()
    for form in FORMS:
        if found := form.fullmatch(text):
            parts = found.groupdict()
            month = int(parts["month"]) if parts.get("month") else month_of(parts["word"])
            return iso(int(parts["year"]), month, int(parts["day"]))
    return slashed(text, order)


def slashed(text: str, order: str) -> str:
    """`29/01/2027` and `01/29/2027` can only be one day; of others the registry's order has to be known."""
    found = SLASHED.fullmatch(text)
    if found is None:
        return ""
    year, one, two = int(found["year"]), int(found["one"]), int(found["two"])
    days = {iso(year, two, one)} if order == "dmy" else {iso(year, one, two)} if order == "mdy" else {
        each for each in (iso(year, two, one), iso(year, one, two)) if each}  # fmt: skip
    return days.pop() if len(days) == 1 else ""


def month_of(word: str) -> int:
    """1 to 12 for an English month, whole or its first three letters; 0 for none."""
    names = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
             "november", "december")  # fmt: skip
    word = word.lower()
    return next((number for number, name in enumerate(names, 1) if word in (name, name[:3])), 0)


def iso(year: int, month: int, number: int) -> str:
    """The day, or nothing where there is none such."""
    try:
        return date(year, month, number).isoformat()
    except ValueError:
        return ""
