"""--format: lines as other programs write them. The shapes are what massdns 1.1 (`-o J`, `-o Je`) and zdns 2.1 wrote;
what stands in them is held to dnspython, to a real server and to our own compact lines."""

import json
import random
import re
import struct
import time
from collections import Counter
from datetime import UTC, datetime

import dns.message
import dns.rdata
import dns.rdatatype
import orjson
import pytest
import servers
from command import killed_and_resumed, refusal, scan
from debug_build import fewer, some
from dns_peer import DnsPeer, frame
from make_corpus import CORPUS
from test_fuzz import LINE_MAX, NS, Victim, assert_cheap
from test_udp import stats_of
from verdict_table import mutated

import scanner
from scanner.lab import zone
from scanner.native.output.massdns import MassdnsDetails
from scanner.native.output.zdns import ZdnsDetails

OTHERS = ("names", "massdns", "zdns")
MASSDNS = (  # as it wrote them; rx_ts and resolver are of that run
    '{"name":"h0.bench.test.","type":"A","class":"IN","status":"NOERROR","rx_ts":1795601791980036919,"data":{"answers":'
    '[{"ttl":60,"type":"A","class":"IN","name":"h0.bench.test.","data":"192.0.2.1"}]},"flags":["aa","rd"],'
    '"resolver":"127.0.0.1:25300","proto":"UDP"}',
    '{"name":"h0.nx.bench.test.","type":"A","class":"IN","status":"NXDOMAIN","rx_ts":1795601792116549500,"data":{'
    '"authorities":[{"ttl":60,"type":"SOA","class":"IN","name":"bench.test.","data":"ns.bench.test. host.bench.test. 1 '
    '60 60 60 60"}]},"flags":["aa","rd"],"resolver":"127.0.0.1:25300","proto":"UDP"}',
    '{"name":"sf1.bench.test.","type":"A","class":"IN","error":"TIMEOUT"}',
)
ZDNS = (
    '{"name":"h0.bench.test","results":{"A":{"data":{"additionals":[{"flags":"","type":"EDNS0","udpsize":1232,'
    '"version":0}],"answers":[{"answer":"192.0.2.1","class":"IN","name":"h0.bench.test","ttl":60,"type":"A"}],"protocol":"udp",'
    '"resolver":"127.0.0.1:25300"},"duration":0.000972992,"status":"NOERROR","timestamp":"2026-11-25T10:16:32Z"}}}'
)
RECORDS = {
    "h0.bench.test.": ";ANSWER\nh0.bench.test. 60 IN A 192.0.2.1\n",
    "h0.nx.bench.test.": ";ANSWER\n;AUTHORITY\nbench.test. 60 IN SOA ns.bench.test. host.bench.test. 1 60 60 60 60\n",
}


def answered(name: str, sections: str, qtype: str = "A", *, opt: bool = False, flags: str = "QR AA RD") -> bytes:
    """A response, its records as a zone file has them."""
    rcode = "NXDOMAIN" if ".nx." in name else "NOERROR"
    edns = "edns 0\npayload 1232\n" * opt
    text = f"id 1\nopcode QUERY\nrcode {rcode}\nflags {flags}\n{edns};QUESTION\n{name} IN {qtype}\n{sections}"
    return dns.message.from_text(text, one_rr_per_rrset=True).to_wire()


def bench(talk) -> None:
    """The server that the other programs were asking, as far as their lines tell; no answer for sf1."""
    for query in talk.queries():
        if f"{query.name}." not in RECORDS:  # a canary too
            if not query.name.startswith("sf1"):
                talk.answer(query)
        else:
            octets = answered(f"{query.name}.", RECORDS[f"{query.name}."], opt=query.has_edns)
            talk.send(frame(struct.pack("!H", query.message_id) + octets[2:]))


def of_one(text: str, name: str) -> dict:
    (row,) = (row for row in map(json.loads, text.splitlines()) if row["name"].removesuffix(".") == name)
    return row


# -- the shapes --------------------------------------------------------------------------------------------------


def test_massdns_lines_have_the_keys_and_values_that_massdns_writes():
    with DnsPeer(bench) as peer:
        done = scan("-r", peer.address, "-t", "A", "--format", "massdns", "--timeout-ms", 200, "--retries", 0,
                    "--deadline-ms", 500, names="h0.bench.test\nh0.nx.bench.test\nsf1.bench.test\n")  # fmt: skip

    for expected in map(json.loads, MASSDNS):
        found = of_one(done.out.decode(), expected["name"].removesuffix("."))
        assert list(found) == list(expected)
        if "rx_ts" in expected:
            assert abs(found.pop("rx_ts") / 1e9 - time.time()) < 60
            del expected["rx_ts"]
            expected |= {"resolver": peer.address, "proto": "TCP"}
        assert found == expected


def test_zdns_lines_have_the_keys_and_values_that_zdns_writes():
    with DnsPeer(bench) as peer:
        done = scan("-r", peer.address, "-t", "A", "--format", "zdns", names="h0.bench.test\n")

    found, expected = json.loads(done.out), json.loads(ZDNS)
    result, wanted = found["results"]["A"], expected["results"]["A"]
    assert 0 < result.pop("duration") < 5 > wanted.pop("duration")
    moment = datetime.strptime(result.pop("timestamp"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(moment.timestamp() - time.time()) < 60
    del wanted["timestamp"]
    wanted["data"] |= {"resolver": peer.address, "protocol": "tcp"}
    assert found == expected


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_every_name_has_one_line_in_every_format_and_says_the_same(lab, scheme):
    names = [f"n{number}.lab.test" for number in range(200)]
    words = "nodata cname cname-nx servfail refused rcode-9 rcode-999 big truncate short"
    names += [f"{word}.lab.test" for word in words.split()]
    rows = {}
    for form in ("compact", *OTHERS):
        done = scan("-r", f"{scheme}://{lab.config['resolvers'][0]}", "-t", "A", "--retries", 0, "--no-second-pass",
                    "--format", form, names="\n".join(names))  # fmt: skip
        assert done.code == 0, done.err
        lines = done.out.decode().splitlines()
        assert len(lines) == len(names)
        rows[form] = lines if form == "names" else [json.loads(line) for line in lines]
    assert sorted(rows["names"]) == sorted(names)

    compact = {row["d"]: row for row in rows["compact"]}
    for row in rows["massdns"]:
        ours = compact[row["name"].removesuffix(".")]
        assert row.get("error", "").lower() == (ours["e"] if ours["s"] == "error" else "")
        assert row.get("status") == (None if ours["s"] == "error" else {0: "NOERROR", 3: "NXDOMAIN"}[ours["r"]])
        if "status" in row:
            by_stream = scheme == "tcp" or row["name"] in ("big.lab.test.", "truncate.lab.test.")
            assert row["proto"] == ("TCP" if by_stream else "UDP")
    statuses = {"servfail": "SERVFAIL", "refused": "REFUSED", "rcode9": "NOTAUTH"}
    for row in rows["zdns"]:
        ours, result = compact[row["name"]], row["results"]["A"]
        status = statuses.get(ours["e"], "ERROR") if ours["s"] == "error" else {0: "NOERROR", 3: "NXDOMAIN"}[ours["r"]]
        assert (result["status"], "error" in result) == (status, ours["s"] == "error")


def test_failures_have_the_status_of_zdns(lab):
    rows = {}
    done = scan("-r", lab.config["resolvers"][0], "--retries", 0, "--no-second-pass", "--timeout-ms", 200, "--format",
                "zdns", names="drop.lab.test\nb..c\nclose.lab.test\nformerr.lab.test\nnotimp.lab.test\n")  # fmt: skip
    for row in done.rows:
        (rows[row["name"]],) = row["results"].values()

    assert {name: row["status"] for name, row in rows.items()} == {
        "drop.lab.test": "TIMEOUT", "b..c": "ILLEGAL_INPUT", "close.lab.test": "ERROR", "formerr.lab.test": "FORMERR",
        "notimp.lab.test": "NOTIMP"}  # fmt: skip
    assert rows["b..c"] | {"timestamp": ""} == {
        "data": {}, "duration": 0, "error": "empty label", "status": "ILLEGAL_INPUT", "timestamp": ""}  # fmt: skip
    assert (rows["drop.lab.test"]["data"], rows["drop.lab.test"]["error"]) == ({}, "no answer in time")


def test_several_types_are_several_lines_that_say_which(lab):
    command = ("-r", lab.config["resolvers"][0], "-t", "A", "-t", "MX", "--format")

    assert scan(*command, "names", names="a.lab.test\n").out == 2 * b"a.lab.test\n"
    assert {row["type"] for row in scan(*command, "massdns", names="a.lab.test\n").rows} == {"A", "MX"}
    zdns = {module: result for row in scan(*command, "zdns", names="a.lab.test\n").rows
            for module, result in row["results"].items()}  # fmt: skip
    assert {record["type"] for record in zdns["MX"]["data"]["answers"]} == {"MX"}
    assert {record["type"] for record in zdns["A"]["data"]["answers"]} == {"A"}


def test_the_class_is_the_one_that_was_asked(lab):
    done = scan(
        "-r",
        lab.config["resolvers"][0],
        "--class",
        "CH",
        "-t",
        "TXT",
        "--format",
        "massdns",
        names="a.lab.test\nb..c\n",
    )

    assert {row["class"] for row in done.rows} == {"CH"}


# -- names -------------------------------------------------------------------------------------------------------

ODD = {  # input line: the name of compact, decoded
    "a.lab.test": "a.lab.test", "a.lab.test.": "a.lab.test.", "FAß.lab.test": "FAß.lab.test", "fa\\223.test": None,
    '"q\\"uote".test': None, "\\": None, "\u4f8b\u3048.lab.test": None, "\U0001f600.test": None, "x\ty.test": None,
    "http://x/?\u00e9": None, ".": ".", "_dmarc.lab.test": "_dmarc.lab.test",
}  # fmt: skip


def odd_input() -> bytes:
    """Quotes, backslashes, octets above 127 that are UTF-8 and that are not, controls, and a line that is too long."""
    lines = [line.encode() for line in ODD]
    return b"\n".join(
        [*lines, b"\xff\xfe.test", b"nul\0.test", b"esc\x1b[31m.test", b"bom\xef\xbb\xbf.test", b"x" * 5000]
    )


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_hostile_names_are_safe_in_every_format(lab, scheme):
    command = ("-r", f"{scheme}://{lab.config['resolvers'][0]}", "--all-names", "--format")
    compact = {row["d"]: row for row in scan(*command, "compact", names=odd_input()).rows}
    done = {form: scan(*command, form, names=odd_input()) for form in OTHERS}

    bare = done["names"].out.decode("utf-8").split("\n")
    assert bare.pop() == ""
    assert sorted(bare) == sorted(compact)
    assert all(name.isprintable() for name in bare)
    massdns, zdns = done["massdns"].rows, done["zdns"].rows
    assert len(massdns) == len(zdns) == len(compact)
    for name, row in compact.items():
        theirs = next(each for each in zdns if each["name"] == (name if name == "." else name.removesuffix(".")))
        assert theirs.get("altered_name") == row.get("q")
        asked = row.get("q", name)
        wanted = asked if row.get("e") == "badname" else asked.removesuffix(".") + "."
        assert wanted in [each["name"] for each in massdns]


def test_an_address_is_asked_by_its_reverse_name(lab):
    command = ("-r", lab.config["resolvers"][0], "--ptr", "-t", "PTR", "--format")

    assert scan(*command, "names", names="192.0.2.1\n").out == b"192.0.2.1\n"
    assert scan(*command, "massdns", names="192.0.2.1\n").row["name"] == "1.2.0.192.in-addr.arpa."
    row = scan(*command, "zdns", names="192.0.2.1\n").row
    assert (row["name"], row["altered_name"]) == ("192.0.2.1", "1.2.0.192.in-addr.arpa")


def test_only_and_names_make_a_list_for_the_next_program(lab):
    names = [f"only{number}.lab.test" for number in range(500)]

    done = scan("-r", lab.config["resolvers"][0], "--only", "nxdomain", "--format", "names", "--stats", "json",
                names="\n".join(names))  # fmt: skip

    wanted = sorted(name for name in names if zone.expected(name)[0] == "nxdomain")
    assert sorted(done.out.decode().split()) == wanted
    assert stats_of(done)["filtered"] == 500 - len(wanted)
    assert stats_of(done)["settings"]["format"] == "names"


# -- records -----------------------------------------------------------------------------------------------------


def told(details, octets: bytes, name: str = "www.example.com", qtype: int = 1) -> dict:
    return json.loads(b'{"":0' + details.describe(octets, name.encode(), qtype) + b"}")


TYPED = {  # type: its data in a zone file, and what zdns says of it
    "A": ("192.0.2.1", {"answer": "192.0.2.1"}),
    "AAAA": ("2001:db8::1", {"answer": "2001:db8::1"}),
    "NS": ("ns.example.net.", {"answer": "ns.example.net."}),
    "CNAME": ("a\\.b.example.net.", {"answer": "a\\.b.example.net."}),
    "MX": ("10 mail.example.net.", {"preference": 10, "answer": "mail.example.net."}),
    "KX": ("1 k.example.net.", {"preference": 1, "answer": "k.example.net."}),
    "AFSDB": ("1 afs.example.net.", {"subtype": 1, "hostname": "afs.example.net."}),
    "TXT": ('"v=spf1 -all" "a \\"b\\" \\\\ \\195"', {"answer": 'v=spf1 -all\na "b" \\\\ \\195'}),
    "SOA": ("ns.example.net. host\\.master.example.net. 1 2 3 4 4294967295", {
        "ns": "ns.example.net", "mbox": "host\\.master.example.net", "serial": 1, "refresh": 2, "retry": 3, "expire": 4,
        "min_ttl": 4294967295}),
    "SRV": ("1 2 443 s.example.net.", {"priority": 1, "weight": 2, "port": 443, "target": "s.example.net."}),
    "CAA": ('128 issue "ca.example; a=\\"b\\""', {"flag": 128, "tag": "issue", "value": 'ca.example; a="b"'}),
    "NAPTR": ('100 10 "u" "E2U+sip" "!^.*$!sip:a@b!" .', {
        "order": 100, "preference": 10, "flags": "u", "service": "E2U+sip", "regexp": "!^.*$!sip:a@b!",
        "replacement": "."}),
    "DS": ("60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118", {
        "key_tag": 60485, "algorithm": 5, "digest_type": 1, "digest": "2bb183af5f22588179a53b0a98631fad1a292118"}),
    "DNSKEY": ("257 3 8 AwEAAQ==", {"flags": 257, "protocol": 3, "algorithm": 8, "public_key": "AwEAAQ=="}),
    "RRSIG": ("A 13 3 300 20300101000000 20240229235959 12345 example.net. AwEAAQ==", {
        "type_covered": 1, "algorithm": 13, "labels": 3, "original_ttl": 300, "expiration": "20300101000000",
        "inception": "20240229235959", "keytag": 12345, "signer_name": "example.net.", "signature": "AwEAAQ=="}),
    "TLSA": ("3 1 1 " + 32 * "0b", {"cert_usage": 3, "selector": 1, "matching_type": 1, "certificate": 32 * "0b"}),
    "HINFO": ('"INTEL" "UNIX"', {"cpu": "INTEL", "os": "UNIX"}),
    "RP": ("me.example.net. txt.example.net.", {"mbox": "me.example.net.", "txt": "txt.example.net."}),
    "URI": ('10 1 "ftp://a/\\"q\\""', {"priority": 10, "weight": 1, "target": 'ftp://a/"q"'}),
    "SSHFP": ("2 1 " + 20 * "12", {"answer": "2 1 " + 20 * "12"}),
    "HTTPS": ('1 . alpn="h2"', {"answer": '1 . alpn="h2"'}),
    "TYPE65400": ("\\# 2 0102", {"answer": "\\# 2 0102"}),
}  # fmt: skip


@pytest.mark.parametrize("rtype", TYPED)
def test_each_type_has_the_keys_of_zdns(rtype):
    data, expected = TYPED[rtype]
    octets = answered("www.example.com.", f";ANSWER\nwww.example.com. 300 IN {rtype} {data}\n", rtype)

    (record,) = told(ZdnsDetails(), octets)["answers"]

    assert record == {**expected, "class": "IN", "name": "www.example.com", "ttl": 300, "type": rtype}


@pytest.mark.parametrize("rtype", TYPED)
def test_data_of_massdns_is_presentation_form(rtype):
    data = TYPED[rtype][0]
    octets = answered("www.example.com.", f";ANSWER\nwww.example.com. 300 IN {rtype} {data}\n", rtype)

    (record,) = told(MassdnsDetails(), octets)["data"]["answers"]

    number = dns.rdatatype.from_text(rtype)
    assert dns.rdata.from_text(1, number, record.pop("data")) == dns.rdata.from_text(1, number, data)
    assert record == {"ttl": 300, "type": rtype, "class": "IN", "name": "www.example.com."}


@pytest.mark.parametrize(("rtype", "data"), [
    (6, b"\0\0"), (15, b"\0"), (15, b"\0\1\0\0"), (16, b""), (16, b"\5ab"), (33, b"\0\0\0"), (43, b"\0\0\0\0"),
    (46, bytes(18)), (48, b"\1\1\3\10"), (52, b"\3\1\1"), (257, b"\0\5is"), (256, b"\0"), (13, b"\1"), (35, b""),
])  # fmt: skip
def test_data_that_is_not_as_its_type_says_is_an_answer_in_hex(rtype, data):
    question = b"\3www\7example\3com\0" + struct.pack("!HH", rtype, 1)
    octets = (
        struct.pack("!6H", 1, 0x8180, 1, 1, 0, 0)
        + question
        + b"\xc0\x0c"
        + struct.pack("!HHIH", rtype, 1, 9, len(data))
        + data
    )

    (record,) = told(ZdnsDetails(), octets, qtype=rtype)["answers"]

    assert record == {"answer": f"\\# {len(data)} {data.hex()}".strip(), "class": "IN", "name": "www.example.com",
                      "ttl": 9, "type": dns.rdatatype.to_text(rtype)}  # fmt: skip


def test_options_of_edns_are_told_as_zdns_does():
    options = b"".join(struct.pack("!HH", code, len(data)) + data for code, data in (
        (3, b'ns"1\xff'), (10, bytes(16)), (15, b"\0\x16no \"route\"\0"), (15, b"\xff\xff"), (99, b"x")))  # fmt: skip
    octets = answered("www.example.com.", "")
    octets = (
        octets[:10] + b"\0\1" + octets[12:] + b"\0" + struct.pack("!HHIH", 41, 4096, 0x8000, len(options)) + options
    )

    assert told(ZdnsDetails(), octets)["additionals"] == [{
        "flags": "do", "type": "EDNS0", "udpsize": 4096, "version": 0, "nsid": {"nsid": 'ns"1\\255'},
        "cookie": {"cookie": 32 * "0"}, "ede": [
            {"info_code": 22, "error_text": "No Reachable Authority", "extra_text": 'no "route"'},
            {"info_code": 65535, "error_text": "", "extra_text": ""}]}]  # fmt: skip
    assert told(MassdnsDetails(), octets)["data"] == {}


def test_flags_are_in_the_order_of_massdns():
    octets = answered("www.example.com.", "", flags="QR AA TC RD RA AD CD")

    assert told(MassdnsDetails(), octets)["flags"] == ["aa", "tc", "rd", "ra", "ad", "cd"]
    assert told(MassdnsDetails(), answered("www.example.com.", "", flags="QR"))["flags"] == []


def test_owners_have_the_letters_of_the_input_wherever_they_point():
    octets = answered("www.example.com.", ";ANSWER\nwww.example.com. 300 A 192.0.2.1\nexample.com. 300 A 192.0.2.2\n")
    mixed = octets.replace(b"\3www\7example\3com\0", b"\3wWw\7eXAMple\3coM\0", 1)

    for details in (MassdnsDetails(), ZdnsDetails()):
        assert told(details, mixed) == told(details, octets)


@pytest.mark.server
def test_a_real_server_is_told_alike_in_every_format(tmp_path):
    """knot, with every type: data of massdns as in our own sections, and zdns with as many records of each type."""
    types = (
        "A",
        "AAAA",
        "NS",
        "CNAME",
        "MX",
        "TXT",
        "SRV",
        "CAA",
        "NAPTR",
        "DS",
        "TLSA",
        "HINFO",
        "RP",
        "URI",
        "SVCB",
        "LOC",
    )
    owners = ("a", "aaaa", "ns-of", "cname", "chain", "a.dname", "mx", "txt", "srv", "caa", "naptr", "ds", "tlsa",
              "hinfo", "rp", "uri", "svcb", "loc", "big", "nowhere")  # fmt: skip
    server = servers.every_type(tmp_path, "knot")
    try:
        command = ["-r", f"udp://127.0.0.1:{server.port}", "--all-names", *(f"-t{rtype}" for rtype in types)]
        names = "".join(f"{owner}.every-type.test\n" for owner in owners)
        compact = scan(*command, "--fields", "ans,auth,add", names=names).rows
        massdns = scan(*command, "--format", "massdns", names=names).rows
        zdns = scan(*command, "--format", "zdns", names=names).rows
    finally:
        server.stop()

    ours = {(row["d"], row["t"]): row for row in compact}
    assert len(ours) == len(massdns) == len(zdns) == len(owners) * len(types)
    for row in massdns:
        found, expected = row.get("data", {}), ours[row["name"].removesuffix("."), row["type"]]
        for section, key in (("answers", "ans"), ("authorities", "auth"), ("additionals", "add")):
            assert folded({**each, "class": None} for each in found.get(section, ())) == folded(
                {**each, "class": None} for each in expected[key] if each["type"] != "OPT")  # fmt: skip
    for row in zdns:
        ((module, result),) = row["results"].items()
        counts = Counter(record["type"] for record in result["data"].get("answers", ()))
        assert counts == Counter(record["type"] for record in ours[row["name"], module]["ans"])


def folded(records) -> Counter:
    """An alias that a server makes of a DNAME has the letters of the datagram (0x20)."""
    return Counter(json.dumps(record, sort_keys=True).lower() for record in records)


# -- hostile answers ---------------------------------------------------------------------------------------------


def lines_of(message: bytes) -> dict[str, list[bytes]]:
    """What each format makes of the message, asked for a.com NS."""
    found = {}
    for form in ("compact", *OTHERS):
        victim = Victim(format=form)
        ((message_id, _),) = victim.ids()
        victim.receive(message_id + message[2:])
        found[form] = victim.lines.take().splitlines(keepends=True)
    return found


def check(message: bytes) -> None:
    found = lines_of(message)
    assert len({len(lines) for lines in found.values()}) == 1
    for compact, name, massdns, zdns in zip(*found.values(), strict=True):
        ours = json.loads(compact)
        assert name == b"a.com\n"
        for line in (massdns, zdns):
            assert line.isascii()
            assert len(line) < LINE_MAX
            assert not any(octet < 32 for octet in line[:-1])
        theirs = json.loads(massdns)
        assert theirs.get("error", "").lower() == (ours["e"] if ours["s"] == "error" else "")
        (result,) = json.loads(zdns)["results"].values()
        assert ("error" in result) == (ours["s"] == "error")


@pytest.mark.parametrize("name", CORPUS)
def test_each_oddity_makes_one_good_line_in_each_format_or_none_in_all(name):
    check(CORPUS[name])


def test_mutated_messages_make_good_lines_in_each_format():
    random_ = random.Random(20261129)
    corpus = [octets for octets in CORPUS.values() if len(octets) < 2000]
    for _ in range(fewer(3000)):
        message = mutated(random_.choice(corpus), random_)
        if (
            b"\xc0\0" not in message and b"\xc0\1" not in message
        ):  # a name in the message ID, which each scan has its own of
            check(message)


@pytest.mark.parametrize("name", [name for name, octets in CORPUS.items() if len(octets) > 10_000])
@pytest.mark.parametrize("form", ["massdns", "zdns"])
def test_a_hostile_64_kilobyte_answer_costs_little(name, form):
    assert_cheap(name, format=form)


def test_sixty_five_thousand_octets_of_each_type_fit_whatever_is_in_them():
    """As many records as a message holds: with the least data of each type, and with octets that are escaped."""
    for rtype in some([*range(1, 110), *range(250, 262)]):
        for data in (b"", b"\0", b"\xff" * 40, bytes(24), b'\1"' * 30, b"\0\1" + b"\xc0\x0c" * 3):
            record = b"\0" + struct.pack("!HHIH", rtype, 65535, 2**31 - 1, len(data)) + data
            count = (65535 - 23) // len(record)
            octets = (
                struct.pack("!6H", 1, 0x8180, 1, count, 0, 0)
                + b"\1a\3com\0"
                + struct.pack("!HH", NS, 1)
                + count * record
            )
            for details in (MassdnsDetails(), ZdnsDetails()):
                row = orjson.loads(b'{"":0' + details.describe(octets, b"a.com", NS) + b"}")
                told_of = row.get("data", row)
                sections = told_of.get("answers", []) + told_of.get("additionals", [])
                assert len(sections) == (0 if rtype == 41 and "data" in row else count)


# -- with --output and --resume ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["massdns", "zdns"])
def test_killed_at_any_moment_and_resumed_until_done(lab, tmp_path, form):
    listed = [f"resume{number}.lab.test" for number in range(30_000)]
    source, output = tmp_path / "names.txt", tmp_path / "out.jsonl"
    source.write_text("".join(f"{name}\n" for name in listed))
    command = ["-r", lab.config["resolvers"][0], "-t", "A", "-t", "TXT", "--output", output, "--resume", "--format",
               form, "--rate", 40_000, "--quiet", source]  # fmt: skip
    kills = killed_and_resumed(command, seed=20261130, runs=30, least_s=0.3, most_s=0.9)
    done = scan(*command)

    rows = [json.loads(line) for line in output.read_text().splitlines()]
    types = [row["type"] if form == "massdns" else next(iter(row["results"])) for row in rows]
    assert done.code == 0, done.err
    assert kills > 1
    assert Counter((row["n"], rtype) for row, rtype in zip(rows, types, strict=True)) == Counter(
        {(number, rtype): 1 for number in range(1, 30_001) for rtype in ("A", "TXT")})  # fmt: skip
    assert all(listed[row["n"] - 1] == row["name"].removesuffix(".") for row in rows)


@pytest.mark.parametrize("form", ["massdns", "zdns"])
def test_bad_lines_and_torn_ones_are_resumed_too(lab, tmp_path, form):
    source, output = tmp_path / "names.txt", tmp_path / "out.jsonl"
    source.write_text('a.lab.test\n\nb..c\n"q.test\nfaß.lab.test\n,"n":7\n' * 20)
    command = ("-r", lab.config["resolvers"][0], "--output", output, "--format", form, source)
    scan(*command)
    whole = output.read_bytes()
    lines = whole.splitlines(keepends=True)
    output.write_bytes(b"".join(lines[::2]) + lines[1][:-9])

    done = scan(*command, "--resume", "--stats", "json")

    assert (done.code, stats_of(done)["skipped"], "torn" in done.err) == (0, 50, True)
    assert sorted(row["n"] for row in map(json.loads, output.read_text().splitlines())) == sorted(
        json.loads(line)["n"] for line in lines)  # fmt: skip


def test_lines_on_stdout_have_no_number(lab):
    for form in ("massdns", "zdns"):
        assert "n" not in scan("-r", lab.config["resolvers"][0], "--format", form, names="a.lab.test\n").row


def test_bare_names_cannot_be_resumed_and_that_is_said_before_anything_is_sent(lab, tmp_path):
    source, output = tmp_path / "names.txt", tmp_path / "out.txt"
    source.write_text("a.lab.test\nb.lab.test\n")
    assert scan("-r", lab.config["resolvers"][0], "--output", output, "--format", "names", source).code == 0
    assert sorted(output.read_text().split()) == ["a.lab.test", "b.lab.test"]

    with DnsPeer() as nobody:
        command = ("-r", nobody.address, "--output", output, "--resume", source)
        refusal(scan(*command, "--format", "names"), "--resume: a bare name does not say which input line it is of")
        refusal(scan(*command), f"{output} was begun with --format names")
    assert nobody.names_asked == []
    assert sorted(output.read_text().split()) == ["a.lab.test", "b.lab.test"]


def test_no_file_is_gone_on_with_in_another_format(lab, tmp_path):
    source, output = tmp_path / "names.txt", tmp_path / "out.jsonl"
    source.write_text("a.lab.test\n")
    command = ("-r", lab.config["resolvers"][0], "--output", output, source)
    scan(*command, "--format", "zdns")

    refusal(scan(*command, "--resume"), f"{output} was begun with --format zdns")
    refusal(scan(*command, "--resume", "--format", "massdns"), f"{output} was begun with --format zdns")
    scan(*command, "--force")
    refusal(scan(*command, "--resume", "--format", "massdns"), f"{output} was begun with --format compact")


# -- what makes no sense -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "said"), [
    (("--format", "csv"), '--format: "csv" is not one of compact, names, massdns, zdns'),
    (("--format", "names", "--fields", "a"), "--fields: only --format compact has fields; a line of names is the name"),
    (("--format", "massdns", "--fields", "a"), "a line of massdns has massdns's own keys"),
    (("--format", "zdns", "--fields", "ts"), "a line of zdns has zdns's own keys"),
])  # fmt: skip
def test_options_that_make_no_sense_are_one_line(given, said):
    refusal(scan("-r", "127.0.0.1:9", *given, names="a.example\n"), said)


def test_the_library_gives_results_and_no_lines():
    with pytest.raises(scanner.ScanError, match="format: results of the library are objects"):
        scanner.scan_all(["a.example"], {"resolver": "127.0.0.1:9", "format": "massdns"})


@pytest.mark.parametrize("form", OTHERS)
@pytest.mark.parametrize("program", ["convert", "report"])
def test_programs_that_read_compact_lines_say_which_ones_they_were_given(lab, tmp_path, form, program):
    pytest.importorskip("duckdb")
    lines = tmp_path / "lines.jsonl"
    lines.write_bytes(scan("-r", lab.config["resolvers"][0], "--format", form, names="a.lab.test\nb..c\n").out)
    made = tmp_path / ("page.html" if program == "report" else "table.csv")

    said = refusal(scan(program, lines, "-o", made), f"{lines}: none of its 2 lines is a result of a scan")
    assert (f"they look like --format {form}, and --format compact is read here" in said) == (form != "names")
    assert not made.exists()


@pytest.mark.parametrize("form", ["massdns", "zdns"])
def test_confirm_says_so_before_it_asks_anybody(lab, registries, form):
    lines = scan("-r", lab.config["resolvers"][0], "--format", form, names="a.test\n").out
    before = len(registries.asked())

    refusal(scan("confirm", "--config", registries.path, names=lines), f"line 1 is one of --format {form}",
            "confirm reads those of --format compact and of names")  # fmt: skip
    assert len(registries.asked()) == before


def test_confirm_reads_bare_names(lab, registries):
    names = scan("-r", lab.config["resolvers"][0], "--all-names", "--format", "names", names="free-a.test\n").out

    assert re.match(
        r'\{"d":"free-a\.test","c":"', scan("confirm", "--config", registries.path, names=names).out.decode()
    )
