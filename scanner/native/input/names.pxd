"""The names of the input: each line that is worth asking, once for each type that has no result yet."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from scanner.native.input.answered cimport Answered
from scanner.native.input.columns cimport Columns, Part
from scanner.native.input.lines cimport LineReader
from scanner.native.jobs.books cimport Books
from scanner.native.jobs.job cimport Job
from scanner.native.output.writer cimport LineWriter
from scanner.native.verdict cimport Reason

cdef enum:
    TYPES_MAX = 32

cdef enum:
    LATEST_TYPES = 16       # a power of two
    LATEST_OCTETS = 14

cdef struct LatestType:     # a type that a line had, and its number
    uint8_t length          # 0 = none yet
    uint8_t text[LATEST_OCTETS]
    uint16_t number         # 0 = it cannot be asked for

cdef enum:
    LATEST_RESOLVERS = 64   # a power of two
    RESOLVER_OCTETS = 58

cdef struct LatestResolver: # a resolver that a line had, and the route to it
    int route               # 0 = it cannot be asked; the place may be empty too
    uint8_t length          # 0 = none yet
    uint8_t is_public
    uint8_t text[RESOLVER_OCTETS]

cdef class NameReader:
    cdef readonly LineReader lines
    cdef LineWriter writer              # for lines that are no names
    cdef Books books
    cdef object classify_line           # called for a line that is not plain
    cdef readonly Answered answered     # lines that have their result from an earlier run, or None
    cdef bint special                   # special-use names are not sent,
    cdef bint withholds                 # nor those of the present line
    cdef object classify_otherwise      # the same as `classify_line` where these two differ
    cdef uint16_t types[TYPES_MAX]
    cdef int type_count
    cdef bint at_name                   # the name below is still to be handed out, for the type at `type_index`
    cdef int type_index
    cdef uint8_t qname[256]
    cdef int qname_length
    cdef bytes d                        # the line's JSON text, where it is not the name's own
    cdef bint dot                       # the line has a trailing dot
    cdef Columns columns                # None: a line is a name
    cdef object type_of                 # called for a type that is not among the latest
    cdef uint16_t line_type             # of the present line, where lines have one
    cdef LatestType latest[LATEST_TYPES]
    cdef object route_of                # called for a resolver that is not among the latest; None: lines name none
    cdef LatestResolver resolvers[LATEST_RESOLVERS]
    cdef int route                      # to the resolver of the present line, 0 = it names none
    cdef bytes m                        # the line's metadata as JSON text, where that is not the line's own octets
    cdef const char *m_text             # either; good until the next line
    cdef uint32_t m_length              # 0 = none

    cdef inline bint at_hand(self) except -1 nogil:
        """Have a name, from the next line if need be; lines that are none get their output here."""
        if not self.at_name:
            self.at_name = self.next_name()
        return self.at_name

    cdef int put_texts(self, Job *job) except -1 nogil
    cdef bint has_columns(self, const uint8_t **text, Py_ssize_t *length) except -1 nogil
    cdef int read_meta(self, const Part *part) except -1 nogil
    cdef int type_of_line(self, const Part *part) except -1 nogil
    cdef bint knows_resolver(self, const Part *part) noexcept nogil
    cdef bint has_resolver(self, const Part *part, const uint8_t *text, Py_ssize_t length) except -1 with gil
    cdef LatestResolver *latest_of(self, const Part *part) noexcept nogil
    cdef int refuse(self, bytes d, Reason reason, str why) except -1
    cdef int refuse_columns(self, const uint8_t *text, Py_ssize_t length, str why) except -1 with gil
    cdef int hand_out(self, Job *job) except -1 nogil
    cdef bint next_name(self) except -1 nogil
    cdef bint next_type(self) noexcept nogil
    cdef bint needs_classifying(self, const uint8_t *text, Py_ssize_t length) noexcept nogil
    cdef bint is_name(self, const uint8_t *text, Py_ssize_t length) except -1 with gil
