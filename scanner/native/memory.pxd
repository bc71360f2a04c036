"""Memory of the C heap, checked."""

from libc.string cimport memset

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **memory, size_t alignment, size_t size)

cdef extern from *:
    """
    #define dnsscan_prefetch(address) __builtin_prefetch(address)
    """
    void prefetch "dnsscan_prefetch"(const void *address) nogil

cdef enum:
    LINE_OCTETS = 64        # of the processor's cache

cdef inline void *checked_alloc(void *memory) except NULL nogil:
    """What malloc, calloc or realloc returned; MemoryError where that was NULL."""
    if memory is NULL:
        with gil:
            raise MemoryError
    return memory

cdef inline void *aligned_alloc_zeroed(size_t size) except NULL nogil:
    """Zeroed memory that begins with a cache line."""
    cdef void *memory = NULL
    if posix_memalign(&memory, LINE_OCTETS, size) != 0:
        memory = NULL
    return memset(checked_alloc(memory), 0, size)
