# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""A table of layouts: what stands in the data, one part after the other, and under which key. A type that has none, and data that is
not as its type says, has `answer`: its presentation form, or `\\# LENGTH HEX`."""

from libc.stdint cimport uint32_t

from scanner.native.message.compressed cimport put_name
from scanner.native.message.cursor cimport Cursor, cursor_over, refuse, take, u8, u16, u32, unread
from scanner.native.message.records cimport CLASS_IN, Option, next_option
from scanner.native.message.security cimport put_time
from scanner.native.message.text cimport OF_TEXTS, put, put_base64, put_escaped, put_hex
from scanner.native.output.framed cimport frame, frame_number, frame_rdata, frame_text

cdef enum Part:
    NUMBER_8
    NUMBER_16
    NUMBER_32
    MOMENT              # seconds since 1970, as YYYYMMDDHHmmSS
    NAME                # with its last dot
    BARE_NAME           # without
    STRING              # a character-string (RFC 1035 section 3.3)
    STRINGS             # the rest, one or more of them, with newlines between
    TEXT                # the rest
    HEX                 # the rest, at least an octet
    BASE64              # the same

cdef enum:
    PARTS_MAX = 9
    LAYOUTS_MAX = 24
    TYPES = 258                 # those from here on have no layout
    OPTION_NSID = 3             # RFC 5001
    OPTION_COOKIE = 10          # RFC 7873
    OPTION_EDE = 15             # RFC 8914

cdef struct Member:
    const char *key             # `"preference":`
    Part part

cdef struct Layout:
    Member members[PARTS_MAX]
    int count
    bint internet               # of class IN only

cdef list KEPT = []             # octets of the keys; nothing here is written after import
cdef Layout LAYOUTS[LAYOUTS_MAX]
cdef uint8_t LAYOUT_OF[TYPES]   # by type; 0 = none
cdef int layout_count = 1

cdef tuple DS = (("key_tag", NUMBER_16), ("algorithm", NUMBER_8), ("digest_type", NUMBER_8), ("digest", HEX))
cdef tuple DNSKEY = (("flags", NUMBER_16), ("protocol", NUMBER_8), ("algorithm", NUMBER_8), ("public_key", BASE64))
cdef tuple PREFERRED = (("preference", NUMBER_16), ("answer", NAME))


cdef int lay_out(int rtype, tuple members, bint internet=False) except -1:
    global layout_count
    cdef Layout *layout = &LAYOUTS[layout_count]
    if layout_count == LAYOUTS_MAX or len(members) > PARTS_MAX:
        raise ValueError(rtype)
    cdef bytes octets
    for key, part in members:
        octets = b'"%b":' % key.encode()
        KEPT.append(octets)
        layout.members[layout.count].key, layout.members[layout.count].part = octets, part
        layout.count += 1
    layout.internet = internet
    LAYOUT_OF[rtype] = <uint8_t>layout_count
    layout_count += 1
    return 0


lay_out(6, (("ns", BARE_NAME), ("mbox", BARE_NAME), ("serial", NUMBER_32), ("refresh", NUMBER_32), ("retry", NUMBER_32),
            ("expire", NUMBER_32), ("min_ttl", NUMBER_32)))                                             # SOA
lay_out(13, (("cpu", STRING), ("os", STRING)))                                                          # HINFO
lay_out(15, PREFERRED)                                                                                  # MX
lay_out(16, (("answer", STRINGS),))                                                                     # TXT
lay_out(17, (("mbox", NAME), ("txt", NAME)))                                                            # RP
lay_out(18, (("subtype", NUMBER_16), ("hostname", NAME)))                                               # AFSDB
lay_out(21, PREFERRED)                                                                                  # RT
lay_out(33, (("priority", NUMBER_16), ("weight", NUMBER_16), ("port", NUMBER_16), ("target", NAME)), True)      # SRV
lay_out(35, (("order", NUMBER_16), ("preference", NUMBER_16), ("flags", STRING), ("service", STRING), ("regexp", STRING),
             ("replacement", NAME)), True)                                                              # NAPTR
lay_out(36, PREFERRED, True)                                                                            # KX
lay_out(43, DS)
lay_out(46, (("type_covered", NUMBER_16), ("algorithm", NUMBER_8), ("labels", NUMBER_8), ("original_ttl", NUMBER_32),
             ("expiration", MOMENT), ("inception", MOMENT), ("keytag", NUMBER_16), ("signer_name", NAME),
             ("signature", BASE64)))                                                                    # RRSIG
lay_out(48, DNSKEY)
lay_out(52, (("cert_usage", NUMBER_8), ("selector", NUMBER_8), ("matching_type", NUMBER_8), ("certificate", HEX)))     # TLSA
lay_out(53, (("usage", NUMBER_8), ("selector", NUMBER_8), ("matching_type", NUMBER_8), ("certificate", HEX)))  # SMIMEA
lay_out(59, DS)                                                                                         # CDS
lay_out(60, DNSKEY)                                                                                     # CDNSKEY
lay_out(63, (("serial", NUMBER_32), ("scheme", NUMBER_8), ("hash", NUMBER_8), ("digest", HEX)))         # ZONEMD
lay_out(256, (("priority", NUMBER_16), ("weight", NUMBER_16), ("target", TEXT)))                        # URI
lay_out(257, (("flag", NUMBER_8), ("tag", STRING), ("value", TEXT)))                                    # CAA


cdef void put_data(Text *text, const uint8_t *message, const Record *record) noexcept nogil:
    """The members that the data makes, each with a comma behind it."""
    cdef char *begun = text.at
    cdef Cursor rdata
    cdef const Layout *layout
    if record.rtype < TYPES and LAYOUT_OF[record.rtype] and text.left >= 0:
        layout = &LAYOUTS[LAYOUT_OF[record.rtype]]
        rdata = cursor_over(message, record.rdata, record.rdata + record.size)
        if record.rclass == CLASS_IN or not layout.internet:
            if put_members(text, &rdata, layout):
                return
            text.at = begun
    frame(text, b'"answer":')
    frame_rdata(text, message, record)
    frame(text, b",")


cdef bint put_members(Text *text, Cursor *rdata, const Layout *layout) noexcept nogil:
    """False where they do not say what the record holds, or there is no room for all of them."""
    cdef int index
    for index in range(layout.count):
        frame(text, layout.members[index].key)
        put_part(text, rdata, layout.members[index].part)
        frame(text, b",")
    return not rdata.over and unread(rdata) == 0 and text.left >= 0


cdef void put_part(Text *text, Cursor *rdata, Part part) noexcept nogil:
    if part == NUMBER_8:
        frame_number(text, u8(rdata))
    elif part == NUMBER_16:
        frame_number(text, u16(rdata))
    elif part == NUMBER_32:
        frame_number(text, u32(rdata))
    else:
        frame(text, b'"')
        put_quoted_part(text, rdata, part)
        frame(text, b'"')


cdef void put_quoted_part(Text *text, Cursor *rdata, Part part) noexcept nogil:
    cdef Py_ssize_t count = unread(rdata)
    if part == MOMENT:
        put_time(text, u32(rdata))
    elif part == NAME:
        put_name(rdata, text, True)
    elif part == BARE_NAME:
        put_bare_name(text, rdata)
    elif part == STRING:
        put_string_of(text, rdata)
    elif part == STRINGS:
        put_string_of(text, rdata)
        while unread(rdata):
            put(text, b"\\n", 2)
            put_string_of(text, rdata)
    elif part == TEXT:
        put_escaped(text, rdata.message + rdata.at, count, OF_TEXTS)
        take(rdata, count)
    elif count == 0:
        refuse(rdata)
    elif part == HEX:
        put_hex(text, take(rdata, count), count)
    else:
        put_base64(text, take(rdata, count), count)


cdef void put_bare_name(Text *text, Cursor *rdata) noexcept nogil:
    cdef char *begun = text.at
    put_name(rdata, text, True)
    if text.at > begun:
        text.at -= 1


cdef void put_string_of(Text *text, Cursor *rdata) noexcept nogil:
    cdef int size = u8(rdata)
    cdef const uint8_t *octets = take(rdata, size)
    if octets is not NULL:
        put_escaped(text, octets, size, OF_TEXTS)


# -- EDNS --


cdef void put_opt(Text *text, const uint8_t *message, const Record *record) noexcept nogil:
    """The object of an OPT record (RFC 6891 section 6.1.2), with the options that zdns names."""
    cdef Cursor options = cursor_over(message, record.rdata, record.rdata + record.size)
    cdef Cursor errors = options
    cdef int version = record.ttl >> 16 & 0xFF
    frame(text, b'{"flags":"do","type":"EDNS' if record.ttl & 0x8000 else b'{"flags":"","type":"EDNS')
    frame_number(text, version)
    frame(text, b'","udpsize":')
    frame_number(text, record.rclass)
    frame(text, b',"version":')
    frame_number(text, version)
    put_first(text, options, OPTION_NSID)
    put_first(text, options, OPTION_COOKIE)
    put_extended_errors(text, errors)
    frame(text, b"}")


cdef void put_first(Text *text, Cursor options, int code) noexcept nogil:
    """The identifier of the server, or the cookie: the first one."""
    cdef Option option
    cdef char *begun = text.at
    while next_option(&options, &option):
        if option.code != code:
            continue
        if code == OPTION_NSID:
            frame(text, b',"nsid":{"nsid":')
            frame_text(text, options.message + option.data, option.size)
        else:
            frame(text, b',"cookie":{"cookie":"')
            put_hex(text, options.message + option.data, option.size)
            frame(text, b'"')
        frame(text, b"}")
        if text.left < 0:
            text.at = begun
        return


cdef void put_extended_errors(Text *text, Cursor options) noexcept nogil:
    """Every one of them (RFC 8914 section 2)."""
    cdef Option option
    cdef const uint8_t *data
    cdef bint begun = False
    while next_option(&options, &option):
        if option.code != OPTION_EDE or option.size < 2:
            continue
        data = options.message + option.data
        if begun:
            frame(text, b",")
        else:
            frame(text, b',"ede":[')
        begun = True
        frame(text, b'{"info_code":')
        frame_number(text, data[0] << 8 | data[1])
        frame(text, b',"error_text":"')
        frame(text, purpose_of(data[0] << 8 | data[1]))
        frame(text, b'","extra_text":')
        if option.size > 2 and data[option.size - 1] == 0:
            option.size -= 1
        frame_text(text, data + 2, option.size - 2)
        frame(text, b"}")
    if begun:
        frame(text, b"]")


cdef tuple PURPOSES = (     # RFC 8914 section 5.2, and IANA's registry
    b"Other Error", b"Unsupported DNSKEY Algorithm", b"Unsupported DS Digest Type", b"Stale Answer", b"Forged Answer",
    b"DNSSEC Indeterminate", b"DNSSEC Bogus", b"Signature Expired", b"Signature Not Yet Valid", b"DNSKEY Missing",
    b"RRSIGs Missing", b"No Zone Key Bit Set", b"NSEC Missing", b"Cached Error", b"Not Ready", b"Blocked", b"Censored",
    b"Filtered", b"Prohibited", b"Stale NXDomain Answer", b"Not Authoritative", b"Not Supported", b"No Reachable Authority",
    b"Network Error", b"Invalid Data",
)
cdef enum:
    PURPOSE_COUNT = 25
cdef const char *PURPOSE[PURPOSE_COUNT]
cdef int purpose_
for purpose_ in range(PURPOSE_COUNT):
    PURPOSE[purpose_] = <bytes>PURPOSES[purpose_]


cdef inline const char *purpose_of(int code) noexcept nogil:
    """What an extended error is for, in the registry's words; nothing for a code that is not known here."""
    if code < PURPOSE_COUNT:
        return PURPOSE[code]
    return b""
