"""Every option of `dnsscan confirm`, once; those of the file stand in its table `confirm`. In the order of --help."""

import re
from typing import Any, NamedTuple

from scanner.config import options
from scanner.config.amounts import Duration, count_of, ms_of
from scanner.config.kinds import FLAG, Choice, Number, Option, Path, Switch, Text, Texts, keys_of, table_of
from scanner.text import text_of, token

DAY_S = 86_400.0
AGE_MAX_MS = 1_000_000_000 * 1000
LOOKUPS_MAX = 1000
AGES_S = {"free": DAY_S, "registered": 30 * DAY_S, "reserved": 30 * DAY_S, "unknown": 0.0}


class Decimal(NamedTuple):
    """A number with up to three digits behind the point (0.2 a second is one in five seconds), also as 1.5k."""

    most: float

    @property
    def may_be(self) -> str:
        return f"0 to {self.most:,g}, also as `1.5k`"

    def read(self, value: Any, *, is_flag: bool) -> float:
        text = text_of(value)
        found = count_of(text, rate=True) if re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?[kK]?(/s)?", text) else None
        if isinstance(value, bool) or found is None or found > self.most:
            raise ValueError(f"{token(value)} is not a number from 0 to {self.most:g}, also as 1.5k")
        return float(found)


class Ages:
    """Seconds for which each verdict holds: `free=1d` as flags, a table in a file."""

    @property
    def may_be(self) -> str:
        return "VERDICT=AGE as flags, a table in a file"

    def read(self, value: Any, *, is_flag: bool) -> dict[str, float]:
        if isinstance(value, dict):
            pairs = list(value.items())
        else:
            pairs = [text.partition("=")[::2] for text in Texts().read(value, is_flag=is_flag) or ()]
        return AGES_S | {verdict: age_s(verdict, age) for verdict, age in pairs}


def age_s(verdict: str, age: object) -> float:
    """`12h` in seconds. Raises ValueError."""
    ms = ms_of(text_of(age))
    if verdict not in AGES_S or ms is None or ms > AGE_MAX_MS:
        raise ValueError(f"{token(f'{verdict}={text_of(age)}')} is not VERDICT=AGE, such as free=12h; verdicts are "
                         f"{', '.join(AGES_S)}")  # fmt: skip
    return float(ms / 1000)


SHARED = {key: options.OPTIONS[key] for key in ("proxies", "proxy_file")}  # these stand beside the table `confirm`
OPTIONS = table_of(
    Option("config", Path(), "FILE", "Of the scan: its proxies, its table confirm", place=FLAG),
    options.OPTIONS["domain"],
    Option("also", Choice(("error",)), "", "Ask about names with s=error too", place=FLAG),
    Option("recheck", Text(), "ADDR", "Ask this resolver, and the TLD's servers, first"),
    Option("store", Path(), "FILE", "Keep backlog, verdicts and history there (SQLite)", place=FLAG),
    Option("ages", Ages(), "C=AGE", "A known verdict holds", flag="--age", repeats=True, default=AGES_S,
           default_text="free=1d registered=30d", words=tuple(f"{verdict}=" for verdict in AGES_S),
           detail="how long a known verdict holds; `reserved` as long as `registered`, `unknown` not at all"),
    Option("output", Path(), "FILE", "Write there (must not exist); - = stdout", short="-o",
           place=FLAG),
    Option("force", Switch(), "", "Overwrite --output, drop an unfinished run", default=False, place=FLAG),
    Option("resume", Switch(), "", "Go on with the run that --store holds", default=False, place=FLAG),
    Option("dry_run", Switch(), "", "Say how long it will take; ask nobody", default=False, place=FLAG),
    Option("changes", Switch(), "", "Print what changed in --store, and end", default=False, place=FLAG),
    Option("since", Text(), "DATE", "Of --changes: YYYY-MM-DD, UTC", place=FLAG),
    Option("registry_rate", Decimal(10_000), "N", "Requests/s to a registry, from each proxy", default=1.0,
           default_text="1",
           detail="requests a second to one registry, from each proxy where there are some; 0 = no limit"),
    Option("lookups", Number(1, LOOKUPS_MAX), "N", "Requests in flight to one registry", default=8,
           default_text="8, or one for each proxy",
           detail="requests in flight to one registry; 8, or one for each proxy where there are more"),
    Option("timeout_ms", Number(100, 600_000, ms=True), "N", "One request", default=10_000,
           detail="one request, however slowly its reply comes"),
    Option("max_wait", Duration(0, 86_400), "TIME", "Longest pause a registry may ask for", default=600),
    *SHARED.values(),
    Option("bootstrap", Path(), "FILE", "RDAP servers by TLD (RFC 9224)"),
    Option("update_bootstrap", Text(), "[URL]", "Fetch IANA's file, and end", place=FLAG, value_if_bare=""),
    Option("whois_file", Path(), "FILE", "WHOIS servers by TLD, over the shipped ones"),
    Option("ca_file", Path(), "FILE", "CA certificates beside the system's"),
    Option("allow_nets", Texts(), "NET", "A registry may be there, not public", flag="--allow-net", repeats=True,
           default=()),
    Option("authority_port", Number(1, 65_535), "N", "Of a TLD's own servers", default=53,
           detail="port of a TLD's own servers, for `--recheck`"),
    Option("stats", Choice(("text", "json")), "", "Form of the summary on stderr", default="text", place=FLAG),
    Option("quiet", Switch(), "", "No summary", default=False, short="-q", place=FLAG),
)  # fmt: skip
KEYS = tuple(key for key in keys_of(OPTIONS) if key not in SHARED)  # of the table `confirm`
