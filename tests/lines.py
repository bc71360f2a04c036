"""Result lines and a run's own account, made up as a scan would write them, the same ones each time."""

import json
import math
import random
from pathlib import Path

PROXIES = [f"socks5://scan:***@198.51.100.{number}:1080" for number in range(10)]
RESOLVERS = [f"tcp://192.0.2.{number}:53" for number in range(1, 9)]
MEDIAN_MS = (18, 22, 25, 31, 40, 22, 60, 240, 28, 35)  # by proxy
TLDS = ("com", "net", "org", "de", "io", "fr", "nl", "uk", "ch", "info", "se", "pl", "at", "dev", "it", "eu", "es")
RCODES = {"servfail": 2, "refused": 5, "formerr": 1, "rcode9": 9, "badresp": 0}  # of errors that were answered
FAILURES = (
    ("timeout",) * 50 + ("connection",) * 8 + ("servfail",) * 25 + ("refused",) * 6 + ("badresp", "formerr", "rcode9")
)
WORDS = ("alder", "amber", "anchor", "apple", "arbor", "arch", "ash", "atlas", "autumn", "badge", "bakery", "barley")
BEGIN = 1_795_269_600.0  # 2026-11-21 14:00 UTC
PER_SECOND = 640


def lines(count: int, seed: int = 6) -> list[dict]:
    """As `--fields n,why,t,a,ns,p,ts` has them: one proxy is slow and fails, and for a while all fail more."""
    rng = random.Random(seed)
    return [line(number, count, rng) for number in range(count)]


def line(number: int, count: int, rng: random.Random) -> dict:
    proxy = number % len(PROXIES)
    name = f"{rng.choice(WORDS)}-{rng.choice(WORDS)}{number}.{rng.choices(TLDS, [1 / n for n in range(1, 18)])[0]}"
    errors = 0.012 * (5 if 0.55 < number / count < 0.62 else 1) * (6 if proxy == 7 else 1)
    found = verdict(name, rng.random(), errors, rng)
    answered = found["r"] is not None
    if answered:
        answers = [f"192.0.2.{number % 250}"] if found["re"] and "e" not in found else []
        found |= {"a": answers, "ns": rng.choice(RESOLVERS), "p": proxy}
        found["ms"] = max(1, round(rng.lognormvariate(math.log(MEDIAN_MS[proxy]), 0.45)))
    elif found["e"] != "badname":
        found["ms"] = 2000 + rng.randrange(4200)
    ts = round(BEGIN + number / PER_SECOND + 0.05 * math.sin(number / 900), 3)
    return {**found, "n": number + 1, "t": "A", "ts": ts}


def verdict(name: str, at: float, errors: float, rng: random.Random) -> dict:
    if at < errors:
        e = rng.choice(FAILURES)
        return {"d": name, "s": "error", "r": RCODES.get(e), "ms": 0, "re": e == "badresp", "e": e, "x": 2}
    if at < errors + 0.002:
        return {"d": name.replace(".", ".."), "s": "error", "r": None, "ms": 0, "re": False, "e": "badname",
                "why": "empty label"}  # fmt: skip
    if at < 0.36:
        return {"d": name, "s": "nxdomain", "r": 3, "ms": 0, "re": False}
    if at < 0.405:
        return {"d": name, "s": "taken", "r": 0, "ms": 0, "re": True, "e": "nodata"}
    return {"d": name, "s": "taken", "r": 0, "ms": 0, "re": True} | ({"x": 1} if rng.random() < 0.03 else {})


def compact(rows: list[dict]) -> list[dict]:
    """Without the keys that are there on request."""
    return [{key: value for key, value in row.items() if key in "d s r ms re e x q".split()} for row in rows]


def run(rows: list[dict]) -> dict:
    """What `--stats json` would report of them."""
    counts = {verdict: sum(row["s"] == verdict for row in rows) for verdict in ("taken", "nxdomain", "error")}
    seconds = len(rows) / PER_SECOND
    return {
        "read": len(rows), "blank": 0, "written": len(rows), "skipped": 0, "unfinished": 0, **counts,
        "queries": round(1.04 * len(rows)), "retried": round(0.04 * len(rows)), "seconds": round(seconds, 3),
        "started": "2026-11-21T14:00:00Z", "ms": {"p50": 31, "p90": 115, "p99": 422},
        "settings": {"resolvers": RESOLVERS, "proxies": PROXIES, "types": ["A"], "workers": 500, "pipeline": "auto",
                     "timeout_ms": 2000, "retries": 2, "deadline_ms": 10000, "no_second_pass": False, "bind": []},
        "series": [[second, *(round(share * second / seconds) for share in (len(rows), *counts.values()))]
                   for second in range(1, int(seconds) + 1)],
        "resolvers": [ledger("resolver", name, len(rows) // 8, 0.01 + 0.001 * at, 31)
                      for at, name in enumerate(RESOLVERS)],
        "proxies": [ledger("proxy", name, len(rows) // 10, 0.09 if ms == 240 else 0.003, ms)
                    for name, ms in zip(PROXIES, MEDIAN_MS, strict=True)],
    }  # fmt: skip


def ledger(kind: str, name: str, queries: int, lost: float, ms: int) -> dict:
    losses = round(lost * queries)
    return {kind: name, "queries": queries, "responses": queries - losses, "losses": losses, "p50_ms": ms,
            "p99_ms": 3 * ms, "reconnects": losses // 40, "pauses": losses // 100, "window": 64}  # fmt: skip


def write(path: Path, rows: list[dict]) -> Path:
    """One a line, as the scan writes them."""
    path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))
    return path
