"""What the values of a scan mean, where more is asked of them than their kind: each is checked and made complete."""

import os
import re
import resource
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from scanner.config.endpoints import (
    fill_environment,
    ip_from_text,
    is_place,
    proxy_from_text,
    resolver_from_text,
    system_resolvers,
)
from scanner.config.file import lines_of, read_file, warn_if_open
from scanner.config.options import RECHECK_S, WORKERS, WORKERS_WITH_PROXIES
from scanner.config.routes import Named, named_routes
from scanner.config.values import Values
from scanner.errors import ScanError
from scanner.input.line import classify_line
from scanner.model import COLUMNS, FIELDS, PARTS_OF_TAKEN, VERDICTS, Proxy, Resolver
from scanner.rdata import type_number
from scanner.text import shown

DESCRIPTORS_SPARE = 64  # for files, the loop and Python itself
LINUX = sys.platform.startswith("linux")
TYPE_MAX = 65534  # those from 65280 on are for private use (RFC 6895 section 3.1)
NOT_FOR_QUERIES = (41, 249, 250, 251, 252)  # OPT, TKEY, TSIG, IXFR, AXFR
TYPES_MAX = 32
FEW = 20  # resolvers, up to which each is asked as often as the others unless they say how
COLUMNS_MAX = 32
SYSTEM, SYSTEM_ELSE = re.compile(r"nameserver\s+"), re.compile(r"(domain|search|sortlist|options)\s|;")
"""What stands before an address in resolv.conf(5), given as a file of resolvers; lines of that which hold none."""
OTHER_LINES = {
    "names": "a line of names is the name alone", "massdns": "a line of massdns has massdns's own keys",
    "zdns": "a line of zdns has zdns's own keys",
}  # fmt: skip


def proxies(values: Values, warnings: list[str]) -> tuple[Proxy, ...]:
    """The proxies of the list and of the file, each once."""
    where = values.where("proxies")
    entries = [(text, where) for text in values.texts("proxies") or ()]
    file = values.value("proxy_file")
    if file is not None:
        entries += listed_in(values, "proxy_file", "proxies", warnings)
    elif "proxies" in values.table and not entries:
        raise ScanError(f"{where}: the list is empty; leave the key out for direct connections")
    found = [proxy_from_text(fill_environment(text, values.environ, where), where) for text, where in entries]
    unique = tuple(dict.fromkeys(found))
    if len(unique) < len(found):
        more = len(found) - len(unique)
        warnings.append(
            "1 proxy stands twice and is used once" if more == 1 else f"{more} proxies stand twice and are used once"
        )
    return unique


def routes(values: Values, *, tunnelled: bool) -> tuple[Named, ...]:
    """Whom the names below suffixes are asked of; resolvers named by a flag go before the file's route of the root."""
    named = named_routes(values, resolver_entries, partial(resolver, tunnelled=tunnelled))
    if "resolvers" in values.flags and "routes" not in values.flags:
        return tuple(route for route in named if route.suffix)
    key = next((key for key in ("resolvers", "resolver", "resolver_file") if values.is_given(key)), "")
    if key and any(not route.suffix for route in named):
        raise ScanError(f"{values.where(key)}: routes name resolvers for . too: give one of them")
    return named


def resolvers(values: Values, *, tunnelled: bool, routed: bool) -> tuple[Resolver, ...]:
    """The resolvers of names without a route, else the system's; none where there are routes. Those over UDP first, so
    that they are one block."""
    if {"resolver", "resolvers"} <= values.table.keys():
        raise ScanError(f"{values.source.at('resolvers')}: resolver and resolvers: give one of them")
    key = "resolver" if "resolver" in values.table and "resolvers" not in values.flags else "resolvers"
    texts, file = values.texts(key), values.value("resolver_file")
    if texts is None and file is None and routed:
        return ()
    if texts is None and file is None and tunnelled:
        raise ScanError("with proxies a resolver must be named: -r 192.0.2.53 (the system's may not be reachable)")
    if texts is None and file is None:
        return system_resolvers()
    if not texts and file is None:
        raise ScanError(f"{values.where(key)}: the list is empty; name a resolver, for example 192.0.2.53")
    where = values.where(key)
    entries = [entry for text in texts or () for entry in resolver_entries(text, where)]
    if file is not None:
        entries += listed_in(values, "resolver_file", "resolvers")
    return checked(entries, tunnelled=tunnelled)


def trusted(values: Values, others: Iterable[Resolver], *, tunnelled: bool) -> tuple[Resolver, ...]:
    """Those that are asked about what the `others` say does not exist; none where nothing was given."""
    if {"trusted_resolver", "trusted_resolvers"} <= values.table.keys():
        raise ScanError(
            f"{values.source.at('trusted_resolvers')}: trusted_resolver and trusted_resolvers: give one of them"
        )
    is_one = "trusted_resolver" in values.table and "trusted_resolvers" not in values.flags
    key = "trusted_resolver" if is_one else "trusted_resolvers"
    texts = values.texts(key)
    if values.is_given(key) and not texts:
        raise ScanError(f"{values.where(key)}: the list is empty; leave the key out to trust the resolvers")
    entries = [each for text in texts or () for each in resolver_entries(text, values.where(key))]
    found = checked(entries, tunnelled=tunnelled)
    if found and set(found).issuperset(others):
        raise ScanError(f"{values.where(key)}: these are all the resolvers, and there is nobody for them to confirm")
    return found


def checked(entries: Sequence[tuple[str, str]], *, tunnelled: bool) -> tuple[Resolver, ...]:
    """The resolvers of some texts, each text with its place; those over UDP first."""
    found = []
    for text, where in entries:
        try:
            found.append(resolver(text, tunnelled=tunnelled))
        except ScanError as error:
            raise ScanError(f"{where}: {error}") from None
    return tuple(sorted(dict.fromkeys(found), key=lambda each: each.scheme != "udp"))


def resolver_entries(text: str, where: str) -> list[tuple[str, str]]:
    """`a,b`, `@FILE`, and FILE where that is no address: each resolver with its place."""
    if text == "@":
        raise ScanError(f"{where}: the name of a file is missing behind @")
    if text.startswith("@"):
        return file_entries(Path(text[1:]), "resolvers")
    if "://" not in text and not is_place(text) and is_file(text):
        return file_entries(Path(text), "resolvers")
    return [(part.strip(" "), where) for part in text.split(",")] if "," in text else [(text, where)]


def is_file(text: str) -> bool:
    """True for a pipe too: `-r <(dnsscan resolvers --good list.txt)`."""
    try:
        return Path(text).is_file() or Path(text).is_fifo()
    except (OSError, ValueError):
        return False


def listed_in(values: Values, key: str, of_what: str, warnings: list[str] | None = None) -> list[tuple[str, str]]:
    """The lines of the file that an option names. Raises ScanError, where the file cannot be read with the option's
    place."""
    try:
        return file_entries(Path(values.value(key)), of_what, warnings)
    except ScanError as error:
        raise ScanError(f"{values.where(key)}: {error}") from None


def file_entries(path: Path, of_what: str, warnings: list[str] | None = None) -> list[tuple[str, str]]:
    """The lines of a list of proxies or resolvers with their places. `warnings`: it may hold secrets."""
    source = read_file(path, may_be_piped=warnings is None)
    if warnings is not None:
        warn_if_open(source, warnings)
    listed = lines_of(source)
    if of_what == "resolvers":
        listed = [(SYSTEM.sub("", line), where) for line, where in listed if not SYSTEM_ELSE.match(line)]
    if not listed:
        raise ScanError(f"no {of_what} in {source.name}")
    return listed


def resolver(text: str, *, tunnelled: bool) -> Resolver:
    """One resolver that this machine, and a tunnel where there is one, can reach."""
    is_udp = text.lower().startswith("udp://")
    if tunnelled and is_udp:
        raise ScanError(f"resolver {shown(text)}: SOCKS5 tunnels carry TCP only; use tcp:// with proxies")
    if is_udp and not LINUX:
        raise ScanError(f"resolver {shown(text)}: raw UDP needs Linux; use tcp://")
    return resolver_from_text(text)


def at_registry(values: Values) -> bool:
    """Whether names are asked of their registries. Raises ScanError where that is what something else is about."""
    if values.value("from_root_hints") and not values.value("at_registry"):
        raise ScanError(f"{values.where('from_root_hints')}: is about finding registries: give --at-registry too")
    return bool(values.value("at_registry"))


def root_hints(values: Values, *, tunnelled: bool) -> tuple[Resolver, ...]:
    """The root's servers, where others are meant than those that everybody knows."""
    where, found = values.where("root_hints"), []
    for text in values.texts("root_hints") or ():
        try:
            found.append(resolver(text, tunnelled=tunnelled))
        except ScanError as error:
            raise ScanError(f"{where}: {error}") from None
        if found[-1].scheme not in ("tcp", "udp"):
            raise ScanError(f"{where}: {shown(text)}: the root's servers are asked over tcp:// or udp://")
    return tuple(dict.fromkeys(found))


def policy(values: Values, count: int) -> str:
    """How one of so many resolvers is chosen."""
    return str(values.value("policy") or usual_policy(count))


def usual_policy(count: int) -> str:
    """The same where nobody says."""
    return "best" if count > FEW else "random"


def stream_policy(values: Values, count: int) -> str:
    """The same over streams, where workers stay with their resolvers unless they say or there are many."""
    return policy(values, count) if values.value("policy") or count > FEW else "round-robin"


def workers(values: Values, proxy_count: int, least: int, warnings: list[str]) -> int:
    """Tunnels held open: at least one for each resolver of several routes."""
    chosen: int = values.value("workers") or (max(WORKERS_WITH_PROXIES, proxy_count) if proxy_count else WORKERS)
    if chosen < least:
        if values.is_given("workers"):
            warnings.append(f"{chosen} workers for {least} resolvers of routes: {least} are used")
        chosen = least
    if chosen < proxy_count:
        warnings.append(f"{chosen} workers for {proxy_count} proxies: only the first {chosen} are used")
    return chosen


def threads(values: Values, resolvers: Sequence[Resolver], warnings: list[str]) -> int:
    """UDP engines: one wherever a rate is kept or streams share the work, for there one is enough."""
    wanted: int = values.value("threads") or (max(len(os.sched_getaffinity(0)) - 1, 1) if LINUX else 1)
    each = values.value("rate_per_resolver")
    paced = each if each is not None else any(resolver.is_public for resolver in resolvers)
    kept = paced or values.value("at_registry") or values.value("rate") or values.value("max_queries")
    kept = kept or "resolver" in columns(values)
    mixed = any(resolver.scheme != "udp" for resolver in resolvers)
    if (kept or mixed) and values.is_given("threads") and wanted > 1:
        why = (
            "where queries are counted or paced, or others than the resolvers given are asked"
            if kept
            else "where not every resolver is udp://"
        )
        warnings.append(f"{values.where('threads')}: one engine is used {why}")
    return 1 if kept or mixed else wanted


def types(values: Values) -> tuple[int, ...]:
    """Record types by number, each once."""
    numbers: list[int] = []
    wanted = values.texts("type") or ()
    if values.value("ptr") and not values.is_given("type"):
        wanted = ("PTR",)
    for part in (part for text in wanted for part in text.split(",")):
        number = askable_type(part)
        if number is None:
            raise ScanError(
                f"{values.where('type')}: {shown(part)} is no record type to ask for; use A, NS, MX, TYPE65 ..."
            )
        numbers.append(number)
    unique = tuple(dict.fromkeys(numbers))
    if not 1 <= len(unique) <= TYPES_MAX:
        raise ScanError(f"{values.where('type')}: 1 to {TYPES_MAX} types")
    if len(unique) > 1 and "type" in columns(values):
        raise ScanError(f"{values.where('type')}: one type, for lines without one in their column")
    return unique


def askable_type(text: str) -> int | None:
    """The number of a type, None for what cannot be asked for."""
    number = type_number(text)
    return number if number and number <= TYPE_MAX and number not in NOT_FOR_QUERIES else None


def columns(values: Values) -> tuple[str, ...]:
    """What stands in a line; () where it is a name and nothing else."""
    where = values.where("columns") if values.is_given("columns") else values.where("separator")
    found = tuple(word.strip() for text in values.texts("columns") or () for word in text.split(","))
    for word in found:
        if word not in COLUMNS:
            raise ScanError(f"{where}: {shown(word)} is no column; columns are {', '.join(COLUMNS)}")
        if word != "-" and found.count(word) > 1:
            raise ScanError(f"{where}: {word} stands twice")
    if "name" not in found or len(found) > COLUMNS_MAX:
        raise ScanError(f"{where}: one column is the name, of at most {COLUMNS_MAX}; for example -,name")
    if "resolver" in found and values.value("at_registry"):
        raise ScanError(f"{where}: with --at-registry a line cannot name its resolver; write - to ignore the column")
    if "meta" in found and values.value("format") == "names":
        raise ScanError(f"{where}: meta is given back by other formats; {OTHER_LINES['names']}")
    return found if values.is_given("columns") or values.value("separator") else ()


def fields(values: Values, *, numbered: bool) -> tuple[str, ...]:
    """Extra keys of the output, in the order in which they are written."""
    wanted = listed(values, "fields")
    form = values.value("format")
    if wanted and form != "compact":
        raise ScanError(f"{values.where('fields')}: only --format compact has fields; {OTHER_LINES[form]}")
    for field in wanted:
        if field not in FIELDS:
            raise ScanError(f"{values.where('fields')}: {shown(field)} is not known; fields are {', '.join(FIELDS)}")
    also = {"n": numbered and form != "names", "m": "meta" in columns(values)}
    return tuple(field for field in FIELDS if field in wanted or also.get(field))


def listed(values: Values, key: str) -> list[str]:
    """What stands between the commas of its texts."""
    return [word for text in values.texts(key) or () for word in text.split(",") if word]


def only(values: Values) -> tuple[str, ...]:
    """Verdicts whose lines are written; none stands for all."""
    wanted = listed(values, "only")
    for word in wanted:
        if word not in (*VERDICTS, *PARTS_OF_TAKEN):
            words = ", ".join((*VERDICTS, *PARTS_OF_TAKEN))
            raise ScanError(f"{values.where('only')}: {shown(word)} is no verdict; they are {words}")
    if values.is_given("only") and not wanted:
        raise ScanError(f"{values.where('only')}: names no verdict; leave it out to write all")
    parts = tuple(part for part in PARTS_OF_TAKEN if part in wanted)
    is_taken = "taken" in wanted or parts == PARTS_OF_TAKEN
    found = tuple(verdict for verdict in VERDICTS if (is_taken if verdict == "taken" else verdict in wanted))
    if parts and not is_taken:
        return (*parts, *found)
    return found if found != VERDICTS else ()


def bind(values: Values) -> tuple[str, ...]:
    """Source addresses of datagrams."""
    texts = values.texts("bind") or ()
    for text in texts:
        try:
            ip_from_text(text)
        except ValueError:
            raise ScanError(f"{values.where('bind')}: {shown(text)} is not an IP address of this machine") from None
    return texts


def canaries(values: Values) -> tuple[tuple[str, str], ...]:
    """Names that exist, each with an address."""
    return tuple(canary(text, values.where("canaries")) for text in values.texts("canaries") or ())


def canary(text: str, where: str) -> tuple[str, str]:
    """NAME=ADDRESS: the name as it is asked, the address as it is written in answers."""
    name, equals, address = text.partition("=")
    if not equals:
        raise ScanError(f"{where}: {shown(text)} is not NAME=ADDRESS, for example www.example=192.0.2.1")
    found, _, reason, why = classify_line(name.encode("utf-8", "replace"))
    asked = found.decode().removesuffix(".")
    if reason or not asked:
        raise ScanError(f"{where}: {shown(text)}: {why or 'what stands before ='} is no name to ask for")
    family = AF_INET6 if ":" in address else AF_INET
    try:
        return asked, inet_ntop(family, inet_pton(family, address))
    except (OSError, ValueError):
        raise ScanError(f"{where}: {shown(text)}: what stands behind = is not an IP address") from None


def recheck_window(values: Values) -> float:
    """For how long a line waits for its resolver's next canaries."""
    window: float | None = values.value("recheck_window")
    if window is None:
        return RECHECK_S if values.value("strict") and values.value("canary_every") else 0
    if window and not values.value("canary_every"):
        raise ScanError(f"{values.where('recheck_window')}: lines would wait for questions that are never asked: "
                        f"{values.where('canary_every')} is 0; give it a time, such as 60s")  # fmt: skip
    return window


def check_descriptors(workers: int, *, may_raise: bool = True) -> None:
    """Raise the limit of open files to what is allowed, in a process of our own; ScanError when the workers would not
    fit."""
    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if may_raise:
        if hard != resource.RLIM_INFINITY and limit < hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        limit = hard
    if limit != resource.RLIM_INFINITY and workers + DESCRIPTORS_SPARE > limit:
        flag = "--workers" if may_raise else "workers"
        fewer = f" or use {flag} {limit - DESCRIPTORS_SPARE}" if limit > DESCRIPTORS_SPARE else ""
        raise ScanError(
            f"{workers} workers need {workers + DESCRIPTORS_SPARE} open files, ulimit -n allows {limit}: "
            f"raise it{fewer}"
        )
