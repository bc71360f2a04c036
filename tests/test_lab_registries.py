"""The lab's registries against the standard library: http.client, ssl, sockets; states are computed here once more."""

import asyncio
import contextlib
import http.client
import json
import random
import re
import socket
import ssl
import stat
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from command import refusal, scan

from scanner.lab import rdap_trouble, registry_zone, whois_server
from scanner.lab.registry import Log
from scanner.lab.registry_zone import RDAP_TROUBLE, STATES, WHOIS_TROUBLE

ROOT = Path(__file__).parent.parent
WAIT_S = 10
SHORT_S = 0.5  # for what never comes
MIB = 1 << 20
STATUS_OF_CRC = {6: "active", 7: "server hold", 8: "reserved", 9: "redemption period"}
RDAP = "application/rdap+json"


@dataclass(frozen=True)
class Client:
    """Asks the registries of a lab."""

    config: dict
    log: Path

    @property
    def told(self) -> dict:
        return self.config["confirm"]

    def base(self, tld: str) -> str:
        services = json.loads(Path(self.told["bootstrap"]).read_text())["services"]
        return next(urls[0] for tlds, urls in services if tld in tlds)

    def whois_rules(self, tld: str) -> dict:
        return json.loads(Path(self.told["whois_file"]).read_text())[tld]

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.told["ca_file"])

    def connection(self, url: str, timeout: float = WAIT_S) -> http.client.HTTPConnection:
        host, port = urlsplit(url).hostname, urlsplit(url).port
        if url.startswith("http:"):
            return http.client.HTTPConnection(host, port, timeout=timeout)
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=self.tls())

    def url(self, name: str) -> str:
        return f"{self.base(name.rpartition('.')[2])}domain/{name}"

    def get(self, url: str, timeout: float = WAIT_S) -> tuple[http.client.HTTPResponse, bytes]:
        with contextlib.closing(self.connection(url, timeout)) as peer:
            peer.request("GET", urlsplit(url).path)
            response = peer.getresponse()
            return response, response.read()

    def rdap(self, name: str) -> tuple[http.client.HTTPResponse, bytes]:
        return self.get(self.url(name))

    def raw(self, tld: str) -> ssl.SSLSocket:
        """A connection to the RDAP server of a TLD, for octets that no client would send."""
        url = urlsplit(self.base(tld))
        plain = socket.create_connection((url.hostname, url.port), WAIT_S)
        return self.tls().wrap_socket(plain, server_hostname=url.hostname)

    def whois_query(self, name: str) -> socket.socket:
        rules = self.whois_rules(name.rpartition(".")[2])
        host, _, port = rules["server"].partition(":")
        peer = socket.create_connection((host, int(port)), WAIT_S)
        peer.sendall(rules["query"].format(name=name).encode() + b"\r\n")
        return peer

    def whois(self, name: str) -> bytes:
        with self.whois_query(name) as peer:
            return read_all(peer)

    def whois_states(self, name: str) -> list[str]:
        return self.states_in(self.whois(name), name.rpartition(".")[2])

    def states_in(self, octets: bytes, tld: str) -> list[str]:
        """Which of the rules fit a reply."""
        text, rules = octets.decode("utf-8", "replace"), self.whois_rules(tld)
        kinds = ("free", "registered", "reserved")
        return [kind for kind in kinds if re.search(rules[kind], text, re.IGNORECASE | re.MULTILINE)]

    def logged(self, name: str) -> list[list[str]]:
        return [words for line in self.log.read_text().splitlines() if (words := line.split())[3] == name]


def read_all(peer: socket.socket) -> bytes:
    octets = b""
    while more := peer.recv(65536):
        octets += more
    return octets


@pytest.fixture
def client(registries):
    return Client(registries.config, registries.log)


def names_of(tld: str, count: int) -> list[str]:
    return [f"name{number}.{tld}" for number in range(count)]


def crc(name: str) -> int:
    return zlib.crc32(name.encode()) % 10


def words_of(table: dict) -> list[str]:
    return [word for row in table for word in row.split()]


# -- what the registries hold ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tld", ["test", "org", "com", "net"])
def test_rdap_holds_what_the_rule_says_of_each_name(client, tld):
    with contextlib.closing(client.connection(client.base(tld))) as peer:
        for name in names_of(tld, 100):
            peer.request("GET", urlsplit(client.url(name)).path)
            response = peer.getresponse()
            body = json.loads(response.read())

            assert response.headers["Content-Type"] == RDAP
            if crc(name) < 6:
                assert (response.status, body["errorCode"]) == (404, 404)
            else:
                assert (response.status, body["objectClassName"], body["ldhName"]) == (200, "domain", name)
                assert body["status"] == [STATUS_OF_CRC[crc(name)]]


@pytest.mark.parametrize("tld", ["example", "de"])
def test_whois_holds_what_the_rule_says_of_each_name(client, tld):
    for name in names_of(tld, 60):
        state = "free" if crc(name) < 6 else "reserved" if crc(name) == 8 else "registered"

        assert client.whois_states(name) == [state]


@pytest.mark.parametrize("word", STATES)
def test_a_word_asks_for_a_state_of_every_registry(client, word):
    response, body = client.rdap(f"{word}-a.com")
    found = client.whois_states(f"{word}-a.example")

    assert found == client.whois_states(f"{word}-a.de") == [STATES[word].found]
    if word == "free":
        assert response.status == 404
    else:
        assert json.loads(body)["status"] == [STATES[word].rdap]
        assert STATES[word].whois in client.whois(f"{word}-a.example").decode()


def test_a_registration_has_its_days_and_its_registrar_and_a_reserved_name_has_neither(client):
    now = datetime.now(UTC).isoformat()
    for word in STATES.keys() - {"free", "reserved"}:
        name = f"{word}-days.org"
        body = json.loads(client.rdap(name)[1])
        days = {event["eventAction"]: event["eventDate"] for event in body["events"]}

        assert days.keys() == {"registration", "expiration", "last changed"}
        assert (days["expiration"] < now) == STATES[word].expired
        assert days["expiration"].startswith(str(registry_zone.expires(name)))
        assert body["entities"][0]["roles"] == ["registrar"]
        assert body["nameservers"]
    reserved = json.loads(client.rdap("reserved-days.org")[1])
    assert not {"events", "entities", "nameservers"} & reserved.keys()


def test_names_are_folded_and_unquoted(client):
    response, body = client.get(client.base("test") + "domain/REGISTERED%2DCase.Test")

    assert (response.status, json.loads(body)["ldhName"]) == (200, "registered-case.test")


@pytest.mark.parametrize("path", "/ /rdap /rdap/help /rdap/domain /com/v1/domain/a.test /x/domain/a.test".split())
def test_a_path_of_no_domain_has_a_web_page(client, path):
    response, body = client.get(urljoin(client.base("test"), path))

    assert (response.status, response.headers.get_content_type()) == (404, "text/html")
    assert body.startswith(b"<!doctype html>")


@pytest.mark.parametrize("name", ["www.free-a.test", ".test", "a%20b.test", "a%0d%0ab.test", f"{'a' * 64}.test"])
def test_what_cannot_be_registered_is_a_bad_request(client, name):
    response, body = client.get(client.base("test") + "domain/" + name)

    assert (response.status, json.loads(body)["errorCode"]) == (400, 400)


def test_whois_takes_one_name_in_the_way_of_its_tld(client):
    rules = client.whois_rules("de")
    host, _, port = rules["server"].partition(":")
    for query in (b"a.de", b"-T dn a.com", b"-T dn a.b.de", b"-T dn a.de\r\n-T dn b.de", b"", b"\xff" * 2000):
        with socket.create_connection((host, int(port)), WAIT_S) as peer:
            peer.sendall(query + b"\r\n")
            assert read_all(peer) == b"% Error: invalid query\r\n"

    assert client.logged("a.de%0D%0A-t%20dn%20b.de")


def test_a_whois_client_that_leaves_before_it_has_asked_is_not_logged(client):
    before = client.log.read_text()
    host, _, port = client.whois_rules("example")["server"].partition(":")
    for octets in (b"", b"free-left.example"):
        with socket.create_connection((host, int(port)), WAIT_S) as peer:
            peer.sendall(octets)
            peer.shutdown(socket.SHUT_WR)
            assert read_all(peer) == b""

    assert client.log.read_text() == before


# -- trouble over RDAP -----------------------------------------------------------------------------------------


PAGE = "text/html; charset=utf-8"
REPLIED = {  # word: status, content type, what stands in the body
    "chunked": (404, RDAP, b'"errorCode": 404'),
    "othererror": (404, "application/json", b'"errorCode": 404'),
    "unicode": (200, RDAP, b'"ldhName": "UNICODE-A.NET"'),
    "dot": (200, RDAP, b'"ldhName": "dot-a.net."'),
    "escape": (200, RDAP, b'"\\u001b[31mred\\u001b[0m", "\\u202eesrever", "=cmd()"'),
    "dates": (200, RDAP, b'"eventDate": "9999-99-99T99:99:99Z"'),
    "many": (200, RDAP, b'"status 19999"'),
    "e429": (429, RDAP, b'"errorCode": 429'),
    "s500": (500, PAGE, b"<!doctype html>"),
    "s502": (502, PAGE, b"<!doctype html>"),
    "s503": (503, PAGE, b"<!doctype html>"),
    "s400": (400, RDAP, b'"errorCode": 400'),
    "s401": (401, RDAP, b'"errorCode": 401'),
    "s403": (403, RDAP, b'"errorCode": 403'),
    "s451": (451, RDAP, b'"errorCode": 451'),
    "s204": (204, PAGE, b""),
    "page404": (404, PAGE, b"<!doctype html>"),
    "page200": (200, PAGE, b"<!doctype html>"),
    "bare404": (404, RDAP, b""),
    "empty": (200, RDAP, b""),
    "other": (200, RDAP, b'"ldhName": "not-other-a.net"'),
    "noldh": (200, RDAP, b'"objectClassName": "domain"'),
    "class": (200, RDAP, b'"objectClassName": "nameserver", "handle"'),
    "array": (200, RDAP, b'[{"rdapConformance"'),
    "null": (200, RDAP, b"null"),
    "badjson": (200, RDAP, b'"objectClassName": "domain"'),
    "latin1": (200, RDAP, b'"\xe9"'),
    "deep": (200, RDAP, b"[" * 100_000 + b"]" * 100_000),
    "digits": (200, RDAP, b"7" * 5000),
    "nan": (200, RDAP, b": NaN"),
    "surrogate": (200, RDAP, b'["active", "\\ud800"]'),
    "twice": (200, RDAP, b'{"ldhName": "not-twice-a.net", '),
    "types": (200, RDAP, b'"status": {"active": 1}'),
    "reserved404": (404, RDAP, b"not available: registry reserved"),
    "policy404": (404, RDAP, b'"title": "Registration policy"'),
    "german404": (404, RDAP, b"reserviert"),
    "french404": (404, RDAP, b"pas disponible"),
    "russian404": (404, RDAP, json.dumps("зарезервирован")[1:-1].encode()),
    "chinese404": (404, RDAP, json.dumps("不可注册")[1:-1].encode()),
    "html404": (404, RDAP, b"not&nbsp;available</b>\\n for"),
    "terms404": (404, RDAP, b'"title": "Terms of Use"'),
    "script404": (404, RDAP, json.dumps("ეს")[1:-1].encode()),
    "text404": (404, RDAP, b'"errorCode": "404"'),
    "float404": (404, RDAP, b'"errorCode": 404.0'),
    "blank404": (404, RDAP, b'"errorCode": " 404\\n"'),
    "null404": (404, RDAP, b'"errorCode": null'),
    "true404": (404, RDAP, b'"errorCode": true'),
    "list404": (404, RDAP, b'"errorCode": [404]'),
    "other404": (404, RDAP, b'"errorCode": 405'),
    "quota404": (404, RDAP, b"Quota exceeded"),
    "taken404": (404, RDAP, b"already registered"),
    "class404": (404, RDAP, b'"objectClassName": "domain"'),
    "error200": (200, RDAP, b'"objectClassName": "error"'),
    "free200": (200, RDAP, b'"status": ["available"]'),
    "links": (200, RDAP, b'"inactive <https://icann.org/epp#clientHold>"'),
    "ends": (200, RDAP, b'"2091-01-02T00:00:00Z"'),
}
REDIRECTS = {  # word: how many, and what stands at the end: a status, or the URL that was not followed
    "redirect": (1, 404),
    "redirectrel": (1, 404),
    "redirect3": (3, 404),
    "redirect4": (4, 404),
    "redirectmany": (30, 404),
    "redirectself": (40, "https://127.0.0.1:"),
    "redirectring": (40, "https://127.0.0.1:"),
    "redirectip": (1, 404),
    "redirectmeta": (1, "https://169.254.169.254/"),
    "redirecthttp": (1, 404),
    "redirectother": (1, 404),
    "redirectpath": (1, 404),
    "redirectnowhere": (0, 302),
}
TESTED_ALONE = """slow s429 d429 n429 o503 big bomb badgzip truncated lengths headers hints junk drip hang close
reset""".split()


def test_every_trouble_is_made_and_tested():
    made = {*rdap_trouble.REPLIES}

    assert made == {*words_of(RDAP_TROUBLE)} == {*REPLIED, *REDIRECTS, *TESTED_ALONE}
    assert {*whois_server.REPLIES} == {*words_of(WHOIS_TROUBLE)} == {*WHOIS_REPLIED, *WHOIS_ALONE}


@pytest.mark.parametrize("word", REPLIED)
def test_the_reply_to_each_word(client, word):
    status, kind, part = REPLIED[word]

    response, body = client.rdap(f"{word}-a.net")

    assert (response.status, response.headers["Content-Type"]) == (status, kind)
    assert part in body
    assert (part == b"") == (body == b"")


def test_what_stands_in_a_right_object_besides_is_all_that_is_wrong_with_it(client):
    registered = json.loads(client.rdap("registered-a.net")[1])
    for word in ("twice", "nan", "escape", "dates", "many"):
        assert json.loads(client.rdap(f"{word}-a.net")[1]).keys() - {"lab"} == registered.keys()
    with pytest.raises(RecursionError):
        json.loads(client.rdap("deep-a.net")[1])
    with pytest.raises(ValueError, match="digits"):
        json.loads(client.rdap("digits-a.net")[1])
    with pytest.raises(UnicodeDecodeError):
        client.rdap("latin1-a.net")[1].decode()


@pytest.mark.parametrize("word", ["s429", "d429", "n429-neg", "n429-huge", "n429-junk", "n429-far", "o503"])
def test_a_trouble_that_is_over_after_the_first_time(client, word):
    first, second, third = (client.rdap(f"{word}-once.com")[0] for _ in range(3))
    other = client.rdap(f"{word}-other.com")[0]

    assert first.status == other.status == int(re.search(r"\d{3}", word)[0])
    assert second.status == third.status == 404
    asked = first.headers["Retry-After"]
    if word == "d429":
        assert 1 < (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds() <= 3
    else:
        far = "Wed, 21 Oct 2099 07:28:00 GMT"
        wanted = {"s429": "2", "n429-neg": "-5", "n429-huge": "1e9", "n429-junk": "abc", "n429-far": far}
        assert asked == wanted.get(word)


def test_429_for_ever_says_so_every_time(client):
    for _ in range(4):
        response, _ = client.rdap("e429-a.com")
        assert (response.status, response.headers["Retry-After"]) == (429, "1")


@pytest.mark.parametrize("word", REDIRECTS)
def test_where_redirects_lead(client, word):
    count, end = REDIRECTS[word]
    url = start = client.url(f"{word}-a.com")
    for _ in range(count):
        response, _ = client.get(url)
        assert response.status == 302
        url = urljoin(url, response.headers["Location"])

    if isinstance(end, str):
        assert url.startswith(end)
        assert (url == start) == (word in ("redirectself", "redirectring"))
    else:
        response, body = client.get(url)
        assert response.status == end
        assert json.loads(body)["errorCode"] == 404 if end == 404 else response.headers["Location"] is None
    assert (urlsplit(url).hostname == "127.0.0.9") == (word == "redirectip")
    assert url.startswith("http:") == (word == "redirecthttp")
    assert url.endswith(f"/domain/{word}-a.com") == (word not in ("redirectother", "redirectpath"))


def test_a_slow_answer_takes_its_time_and_holds_up_no_other(client):
    with contextlib.closing(client.connection(client.base("com"))) as slow:
        begun = time.monotonic()
        slow.request("GET", urlsplit(client.url("slow-a.com")).path)
        with contextlib.closing(client.connection(client.base("slowtld"))) as slow_tld:
            slow_tld.request("GET", urlsplit(client.url("free-a.slowtld")).path)
            assert client.rdap("free-a.com")[0].status == 404
            between = time.monotonic()
            assert slow_tld.getresponse().status == 404
            assert time.monotonic() - begun >= 2
        assert slow.getresponse().status == 404

    assert time.monotonic() - begun >= registry_zone.SLOW_S
    assert between - begun < registry_zone.SLOW_S


def test_a_body_may_come_one_octet_a_second(client):
    with client.raw("com") as peer:
        peer.sendall(request("drip-a.com"))
        octets = b""
        begun = time.monotonic()
        while b"\r\n\r\n" not in octets:
            octets += peer.recv(65536)
        octets = peer.recv(65536) + peer.recv(65536)

    assert octets == b'{"'
    assert time.monotonic() - begun >= 2


def request(name: str, *headers: str) -> bytes:
    base = "/rdap/" if name.rpartition(".")[2] in ("test", "org") else f"/{name.rpartition('.')[2]}/v1/"
    return "\r\n".join([f"GET {base}domain/{name} HTTP/1.1", "Host: registry", *headers, "", ""]).encode()


def test_no_answer_ever(client):
    with client.raw("com") as peer:
        peer.sendall(request("hang-a.com"))
        peer.settimeout(SHORT_S)
        with pytest.raises(TimeoutError):
            peer.recv(1)


@pytest.mark.parametrize("word", ["close", "reset"])
def test_no_reply_and_the_end_of_the_connection(client, word):
    with pytest.raises(http.client.RemoteDisconnected):
        client.rdap(f"{word}-a.com")


def test_a_body_that_ends_before_its_length(client):
    with pytest.raises(http.client.IncompleteRead):
        client.rdap("truncated-a.com")


def test_octets_that_are_no_http(client):
    with pytest.raises(http.client.BadStatusLine):
        client.rdap("junk-a.com")


def test_two_lengths(client):
    with client.raw("com") as peer:
        peer.sendall(request("lengths-a.com", "Connection: close"))

        head = read_all(peer).partition(b"\r\n\r\n")[0]

    first, second = map(int, re.findall(rb"Content-Length: (\d+)", head))
    assert first < second


def test_a_head_without_end(client):
    with client.raw("com") as peer:
        peer.sendall(request("headers-a.com"))
        octets = b""
        while len(octets) < 4 * MIB:
            octets += peer.recv(MIB)

    assert octets.count(b"\r\nX-Lab: registry") > 4 * MIB // 20
    assert b"\r\n\r\n" not in octets


def test_hints_of_an_answer_that_never_comes(client):
    with client.raw("com") as peer:
        peer.sendall(request("hints-a.com"))
        octets = b""
        while octets.count(b"\r\n\r\n") < 50:
            octets += peer.recv(MIB)

    assert {reply.splitlines()[0] for reply in octets.split(b"\r\n\r\n")[:49]} == {b"HTTP/1.1 103 Early Hints"}


def test_a_gigabyte(client):
    with contextlib.closing(client.connection(client.base("com"))) as peer:
        peer.request("GET", urlsplit(client.url("big-a.com")).path)
        response = peer.getresponse()
        begin = response.read(4 * MIB)

    assert int(response.headers["Content-Length"]) > 1 << 30
    assert json.loads(begin + b"}")["ldhName"] == "big-a.com"


def test_a_bomb_is_a_megabyte_of_right_gzip_and_a_right_object_of_a_gigabyte(client):
    response, packed = client.rdap("bomb-a.com")
    unpacker = zlib.decompressobj(31)
    begin, size = b"", 0
    while packed:
        octets = unpacker.decompress(packed, 16 * MIB)
        begin, size, end = begin or octets.rstrip(), size + len(octets), octets[-1:]
        packed = unpacker.unconsumed_tail

    assert response.headers["Content-Encoding"] == "gzip"
    assert unpacker.eof  # its check is right
    assert size > 1 << 30
    assert json.loads(begin + end)["ldhName"] == "bomb-a.com"


def test_gzip_that_breaks(client):
    response, packed = client.rdap("badgzip-a.com")

    assert response.headers["Content-Encoding"] == "gzip"
    with pytest.raises(zlib.error):
        zlib.decompress(packed, 31)


# -- trouble over WHOIS ----------------------------------------------------------------------------------------


WHOIS_REPLIED = {  # word: which rules fit, what stands in the reply
    "slow": (["free"], b""),
    "nonl": (["free"], b""),
    "comment": (["registered"], b"% No match"),
    "latin1": (["registered"], b"M\xfcller"),
    "escape": (["registered"], b"\x1b[31mred\x1b[0m \xe2\x80\xaeesrever =cmd() \x00"),
    "referral": ([], b"refer: whois.attacker.invalid"),
    "both": (["free", "registered"], b""),
    "limit": ([], b"exceeded the maximum number of queries"),
    "html": ([], b"<!doctype html>"),
    "junk": ([], b"\x80\x81"),
    "empty": ([], b"\r\n"),
    "other": (["registered"], b"Registrar: "),
    "late": (["free"], b"% A comment"),
    "close": ([], b""),
    "tail": (["free"], b"% A comment, and another"),
    "swap": (["free"], b""),
    "several": (["registered"], b""),
    "quota": (["free"], b"Quota exceeded"),
    "taken": (["free"], b"is already registered"),
    "http": (["free"], b"HTTP/1.1 200 OK"),
    "policy": (["free"], b"reserved by policy"),
    "terms": (["free"], b"may be reserved or blocked"),
}
WHOIS_ALONE = ["big", "drip", "hang", "reset", "crs", "bom"]


@pytest.mark.parametrize("tld", ["example", "de"])
@pytest.mark.parametrize("word", WHOIS_REPLIED)
def test_the_whois_reply_to_each_word(client, word, tld):
    states, part = WHOIS_REPLIED[word]

    octets = client.whois(f"{word}-a.{tld}")

    assert part in octets
    assert client.states_in(octets, tld) == states
    assert octets.endswith(b"\n") == (word not in ("nonl", "junk", "close"))
    assert (b"not-other" in octets.lower()) == (word == "other")


def test_a_whois_reply_with_another_end_of_lines_and_with_a_byte_order_mark(client):
    plain = client.whois("free-a.de").replace(b"free-a", b"-a")

    assert client.whois("crs-a.de").replace(b"crs-a", b"-a") == plain.replace(b"\r\n", b"\r")
    assert client.whois("bom-a.de").replace(b"bom-a", b"-a") == b"\xef\xbb\xbf" + plain


def test_a_late_whois_answer_stands_behind_the_first_64_kib(client):
    assert client.whois("late-a.example").find(b"No match for") > 65536


def test_whois_of_a_hundred_megabytes(client):
    size = 0
    with client.whois_query("big-a.de") as peer:
        while octets := peer.recv(MIB):
            size += len(octets)

    assert size >= 100 * MIB


def test_whois_one_octet_a_second(client):
    begun = time.monotonic()
    with client.whois_query("drip-a.example") as peer:
        octets = peer.recv(100) + peer.recv(100) + peer.recv(100)

    assert octets == b"No "
    assert time.monotonic() - begun >= 2


def test_whois_without_an_answer(client):
    with client.whois_query("hang-a.example") as peer:
        peer.settimeout(SHORT_S)
        with pytest.raises(TimeoutError):
            peer.recv(1)
    with client.whois_query("reset-a.example") as peer, pytest.raises(ConnectionResetError):
        peer.recv(1)


# -- TLS and places --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tld", "said"),
    [
        ("expiredcert", "has expired"),
        ("wronghost", "IP address mismatch"),
        ("selfsigned", "unable to get local issuer"),
    ],
)
def test_a_certificate_that_no_client_may_believe(client, tld, said):
    with pytest.raises(ssl.SSLCertVerificationError, match=said):
        client.rdap(f"free-a.{tld}")

    assert client.logged(f"free-a.{tld}") == []


def test_a_port_on_which_nothing_listens(client):
    with pytest.raises(ConnectionRefusedError):
        client.rdap("free-a.deadtld")


def test_without_tls_there_is_an_answer_for_who_would_take_it(client):
    assert client.base("plainhttp").startswith("http://127.0.0.1:")
    assert client.rdap("free-a.plainhttp")[0].status == 404


def test_the_bootstrap_file_has_the_form_of_rfc_9224(client):
    document = json.loads(Path(client.told["bootstrap"]).read_text())

    assert document["version"] == "1.0"
    assert datetime.fromisoformat(document["publication"]).tzinfo
    assert sorted(tld for tlds, _ in document["services"] for tld in tlds) == sorted(registry_zone.RDAP_TLDS)
    for _, urls in document["services"]:
        assert all(re.fullmatch(r"https?://127\.0\.0\.1:\d+/(\w+/)+", url) for url in urls)
    assert len({urlsplit(client.base(tld)).port for tld in ("test", "org", "com", "net")}) == 1


def test_what_the_config_says(client):
    told = client.told

    assert told["allow_nets"] == ["127.0.0.1/32"]
    assert told["registry_rate"] == 0
    assert client.config["resolvers"] == [f"127.0.0.1:{told['authority_port']}"]
    assert {*json.loads(Path(told["whois_file"]).read_text())} == {*registry_zone.WHOIS_TLDS}
    folder = Path(told["bootstrap"]).parent
    assert {Path(told[key]).parent for key in ("ca_file", "whois_file")} == {folder}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


# -- how it is served ------------------------------------------------------------------------------------------


def test_requests_may_come_one_octet_at_a_time_and_several_at_once(client):
    with client.raw("com") as peer:
        for octet in request("registered-octets.com"):
            peer.sendall(bytes([octet]))
        first = peer.recv(65536)
        names = [f"registered-p{number}.com" for number in range(50)]
        peer.sendall(b"".join(request(name) for name in names) + request("close-p.com"))
        rest = read_all(peer)

    assert b"registered-octets.com" in first
    assert re.findall(rb'"ldhName": "(registered-p\d+\.com)"', rest) == [name.encode() for name in names]


@pytest.mark.parametrize(
    "octets",
    [
        b"POST /com/v1/domain/a.com HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        b"GET /com/v1/domain/a.com\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"\r\n\r\n",
        b"GET /" + b"a" * 70_000,
    ],
)
def test_what_is_no_request_ends_the_connection(client, octets):
    with client.raw("com") as peer:
        peer.sendall(octets)

        assert read_all(peer).startswith(b"HTTP/1.1 400 ")


def test_a_client_that_wants_the_connection_closed_has_it_closed(client):
    with client.raw("com") as peer:
        peer.sendall(request("free-a.com", "Connection: close"))

        assert read_all(peer).startswith(b"HTTP/1.1 404 ")


def test_200_connections_at_once_get_their_own_answers(client):
    names = [f"registered-c{number}.com" for number in range(200)]
    url = urlsplit(client.base("com"))

    async def ask_ten(name):
        reader, writer = await asyncio.open_connection(url.hostname, url.port, ssl=client.tls())
        found = []
        for number in range(10):
            writer.write(request(name.replace(".com", f"-{number}.com")))
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(re.search(rb"Content-Length: (\d+)", head)[1])
            found.append(json.loads(await reader.readexactly(size))["ldhName"])
        writer.close()
        await writer.wait_closed()
        return found

    async def ask_all():
        return await asyncio.gather(*map(ask_ten, names))

    found = asyncio.run(ask_all())

    assert found == [[name.replace(".com", f"-{number}.com") for number in range(10)] for name in names]


def test_200_clients_that_do_not_read_cost_bounded_memory(new_lab, tmp_path):
    words = ("big", "bomb", "headers", "deep", "hints")
    with new_lab("--registries") as lab, contextlib.ExitStack() as stack:
        client = Client(lab.config, tmp_path)
        for number in range(200):
            word = words[number % len(words)]
            peer = stack.enter_context(client.raw("com"))
            peer.sendall(request(f"{word}-unread{number}.com"))
        assert client.rdap("free-meanwhile.com")[0].status == 404
        status = Path(f"/proc/{lab.process.pid}/status").read_text()

    assert int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) < 400 * 1024


# -- the log ---------------------------------------------------------------------------------------------------


def test_the_log_has_a_line_for_each_request_at_once(client):
    before = time.monotonic()
    client.rdap("free-log.com")
    client.rdap("registered-log.test")
    client.rdap("s429-log.com")
    client.rdap("s429-log.com")
    client.whois("free-log.example")
    with pytest.raises(http.client.RemoteDisconnected):
        client.rdap("close-log.org")
    after = time.monotonic()

    lines = [line.split() for line in client.log.read_text().splitlines() if "-log." in line]
    assert [line[1:] for line in lines] == [
        ["rdap", "com", "free-log.com", "404"],
        ["rdap", "test", "registered-log.test", "200"],
        ["rdap", "com", "s429-log.com", "429"],
        ["rdap", "com", "s429-log.com", "404"],
        ["whois", "example", "free-log.example", "-"],
        ["rdap", "org", "close-log.org", "-"],
    ]
    times = [float(line[0]) for line in lines]
    assert times == sorted(times)
    assert before <= times[0]
    assert times[-1] <= after


def test_a_request_for_no_domain_is_logged_with_its_path(client):
    client.get(urljoin(client.base("test"), "/robots.txt"))

    assert [words[1:] for words in client.logged("/robots.txt")] == [["rdap", "-", "/robots.txt", "404"]]


def test_a_log_without_registries_and_one_that_cannot_be_written_are_one_line(tmp_path):
    refusal(scan("lab", "--registry-log", tmp_path / "log"), "--registry-log needs --registries")
    refusal(
        scan("lab", "--registries", "--registry-log", "/no/such/folder/log"),
        "lab: cannot write the log /no/such/folder/log: No such file or directory",
    )


# -- the end ---------------------------------------------------------------------------------------------------


def make_noise(client: Client) -> None:
    """Octets without sense: instead of TLS, inside it, and to WHOIS."""
    rng = random.Random(5)
    url, whois = urlsplit(client.base("com")), client.whois_rules("de")["server"].partition(":")
    for _ in range(50):
        for place in ((url.hostname, url.port), (whois[0], int(whois[2]))):
            with socket.create_connection(place, WAIT_S) as peer:
                peer.sendall(rng.randbytes(rng.randrange(1, 2000)))
        with client.raw("com") as peer:
            peer.sendall(rng.randbytes(rng.randrange(1, 2000)))


def test_the_files_go_when_the_lab_ends_and_nothing_is_said(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "scanner", "lab", "--registries"],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        config = json.loads(process.stdout.readline())
        client = Client(config, tmp_path)
        folder = Path(config["confirm"]["bootstrap"]).parent
        assert folder.is_dir()
        for tld in ("expiredcert", "selfsigned"):
            with pytest.raises(ssl.SSLCertVerificationError):
                client.rdap(f"free-a.{tld}")
        make_noise(client)
        with contextlib.ExitStack() as stack:
            for word in ("big", "hang", "drip", "slow", "headers", "free"):
                stack.enter_context(client.raw("com")).sendall(request(f"{word}-a.com"))
                stack.enter_context(client.whois_query(f"{word}-a.de"))
            client.rdap("free-b.com")
            process.terminate()
            out, err = process.communicate(timeout=WAIT_S)

    assert (process.returncode, out, err) == (0, b"", b"")
    assert not folder.exists()


def test_a_command_finds_the_registries_too(tmp_path):
    script = 'import json, sys; print(json.load(open(json.load(open(sys.argv[1]))["confirm"]["bootstrap"]))["version"])'

    done = scan("lab", "--registries", "--", sys.executable, "-c", script, "{config}")

    assert (done.code, done.out, done.err) == (0, b"1.0\n", "")


def test_without_the_extra_one_sentence_says_what_to_install(tmp_path):
    (tmp_path / "trustme.py").write_text("raise ModuleNotFoundError(\"No module named 'trustme'\", name='trustme')\n")

    done = scan("lab", "--registries", "--", "true", PYTHONPATH=f"{tmp_path}:{ROOT}")

    assert refusal(done) == "dnsscan: lab --registries needs trustme: pip install '.[registries]'"
    assert scan("lab", "--", "true", PYTHONPATH=f"{tmp_path}:{ROOT}").code == 0


# -- the reference -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["states", "rdap", "whois"])
def test_reference_and_registry_zone_tell_the_same(table):
    text = (
        (ROOT / "docs" / "reference" / "lab.md")
        .read_text()
        .partition(f"<!-- {table} -->")[2]
        .partition(f"<!-- /{table} -->")[0]
    )
    told = {}
    for row in (line.split("|") for line in text.splitlines() if "`" in line):
        told |= dict.fromkeys(re.findall(r"`([^`]+)`", row[1]), row[-2].strip())

    states = {word: state.found for word, state in STATES.items()}
    assert told == (states if table == "states" else registry_zone.FOUND[table])


def test_what_comes_after_the_log_is_closed_goes_nowhere(tmp_path):
    log = Log(tmp_path / "log")
    log.close()

    with (tmp_path / "another").open("w+") as another:  # has the number that was the log's
        log.add("rdap", "test", "late.test", 200)
        log.close()

        assert another.read() == ""
