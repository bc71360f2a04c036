"""The words of registries: that a name is held back, that it is taken, that we ask too much; and their statuses.
English here, other languages in data/words.json. It never decides that a name is free.
"""

import json
import re
import unicodedata
from importlib.resources import files

EPP = {status.lower(): status for status in (  # RFC 5731, RFC 3915, RFC 8056
    "addPeriod", "autoRenewPeriod", "clientDeleteProhibited", "clientHold", "clientRenewProhibited",
    "clientTransferProhibited", "clientUpdateProhibited", "inactive", "ok", "pendingCreate", "pendingDelete",
    "pendingRenew", "pendingRestore", "pendingTransfer", "pendingUpdate", "redemptionPeriod", "renewPeriod",
    "serverDeleteProhibited", "serverHold", "serverRenewProhibited", "serverTransferProhibited",
    "serverUpdateProhibited", "transferPeriod",
)}  # fmt: skip
NAME = r"(?:domains?|names?|labels?|string|object|it)\b"
REGISTERED_LATER = r"(?:for (?:public |general |new )?(?:registration|purchase|sale)|to (?:be )?regist\w+)"
NOT = "".join(f"(?<!{words} )" for words in (  # what stands before it makes it something else
    "not", "not been", "never", "n't", "nor", "may be", "will be", "can be", "could be", "might be"))  # fmt: skip
HELD = (
    rf"(?<!rights )(?<!rights are )(?<!right )(?<!nicht ){NOT}\breserved\b(?!\s+(?:rights?|all))",
    rf"{NOT}\bblocked\b",
    r"\b(?:not|never|no longer) (?:currently |yet |publicly )?(?:available|open|eligible|allowed|permitted|offered) "
    + REGISTERED_LATER,
    rf"\bunavailable {REGISTERED_LATER}",
    r"\b(?:not |in)eligible\b",
    rf"\b{NAME}[^.]{{0,80}}\b(?:(?:is|are) (?:currently )?not available|unavailable)",
    r"\b(?:can ?not|can't|may not|must not|not) be (?:registered|purchased|delegated)\b",
    rf"\bregistration (?:of (?:this|the) {NAME} )?is "
    r"(?:not (?:allowed|permitted|possible)|prohibited|restricted|forbidden)\b",
    rf"\b{NAME}[^.]{{0,40}}\b(?:is|are|was|been) "
    r"(?:prohibited|restricted|forbidden|banned|withheld|excluded|withdrawn)\b",
    r"\b(?:not registra|un(?:registra|assigna))ble\b",
    r"\bexcluded from registration\b",
    r"\bprohibited (?:string|name|label)\b",
    r"\b(?:dpml|uni eps|adultblock|globalblock|brand protection)\b",  # blocks of trademarks, sold over many TLDs
)  # fmt: skip
OTHERS = json.loads(files("scanner.registration").joinpath("data", "words.json").read_text("utf-8"))  # by language
HELD_BACK = re.compile("|".join((*HELD, *OTHERS["held"].values())), re.IGNORECASE)
RESERVED_STATUS = re.compile(
    r"(?<!not )(?<!transfer )(?<!update )(?<!delete )(?<!renew )\b(?:reserved|blocked|prohibited|restricted|"
    r"forbidden|banned|withheld|withdrawn|unassignable|unregistrable|excluded|not allowed|not registrable|"
    r"not available for registration)\b",
    re.IGNORECASE,
)
FREE_STATUS = re.compile(r"^(?:available|free|unregistered|not registered|not found|unassigned)\b", re.IGNORECASE)
TAKEN = re.compile(
    r"\b(?:is|are|has been|have been|was)(?: already| currently)? (?:registered|taken|in use|delegated|sold)\b"
    r"|\balready (?:registered|taken|in use|exists)\b|\b(?:un|not )available\b|\bnot free\b"
    + "".join(f"|{words}" for words in OTHERS["taken"].values()),
    re.IGNORECASE,
)
MOST = r"(?:(?:rate[- ]?)?limits?|quotas?|maximum|threshold|allowance)"
MUCH = rf"(?:{MOST}|rates?|number)"
LIMITED = re.compile(
    rf"\b{MUCH}\b.{{0,60}}\b(?:exceeded|exhausted|used up)\b|\b(?:exceeded|exhausted)\b.{{0,60}}\b{MUCH}\b"
    rf"|\b{MOST}\b.{{0,40}}\b(?:reached|hit)\b|\b(?:reached|over) (?:the |your |its |our )?(?:\w+ )?{MOST}\b"
    r"|\b(?:queries|requests|lookups|connections) exceeded\b"
    r"|\btoo many\b(?! (?:parts|labels|characters|hyphens|dots))|\binterval\b.{0,20}\btoo short\b"
    r"|\btoo (?:fast|frequent(?:ly)?|busy|quick(?:ly)?)\b|\bslow down\b|\btry again\b(?! with)"
    r"|\bretry (?:later|after|in)\b"
    r"|\bonly \d+ (?:request|quer|lookup|connection)|\bwait \d+ ?s|\bthrottl"
    r"|^black-?listed\b|\b(?:is|are|been|was) (?:currently |temporarily )?black-?listed\b"
    r"|\b(?:you|your ip|client|ip|address)\b.{0,40}\b(?:rate[- ]limited|blocked|banned)\b"
    r"|\bblocked\b.{0,30}\b(?:ip|address|access|client)\b|\b(?:requests?|quer(?:y|ies))\b.{0,40}\bblocked\b"
    r"|^(?:error[: ]*)?rate[- ]limit(?:ed)?\b|\brequest denied\b"
    r"|\b(?:access|permission|connection) (?:is |was |has been )?(?:denied|refused|blocked)\b"
    r"|\btemporarily\b.{0,40}\b(?:unavailable|not be answered|blocked|suspended)\b"
    r"|\bserver (?:is )?(?:busy|overloaded)\b|\bcannot process your\b"
    + "".join(f"|{words}" for words in OTHERS["limited"].values()),
    re.IGNORECASE,
)  # fmt: skip
NOT_FOUND = re.compile("|".join(OTHERS["not found"].values()))  # in scripts other than Latin
LINK = re.compile(r"[\s(<\[|,;-]*(?:\b(?:https?://|www\.|icann\.org/epp)|(?<!:)//)\S*", re.IGNORECASE)


def is_of_another_script(text: str) -> bool:
    """True where a letter is not Latin."""
    return any(letter.isalpha() and "LATIN" not in unicodedata.name(letter, "LATIN") for letter in text)


def holds_back(status: str) -> bool:
    """True for a status that holds the name back; those of EPP hold none: `client transfer prohibited`."""
    return status_of(status).lower() not in EPP and RESERVED_STATUS.search(status) is not None


def status_of(text: str) -> str:
    """One status, whole: without its link, and in EPP's spelling where it is one of EPP's."""
    text = " ".join(LINK.sub("", text).split())
    if "(" not in text:
        text = text.strip(" )>],;|-")
    return EPP.get(re.sub(r"[\s_-]", "", text).lower(), text)


def statuses_of(value: str) -> list[str]:
    """Each status of a value, whole: `NOT AVAILABLE`, `REGISTERED, DELEGATED`, `pendingDelete / dnsHold`, and where
    each is one of EPP's, `ok clientHold`."""
    value = LINK.sub("", value) if "(" in value else value
    parts = [value] if "(" in value else re.split(r",|\s/\s", value)
    found = [word for part in parts if (word := status_of(part))]
    return [status_of(each) for word in found for each in (word.split() if is_of_epp(word) else (word,))]


def is_of_epp(text: str) -> bool:
    """True for several statuses of EPP with blanks between them."""
    words = text.split()
    return text not in EPP.values() and len(words) > 1 and all(status_of(word).lower() in EPP for word in words)
