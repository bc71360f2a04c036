"""What single replies of registries say, in RDAP and in WHOIS: each manner in which they differ, without a network.
The real command meets them in test_confirm.py and test_registry_forms.py."""

import json

import pytest

from scanner.registration import bootstrap, rdap, whois
from scanner.registration.answer import Refused

RDAP = "application/rdap+json"
DOMAIN = {"objectClassName": "domain", "ldhName": "A.COM"}
ANY = bootstrap.whois_server(
    "zz", {"server": "whois.example", "free": "nothing found|^Status: AVAILABLE", "registered": "^domain"}
)


def over_rdap(body, status=404, kind=RDAP):
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        return rdap.read_reply(rdap.Reply(status, {"content-type": kind}, octets), "a.com", "/domain/a.com").verdict
    except Refused as refused:
        return refused.reason


def over_whois(text):
    try:
        found = whois.read_reply(ANY, text, "a.zz")
    except Refused as refused:
        return refused.reason
    return " ".join(filter(None, [found.verdict, found.expires, *found.statuses]))


@pytest.mark.parametrize(("found", "more"), [
    ("free", {"description": ["Das Objekt a.com wurde nicht gefunden."]}),
    ("free", {"title": "Non trouvé", "description": ["Le domaine demandé n'existe pas"], "lang": "fr"}),
    ("free", {"title": "対象が見つかりません"}),
    ("free", {"notices": [{"title": "Terms of Use", "description": ["You agree that all rights are reserved. Reserved "
                                                                     "names cannot be registered."]}]}),
    ("free", {"notices": [{"title": "Términos", "description": ["Todos los derechos reservados."]}]}),
    ("free", {"description": ["The requested domain name was not found. It may be available for registration."]}),
    ("free", {"description": ["Domain not reserved, not registered"]}),
    ("free", {"description": ["No RDAP information is available for a.com"]}),
    ("reserved", {"title": "Dominio reservado"}),
    ("reserved", {"description": "Il nome non è disponibile"}),
    ("reserved", {"description": ["The", "domain", "is reserved"]}),
    ("reserved", {"description": [["This name is withheld"]]}),
    ("reserved", {"message": "Domain a.com is BLOCKED by GlobalBlock"}),
    ("reserved", {"notices": {"title": "x", "description": "reserved name"}}),
    ("reserved", {"notices": ["This name is reserved"]}),
    ("reserved", {"remarks": [{"title": "Reserved"}]}),
    ("reserved", {"description": ["This domain name is not\u00a0available for\u200b registration"]}),
    ("reserved", {"description": ["a.com is reserved by the registry; see the terms of use."]}),
    ("reserved", {"notices": [{"title": "Policy", "description": ["This name is reserved by policy."]}]}),
    ("reserved", {"status": ["registry reserved"]}),
    ("reserved", {"title": "Name unavailable"}),
    ("ratelimited", {"title": "Rate limit exceeded"}),
    ("ratelimited", {"description": ["Zu viele Anfragen"]}),
    ("rdap_bad", {"events": []}),
    ("rdap_bad", {"description": ["Домен занят"]}),
    ("rdap_bad", {"title": "დაკავებულია"}),
])  # fmt: skip
def test_what_a_404_says_in_words(found, more):
    assert over_rdap({"errorCode": 404, "title": "Not Found", **more}) == found


@pytest.mark.parametrize(("found", "code"), [
    ("free", 404), ("free", 404.0), ("free", "404"), ("free", " 404\t"), ("free", None), ("rdap_bad", 404.5),
    ("rdap_bad", "404.0"), ("rdap_bad", ""), ("rdap_bad", {}), ("rdap_bad", [404]), ("rdap_bad", False),
    ("rdap_bad", True), ("rdap_bad", 405), ("rdap_bad", "0404"),
])  # fmt: skip
def test_the_code_of_a_404(found, code):
    assert over_rdap({"errorCode": code, "title": "Not Found"}) == found


@pytest.mark.parametrize(("found", "body", "kind"), [
    ("rdap_bad", b"<html>not found</html>", RDAP), ("rdap_bad", b"", "text/html"), ("free", b"", RDAP),
    ("rdap_bad", b'"x"', RDAP), ("rdap_bad", b'{"title":"x"}', "application/json"),
    ("free", b'\xef\xbb\xbf{"errorCode":404}', "application/json"), ("free", b'{"errorCode":404}', "text/html"),
])  # fmt: skip
def test_the_body_of_a_404(found, body, kind):
    assert over_rdap(body, kind=kind) == found


@pytest.mark.parametrize(("found", "more"), [
    ("registered", {"objectClassName": "Domain", "ldhName": " a.com. "}),
    ("registered", {"status": ["server transfer prohibited", "client hold"]}),
    ("registered", {"notices": [{"title": "Terms of Service", "description": ["Names are reserved and blocked"]}]}),
    ("registered", {"notices": [{"description": ["All rights reserved. Access may be blocked."]}]}),
    ("reserved", {"status": ["Reserved by registry"]}),
    ("rdap_bad", {"objectClassName": "error"}),
    ("rdap_bad", {"errorCode": 404}),
    ("rdap_bad", {"status": ["available"]}),
])  # fmt: skip
def test_what_a_200_says(found, more):
    assert over_rdap({**DOMAIN, **more}, 200) == found


@pytest.mark.parametrize(("events", "day"), [
    ([("Expiration", "2027-01-29T00:00:00Z")], "2027-01-29"),
    ([("expiration", "2027-01-29T00:00:00Z"), ("expiration", "2027-01-29")], "2027-01-29"),
    ([("expiration", "2027-01-29T00:00:00Z"), ("expiration", "2028-01-29")], ""),
    ([("registration", "2027-01-29")], ""),
])  # fmt: skip
def test_the_days_of_events(events, day):
    assert rdap.expiration([{"eventAction": action, "eventDate": date} for action, date in events]) == day


@pytest.mark.parametrize(("found", "record"), [
    ("2027-01-29 clientHold", "status: clientHold https://icann.org/epp#clientHold\nexpires: 2027-01-29"),
    ("clientHold serverHold", "status: clientHold (https://www.icann.org/epp#clientHold)\nstatus: server-hold <http://x.y/z>"),
    ("ok", "Domain Status: ok icann.org/epp#ok"), ("ok", "status: ok -- https://icann.org/epp#ok"),
    ("ok", "status: ok | www.icann.org/epp"), ("ok dnsHold", "Status: ok / dnsHold"),
    ("clientDeleteProhibited clientHold", "status: CLIENT_DELETE_PROHIBITED clientHold"),
    ("in quarantine", "Status:      in quarantine"),
    ("", "expires: 2027-01-29\nExpiration date: 2027-02-28"),
    ("2027-01-29", "expires: Fri Jan 29 2027"), ("", "expires: Mon Jan 29 2027"),
    ("2027-01-29", "expires: 2027-01-29\n\ndomain: c.zz\nexpires: 2028-01-01\nstatus: ok"),
])  # fmt: skip
def test_what_a_whois_record_says(found, record):
    assert over_whois(f"domain: b.zz\nexpires: 2026-05-05\n\ndomain: a.zz\n{record}") == f"registered {found}".strip()


@pytest.mark.parametrize(("found", "text"), [
    ("whois_bad", "domain: b.zz\nemail: x@a.zz\nexpires: 2027-01-29"), ("whois_bad", "domain: a.zz.com"),
    ("whois_bad", "nothing found for b.zz"), ("whois_bad", "nothing found\ndomain name: b.zz"),
    ("whois_bad", "refer: whois.x.zz\n"), ("whois_bad", "<html>nothing found</html>"),
    ("whois_bad", '{"x":"nothing found"}'), ("whois_bad", "HTTP/1.0 200 OK\n\nnothing found"),
    ("whois_bad", "nothing found\n\nThe domain a.zz is already registered."),
    ("free", "\nnothing found"), ("free", "x\rStatus: AVAILABLE\ry"), ("free", "x\r\r\nStatus: AVAILABLE\r\r\n"),
    ("reserved", "nothing found\n\nThis name is reserved by registry policy."),
    ("reserved", "nothing found\n\nThis name is\nnot available\nfor registration."),
    ("free", "nothing found\n\nThe registry can be reached under the number +43 1 0."),
    ("free", "nothing found\n\nThe name is not too short."), ("free", "nothing found: try again with another name"),
    ("reserved", "a.zz cannot be registered: it contains too many parts"),
    ("reserved", "Dieser Domainname ist gesperrt"), ("reserved", "a.zz has been withdrawn: the name is withheld"),
])  # fmt: skip
def test_what_a_whois_reply_says(found, text):
    assert over_whois(text) == found


@pytest.mark.parametrize("text", [
    "Quota exceeded", "% Error: 55000000002 Connection refused; access control limit exceeded", "WHOIS LIMIT EXCEEDED",
    "Still in grace period, wait 1588 seconds", "You have been blacklisted", "440 Request Denied", "Server too busy",
    "Lookup quota exceeded", "only 1 request per second allowed, try again later", "Queried interval is too short.",
    "Your IP address 192.0.2.1 has been blocked", "Превышен лимит запросов",
    "Your access is too fast,please try again later.",
    "BLACKLISTED: You have exceeded the query limit", "Number of allowed queries exceeded.",
    "Error: Ratelimit Exceeded",
    "daily whois-limit exceeded for client 192.0.2.1", "This query can temporarily not be answered",
])  # fmt: skip
def test_a_reply_that_says_that_we_ask_too_much_is_neither_free_nor_registered(text):
    assert over_whois(text) == "ratelimited"
    assert over_whois(f"nothing found\n\n{text}") == "ratelimited"
    assert over_rdap({"errorCode": 404, "description": [text]}) == "ratelimited"


def test_a_reply_that_was_cut_may_be_registered_and_never_free():
    assert whois.read_reply(ANY, "domain: a.zz", "a.zz", is_cut=True).verdict == "registered"
    with pytest.raises(Refused, match="whois_bad"):
        whois.read_reply(ANY, "nothing found", "a.zz", is_cut=True)
