"""A WHOIS server of the lab (RFC 3912): one line in, a text out, closed. Each TLD has its own way of asking and words;
`RULES` are the regular expressions by which a client reads them."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.resources import files

from scanner.lab.registry import End, Log, Registry, Reply, flood
from scanner.lab.registry_forms import FORMS, MUCH, filled
from scanner.lab.registry_zone import NAME, SLOW_S, STATES, expires, state_of, word_of

IDLE_S = 60
QUERY_MAX = 1024  # octets
MIB = 1 << 20
RULES = {  # the query, and what stands at the beginning of a line when the name is free, registered or reserved
    "example": {
        "query": "{name}",
        "free": "^No match for ",
        "registered": r"^\s*Domain Name: ",
        "reserved": r"^\s*Status: reserved\b",
    },
    "de": {
        "query": "-T dn {name}",
        "free": r"^Status: free\b",
        "registered": r"^Status: connect\b",
        "reserved": r"^Status: reserved\b",
    },
}
SHIPPED = json.loads(files("scanner.registration").joinpath("data", "whois.json").read_text("utf-8"))
RULES |= {tld: {"query": "{name}", **SHIPPED[tld]} for tld in FORMS}  # as clients have them, but for where it is
COMMENT = "% A comment, and another one, and so on."
UGLY = "\x1b[31mred\x1b[0m \u202eesrever =cmd() \x00\x07"


class WhoisServer(Registry):
    """The registry of one TLD."""

    def __init__(self, log: Log, tld: str):
        super().__init__(log)
        self._tld = tld
        self._before, self._after = RULES[tld]["query"].split("{name}")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Everything that came is the query, so that the log shows a second line."""
        query = b""
        async with asyncio.timeout(IDLE_S):
            while b"\n" not in query and len(query) < QUERY_MAX and (octets := await reader.read(QUERY_MAX)):
                query += octets
        if b"\n" not in query and len(query) < QUERY_MAX:
            return  # the client left before it had asked
        asked_for = query.decode("latin-1").removesuffix("\n").removesuffix("\r")
        name = asked_for.removeprefix(self._before).removesuffix(self._after).lower()
        self.log.add("whois", self._tld, name, None)
        right = asked_for.startswith(self._before) and NAME.fullmatch(name) and name.endswith(f".{self._tld}")
        await self.send(reply_to(name, self._tld) if right else text("% Error: invalid query"), reader, writer)


def reply_to(name: str, tld: str) -> Reply:
    """Every name has one."""
    trouble = REPLIES.get(word_of(name))
    return trouble(name, tld) if trouble else text(*WRITERS[tld](name, state_of(name)))


def text(*lines: str, encoding: str = "utf-8") -> Reply:
    """Lines, each with CRLF, in one piece."""
    return Reply(None, ["".join(f"{line}\r\n" for line in lines).encode(encoding)])


# -- records --


def record_of_example(name: str, state: str = "registered", registrar: str = "Lab Registrar") -> list[str]:
    """As .com wrote it."""
    if state == "free":
        return [f'No match for "{name.upper()}".']
    if state == "reserved":
        return [f"   Name: {name.upper()}", "   Status: reserved"]
    status = STATES[state].whois
    return [
        f"   Domain Name: {name.upper()}",
        "   Creation Date: 2001-02-03T04:05:06Z",
        f"   Registry Expiry Date: {expires(name)}T04:05:06Z",
        f"   Registrar: {registrar}",
        f"   Domain Status: {status} https://icann.org/epp#{status}",
        "   Name Server: NS1.LAB.TEST",
    ]


def record_of_de(name: str, state: str = "registered", registrar: str = "Lab Registrar") -> list[str]:
    """As .de writes it: no dates, and of a registration no more than that it is one."""
    if state in ("free", "reserved"):
        return [f"Domain: {name}", f"Status: {state}"]
    return [f"Domain: {name}", "Nserver: ns1.lab.test", f"Registrar: {registrar}", "Status: connect"]


def record_of_form(name: str, state: str = "registered", registrar: str = "", *, tld: str) -> list[str]:
    """As the TLD's registry writes it."""
    form = FORMS[tld]
    text = {"free": form.free, "reserved": form.reserved}.get(state, form.registered)
    return filled(text, name, expires(name), STATES[state].whois)


Writer = Callable[..., list[str]]
WRITERS: dict[str, Writer] = {"example": record_of_example, "de": record_of_de,
                              **{tld: partial(record_of_form, tld=tld) for tld in FORMS}}  # fmt: skip


# -- trouble --


def free(name: str, tld: str) -> list[str]:
    return WRITERS[tld](name, "free")


def held(name: str, tld: str, registrar: str = "Lab Registrar") -> list[str]:
    return WRITERS[tld](name, "registered", registrar)


def octets_of(reply: Reply) -> bytes:
    return b"".join(reply.pieces)


def without_newline(name: str, tld: str) -> Reply:
    return Reply(None, [octets_of(text(*free(name, tld))).rstrip()])


def comment(name: str, tld: str) -> Reply:
    """What means free stands behind a comment's mark only."""
    comments = ["% " + line for line in free(name, tld)]
    return text("% No match is what we say of names that are free.", *comments, *held(name, tld))


def limit(name: str, tld: str) -> Reply:
    return text(*filled(FORMS[tld].limited if tld in FORMS else MUCH, name))


def drip(name: str, tld: str) -> Reply:
    octets = octets_of(text(*free(name, tld), "% end of the record"))
    return Reply(None, [bytes([octet]) for octet in octets], pause_s=1)


def with_crs(name: str, tld: str) -> Reply:
    return Reply(None, [octets_of(text(*free(name, tld))).replace(b"\r\n", b"\r")])


def behind(name: str, tld: str, *lines: str) -> Reply:
    """What says that it is free, and more."""
    return text(*free(name, tld), "", *lines)


def several(name: str, tld: str) -> Reply:
    records = [held(each, tld) for each in (f"a-{name}", name, f"b-{name}")]
    return text(*(line for record in records for line in (*record, "")))


TERMS = (
    "By asking you agree to these terms: names may be reserved or blocked, and a name may not be available for",
    "registration though nothing is found here; whoever goes on when a limit is exceeded, or makes too many queries,",
    "is shut out. This is no offer, and the registry is not liable for what is shown, or for what is made of it.",
)


REPLIES: dict[str, Callable[[str, str], Reply]] = {
    "slow": lambda name, tld: replace(text(*free(name, tld)), delay_s=SLOW_S),
    "nonl": without_newline,
    "comment": comment,
    "latin1": lambda name, tld: text(*held(name, tld, "Müller & Søn"), encoding="latin-1"),
    "escape": lambda name, tld: text(*held(name, tld, UGLY), UGLY),
    "referral": lambda name, tld: text("refer: whois.attacker.invalid", "ReferralServer: whois://127.0.0.1:43"),
    "both": lambda name, tld: text(*free(name, tld), *held(name, tld)),
    "limit": limit,
    "html": lambda name, tld: text("<!doctype html><title>Welcome</title><p>No match? This domain may be free!"),
    "junk": lambda name, tld: Reply(None, [bytes(range(128, 256)) * 8]),
    "empty": lambda name, tld: text(""),
    "other": lambda name, tld: text(*held(f"not-{name}", tld)),
    "late": lambda name, tld: text(*[COMMENT] * 2500, *free(name, tld)),
    "big": lambda name, tld: Reply(None, flood(f"{COMMENT}\r\n".encode(), 100 * MIB)),
    "drip": drip,
    "crs": with_crs,
    "bom": lambda name, tld: Reply(None, [b"\xef\xbb\xbf" + octets_of(text(*free(name, tld)))]),
    "tail": lambda name, tld: text(*free(name, tld), *[COMMENT] * 25_000),
    "swap": lambda name, tld: text(*free(f"a-{name}", tld)),
    "several": several,
    "quota": lambda name, tld: behind(name, tld, "Quota exceeded"),
    "taken": lambda name, tld: behind(name, tld, "This domain is already registered."),
    "http": lambda name, tld: text("HTTP/1.1 200 OK", "", *free(name, tld)),
    "policy": lambda name, tld: behind(name, tld, "This name is reserved by policy."),
    "terms": lambda name, tld: behind(name, tld, *TERMS),
    "hang": lambda name, tld: Reply(None, end=End.HANG),
    "close": lambda name, tld: Reply(None),
    "reset": lambda name, tld: Reply(None, end=End.RESET),
}
