# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The scan's clock: monotonic seconds, less those for which the process did not run (Ctrl-Z, SIGSTOP, a machine put to
sleep). Answers that wait in the kernel meanwhile are taken as if they had just come, and no attempt ends for it.

Native because it is asked for each piece of a stream (in Python: 0.15 us more of the 5 us that a name costs there). Not
made for Python without its lock: `peek` reads in one thread two words that another changes one after the other."""

cdef const double LULL_S = 0.5  # a clock is asked at least twenty times a second: a longer gap means that we did not run


cdef class Clock:
    """`clock()` is now. Each thread has its own, since its questions are what shows that the thread runs."""
    cdef double asked_at        # s, monotonic: the last question
    cdef readonly double lost_s # for which the process did not run

    def __cinit__(self):
        self.asked_at = monotonic()

    def __call__(self) -> float:
        return self.at(monotonic())

    cpdef double at(self, double now) noexcept:
        """The clock's time at `now`, monotonic seconds; this counts as a question."""
        if now - self.asked_at > LULL_S:
            self.lost_s += now - self.asked_at
        self.asked_at = now
        return now - self.lost_s

    def peek(self) -> float:
        """Now on this clock, without being a question: for any thread that compares a time of this clock with now."""
        cdef double now = monotonic()
        if now - self.asked_at > LULL_S:
            return self.asked_at - self.lost_s
        return now - self.lost_s
