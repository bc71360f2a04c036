#!/usr/bin/env python3
"""Write the shipped word lists anew: `python scripts/make_wordlists.py`. The same lists come out every time.

Every word below was written down by hand for this project. No list of anybody else's was read.
"""

from itertools import product
from pathlib import Path

HERE = Path(__file__).parent.parent / "wordlists"
ZONE = "lab.test"  # the lab's own zone: nobody outside is ever asked
DEMO_COUNT = 2000

FIRST = """amber apple arrow autumn birch blue bold brass bread bright candle cedar chalk clay clear cloud cobalt
copper coral cotton crisp dawn deep delta early ember fern field flint fog forest frost gentle glass golden grain
granite green harbor hazel hill honey indigo iron ivory jade juniper lake lemon linen little maple marble meadow
mint misty moss narrow noble north oak ocean olive open orange paper pearl pepper pine plain quartz quick quiet rain
red reed river rose rust salt sand scarlet silent silver slate small snow soft south spring stone summer sunny tall
thistle timber velvet violet warm west white wide wild willow winter yellow""".split()

SECOND = """anchor atlas bakery barn basket bay beacon bell bench bicycle boat book bridge brook camp canal castle
cellar chapel chart circle clock coach compass corner cottage court cove crane creek desk dock door drum farm ferry
fiddle forge fountain garage garden gate guild hall hammer hive house inn island kettle key kitchen ladder lamp
lantern lens library lodge loft loom market mill mirror mountain museum needle nest orchard oven parcel path pencil
pier pilot plaza pond press quarry raft rail ridge road roof room saddle sail school shed ship shop signal spoon
stable station store street studio table tower trail train valley village wagon watch well wharf wheel window wing
workshop yard""".split()

TROUBLE = """nxdomain servfail refused nodata delay-30 drop close reset wrongid late""".split()
IDNA = ["münchen", "faß", "blåbær", "żółw", "приклад", "例え"]

HOSTS = """www mail smtp imap pop mx mx1 mx2 ns ns1 ns2 ns3 dns dns1 dns2 ftp sftp ssh vpn gw gateway router
proxy cache cdn static assets img images media video files download downloads upload api api1 api2 app apps web web1
web2 www1 www2 mobile m admin panel portal login auth sso id accounts my secure shop store cart pay billing blog
news forum wiki docs help support status monitor metrics logs grafana git svn ci build dev test stage staging beta
demo sandbox lab old new backup archive db sql mysql postgres redis ldap ad dc dc1 dc2 exchange webmail autodiscover
autoconfig calendar chat meet conference voip sip pbx print intranet extranet office remote rdp citrix crm erp hr
search maps data stats analytics track ads partner partners clients customer customers edge node1 node2 host host1
host2 server server1 server2 srv srv1 srv2 cloud s3 storage nas ntp time syslog relay out in _dmarc
_domainkey""".split()


def demo() -> list[str]:
    """Plain names, a few that ask for trouble, and some in other scripts."""
    pairs = [f"{first}-{second}.{ZONE}" for first, second in product(FIRST, SECOND)]
    trouble = [f"{label}.{word}.{ZONE}" for label in TROUBLE for word in FIRST[:2]]
    foreign = [f"{word}.{ZONE}" for word in IDNA]
    plain = DEMO_COUNT - len(trouble) - len(foreign)
    step = len(pairs) / plain
    names = [pairs[int(number * step)] for number in range(plain)]
    for number, name in enumerate([*trouble, *foreign]):
        names.insert(40 + number * 60, name)
    return names


def write(file: str, heading: str, lines: list[str]) -> None:
    assert len(set(lines)) == len(lines), f"{file}: a line stands twice"
    (HERE / file).write_text("\n".join([f"# {heading}", *lines]) + "\n", encoding="utf-8")


def main() -> None:
    write("demo.txt", "Made by scripts/make_wordlists.py. Names for the lab (`make demo`).", demo())
    write("hosts.txt", "Made by scripts/make_wordlists.py. Labels that hosts often have.", sorted(set(HOSTS)))


if __name__ == "__main__":
    main()
