"""Every option of `dnsscan resolvers`, once. In the order of --help."""

from scanner.config.amounts import Count
from scanner.config.kinds import FLAG, Choice, Number, Option, Path, Switch, Text, Texts, table_of
from scanner.config.options import RATE_PUBLIC

BOGUS = "dnssec-failed.org"  # whose DS is wrong for good, so that validators can be told from others
ECS_NAME = "o-o.myaddr.l.google.com"  # whose TXT says which client subnet came with the question

OPTIONS = table_of(
    Option("good", Switch(), "", "Print the resolvers to use, one a line, for -r", default=False, place=FLAG),
    Option("suffixes", Texts(), "SUFFIX", "Names below it must be told from none", flag="--suffix", repeats=True,
           default=(), place=FLAG),
    Option("canaries", Texts(), "NAME=IP", "A name that must have this address", flag="--canary", repeats=True,
           default=(), place=FLAG),
    Option("bogus", Text(), "NAME", "A name that DNSSEC must make fail", default=BOGUS, place=FLAG),
    Option("ecs_name", Text(), "NAME", "Its TXT tells the client subnet (ECS)", default=ECS_NAME, place=FLAG),
    Option("timeout_ms", Number(100, 60_000, ms=True), "N", "One question, asked up to 3 times", default=2000,
           place=FLAG),
    Option("rate_per_resolver", Count(1, RATE_PUBLIC, rate=True), "N", "Queries/s to one address at most",
           default=RATE_PUBLIC, place=FLAG),
    Option("at_once", Count(1, 10_000), "N", "Resolvers asked at one time", default=500, place=FLAG),
    Option("output", Path(), "FILE", "Write there (must not exist); - = stdout", short="-o", place=FLAG),
    Option("force", Switch(), "", "Overwrite --output", default=False, place=FLAG),
    Option("stats", Choice(("text", "json")), "", "Form of the summary on stderr", default="text", place=FLAG),
    Option("quiet", Switch(), "", "No progress, no summary", short="-q", default=False, place=FLAG),
)  # fmt: skip
