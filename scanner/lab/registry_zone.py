"""What the lab's registries hold, in words: the state of each name, and the trouble that its first label asks for.
No I/O, no protocol: `rdap_replies.py` and `whois_server.py` do.

A name is a second-level label and a TLD, in lower case. Its state is that of `crc32(name) % 10`, unless its first label
begins with a word of the tables below and a dash: `free-x.test`, `hang-7.example`. A word that only the other protocol
knows is free.
"""

import re
from datetime import date
from typing import NamedTuple
from zlib import crc32

RDAP_TLDS = ("test", "com", "net", "org", "slowtld", "expiredcert", "wronghost", "selfsigned", "plainhttp", "deadtld")
FORM_TLDS = ("at", "au", "be", "br", "ca", "cc", "ch", "cn", "co", "cz", "dk", "eu", "fi", "fr", "in", "info", "io",
             "ir", "it", "jp", "kr", "nl", "no", "pl", "ru", "se", "shop", "top", "tw", "uk", "us", "xyz")  # fmt: skip
WHOIS_TLDS = ("example", "de", *FORM_TLDS)
STATE_OF_CRC = ("free",) * 6 + ("registered", "hold", "reserved", "redemption")  # by crc32 % 10
NAME = re.compile(r"[a-z0-9_-]{1,63}\.[a-z]+")  # nothing else can be registered
SLOW_S = 3
NEVER_FREE = "never free"  # what is found is open, but for this


class State(NamedTuple):
    """How a registry holds a name."""

    found: str  # what a client is to find
    rdap: str  # the status, as RFC 8056 writes it
    whois: str  # the same in EPP's word (RFC 5731, RFC 3915)
    expired: bool = False


STATES = {
    "free": State("free", "", ""),
    "registered": State("registered", "active", "ok"),
    "hold": State("registered", "server hold", "serverHold"),
    "clienthold": State("registered", "client hold", "clientHold"),
    "redemption": State("registered", "redemption period", "redemptionPeriod", expired=True),
    "pendingdelete": State("registered", "pending delete", "pendingDelete", expired=True),
    "expired": State("registered", "active", "ok", expired=True),
    "reserved": State("reserved", "reserved", "reserved"),  # by the registry itself: no registrar, no dates
}
RDAP_TROUBLE = {  # words: what a client is to find, what the server does
    "slow": ("free", f"answers after {SLOW_S} s"),
    "chunked": ("free", "answers in chunks of 7 octets"),
    "othererror": ("free", "404, its RDAP error as application/json"),
    "unicode": ("registered", "ldhName in upper case, unicodeName beside it"),
    "dot": ("registered", "ldhName with a trailing dot"),
    "escape": ("registered", "escape sequences, RTL override and formulas in statuses and registrar"),
    "dates": ("registered", "events whose dates are none"),
    "many": ("registered", "20,000 statuses"),
    "s429 d429": ("free", "429 once, Retry-After 2 s ahead, in seconds or as a date"),
    "n429": ("free", "429 once; n429-neg-x, -huge-, -junk-: Retry-After -5, 1e9, abc; -far-: the year 2099"),
    "o503": ("free", "503 once"),
    "redirect redirectrel": ("free", "302 to the answer's other path, absolute or relative"),
    "redirect3": ("free", "the answer is behind 3 of them"),
    "redirect4 redirectmany": ("unknown", "the answer is behind 4, or 30"),
    "redirectself redirectring": ("unknown", "302 to itself, or to a path that leads back"),
    "redirectip": ("unknown", "302 to another address, 127.0.0.9, where the answer is"),
    "redirectmeta": ("unknown", "302 to 169.254.169.254"),
    "redirecthttp": ("unknown", "302 to http://, where the answer is"),
    "redirectother": ("unknown", "302 to another name's answer"),
    "redirectpath": ("unknown", "302 to a path of no domain: 404 with an RDAP error"),
    "redirectnowhere": ("unknown", "302 without a Location"),
    "e429": ("unknown", "429 for ever, Retry-After 1"),
    "s500 s502 s503": ("unknown", "this status for ever, with a web page"),
    "s400 s401 s403 s451": ("unknown", "this status, with an RDAP error"),
    "s204": ("unknown", "204"),
    "page404": ("unknown", "404 with a web page"),
    "bare404": ("free", "404 with no body, as RFC 7480 section 5.3 allows"),
    "page200": ("unknown", "200 with a web page"),
    "empty": ("unknown", "200 with no body"),
    "other": ("unknown", "200 with another domain's object"),
    "noldh": ("unknown", "200 with a domain without ldhName"),
    "class": ("unknown", "200 with an object of another class"),
    "array null badjson latin1": ("unknown", "200 with a list, null, half an object, octets that are not UTF-8"),
    "deep digits nan": ("unknown", "in a right object: 100,000 lists in each other, a number of 5,000 digits, NaN"),
    "surrogate twice": ("unknown", "in a right object: half a surrogate pair, a second ldhName"),
    "types": (NEVER_FREE, "status, events and entities have other types than theirs"),
    "big": ("unknown", "a right object of 1 GB"),
    "bomb": ("unknown", "the same as 1 MB of gzip"),
    "badgzip": ("unknown", "gzip that breaks in its middle"),
    "truncated": ("unknown", "ends before its Content-Length"),
    "lengths": ("unknown", "two Content-Lengths that contradict each other"),
    "headers": ("unknown", "1 GB of header lines"),
    "hints": ("unknown", "103 a hundred times a second, and nothing else"),
    "junk": ("unknown", "octets that are no HTTP"),
    "drip": ("unknown", "one octet of the body a second"),
    "hang": ("unknown", "never answers"),
    "close": ("unknown", "closes without a reply"),
    "reserved404 policy404": ("reserved", "404 that says in its description, or a notice, that it is held back"),
    "german404 french404 russian404 chinese404": ("reserved", "the same in another language"),
    "html404": ("reserved", "the same with markup and entities between its words"),
    "terms404": ("free", "404 with a notice of terms that speaks of reserved and blocked names"),
    "script404": ("unknown", "404 whose description is in a script of which nothing is known"),
    "text404 float404 blank404 null404": ("free", "404 whose errorCode is a text, 404.0, a text with blanks, null"),
    "true404 list404 other404": ("unknown", "404 whose errorCode is true, a list, 405"),
    "quota404 taken404": ("unknown", "404 that says that too much was asked, or that the name is registered"),
    "class404": ("unknown", "404 with a domain object in it"),
    "error200 free200": ("unknown", "200 with an object of class error, with the status available"),
    "links": ("registered", "statuses with links behind them, in several manners"),
    "ends": ("registered", "two days on which the registration ends"),
    "reset": ("unknown", "resets the connection"),
}
WHOIS_TROUBLE = {
    "slow": ("free", f"answers after {SLOW_S} s"),
    "nonl": ("free", "no newline at the end"),
    "comment": ("registered", 'a comment says "No match"'),
    "latin1": ("registered", "an ISO 8859-1 registrar"),
    "escape": ("registered", "escape sequences, RTL override and formulas in the record"),
    "referral": ("unknown", "names another server and says nothing else"),
    "both": ("unknown", "says that it is free and that it is registered"),
    "limit": ("unknown", '"exceeded the maximum number of queries"'),
    "html": ("unknown", "a web page"),
    "junk": ("unknown", "octets that are no text"),
    "empty": ("unknown", "closes after an empty line"),
    "other": (NEVER_FREE, "another domain's record"),
    "late": ("unknown", "says that it is free behind 100 KB of comments"),
    "big": ("unknown", "100 MB of comments"),
    "drip": ("unknown", "one octet a second"),
    "hang": ("unknown", "never answers"),
    "close": ("unknown", "closes without a reply"),
    "crs bom": ("free", "lines that end in CR alone; a byte order mark in front"),
    "tail": ("unknown", "says that it is free, and 1 MB of comments"),
    "swap": ("unknown", "says that another name is free"),
    "several": ("registered", "its record between those of two other domains"),
    "quota taken http": ("unknown", "says that it is free, and that too much was asked; or is registered; or is HTTP"),
    "policy": ("reserved", "says that it is free, and that it is reserved by policy"),
    "terms": ("free", "says that it is free, and terms that speak of reserved and blocked names and of limits"),
    "reset": ("unknown", "resets the connection"),
}


def words(table: dict[str, tuple[str, str]]) -> dict[str, str]:
    """Each word of a table, and what is to be found."""
    return {word: found for row, (found, _) in table.items() for word in row.split()}


FOUND = {"rdap": words(RDAP_TROUBLE), "whois": words(WHOIS_TROUBLE)}


def word_of(name: str) -> str:
    """The word of the tables before the first label's first dash, or nothing."""
    word, dash, _ = name.partition(".")[0].partition("-")
    return word if dash and (word in STATES or any(word in found for found in FOUND.values())) else ""


def state_of(name: str) -> str:
    """The state in which a name is held, a key of STATES."""
    word = word_of(name)
    return STATE_OF_CRC[crc32(name.encode()) % 10] if not word else word if word in STATES else "free"


def expires(name: str) -> date:
    """The day on which the name's registration ends or has ended: one of 3,024, so that a mix-up shows."""
    code = crc32(name.encode()) // 10
    first_year = 2010 if STATES[state_of(name)].expired else 2090
    return date(first_year + code % 9, 1 + code // 10 % 12, 1 + code // 1000 % 28)


def expected(name: str, protocol: str) -> str:
    """What a client is to find of a name over `rdap` or `whois`: a registration, `unknown` or NEVER_FREE."""
    return FOUND[protocol].get(word_of(name)) or STATES[state_of(name)].found
