"""The section that a confirmed file opens with: what may be bought. Why an answer is unknown is the
registry's own trouble, and stands here; it is never shown as a reason of the scan."""

from scanner.model import REGISTRATIONS
from scanner.report.markup import Html, element, join, percent, section, table
from scanner.report.query import Registration

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


def registrations(found: list[Registration]) -> Html:
    """Nothing where no line was confirmed."""
    if not found:
        return Html()
    total = sum(each.lines for each in found)
    rows = [(each.verdict, meaning(each), f"{each.lines:,}", percent(each.lines, total)) for each in found]
    counts = table("Names by what the registry says", ("Registry says", "Meaning", "Names", "Share"), rows, words=2)
    return section("registrations", "What may be bought", counts)


def meaning(found: Registration) -> Html:
    """What the word means; of an unknown, why it is unknown."""
    if found.verdict != "unknown":
        return element("small", WORDS[found.verdict])
    key = "http" if found.reason.startswith("http") else found.reason
    said = MEANINGS.get(key, "nothing was asked" if not found.reason else "")
    return join((element("span", found.reason, class_="reason"), " ", element("small", said)))


def tiles(found: list[Registration]) -> list[tuple[object, str, str]]:
    """The numbers for the head of the page of a confirmed file."""
    total = sum(each.lines for each in found)
    counts = {word: sum(each.lines for each in found if each.verdict == word) for word in REGISTRATIONS}
    return [(word, f"{count:,}", percent(count, total)) for word, count in counts.items()]
