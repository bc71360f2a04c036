"""`dnsscan names`: its flags."""

from typing import Any

import click
from click.shell_completion import CompletionItem

from scanner.cli.offers import one_of

EPILOG = """\b
A name is WORDS, then the PATTERN, then a dot and a TLD, those that are given,
every one with every other; the last changes fastest. Between words, and
between words and PATTERN, stands a --join ['']. One list with a --join and no
PATTERN stands on both sides of it. Several PATTERNs come one after another.
\b
Left out, and not counted: names that no host can have, with a label that is
empty or begins or ends with a hyphen. Labels over 63 and names over 253 are
refused. A name that can be made in two ways comes twice.
\b
Example:
  dnsscan names '[a-z]{4}.com' | dnsscan --config cfg.json > results.jsonl
  dnsscan names 'get{@builtin:words}{,s,[0-9]{1,2}}.{com,net,io}' --count
  dnsscan names --words words.txt --join '' --join - --tlds com,net
  dnsscan names '[a-z]{6}.com' --shuffle 7 --shard 1/4 --skip 1000000
  dnsscan names --words builtin:hosts .example.com
"""


def lists(context: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
    """What completion offers for a list: those that are here, and files."""
    from scanner.candidates.words import BUILTIN, builtin

    return one_of([BUILTIN + name for name in builtin()], or_file=True)(context, param, typed)


@click.command(
    "names", epilog=EPILOG, context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 80}
)
@click.argument("patterns", metavar="[PATTERN]...", nargs=-1)
@click.option("--words", multiple=True, metavar="FILE", shell_complete=lists,
              help="One word a line; - = stdin; builtin:words. Repeat for more places.")  # fmt: skip
@click.option("--join", "joins", multiple=True, metavar="TEXT", help="Stands between words; repeat for either.")
@click.option("--tlds", metavar="LIST", shell_complete=lists,
              help="com,net or a file (a path with / or .txt) or builtin:tlds.")  # fmt: skip
@click.option("--count", is_flag=True, help="Print how many names these are, and end.")
@click.option("--shuffle", metavar="SEED", help="In an order that looks random; any text is a seed.")
@click.option("--shard", metavar="I/N", default="1/1", help="Only the I-th of every N names of the order.")
@click.option("--skip", metavar="N", default="0", help="Go on behind the first N of that.")
@click.option("--limit", metavar="N", help="At most N names.")
def command(patterns: tuple[str, ...], **given: Any) -> None:
    """Candidate names, one a line, from patterns and word lists.

    \b
    [a-z0-9-]      one of these letters     {com,net}   one of these patterns
    [a-z]{4}       four times               {@FILE}     one of a file's words
    [a-z]{2,4}     two to four times,       {@builtin:words}, or hosts, tlds,
                   short ones first         demo: lists that are here
    """
    from scanner.candidates.run import run

    run(patterns, **given)
