"""Every option of a scan, once: key, flag, what it may be, default, meaning. In the order of --help."""

from scanner.config.kinds import (
    FILE,
    FLAG,
    Choice,
    Number,
    Option,
    Path,
    PortRange,
    Switch,
    Text,
    Texts,
    keys_of,
    table_of,
)
from scanner.model import FIELDS, POLICIES

RATE_PUBLIC = 1000  # queries a second, by public resolver address and egress
WORKERS, WORKERS_WITH_PROXIES = 16, 500
MIB = 1 << 20
CONFIRM = "confirm"  # the table of `dnsscan confirm`, which shares the file; here it is only seen to be one

OPTIONS = table_of(
    Option("config", Path(), "FILE", "JSON or TOML; - = first line of stdin", place=FLAG),
    Option("resolvers", Texts(), "ADDR", "192.0.2.53, udp://, tls://ip#name", flag="--resolver", short="-r",
           repeats=True, default_text="/etc/resolv.conf",
           detail="required with proxies; `192.0.2.53`, `192.0.2.53:53`, `[2001:db8::1]:53`, "
                  "`tcp://…`, `tls://address#name`, `udp://…`"),
    Option("resolver", Texts(), "", "the same, where there is one", place=FILE),
    Option("proxies", Texts(), "URL", "socks5://user:pass@host:1080, http://", flag="--proxy", repeats=True,
           detail="`socks5://user:pass@host:1080`, `socks5h://…`, `http://…` (CONNECT); `${NAME}` is filled in "
                  "from the environment; without any, connections are direct"),
    Option("proxy_file", Path(), "FILE", "One proxy a line"),
    Option("type", Texts(), "TYPE", "Record type; repeat for more", short="-t", repeats=True, default=("NS",),
           default_text="NS", detail="record type, or a list of them"),
    Option("workers", Number(1, 100_000), "N", "Tunnels held open",
           default_text=f"{WORKERS_WITH_PROXIES} with proxies, else {WORKERS}"),
    Option("pipeline", Number(1, 1024, word="auto"), "N", "Queries in flight on a connection", default=0,
           default_text="auto", detail="queries in flight on one connection; a number fixes it"),
    Option("timeout_ms", Number(1, 600_000), "N", "One attempt", default=2000),
    Option("retries", Number(0, 100), "N", "Attempts after the first", default=2,
           detail="attempts after the first, each elsewhere where there is an elsewhere"),
    Option("deadline_ms", Number(1, 3_600_000), "N", "Hard limit for one name", default=10_000,
           detail="hard limit for one name, whatever the peer does"),
    Option("rate", Number(0, 10_000_000), "N", "Queries/s per egress and resolver; 0 = no limit",
           default_text=f"{RATE_PUBLIC} per public resolver and egress",
           detail="queries a second, by egress and resolver, retries included; `0` is no limit, and so is the default "
                  "for loopback and private resolvers"),
    Option("max_in_flight", Number(1, 10_000_000), "N", "Names started and not yet written", default=0,
           default_text="from the above"),
    Option("threads", Number(1, 256), "N", "udp: engines, each with its own sockets", default_text="cores - 1"),
    Option("policy", Choice(POLICIES), "WORD", "udp: random, round-robin or sticky", default=POLICIES[0],
           detail="udp: how the next of several resolvers is chosen; `sticky` stays with one while it has room"),
    Option("bind", Texts(), "IP", "udp: source address; repeat for more", repeats=True, default=(), default_text="any",
           detail="udp: source address, or a list of them"),
    Option("port_range", PortRange(), "MIN-MAX", "udp: source ports", default_text="any"),
    Option("rcvbuf", Number(4096, 1 << 30), "N", "udp: receive buffer, octets", default=MIB, default_text="1 MiB",
           detail="udp: a socket's buffer for responses, in octets"),
    Option("sndbuf", Number(4096, 1 << 30), "N", "udp: send buffer, octets", default=MIB, default_text="1 MiB",
           detail="udp: a socket's buffer for queries, in octets"),
    Option("no_gso", Switch(), "", "udp: no segmented sends", default=False),
    Option("no_0x20", Switch(), "", "udp: names in lower case", default=False),
    Option("fields", Texts(), "LIST", "Extra keys, such as a,ttl,cn (all: the README)", default=(),
           detail="extra output keys: " + ", ".join(f"`{field}`" for field in FIELDS)),
    Option("output", Path(), "FILE", "Write there instead of stdout (must not exist)", place=FLAG),
    Option("force", Switch(), "", "Overwrite --output", default=False, place=FLAG),
    Option("resume", Switch(), "", "Go on with --output where it ended", default=False, place=FLAG),
    Option("fsync", Number(1, 86_400), "SECONDS", "Have --output on the disk so often", default=0, default_text="never",
           detail="seconds between two times that `--output` is brought to the disk"),
    Option("max_time", Number(1, 31_536_000), "SECONDS", "Stop after this long (exit 5)", default=0,
           detail="a budget of seconds; when they are used up the scan ends with code 5"),
    Option("max_queries", Number(1, 999_999_999_999), "N", "Send no more than this many (exit 5)", default=0,
           detail="a budget of queries; when they are used up the scan ends with code 5"),
    Option("no_second_pass", Switch(), "", "Do not try failed names once more at the end", default=False),
    Option("all_names", Switch(), "", "Send special-use names to public resolvers too", default=False),
    Option("ptr", Switch(), "", "Ask the reverse name of an IP address", default=False),
    Option("strict", Switch(), "", "Stop (exit 3) if a resolver invents answers", default=False),
    Option("stats", Choice(("text", "json")), "", "Form of the summary on stderr", default="text", place=FLAG),
    Option("quiet", Switch(), "", "No progress, no summary", default=False, place=FLAG),
    Option("progress", Choice(("auto", "plain", "none")), "FORM",
           "auto (on a terminal), plain (every 10 s) or none", place=FLAG),
    Option("heartbeat", Path(), "FILE", "Keep the status there, as JSON", default="", place=FLAG),
    Option("metrics", Text(), "[IP:]PORT", "Serve metrics to Prometheus", place=FLAG),
    Option("metrics_file", Path(), "FILE", "Keep metrics there (node exporter)", default="", place=FLAG),
    Option("dry_run", Switch(), "", "Print the resolved config, secrets hidden", default=False, place=FLAG),
)  # fmt: skip
KEYS = keys_of(OPTIONS)
