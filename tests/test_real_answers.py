"""Answers of real servers, which serve one zone with every type, compared with what dnspython reads over a connection
of its own."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
import servers
from command import scan
from rdata_samples import MAKERS, in_one_piece

pytestmark = pytest.mark.server

ZONE = (Path(__file__).parent / "every_type.zone").read_text()
ORIGIN = dns.name.from_text("every-type.test.")
OWNERS = sorted(set(re.findall(r"^([a-z][\w.-]*) ", ZONE, re.MULTILINE)) | {"a.dname", "nowhere"})
NAMES = ["every-type.test", *(f"{owner}.every-type.test" for owner in OWNERS)]
TYPES = [rtype for rtype in MAKERS if rtype != "NSEC3"] + ["EUI48"]  # NSEC3 cannot be asked for: see HASHED
HASHED = [f"{owner}hashed.test" for owner in ("", "a.", "nowhere.", "x.any.", "below.", "www.below.")]
FIELDS = ("a", "ttl", "cn", "ans", "auth", "add", "soa", "sec", "fl")


@pytest.fixture(scope="module", params=["knot", "nsd", "named"])
def server(request, tmp_path_factory):
    found = servers.every_type(tmp_path_factory.mktemp(request.param), request.param)
    yield found
    found.stop()


def presented(rrset: dns.rrset.RRset) -> list[str]:
    """Its data as we write it; what has no form in our code as RFC 3597 says."""
    rtype = dns.rdatatype.to_text(rrset.rdtype)
    if rtype not in MAKERS:
        return [rdata.to_generic().to_text() for rdata in rrset]
    return [in_one_piece(rtype, rdata.to_text()) for rdata in rrset]


def records(section: list[dns.rrset.RRset]) -> Counter:
    return Counter((each.name.to_text(), each.ttl, dns.rdatatype.to_text(each.rdtype), data)
                   for each in section for data in presented(each))  # fmt: skip


def folded(record: dict) -> tuple[str, int, str, str]:
    """Its values. BIND copies the query's first labels, whose letters are mixed over UDP (0x20), into the CNAME that it
    makes of a DNAME."""
    return (
        record["name"],
        record["ttl"],
        record["type"],
        (str.lower if record["type"] == "CNAME" else str)(record["data"]),
    )


def told(row: dict) -> dict:
    """What a line says, without the order of the records, which servers turn."""
    sections = {
        key: Counter(folded(each) for each in row[key] if each["type"] != "OPT") for key in ("ans", "auth", "add")
    }
    rest = {key: row[key] for key in ("soa", "sec", "fl")}
    return rest | sections | {"a": sorted(row["a"]), "cn": [name.lower() for name in row["cn"]]}


def read(row: dict, response: dns.message.Message) -> dict:
    """The same of dnspython's response."""
    aliases = [each[0].target for each in response.answer if each.rdtype == dns.rdatatype.CNAME and row["t"] != "CNAME"]
    last = [dns.name.from_text(row["d"]), *aliases][-1]
    answers = [each for each in response.answer if each.name == last and dns.rdatatype.to_text(each.rdtype) == row["t"]]
    soa = [each for each in response.authority if each.rdtype == dns.rdatatype.SOA]
    if row["t"] == "NS" and not (response.answer or soa):  # a referral answers that
        answers = [each for each in response.authority if each.name == last and each.rdtype == dns.rdatatype.NS]
    return {
        "a": sorted(data for each in answers for data in presented(each)),
        "cn": [alias.to_text() for alias in aliases],
        "soa": soa[0][0].to_text() if soa else None, "sec": soa[0].name.to_text() if soa else None,
        "fl": dns.flags.to_text(response.flags).lower(),
        "ans": records(response.answer), "auth": records(response.authority), "add": records(response.additional),
    }  # fmt: skip


def every_answer(server, scheme: str, fields: str) -> list[dict]:
    """The lines of all names and types; of these, a run takes 32 at most."""
    return [
        row
        for types in (TYPES[: len(TYPES) // 2], TYPES[len(TYPES) // 2 :])
        for row in scan("-r", f"{scheme}://127.0.0.1:{server.port}", *(f"--type={each}" for each in types), "--no-0x20",
                        "--fields", fields, names="\n".join(NAMES)).rows
    ]  # fmt: skip  # BIND makes a CNAME of a DNAME in the letters of the question


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_every_type_is_read_as_dnspython_reads_it(server, scheme):
    rows = every_answer(server, scheme, ",".join(FIELDS))

    with_answer = set()
    for row in rows:
        query = dns.message.make_query(row["d"], row["t"], use_edns=0, payload=1232)
        response = dns.query.tcp(query, "127.0.0.1", port=server.port, timeout=10)
        assert told(row) == read(row, response), row
        with_answer |= {row["t"]} if row["a"] else set()

    assert len(rows) == len(NAMES) * len(TYPES)
    assert with_answer == set(TYPES)


def octets_of(rtype: str, data: str) -> bytes:
    """The rdata that a zone file with this text would have."""
    return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(rtype), data).to_wire(None)


def read_by_kdig(questions: list[tuple[str, str]], port: int, *more: str) -> Counter:
    """The records of all answer sections, as another program prints them: owner, TTL, type, rdata."""
    options = ["+tcp", "+noall", "+answer", "+noidn", *more]
    asked = [word for name, rtype in questions for word in ("-q", name, "-t", rtype)]
    done = subprocess.run(["kdig", "@127.0.0.1", f"-p{port}", *options, *asked], capture_output=True, text=True,
                          timeout=30, check=True)  # fmt: skip
    lines = [line.split(None, 4) for line in done.stdout.splitlines() if line and not line.startswith(";")]
    return Counter((owner, int(ttl), rtype, octets_of(rtype, data)) for owner, ttl, _, rtype, data in lines)


def test_every_type_means_what_kdig_prints(server):
    answered = [row for row in every_answer(server, "tcp", "ans") if row["ans"]]

    ours = [(each["name"], each["ttl"], each["type"], each["data"]) for row in answered for each in row["ans"]]
    assert {rtype for *_, rtype, _ in ours} >= set(TYPES)
    assert Counter((*head, rtype, octets_of(rtype, data)) for *head, rtype, data in ours) == read_by_kdig(
        [(row["d"], row["t"]) for row in answered], server.port
    )


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_hashed_denials_are_read_as_dnspython_reads_them_and_mean_what_kdig_prints(server, scheme):
    """NSEC3 and its signatures, which only come with what does not exist."""
    fields = ",".join(FIELDS)
    rows = scan("-r", f"{scheme}://127.0.0.1:{server.port}", "--flags", "rd,do", "-t", "A", "-t", "MX", "-t", "TXT",
                "--no-0x20", "--fields", fields, names="\n".join(HASHED)).rows  # fmt: skip

    assert len(rows) == 3 * len(HASHED)
    for row in rows:
        query = dns.message.make_query(row["d"], row["t"], want_dnssec=True, payload=1232)
        response = dns.query.tcp(query, "127.0.0.1", port=server.port, timeout=10)
        assert told(row) == read(row, response), row
    sections = [each for row in rows for each in row["ans"] + row["auth"]]
    ours = Counter(
        (each["name"], each["ttl"], each["type"], octets_of(each["type"], each["data"])) for each in sections
    )
    assert {rtype for *_, rtype, _ in ours} >= {"NSEC3", "RRSIG"}
    assert ours == read_by_kdig([(row["d"], row["t"]) for row in rows], server.port, "+authority", "+dnssec")
