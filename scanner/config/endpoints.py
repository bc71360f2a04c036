"""Resolvers and proxies from their text forms. Its errors never show a password."""

import contextlib
import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from urllib.parse import unquote_to_bytes

from scanner.errors import ScanError
from scanner.model import Proxy, Resolver
from scanner.text import shown

DNS_PORTS = {"tcp": 53, "udp": 53, "tls": 853}
PROXY_PORTS = {"socks5": 1080, "socks5h": 1080, "http": 8080}
LATER = {"https": "DNS over HTTPS", "quic": "DNS over QUIC"}
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
CREDENTIAL_MAX = 255  # octets of each (RFC 1929)
THIS_NETWORK = ip_network("0.0.0.0/8")  # an address in it is no destination (RFC 1122 section 3.2.1.3)
HOST = re.compile(r"(?:[A-Za-z0-9._-]*\.)?(?!(?:[0-9]+|0[Xx][0-9A-Fa-f]*)\.?\Z)[A-Za-z0-9_-]+\.?|\.")
"""A name, which does not end in a number: what C libraries take for an address is one of another host."""
BRACKETED_OR_NAME = r"(?:\[[^\[\]]*\]|[^:@\[\]]+)"
SOLD = re.compile(rf"(?P<place>{BRACKETED_OR_NAME}:[0-9]+):(?P<user>[^:]*):(?P<password>.*)", re.DOTALL)
SOLD_BACKWARDS = re.compile(rf"(?P<user>[^:]+):(?P<password>.*):(?P<place>{BRACKETED_OR_NAME}:[0-9]+)", re.DOTALL)
SWAPPED = re.compile(
    r"(?P<place>(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:.]+\]):[0-9]+)@(?P<userinfo>[^:@.]+:[^@]*)", re.DOTALL
)
"""`address:port@user:password`, where no host can stand behind the @."""
BARE_ADDRESS_6 = re.compile(r"[0-9A-Fa-f]{0,4}:(?:[0-9A-Fa-f]{0,4}:)*[0-9A-Fa-f.]*(?:%.*)?", re.DOTALL)
HTTP_CREDENTIALS_MAX = 4096  # octets of both: what is put on a line of 8 KiB, as servers take it, with room to spare


def resolver_from_text(text: str) -> Resolver:
    """`1.1.1.1`, `[2606::1]:53`, `tcp://...`, `tls://9.9.9.9#dns.quad9.net`. Raises ScanError."""
    scheme, separator, rest = text.partition("://")
    scheme, rest = (scheme.lower(), rest) if separator else ("tcp", text)
    if scheme in LATER:
        raise ScanError(f"resolver {shown(text)}: {LATER[scheme]} is not in this version; use tcp://, udp:// or tls://")
    if scheme in PROXY_PORTS:
        raise ScanError(f"resolver {shown(text)}: this is a proxy; name it with --proxy")
    if scheme not in DNS_PORTS:
        raise ScanError(f"resolver {shown(text)}: scheme {shown(scheme)} is not known; use tcp://, udp:// or tls://")
    place, hash_, name = rest.partition("#")
    if name.isdecimal():
        raise ScanError(f"resolver {shown(text)}: a port stands behind a colon: {place}:{name}")
    if hash_ and (scheme != "tls" or not re.fullmatch(r"[A-Za-z0-9._-]+", name)):
        raise ScanError(f"resolver {shown(text)}: after # stands the name in the certificate, with tls:// only")
    address, port = address_and_port(place.removesuffix("/") if separator else place, f"resolver {shown(text)}")
    if is_nobodys(address):
        raise ScanError(f"resolver {shown(text)}: no resolver can have this address")
    check_interface(address, f"resolver {shown(text)}")
    return Resolver(scheme, str(address), DNS_PORTS[scheme] if port is None else port, name or None)


def ip_from_text(text: str) -> IPv4Address | IPv6Address:
    """An IP address; what stands behind % names an interface. One of IPv4 in the form of IPv6 is that of IPv4: it is
    public where that is. Raises ValueError."""
    if "%" in text and not re.fullmatch(r"[A-Za-z0-9._-]+", text.partition("%")[2]):
        raise ValueError
    address = ip_address(text)
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def is_nobodys(address: IPv4Address | IPv6Address) -> bool:
    """True for an address that no machine has as its own."""
    is_odd = str(address) == "255.255.255.255" or (address.version == 4 and address in THIS_NETWORK)
    return address.is_multicast or address.is_unspecified or is_odd


def check_interface(address: IPv4Address | IPv6Address, where: str) -> None:
    """A link-local address of IPv6 is one of an interface (RFC 4007 section 11). Raises ScanError."""
    if isinstance(address, IPv6Address) and address.is_link_local and not address.scope_id:
        raise ScanError(f"{where}: name the interface too, as in {address}%eth0")


def address_and_port(place: str, where: str) -> tuple[IPv4Address | IPv6Address, int | None]:
    """An IP address and its port or None."""
    host, port = host_and_port(place, where)
    try:
        return ip_from_text(host), port
    except ValueError:
        raise ScanError(
            f"{where}: {shown(host)} is not an IP address; write for example 192.0.2.53 or [2001:db8::53]:53"
        ) from None


def is_place(text: str) -> bool:
    """An IP address, with a port or without."""
    try:
        address_and_port(text, "")
    except ScanError:
        return False
    return True


def host_and_port(place: str, where: str) -> tuple[str, int | None]:
    """`host`, `host:port`, `[v6]`, `[v6]:port`, bare v6."""
    bracketed = re.fullmatch(r"\[([^\[\]]*)\](?::(.*))?", place, re.DOTALL)
    if bracketed:
        host, port = bracketed.groups()
    elif place.count(":") > 1:
        host, port = place, None
    else:
        host, colon, port = place.partition(":")
        port = port if colon else None
    return host, None if port is None else port_from_text(port, where)


def port_from_text(text: str, where: str) -> int:
    """1 to 65535, ASCII digits only. Not shown: where a proxy's host was forgotten it is a password."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise ScanError(f"{where}: the port is not a number from 1 to 65535")
    return int(text)


def metrics_from_text(text: str | None, warnings: list[str]) -> tuple[str, int] | None:
    """`9153` (of 127.0.0.1), `localhost:9153`, `[::1]:9153`; for other machines only where an address is given. Raises
    ScanError."""
    if text is None:
        return None
    where = f"--metrics {shown(text)}"
    place = f"127.0.0.1:{text}" if text.isdecimal() else re.sub("^localhost:", "127.0.0.1:", text)
    try:
        address, port = address_and_port(place, where)
    except ScanError:
        raise ScanError(f"{where}: is not [IP:]PORT; write for example 127.0.0.1:9153") from None
    if port is None:
        raise ScanError(f"{where}: the port is missing; write for example 127.0.0.1:9153")
    if not address.is_loopback:
        warnings.append(
            f"{where}: anyone who reaches this address can read the metrics, addresses of proxies among them"
        )
    return str(address), port


def proxy_from_text(text: str, where: str = "proxy") -> Proxy:
    """`socks5://user:pass@host:1080`, `socks5h://`, `http://`; as vendors write it, of SOCKS5 where no scheme stands
    there: `host:port`, `host:port:user:pass`, `user:pass@host:port`, `user:pass:host:port`."""
    scheme, separator, rest = text.strip().partition("://")
    if not separator:
        return short_proxy(text.strip(), where)
    scheme = scheme.lower()
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        raise ScanError(f"{where}: not a proxy URL; write socks5://user:password@host:1080")
    if scheme not in PROXY_PORTS:
        raise ScanError(f"{where}: scheme {shown(scheme)} is not known; use socks5://, socks5h:// or http://")
    if "@" not in rest and (sold := as_sold(rest)):
        return proxy_sold(scheme, sold, where)
    userinfo, at, place = rest.rpartition("@")
    if "/" in userinfo or "/" in place.rstrip("/") or "?" in place or "#" in place:
        raise ScanError(f"{where}: not a proxy URL (in a user or password write / as %2F, ? as %3F, # as %23)")
    user, password = credentials(scheme, userinfo, where) if at else (None, None)
    return proxy_at(scheme, place.rstrip("/"), user, password, where)


def short_proxy(text: str, where: str) -> Proxy:
    """The forms without a scheme, all SOCKS5."""
    if swapped := SWAPPED.fullmatch(text):
        text = f"{swapped['userinfo']}@{swapped['place']}"
    if SOLD.fullmatch(text) and (sold := as_sold(text)):
        return proxy_sold("socks5", sold, where)
    if "@" in text and ":" not in text.rpartition("@")[0]:
        raise ScanError(f"{where}: a proxy with a user is written socks5://user:password@host:port")
    if "@" in text:
        return proxy_from_text(f"socks5://{text}", where)
    if sold := as_sold(text):
        return proxy_sold("socks5", sold, where)
    return proxy_at("socks5", text, None, None, where)


def as_sold(text: str) -> re.Match[str] | None:
    """`host:port:user:pass` or `user:pass:host:port`. Where it may be both, the first is the host, unless it is one
    word and the third has dots."""
    if BARE_ADDRESS_6.fullmatch(text):
        return None
    forwards, backwards = SOLD.fullmatch(text), SOLD_BACKWARDS.fullmatch(text)
    if forwards and backwards:
        dotted = [re.search(r"[.\[]", found["place"]) is not None for found in (forwards, backwards)]
        return backwards if dotted == [False, True] else forwards
    return forwards or backwards


def proxy_sold(scheme: str, sold: re.Match[str], where: str) -> Proxy:
    """User and password stand there as they are, nothing percent-encoded."""
    user, password = checked(scheme, octets_of(sold["user"]), octets_of(sold["password"]), where)
    return proxy_at(scheme, sold["place"], user, password, where)


def proxy_at(scheme: str, place: str, user: str | None, password: str | None, where: str) -> Proxy:
    """Check host and port; an IPv6 address stands in brackets here."""
    if BARE_ADDRESS_6.fullmatch(place) and place.count(":") > 1:
        raise ScanError(f"{where}: write an IPv6 address in brackets: [::1]:1080")
    if place.count(":") > 1 and not place.startswith("["):
        raise ScanError(f"{where}: not a proxy; write host:port:user:password or socks5://user:password@host:port")
    host, port = host_and_port(place, where)
    check_host(host, where)
    return Proxy(scheme, host, PROXY_PORTS[scheme] if port is None else port, user, password)


def check_host(host: str, where: str) -> None:
    """An address that a machine may have, or a name. Raises ScanError."""
    with contextlib.suppress(ValueError):
        address = ip_from_text(host)
        if is_nobodys(address):
            raise ScanError(f"{where}: no proxy can have the address {host}")
        check_interface(address, where)
        return
    if not HOST.fullmatch(host):
        raise ScanError(f"{where}: the host is missing or is no host name; write socks5://host:1080")


def credentials(scheme: str, userinfo: str, where: str) -> tuple[str | None, str | None]:
    """User and password of a URL, percent-decoded."""
    user, _, password = userinfo.partition(":")
    return checked(scheme, unquote_to_bytes(octets_of(user)), unquote_to_bytes(octets_of(password)), where)


def octets_of(text: str) -> bytes:
    """UTF-8; what was none in the command line or the environment is none here either, and is refused later."""
    return text.encode("utf-8", "surrogatepass")


def checked(scheme: str, user: bytes, password: bytes, where: str) -> tuple[str | None, str | None]:
    """What the proxy's protocol has room for; a password may be empty."""
    if not user and not password:
        return None, None
    if scheme == "http":
        check_http_credentials(user, password, where)
    elif not 1 <= len(user) <= CREDENTIAL_MAX or len(password) > CREDENTIAL_MAX:
        raise ScanError(f"{where}: a user has 1 to 255 octets, a password at most 255 (RFC 1929 allows 1-255 bytes)")
    try:
        return user.decode(), password.decode()
    except UnicodeDecodeError:
        raise ScanError(f"{where}: user and password must be UTF-8") from None


def check_http_credentials(user: bytes, password: bytes, where: str) -> None:
    """Basic authentication (RFC 7617): the first colon ends the user, and proxies bound a line of a header."""
    if b":" in user:
        raise ScanError(f"{where}: the user of an HTTP proxy has no colon (RFC 7617)")
    if len(user) + len(password) > HTTP_CREDENTIALS_MAX:
        raise ScanError(f"{where}: user and password of an HTTP proxy have at most {HTTP_CREDENTIALS_MAX} octets")


def fill_environment(text: str, environ: Mapping[str, str], where: str) -> str:
    """Put the variables' values for `${NAME}`. Raises ScanError with the name, never the value."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if not environ.get(name):
            raise ScanError(f"{where}: environment variable {name} is {'empty' if name in environ else 'not set'}")
        return environ[name]

    if "${" in VARIABLE.sub("", text):
        raise ScanError(f"{where}: ${{ begins the name of a variable, of letters, digits and _: write ${{NAME}}")
    return VARIABLE.sub(value, text)


def is_near(host: str) -> bool:
    """True for a proxy on this machine."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def system_resolvers(path: Path = Path("/etc/resolv.conf")) -> tuple[Resolver, ...]:
    """The name servers of resolv.conf(5), over TCP. Raises ScanError when there are none."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        text = ""
    servers = [words[1] for line in text.splitlines() if len(words := line.split()) > 1 and words[0] == "nameserver"]
    found = []
    for server in servers:
        with contextlib.suppress(ScanError):  # what is no address there is passed over, as libc does
            found.append(resolver_from_text(server))
    if not found:
        raise ScanError(f"no resolver given and none in {path}; name one: -r 192.0.2.53")
    return tuple(dict.fromkeys(found))
