"""Every option of a scan, once: key, flag, what it may be, default, meaning. In the order of --help."""

from scanner.config.amounts import Count, Duration
from scanner.config.kinds import (
    ANOTHERS,
    FILE,
    FLAG,
    RARE,
    SEPARATORS,
    Choice,
    Number,
    Option,
    Path,
    PortRange,
    Separator,
    Switch,
    Text,
    Texts,
    keys_of,
    table_of,
)
from scanner.config.route_texts import RouteTexts
from scanner.model import CLASSES, COLUMNS, FIELDS, FLAGS, FORMATS, PARTS_OF_TAKEN, POLICIES, VERDICTS

RATE_PUBLIC = 1000  # queries a second, by public resolver address and egress
WORKERS, WORKERS_WITH_PROXIES = 16, 500
RECHECK_S = 60  # with --strict
MIB = 1 << 20
CONFIRM = "confirm"  # the table of `dnsscan confirm`, which shares the file; here it is only seen to be one

OPTIONS = table_of(
    Option("config", Path(), "FILE", "JSON or TOML; - = first line of stdin", place=FLAG),
    Option("domain", Texts(), "NAME", "Ask for this one (not stdin); repeat for more", short="-d", repeats=True,
           place=FLAG),
    Option("resolvers", Texts(), "ADDR", "192.0.2.53, udp://, tls://ip#name", flag="--resolver", short="-r",
           repeats=True, default_text="/etc/resolv.conf", words=("udp://", "tcp://", "tls://"), may_be_file=True,
           detail="required with proxies; `192.0.2.53`, `192.0.2.53:53`, `[2001:db8::1]:53`, "
                  "`tcp://…`, `tls://address#name`, `udp://…`; several with commas between them, or `@FILE`"),
    Option("resolver", Texts(), "", "the same, where there is one", place=FILE),
    Option("resolver_file", Path(), "FILE", "One resolver a line (as -r FILE)"),
    Option("routes", RouteTexts(), "ROUTE", "SUFFIX=ADDR: whom to ask for names below it", flag="--route", repeats=True,
           default=(), default_text="",
           detail='whom names below a suffix are asked of, by the longest suffix: `{"com": ["192.0.2.1"], ".": …}`, as '
                  "a flag `com=192.0.2.1,192.0.2.2` ([routes](../how-to/routes.md))"),
    Option("at_registry", Switch(), "", "Ask each name of its registry's own servers", default=False,
           detail="ask each name of the servers of the zone that its public suffix is delegated from, found when the "
                  "input meets the suffix ([at the registry](../how-to/at-registry.md))"),
    Option("from_root_hints", Switch(), "", "Find those from the root on (or from --root-hint)", default=False,
           detail="with `at_registry`: find those servers from the root on, without a resolver"),
    Option("root_hints", Texts(), "ADDR", "A server of the root; repeat for more", flag="--root-hint", repeats=True,
           default=(), default_text="the IANA's", row=ANOTHERS,
           detail="addresses of the root's servers, a list, where others are meant than those that the IANA names"),
    Option("trusted_resolvers", Texts(), "IP", "Asked to confirm NXDOMAIN; forms as of -r", flag="--trusted-resolver",
           repeats=True, default=(), default_text="", words=("udp://", "tcp://", "tls://"), may_be_file=True,
           detail="resolvers that each NXDOMAIN is asked of once more before it is written, in the forms of "
                  "`resolvers` ([ask twice](../how-to/truth.md))"),
    Option("trusted_resolver", Texts(), "", "the same, where there is one", place=FILE),
    Option("proxies", Texts(), "URL", "socks5://u:p@host:1080, http://; or --proxy-file", flag="--proxy", repeats=True,
           words=("socks5://", "socks5h://", "http://"),
           detail="`socks5://user:pass@host:1080`, `socks5h://…`, `http://…` (CONNECT), `host:port`, "
                  "`host:port:user:pass`, `user:pass@host:port`, `user:pass:host:port`; `${NAME}` is filled in "
                  "from the environment; without any, connections are direct"),
    Option("proxy_file", Path(), "FILE", "One proxy a line", row=ANOTHERS),
    Option("type", Texts(), "TYPE", "Record type; repeat for more", short="-t", repeats=True, default=("NS",),
           default_text="NS", detail="record type, or a list of them; with `ptr` the default is PTR"),
    Option("class", Choice(tuple(CLASSES)), "WORD", "Class: IN, CH or HS", default="IN",
           detail="class of what is asked; `CH` for what a server says of itself (`version.bind`)"),
    Option("flags", Texts(), "LIST", "Set in queries: " + ",".join(FLAGS), repeats=True, default=("rd",),
           default_text="rd", words=tuple(FLAGS),
           detail="flags to be set in queries: `rd`, `ad`, `cd`, and `do` of EDNS; empty for none"),
    Option("edns", Texts(), "LIST", "EDNS options: nsid,ecs=NETWORK,cookie,N=HEX", repeats=True, default=(),
           words=("nsid", "ecs=", "cookie"),
           detail="EDNS options to send: `nsid`, `ecs=192.0.2.0/24`, `cookie` (`udp://` does anyway), `NUMBER=HEX`"),
    Option("no_edns", Switch(), "", "Queries without EDNS", default=False),
    Option("workers", Number(1, 100_000), "N", "Tunnels held open",
           default_text=f"{WORKERS_WITH_PROXIES} with proxies, else {WORKERS}"),
    Option("pipeline", Number(1, 1024, word="auto"), "N", "Queries in flight on a connection", default=0,
           default_text="auto", detail="queries in flight on one connection; a number fixes it"),
    Option("timeout_ms", Number(1, 600_000, ms=True), "N", "One attempt", default=2000),
    Option("retries", Number(0, 100), "N", "Attempts after the first", default=2,
           detail="attempts after the first, each elsewhere where there is an elsewhere"),
    Option("deadline_ms", Number(1, 3_600_000, ms=True), "N", "Hard limit for one name", default=10_000,
           detail="hard limit for one name, whatever the peer does"),
    Option("rate", Count(0, 10_000_000, rate=True), "N", "Queries/s of the whole scan", default=0,
           default_text="no limit", detail="queries a second of the whole scan, retries included; `0` is no limit"),
    Option("rate_per_resolver", Count(0, 10_000_000, rate=True), "N", "Queries/s per egress and resolver",
           default_text=f"{RATE_PUBLIC} if public",
           detail="queries a second, by egress and resolver, retries included; `0` is no limit, and so is the default "
                  "for loopback and private resolvers"),
    Option("max_in_flight", Count(1, 10_000_000), "N", "Names started and not yet written", default=0,
           default_text="from the above"),
    Option("threads", Number(1, 256), "N", "udp: engines, each with its own sockets", default_text="cores - 1"),
    Option("policy", Choice(POLICIES), "WORD", "Whom to ask: best, random, ...",
           default_text="best for over 20",
           detail="how the next of several resolvers is chosen ([the pool](../how-to/pool.md)); the default of up to "
                  "20 is `random`, over streams `round-robin`"),
    Option("expire_ms", Number(0, 86_400_000, ms=True), "N", "Idle connections end after", default=10_000, row=RARE,
           detail="streams: a connection that nothing was asked on for so long ends; `0` is never"),
    Option("max_age_ms", Number(0, 86_400_000, ms=True), "N", "Greatest age of a connection", default=0,
           default_text="no limit", row=RARE,
           detail="streams: a connection is drained and made anew at this age, or up to a quarter sooner"),
    Option("max_idle", Number(0, 100_000), "N", "Idle connections kept for each path", default=0,
           default_text="no limit", row=RARE,
           detail="streams: idle connections that are kept by egress and resolver; the one that is idle for longest "
                  "ends first"),
    Option("failover", Texts(), "LIST", "RCODEs that send a name to another resolver", repeats=True, default=(),
           words=("SERVFAIL", "REFUSED", "NXDOMAIN", "NOTIMP"),
           detail="RCODEs with which a name goes to another resolver of its route at once, such as `SERVFAIL`, "
                  "`REFUSED`: that is no attempt, and each is asked once; without any, they go elsewhere too, and "
                  "each is an attempt ([the pool](../how-to/pool.md))"),
    Option("bind", Texts(), "IP", "udp: source address; repeat for more", repeats=True, default=(), default_text="any",
           detail="udp: source address, or a list of them"),
    Option("port_range", PortRange(), "MIN-MAX", "udp: source ports", default_text="any"),
    Option("rcvbuf", Number(4096, 1 << 30), "N", "udp: receive buffer, octets; --sndbuf: send", default=MIB,
           default_text="1 MiB", detail="udp: a socket's buffer for responses, in octets"),
    Option("sndbuf", Number(4096, 1 << 30), "N", "udp: send buffer, octets", default=MIB, default_text="1 MiB",
           row=ANOTHERS, detail="udp: a socket's buffer for queries, in octets"),
    Option("no_gso", Switch(), "", "udp: no segmented sends", default=False, row=RARE),
    Option("no_0x20", Switch(), "", "udp: names in lower case", default=False, row=RARE),
    Option("no_early_retries", Switch(), "", "udp: ask again only after --timeout-ms", default=False,
           detail="udp: never ask a name again before `timeout_ms` is over"),
    Option("fields", Texts(), "LIST", "Extra keys, such as a,ttl,cn (all: the reference)", default=(), words=FIELDS,
           detail="extra output keys: " + ", ".join(f"`{field}`" for field in FIELDS)),
    Option("format", Choice(FORMATS), "WORD", "Lines: compact, names, massdns or zdns", default=FORMATS[0],
           detail="form of the lines: ours (`compact`), bare `names`, as `massdns -o J` or as `zdns` 2 writes them"),
    Option("only", Texts(), "LIST", "Verdicts to write, such as nxdomain", repeats=True, default=(), default_text="all",
           words=(*VERDICTS, *PARTS_OF_TAKEN),
           detail="verdicts to write: " + ", ".join(f"`{verdict}`" for verdict in VERDICTS) + "; of `taken` only "
                  "names of a `wildcard`, or the others (`own`); names with another have no line and are counted as "
                  "`filtered`"),
    Option("columns", Texts(), "LIST", "In a line: " + ",".join(COLUMNS), repeats=True, default=("name",),
           default_text="name", words=COLUMNS,
           detail="what stands in an input line: " + ", ".join(f"`{word}`" for word in COLUMNS) + " (ignored); "
                   "`meta` is given back as `m`, `type` goes before `--type`, `resolver` before `--resolver`"),
    Option("separator", Separator(), "WORD", "Between columns: comma, tab, blanks, or it", default="",
           default_text="auto", words=tuple(SEPARATORS),
           detail="what stands between columns; `auto` is the first of comma, tab and blanks that a line has"),
    Option("output", Path(), "FILE", "Write there (must not exist); - = stdout", short="-o", place=FLAG),
    Option("force", Switch(), "", "Overwrite --output", default=False, place=FLAG),
    Option("resume", Switch(), "", "Go on with --output where it ended", default=False, place=FLAG),
    Option("fsync", Duration(1, 86_400), "TIME", "Have --output on the disk so often", default=0, default_text="never",
           detail="time between two times that `--output` is brought to the disk"),
    Option("max_time", Duration(1, 31_536_000), "TIME", "Stop after this long, such as 10m (exit 5)", default=0,
           detail="a budget of time; when it is used up the scan ends with code 5"),
    Option("max_queries", Count(1, 999_999_999_999), "N", "Send no more than this many (exit 5)", default=0,
           detail="a budget of queries; when they are used up the scan ends with code 5"),
    Option("no_second_pass", Switch(), "", "Do not try failed names once more at the end", default=False),
    Option("all_names", Switch(), "", "Send special-use names to public resolvers too", default=False),
    Option("ptr", Switch(), "", "Ask for the PTR of IP addresses and of blocks", default=False,
           detail="ask for the PTR of an IP address, and of each address of a block such as `192.0.2.0/24`; with "
                  "`type` for another type of its reverse name"),
    Option("canaries", Texts(), "NAME=ADDRESS", "A name that exists, asked for before", flag="--canary",
           repeats=True, default=(), default_text="two if public",
           detail="names that exist, each with an address that it has (`www.example=192.0.2.1`), which every resolver "
                  "is asked for before the scan; several addresses of one name are as many that it may have; without "
                  "any, public resolvers are asked for `a.root-servers.net` and `a.gtld-servers.net`"),
    Option("canary_every", Duration(0, 86_400), "TIME", "Between two checks of each; 0 = once", default=60,
           detail="time between two times that a resolver is asked for names of known answer; `0` is only before "
                  "the scan. During it such questions are at most one of a hundred queries"),
    Option("strict", Switch(), "", "Stop (exit 3) unless all pass (see --recheck-window)", default=False,
           detail="stop (exit 3) unless every resolver answers all that it is asked before the scan, and rightly"),
    Option("recheck_window", Duration(0, 86_400), "TIME", "Hold lines until their resolver has passed again",
           default_text=f"{RECHECK_S} with --strict", row=ANOTHERS,
           detail="time for which a verdict waits to be written until its resolver has passed its next questions of "
                  "known answer; what one that lies said in that time before is asked again "
                  "([one that turns liar](../how-to/pool.md#one-that-turns-liar)); `0` is no time"),
    Option("wildcards", Switch(), "", "Find names that only a wildcard answers for", default=False,
           detail="ask two random names below each name's parent: what gets their answer too is `wildcard` "
                  "([wildcards](../how-to/wildcards.md)); without it, only below suffixes such as `ws` and `co.uk`"),
    Option("stats", Choice(("text", "json")), "", "Form of the summary on stderr", default="text", place=FLAG),
    Option("quiet", Switch(), "", "No progress, no summary", default=False, short="-q", place=FLAG),
    Option("progress", Choice(("auto", "plain", "none")), "FORM",
           "auto (on a terminal), plain (every 10 s) or none", place=FLAG),
    Option("heartbeat", Path(), "FILE", "Keep the status there, as JSON", default="", place=FLAG),
    Option("metrics", Text(), "[IP:]PORT", "Serve metrics to Prometheus; or --metrics-file", place=FLAG),
    Option("metrics_file", Path(), "FILE", "Keep metrics there (node exporter)", default="", place=FLAG,
           row=ANOTHERS),
    Option("dry_run", Switch(), "", "Print the resolved config, secrets hidden", default=False, place=FLAG),
)  # fmt: skip
KEYS = keys_of(OPTIONS)
