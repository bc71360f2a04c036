"""Steady load for hours, with faults: `python tests/soak.py HOURS`. Prints a line a minute and a summary; ends with 1
where a name is lost, doubled or wrong, memory climbs, or descriptors do."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import servers
from command import DNSSCAN, ROOT
from oracle import is_exact, judge, made

RATE = 2000  # names a second
SAMPLES_LEAST = 20
GROWTH_MAX_KIB = 4096  # from the first quarter's mean to the last's
WARM_S = 5


def feed(pipe, names: Path, seconds: float) -> None:
    """Names at a steady rate, kept for the oracle."""
    begun, number = time.monotonic(), 0
    with names.open("w") as kept:
        while (passed := time.monotonic() - begun) < seconds:
            block = ""
            while number < passed * RATE:
                block += f"{made(number)}\n"
                number += 1
            kept.write(block)
            pipe.write(block.encode())
            pipe.flush()
            time.sleep(0.02)
    pipe.close()


def sample(pid: int) -> tuple[int, int]:
    """Resident memory in KiB, open descriptors."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]), len(os.listdir(f"/proc/{pid}/fd"))


def disturb(proxies: list, knot, turn: int) -> None:
    """A proxy killed, or stopped for a second, or the resolver restarted."""
    proxy = proxies[turn % len(proxies)]
    if turn % 3 == 0:
        proxy.kill()
        time.sleep(1)
        proxy.restart()
    elif turn % 3 == 1:
        proxy.pause()
        time.sleep(1)
        proxy.resume()
    else:
        knot.restart()


def main(hours: float) -> int:
    """Run, watch, judge."""
    seconds = hours * 3600
    folder = Path(tempfile.mkdtemp(prefix="dnsscan-soak."))
    knot = servers.knot_with_millions(folder)
    proxies = []
    for number in range(4):
        (folder / str(number)).mkdir()
        proxies.append(servers.microsocks(folder / str(number)))
    config = folder / "cfg.json"
    config.write_text(json.dumps({"resolver": f"127.0.0.1:{knot.port}", "type": "A", "workers": 40,
                                  "proxies": [f"socks5://127.0.0.1:{proxy.port}" for proxy in proxies]}))  # fmt: skip
    names, out = folder / "names", folder / "out"
    samples: list[tuple[int, int]] = []
    try:
        with out.open("wb") as results, subprocess.Popen([*DNSSCAN, "--config", str(config)], stdin=subprocess.PIPE,
                                                         stdout=results, cwd=ROOT) as run:  # fmt: skip
            feeder = threading.Thread(target=feed, args=(run.stdin, names, seconds), daemon=True)
            feeder.start()
            time.sleep(min(WARM_S, seconds / 4))
            pause = min(60.0, seconds / SAMPLES_LEAST)
            fault_every = max(1, round(min(3600.0, seconds / 4) / pause))
            while feeder.is_alive():
                samples.append(sample(run.pid))
                if len(samples) % fault_every == 0:
                    disturb(proxies, knot, len(samples) // fault_every)
                print(
                    f"{len(samples) * pause / 60:.1f} min: {samples[-1][0]} KiB, {samples[-1][1]} descriptors",
                    flush=True,
                )
                feeder.join(pause)
            code = run.wait()
    finally:
        for server in (*proxies, knot):
            server.stop()
    counts = judge(names, out)
    quarter = max(len(samples) // 4, 1)
    grown = sum(rss for rss, _ in samples[-quarter:]) // quarter - sum(rss for rss, _ in samples[:quarter]) // quarter
    spread = max(fds for _, fds in samples) - min(fds for _, fds in samples)
    good = code == 0 and is_exact(counts) and grown < GROWTH_MAX_KIB
    print(f"{hours} h at {RATE}/s: {counts}; memory {grown:+d} KiB, descriptors within {spread}")
    print("good" if good else "BAD")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
