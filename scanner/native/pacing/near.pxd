"""Paths to a server on the same network."""

from scanner.native.pacing.model cimport Pacing

cdef void judge_near(Pacing *pacing, double rate, double now) noexcept nogil
