"""A scan at the registries of every public suffix (ICANN's section of the list), none of which it knows beforehand.

`python bench/suffixes.py [--each N] [--scheme tcp|udp] [--busy N] [ARGUMENT ...]`, as root: port 53 of loopback
addresses, in a network namespace of its own. One knot is the root and has all the zones: each top-level domain, and of
what is below them every second suffix (the others are names of the zone above). N names below each suffix; one in
three exists. Every verdict is checked; what has none is counted by suffix. `--busy`: loops beside the scan, that take
the cores from it. Arguments behind are the scan's.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

from registry import enter_namespace
from whole import DNSSCAN, HERE

sys.path.insert(0, str(HERE.parent / "tests"))
import registry_servers as net
import servers

from scanner.registry.suffixes import icann_suffixes

PLACES = tuple(f"127.69.0.{last}" for last in range(2, 18))
ROOT = "127.69.0.1"
SHARE_TAKEN = 3


def zone_of(suffix: str, zones: set[str]) -> str:
    """The zone that delegates the names below a suffix."""
    while suffix and suffix not in zones:
        suffix = suffix.partition(".")[2]
    return suffix


def homes(zone: str) -> tuple[str, ...]:
    at = sum(zone.encode())
    return tuple(PLACES[(at + step) % len(PLACES)] for step in (0, 1))


def delegation(zone: str) -> str:
    return "".join(f"{zone}. NS ns{at}.{zone}.\nns{at}.{zone}. A {place}\n" for at, place in enumerate(homes(zone)))


def zone_files(folder: Path, suffixes: list[str], each: int) -> list[str]:
    """Written; their names, the root's first."""
    zones = {suffix for at, suffix in enumerate(suffixes) if "." not in suffix or at % 2}
    below: dict[str, list[str]] = defaultdict(list)
    for zone in zones:
        below[zone].append(delegation(zone))
        below[zone_of(zone.partition(".")[2], zones)].append(delegation(zone))
    for suffix in suffixes:
        names = [f"n{at}.{suffix}" for at in range(0, each, SHARE_TAKEN)]
        below[zone_of(suffix, zones)] += [f"{name}. NS ns.{name}.\nns.{name}. A 192.0.2.1\n" for name in names]
    for zone in (*zones, ""):
        text = net.HEAD.replace("ns.{zone}. hostmaster.{zone}.", "ns.root. h.root.").format(zone=f"{zone}" or "")
        apex = "" if zone else f". NS ns.root.\nns.root. A {ROOT}\n"
        (folder / f"{zone}.zone").write_text(text.replace("ORIGIN .\n", "ORIGIN .\n") + apex + "".join(below[zone]))
    return ["", *sorted(zones)]


def busy(count: int) -> list[subprocess.Popen[bytes]]:
    return [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=3)
    parser.add_argument("--most", type=int, default=1_000_000, help="suffixes")
    parser.add_argument("--scheme", choices=("tcp", "udp"), default="tcp")
    parser.add_argument("--busy", type=int, default=0)
    given, arguments = parser.parse_known_args()
    enter_namespace()
    suffixes = [suffix.decode() for suffix, _ in icann_suffixes()][: given.most]
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base)
        its = "".join(
            net.knot_zone(zone or ".", folder).replace("/..zone", "/.zone")
            for zone in zone_files(folder, suffixes, given.each)
        )
        listen = ", ".join(f"{place}@53" for place in (ROOT, *PLACES))
        begun = time.monotonic()
        server = net.begin("knotd", folder, listen, its, ROOT)
        others = busy(given.busy)
        try:
            wait_for_zones(folder)
            print(f"knot has its zones after {time.monotonic() - begun:.1f} s", flush=True)
            report(given, suffixes, folder, arguments)
        finally:
            for process in others:
                process.kill()
            servers.signal_group(server.pid, servers.signal.SIGKILL)
            server.wait()


def wait_for_zones(folder: Path) -> None:
    """They are loaded one after the other, while knot answers already."""
    for _ in range(600):
        told = subprocess.run(
            ["knotc", "-s", str(folder / "knot.sock"), "zone-status"], capture_output=True, text=True, check=False
        )
        lines = told.stdout.splitlines()
        if told.returncode == 0 and lines and not any("serial: none" in line or "serial: -" in line for line in lines):
            return
        time.sleep(0.2)
    sys.exit("knot does not load its zones")


def report(given: argparse.Namespace, suffixes: list[str], folder: Path, arguments: list[str]) -> None:
    names = [f"n{at}.{suffix}" for at in range(given.each) for suffix in suffixes]
    command = [*DNSSCAN, "--quiet", "--stats", "json", "--at-registry", "--from-root-hints", "--root-hint",
               f"{given.scheme}://{ROOT}", "--fields", "why,ns", *arguments]  # fmt: skip
    begun = time.monotonic()
    done = subprocess.run(command, input="\n".join(names).encode(), capture_output=True, check=False)
    seconds = time.monotonic() - begun
    found, wrong, lost = Counter(), [], Counter()
    for line in done.stdout.splitlines():
        row = json.loads(line)
        label = row["d"].partition(".")[0]
        is_right = row["s"] == ("taken" if int(label[1:]) % SHARE_TAKEN == 0 else "nxdomain")
        found[row["s"], row.get("e")] += 1
        if row["s"] == "error":
            lost[row.get("e"), row.get("why")] += 1
        elif not is_right:
            wrong.append(row)
    books = json.loads(done.stderr.splitlines()[-1])
    print(
        f"{len(names):,} names below {len(suffixes):,} suffixes, {given.scheme}, {given.busy} loops beside: "
        f"{seconds:.1f} s, {books['queries']:,} queries; {dict(found)}"
        f"wrong: {len(wrong)} {wrong[:3]}; exit {done.returncode}"
    )
    for (reason, why), count in lost.most_common(12):
        print(f"  {count} {reason}: {why}")
    print(*done.stderr.decode().splitlines()[:-1][:14], sep="\n")


if __name__ == "__main__":
    main()
