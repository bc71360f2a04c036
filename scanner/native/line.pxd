"""The sheet of finished lines that sessions write and the sink takes.

`octets[0:used]` holds whole lines only, whenever Python code can look; `begin` makes room for one more.
"""

cdef class Lines:
    cdef char *octets
    cdef readonly Py_ssize_t used   # octets of whole lines not yet taken
    cdef Py_ssize_t room            # octets allocated
    cdef readonly Py_ssize_t limit  # octets at which no new name is started until the sink takes them
    cdef public bint behind         # set by the sink: the writer is too far behind; nothing is sent

    cdef char *begin(self, Py_ssize_t most) except NULL
    cdef inline void end(self, char *at) noexcept:
        self.used = at - self.octets

cdef char *put_number(char *at, long long number) noexcept nogil
