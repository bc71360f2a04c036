"""The values that all rooms know: where to ask, through what, and what may become of a name."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import quote

VERDICTS = ("taken", "nxdomain", "error")
"""Key `s`. Index = native code."""
PARTS_OF_TAKEN = ("own", "wildcard")
"""Among verdicts to write: `taken` without the names that only a wildcard answers for, and these."""

REASONS = (
    "", "servfail", "refused", "formerr", "notimp", "rcode", "timeout", "connection", "proxy", "tls",
    "badresp", "badname", "cname_nx", "nodata", "special", "truncated",
    "referral", "filtered", "wildcard", "disputed",
)  # fmt: skip
"""The closed list behind key `e`; `rcode` is written with its number (`rcode9`). Index = native code."""

REGISTRATIONS = ("free", "registered", "reserved", "unknown")
"""Key `c` of a confirmed line: what the registry says."""

FORMATS = ("compact", "names", "massdns", "zdns")
"""Forms of an output line; the last two are those of the programs that they are named after."""

FIELDS = (
    "n", "why", "t", "a", "ttl", "cn", "ans", "auth", "add", "soa", "sec", "fl", "ede", "nsid", "raw",
    "ns", "p", "ts", "us", "m",
)  # fmt: skip
"""Keys of a compact line on request (`--fields`), in the order in which they are written."""

COLUMNS = ("name", "type", "resolver", "meta", "-")
"""What a column of the input may be; `-` is ignored."""

FLAGS = {"rd": 0x0100, "ad": 0x0020, "cd": 0x0010, "do": 0}
"""Flags that a query may set: the header's bits; `do` stands in OPT (RFC 3225)."""

CLASSES = {"IN": 1, "CH": 3, "HS": 4}
"""Classes that may be asked (RFC 6895 section 3.2)."""

RCODES = {
    "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5, "YXDOMAIN": 6, "YXRRSET": 7, "NXRRSET": 8,
    "NOTAUTH": 9, "NOTZONE": 10,
}  # fmt: skip
"""Response codes by their names (RFC 6895 section 2.3), without NOERROR; others are `rcode11`."""

POLICIES = ("random", "round-robin", "sticky", "sequential", "best")
"""How the next of several resolvers is chosen (docs/how-to/pool.md). Index = native code."""


@dataclass(frozen=True, slots=True)
class Resolver:
    """One resolver: `scheme` is tcp, tls or udp; `address` an IP literal without brackets."""

    scheme: str
    address: str
    port: int
    server_name: str | None = None  # tls: the name that the certificate must carry
    is_public: bool = field(init=False, repr=False, compare=False)  # neither loopback, private nor link-local

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_public", ip_address(self.address.partition("%")[0]).is_global)

    def __str__(self) -> str:
        name = f"#{self.server_name}" if self.server_name else ""
        return f"{self.scheme}://{place_text(self.address, self.port)}{name}"


@dataclass(frozen=True, slots=True)
class Route:
    """Whom the names below some suffixes are asked of."""

    resolvers: tuple[int, ...]  # indexes in the configuration
    authoritative: bool = False  # each knows a zone itself: RD is clear, and only its own word counts
    nowhere: str = ""  # the reason of its names where it has no resolvers
    trusted: bool = False  # no suffix leads here: they are asked about what others say does not exist


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy: `scheme` is socks5, socks5h or http (CONNECT). Its password is in no text form of it."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self._url("***")

    @property
    def url(self) -> str:
        """Its whole text, password included: for another process of the same scan, never for people."""
        return self._url(quote(self.password or "", safe=""))

    def _url(self, password: str) -> str:
        user = f"{quote(self.user, safe='')}:{password}@" if self.user is not None else ""
        return f"{self.scheme}://{user}{place_text(self.host, self.port)}"


def place_text(host: str, port: int) -> str:
    """`127.0.0.1:53`, `[::1]:53`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
