"""Paths where time is spent on the way or at the server."""

from scanner.native.pacing.model cimport Departure, Pacing

cdef void grow(Pacing *pacing, const Departure *departure, double sent, double now) noexcept nogil
cdef void begin_cruise(Pacing *pacing, double now) noexcept nogil
cdef void judge_far(Pacing *pacing, double rate, double now) noexcept nogil
