"""The section that a confirmed file opens with: what may be bought. Why an answer is unknown is the
registry's own trouble, and stands here; it is never shown as a reason of the scan."""

from collections.abc import Callable, Sequence
from datetime import date

from scanner.model import REGISTRATIONS
from scanner.report.confirmed import EXPIRING, PAST_DAYS, SOON_DAYS, Expiring, Registration, Registry, Shelf
from scanner.report.drawing import REGISTRY_COLOURS, Spec, drawn, labelled_bars, one_bar, shortened
from scanner.report.free_list import free_list
from scanner.report.markup import Html, element, figure, image, join, missing, name, section, swatch, table
from scanner.report.query import TLDS
from scanner.report.words import beyond, percent

TITLE = "What may be bought"
TLD_MAX = 16  # letters
PRINTED = 20  # expiring names on paper
MEANINGS = {
    "badline": "the line holds no name",
    "no_domain": "the name is no part of a domain that can be registered",
    "no_rdap": "no registry of this domain is known",
    "rdap_bad": "the registry's RDAP reply is not understood",
    "whois_bad": "the registry's WHOIS reply is not understood",
    "redirect": "the registry sends the question elsewhere, too often or to where it is not followed",
    "address": "the registry's address is unknown",
    "ratelimited": "the registry asks to be asked less often",
    "http": "the registry replied with this HTTP status",
    "timeout": "the registry did not reply in time",
    "connection": "the connection to the registry closed or could not be made",
    "proxy": "the proxy on the way to the registry could not be used",
    "tls": "TLS with the registry failed",
}
WORDS = {
    "free": "may be bought: the registry says that it is not there",
    "registered": "somebody has it",
    "reserved": "nobody has it, and the registry does not sell it",
    "unknown": "",
}


def registrations(found: Registry | None, beside: str) -> Html:
    """Nothing where no line was confirmed. `beside`: the file of the free names, where they are too many for a page."""
    if found is None:
        return Html()
    return section("registrations", TITLE, counts(found.registrations), by_tld(found), expiring(found),
                   free_list(found, beside))  # fmt: skip


def counts(found: Sequence[Registration]) -> Html:
    total = sum(each.names for each in found)
    rows = [(swatch(each.verdict), meaning(each), f"{each.names:,}", percent(each.names, total)) for each in found]
    return table("Names by what the registry says", ("Registry says", "Meaning", "Names", "Share"), rows, words=2)


def meaning(found: Registration) -> Html:
    """What the word means; of an unknown, why it is unknown."""
    if found.verdict != "unknown":
        return element("small", WORDS[found.verdict])
    key = "http" if found.reason.startswith("http") else found.reason
    said = MEANINGS.get(key, "nothing was asked" if not found.reason else "")
    return join((element("span", found.reason, class_="reason"), " ", element("small", said)))


def by_tld(found: Registry) -> Html:
    """Where the free ones are."""
    if not found.free:
        return missing("No name is free.")
    shelves = [each for each in found.shelves if each.free]
    rows = [(name(each.tld), f"{each.free:,}", f"{each.names:,}", percent(each.free, each.names)) for each in shelves]
    counts = table("Free names by top-level domain" + beyond(found.shelf_count, TLDS),
                   ("TLD", "Free", "Names", "Free share"), rows)  # fmt: skip
    description = "bars, the most first; the table below has the figures."
    return join((figure("Free by top-level domain", description, drawn(bars(shelves))), counts))


def bars(shelves: Sequence[Shelf]) -> Callable[[int], Spec]:
    rows = [
        {"tld": shortened(each.tld, TLD_MAX), "verdict": "free", "place": 0, "lines": each.free, "all": each.free,
         "label": f"{each.free:,} of {each.names:,}",
         "say": f"{each.tld}: {each.free:,} of {each.names:,} names are free"}
        for each in shelves
    ]  # fmt: skip
    return labelled_bars(rows, "tld", REGISTRY_COLOURS)


def expiring(found: Registry) -> Html:
    """What may be free soon."""
    if not found.expiring:
        return Html()
    rows = [(name(each.name), when(each, found.today), name(each.statuses)) for each in found.expiring]
    caption = (f"Expiring soon: being deleted, or registered to a day up to {SOON_DAYS} days after {found.today}"
               + beyond(found.expiring_count, EXPIRING))  # fmt: skip
    heads = ("Name", "Registered to", "Statuses")
    return table(caption, heads, rows, words=3, kind="cards", tall=True, printed=PRINTED)


def when(found: Expiring, today: date) -> str:
    if found.day is None:
        return "not said"
    days = (found.day - today).days
    if not -PAST_DAYS <= days <= SOON_DAYS:
        return str(found.day)
    return f"{found.day}, {day_text(days)}"


def day_text(days: int) -> str:
    """From today on; negative is past."""
    near = {-1: "yesterday", 0: "today", 1: "tomorrow"}
    return near.get(days) or (f"in {days:,} days" if days > 0 else f"{-days:,} days ago")


def tiles(found: Sequence[Registration]) -> list[tuple[object, str, str]]:
    """The numbers for the head of the page of a confirmed file."""
    total = sum(each.names for each in found)
    return [(swatch(word), f"{count:,}", percent(count, total)) for word, count in summed(found).items()]


def whole(found: Sequence[Registration]) -> Html:
    """All names in one bar."""
    total = sum(each.names for each in found)
    parts = [(word, count, f"{word} {percent(count, total)}, {count:,} names") for word, count in summed(found).items()]
    label = f"Names by what the registry says: {', '.join(say for _, _, say in parts)}"
    return image(drawn(one_bar(parts, REGISTRY_COLOURS)), label, "bar")


def summed(found: Sequence[Registration]) -> dict[str, int]:
    return {word: sum(each.names for each in found if each.verdict == word) for word in REGISTRATIONS}
