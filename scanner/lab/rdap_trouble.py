"""What the lab's RDAP server answers to a name that asks for trouble: a table of functions, name in, reply out. No I/O
and no clock; each word is described in `registry_zone.py`."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.utils import formatdate
from itertools import chain, repeat
from struct import pack
from zlib import DEFLATED, Z_FULL_FLUSH, compressobj, crc32

from scanner.lab.rdap_replies import PAGE, RDAP, Asked, answer, domain, error, found, free, page, registrar, whole
from scanner.lab.registry import End, Reply, flood
from scanner.lab.registry_zone import SLOW_S, word_of

GIB = 1 << 30
AHEAD_S = 2  # of a Retry-After that is right
RETRY_AFTER = {"neg": "-5", "huge": "1e9", "junk": "abc", "far": "Wed, 21 Oct 2099 07:28:00 GMT"}
UGLY = ["active", "\x1b[31mred\x1b[0m", "\u202eesrever", "=cmd()", "\x00\x07\r\nfree", "\u2028"]


def reply_to(asked: Asked) -> Reply:
    """Every name has one; a redirect's end has the right one."""
    word = word_of(asked.name)
    if asked.base == "/moved/" or word not in REPLIES:
        return answer(asked)
    return REPLIES[word](asked)


def slow(asked: Asked) -> Reply:
    return replace(free(asked), delay_s=SLOW_S)


def drip(asked: Asked) -> Reply:
    head, end, body = one_piece(free(asked)).partition(b"\r\n\r\n")
    return Reply(404, [head + end, *(bytes([octet]) for octet in body)], pause_s=1)


def one_piece(reply: Reply) -> bytes:
    return b"".join(reply.pieces)


def chunked(asked: Asked) -> Reply:
    head, _, body = one_piece(free(asked)).partition(b"\r\n\r\n")
    head = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", head) + b"\r\n\r\n"
    chunks = [b"%x\r\n%s\r\n" % (len(body[at : at + 7]), body[at : at + 7]) for at in range(0, len(body), 7)]
    return Reply(404, [head, *chunks, b"0\r\n\r\n"], End.KEEP)


def once(status: int, header: Callable[[Asked], str]) -> Callable[[Asked], Reply]:
    """This status the first time, then free."""
    return lambda asked: free(asked) if asked.times else error(status, header(asked))


def odd_retry_after(asked: Asked) -> str:
    """By the second part of the label: n429-huge-x."""
    part = asked.name.partition(".")[0].split("-")[1]
    return f"Retry-After: {RETRY_AFTER.get(part, '-5')}"


def date_ahead(asked: Asked) -> str:
    """Whole seconds only, so rounded up."""
    return f"Retry-After: {formatdate(int(asked.now) + 1 + AHEAD_S, usegmt=True)}"


def redirect(asked: Asked, base: str, site: str | None = None, name: str = "") -> Reply:
    place = f"{asked.site if site is None else site}{base}domain/{name or asked.name}"
    return whole(302, PAGE, b"", f"Location: {place}")


def hops(count: int) -> Callable[[Asked], Reply]:
    """The answer is behind so many redirects: home, /hop-1/, /hop-2/, ..."""

    def step(asked: Asked) -> Reply:
        gone = int(asked.base[5:-1]) if asked.base.startswith("/hop-") else 0
        return free(asked) if gone >= count else redirect(asked, f"/hop-{gone + 1}/")

    return step


def ring(asked: Asked) -> Reply:
    return redirect(asked, asked.home if asked.base == "/ring/" else "/ring/")


def with_member(asked: Asked, member: str) -> Reply:
    """A right object with one more member in front."""
    return whole(200, RDAP, f"{{{member}, {json.dumps(domain(asked))[1:]}".encode())


def escape(asked: Asked) -> Reply:
    return found(domain(asked, status=UGLY, entities=[registrar(text) for text in UGLY]))


def latin1(asked: Asked) -> Reply:
    return whole(200, RDAP, json.dumps(domain(asked, port43="é"), ensure_ascii=False).encode("latin-1"))


def types(asked: Asked) -> Reply:
    events = [7, {"eventAction": ["expiration"], "eventDate": 20300101}, {"eventAction": "expiration", "eventDate": {}}]
    return found(domain(asked, status={"active": 1}, events=events, entities="none", nameservers=0, links=[None]))


def dates(asked: Asked) -> Reply:
    no_dates = ["9999-99-99T99:99:99Z", "0000-00-00", "", "tomorrow", "=1+1", "\x1b[31m2030-01-01", "9" * 5000]
    return found(domain(asked, events=[{"eventAction": "expiration", "eventDate": text} for text in no_dates]))


def big(asked: Asked) -> Reply:
    head, _, body = one_piece(found(domain(asked))).partition(b"\r\n\r\n")
    size = len(body) + GIB
    head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % size, head)
    return Reply(200, chain([head + b"\r\n\r\n" + body[:-1]], flood(b" ", GIB), [b"}"]), End.CLOSE)


def bomb(asked: Asked) -> Reply:
    head = whole(200, RDAP, b"", "Content-Encoding: gzip", length=None).pieces
    body = json.dumps(domain(asked)).encode()
    return Reply(200, chain(head, gzipped(body[:-1], 1 << 10, b"}")))


def gzipped(start: bytes, mib_of_spaces: int, end: bytes) -> Iterator[bytes]:
    """RFC 1952. Nothing refers back over a full flush, so one packed MiB may be sent again and again."""
    packer = compressobj(9, DEFLATED, -15)
    spaces = b" " * (1 << 20)
    yield b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + packer.compress(start) + packer.flush(Z_FULL_FLUSH)
    packed = packer.compress(spaces) + packer.flush(Z_FULL_FLUSH)
    check = crc32(start)
    for _ in range(mib_of_spaces):
        check = crc32(spaces, check)
        yield packed
    size = len(start) + len(spaces) * mib_of_spaces + len(end)
    yield packer.compress(end) + packer.flush() + pack("<LL", crc32(end, check), size & 0xFFFFFFFF)


def bad_gzip(asked: Asked) -> Reply:
    packed = b"".join(gzipped(json.dumps(domain(asked)).encode(), 0, b""))
    return whole(200, RDAP, packed[:60] + b"\xff" * 60 + packed[120:], "Content-Encoding: gzip")


def truncated(asked: Asked) -> Reply:
    body = json.dumps(domain(asked)).encode()
    return whole(200, RDAP, body, length=len(body) + 100)


def two_lengths(asked: Asked) -> Reply:
    octets = one_piece(found(domain(asked)))
    return Reply(200, [octets.replace(b"\r\n", b"\r\nContent-Length: 5\r\n", 1)])


def hints(asked: Asked) -> Reply:
    """Paced, so that it is the deadline that has to end it, and not that a client has no time for anything else."""
    return Reply(103, repeat(b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n"), pause_s=0.01)


def endless_headers(asked: Asked) -> Reply:
    return Reply(200, chain([b"HTTP/1.1 200 OK\r\n"], flood(b"X-Lab: registry\r\n", GIB)))


def absent(asked: Asked, **members: object) -> Reply:
    """A 404 with an RDAP error in which members have other values."""
    body = {"rdapConformance": ["rdap_level_0"], "errorCode": 404, "title": "Not Found", **members}
    return whole(404, RDAP, json.dumps(body).encode())


def saying(description: str) -> Callable[[Asked], Reply]:
    return lambda asked: absent(asked, description=[description])


def noticing(title: str, description: str) -> Callable[[Asked], Reply]:
    return lambda asked: absent(asked, notices=[{"title": title, "description": [description]}])


def coded(code: object) -> Callable[[Asked], Reply]:
    return lambda asked: absent(asked, errorCode=code)


def linked(asked: Asked) -> Reply:
    epp = "https://icann.org/epp#clientHold"
    statuses = [f"client hold {epp}", f"serverHold ({epp})", f"inactive <{epp}>", f"active | {epp}", "ok pendingDelete"]
    return found(domain(asked, status=statuses))


def ends(asked: Asked) -> Reply:
    days = ("2090-01-02T00:00:00Z", "2091-01-02T00:00:00Z")
    return found(domain(asked, events=[{"eventAction": "expiration", "eventDate": each} for each in days]))


REPLIES: dict[str, Callable[[Asked], Reply]] = {
    "slow": slow,
    "drip": drip,
    "chunked": chunked,
    "othererror": lambda asked: error(404, kind="application/json"),
    "unicode": lambda asked: found(domain(asked, ldhName=asked.name.upper(), unicodeName=asked.name)),
    "dot": lambda asked: found(domain(asked, ldhName=asked.name + ".")),
    "escape": escape,
    "s429": once(429, lambda asked: f"Retry-After: {AHEAD_S}"),
    "d429": once(429, date_ahead),
    "n429": once(429, odd_retry_after),
    "o503": once(503, lambda asked: "Cache-Control: no-store"),
    "e429": lambda asked: error(429, "Retry-After: 1"),
    "s500": lambda asked: page(500),
    "s502": lambda asked: page(502),
    "s503": lambda asked: page(503),
    "s400": lambda asked: error(400),
    "s401": lambda asked: error(401),
    "s403": lambda asked: error(403),
    "s451": lambda asked: error(451),
    "s204": lambda asked: whole(204),
    "page404": lambda asked: page(404),
    "bare404": lambda asked: whole(404, RDAP),
    "page200": lambda asked: page(200),
    "empty": lambda asked: whole(200, RDAP),
    "other": lambda asked: found(domain(asked, ldhName=f"not-{asked.name}")),
    "noldh": lambda asked: found({key: value for key, value in domain(asked).items() if key != "ldhName"}),
    "class": lambda asked: found(domain(asked, objectClassName="nameserver")),
    "array": lambda asked: found([domain(asked)]),
    "null": lambda asked: found(None),
    "badjson": lambda asked: whole(200, RDAP, json.dumps(domain(asked)).encode()[:100]),
    "latin1": lambda asked: whole(
        200, RDAP, json.dumps(domain(asked, port43="é"), ensure_ascii=False).encode("latin-1")
    ),
    "deep": lambda asked: with_member(asked, f'"lab": {"[" * 100_000}{"]" * 100_000}'),
    "digits": lambda asked: with_member(asked, f'"lab": {"7" * 5000}'),
    "nan": lambda asked: found(domain(asked, lab=float("nan"))),
    "surrogate": lambda asked: found(domain(asked, status=["active", "\ud800"])),
    "twice": lambda asked: with_member(asked, f'"ldhName": "not-{asked.name}"'),
    "types": types,
    "dates": dates,
    "many": lambda asked: found(domain(asked, status=[f"status {number}" for number in range(20_000)])),
    "big": big,
    "bomb": bomb,
    "badgzip": bad_gzip,
    "truncated": truncated,
    "lengths": two_lengths,
    "headers": endless_headers,
    "hints": hints,
    "junk": lambda asked: Reply(None, [bytes(range(256)) * 4]),
    "reserved404": saying("The name is not available: registry reserved"),
    "policy404": noticing("Registration policy", "This name is blocked by the rights of a third party."),
    "german404": saying("Dieser Name ist reserviert."),
    "french404": saying("Ce nom de domaine n'est pas disponible."),
    "russian404": saying("Домен зарезервирован реестром"),
    "chinese404": saying("该域名不可注册"),
    "html404": saying("<p>This name is <b>not&nbsp;available</b>\n for <i>registration</i>.</p>"),
    "terms404": noticing("Terms of Use", "Names may be reserved or blocked; whoever asks too often is blocked."),
    "script404": saying("ეს სახელი დაკავებულია"),
    "text404": coded("404"),
    "float404": coded(404.0),
    "blank404": coded(" 404\n"),
    "null404": coded(None),
    "true404": coded(True),
    "list404": coded([404]),
    "other404": coded(405),
    "quota404": saying("Quota exceeded"),
    "taken404": saying("This domain is already registered."),
    "class404": lambda asked: absent(asked, objectClassName="domain", ldhName=asked.name),
    "error200": lambda asked: found(domain(asked, objectClassName="error")),
    "free200": lambda asked: found(domain(asked, status=["available"])),
    "links": linked,
    "ends": ends,
    "hang": lambda asked: Reply(None, end=End.HANG),
    "close": lambda asked: Reply(None),
    "reset": lambda asked: Reply(None, end=End.RESET),
    "redirect": lambda asked: redirect(asked, "/moved/"),
    "redirectrel": lambda asked: redirect(asked, "/moved/", site=""),
    "redirect3": hops(3),
    "redirect4": hops(4),
    "redirectmany": hops(30),
    "redirectself": lambda asked: redirect(asked, asked.base),
    "redirectring": ring,
    "redirectip": lambda asked: redirect(asked, "/moved/", asked.other_address),
    "redirectmeta": lambda asked: redirect(asked, "/rdap/", "https://169.254.169.254"),
    "redirecthttp": lambda asked: redirect(asked, "/moved/", asked.plain_site),
    "redirectother": lambda asked: redirect(asked, "/moved/", name=f"free-{asked.name}"),
    "redirectpath": lambda asked: whole(302, PAGE, b"", f"Location: {asked.site}/nowhere/{asked.name}"),
    "redirectnowhere": lambda asked: whole(302),
}
