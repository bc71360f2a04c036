"""Every knob once: its key, its flag, its range, its default and what it means."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Knob:
    """One number of the configuration; `default` as people read it."""

    least: int
    most: int
    default: str
    meaning: str
    word: str = ""  # a word that may stand for 0


NUMBERS = {
    "workers": Knob(1, 100_000, "500 with proxies, else 16", "tunnels held open"),
    "pipeline": Knob(0, 1024, "auto", "queries in flight on one connection", "auto"),
    "timeout_ms": Knob(1, 600_000, "2000", "one attempt"),
    "retries": Knob(0, 100, "2", "attempts after the first, each by another worker"),
    "deadline_ms": Knob(1, 3_600_000, "10000", "hard limit for one name"),
    "rate": Knob(0, 10_000_000, "1000 per public resolver and exit", "queries a second; 0 = no limit"),
    "max_in_flight": Knob(1, 10_000_000, "from the above", "names started and not yet written"),
    "fsync": Knob(1, 86_400, "never", "seconds between two times that --output is brought to the disk"),
    "max_time": Knob(1, 31_536_000, "none", "seconds after which the scan stops"),
    "max_queries": Knob(1, 999_999_999_999, "none", "queries after which the scan stops"),
    "threads": Knob(1, 256, "one per core but one", "udp: engines, each with its own sockets"),
    "rcvbuf": Knob(4096, 1 << 30, "1 MiB", "udp: a socket's buffer for answers, in octets"),
    "sndbuf": Knob(4096, 1 << 30, "1 MiB", "udp: a socket's buffer for queries, in octets"),
}
LISTS = {"resolvers": "resolver", "proxies": "proxy", "type": "type", "fields": "fields", "bind": "bind",
         "allow_nets": "allow-net", "ages": "age"}  # fmt: skip
OTHERS = ("resolver", "proxy_file", "all_names", "ptr", "strict", "policy", "port_range", "no_gso", "no_0x20",
          "no_second_pass")  # fmt: skip
KEYS = (*NUMBERS, "resolvers", "proxies", "type", "fields", "bind", *OTHERS)
CONFIRM = "confirm"  # the table of `dnsscan confirm`, which shares the file; here it is only seen to be one
