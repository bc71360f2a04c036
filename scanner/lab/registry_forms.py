# ruff: noqa: E501, RUF001 -- replies stand here in the lines in which registries write them
"""How the largest registries write their WHOIS replies, in words of our own where a text is long: what is said of a name
that is free, registered or held back, to one who asks too much, and how the day is written on which a registration ends.
docs/reference/registries.md says where each form is published. No I/O.

In a text `{name}` is the name, `{upper}` the same in capitals, `{day}` the day of expiry, `{status}` a status of EPP.
"""

from datetime import date
from typing import NamedTuple

MUCH = "You have exceeded the maximum number of queries. Try again later."
NOTES = """
>>> Last update of WHOIS database: 2026-11-30T05:23:24Z <<<

For more information on Whois status codes, please visit https://icann.org/epp

What is shown here comes from the registry of this zone and may be wrong. You agree to use it for lawful purposes only; all
rights are reserved. The operator reserves the right to restrict your access, to change these terms, and to answer no high
volume of queries. A name that seems to be available may be reserved or already registered by someone else in the meantime,
and some names will not be available for registration at all; the terms of use say which.
"""
SLOWLY = """
>>> Last update of WHOIS database: 2026-11-30T05:25:15.0Z <<<

Access to the Whois and RDAP services is rate limited. For more
information, visit https://registry.invalid/guidance.

Whoever asks for the whole of this database by automated means, or uses what is shown for any purpose that these terms do not
name, acts against them; abuse is watched for, and those who go on with it will be permanently blacklisted by all services.
"""
REGISTRAR = "\nRegistrar: Lab Registrar"
THICK = "Domain Name: {upper}\nRegistry Domain ID: D1-LAB\nUpdated Date: 2009-08-07T06:05:04Z\n" \
        "Creation Date: 2001-02-03T04:05:06Z\nRegistry Expiry Date: {day}T04:05:06Z\nRegistrar: Lab Registrar\n" \
        "Domain Status: {status} https://icann.org/epp#{status}\nName Server: NS1.LAB.TEST"  # fmt: skip
LEGAL_COMMENT = "% The registry's lookup. It is explicitly forbidden to copy the database; by submitting a query you agree\n" \
                "% to its terms of use, and that measures may be taken to limit the use of the service.\n%\n"  # fmt: skip


class Form(NamedTuple):
    """One registry's."""

    free: str
    registered: str
    has_day: bool = True  # of expiry, in what is said of a registration
    reserved: str = "{name} is not available for registration."
    limited: str = MUCH
    statuses: tuple[str, ...] = ()  # of a registration; () = that of EPP


FORMS = {
    "at": Form("% nothing found\n", "domain: {name}\nregistrar: Lab ( https://nic.at/registrar/1 )\nnserver: ns1.lab.test\n"
               "changed: 20230303 09:38:55\nsource: AT-DOM\n\npersonname: Lab\nchanged: 20230309 17:01:08", False,
               limited="% Quota exceeded\n", statuses=("-",)),
    "au": Form("NOT FOUND" + NOTES, "Domain Name: {upper}\nLast Modified: 2019-04-17T19:49:19Z\nStatus: {status} "
               "https://afilias.com.au/get-au/whois-status-codes#{status}\nRegistrar Name: Lab" + NOTES, False,
               "Reserved by the registry" + NOTES, "BLACKLISTED: You have exceeded the query limit for your network."),
    "be": Form(LEGAL_COMMENT + "\nDomain:\t{name}\nStatus:\tAVAILABLE", LEGAL_COMMENT + "\nDomain:\t{name}\n"
               "Status:\tNOT AVAILABLE\nRegistered:\tTue Feb 15 2011\n\nRegistrar:\n\tName:\t Lab\n", False,
               LEGAL_COMMENT + "\nDomain:\t{name}\nStatus:\tNOT ALLOWED", statuses=("NOT AVAILABLE",)),
    "br": Form("\n% Copyright (c) Lab\n%  2026-11-30T02:23:20-03:00 - IP: 192.0.2.1\n\n% No match for {name}\n",
               "\n% Copyright (c) Lab\n\ndomain:      {name}\nowner:       Lab\ncreated:     20010203 #175298\n"
               "expires:     {day:%Y%m%d}\nstatus:      published\n\nnic-hdl-br:  LAB1\ncreated:     19980310",
               limited="% Permission denied. Query rate limit exceeded for 192.0.2.1", statuses=("published",)),
    "ca": Form("Not found: {name}\n\n%\n% The terms of use are at http://registry.invalid/legal-notice/\n%\n", THICK),
    "cc": Form('No match for "{upper}".' + NOTES, THICK + "\nRegistrar Registration Expiration Date: 2001-02-03T04:05:06Z"
               + NOTES, limited="You have exceeded your quota of queries."),
    "ch": Form("The domain name is not registered.", "Domain name:\n{name}\n\nRegistrar:\nLab\n\nDNSSEC:N\n\n"
               "First registration date:\n31 May 1999", False, statuses=("-",),
               limited="Requests of this client are not permitted: too many requests."),
    "cn": Form("No matching record.", "Domain Name: {name}\nROID: 1-cn\nDomain Status: {status}\nRegistrant: Lab\n"
               "Registration Time: 2001-02-03 04:05:06\nExpiration Time: {day} 12:48:36\nDNSSEC: unsigned",
               reserved="the domain you want to register is reserved.", limited="Queried interval is too short."),
    "co": Form("No Data Found" + NOTES, THICK + NOTES, limited="Number of allowed queries exceeded."),
    "cz": Form("%  (c) Lab\n% \n% Timestamp: Wed Feb 27 15:10:05 2013\n\n%ERROR:101: no entries found\n% \n"
               "% No entries found.", "%  (c) Lab\n% \n% Timestamp: Wed Feb 27 15:10:05 2013\n\ndomain:       {name}\n"
               "registrar:    REG-LAB\nstatus:       paid and in zone\nregistered:   31.12.2010 03:39:20\n"
               "expire:       {day:%d.%m.%Y}\n\ncontact:      LAB\nname:         Lab\ncreated:      31.12.2010 03:36:50",
               limited="Your connection limit exceeded. Please slow down and try again later.",
               statuses=("paid and in zone",)),
    "dk": Form("# Hello 192.0.2.1. Your session has been logged.\n#\n# Copyright (c) 2002 - 2026 by Lab\n\n"
               "No entries found for the selected source.", "# Hello 192.0.2.1. Your session has been logged.\n#\n\n"
               "Domain:               {name}\nRegistered:           2001-02-03\nExpires:              {day}\n"
               "Registration period:  1 year\nStatus:               Active\n\nNameservers\nHostname:   ns1.lab.test",
               statuses=("Active",)),
    "eu": Form(LEGAL_COMMENT + "% WHOIS {name}\nDomain: {name}\nScript: LATIN\nStatus: AVAILABLE", LEGAL_COMMENT +
               "% WHOIS {name}\nDomain: {name}\nScript: LATIN\n\nRegistrant:\n        NOT DISCLOSED!\n\nRegistrar:\n"
               "        Name: Lab", False, LEGAL_COMMENT + "Domain: {name}\nStatus: RESERVED",
               "-1: Still in grace period, wait 1588 seconds", ("-",)),
    "fi": Form("\nDomain not found\n\nCopyright (c) Lab\n", "\ndomain.............: {name}\nstatus.............: Registered\n"
               "created............: 30.6.2006 00:00:00\nexpires............: {day.day}.{day.month}.{day.year} 10:15:55\n"
               "available..........: 4.8.2199 10:15:55\nmodified...........: 2.6.2019\nRegistryLock.......: locked\n"
               "\n>>> Last update of WHOIS database: 3.3.2026 21:30:14 (EET) <<<\n\nCopyright (c) Lab\n",
               statuses=("Registered",)),
    "fr": Form("%%\n%% This is a registry's Whois server.\n%%\n%% Rights restricted by copyright.\n%%\n%% [192.0.2.1 REQUEST]"
               " >> {name}\n%%\n%% RL Net [##########] - RL IP [#########.]\n%%\n\n%% NOT FOUND\n\n%%\n",
               "%%\n%% RL Net [##########] - RL IP [#########.]\n%%\n\ndomain:      {name}\nstatus:      ACTIVE\n"
               "eppstatus:   {status}\nhold:        NO\nregistrar:   Lab\nExpiry Date: {day}T17:16:48Z\n"
               "created:     2000-07-26T22:00:00Z\nsource:      LAB\n\nregistrar:   Lab\nregistered:  2002-01-10T12:00:00Z",
               limited="%% Quota exceeded for your IP", statuses=("ACTIVE", "")),
    "in": Form("Domain not found." + NOTES, THICK + NOTES, reserved="Reserved by Registry" + NOTES,
               limited="WHOIS LIMIT EXCEEDED - SEE WWW.REGISTRY.INVALID/WHOIS FOR DETAILS"),
    "info": Form("NOT FOUND" + NOTES, THICK + NOTES, reserved="Reserved by Registry" + NOTES,
                 limited="WHOIS LIMIT EXCEEDED - SEE WWW.REGISTRY.INVALID/WHOIS FOR DETAILS"),
    "io": Form("Domain not found." + NOTES, THICK + NOTES, reserved="Reserved by Registry" + NOTES,
               limited="Error: Ratelimit Exceeded"),
    "ir": Form("% This is the Whois server v1.6.2.\n% \n% NOTE: This output has been filtered.\n\n% Information related to "
               "'{name}'\n\n\n%ERROR:101: no entries found\n% \n% No entries found in the selected source(s).\n",
               "% NOTE: This output has been filtered.\n\ndomain:\t\t{name}\nascii:\t\t{name}\nremarks:\t(Domain Holder) Lab\n"
               "last-updated:\t2019-11-07\nexpire-date:\t{day}\nsource:\t\tLAB # Filtered\n\nnic-hdl:\tlab-irnic\n",
               statuses=("-",)),
    "it": Form("Domain:             {name}\nStatus:             AVAILABLE", "*****************************\n"
               "* Please note that the following result could be a subgroup *\n*****************************\n\n"
               "Domain:             {name}\nStatus:             ok / {status}\nSigned:             no\n"
               "Created:            2001-02-03 00:00:00\nLast Update:        2009-08-07 01:04:50\nExpire Date:        {day}\n\n"
               "Registrant\n  Organization:     Lab\n  Created:          2018-03-02 19:04:02", statuses=("ok", ""),
               reserved="Domain:             {name}\nStatus:             UNASSIGNABLE",
               limited="Your IP address has exceeded the daily limit."),
    "jp": Form("[ The registry's database provides information on networks. Its use is       ]\n[ restricted to that.    "
               "                                                   ]\n\nNo match!!\n",
               "[ Its use is restricted to network administration purposes. ]\n\nDomain Information:\n"
               "[Domain Name]                   {upper}\n\n[Registrant]                    Lab\n\n"
               "[Created on]                    2005/05/30\n[Expires on]                    {day:%Y/%m/%d}\n"
               "[Status]                        Active\n[Last Updated]                  2017/06/01 01:05:09 (JST)\n",
               limited="Cannot process your search request.", statuses=("Active",)),
    "kr": Form("query : {name}\n\n\n# KOREAN(UTF8)\n\n상기 도메인이름은 등록되어 있지 않습니다.\n\n\n# ENGLISH\n\n"
               "The requested domain was not found in the Registry or Registrar’s WHOIS Server.\n",
               "query : {name}\n\n\n# KOREAN(UTF8)\n\n도메인이름                  : {name}\n등록인                      : Lab\n\n\n"
               "# ENGLISH\n\nDomain Name                 : {name}\nRegistrant                  : Lab\n"
               "Registered Date             : 2012. 05. 19.\nLast Updated Date           : 2017. 10. 17.\n"
               "Expiration Date             : {day:%Y. %m. %d}.\nPublishes                   : Y\n"
               "Domain Status               : {status}\n"),
    "nl": Form("{name} is free", "Domain name: {name}\nStatus:      active\n\nRegistrar:\n   Lab\n\nDNSSEC:      no\n\n"
               "Creation Date: 2001-02-03\n\nRecord maintained by: Lab\n\nCopyright notice\nNo part may be reproduced, or "
               "reserved for others, without permission of the registry.", False,
               "{name} is excluded from registration", "daily whois-limit exceeded for client 192.0.2.1", ("active",)),
    "no": Form("% By looking up information in the domain registration directory\n% service, you confirm that you accept the "
               "terms and conditions of it:\n% https://registry.invalid/terms/\n\n% No match\n", "% By looking up you accept "
               "the terms and conditions.\n\nDomain Information\n\nNORID Handle...............: LAB1D-NORID\n"
               "Domain Name................: {name}\nRegistrar Handle...........: REG1-NORID\n\nAdditional information:\n"
               "Created:         1999-11-15\nLast updated:    2026-11-15", False, statuses=("-",)),
    "pl": Form("\nNo information available about domain name {name} in the Registry database.\n\n\n\n\nWHOIS database "
               "responses: https://registry.invalid/en/whois\n\nWHOIS displays data with a delay not exceeding 15 minutes",
               "\nDOMAIN NAME:           {name}\nregistrant type:       organization\n"
               "created:               2002.09.19 13:00:00\nlast modified:         2021.08.17 11:43:34\n"
               "renewal date:          {day:%Y.%m.%d} 14:00:00\n\noption created:        2020.10.14 09:30:46\n"
               "option expiration date:       2023.10.14 09:30:46\n\ndnssec:                Unsigned\n"
               "WHOIS displays data with a delay not exceeding 15 minutes",
               limited="request limit exceeded for 192.0.2.1", statuses=("-",)),
    "ru": Form("% By submitting a query you agree to abide by the terms of use\n\nNo entries found for the selected "
               "source(s).\n\nLast updated on 2026-11-30T05:21:32Z\n", "% By submitting a query you agree to abide by the "
               "terms of use\n\ndomain:        {upper}\nnserver:       ns1.lab.test.\nstate:         REGISTERED, DELEGATED, "
               "UNVERIFIED\nregistrar:     LAB-RU\ncreated:       2001-11-19T21:00:00Z\npaid-till:     {day}T21:00:00Z\n"
               "free-date:     2199-12-22\nsource:        LAB\n\nLast updated on 2026-11-30T03:01:33Z",
               limited="You have exceeded allowed connection rate", statuses=("REGISTERED", "DELEGATED", "UNVERIFIED")),
    "se": Form("# Copyright (c) 1997- Lab.\n# All rights reserved.\n# Any use of this material to target advertising is "
               "forbidden.\n# Result of search for registered domain names.\n#\ndomain \"{name}\" not found.",
               "# All rights reserved.\n#\nstate:            active\ndomain:           {name}\nholder:           lab0001\n"
               "created:          2008-10-20\nexpires:          {day}\ntransferred:      2009-03-06\n"
               "status:           {status}\nregistrar:        Lab", statuses=("active", "")),
    "shop": Form("The queried object does not exist: DOMAIN NOT FOUND" + SLOWLY, THICK + SLOWLY,
                 reserved="The queried object does not exist: This name is reserved by the Registry" + SLOWLY),
    "top": Form("The queried object does not exist: {name}" + NOTES, THICK + NOTES,
                limited="Your access is too fast,please try again later."),
    "tw": Form("No Found", "Domain Name: {name}\n   Domain Status: {status}\n   Registrant:\n      Lab\n\n"
               "   Record expires on {day} 23:59:59 (UTC+8)\n   Record created on 2005-10-27 (YYYY-MM-DD)\n\n"
               "Registration Service Provider: LAB"),
    "uk": Form("\n    No match for \"{name}\".\n\n    This domain name has not been registered.\n\n    WHOIS lookup made at "
               "06:24:59 30-Nov-2026\n\n-- \nThis is what the registry shows for free, copyright Lab 1996 - 2026.\n\n"
               "You may not access it except as permitted by the terms of use available in full at\n"
               "https://registry.invalid/terms, which includes restrictions on: (A) use for advertising, or its reuse\n"
               "(B) obscuring, removing or hiding this notice and (C) exceeding query rate or volume\n"
               "limits. Access may be withdrawn or restricted at any time.",
               "\n    Domain name:\n        {name}\n\n    Registrar:\n        Lab [Tag = LAB]\n\n    Relevant dates:\n"
               "        Registered on: before Aug-1996\n        Expiry date:  {day:%d-%b-%Y}\n"
               "        Last updated:  23-Mar-2012\n\n    Registration status:\n        Registered until expiry date.\n\n"
               "    Name servers:\n        ns1.lab.test      192.0.2.1\n\n    WHOIS lookup made at 13:36:21 30-Nov-2026\n",
               reserved="\n    Error for \"{name}\".\n\n    This domain cannot be registered because it contravenes the "
               "naming rules.\n\n    WHOIS lookup made at 06:24:59 30-Nov-2026\n",
               limited="\n    Error for \"{name}\".\n\n    the WHOIS query quota for 192.0.2.1 has been exceeded\n    and will "
               "be replenished in 8 seconds\n", statuses=("Registered until expiry date.",)),
    "us": Form("No Data Found" + NOTES, THICK + NOTES),
    "xyz": Form("The queried object does not exist: DOMAIN NOT FOUND" + SLOWLY, THICK + SLOWLY,
                reserved="The queried object does not exist: This name is reserved by the Registry" + SLOWLY,
                limited="Query rate limit exceeded. Reduced information."),
}  # fmt: skip


def filled(text: str, name: str, day: date | None = None, status: str = "") -> list[str]:
    """The lines of a form's text about a name."""
    return text.format(name=name, upper=name.upper(), day=day or date.min, status=status).split("\n")


def statuses_of(tld: str, status: str) -> list[str]:
    """What a client is to find of a registration: `status` is that of EPP."""
    shown = FORMS[tld].statuses or ("",)
    return [] if shown == ("-",) else [each or status for each in shown]
