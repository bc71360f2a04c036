"""What the lab answers: one query's octets in, one response's octets out. No I/O, no clock, no Python object.

Table of contents of `answers.pyx`. `zone.py` says the same rules in words and foretells each verdict.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    RESPONSE_MAX = 65535

cdef enum Act:              # what becomes of the query
    ANSWER = 0
    SILENCE = 1             # nothing is sent
    CLOSE = 2               # the connection ends instead (UDP: silence)
    RESET = 3

cdef struct Zone:
    uint64_t nx_below       # a name whose hash, 32 bits, is below it does not exist
    uint64_t loss_below     # a query whose random number, 32 bits, is below it is dropped
    uint32_t delay_least_ms
    uint32_t delay_span_ms  # the delay is least + 0 .. span
    uint64_t random_state   # xorshift64*, never 0
    uint64_t *asked         # open table: the name's hash with its lowest 8 bits replaced by how often it was asked
    uint64_t asked_count    # names in it; the table is cleared when three quarters are taken

cdef struct Reply:
    Act act
    Py_ssize_t size         # octets of the response in `out`
    int copies              # how many times it is sent
    uint32_t delay_ms

cdef bint open_zone(Zone *zone, double nx, double loss, uint32_t delay_least_ms, uint32_t delay_most_ms,
                    uint64_t seed) noexcept nogil
cdef void close_zone(Zone *zone) noexcept nogil
cdef void reply_to(Zone *zone, const uint8_t *query, Py_ssize_t size, bint stream, uint8_t *out,
                   Reply *reply) noexcept nogil
