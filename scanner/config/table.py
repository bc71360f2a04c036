"""A checked configuration as the table of a file, for another process: nothing in it is looked up elsewhere."""

from typing import Any

from scanner.config.config import Config, servers_of
from scanner.config.kinds import Number, PortRange
from scanner.config.options import KEYS, OPTIONS
from scanner.config.values import Values

WRITTEN_OUT = (
    "resolver", "resolvers", "resolver_file", "trusted_resolver", "trusted_resolvers", "routes",
    "proxies", "proxy_file",
)  # fmt: skip
"""Keys whose files and ${NAME} are of this machine."""


def table_of(values: Values, config: Config) -> dict[str, Any]:
    """What was given, and every resolver and proxy in full: passwords stand in it. The defaults stay out, so that a
    machine uses its own."""
    table = {key: as_written(key, values.value(key)) for key in KEYS if values.is_given(key) and key not in WRITTEN_OUT}
    table |= {key: given for key, given in servers_of(config).items() if given}
    if config.proxies:
        table["proxies"] = [proxy.url for proxy in config.proxies]
    return {key: value for key, value in table.items() if value is not None}


def as_written(key: str, value: Any) -> Any:
    """A checked value as it stands in a file."""
    kind = OPTIONS[key].kind
    if isinstance(kind, PortRange) and value:
        return "{}-{}".format(*value)
    if isinstance(kind, Number) and kind.word and value == 0:
        return kind.word
    return list(value) if isinstance(value, tuple) else value
