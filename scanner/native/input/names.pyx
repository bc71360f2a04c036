# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""From lines to names: white space and comments, plain names natively, everything else by Python's `classify_line`."""

cimport cython

from libc.stdlib cimport malloc
from libc.string cimport memcmp, memcpy, strlen

from scanner.input.line import SHOWN_MAX, shown
from scanner.native.input.columns cimport META, NAME, RESOLVER, TYPE, Parts
from scanner.native.input.lines cimport LINE_MAX
from scanner.native.jobs.books cimport BLANK, EXPECTED, READ, SKIPPED, UNFINISHED
from scanner.native.memory cimport checked_alloc
from scanner.native.message.name cimport qname_from_text
from scanner.native.verdict cimport BADNAME, Reason

cdef extern from "<strings.h>" nogil:
    int strncasecmp(const char *one, const char *other, size_t count)

cdef const char *SPECIAL_LABELS[7]      # last labels that may make a name special-use; never written after import
SPECIAL_LABELS[:] = [b"alt", b"test", b"arpa", b"local", b"onion", b"invalid", b"localhost"]


cdef inline bint is_space(uint8_t octet) noexcept nogil:
    return octet == 32 or octet == 9 or octet == 13


@cython.final
cdef class NameReader:
    """`classify_line(line) -> (text, d, reason, why)` is asked of each line that is not a plain name, and with `columns`
    of its name; `type_of(octets)` of a line's type. `route_of(octets) -> (route, is_public, why)` is asked of a line's
    resolver, route 0 for none that can be asked; names of a line whose resolver is public where the scan's are not, or the
    other way about, are classified by `classify_otherwise`. Lines that are `answered` are skipped."""

    def __cinit__(self, LineReader lines not None, LineWriter writer not None, Books books not None, types,
                  classify_line, bint special, Answered answered, Columns columns=None, type_of=None, route_of=None,
                  classify_otherwise=None):
        cdef int index
        if not 0 < len(types) <= TYPES_MAX:
            raise ValueError(f"1 to {TYPES_MAX} types")
        self.lines, self.writer, self.books = lines, writer, books
        self.classify_line, self.special, self.answered = classify_line, special, answered
        self.columns, self.type_of, self.withholds = columns, type_of, special
        self.route_of, self.classify_otherwise = route_of, classify_otherwise
        self.type_count = <int>len(types)
        for index in range(self.type_count):
            self.types[index] = types[index]

    def drop(self) -> bool:
        """Drop all input that is not yet a job; True when that was something."""
        cdef bint begun = self.at_name and self.type_index == 0
        if begun:                           # cut, but nothing of it was asked: as if it had not been read
            self.at_name = False
            self.books.entries[<int>READ] -= 1
            self.books.entries[<int>EXPECTED] -= 1
        return self.lines.drop() or begun

    def leave(self) -> None:
        """The types of the present line that were not asked yet are left to another run."""
        while self.at_name:
            self.books.add(UNFINISHED)
            self.at_name = self.next_type()

    cdef int hand_out(self, Job *job) except -1 nogil:
        """Fill a fresh slot with the name at hand and its type."""
        job.d = NULL
        job.d_length = 0
        job.m_length = self.m_length
        if self.d is not None or self.m_length:
            self.put_texts(job)
        job.line = self.lines.number
        job.type_index = <uint16_t>self.type_index
        job.qtype = self.line_type or self.types[self.type_index]
        job.dot = self.dot
        job.qname_length = <uint8_t>self.qname_length
        memcpy(job.qname, self.qname, self.qname_length)
        self.at_name = self.next_type()
        return 0

    cdef int put_texts(self, Job *job) except -1 nogil:
        """The texts of the line that are not the name's own."""
        cdef const char *d = b""
        if self.d is not None:
            with gil:
                d, job.d_length = self.d, <uint32_t>len(self.d)
        job.d = <char *>checked_alloc(malloc(job.d_length + self.m_length))
        memcpy(job.d, d, job.d_length)
        if self.m_length:
            memcpy(job.d + job.d_length, self.m_text, self.m_length)
        return 0

    cdef bint next_name(self) except -1 nogil:
        """The next line that holds a name worth asking, into `qname`; others are counted or written here."""
        cdef const uint8_t *text
        cdef Py_ssize_t length
        while not self.writer.full() and self.lines.cut():
            text, length = self.lines.text, self.lines.length
            self.books.add(READ)
            if self.lines.number == 1 and length >= 3 and memcmp(text, b"\xef\xbb\xbf", 3) == 0:
                text, length = text + 3, length - 3
            if length <= LINE_MAX:
                while length and is_space(text[0]):
                    text, length = text + 1, length - 1
                while length and is_space(text[length - 1]):
                    length -= 1
                if length == 0 or text[0] == b"#":
                    self.books.add(BLANK)
                    continue
            self.type_index = -1
            if not self.next_type():
                continue                                # all of it was answered in an earlier run
            if self.columns is not None and not self.has_columns(&text, &length):
                continue
            self.qname_length = qname_from_text(text, length, self.qname)
            self.dot = self.qname_length > 0 and text[length - 1] == b"."
            if self.d is not None:
                with gil:
                    self.d = None
            if self.qname_length == 0 or self.needs_classifying(text, length):
                if not self.is_name(text, length):
                    continue
            return True
        return False

    cdef bint next_type(self) noexcept nogil:
        """The next type for which the present line has no result yet; False when there is none."""
        self.type_index += 1
        while self.type_index < self.type_count:
            if self.answered is None or not self.answered.has(self.lines.number, self.type_index):
                self.books.add(EXPECTED)
                return True
            self.books.add(SKIPPED)
            self.type_index += 1
        return False

    cdef bint needs_classifying(self, const uint8_t *text, Py_ssize_t length) noexcept nogil:
        """True for a plain name whose last label begins with a digit (an IP address?) or may be special-use."""
        cdef Py_ssize_t end = length - 1 if self.dot else length
        cdef Py_ssize_t at = end
        while at > 0 and text[at - 1] != b".":
            at -= 1
        if 48 <= text[at] <= 57:
            return True
        if not self.withholds or end - at > 9:
            return False
        for label in SPECIAL_LABELS:
            if strlen(label) == <size_t>(end - at) and strncasecmp(label, <const char *>text + at, end - at) == 0:
                return True
        return False

    cdef bint is_name(self, const uint8_t *text, Py_ssize_t length) except -1 with gil:
        """Let Python say what the line is; True when there is a name to ask, False when its lines were written."""
        classify = self.classify_line if self.withholds == self.special else self.classify_otherwise
        name, d, reason, why = classify(<bytes>text[:length])
        if reason:
            self.refuse(d, reason, why)
            return False
        self.d = d
        if d is not None:
            self.dot = False
        if name == b".":
            self.qname[0] = 0
            self.qname_length = 1
        else:
            self.qname_length = qname_from_text(name, len(name), self.qname)
        if self.qname_length == 0:
            raise ValueError(f"classified as a name, but is none: {name!r}")
        return True

    # -- columns -------------------------------------------------------------------------------------------------

    cdef bint has_columns(self, const uint8_t **text, Py_ssize_t *length) except -1 nogil:
        """Narrow the line to its name, with its type and metadata read; False when it was written as a bad one."""
        cdef Parts parts
        cdef int number
        self.m_length = 0
        self.line_type = 0
        self.route, self.withholds = 0, self.special
        if length[0] > LINE_MAX:
            return True                                 # no name, whatever its columns
        self.columns.cut(text[0], length[0], &parts)
        self.read_meta(&parts.of_column[<int>META])
        if parts.of_column[<int>NAME].length:
            text[0], length[0] = parts.of_column[<int>NAME].at, parts.of_column[<int>NAME].length
        if self.columns.with_type:
            number = self.type_of_line(&parts.of_column[<int>TYPE])
            if number == 0:
                self.line_type = self.types[0]
                self.refuse_columns(text[0], length[0], "no type to ask for in its column")
                return False
            self.line_type = <uint16_t>number
        if self.route_of is not None and not self.knows_resolver(&parts.of_column[<int>RESOLVER]) \
                and not self.has_resolver(&parts.of_column[<int>RESOLVER], text[0], length[0]):
            return False
        if parts.of_column[<int>NAME].length == 0:
            self.refuse_columns(text[0], length[0], "no name in its column")
            return False
        return True

    cdef int read_meta(self, const Part *part) except -1 nogil:
        """The metadata as JSON text: its own octets where these are plain."""
        cdef Py_ssize_t index
        for index in range(part.length):
            if not 32 <= part.at[index] < 127 or part.at[index] == b'"' or part.at[index] == b"\\":
                with gil:
                    self.m = shown(<bytes>part.at[:part.length])
                    self.m_text, self.m_length = self.m, <uint32_t>len(self.m)
                return 0
        self.m_text, self.m_length = <const char *>part.at, <uint32_t>part.length
        return 0

    cdef int type_of_line(self, const Part *part) except -1 nogil:
        """The number of a type; 0 when it cannot be asked for. The scan's own where there is none."""
        cdef LatestType *latest
        cdef int number
        if part.length == 0:
            return self.types[0]
        if part.length > LATEST_OCTETS:
            return 0                                    # the longest are TYPE65534 and NSAP-PTR
        latest = &self.latest[(part.at[0] + 5 * part.at[part.length - 1] + part.length) & (LATEST_TYPES - 1)]
        if latest.length != part.length or memcmp(latest.text, part.at, part.length) != 0:
            with gil:
                number = self.type_of(<bytes>part.at[:part.length])
            latest.length, latest.number = <uint8_t>part.length, <uint16_t>number
            memcpy(latest.text, part.at, part.length)
        return latest.number

    cdef bint knows_resolver(self, const Part *part) noexcept nogil:
        """Take the line's route from what is known; False where Python is to be asked."""
        cdef LatestResolver *latest
        if part.length == 0:
            return True                                 # the scan's own
        latest = self.latest_of(part)
        if latest.route == 0 or latest.length != part.length or memcmp(latest.text, part.at, part.length) != 0:
            return False
        self.route = latest.route
        self.withholds = latest.is_public
        return True

    cdef bint has_resolver(self, const Part *part, const uint8_t *text, Py_ssize_t length) except -1 with gil:
        """The same, by Python; False when the line was written as a bad one."""
        cdef LatestResolver *latest = self.latest_of(part)
        route, is_public, why = self.route_of(<bytes>part.at[:part.length])
        if not route:
            self.refuse_columns(text, length, why)
            return False
        self.route, self.withholds = route, is_public
        if part.length <= RESOLVER_OCTETS:
            latest.route, latest.is_public, latest.length = route, is_public, <uint8_t>part.length
            memcpy(latest.text, part.at, part.length)
        return True

    cdef LatestResolver *latest_of(self, const Part *part) noexcept nogil:
        cdef uint32_t hash = <uint32_t>part.length
        cdef Py_ssize_t index
        for index in range(part.length):
            hash = hash * 31 + part.at[index]
        return &self.resolvers[(hash ^ hash >> 8) & (LATEST_RESOLVERS - 1)]

    # -- lines that are no names ---------------------------------------------------------------------------------

    cdef int refuse_columns(self, const uint8_t *text, Py_ssize_t length, str why) except -1 with gil:
        return self.refuse(shown(<bytes>text[:min(length, SHOWN_MAX)]), BADNAME, why)

    cdef int refuse(self, bytes d, Reason reason, str why) except -1:
        """The present line gets its output for every type that has none yet."""
        cdef bytes m = self.m_text[:self.m_length] if self.m_length else b""
        while True:
            self.writer.write_bad(d, reason, why, self.type_index, self.line_type or self.types[self.type_index],
                                  self.lines.number, m)
            if not self.next_type():
                return 0
