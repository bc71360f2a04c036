"""Which registry a domain is asked of, and what is paced as one. It reads tables; it asks nobody."""

from scanner.registration.answer import UNKNOWN, Answer
from scanner.registration.bootstrap import WhoisServer, host_of
from scanner.registration.settings import Settings

DNS = "dns:"  # the queue of domains without a known registry, for which only the DNS can be asked
NO_REGISTRY = Answer(UNKNOWN, "", "no_rdap")


class Directory:
    """The registries of these settings."""

    def __init__(self, settings: Settings):
        self._bootstrap, self._whois = settings.bootstrap, settings.whois
        self._has_dns = settings.recheck is not None

    def host_of(self, domain: str) -> str:
        """What is paced as one: the first RDAP server, the WHOIS server, else the DNS; "" when there is none to ask."""
        if bases := self._bootstrap.find(domain):
            return f"https://{host_of(bases[0])}"
        if server := self.whois_of(domain):
            return f"whois://{server.host}:{server.port}"
        return DNS if self._has_dns else ""

    def whois_of(self, domain: str) -> WhoisServer | None:
        """The server of the longest suffix."""
        _, _, suffix = domain.partition(".")
        while suffix and suffix not in self._whois:
            _, _, suffix = suffix.partition(".")
        return self._whois.get(suffix)
