"""What registries say in words, in RDAP as in WHOIS: that a name is held back, that it is taken, that we ask too much;
and their statuses. It reads texts; it never decides that a name is free.
"""

import re

EPP = {status.lower(): status for status in (  # RFC 5731, RFC 3915, RFC 8056
    "addPeriod", "autoRenewPeriod", "clientDeleteProhibited", "clientHold", "clientRenewProhibited",
    "clientTransferProhibited", "clientUpdateProhibited", "inactive", "ok", "pendingCreate", "pendingDelete",
    "pendingRenew", "pendingRestore", "pendingTransfer", "pendingUpdate", "redemptionPeriod", "renewPeriod",
    "serverDeleteProhibited", "serverHold", "serverRenewProhibited", "serverTransferProhibited",
    "serverUpdateProhibited", "transferPeriod",
)}  # fmt: skip
NAME = r"(?:domains?|names?|labels?|string|object|it)\b"
REGISTERED_LATER = r"(?:for (?:public |general |new )?(?:registration|purchase|sale)|to (?:be )?regist\w+)"
HELD = (  # of a text that speaks of the name
    r"(?<!rights )(?<!right )(?<!not )(?<!not been )(?<!never )\breserved\b(?!\s+(?:rights?|all))",
    r"(?<!not )(?<!not been )(?<!never )\bblocked\b",
    r"\b(?:not|never|no longer) (?:currently |yet |publicly )?(?:available|open|eligible|allowed|permitted|offered) "
    + REGISTERED_LATER,
    rf"\bunavailable {REGISTERED_LATER}",
    r"\b(?:not |in)eligible\b",
    rf"\b{NAME}[^.\n]{{0,80}}\b(?:(?:is|are) (?:currently )?not available|unavailable)",
    r"\b(?:can ?not|can't|may not|must not|not) be (?:registered|purchased|delegated)\b",
    rf"\bregistration (?:of (?:this|the) {NAME} )?is "
    r"(?:not (?:allowed|permitted|possible)|prohibited|restricted|forbidden)\b",
    rf"\b{NAME}[^.\n]{{0,40}}\b(?:is|are|was|been) (?:prohibited|restricted|forbidden|banned|withheld|excluded)\b",
    r"\b(?:not registra|un(?:registra|assigna))ble\b",
    r"\bexcluded from registration\b",
    r"\bprohibited (?:string|name|label)\b",
)
HELD_BACK = re.compile("|".join(HELD), re.IGNORECASE)
RESERVED_STATUS = re.compile(
    r"(?<!not )(?<!transfer )(?<!update )(?<!delete )(?<!renew )\b(?:reserved|blocked|prohibited|restricted|"
    r"forbidden|banned|withheld|unassignable|unregistrable|excluded|not allowed|not registrable|"
    r"not available for registration)\b",
    re.IGNORECASE,
)
TAKEN = re.compile(
    r"\b(?:is|are|has been|have been|was)(?: already| currently)? (?:registered|taken|in use|delegated|sold)\b"
    r"|\balready (?:registered|taken|in use|exists)\b|\b(?:un|not )available\b|\bnot free\b",
    re.IGNORECASE,
)
LIMITED = re.compile(r"(?:quer(?:y|ies)|request|lookup|connection)s?[^\n]{0,60}(?:limit|exceed|quota|too many)|"
                     r"(?:limit|exceed|quota|too many)[^\n]{0,60}(?:quer(?:y|ies)|request|lookup|connection)|"
                     r"\b(?:rate|quota) ?limit|\btry again\b|"
                     r"\b(?:ip|address|access|client|you|your|requests?|quer(?:y|ies))\b[^.\n]{0,40}\bblocked\b|"
                     r"\bblocked\b[^.\n]{0,30}\b(?:ip|address|access|client)\b|\baccess (?:is |was )?denied\b",
                     re.IGNORECASE)  # fmt: skip
LEGAL = re.compile(r"\b(?:terms|conditions|copyright|disclaimer|legal|policy|privacy|status codes|inaccuracy)\b",
                   re.IGNORECASE)  # fmt: skip
LINK = re.compile(r"\s*\(?\b(?:https?://|www\.)\S*")


def without(name: str, text: str) -> str:
    """The text without the name itself: `reserved-words.com not found` says nothing of reserved."""
    text = re.sub(rf"(?<![a-z0-9-]){re.escape(name)}(?![a-z0-9-])", "", text, flags=re.IGNORECASE)
    label = re.escape(name.partition(".")[0])
    return re.sub(rf"(['\"`<(\[]){label}(['\"`>)\]])", r"\1\2", text, flags=re.IGNORECASE)


def holds_back(status: str) -> bool:
    """True for a status that holds the name back; those of EPP hold none: `client transfer prohibited`."""
    return status_of(status).lower() not in EPP and RESERVED_STATUS.search(status) is not None


def status_of(text: str) -> str:
    """One status, whole: without its link, and in EPP's spelling where it is one of EPP's."""
    text = " ".join(LINK.sub("", text).split())
    if "(" not in text:
        text = text.strip(" )")
    return EPP.get(re.sub(r"[\s_-]", "", text).lower(), text)
