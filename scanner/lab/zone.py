"""The lab's zone in words: which verdict each name has. The rules are those of `answers.pyx`; a test holds the two
against each other.

A name is folded to lower case, its trailing dot removed; FNV-1a (64 bits) of its octets, finished as murmur3
finishes. When the upper 32 bits, as a share of 2**32, are below `nx`, the name does not exist. Every other name exists
and has every type that the lab knows (A, AAAA, CNAME by label, MX, NS, SOA, TXT). Nothing under `invalid` exists, and
no name below another whose first label is 24 hexadecimal digits: scans ask for such names to see whether a resolver
invents answers. Every top-level domain but `invalid` exists; its server is `ns.lab.test`, which is the lab (127.0.0.1,
no AAAA). A query without RD is answered as by an authority: AA, no RA. Labels of names under `lab.test` ask for
trouble.
"""

import re

NX = 0.05
SUFFIX = ".lab.test"
LATE_MS = 2500
NAMESERVER = "ns.lab.test"
CANARY = re.compile(r"[0-9a-f]{24}\.")
RECHECK = "recheck-"  # a first label that begins so: nxdomain to a query with RD, but the authority says that it exists

TROUBLE = {  # label: what a scan with the default settings says, and what the server does
    "nxdomain": (("nxdomain", None), "answers NXDOMAIN"),
    "servfail": (("error", "servfail"), "answers SERVFAIL"),
    "refused": (("error", "refused"), "answers REFUSED"),
    "formerr": (("error", "formerr"), "answers FORMERR"),
    "notimp": (("error", "notimp"), "answers NOTIMP"),
    "rcode-N": (("error", "rcodeN"), "answers with RCODE N, 0 to 4095; above 15 SERVFAIL to a query without EDNS"),
    "nodata": (("taken", "nodata"), "answers NOERROR with nothing in it"),
    "cname": (("taken", None), "answers with an alias and its target's record"),
    "cname-nx": (("taken", "cname_nx"), "answers with an alias whose target does not exist"),
    "delay-N": (None, "answers after N ms"),
    "late": (("error", "timeout"), f"answers after {LATE_MS} ms"),
    "drop": (("error", "timeout"), "never answers"),
    "close": (("error", "connection"), "closes the connection instead"),
    "reset": (("error", "connection"), "resets the connection instead"),
    "wrongid": (("error", "timeout"), "answers with another message ID"),
    "qr0": (("error", "timeout"), "answers with a query"),
    "lie": (("error", "timeout"), "answers another question"),
    "garbage": (("error", "timeout"), "answers with octets that make no sense"),
    "short": (("error", "badresp"), "answers with a record cut off"),
    "twice": (("taken", None), "answers twice"),
    "big": (("taken", None), "answers with 60,000 octets"),
    "truncate": (("taken", None), "sets TC over UDP, answers over TCP"),
    "edns-formerr": (("taken", None), "answers FORMERR to a query with EDNS"),
    "servfail-N drop-N close-N reset-N": (("taken", None), "only the first N times"),
}

Verdict = tuple[str, str | None]  # `s` and `e` of the output line


def exists(name: str, nx: float = NX) -> bool:
    """Whether a name that asks for no trouble exists."""
    text = name.lower().removesuffix(".")
    if text == "invalid" or text.endswith(".invalid"):
        return False
    if "." not in text or text == NAMESERVER:
        return True
    if CANARY.match(text):
        return False
    if text.startswith(RECHECK):
        return False
    return hashed(text.encode()) >> 32 >= int(nx * 2**32)


def expected(name: str, nx: float = NX) -> Verdict:
    """What a scan with the default settings says of an ASCII name: verdict and reason."""
    text = name.lower().removesuffix(".")
    verdict: Verdict = ("taken", None) if exists(text, nx) else ("nxdomain", None)
    if not text.endswith(SUFFIX):
        return verdict
    for label in text.removesuffix(SUFFIX).split("."):
        verdict = asked_for(label) or verdict
    return verdict


def asked_for(label: str) -> Verdict | None:
    """The verdict that a label brings about; None when it leaves the name's own."""
    if label in TROUBLE:
        return TROUBLE[label][0]
    if match := re.fullmatch(r"rcode-(\d{1,4})", label):
        return rcode_verdict(int(match[1]))
    if re.fullmatch(r"(servfail|drop|close|reset)-\d{1,6}", label):
        return ("taken", None)
    return None


def rcode_verdict(rcode: int) -> Verdict | None:
    """NOERROR with nothing in it is no data; the RCODEs that have a reason of their own say it."""
    named: dict[int, Verdict] = {0: ("taken", "nodata"), 3: ("nxdomain", None)}
    words = {1: "formerr", 2: "servfail", 4: "notimp", 5: "refused"}
    words |= {16: "servfail", 23: "servfail"}  # BADVERS and BADCOOKIE are asked once more without EDNS
    return named.get(rcode, ("error", words.get(rcode, f"rcode{rcode}"))) if rcode <= 4095 else None


def hashed(text: bytes) -> int:
    """FNV-1a, then murmur3's finish; 64 bits."""
    mask = 2**64 - 1
    value = 14695981039346656037
    for octet in text:
        value = (value ^ octet) * 1099511628211 & mask
    value ^= value >> 33
    value = value * 0xFF51AFD7ED558CCD & mask
    value ^= value >> 33
    value = value * 0xC4CEB9FE1A85EC53 & mask
    return value ^ value >> 33
