"""Loss made by nftables in a network namespace of its own: a fifth of the queries and a fifth of the answers. The share
of names that end in `timeout` must be what that and the number of attempts make it: one silent attempt too many or too
few would show."""

import json
import math
import subprocess

import pytest
from command import DNSSCAN, ROOT
from namespace import can_be_made, inside

from scanner.lab import zone

PORT = 5300  # nobody else's: the namespace is empty
LOSS = 0.2
SINGLY = "--no-gso"  # the rules drop a segmented send whole, so that its queries would be lost together
RULES = f"""table inet loss {{
  chain input {{
    type filter hook input priority 0;
    udp dport {PORT} numgen random mod 1000 < {LOSS * 1000:.0f} drop
    udp sport {PORT} numgen random mod 1000 < {LOSS * 1000:.0f} drop
  }}
}}
"""


@pytest.fixture
def lossy(tmp_path):
    """`lossy(count, *args)`: the rows of a scan of so many names of the lab, both behind the rules."""
    if not can_be_made():
        pytest.skip("no network namespace with nftables can be made here")
    rules = tmp_path / "loss.nft"
    rules.write_text(RULES)

    def run(count: int, *args: object) -> list[dict]:
        (tmp_path / "names").write_text("".join(f"lost{number}.lab.test\n" for number in range(count)))
        lab = [*DNSSCAN, "lab", "--proxies", "0", "--port", str(PORT), "--"]
        scan = [*DNSSCAN, "-r", f"udp://127.0.0.1:{PORT}", *map(str, args), str(tmp_path / "names")]
        done = subprocess.run(inside(rules, *lab, *scan), capture_output=True, cwd=ROOT, timeout=400, check=False)
        rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b'{"d"')]
        assert len(rows) == count, done.stderr[-2000:]
        return rows

    return run


@pytest.mark.timeout(450)
@pytest.mark.server
def test_three_attempts_fail_together_exactly_as_often_as_loss_makes_them(lossy):
    count, share = 60_000, (1 - (1 - LOSS) ** 2) ** 3

    rows = lossy(count, SINGLY, "--timeout-ms", 300, "--retries", 2, "--no-second-pass", "--no-early-retries")

    late = sum(row.get("e") == "timeout" for row in rows)
    assert abs(late / count - share) < 4 * math.sqrt(share * (1 - share) / count)
    assert all((row["s"], row.get("e")) == zone.expected(row["d"]) for row in rows if row.get("e") != "timeout")


@pytest.mark.timeout(450)
@pytest.mark.server
def test_asked_again_early_they_fail_less_often(lossy):
    count, share = 20_000, (1 - (1 - LOSS) ** 2) ** 3

    rows = lossy(count, SINGLY, "--timeout-ms", 300, "--retries", 2, "--no-second-pass")

    assert sum(row.get("e") == "timeout" for row in rows) < share * count / 2


@pytest.mark.timeout(450)
@pytest.mark.server
def test_eleven_attempts_leave_next_to_nothing(lossy):
    count = 20_000

    rows = lossy(count, SINGLY, "--timeout-ms", 250, "--retries", 10, "--no-second-pass")

    assert sum(row["s"] == "error" for row in rows) <= count // 10_000
