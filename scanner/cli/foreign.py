"""Flags of other programs, and what stands for them here. click would take `-retry 3` for a resolver "etry"."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from scanner.errors import ScanError
from scanner.text import shown

PAGE = "docs/how-to/coming-from.md"
FILE = "FILE without a flag"
OUTPUT, RETRIES, THREADS, BIND, STATS = "--output FILE", "--retries N", "--threads N", "--bind IP", "--stats json"
TIMEOUT, IN_FLIGHT, ONLY, FIELDS = "--timeout-ms N", "--max-in-flight N", "--only LIST", "--fields LIST"
NO_RD = "--flags ''"
MASSDNS = {
    "--resolvers": "-r FILE", "--outfile": OUTPUT, "-w": OUTPUT, "--bindto": BIND, "-b": BIND,
    "--hashmap-size": IN_FLIGHT, "-s": IN_FLIGHT, "--resolve-count": RETRIES, "-c": RETRIES, "--interval": TIMEOUT,
    "-i": TIMEOUT, "--processes": THREADS, "--norecurse": NO_RD, "--no-recurse": NO_RD, "-n": NO_RD,
    "--predictable": "--policy round-robin", "--sticky": "--policy sticky", "--finalstats": STATS,
    "--status-format": STATS, "--filter": ONLY, "--ignore": ONLY, "--socket-count": "", "--verify-ip": "",
    "--error-log": "", "--extended-input": "", "--root": "", "--drop-user": "", "--drop-group": "",
    "--busy-poll": "", "--flush": "", "--hashmap": "",
}  # fmt: skip
ZDNS = {
    "--name-servers": "-r ADDR or -r FILE", "--input-file": FILE, "-f": FILE, "--output-file": OUTPUT,
    "--metadata-file": STATS, "--conf-file": "--config FILE", "--result-verbosity": FIELDS,
    "--include-fields": FIELDS, "--go-processes": THREADS, "--local-addr": BIND, "--network-timeout": TIMEOUT,
    "--timeout": TIMEOUT, "--tcp-only": "-r tcp://ADDR", "--udp-only": "-r udp://ADDR",
    "--tls": "-r tls://ADDR#NAME", "--dnssec": "--flags rd,do", "--checking-disabled": "--flags rd,cd",
    "--nsid": "--edns nsid", "--client-subnet": "--edns ecs=NETWORK", "--iterative": "", "--iteration-timeout": "",
    "--max-depth": "", "--all-nameservers": "", "--name-server-mode": "", "--https": "", "--cache-size": "",
    "--recycle-sockets": "", "--verbosity": "", "--log-file": "", "--local-interface": "", "--ipv4-lookup": "",
    "--ipv6-lookup": "", "--follow-cnames": "", "--blacklist-file": "", "--module": "-t TYPE",
}  # fmt: skip
DNSX = {
    "--list": FILE, "-l": f"{FILE} (of puredns: --rate N)", "--rl": "--rate N", "--rate-limit": "--rate N",
    "--retry": RETRIES, "--rc": "--only VERDICT", "--rcode": "--only VERDICT", "--silent": "--quiet",
    "--resp": "--fields a", "--re": "--fields a", "--resp-only": "--fields a", "--ro": "--fields a",
    "--resp-cname": "--fields cn", "--raw": "--fields raw", "--query-type": "-t TYPE",
    **{f"--{word}": f"-t {word.upper()}"
       for word in ("a", "aaaa", "any", "caa", "cname", "mx", "ns", "soa", "srv", "txt")},
    "-a": "-t A", "--recon": "-t TYPE, repeated", "--wordlist": "dnsscan names --words FILE", "--wd": "--wildcards",
    "--wt": "", "--domain": "dnsscan names --words FILE .DOMAIN", "--verbose": "--progress plain",
    "-v": "--progress plain", "--json": "", "-j": "", "--stream": "", "--trace": "", "--axfr": "", "--cdn": "",
    "--asn": "", "--hf": "", "--hostsfile": "", "--omit-raw": "", "--or": "", "--no-color": "", "--nc": "",
    "--wildcard-domain": "--wildcards", "--wildcard-threads": "", "--health-check": "", "--hc": "",
    "--disable-update-check": "", "--duc": "", "--update": "", "--up": "", "--mode": "",
}  # fmt: skip
PUREDNS = {
    "--write": OUTPUT, "--write-massdns": "--format massdns", "--resolvers-trusted": "--trusted-resolver @FILE",
    "--trusted-only": "", "--rate-limit-trusted": "--rate N", "--wildcard-tests": "--wildcards", "--wildcard-batch": "",
    "--write-wildcards": "--only wildcard", "--skip-sanitize": "", "--skip-wildcard-filter": "",
    "--skip-validation": "", "--bin": "", "--directory": "",
}  # fmt: skip
DIG = {"-x": "--ptr", "-p": "-r ADDR:PORT", "--udp": "-r udp://ADDR", "--tcp": "-r tcp://ADDR"}
FOREIGN = MASSDNS | ZDNS | DNSX | PUREDNS | DIG
"""What is to be written here; "" where there is no such thing, or no need of it. Some have one dash elsewhere."""
MASSDNS_OUTPUT = re.compile(r"[SFBJL]|S[dilmnqrstu]+|J[aeo]+")
MASSDNS_FORMAT = {"J": "--format massdns", "L": "--format names --only taken"}


def check_foreign(params: Sequence[click.Parameter], args: Sequence[str]) -> None:
    """No flag of another program is among the words typed. Raises ScanError that names ours."""
    options = [param for param in params if isinstance(param, click.Option)]
    ours = {flag for option in options for flag in option.opts}
    valued = {flag for option in options if not option.is_flag for flag in option.opts}
    for flag, value in typed(args, valued):
        if flag[:2] == "-o" and MASSDNS_OUTPUT.fullmatch(flag[2:]):
            flag, value = "-o", flag[2:]
        if flag not in ours:
            check_flag(flag, ours)
        elif flag in ("-o", "--output") and MASSDNS_OUTPUT.fullmatch(value):
            instead = MASSDNS_FORMAT.get(value[0], "--format WORD")
            raise ScanError(f"{flag} {value}: the form of massdns's lines is {instead} here ({PAGE}); for a file of "
                            f"this name write ./{value}")  # fmt: skip


def typed(args: Sequence[str], valued: set[str]) -> Iterator[tuple[str, str]]:
    """Each flag and its value, which stands behind it or after `=`; "" without one."""
    words = iter(args)
    for arg in words:
        if arg == "--":
            return
        if arg[:1] == "-" and arg != "-":
            flag, equals, value = arg.partition("=")
            yield flag, value if equals or flag not in valued else next(words, "")


def check_flag(flag: str, ours: set[str]) -> None:
    """Raises ScanError for one that is another program's, or a long one of ours with one dash."""
    is_word = re.fullmatch("-[a-z][a-z0-9-]+", flag) is not None  # with one dash
    long = f"-{flag}" if is_word else flag
    if long in FOREIGN:
        raise ScanError(no_flag(flag, FOREIGN[long]))
    if is_word and long in ours:
        raise ScanError(no_flag(flag, long))
    if re.fullmatch("-r[a-z-]+", flag) and not Path(flag[2:]).exists():
        raise ScanError(no_flag(flag, ""))  # no address is made of letters alone


def no_flag(flag: str, instead: str) -> str:
    """The end of an error line."""
    other = f"it is {instead} here; " if instead else ""
    return f"unknown option {shown(flag)[1:-1]}; {other}{PAGE} has the flags of other programs, and ours"
