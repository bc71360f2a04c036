# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The fields of a response: its records in presentation form, its flags, what EDNS says, itself.

It is given responses whose frames hold (`read_response`) and still trusts none of that: where no whole record is, its section
ends.
"""

cimport cython
from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from scanner.native.message.chain cimport find_aliases, follow
from scanner.native.message.compressed cimport Owners, is_owner, owners_of, put_plain_name
from scanner.native.message.cursor cimport cursor_over
from scanner.native.message.name cimport QNAME_MAX
from scanner.native.message.records cimport (
    TTL_MAX, TYPE_ANY, TYPE_NS, TYPE_OPT, TYPE_SOA, Option, Record, next_option, next_record, ttl_of,
)
from scanner.native.message.text cimport ESCAPED_MAX, OF_TEXTS, Text, put_base64, put_escaped
from scanner.native.output.framed cimport (
    frame, frame_comma, frame_name, frame_number, frame_rdata, frame_text, frame_type,
)
from scanner.native.output.sections cimport begin_records, count_of, find_record

cdef enum:
    WORK_MAX = 1 << 17          # octets and pointers of owners that are compared for one response
    OPTION_NSID = 3             # RFC 5001
    OPTION_EDE = 15             # RFC 8914 section 2
    SAID_ERRORS = 4             # extended errors in field why
    SAID_MAX = 1024             # octets of the text of each

cdef tuple LISTS = ("a", "cn", "ans", "auth", "add", "ede")

cdef const char *SECTION_KEYS[SECTIONS]
SECTION_KEYS[:] = [b',"ans":[', b',"auth":[', b',"add":[']


# -- the message --


cdef void find_sections(Sections *sections, const uint8_t *message, Py_ssize_t length, int wanted) noexcept nogil:
    """The first `wanted` of them."""
    cdef Cursor cursor = cursor_over(message, HEADER_OCTETS, length)
    cdef Record record
    cdef int index, section
    sections.rclass = begin_records(&cursor)
    for section in range(wanted):
        sections.counts[section] = count_of(&cursor, section)
        sections.begins[section] = cursor
        if section + 1 < wanted:
            for index in range(sections.counts[section]):
                if not next_record(&cursor, &record):
                    break


cdef void put_flags(Text *text, const uint8_t *message) noexcept nogil:
    """RFC 1035 section 4.1.1, RFC 4035 section 3.2."""
    frame(text, b',"fl":"qr' if message[2] & 0x80 else b',"fl":"')
    if message[2] & 0x04:
        frame(text, b" aa")
    if message[2] & 0x02:
        frame(text, b" tc")
    if message[2] & 0x01:
        frame(text, b" rd")
    if message[3] & 0x80:
        frame(text, b" ra")
    if message[3] & 0x20:
        frame(text, b" ad")
    if message[3] & 0x10:
        frame(text, b" cd")
    frame(text, b'"')


cdef void put_section(Text *text, Sections *sections, int section) noexcept nogil:
    """Every record as an object; OPT too, whose `ttl` is flags (RFC 6891 section 6.1.3)."""
    cdef Cursor cursor = sections.begins[section]
    cdef Cursor owner = cursor
    cdef Record record
    cdef int left = sections.counts[section]
    frame(text, SECTION_KEYS[section])
    while left > 0 and next_record(&cursor, &record):
        left -= 1
        frame_comma(text)
        frame(text, b'{"name":')
        owner.at = record.owner
        frame_name(text, owner)
        frame(text, b',"ttl":')
        frame_number(text, record.ttl if record.rtype == TYPE_OPT else ttl_of(&record))
        frame(text, b',"type":"')
        frame_type(text, record.rtype)
        frame(text, b'","data":')
        frame_rdata(text, cursor.message, &record)
        frame(text, b"}")
    frame(text, b"]")


cdef bint next_error(Cursor *opt, Option *error) noexcept nogil:
    """The next extended error: two octets of code, and text, which may end with a zero (RFC 8914 section 2)."""
    while next_option(opt, error):
        if error.code == OPTION_EDE and error.size >= 2:
            error.size -= error.size > 2 and opt.message[error.data + error.size - 1] == 0
            return True
    return False


cdef void frame_error_code(Text *text, const Cursor *opt, const Option *error) noexcept nogil:
    frame_number(text, opt.message[error.data] << 8 | opt.message[error.data + 1])


cdef void put_errors(Text *text, Cursor opt) noexcept nogil:
    cdef Option error
    frame(text, b',"ede":[')
    while next_error(&opt, &error):
        frame_comma(text)
        frame(text, b'{"code":')
        frame_error_code(text, &opt, &error)
        frame(text, b',"text":')
        frame_text(text, opt.message + error.data + 2, error.size - 2)
        frame(text, b"}")
    frame(text, b"]")


cdef void put_said(Text *text, Cursor opt) noexcept nogil:
    """The first extended errors, as the end of a sentence."""
    cdef Option error
    cdef int count = 0
    while count < SAID_ERRORS and next_error(&opt, &error):
        count += 1
        frame(text, b"; EDE ")
        frame_error_code(text, &opt, &error)
        if error.size > 2:
            frame(text, b": ")
            put_escaped(text, opt.message + error.data + 2, min(error.size - 2, <int>SAID_MAX), OF_TEXTS)


cdef void put_server(Text *text, Cursor opt) noexcept nogil:
    """The name server identifier: any octets; null where there is none."""
    cdef Option option
    frame(text, b',"nsid":')
    while next_option(&opt, &option):
        if option.code == OPTION_NSID:
            frame_text(text, opt.message + option.data, option.size)
            return
    frame(text, b"null")


cdef Cursor options_of(const Sections *sections) noexcept nogil:
    """Those of the first OPT record."""
    cdef Record record
    cdef Cursor opt = sections.begins[2]
    if find_record(&record, opt, sections.counts[2], TYPE_OPT, 0):
        opt.at, opt.end = record.rdata, record.rdata + record.size
    else:
        opt.end = opt.at
    return opt


cdef bint is_referral(const Sections *sections, int qtype, int aliases) noexcept nogil:
    """An NS question without an answer: its servers may stand in the authority section, unless the SOA there says that it
    has none (RFC 1034 section 4.3.2, step 3b; RFC 2308 section 2.2)."""
    cdef Record record
    cdef int rcode = sections.begins[0].message[3] & 0x0F
    return qtype == TYPE_NS and aliases == 0 and rcode == 0 \
        and not find_record(&record, sections.begins[1], sections.counts[1], TYPE_SOA, sections.rclass)


@cython.final
cdef class ResponseFields:
    """`fields` are the names of those that are wanted; what is made of something else than a response is none of its."""

    def __cinit__(self, fields):
        cdef int section
        self.a, self.ttl, self.cn = "a" in fields, "ttl" in fields, "cn" in fields
        self.soa, self.sec, self.fl = "soa" in fields, "sec" in fields, "fl" in fields
        self.ede, self.nsid, self.raw, self.why = "ede" in fields, "nsid" in fields, "raw" in fields, "why" in fields
        for section, name in enumerate(("ans", "auth", "add")):
            self.whole[section] = name in fields
            if self.whole[section]:
                self.sections = section + 1
        self.sections = max(self.sections, self.a or self.ttl or self.cn, 2 * (self.soa or self.sec),
                            3 * (self.ede or self.nsid or self.why))
        self.no_lists = b"".join(b',"%b":[]' % name.encode() for name in LISTS if name in fields)
        if self.sections or self.fl or self.raw:
            self.make_room()

    cdef void put_all(self, const uint8_t *message, Py_ssize_t length, const uint8_t *qname, int qname_length,
                      int qtype) noexcept nogil:
        """`,"a":[...],"ttl":300` and so on."""
        cdef Sections sections
        cdef Cursor opt
        cdef int section
        find_sections(&sections, self.as_asked(message, length, qname, qname_length), length,
                      max(self.sections, 2 * (qtype == TYPE_NS)))   # where it may be answered by a referral
        if self.ede or self.nsid or self.why:
            opt = options_of(&sections)
        if self.why:                        # it stands before the others, which begin behind it
            put_said(&self.text, opt)
        self.said.octets, self.said.length = self.octets, self.text.at - self.octets
        if self.a or self.ttl or self.cn:
            self.put_answer(&sections, qname, qname_length, qtype)
        for section in range(SECTIONS):
            if self.whole[section]:
                put_section(&self.text, &sections, section)
        if self.soa or self.sec:
            self.put_authority(&sections)
        if self.fl:
            put_flags(&self.text, message)
        if self.ede:
            put_errors(&self.text, opt)
        if self.nsid:
            put_server(&self.text, opt)
        if self.raw:
            self.put_raw(message, length)

    cdef void put_answer(self, Sections *sections, const uint8_t *qname, int qname_length, int qtype) noexcept nogil:
        """The records that were asked for: the name's own, else those at the end of its alias chain; and that chain."""
        cdef Cursor cursor = sections.begins[0]
        cdef uint32_t least
        cdef int left = WORK_MAX
        memcpy(self.chain.names[0].wire, qname, qname_length)
        self.chain.names[0].size = qname_length
        self.chain.names[0].offset = HEADER_OCTETS if cursor.at > HEADER_OCTETS else 0
        self.chain.hops, self.work = 0, WORK_MAX
        if self.a:
            frame(&self.text, b',"a":[')
        least = self.put_records(sections, 0, qtype)
        if least > TTL_MAX and sections.counts[0]:
            find_aliases(&self.chain, cursor, sections.counts[0], sections.rclass)
            follow(&self.chain, cursor.message, cursor.end, &left)
            if self.chain.hops:
                least = self.put_records(sections, 0, qtype)
        if least > TTL_MAX and is_referral(sections, qtype, self.chain.hops):
            least = self.put_records(sections, 1, qtype)
        if self.a:
            frame(&self.text, b"]")
        if self.ttl:
            frame(&self.text, b',"ttl":')
            if least <= TTL_MAX:
                frame_number(&self.text, least)
            else:
                frame(&self.text, b"null")
        if self.cn:
            self.put_aliases()

    cdef uint32_t put_records(self, Sections *sections, int section, int qtype) noexcept nogil:
        """Those of a section that the chain's last name has, of the type asked; returns the least TTL, above TTL_MAX for none."""
        cdef Cursor cursor = sections.begins[section]
        cdef Owners owners = owners_of(&self.chain.names[self.chain.hops], cursor.message, cursor.end, &self.work)
        cdef int left = sections.counts[section]
        cdef uint32_t least = TTL_MAX + 1U
        cdef Record record
        while left > 0 and next_record(&cursor, &record):
            left -= 1
            if (record.rtype != qtype and qtype != TYPE_ANY or record.rclass != sections.rclass
                    or not is_owner(&owners, record.owner)):
                continue
            least = min(least, ttl_of(&record))
            if self.a:
                frame_comma(&self.text)
                frame_rdata(&self.text, cursor.message, &record)
        return least

    cdef void put_aliases(self) noexcept nogil:
        cdef int index
        cdef Text apart
        frame(&self.text, b',"cn":[')
        for index in range(1, self.chain.hops + 1):
            if self.chain.names[index].size == 0:
                break
            frame_comma(&self.text)
            frame(&self.text, b'"')
            apart.at, apart.left = self.text.at, (QNAME_MAX + 1) * ESCAPED_MAX
            put_plain_name(&self.chain.names[index], &apart)
            self.text.at = apart.at
            frame(&self.text, b'"')
        frame(&self.text, b"]")

    cdef void put_authority(self, Sections *sections) noexcept nogil:
        """Of the authority's SOA its data and its owner; null where there is none."""
        cdef Record record
        cdef Cursor owner = sections.begins[1]
        cdef bint found = find_record(&record, owner, sections.counts[1], TYPE_SOA, sections.rclass)
        if self.soa:
            frame(&self.text, b',"soa":')
            if found:
                frame_rdata(&self.text, owner.message, &record)
            else:
                frame(&self.text, b"null")
        if self.sec:
            frame(&self.text, b',"sec":')
            if found:
                owner.at = record.owner
                frame_name(&self.text, owner)
            else:
                frame(&self.text, b"null")

    cdef void put_raw(self, const uint8_t *message, Py_ssize_t length) noexcept nogil:
        cdef Text apart
        frame(&self.text, b',"raw":"')
        apart.at, apart.left = self.text.at, (length + 2) // 3 * 4
        put_base64(&apart, message, length)
        self.text.at = apart.at
        frame(&self.text, b'"')
