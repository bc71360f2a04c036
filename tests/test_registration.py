"""The parts of `dnsscan confirm` that need no network: queues, pace, the reading of replies, suffixes, servers."""

import asyncio
from datetime import UTC, datetime

import pytest

from scanner.errors import ScanError
from scanner.registration import bootstrap, rdap, whois
from scanner.registration.answer import FREE, REGISTERED, RESERVED, Answer, Refused
from scanner.registration.dates import day
from scanner.registration.domain import registrable
from scanner.registration.pace import Pace, Silence, wait_of
from scanner.registration.registry_queue import RegistryQueue
from scanner.registration.store import Store

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
DENIC = bootstrap.whois_server(
    "de", {"server": "whois.example", "free": "^Status: free", "registered": "^Status: connect"}
)


def test_a_domain_that_comes_as_the_last_asker_leaves_is_asked_too():
    async def run():
        delivered, all_there = [], asyncio.Event()

        def deliver(domain, answer):
            delivered.append(domain)
            if domain == "a.test":  # the second comes after its asker has ended, and before that is known
                asyncio.get_running_loop().call_soon(queue.feed, [(2, "b.test")])
            else:
                all_there.set()

        async def ask(domain, number):
            return Answer(FREE, "rdap")

        queue = RegistryQueue(ask, "rdap", pace=Pace(0), silence=Silence(60), lookups=1, max_wait_s=1, deliver=deliver,
                    left=lambda fault: None, given_up=print, stopping=asyncio.Event())  # fmt: skip
        queue.feed([(1, "a.test")])
        await asyncio.wait_for(all_there.wait(), 5)
        return delivered

    assert asyncio.run(run()) == ["a.test", "b.test"]


def test_turns_are_a_gap_apart_and_none_comes_while_a_registry_rests():
    pace = Pace(2.0)
    first = [pace.turn(100.0)[0] for _ in range(3)]
    pace.rest(101.0, 30)

    assert first == [100.0, 100.5, 101.0]
    assert pace.turn(101.0)[0] == 131.0
    assert pace.turn(101.0)[0] == 131.5


def test_each_exit_has_turns_and_rests_of_its_own():
    out = {2}
    pace = Pace(1.0, 3, lambda number: number in out)
    first = [pace.turn(100.0) for _ in range(4)]
    pace.rest(101.0, 30, 0)
    some = pace.resting(101.0), pace.resting(101.0, 0)
    then = [pace.turn(102.0) for _ in range(2)]
    out.clear()
    last = pace.turn(102.0)
    out |= {0, 1, 2}

    assert first == [(100.0, 0), (100.0, 1), (101.0, 0), (101.0, 1)]
    assert some == (0.0, 30.0)
    assert then == [(102.0, 1), (103.0, 1)]
    assert last == (102.0, 2)
    assert pace.turn(102.0) == (103.0, 2)  # where all are out, that counts for nothing


def test_a_registry_is_given_up_after_many_requests_and_a_long_time_without_a_reply():
    silence = Silence(60)
    many = [silence.goes_on(number, number + 1) for number in range(30)]
    long = silence.goes_on(58, 60)
    again = silence.goes_on(61, 62)

    assert not any(many)
    assert (long, again, silence.is_over, silence.requests, silence.seconds) == (True, False, True, 32, 62)

    spoken = Silence(60)
    spoken.broken()
    assert not any(spoken.goes_on(second, second + 1) for second in range(598))
    assert spoken.goes_on(599, 600)


@pytest.mark.parametrize(("text", "seconds"), [
    ("30", 30), (" 0 ", 0), ("Sat, 21 Nov 2026 12:01:40 GMT", 100), ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
    ("Wed, 21 Oct 2099 07:28:00 GMT", 2_300_988_480), ("9" * 400, float("inf")),
    ("-5", None), ("1e9", None), ("abc", None), ("", None), ("١٢", None), ("1.5", None),
])  # fmt: skip
def test_retry_after_is_seconds_or_a_date(text, seconds):
    assert wait_of(text, NOW) == seconds


@pytest.mark.parametrize(("name", "domain"), [
    ("example.com", "example.com"), ("A.B.Example.CO.UK.", "example.co.uk"), ("foo.github.io", "github.io"),
    ("com", ""), ("co.uk", ""), ("x.unheard-of", "x.unheard-of"), ("1.2.3.4", ""), ("under_score.com", ""),
    ("-a.com", ""), ("a\r\nb.com", ""), ("xn--fa-hia.de", "xn--fa-hia.de"), ("a." * 130 + "com", ""), ("", ""),
])  # fmt: skip
def test_the_registrable_name_is_one_label_below_what_icann_knows(name, domain):
    assert registrable(name) == domain


@pytest.mark.parametrize(("reply", "verdict"), [
    ("Domain: a.de\nStatus: free\n", FREE),
    ("Domain: a.de\r\nStatus: connect\r\n", REGISTERED),
    ("% Status: free\nDomain: a.de\nStatus: connect", REGISTERED),
])  # fmt: skip
def test_a_whois_reply_is_read_by_both_patterns(reply, verdict):
    assert whois.read_reply(DENIC, reply, "a.de").verdict == verdict


@pytest.mark.parametrize(("reply", "reason"), [
    ("Domain: b.de\nStatus: connect", "whois_bad"),  # another domain's
    ("Domain: aa.de\nStatus: connect", "whois_bad"),
    ("Status: free\nStatus: connect\na.de", "whois_bad"),
    ("Domain: a.de\nStatus: odd", "whois_bad"),
    ("% no words but comments", "whois_bad"),
    ("% You have exceeded the limit of queries", "ratelimited"),
    ("Error: too many requests, a.de", "ratelimited"),
    ("\r\n", "whois_bad"),
])  # fmt: skip
def test_a_whois_reply_that_says_neither_is_refused(reply, reason):
    with pytest.raises(Refused) as refused:
        whois.read_reply(DENIC, reply, "a.de")
    assert refused.value.reason == reason


def test_no_line_break_reaches_a_whois_server():
    with pytest.raises(Refused, match="no_domain"):
        asyncio.run(whois.lookup(None, DENIC, "a.de\r\nhelp", 1))


def reply(status, body=b"", **headers):
    return rdap.Reply(status, headers, body)


def test_a_404_is_free_from_the_right_path_only():
    body = b'{"errorCode":404,"title":"not found"}'

    assert rdap.read_reply(reply(404, body), "a.com", "/v1/domain/a.com").verdict == FREE
    assert rdap.read_reply(reply(404), "a.com", "/v1/domain/a.com").verdict == FREE
    for wrong in (
        ("/", body),
        ("/v1/domain/b.com", body),
        ("/v1/domain/a.com", b"<html>"),
        ("/domain/a.com", b'{"x":1}'),
    ):
        with pytest.raises(Refused, match="rdap_bad"):
            rdap.read_reply(reply(404, wrong[1]), "a.com", wrong[0])


def test_statuses_are_given_in_the_words_of_epp():
    words = ["server hold", "client transfer prohibited", "active", "", 7]
    found = rdap.registration({"objectClassName": "domain", "ldhName": "A.com.", "status": words}, "a.com")

    assert found.statuses == ("serverHold", "clientTransferProhibited", "active")


def test_the_longest_suffix_is_in_charge_and_http_is_not_used():
    document = """{"publication": "2026-01-01T00:00:00Z", "services": [
        [["uk"], ["https://uk.example/rdap"]], [["CO.UK"], ["http://a.example/", "https://co.example/"]],
        [["zz"], ["http://zz.example/"]]]}"""
    found = bootstrap.parse("b.json", document)

    assert found.find("a.co.uk") == ("https://co.example/",)
    assert found.find("a.org.uk") == ("https://uk.example/rdap/",)
    assert found.find("a.zz") == found.find("uk") == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"publication": 1, "services": []}', "[" * 100_000,
                                  '{"publication": "2026-01-01", "services": [[["a"]]]}',
                                  '{"publication": "2026-01-01", "services": []}'])  # fmt: skip
def test_what_is_no_bootstrap_file_is_refused(text):
    with pytest.raises(ScanError):
        bootstrap.parse("b.json", text)


@pytest.mark.parametrize("url", ["https://h/x", "https://h:8443/", "https://[2001:db8::1]/"])
def test_a_url_has_one_host_that_is_paced(url):
    assert bootstrap.host_of(url)


@pytest.mark.parametrize("url", ["http://h/", "https://u:p@h/", "https:///x", "https://h:99999/", "ftp://h/", "x", ""])
def test_a_url_that_is_not_to_be_used_has_none(url):
    assert bootstrap.host_of(url) == ""


def test_a_domain_that_comes_after_the_last_was_answered_has_a_number_of_its_own():
    store = Store(None, {})
    store.ask([("a.test", "h")])
    ((first, _),) = store.next("h", 0, 9)
    store.take("a.test")
    store.ask([("b.test", "h")])

    assert [domain for _, domain in store.next("h", first, 9)] == ["b.test"]
    store.close()


@pytest.mark.parametrize(("text", "iso"), [
    ("2027-01-02T03:04:05Z", "2027-01-02"), ("2027-01-02", "2027-01-02"),
    ("9999-99-99T", ""), ("0000-00-00", ""), ("tomorrow", ""), (7, ""), (None, ""),
])  # fmt: skip
def test_an_expiration_is_a_day_that_exists(text, iso):
    assert rdap.expiration([{"eventAction": "expiration", "eventDate": text}]) == iso


@pytest.mark.parametrize(("body", "verdict"), [
    ('{"errorCode":404,"description":["The name is not available: registry reserved"]}', RESERVED),
    ('{"errorCode":404,"title":"Blocked by a trademark owner"}', RESERVED),
    ('{"errorCode":404,"notices":[{"title":"Status","description":["Not available for registration"]}]}', RESERVED),
    ('{"errorCode":404,"remarks":[{"description":["This label cannot be registered"]}]}', RESERVED),
    ('{"errorCode":404,"notices":[{"title":"Terms of Use","description":["Reserved names, blocked clients"]}]}', FREE),
    ('{"errorCode":404,"description":["(c) The registry. All rights reserved."]}', FREE),
    ('{"errorCode":404,"description":["reserved.com: not found, not registered"]}', FREE),
    ('{"errorCode":"404","title":"Not Found"}', FREE),
    ('{"rdapConformance":["rdap_level_0"],"title":"Not Found"}', FREE),
])  # fmt: skip
def test_a_404_is_free_where_nothing_in_it_says_otherwise(body, verdict):
    assert rdap.read_reply(reply(404, body.encode()), "reserved.com", "/domain/reserved.com").verdict == verdict


@pytest.mark.parametrize("body", [
    '{"errorCode":500}', '{"errorCode":true}', '{"errorCode":"404x"}', '{"title":"Not Found","status":404}',
    '{"errorCode":404,"title":"This domain is already registered"}', '{"errorCode":404,"title":"Not available"}',
])  # fmt: skip
def test_a_404_that_is_not_understood_is_refused(body):
    with pytest.raises(Refused, match="rdap_bad"):
        rdap.read_reply(reply(404, body.encode()), "a.com", "/domain/a.com")


def test_a_404_without_a_code_is_free_by_its_media_type():
    kind = {"content-type": "application/rdap+json; charset=utf-8"}

    assert rdap.read_reply(rdap.Reply(404, kind, b'{"title":"none"}'), "a.com", "/domain/a.com").verdict == FREE


@pytest.mark.parametrize("more", [
    {"status": ["reserved"]}, {"status": "blocked"}, {"remarks": [{"description": ["This name is reserved"]}]},
    {"notices": [{"title": "Registry", "description": ["Not available for registration."]}]},
])  # fmt: skip
def test_an_rdap_record_may_hold_a_name_back(more):
    assert rdap.registration({"objectClassName": "domain", "ldhName": "a.com", **more}, "a.com").verdict == RESERVED


def test_statuses_that_forbid_a_transfer_hold_no_name_back():
    words = ["transfer prohibited", "client update prohibited", "NOT AVAILABLE"]
    found = rdap.registration({"objectClassName": "domain", "ldhName": "a.com", "status": words}, "a.com")

    assert (found.verdict, found.statuses[1:]) == (REGISTERED, ("clientUpdateProhibited", "NOT AVAILABLE"))


@pytest.mark.parametrize("text", [
    "2027-01-29", "2027-01-29T04:05:06Z", "2027-01-29 04:05:06+02", "29-Jan-2027", "2027.01.29 15:22:46",
    "29.1.2027 10:15:55", "2027/01/29", "20270129", "2027. 01. 29.", "29-01-2027", "2027-Jan-29.", "29 January 2027",
    "2027-01-29 (YYYY-MM-DD)", "29/01/2027 23:59:59", "January 29 2027", "Fri Jan 29 04:05:06 UTC 2027",
    "29-Jan-2027 04:05:06 UTC", "2027-01-29T04:05:06.123+00:00", "29.01.2027", "Fri, 29 Jan 2027 04:05:06 +0000",
    "Friday, January 29, 2027", "Fri 29 Jan 2027", "Jan-29-2027", "Jan. 29, 2027", "2027年01月29日", "2027년 1월 29일",
    "2027-01-29 23:59:59 (UTC+8)", "20270129 17:46:47", "Fri, 29.01.2027", "Friday 2027-01-29", "01-29-2027",
    "29 Jan 2027, 10:00", "2027-01-29T04:05:06+0100", "29.01.2027 (CET)", "29 JAN. 2027",
])  # fmt: skip
def test_a_day_is_read_in_every_form(text):
    assert day(text) == "2027-01-29"


@pytest.mark.parametrize("text", [
    "08/07/2027", "2027-13-01", "2027-01-291", "not defined", "2027", "soon 2027-01-29", "30-Feb-2027", "29 Foo 2027",
    "2027-01-29 and later", "before Aug-1996", "Aug-2027", "08-07-2027", "Mon, 29 Jan 2027", "Foo, 29 Jan 2027",
    "2570-01-29", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1405-11-09", "29-Jan-27", "29 janvier 2027",
    "1801180800", "2027-W04-5", "2027-029", "January 2027", "2027-01-29T", "29.13.2027",
])  # fmt: skip
def test_a_day_that_is_not_understood_is_left_out(text):
    assert day(text) == ""


def test_a_slashed_day_is_read_in_the_order_of_its_registry():
    assert (day("08/07/2027", "dmy"), day("08/07/2027", "mdy")) == ("2027-07-08", "2027-08-07")


ANY = bootstrap.whois_server(
    "zz", {"server": "whois.example", "free": "nothing found|^Status: AVAILABLE", "registered": "^domain"}
)


@pytest.mark.parametrize(("record", "expires", "statuses"), [
    ("Status: ok\nExpire Date: 2027-01-29", "2027-01-29", ["ok"]),
    ("Status: NOT AVAILABLE", "", ["NOT AVAILABLE"]),
    ("state: REGISTERED, DELEGATED\npaid-till: 2027-01-29T21:00:00Z\nfree-date: 2027-03-01", "2027-01-29",
     ["REGISTERED", "DELEGATED"]),
    ("status.............: Registered\nexpires............: 29.1.2027 10:15:55", "2027-01-29", ["Registered"]),
    ("Registration status:\n    Registered until expiry date.\nExpiry date:  29-Jan-2027", "2027-01-29",
     ["Registered until expiry date."]),
    ("Domain Status: client transfer prohibited https://icann.org/epp#x\nRegistry Expiry Date: 2027-01-29T00:00:00Z",
     "2027-01-29", ["clientTransferProhibited"]),
    ("Expires on..............: 2027-Jan-29.", "2027-01-29", []),
    ("Expiration Date : 2027. 01. 29.", "2027-01-29", []),
    ("Record expires on 2027-01-29 (YYYY-MM-DD)", "2027-01-29", []),
    ("renewal date:          2027.01.29 14:00:00\noption expiration date:  2029.02.10 10:51:12", "2027-01-29", []),
    ("[Status] Active\n[Expires on] 2027/01/29", "2027-01-29", ["Active"]),
    ("Expiration Time: soon\nDomain Status: ok", "", ["ok"]),
])  # fmt: skip
def test_a_whois_record_is_read_as_registries_write_it(record, expires, statuses):
    found = whois.read_reply(ANY, f"domain: a.zz\r\n{record}\r\n", "a.zz")

    assert (found.verdict, found.expires, list(found.statuses)) == (REGISTERED, expires, statuses)


@pytest.mark.parametrize(("text", "verdict"), [
    ("% nothing found", FREE), ("%ERROR:101: nothing found\n", FREE), ("# All rights reserved\n% nothing found", FREE),
    ("% Terms: nothing found?\ndomain: reserved.zz", REGISTERED), ("% reserved.zz: nothing found", FREE),
    ("domain: reserved.zz\nStatus: reserved", RESERVED), ("domain: reserved.zz\nStatus: NOT ALLOWED", RESERVED),
    ("This name is reserved by the registry", RESERVED), ("reserved.zz cannot be registered", RESERVED),
    ("% reserved:   CG\n", RESERVED), ("nothing found: the name is not available for registration", RESERVED),
])  # fmt: skip
def test_comments_and_words_of_a_whois_reply_count(text, verdict):
    assert whois.read_reply(ANY, text, "reserved.zz").verdict == verdict


@pytest.mark.parametrize("text", ["nothing found\nThis domain is already registered", "hello", "% hello", " \n"])
def test_a_whois_reply_that_is_not_understood_is_a_bad_one(text):
    with pytest.raises(Refused, match="whois_bad"):
        whois.read_reply(ANY, text, "a.zz")
