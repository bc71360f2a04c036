"""A scan at the registries of 52 suffixes beside the same scan against one server that knows all their zones.

`python bench/registry.py [--names N] [--runs N] [--scheme tcp|udp] [--proxies N]`, as root: port 53 of loopback
addresses, in a network namespace of its own. BIND is the root, knot and NSD have the suffixes, on four addresses each;
another knot has all, and another NSD, whose TCP takes twice the time. Some are zones of their own below another
(`co.uk`), some are names in one (`com.br`); `ws` has a wildcard, `se` is signed (NSEC3, opt-out), `net` has a lame
server too, `info` is answered over TCP only, and `tv` limits the rate of its responses. Every verdict is checked
against what the zone files hold. The runs of all kinds alternate; the machine's cores are shared by servers and scans.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from whole import DNSSCAN, HERE, BenchError

sys.path.insert(0, str(HERE.parent / "tests"))
import registry_servers as net
import servers

SUFFIXES = """
    com net org info biz de fr nl eu ch it es pl se no fi dk be at cz ru cn in ca us mx br com.br net.br uk
    co.uk org.uk au com.au nz co.nz jp co.jp kr tr com.tr za co.za xyz top online shop site club app ws tv
""".split()
SHARE_TAKEN = 10  # one name of so many exists
WITHIN = frozenset(("com.br", "net.br", "com.au", "com.tr"))  # names in the zone above
KNOT, NSD = tuple(f"127.67.0.{last}" for last in (2, 3, 4, 5)), tuple(f"127.67.0.{last}" for last in (6, 7, 8, 9))
ALL_KNOT, TCP_ONLY, ALL_NSD = "127.67.0.20", "127.67.0.21", "127.67.0.22"
WILD, SIGNED, LAME, OVER_TCP, LIMITED = "ws", "se", "net", "info", "tv"
IN_NAMESPACE = "DNSSCAN_BENCH_NAMESPACE"


def zones() -> list[str]:
    return [suffix for suffix in SUFFIXES if suffix not in WITHIN]


class Relay(net.Relay):
    upstream = KNOT[0]


def homes(zone: str) -> tuple[str, ...]:
    """Two addresses of the server that has it: of one of the two, but for what only knot does here."""
    index = zones().index(zone)
    its = KNOT if index % 2 or zone in (SIGNED, OVER_TCP, LIMITED) else NSD
    return its[index // 2 % 4], its[(index // 2 + 1) % 4]


def places(zone: str) -> tuple[str, ...]:
    """Where it is said to be."""
    if zone == OVER_TCP:
        return (TCP_ONLY,)
    if zone == LAME:
        return (*homes(zone), (NSD if homes(zone)[0] in KNOT else KNOT)[0])
    return homes(zone)


def exists(index: int) -> bool:
    return index % SHARE_TAKEN == 0


def expected(name: str) -> tuple[str, str | None]:
    """Verdict and reason."""
    label, _, suffix = name.partition(".")
    if exists(int(label[1:])):
        return "taken", "referral"
    return ("taken", "wildcard") if suffix == WILD else ("nxdomain", None)


def zone_text(zone: str, each: int, *, delegates: bool) -> str:
    """With its names, and where it `delegates` the zones below it."""
    text = net.HEAD.format(zone=zone) + delegation(zone)
    if delegates:
        text += "".join(delegation(below) for below in zones() if below.endswith(f".{zone}"))
    text += "* 300 A 192.0.2.99\n" if zone == WILD else ""
    mine = [zone, *(suffix for suffix in WITHIN if suffix.endswith(f".{zone}"))]
    return text + "".join(f"n{index}.{suffix}. NS ns.n{index}.{suffix}.\nns.n{index}.{suffix}. A 192.0.2.1\n"
                          for suffix in mine for index in range(0, each, SHARE_TAKEN))  # fmt: skip


def delegation(zone: str) -> str:
    return "".join(f"{zone}. NS ns{place[-1]}.{zone}.\nns{place[-1]}.{zone}. A {place}\n" for place in places(zone))


@contextmanager
def internet(folder: Path, each: int) -> Iterator[str]:
    """Gives the root's place."""
    for zone in zones():
        (folder / f"{zone}.zone").write_text(zone_text(zone, each, delegates=True))
    root = "$TTL 3600\n. SOA ns.root. a.root. 1 900 300 604800 300\n. NS ns.root.\nns.root. A 127.0.0.1\n"
    (folder / "root.zone").write_text(root + "".join(delegation(zone) for zone in zones() if "." not in zone))
    with ExitStack() as up:

        def begin(name: str, title: str, listen: str, text: str, address: str, port: int = net.PORT) -> None:
            place = folder / title
            place.mkdir()
            process = net.begin(name, place, listen, text, address, port)
            up.callback(process.wait)
            up.callback(servers.signal_group, process.pid, servers.signal.SIGKILL)

        begin("knotd", "knot", ", ".join(f"{place}@53" for place in KNOT), of_knot(folder, KNOT, special=True), KNOT[0])
        begin("knotd", "all-knot", f"{ALL_KNOT}@53", of_knot(folder, (*KNOT, *NSD)), ALL_KNOT)
        begin("nsd", "all-nsd", f"    ip-address: {ALL_NSD}", of_nsd(folder, (*KNOT, *NSD)), ALL_NSD)
        relays = up.enter_context(net.Relays((TCP_ONLY, net.PORT), Relay))
        up.callback(relays.shutdown)
        threading.Thread(target=relays.serve_forever, daemon=True).start()
        listen = "\n".join(f"    ip-address: {place}" for place in NSD)
        begin("nsd", "nsd", listen, of_nsd(folder, NSD), NSD[0])
        port = servers.free_port()
        begin(
            "named", "named", str(port), f'zone "." {{ type primary; file "{folder}/root.zone"; }};', "127.0.0.1", port
        )
        yield f"127.0.0.1:{port}"


def of_knot(folder: Path, its: tuple[str, ...], *, special: bool = False) -> str:
    """The zones of these places; `special`: one is signed and one limited."""
    more = {SIGNED: net.SIGNED, LIMITED: net.LIMITED} if special else {}
    return "".join(net.knot_zone(zone, folder, more.get(zone, ""))
                   for zone in zones() if homes(zone)[0] in its)  # fmt: skip


def of_nsd(folder: Path, its: tuple[str, ...]) -> str:
    """The zones of these places."""
    return "".join(f'zone:\n    name: "{zone}"\n    zonefile: "{folder}/{zone}.zone"\n'
                   for zone in zones() if homes(zone)[0] in its)  # fmt: skip


def scanned(names: Path, each: int, results: Path, *args: str) -> float:
    """Seconds; every verdict is checked."""
    begun = time.monotonic()
    with names.open() as source, results.open("wb") as out:
        subprocess.run([*DNSSCAN, "--quiet", *args], stdin=source, stdout=out, check=True)
    seconds = time.monotonic() - begun
    wrong: list[str] = []
    count = 0
    for line in results.open():
        row = json.loads(line)
        count += 1
        if (row["s"], row.get("e")) != expected(row["d"]):
            wrong.append(line)
    if count != each * len(SUFFIXES):
        raise BenchError(f"{count} lines")
    if wrong:
        raise BenchError(f"{len(wrong)} verdicts are wrong with {' '.join(args)}: {wrong[0]}")
    return seconds


def enter_namespace() -> None:
    """Begin this program anew in a network namespace of its own, unless it is in one."""
    if IN_NAMESPACE not in os.environ:
        os.environ[IN_NAMESPACE] = "1"
        os.execvp(
            "unshare",
            ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, *sys.argv],
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scheme", choices=("tcp", "udp"), default="tcp")
    parser.add_argument("--proxies", type=int, default=0, help="microsocks, that many")
    given = parser.parse_args()
    enter_namespace()
    each = given.names // len(SUFFIXES)
    with tempfile.TemporaryDirectory() as base, ExitStack() as up:
        folder = Path(base)
        names = folder / "names.txt"
        names.write_text("".join(f"n{index}.{suffix}\n" for index in range(each) for suffix in SUFFIXES))
        root = up.enter_context(internet(folder, each))
        through: list[str] = []
        for index in range(given.proxies):
            (folder / f"proxy{index}").mkdir()
            proxy = servers.microsocks(folder / f"proxy{index}")
            up.callback(proxy.stop)
            through += ["--proxy", f"socks5://127.0.0.1:{proxy.port}"]
        kinds = {
            "one knot": ["-r", f"{given.scheme}://{ALL_KNOT}"],
            "one NSD": ["-r", f"{given.scheme}://{ALL_NSD}"],
            "registries": ["--at-registry", "--from-root-hints", "--root-hint", f"{given.scheme}://{root}"],
        }
        took: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(given.runs):
            for kind, args in kinds.items():
                took[kind].append(scanned(names, each, folder / "results", *args, *through))
                print(f"{kind}: {each * len(SUFFIXES) / took[kind][-1]:,.0f}/s", flush=True)
    seconds = {kind: statistics.median(each) for kind, each in took.items()}
    ratios = [
        f"{seconds[kind] / seconds['registries']:.2f} of {kind}'s speed" for kind in kinds if kind != "registries"
    ]
    print(f"{given.scheme}, {given.proxies} proxies, {each * len(SUFFIXES):,} names: {', '.join(ratios)}")


if __name__ == "__main__":
    main()
