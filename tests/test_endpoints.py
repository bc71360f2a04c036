"""Lists of proxies and resolvers, good and bad (BAD-INPUT rows 57 to 77; the number of a row stands beside each test).

Rows that are tested with their peers: 66 to 70 in part in test_socks_peers, 78 and 79 in test_dns_peers.
"""

import contextlib
import json
import resource
import ssl
import time
from pathlib import Path

import pytest
import trustme
from command import QUICK, SECRET, refusal, scan
from dns_peer import DnsPeer, Talk, good

from scanner.config.endpoints import fill_environment, proxy_from_text, resolver_from_text, system_resolvers
from scanner.config.file import lines_of, read_file
from scanner.errors import ScanError
from scanner.model import Proxy, Resolver
from scanner.text import hidden, shown

RESOLVER = "192.0.2.53"
DEAD = 10_000


def listed(path: Path, text: str | bytes) -> Path:
    """A proxy file that only its owner reads."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o600)
    return path


def resolved(*args: object, **environ: str | None) -> dict:
    """What --dry-run says of a good command line."""
    done = scan("--dry-run", *args, **environ)
    assert done.code == 0, done.err
    assert SECRET not in done.out.decode() + done.err
    return json.loads(done.out)


def proxies_of(*urls: str) -> list[str]:
    return resolved("-r", RESOLVER, *(word for url in urls for word in ("--proxy", url)))["proxies"]


# -- proxies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("line", "url"), [
    ("203.0.113.7:1080:user:pass # US-1", "socks5://user:***@203.0.113.7:1080"),
    ("user:pass@203.0.113.7:1080\t# US", "socks5://user:***@203.0.113.7:1080"),
    ("user:pass@proxy.example:1080", "socks5://user:***@proxy.example:1080"),
    ("203.0.113.7:1080:user:pa#ss", "socks5://user:***@203.0.113.7:1080"),
    ("SOCKS5://203.0.113.7:1080", "socks5://203.0.113.7:1080"),
    ("Http://203.0.113.7:3128  # squid", "http://203.0.113.7:3128"),
    ("user:pass:203.0.113.7:1080", "socks5://user:***@203.0.113.7:1080"),
    ("203.0.113.7:1080@user:12345", "socks5://user:***@203.0.113.7:1080"),
    ("[2001:db8::7]:1080@user:pa:ss", "socks5://user:***@[2001:db8::7]:1080"),
    ("203.0.113.7:1080@proxy.example:9", "socks5://203.0.113.7:***@proxy.example:9"),
    ("HTTP://203.0.113.7:3128:user:pass # US", "http://user:***@203.0.113.7:3128"),
    ("[2001:db8::7]:1080:user:pass", "socks5://user:***@[2001:db8::7]:1080"),
])  # fmt: skip
def test_proxies_are_read_as_vendors_write_them(tmp_path, line, url):
    assert resolved("-r", RESOLVER, "--proxy-file", listed(tmp_path / "bought.txt", f"{line}\n"))["proxies"] == [url]


def test_a_comment_is_no_part_of_a_password_and_a_number_sign_in_one_is(tmp_path):
    assert proxy_from_text("user:pass@203.0.113.7:1080") == Proxy("socks5", "203.0.113.7", 1080, "user", "pass")
    path = listed(tmp_path / "bought.txt", "203.0.113.7:1080:user:pa#ss # US-1\n")
    (found,) = [proxy_from_text(line) for line, _ in lines_of(read_file(path))]
    assert found.password == "pa#ss"


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n# comments\n", "\ufeff\r\n"])
def test_a_proxy_file_without_a_proxy_is_refused(tmp_path, text):  # 57
    path = listed(tmp_path / "none.txt", text)

    refusal(scan("-r", RESOLVER, "--proxy-file", path), f"no proxies in {path}")


def test_an_empty_list_of_proxies_is_refused(tmp_path):  # 57: it might mean "direct", and nobody should learn so later
    path = listed(tmp_path / "cfg.json", '{"resolver": "192.0.2.53",\n "proxies": []}')

    refusal(scan("--config", path), "cfg.json: line 2", "empty", "leave the key out")


@pytest.mark.parametrize(
    ("text", "user", "password"),
    [
        ("socks5://user:p@ss@host:1080", "user", "p@ss"),  # 58
        ("socks5://u:p%40ss@host:1080", "u", "p@ss"),  # 59
        ("socks5://u:pa%2Fss@host:1080", "u", "pa/ss"),  # 60, as it says
        ("socks5://u:a:b@host:1080", "u", "a:b"),
        ("host:1080:user:pa:ss", "user", "pa:ss"),  # 61
        ("socks5://\u00fc:\u00e4@host:1080", "\u00fc", "\u00e4"),  # 63
        ("socks5://user@host:1080", "user", ""),
        ("socks5://user:@host:1080", "user", ""),
        ("host:1080:user:", "user", ""),
        (f"socks5://{'u' * 255}:{'p' * 255}@host:1080", "u" * 255, "p" * 255),
    ],
)
def test_user_and_password_are_taken_from_a_proxy(text, user, password):
    assert proxy_from_text(text) == Proxy("socks5", "host", 1080, user, password)


@pytest.mark.parametrize("url", [f"socks5://user:p@{SECRET}@host:1080", f"host:1080:user:{SECRET}"])  # 58, 61
def test_a_proxy_is_shown_without_its_password(url):
    assert proxies_of(url) == ["socks5://user:***@host:1080"]


def test_a_user_with_control_characters_is_shown_encoded():
    assert proxies_of("socks5://a%0a%1b[31m:p@host:1080") == ["socks5://a%0A%1B%5B31m:***@host:1080"]


@pytest.mark.parametrize("userinfo", [f"u:{SECRET}/x", f"u:x/{SECRET}", f"{SECRET}/x:p", f"u:{SECRET}#x/"])
def test_a_slash_in_a_password_is_refused_and_not_shown(tmp_path, userinfo):  # 60
    path = listed(tmp_path / "p.txt", "# one\n\nsocks5://fine:1080\n" + f"socks5://{userinfo}@h:1080\n")

    refusal(scan("-r", RESOLVER, "--proxy-file", path), "p.txt: line 4: not a proxy URL", "/ as %2F")


@pytest.mark.parametrize(
    "url",
    [
        f"socks5://user:{SECRET}",
        f"socks5://user:x@h:{SECRET}",
        f"{SECRET}@h:1080",
        f"u:{SECRET}@h:x",
        f"u:{SECRET}@h://x",
        f"socks5:/u:{SECRET}@h",
        f"socks4://u:{SECRET}@h",
        f"u:{SECRET}:h:0",
        f"h:1080:{SECRET}",
        f"h:x:u:{SECRET}",
        f"socks5://u:{SECRET}@",
        f"socks5://u:{SECRET}@h?x",
        f"socks5://u:{SECRET}\udcff@h",
    ],
)
def test_no_message_about_a_proxy_shows_its_password(url):  # 58 to 64
    refusal(scan("-r", RESOLVER, "--proxy", url), "--proxy: ")


@pytest.mark.parametrize(
    "args",
    [
        (f"socks5://user:{SECRET}@host:1080",),
        ("-r", f"socks5://user:{SECRET}@host:1080"),
        ("-r", f"socks5://user:{'x' * 60}{SECRET}@host:1080"),
        ("--config", f"socks5://user:{SECRET}@host:1080"),
        ("--proxy-file", f"socks5://user:{SECRET}@host:1080"),
        ("--output", f"socks5://user:{SECRET}@host:1080"),
        ("-t", f"socks5://user:{SECRET}@host:1080"),
        (f"--prox=socks5://user:{SECRET}@host:1080",),
        ("-r", f"host:1080:user:{SECRET}"),
        ("--proxy-file", f"203.0.113.7:1080:user:{SECRET}"),
        ("--bind", f"user:{SECRET}@host:1080"),
        ("--progress", f"user:{SECRET}@host:1080"),
        (f"host:1080:user:{SECRET}",),
    ],
)
def test_a_proxy_in_the_wrong_place_does_not_show_its_password(args):
    refusal(scan("-r", RESOLVER, *args))


def test_a_list_of_proxies_in_the_wrong_place_shows_no_password(tmp_path):
    path = listed(tmp_path / "bought.txt", f"203.0.113.7:1080:user:{SECRET}\n")

    refusal(scan("-r", path), "bought.txt: line 1: ", "203.0.113.7:***", "is not an IP address")
    assert SECRET not in scan("-r", RESOLVER, path).err  # as names, of which the first is shown


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("h:1080", Proxy("socks5", "h", 1080)),  # 61
        ("h", Proxy("socks5", "h", 1080)),
        ("1.2.3.4:1081:user:pass", Proxy("socks5", "1.2.3.4", 1081, "user", "pass")),  # 61
        ("socks5://h", Proxy("socks5", "h", 1080)),  # 62: the default port
        ("http://h", Proxy("http", "h", 8080)),
        ("socks5://h:65535/", Proxy("socks5", "h", 65535)),
        ("socks5h://u:p@h:1", Proxy("socks5h", "h", 1, "u", "p")),  # 64
        ("socks5://@h", Proxy("socks5", "h", 1080)),
        ("socks5://[::1]:1080", Proxy("socks5", "::1", 1080)),  # 65
        ("[::1]:1080", Proxy("socks5", "::1", 1080)),
        ("u:p:h:1080", Proxy("socks5", "h", 1080, "u", "p")),
        ("u:p:x:h:1080", Proxy("socks5", "h", 1080, "u", "p:x")),
        ("u:p:[::1]:1080", Proxy("socks5", "::1", 1080, "u", "p")),
        ("[::1]:1080:u:p:x", Proxy("socks5", "::1", 1080, "u", "p:x")),
        ("u:1:h.example:1080", Proxy("socks5", "h.example", 1080, "u", "1")),  # both may be a port
        ("h.example:1080:u:1", Proxy("socks5", "h.example", 1080, "u", "1")),
        ("1.2.3.4:1080:u.v:1", Proxy("socks5", "1.2.3.4", 1080, "u.v", "1")),
        ("h:1080:u:1", Proxy("socks5", "h", 1080, "u", "1")),
        ("1.2.3.4:1080:ab:12", Proxy("socks5", "1.2.3.4", 1080, "ab", "12")),
        ("h:1080:u:p@x", Proxy("socks5", "h", 1080, "u", "p@x")),
        ("h:1080:u:p%40", Proxy("socks5", "h", 1080, "u", "p%40")),
        ("http://u:p:h:8080", Proxy("http", "h", 8080, "u", "p")),
        ("socks5h://h:1080:u:", Proxy("socks5h", "h", 1080, "u", "")),
        ("socks5://[fe80::1%eth0]", Proxy("socks5", "fe80::1%eth0", 1080)),  # 65
    ],
)
def test_forms_of_a_proxy(text, proxy):
    assert proxy_from_text(text) == proxy


@pytest.mark.parametrize("port", ["0", "65536", "-1", "", "+1", "1_080", "\u0661", " 1080", "99999999999"])
def test_a_port_is_a_number_from_1_to_65535(port):  # 62
    refusal(scan("-r", RESOLVER, "--proxy", f"socks5://h:{port}"), "--proxy: ", "port", "1 to 65535")
    refusal(scan("-r", f"192.0.2.53:{port}"), "--resolver: ", shown(f"192.0.2.53:{port}"), "1 to 65535")


@pytest.mark.parametrize(
    "userinfo", ["u:" + "p" * 256, "u" * 256 + ":p", "u" * 256, ":p", "\u00fc" * 128 + ":p", "u:" + "%41" * 256]
)
def test_user_and_password_have_1_to_255_octets(userinfo):  # 63
    refusal(scan("-r", RESOLVER, "--proxy", f"socks5://{userinfo}@h:1080"), "--proxy: ", "RFC 1929 allows 1-255 bytes")


@pytest.mark.parametrize("userinfo", ["u:%ff", "%ff:p", "u:\udcff"])
def test_a_password_that_is_not_utf8_is_refused(userinfo):  # 63
    refusal(scan("-r", RESOLVER, "--proxy", f"socks5://{userinfo}@h:1080"), "--proxy: ", "must be UTF-8")


@pytest.mark.parametrize("scheme", ["socks4", "socks4a", "https", "ftp", ""])
def test_a_scheme_that_is_no_proxys_is_refused(scheme):  # 64; http:// is CONNECT (CONTRACT section 2)
    refusal(scan("-r", RESOLVER, "--proxy", f"{scheme}://h:1080"), "--proxy: ", scheme, "socks5://")


@pytest.mark.parametrize("url", ["socks5://::1:1080", "::1:1080", "fe80::1%eth0", "socks5://::1"])
def test_an_ipv6_address_without_brackets_is_refused(url):  # 65
    refusal(scan("-r", RESOLVER, "--proxy", url), "--proxy: ", "[::1]:1080")


@pytest.mark.parametrize(
    "url", ["", "socks5://", "socks5://[]:1080", "socks5://[::1]x:1", "socks5://a b:1", "\x1b[31m"]
)
def test_a_proxy_needs_a_host(url):
    refusal(scan("-r", RESOLVER, "--proxy", url), "--proxy: ", "host")


@pytest.mark.parametrize("host", [
    "1.1", "10.0.1", "010.0.0.1", "0x7f.1", "1.0x7f", "2130706433", "256.1.1.1", "1080", "10.1.",
])  # fmt: skip
def test_what_only_a_c_library_takes_for_an_address_is_no_host(host):
    with pytest.raises(ScanError, match="is no host name"):
        proxy_from_text(f"socks5://u:p@{host}:1080")


@pytest.mark.parametrize("host", ["0.0.0.0", "0.1.2.3", "255.255.255.255", "224.0.0.1", "[::]", "[ff02::1]",
                                  "[::ffff:0.0.0.0]"])  # fmt: skip
def test_an_address_that_no_proxy_can_have_is_refused(host):
    with pytest.raises(ScanError, match="no proxy can have the address"):
        proxy_from_text(f"{host}:1080")


def test_proxies_whose_names_do_not_resolve_are_exit_code_3_and_each_name_has_its_line():  # 66
    done = scan("-r", "127.0.0.1", "--proxy", "socks5://no-such-host.invalid", *QUICK, names="a.example\nb.example\n")

    assert done.code == 3, done.err
    assert sorted((row["d"], row["s"], row["e"]) for row in done.rows) == [
        ("a.example", "error", "proxy"),
        ("b.example", "error", "proxy"),
    ]


def test_proxies_that_stand_twice_are_used_once_with_a_warning(tmp_path):  # 67
    path = listed(tmp_path / "p.txt", "socks5://a:1080\nsocks5://b\n a \nb:1080\n")

    done = scan("-r", "8.8.8.8", "--proxy-file", path, "--dry-run")

    assert json.loads(done.out)["proxies"] == ["socks5://a:1080", "socks5://b:1080"]
    assert done.err == "dnsscan: 2 proxies stand twice and are used once\n"


def test_one_good_proxy_among_10_000_dead_ones_starts_soon_and_carries_every_name(microsocks, tmp_path):  # 68
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < DEAD + 100:
        pytest.skip("a connection for each proxy needs more open files than are allowed here")
    dead = "".join(f"socks5://127.1.{number // 250}.{number % 250 + 1}:9\n" for number in range(DEAD))
    path = listed(tmp_path / "p.txt", dead + f"socks5://127.0.0.1:{microsocks.port}\n")

    with DnsPeer() as peer:
        began = time.monotonic()
        done = scan("-r", peer.address, "--proxy-file", path, names="".join(f"is{n}.example\n" for n in range(500)))
        took = time.monotonic() - began

    assert done.code == 0, done.err
    assert (len(done.rows), {row["s"] for row in done.rows}) == (500, {"taken"})
    assert took < 25
    assert len(done.err.splitlines()) < 12


def test_crlf_a_byte_order_mark_comments_and_blanks_in_a_proxy_file_are_passed_over(tmp_path):  # 69
    path = listed(tmp_path / "p.txt", b"\xef\xbb\xbfsocks5://a\r\n\r\n  # x\r\n\t\r\nb:1:user:" + SECRET.encode())

    assert resolved("-r", RESOLVER, "--proxy-file", path)["proxies"] == ["socks5://a:1080", "socks5://user:***@b:1"]


def test_a_line_of_a_proxy_file_is_told_by_its_number_whatever_it_holds(tmp_path):  # 69
    path = listed(tmp_path / "p.txt", "# \u2028 \x0b \x85\r\n\r\na:1\nb:x\n")

    refusal(scan("-r", RESOLVER, "--proxy-file", path), "p.txt: line 4: the port")


def test_a_dns_server_given_as_proxy_is_a_proxy_error(lab):  # 70
    port = lab.config["resolvers"][0]

    done = scan("-r", port, "--proxy", f"socks5://{port}", *QUICK, names="a.example\n")

    assert done.code == 3, done.err
    assert (done.row["s"], done.row["e"]) == ("error", "proxy")


def test_a_proxy_given_as_resolver_too_ends(microsocks):  # 70: a loop
    own = f"127.0.0.1:{microsocks.port}"

    done = scan("-r", own, "--proxy", f"socks5://{own}", *QUICK, names="a.example\n")

    assert done.code == 3, done.err
    assert done.row["s"] == "error"


# -- resolvers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["resolver", "resolvers"])
def test_an_empty_list_of_resolvers_is_refused(tmp_path, key):  # 71
    path = listed(tmp_path / "cfg.json", '{"workers": 2,\n "' + key + '": []}')

    refusal(scan("--config", path), f"cfg.json: line 2: {key}", "empty", "192.0.2.53")


NO_ADDRESSES = [
    "8.8.8.010",
    "1.1",
    "0x8.8.8.8",
    "8.8.8.8 x",
    "134744072",
    "",
    " ",
    "8.8.8.8.",
    "8.8.8.256",
    "8.8.8.8/32",
]
HOST_NAMES = ["dns.example", "localhost", "tls://dns.quad9.net"]  # 77: nothing is looked up
ODD_ADDRESSES = [
    "[::1",
    "::1]",
    "fe80::1%a b",
    "::1%\x1b[31m",
    "1.1.1.1\x1b[31m",
    "1.1.1.1\n",
    "\u0661.1.1.1",
    "8.8.8.8%eth0",
]


@pytest.mark.parametrize("given", ["{path}", "@{path}", "tcp://192.0.2.53,UDP://192.0.2.54:5353, 2001:db8::1"])
def test_resolvers_are_read_from_a_file_and_from_a_list(tmp_path, given):
    path = listed(tmp_path / "resolvers.txt", "# ours\n192.0.2.53 # first\n\nudp://192.0.2.54:5353\r\n  2001:db8::1\n")
    wanted = ["udp://192.0.2.54:5353", "tcp://192.0.2.53:53", "tcp://[2001:db8::1]:53"]

    assert resolved("-r", given.format(path=path))["resolvers"] == wanted
    assert resolved("--resolver-file", path)["resolvers"] == wanted
    both = resolved("-r", "192.0.2.9", "--resolver-file", path)["resolvers"]
    assert sorted(both) == sorted([*wanted, "tcp://192.0.2.9:53"])


def test_the_systems_own_file_is_one_of_resolvers(tmp_path):
    path = listed(tmp_path / "resolv.conf", "; made by hand\nsearch example.com\nnameserver 192.0.2.53\n"
                                            "nameserver\t2001:db8::1 # ours\noptions edns0\n")  # fmt: skip

    assert resolved("-r", path)["resolvers"] == ["tcp://192.0.2.53:53", "tcp://[2001:db8::1]:53"]
    refusal(scan("-r", listed(path, "nameserver dns.example\n")), "resolv.conf: line 1: ", "is not an IP address")


def test_what_is_wrong_in_a_file_of_resolvers_is_named_with_its_place(tmp_path):
    path = listed(tmp_path / "resolvers.txt", "192.0.2.53\n\ndns.example\n")

    refusal(scan("-r", path), "resolvers.txt: line 3: ", "dns.example", "is not an IP address")
    refusal(scan("--resolver-file", listed(tmp_path / "none.txt", "# none\n")), "no resolvers in ", "none.txt")
    refusal(scan("-r", f"@{tmp_path / 'missing.txt'}"), "missing.txt: cannot be read")


@pytest.mark.parametrize("text", [*NO_ADDRESSES, *HOST_NAMES, *ODD_ADDRESSES])  # 72, 77
def test_what_is_no_ip_address_is_no_resolver(text):
    refusal(scan("-r", text), "--resolver: ", shown(text), "is not an IP address", "192.0.2.53")


@pytest.mark.parametrize(
    ("text", "resolver"),
    [
        ("8.8.8.8", Resolver("tcp", "8.8.8.8", 53)),  # 73
        ("8.8.8.8:53", Resolver("tcp", "8.8.8.8", 53)),
        ("[2001:db8::1]:5353", Resolver("tcp", "2001:db8::1", 5353)),
        ("[2001:db8::1]", Resolver("tcp", "2001:db8::1", 53)),
        ("2001:DB8:0::1", Resolver("tcp", "2001:db8::1", 53)),
        ("tcp://8.8.8.8:1", Resolver("tcp", "8.8.8.8", 1)),
        ("UDP://8.8.8.8:53/", Resolver("udp", "8.8.8.8", 53)),
        ("fe80::1%eth0", Resolver("tcp", "fe80::1%eth0", 53)),
        ("tls://9.9.9.9#dns.quad9.net", Resolver("tls", "9.9.9.9", 853, "dns.quad9.net")),
        ("tls://[2620:fe::fe]:853#dns.quad9.net", Resolver("tls", "2620:fe::fe", 853, "dns.quad9.net")),
        ("tls://9.9.9.9", Resolver("tls", "9.9.9.9", 853, None)),  # 76: the address must stand in the certificate
    ],
)
def test_forms_of_a_resolver(text, resolver):
    assert resolver_from_text(text) == resolver


def test_good_resolvers_are_kept_in_order_and_once():  # 73
    texts = ["8.8.8.8:53", "[2001:db8::1]:53", "2001:db8::1", "tcp://8.8.8.8"]

    assert resolved(*(word for text in texts for word in ("-r", text)))["resolvers"] == [
        "tcp://8.8.8.8:53",
        "tcp://[2001:db8::1]:53",
    ]


@pytest.mark.parametrize(("text", "meant"), [("8.8.8.8#53", "8.8.8.8:53"), ("udp://[2001:db8::1]#5353", "1]:5353")])
def test_a_port_behind_a_hash_is_refused_with_where_it_stands(text, meant):  # 73
    refusal(scan("-r", text), "--resolver: ", shown(text), meant)


@pytest.mark.parametrize("text", ["fe80::1", "[fe80::1]:53", "udp://fe80::abcd"])
def test_a_link_local_address_is_refused_without_its_interface(text):
    refusal(scan("-r", text), "--resolver: ", shown(text), "name the interface too", "%eth0")
    refusal(scan("-r", RESOLVER, "--proxy", "[fe80::1]:1080"), "--proxy: ", "name the interface too", "fe80::1%eth0")


@pytest.mark.parametrize("text", ["tcp://8.8.8.8#name", "tls://9.9.9.9#", "tls://9.9.9.9#a b"])  # 73
def test_behind_a_hash_stands_a_name_for_tls_and_nothing_else(text):
    refusal(scan("-r", text), "--resolver: ", shown(text), "certificate")


@pytest.mark.parametrize("text", ["0.0.0.0", "255.255.255.255", "224.0.0.1", "239.1.2.3:53", "::", "[ff02::1]:53",
                                  "0.1.2.3", "::ffff:0.0.0.0"])  # fmt: skip
def test_an_address_that_no_resolver_can_have_is_refused(text):  # 74
    refusal(scan("-r", text), "--resolver: ", shown(text), "no resolver can have")


def test_an_ipv4_address_in_the_form_of_ipv6_has_the_rate_and_the_names_of_that_address():
    mapped, private = resolver_from_text("udp://[::ffff:8.8.8.8]:53"), resolver_from_text("::ffff:10.0.0.1")

    assert (mapped, mapped.is_public) == (resolver_from_text("udp://8.8.8.8"), True)
    assert not private.is_public


@pytest.mark.parametrize("address", ["127.0.0.53", "10.0.0.1", "192.168.1.1", "172.16.0.1", "[fd00::1]:53"])
def test_a_private_resolver_behind_a_remote_proxy_is_warned_of(address):  # 75
    done = scan("-r", address, "--proxy", "socks5://203.0.113.7", "--dry-run")

    assert done.code == 0
    assert "the proxy's own network" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    "args",
    [("-r", "8.8.8.8", "--proxy", "203.0.113.7"), ("-r", "127.0.0.1", "--proxy", "127.0.0.1"), ("-r", "10.0.0.1")],
)
def test_no_warning_is_given_where_the_network_is_clear(args):  # 75
    assert scan(*args, "--dry-run").err == ""


@pytest.mark.parametrize(
    ("certified", "name", "is_fine"),
    [
        ("127.0.0.1", "", True),  # 76: without a name the address must stand in the certificate
        ("127.0.0.2", "", False),
        ("dns.example", "", False),
        ("dns.example", "#dns.example", True),
        ("127.0.0.1", "#dns.example", False),
    ],
)
def test_a_certificate_is_always_verified(tmp_path, certified, name, is_fine):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(certified).configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    def over_tls(talk: Talk) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(talk.connection, server_side=True) as connection:
            good(Talk(connection, talk.peer))

    with DnsPeer(over_tls) as peer:
        at = ("-r", f"tls://{peer.address}{name}", "--timeout-ms", 300, "--deadline-ms", 700)
        done = scan(*at, names="a.example\n", SSL_CERT_FILE=tmp_path / "ca.pem")
        unknown = scan(*at, names="a.example\n") if is_fine else None

    assert (done.code, done.row["s"], done.row.get("e")) == ((0, "taken", None) if is_fine else (3, "error", "tls"))
    assert unknown is None or (unknown.code, unknown.row["e"]) == (3, "tls")


@pytest.mark.parametrize("scheme", ["https", "quic", "dns", "\x1b", "x" * 200])
def test_a_scheme_that_is_no_resolvers_is_refused(scheme):
    line = refusal(scan("-r", f"{scheme}://192.0.2.53"), "--resolver: ", "tcp://", "tls://")

    assert len(line) < 300


def test_raw_udp_does_not_go_through_proxies():  # 52
    refusal(
        scan("-r", "udp://192.0.2.53", "--proxy", "socks5://h"),
        "--resolver: ",
        "udp://",
        "SOCKS5 tunnels carry TCP only",
    )


# -- the pieces ------------------------------------------------------------------------------------


def test_a_token_is_shown_escaped_and_cut_at_60_characters():
    assert shown("a\x1b\n\u0661\udcff") == r'"a\x1b\n\u0661\udcff"'
    assert shown("x" * 60) == f'"{"x" * 60}"'
    assert shown("x" * 61) == f'"{"x" * 60}..."'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("socks5://u:p@h", "socks5://u:***@h"),
        ("socks5://u:p/@\n@h", "socks5://u:***@h"),
        ("socks5://u@h", "socks5://u@h"),
        ("tls://[::1]:53#a", "tls://[::1]:53#a"),
        ("a@b", "a@b"),
        ("u:p@h:1", "u:***@h:1"),
        ("192.0.2.1:1080@u:p", "192.0.2.1:1080@u:***"),
        ("x [::1]:1080@u:p:q", "x [::1]:1080@u:***"),
        ("h:1080:u:p@x", "h:***"),
        ("['h:1080:u:p']", "['h:***"),
        ("[::1]:1080:u:p", "[::1]:***"),
        ("u:p:h:1080", "u:***"),
        ("u:p:[::1]:1080", "u:***"),
        ("socks5://h:1080:u:p", "socks5://h:***"),
        ("h:x:u:p", "h:***"),
        ("[2001:db8::1]:53", "[2001:db8::1]:53"),
        ("2001:db8:1:53:1:2:3:4", "2001:db8:1:53:1:2:3:4"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ('{"d":"a","s":"b","r":0,"ms":5}', '{"d":"a","s":"b","r":0,"ms":5}'),
        ("/a/b:c/d", "/a/b:c/d"),
    ],
)
def test_a_password_is_hidden_wherever_a_url_has_one(text, said):
    assert hidden(text) == said


def test_variables_are_filled_in_and_a_dollar_alone_stays():
    assert fill_environment("u:${A}${B_2}$A$", {"A": "x$", "B_2": "y${A}"}, "here") == "u:x$y${A}$A$"


@pytest.mark.parametrize("text", ["u:${PW:-x}@h", "u:${PW-x}@h", "${}", "${", "${1}", "${PW", "${PW }", "${PW}${"])
def test_what_only_begins_as_a_variable_is_not_sent_as_a_password(text):
    with pytest.raises(ScanError, match=r"here: .* write \$\{NAME\}"):
        fill_environment(text, {"PW": "x"}, "here")


@pytest.mark.parametrize(("environ", "what"), [({}, "not set"), ({"PW": ""}, "empty")])
def test_a_missing_variable_is_told_by_its_name(environ, what):
    with pytest.raises(ScanError, match=f"here: environment variable PW is {what}"):
        fill_environment("socks5://u:${PW}@h", environ, "here")


def test_the_systems_resolvers_are_those_of_resolv_conf(tmp_path):
    path = tmp_path / "resolv.conf"
    path.write_bytes(b"# x\nsearch a.b\nnameserver 192.0.2.1\nnameserver\nnameserver ::1 # x\n nameserver 192.0.2.1\n")

    assert system_resolvers(path) == (Resolver("tcp", "192.0.2.1", 53), Resolver("tcp", "::1", 53))


@pytest.mark.parametrize("octets", [b"", b"nameserver\n", b"nameserver x\nnameserver 0.0.0.0\n", b"\xff\xfe\0"])
def test_a_resolv_conf_without_an_address_is_told(tmp_path, octets):
    path = tmp_path / "resolv.conf"
    path.write_bytes(octets)

    with pytest.raises(ScanError, match="name one: -r"):
        system_resolvers(path)
