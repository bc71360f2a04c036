"""The lab: a DNS server and SOCKS5 proxies on loopback, to try the scanner on. A program of its own beside the scan."""
