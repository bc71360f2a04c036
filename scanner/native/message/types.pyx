# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The mnemonics of record types (IANA's registry, as dnspython spells them); `TYPE65534` where there is none (RFC 3597)."""

from libc.string cimport memcpy

from scanner.native.message.text cimport put, put_decimal

cdef enum:
    LONGEST = 10
    BLOCK = 288                 # types of one block; above the first there is another, from 32768

cdef struct Mnemonic:
    char octets[LONGEST]
    unsigned char length        # 0 = none

cdef Mnemonic FIRST[BLOCK]      # neither is written after import
cdef Mnemonic LAST[2]

cdef dict NUMBERS = {}
cdef str run_
for run_ in (
    "0 TYPE0 A NS MD MF CNAME SOA MB MG MR NULL WKS PTR HINFO MINFO MX TXT RP AFSDB X25 ISDN RT NSAP NSAP-PTR SIG KEY PX "
    "GPOS AAAA LOC NXT", "33 SRV", "35 NAPTR KX CERT A6 DNAME", "41 OPT APL DS SSHFP IPSECKEY RRSIG NSEC DNSKEY DHCID NSEC3 "
    "NSEC3PARAM TLSA SMIMEA", "55 HIP NINFO", "59 CDS CDNSKEY OPENPGPKEY CSYNC ZONEMD SVCB HTTPS DSYNC HHIT BRID",
    "99 SPF", "103 UNSPEC NID L32 L64 LP EUI48 EUI64", "128 NXNAME",
    "249 TKEY TSIG IXFR AXFR MAILB MAILA ANY URI CAA AVC", "260 AMTRELAY RESINFO WALLET", "32768 TA DLV",
):
    for offset_, word_ in enumerate(run_.split()[1:]):
        NUMBERS[int(run_.split()[0]) + offset_] = word_.encode()


cdef Mnemonic *place(int rtype) noexcept nogil:
    """Where a type's mnemonic is, or would be."""
    if rtype < BLOCK:
        return &FIRST[rtype]
    return &LAST[rtype - 32768] if 32768 <= rtype < 32770 else NULL


cdef int fill() except -1:
    cdef bytes word
    cdef Mnemonic *mnemonic_
    for number, word in NUMBERS.items():
        mnemonic_ = place(number)
        memcpy(mnemonic_.octets, <const char *>word, len(word))
        mnemonic_.length = len(word)
    return 0


fill()


cdef void put_type(Text *text, int rtype) noexcept nogil:
    cdef const Mnemonic *found = place(rtype)
    if found is not NULL and found.length:
        put(text, found.octets, found.length)
        return
    put(text, b"TYPE", 4)
    put_decimal(text, rtype)


def mnemonic(int rtype) -> str:
    """The text of a type number."""
    cdef char octets[32]
    cdef Text text
    text.at, text.left = octets, 16
    put_type(&text, rtype)
    return octets[:text.at - octets].decode("ascii")
