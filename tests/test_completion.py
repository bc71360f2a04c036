"""Completion: what is offered where, and what the shells themselves make of it, each on a terminal of its own."""

import os
import shutil
import subprocess
import sys

import click
import pytest
from command import ROOT, refusal, scan
from terminal import Terminal

from scanner.cli.main import PROGRAMS, entry
from scanner.config.check import NOT_FOR_QUERIES
from scanner.model import CLASSES, COLUMNS, FIELDS, FLAGS, FORMATS, PARTS_OF_TAKEN, POLICIES, VERDICTS
from scanner.rdata import type_number, type_words

WRAPPER = """#!/bin/sh
# the real command where the shell asks it; else what was typed, one line
[ -z "$_DNSSCAN_COMPLETE" ] || PYTHONPATH={root} exec {python} -m scanner "$@"
echo "$*" >> typed
"""
SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
SETUP = {
    "bash": 'eval "$(_DNSSCAN_COMPLETE=bash_source dnsscan)"',
    "zsh": 'autoload -Uz compinit && compinit -D; eval "$(_DNSSCAN_COMPLETE=zsh_source dnsscan)"',
    "zsh from a folder": f"fpath=({ROOT}/scanner/cli/completions $fpath); autoload -Uz compinit && compinit -D",
    "fish": "_DNSSCAN_COMPLETE=fish_source dnsscan | source",
}
TYPED = {  # what is typed, and what the command is given
    "dnsscan conf\t--sto\tcf\t": "confirm --store cfg.json",
    "dnsscan -t openp\t--form\tzd\t--only taken,nx\t": "-t openpgpkey --format zdns --only taken,nxdomain",
    "dnsscan --output=cf\t--fields=a,tt\t": "--output=cfg.json --fields=a,ttl",
    "dnsscan -r @ser\t--proxy socks5h\t": "-r @servers.txt --proxy socks5h://",
    "dnsscan lab -- dnsscan --poli\tst\t": "lab -- dnsscan --policy sticky",
}


def offered(line: str, shell: str = "fish", **changes: str) -> list[str]:
    """The words that are offered at the end of a line."""
    done = scan(_DNSSCAN_COMPLETE=f"{shell}_complete", COMP_LINE=line, **changes)

    assert (done.code, done.err) == (0, "")
    return [column[1] for row in done.out.decode().splitlines() if len(column := row.split("\t")) > 1 and column[1]]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", PROGRAMS),
        ("co", ["confirm", "convert", "co"]),  # or a file
        ("X=1 dnsscan co", ["confirm", "convert", "co"]),
        ("--time", ["--timeout-ms"]),
        ("--prox", ["--proxy", "--proxy-file"]),
        ("-r 192.0.2.53 --dr", ["--dry-run"]),
        ("--progress p", ["plain"]),
        ("--stats j", ["json"]),
        ("--pipeline ", ["auto"]),
        ("--class ", CLASSES),
        ("--policy ", POLICIES),
        ("--format ", FORMATS),
        ("--format=", [f"--format={word}" for word in FORMATS]),
        ("--flags ", FLAGS),
        ("--columns name,m", ["name,meta"]),
        ("--separator b", ["blanks"]),
        ("--only ", [*VERDICTS, *PARTS_OF_TAKEN]),
        ("--only nxdomain,", ["nxdomain,taken", "nxdomain,error", "nxdomain,own", "nxdomain,wildcard"]),
        ("--fields ", FIELDS),
        ("--fields a,ttl,a", ["a,ttl,ans", "a,ttl,auth", "a,ttl,add"]),
        ("--columns ", COLUMNS),
        ("--columns name,", ["name,type", "name,resolver", "name,meta", "name,-"]),
        ("--separator s", ["semicolon"]),
        ("--edns nsid,", ["nsid,ecs=", "nsid,cookie"]),
        ("-t ", type_words()),
        ("-t A,ND", []),
        ("-t A,D", ["A,DNAME", "A,DS", "A,DNSKEY", "A,DHCID", "A,DSYNC", "A,DLV"]),
        ("--type aaa", ["aaaa"]),
        ("--proxy s", ["socks5://", "socks5h://"]),
        ("-r u", ["udp://", "u"]),  # or a file
        ("-r 192.0.2.53 names", ["names"]),  # a file: behind an option it is no program
        ("confirm --also ", ["error"]),
        ("confirm --age r", ["registered=", "reserved="]),
        ("lab --write", ["--write-config"]),
        ("lab --proxies 2 -- dnsscan --format m", ["massdns"]),
        ("lab -- dnsscan lab -- dnsscan rep", ["report", "rep"]),
        ("names '[a-z]{3}.c", []),
        ("names --words b", [*(f"builtin:{name}" for name in ("demo", "hosts", "tlds", "words")), "b"]),
        ("names --tlds builtin:t", ["builtin:tlds", "builtin:t"]),
    ],
)
def test_what_may_stand_at_the_cursor_is_offered(typed, words):
    line = typed if "dnsscan" in typed.partition(" ")[2] and "=" in typed.partition(" ")[0] else f"dnsscan {typed}"

    assert offered(line) == [*words]


def test_every_type_that_is_offered_may_be_asked_for():
    numbers = [type_number(word) for word in type_words()]

    assert None not in numbers
    assert not set(NOT_FOR_QUERIES) & set(numbers)
    assert {1, 2, 5, 6, 12, 15, 16, 28, 33, 64, 65, 255, 257} <= set(numbers)


def programs() -> dict[str, click.Command]:
    context = click.Context(entry)
    return {name: entry.get_command(context, name) for name in ("scan", *PROGRAMS)}


def test_a_file_is_offered_wherever_one_is_named():
    without = [f"{name} {param.name}" for name, program in programs().items() for param in program.params
               if "FILE" in (param.metavar or "")
               and "file" not in [item.type for item in param.shell_complete(click.Context(program), "x")]]  # fmt: skip

    assert without == []


def test_short_flags_mean_the_same_in_every_program():
    flags = {short: {param.name for program in programs().values() for param in program.params if short in param.opts}
             for short in ("-o", "-q")}  # fmt: skip
    lacking = [f"{name} {param.opts}" for name, program in programs().items() for param in program.params
               for short, names in flags.items() if param.name in names and short not in param.opts]  # fmt: skip

    assert flags == {"-o": {"output"}, "-q": {"quiet"}}
    assert lacking == []
    assert [
        name for name, program in programs().items() if "-h" not in program.context_settings["help_option_names"]
    ] == []


def test_bash_gets_what_stands_behind_its_last_break():
    breaks = {"COMP_WORDBREAKS": " \t\n\"'@><=;|&(:"}

    assert offered("dnsscan --format=zd", "bash", **breaks) == ["zdns"]
    assert offered("dnsscan -r udp:", "bash", **breaks) == ["//"]
    assert offered("dnsscan --edns nsid,e", "bash", **breaks) == ["nsid,ecs="]


def test_meanings_are_told_where_a_shell_shows_them():
    done = scan(_DNSSCAN_COMPLETE="zsh_complete", COMP_LINE="dnsscan --timeout")

    assert done.out == b"word\t--timeout-ms\tOne attempt [2000].\n"


def test_another_shell_is_told_in_one_line():
    refusal(scan(_DNSSCAN_COMPLETE="ksh_source"), "_DNSSCAN_COMPLETE", "bash, zsh, fish")


@pytest.mark.parametrize("way", SETUP)
def test_the_shell_itself_completes(way, tmp_path):
    shell = way.split()[0]
    if shutil.which(shell) is None:
        assert "DNSSCAN_REQUIRE_SERVERS" not in os.environ, f"{shell} is not installed"
        pytest.skip(f"{shell} is not installed")
    wrapper = tmp_path / "bin" / "dnsscan"
    wrapper.parent.mkdir()
    wrapper.write_text(WRAPPER.format(root=ROOT, python=sys.executable))
    wrapper.chmod(0o755)
    for name in ("cfg.json", "servers.txt"):
        (tmp_path / name).touch()
    environment = {"PATH": f"{wrapper.parent}:/usr/bin:/bin", "HOME": str(tmp_path), "TERM": "dumb", "LANG": "C.UTF-8"}
    script = "\n".join([SETUP[way], *TYPED, "exit", ""])

    with Terminal(200) as terminal:
        run = subprocess.Popen(["setsid", "--ctty", "--wait", *SHELLS[shell]], cwd=tmp_path, env=environment,
                               stdin=terminal.theirs, stdout=terminal.theirs, stderr=terminal.theirs)  # fmt: skip
        terminal.type(script.encode())
        try:
            run.wait(60)
        finally:
            run.kill()

    assert (tmp_path / "typed").read_text().splitlines() == [*TYPED.values()], terminal.octets.decode()
