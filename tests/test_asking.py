"""What the command sends: type, class, flags and EDNS, over UDP and over a stream."""

import json

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import pytest
from command import refusal, scan
from dns_peer import FORMERR, DnsPeer, Query, Talk, frame, response
from peer_answers import CHAOS, TXT, answer, own
from udp_peer import Datagram, UdpPeer, is_probe

ONCE = ("--timeout-ms", 5000, "--retries", 0)
SCHEMES = pytest.mark.parametrize("scheme", ["udp", "tcp"])
NSID, ECS, COOKIE = 3, 8, 10


def peer_of(scheme: str, answers=response) -> DnsPeer | UdpPeer:
    def stream(talk: Talk) -> None:
        for query in talk.queries():
            talk.send(frame(answers(query)))

    def datagram(datagram: Datagram) -> None:
        datagram.send(answers(datagram.query))

    return DnsPeer(stream) if scheme == "tcp" else UdpPeer(datagram, stream)


def asked(peer: DnsPeer | UdpPeer) -> list[dns.message.Message]:
    """The queries of the scan, as dnspython reads them."""
    queries = [each.query if isinstance(each, Datagram) else each for each in peer.asked]
    return [dns.message.from_wire(query.octets) for query in queries if not is_probe(query)]


def sent(scheme: str, *options: object, name: str = "is.example") -> dns.message.Message:
    """The one query of a scan of one name, which was answered."""
    with peer_of(scheme) as peer:
        done = scan("-r", peer.address, *ONCE, *options, names=f"{name}\n")

    assert done.row["s"] == "taken", (done.rows, done.err)
    (query,) = asked(peer)
    return query


def options_of(query: dns.message.Message) -> dict[int, bytes]:
    return {int(option.otype): option.to_wire() for option in query.options}


@SCHEMES
def test_a_query_asks_for_recursion_and_has_edns_and_over_udp_a_cookie(scheme):
    query = sent(scheme)

    assert query.flags == dns.flags.RD
    assert (query.edns, query.ednsflags, query.payload) == (0, 0, 1232)
    assert [(code, len(data)) for code, data in options_of(query).items()] == [(COOKIE, 8)] * (scheme == "udp")


@SCHEMES
@pytest.mark.parametrize(
    ("flags", "header", "edns"),
    [
        (["--flags", "rd,cd,do"], dns.flags.RD | dns.flags.CD, dns.flags.DO),
        (["--flags", "ad", "--flags", "do"], dns.flags.AD, dns.flags.DO),
        (["--flags", "rd,ad"], dns.flags.RD | dns.flags.AD, 0),
        (["--flags", ""], 0, 0),
    ],
)
def test_flags_are_those_that_were_asked_for(scheme, flags, header, edns):
    query = sent(scheme, *flags)

    assert (query.flags, query.ednsflags) == (header, edns)


@SCHEMES
def test_options_stand_in_each_query(scheme):
    query = sent(scheme, "--edns", "nsid,ecs=192.0.2.77/22", "--edns", "65001=C0ffee", "--edns", "65002=")

    found = options_of(query)
    assert found.pop(COOKIE, None) is None or scheme == "udp"
    assert found == {NSID: b"", ECS: b"\0\1\x16\0\xc0\0\0", 65001: b"\xc0\xff\xee", 65002: b""}
    (subnet,) = [option for option in query.options if option.otype == ECS]
    assert isinstance(subnet, dns.edns.ECSOption)
    assert (subnet.address, subnet.srclen, subnet.scopelen) == ("192.0.0.0", 22, 0)


@pytest.mark.parametrize(
    ("given", "octets"),
    [
        ("192.0.2.77", b"\0\1\x18\0\xc0\0\2"),
        ("2001:db8:1:2:3::4", b"\0\2\x38\0\x20\1\x0d\xb8\0\1\0"),
        ("0.0.0.0/0", b"\0\1\0\0"),
        ("192.0.2.77/32", b"\0\1\x20\0\xc0\0\2\x4d"),
    ],
)
def test_a_subnet_is_told_as_far_as_it_is_given(given, octets):
    assert options_of(sent("tcp", "--edns", f"ecs={given}"))[ECS] == octets


def test_a_cookie_over_a_stream_is_sent_where_it_is_asked_for():
    found = options_of(sent("tcp", "--edns", "cookie,nsid"))

    assert (len(found[COOKIE]), found[NSID]) == (8, b"")


@SCHEMES
def test_as_many_options_as_may_be_with_the_longest_name(scheme):
    name = ".".join(["is" + "x" * 61, "y" * 63, "z" * 63, "w" * 53, "example"])
    query = sent(scheme, "--edns", f"65001={'ab' * 248},nsid", name=name)

    assert len(name) == 253
    assert options_of(query)[65001] == b"\xab" * 248
    assert query.question[0].name == dns.name.from_text(name)


@SCHEMES
def test_without_edns_there_is_none(scheme):
    query = sent(scheme, "--no-edns", "--flags", "rd,cd")

    assert query.edns == -1
    assert query.flags == dns.flags.RD | dns.flags.CD


@SCHEMES
def test_flags_stay_where_a_server_wants_no_edns(scheme):
    def no_edns(query: Query) -> bytes:
        return response(query, FORMERR if query.has_edns else None)

    with peer_of(scheme, no_edns) as peer:
        done = scan("-r", peer.address, *ONCE, "--flags", "rd,cd,do", names="is.example\n")

    assert done.row["s"] == "taken"
    assert [(query.edns, query.flags) for query in asked(peer)] == [(0, 0x0110), (-1, 0x0110)]


@SCHEMES
@pytest.mark.parametrize("number", [65280, 65534])
def test_a_private_type_is_asked(scheme, number):
    def answers(query: Query) -> bytes:
        return answer(query, [own(number, b"private")])

    with peer_of(scheme, answers) as peer:
        row = scan("-r", peer.address, *ONCE, "-t", f"TYPE{number}", "--fields", "t", names="is.example\n").row

    assert (row["s"], row.get("e"), row["t"]) == ("taken", None, f"TYPE{number}")
    assert [query.question[0].rdtype for query in asked(peer)] == [number]


@SCHEMES
def test_another_class_is_asked_and_only_its_answers_count(scheme):
    def chaos(query: Query) -> bytes:
        if query.name == "version.bind":
            return answer(query, [own(TXT, b"\x041.0", rclass=CHAOS)])
        if query.name == "hostname.bind":
            return answer(query, [own(TXT, b"\x041.0")])
        return response(query, 0, question=query.question[:-1] + b"\1")

    with peer_of(scheme, chaos) as peer:
        done = scan("-r", peer.address, "--timeout-ms", 1000, "--class", "CH", "-t", "TXT", "--no-second-pass",
                    names="version.bind\nhostname.bind\nid.server\n")  # fmt: skip

    assert {query.question[0].rdclass for query in asked(peer)} == {dns.rdataclass.CH}
    assert {row["d"]: (row["s"], row.get("e")) for row in done.rows} == {
        "version.bind": ("taken", None),
        "hostname.bind": ("taken", "nodata"),
        "id.server": ("error", "timeout"),
    }


@SCHEMES
def test_a_real_server_says_who_it_is(knot, scheme):
    done = scan("-r", f"{scheme}://127.0.0.1:{knot.port}", *ONCE, "--class", "CH", "-t", "TXT", "--flags", "",
                names="version.server\n")  # fmt: skip

    assert (done.row["s"], done.row.get("e")) == ("taken", None)


# -- the configuration ---------------------------------------------------------------------------------------------


def test_the_configuration_says_the_same(tmp_path):
    config = tmp_path / "cfg.json"
    config.write_text(json.dumps({
        "resolver": "192.0.2.53", "flags": ["do", "rd"], "edns": ["ecs=192.0.2.1", "nsid"], "class": "CH",
    }))  # fmt: skip

    found = json.loads(scan("--config", config, "--dry-run").out)
    assert (found["flags"], found["edns"], found["class"]) == (["rd", "do"], ["ecs=192.0.2.0/24", "nsid"], "CH")
    assert json.loads(scan("--config", config, "--flags", "cd", "--dry-run").out)["flags"] == ["cd"]


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--flags", "rd,tc"], ["--flags: ", "tc", "rd, ad, cd, do"]),
        (["--class", "ANY"], ["--class: ", "IN, CH, HS"]),
        (["--edns", "padding"], ["--edns: ", "padding", "NUMBER=HEX"]),
        (["--edns", "ecs"], ["--edns: ", "ecs=NETWORK"]),
        (["--edns", "ecs=192.0.2.0/33"], ["ecs=192.0.2.0/24"]),
        (["--edns", "ecs=here"], ["ecs=192.0.2.0/24"]),
        (["--edns", "0=00"], ["1 to 65534"]),
        (["--edns", "65535="], ["1 to 65534"]),
        (["--edns", "10=0102030405060708"], ["use cookie"]),
        (["--edns", "65001=abc"], ["two digits an octet"]),
        (["--edns", "65001=zz"], ["two digits an octet"]),
        (["--edns", "nsid,3="], ["option 3 is given twice"]),
        (["--edns", f"65001={'00' * 253}"], ["256 octets"]),
        (["--no-edns", "--edns", "nsid"], ["--edns: ", "--no-edns"]),
        (["--no-edns", "--flags", "do"], ["--flags: ", "--no-edns"]),
        (["-t", "TYPE65535"], ["--type: "]),
    ],
)
def test_what_cannot_be_sent_is_refused(options, parts):
    refusal(scan("-r", "192.0.2.53", *options), *parts)


def test_a_subnet_is_never_sent_unasked_and_with_proxies_it_is_warned_of():
    with_proxy = ("-r", "192.0.2.53", "--proxy", "socks5://192.0.2.1", "--dry-run")
    plain, given = scan(*with_proxy), scan(*with_proxy, "--edns", "ecs=198.51.100.0/24")

    assert json.loads(plain.out)["edns"] == []
    assert "ecs=198.51.100.0/24 is told" not in plain.err
    assert "ecs=198.51.100.0/24 is told" in given.err
