"""The closed lists of the contract: each reason and each exit code is produced by the real command, and the reference
has the same ones."""

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command import DNSSCAN, ROOT, scan, start
from peer_answers import answer, ede, server
from udp_peer import Datagram, UdpOnlyPeer, UdpPeer, cut

from scanner.model import REASONS

QUICK = ("--timeout-ms", 200, "--deadline-ms", 1000, "--retries", 0)
NOBODY = "127.0.0.1:9"  # the discard port, where nobody listens
PUBLIC = "192.88.99.1"  # given only with names that are not sent
REFERENCE = ROOT / "docs" / "reference"


def policy(datagram: Datagram) -> None:
    datagram.send(answer(datagram.query, [], [], [ede(17)], rcode=3))


def deny(datagram: Datagram) -> None:
    datagram.answer(3)


def upward(datagram: Datagram) -> None:
    datagram.send(answer(datagram.query, [], [server(b"\0")]))


def first_column(page: str, heading: str) -> str:
    """What the first column of the table under a heading says."""
    section = (REFERENCE / page).read_text().partition(f"# {heading}\n")[2].partition("\n#")[0]
    rows = section.partition("| --- |")[2].splitlines()[1:]
    return " ".join(row.split("|")[1] for row in rows if row.startswith("| "))


REASONS_OF = {  # by what is asked (of {lab}, the lab, or of a peer with one kind of answer), the reason of each name
    ("-r", "{lab}"): {
        "servfail.lab.test": "servfail",
        "refused.lab.test": "refused",
        "formerr.lab.test": "formerr",
        "notimp.lab.test": "notimp",
        "rcode-9.lab.test": "rcode9",
        "drop.lab.test": "timeout",
        "short.lab.test": "badresp",
        "not a name": "badname",
        "cname-nx.lab.test": "cname_nx",
        "nodata.lab.test": "nodata",
    },
    ("-r", NOBODY): {"any.lab.test": "connection"},
    ("-r", "{lab}", "--proxy", f"socks5://{NOBODY}"): {"any.lab.test": "proxy"},
    ("-r", "tls://{lab}"): {"any.lab.test": "tls"},
    ("-r", PUBLIC): {"printer.local": "special"},
    ("-r", "{cut}"): {"large.lab.test": "truncated"},
    ("-r", "{policy}"): {"blocked.lab.test": "filtered"},
    ("-r", "{upward}"): {"delegated.lab.test": "referral"},
    ("-r", "{denying}", "--trusted-resolver", "{lab}"): {"nodata.lab.test": "disputed"},
}
NOT_SAID_YET = {"wildcard"}


def test_the_reasons_are_those_of_the_reference_and_no_others():
    produced = {reason for reasons in REASONS_OF.values() for reason in reasons.values()}
    told = re.findall(r"`(\w+)`", first_column("results.md", "Reasons"))

    assert produced | NOT_SAID_YET == {word.replace("rcodeN", "rcode9") for word in told}
    assert {reason.replace("rcode9", "rcode") for reason in produced} == set(REASONS) - {""} - NOT_SAID_YET


@pytest.mark.parametrize("options", REASONS_OF, ids=" ".join)
def test_each_reason_is_produced(lab, options):
    with UdpOnlyPeer(cut) as peer, UdpPeer(policy) as filtering, UdpPeer(upward) as referring, \
            UdpPeer(deny) as denying:  # fmt: skip
        words = [option.format(lab=lab.config["resolvers"][0], cut=peer.address, policy=filtering.address,
                               upward=referring.address, denying=denying.address) for option in options]  # fmt: skip
        rows = scan(*words, *QUICK, names="".join(f"{name}\n" for name in REASONS_OF[options])).rows

    assert {row["d"]: row["e"] for row in rows} == REASONS_OF[options]
    assert {row["e"] for row in rows if row["s"] != "error"} <= {"cname_nx", "nodata"}


# -- exit codes ---------------------------------------------------------------------------------------------------


def in_shell(lab, command: str) -> int:
    """`dnsscan` asks the lab, three names on its stdin; bash, for PIPESTATUS."""
    dnsscan = f"{' '.join(DNSSCAN)} -r {lab.config['resolvers'][0]}"
    text = f"printf 'a.lab.test\\nb.lab.test\\nc.lab.test\\n' | {command.replace('dnsscan', dnsscan)}"
    return subprocess.run(["bash", "-c", text], capture_output=True, cwd=ROOT, timeout=30, check=False).returncode


def unreadable(lab) -> int:
    """With a stdin whose first octet is an EIO: no memory is mapped at 0."""
    with open("/proc/self/mem", "rb", buffering=0) as memory:
        command = [*DNSSCAN, "-r", lab.config["resolvers"][0]]
        return subprocess.run(command, stdin=memory, capture_output=True, cwd=ROOT, timeout=30, check=False).returncode


def signalled(number: signal.Signals) -> int:
    """While it waits for names."""
    with start("-r", NOBODY) as run:
        end = time.monotonic() + 10
        while not is_caught(signal.SIGUSR1, run.pid):  # the last that it learns to handle
            assert time.monotonic() < end
            time.sleep(0.02)
        run.send_signal(number)
        return run.wait(10)


def is_caught(number: signal.Signals, pid: int) -> bool:
    """The process has a handler for it (proc(5), the mask SigCgt)."""
    caught = Path(f"/proc/{pid}/status").read_text().partition("SigCgt:")[2].split()[0]
    return bool(int(caught, 16) & 1 << (number - 1))


CODE_OF = {
    0: lambda lab: in_shell(lab, "dnsscan"),
    1: lambda lab: unreadable(lab),
    2: lambda lab: in_shell(lab, "dnsscan --workers 0"),
    3: lambda lab: scan("-r", NOBODY, *QUICK, names="a.lab.test\n").code,
    4: lambda lab: in_shell(lab, "dnsscan > /dev/full"),
    5: lambda lab: in_shell(lab, "dnsscan --max-queries 1"),
    129: lambda lab: signalled(signal.SIGHUP),
    130: lambda lab: signalled(signal.SIGINT),
    143: lambda lab: signalled(signal.SIGTERM),
    141: lambda lab: in_shell(lab, "(sleep 0.2; yes is.lab.test) | dnsscan | head -1; exit ${PIPESTATUS[2]}"),
}


def test_the_exit_codes_are_those_of_the_reference_and_no_others():
    assert CODE_OF.keys() == set(
        map(int, re.findall(r"\d+", first_column("exit-codes.md", "Exit codes, stdout and stderr")))
    )


@pytest.mark.parametrize("code", CODE_OF)
def test_each_exit_code_is_produced(lab, code):
    assert CODE_OF[code](lab) == code
