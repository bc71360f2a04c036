"""The life of a query in the window of its path."""

from scanner.native.pacing.model cimport Departure, Pacing

cdef void depart(Pacing *pacing, Departure *departure, bint is_first, bint is_early, double now) noexcept nogil
cdef void respond(Pacing *pacing, Departure *departure, double sent, double came, double now) noexcept nogil
cdef void leave(Pacing *pacing, Departure *departure, double now) noexcept nogil
cdef void undo_departure(Pacing *pacing, Departure *departure) noexcept nogil
cdef bint let_go(Pacing *pacing, Departure *departure, bint evident, double patience, double now) noexcept nogil
cdef bint fail(Pacing *pacing, Departure *departure, double sent, double now) noexcept nogil
cdef void see_cure(Pacing *pacing, bint cured) noexcept nogil
cdef void prove_loss(Pacing *pacing, const Departure *departure, double sent) noexcept nogil
cdef void see_too_late(Pacing *pacing, double now) noexcept nogil
cdef void pause_unreachable(Pacing *pacing, double now) noexcept nogil
