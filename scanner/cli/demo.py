"""The report's own demo: names with every trouble, scanned in a lab of its own by the library, as result lines."""

from collections.abc import AsyncIterator, Iterator

from scanner.lab.run import up
from scanner.library import scan

NAMES = 6000
TLDS = ("com", "net", "org", "dev", "test")
TROUBLES = ("servfail", "refused", "nodata", "cname-nx", "rcode-9", "formerr")
CONFIG = {"workers": 8, "timeout_ms": 300, "fields": ["n", "why", "ns", "p", "ts"]}
DELAY_MS = (4, 60)  # of each answer
NX, LOSS = 0.3, 0.02  # shares


async def lines() -> AsyncIterator[bytes]:
    """One line for each name, in the order in which they come."""
    async with up(proxies=4, addresses=1, nx=NX, loss=LOSS, delay_ms=DELAY_MS, port=0, proxy_port=0, user=None,
                  password=None, registries=False, registry_log=None) as config:  # fmt: skip
        async for result in scan(names(), {**config, **CONFIG}):
            yield result.to_line()


def names() -> Iterator[str]:
    """Names of several TLDs; one in thirty asks for trouble, and one in five hundred is none."""
    for number in range(NAMES):
        if number % 500 == 7:
            yield f"name..{number}"
        elif number % 30 == 3:
            yield f"{TROUBLES[number // 30 % len(TROUBLES)]}.n{number}.lab.test"
        else:
            yield f"n{number}.{TLDS[number % len(TLDS)]}"
