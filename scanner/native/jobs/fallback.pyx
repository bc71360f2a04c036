# cython: language_level=3
# cython: freethreading_compatible=True
"""The queue of one resolver's jobs for a stream, as Python sees it."""


cdef class StreamFallback:
    """For the resolver with this index."""

    def __cinit__(self, int resolver):
        self.resolver = resolver

    def __len__(self) -> int:
        return self.waiting.count + self.lone.waiting.count
