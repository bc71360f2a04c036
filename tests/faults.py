"""A scan while what it needs breaks: `python tests/faults.py FOLDER NAMES PROXIES KIND...` starts two real resolvers
and so many real proxies, scans undisturbed, and scans again while every few seconds a proxy is killed, stopped with
SIGSTOP or reset, as the KINDs say, and a resolver restarted or reset. Prints as JSON what broke, the books and the
oracle's counts of the second run, and its speed as a share of the first's.

`reset` needs a network namespace with RULES (namespace.py): it cuts what is established, on both ends, and what is
opened meanwhile.
"""

import itertools
import json
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import servers
from command import scanned
from oracle import judge, write_names

SEED = 20261121
PERIOD_S = 5  # at most; a scan has twelve
RULES = """table inet faults {
  chain input { type filter hook input priority 0; policy accept; }
}
"""
RESET = "tcp {end} {port} ct state established reject with tcp reset"


class Faults(threading.Thread):
    """Every `period_s` one proxy breaks in one of the `kinds`, and is put back half a period later; resolvers break now
    and then. `count` says how often what did."""

    def __init__(self, proxies: Sequence[servers.Server], knots: Sequence[servers.Server], kinds: Sequence[str],
                 period_s: float):  # fmt: skip
        super().__init__(daemon=True)
        self.proxies, self.knots, self.kinds, self.period_s = proxies, knots, kinds, period_s
        self.over = threading.Event()
        self.count: Counter[str] = Counter()

    def run(self) -> None:
        random_ = random.Random(SEED)
        for number in itertools.count():
            if self.over.wait(self.period_s / 2):
                return
            proxy, knot = random_.choice(self.proxies), self.knots[number // 4 % 2]
            kind = self.kinds[number % len(self.kinds)]
            self.count[kind] += 1
            self.begin(kind, proxy)
            if number % 4 == 1 and "reset" in self.kinds:
                self.count["resolver reset"] += 1
                self.begin("reset", knot)
            if number % 4 == 3:
                self.count["resolver restarted"] += 1
                knot.restart()
            self.over.wait(self.period_s / 2)
            self.end(kind, proxy)

    def begin(self, kind: str, server: servers.Server) -> None:
        if kind == "kill":
            server.kill()
        elif kind == "stop":
            server.pause()
        else:
            for end in ("sport", "dport"):
                nft("add rule inet faults input", RESET.format(end=end, port=server.port))

    def end(self, kind: str, server: servers.Server) -> None:
        if kind == "kill":
            server.restart()
        elif kind == "stop":
            server.resume()
        if "reset" in self.kinds:
            nft("flush chain inet faults input")


def nft(*words: str) -> None:
    subprocess.run(["nft", " ".join(words)], check=True)


def main(folder: Path, count: int, proxy_count: int, kinds: Sequence[str]) -> None:
    """Both runs, and what is reported of them."""
    knots = [servers.knot_with_millions(new(folder / f"knot{number}")) for number in range(2)]
    proxies = [servers.microsocks(new(folder / f"proxy{number}")) for number in range(proxy_count)]
    names, config = write_names(folder / "names", count), folder / "cfg.json"
    config.write_text(json.dumps({
        "resolvers": [f"127.0.0.1:{knot.port}" for knot in knots], "type": "A", "workers": 10 * proxy_count,
        "proxies": [f"socks5://127.0.0.1:{proxy.port}" for proxy in proxies],
    }))  # fmt: skip
    try:
        undisturbed, calm = scanned(config, names, folder / "calm")
        faults = Faults(proxies, knots, kinds, min(PERIOD_S, calm["seconds"] / 12))
        faults.start()
        speed, books = scanned(config, names, folder / "disturbed")
        faults.over.set()
        faults.join()
    finally:
        for server in (*proxies, *knots):
            server.stop()
    print(json.dumps({"faults": faults.count, "calm": judge(names, folder / "calm"), "books": books,
                      "counts": judge(names, folder / "disturbed"), "speed": speed / undisturbed}))  # fmt: skip


def new(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
