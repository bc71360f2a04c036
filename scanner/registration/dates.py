"""Days as registries write them: a text in, `2027-01-29` out, or nothing. A text that is not understood whole, that
could be two days (`08/07/2027`), whose weekday is another day's, or whose year is none of a registration, gives none.
Each form has its test.
"""

import re
from datetime import date

MONTH = r"(?P<word>[a-z]{3,9})"
YEAR, NUMBER, DAY = r"(?P<year>\d{4})", r"(?P<month>\d{1,2})", r"(?P<day>\d{1,2})"
CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:\s?[ap]m)?"
ZONE = r"\s*(?:z|utc|gmt|[a-z]{3,4}|(?:utc|gmt)?[+-]\d\d?:?(?:\d\d)?(?::\d\d)?)?"
REST = rf"(?:(?:t|,?\s+|\s*:\s*)\(?{CLOCK}{ZONE}\)?|\s*(?:utc|gmt|z))?(?:\s*\([^()]*\))?\s*\.?"
ORDINAL = "(?:st|nd|rd|th)?"
WEEKDAY = r"(?P<weekday>[a-z]{3,9})"
BEFORE = rf"(?:{WEEKDAY},?\s+)?"
FORMS = [
    re.compile(form + REST, re.ASCII | re.IGNORECASE)
    for form in (
        rf"{BEFORE}{YEAR}(?P<s>[-/.]){NUMBER}(?P=s){DAY}",
        rf"{YEAR}\.\s{NUMBER}\.\s{DAY}",
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)",
        rf"{YEAR}\s?年\s?{NUMBER}\s?月\s?{DAY}\s?日",
        rf"{YEAR}\s?년\s?{NUMBER}\s?월\s?{DAY}\s?일",
        rf"{BEFORE}{DAY}\.\s?{NUMBER}\.\s?{YEAR}",
        rf"{YEAR}[-\s./]{MONTH}[-\s./]{DAY}",
        rf"{BEFORE}{DAY}{ORDINAL}[-\s./]{MONTH}[-\s./,]\s?{YEAR}",
        rf"{BEFORE}{MONTH}[-\s.]\s?{DAY}{ORDINAL}[-,]?\s*(?<![0-9]){YEAR}",
        rf"{WEEKDAY}\s+{MONTH}\s+{DAY}\s+{CLOCK}\s+(?:[a-z]{{3,4}}\s+)?{YEAR}",
    )
]
TWO_WAYS = re.compile(r"(?P<one>\d{1,2})(?P<s>[-/])(?P<two>\d{1,2})(?P=s)(?P<year>\d{4})" + REST,
                      re.ASCII | re.IGNORECASE)  # fmt: skip
MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december")  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SHORTER = {"sept": "sep", "tues": "tue", "thur": "thu", "thurs": "thu"}
FIRST_YEAR, LAST_YEAR = 1985, 2299  # else a calendar that is not ours (2570, 1405), or no date (1970, 0001)
FOR_EVER = 9999


def day(text: object, order: str = "") -> str:
    """ISO 8601. `order` (`dmy` or `mdy`) says how a registry means `08/07/2027`."""
    if not isinstance(text, str) or len(text) > 64:
        return ""
    text = text.strip()
    for form in FORMS:
        if found := form.fullmatch(text):
            parts = found.groupdict()
            month = int(parts["month"]) if parts.get("month") else number_of(parts["word"], MONTHS)
            return iso(int(parts["year"]), month, int(parts["day"]), parts.get("weekday"))
    return two_ways(text, order)


def two_ways(text: str, order: str) -> str:
    """`29/01/2027` and `01/29/2027` can only be one day; of others the registry's order has to be known."""
    found = TWO_WAYS.fullmatch(text)
    if found is None:
        return ""
    year, one, two = int(found["year"]), int(found["one"]), int(found["two"])
    days = {iso(year, two, one)} if order == "dmy" else {iso(year, one, two)} if order == "mdy" else {
        each for each in (iso(year, two, one), iso(year, one, two)) if each}  # fmt: skip
    return days.pop() if len(days) == 1 else ""


def number_of(word: str, names: tuple[str, ...]) -> int:
    """From 1, for an English month or weekday, whole or its first three letters; 0 for none."""
    word = SHORTER.get(word.lower(), word.lower())
    return next((number for number, name in enumerate(names, 1) if word in (name, name[:3])), 0)


def iso(year: int, month: int, number: int, weekday: str | None = None) -> str:
    """The day, or nothing where there is none such."""
    try:
        found = date(year, month, number)
    except ValueError:
        return ""
    if weekday is not None and number_of(weekday, WEEKDAYS) != found.isoweekday():
        return ""
    return found.isoformat() if FIRST_YEAR <= year <= LAST_YEAR or year == FOR_EVER else ""


def only(days: list[str]) -> str:
    """The day that all of these say that say one; where they differ, none."""
    said = set(filter(None, days))
    return said.pop() if len(said) == 1 else ""
