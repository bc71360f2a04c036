"""Limits that several engines share: the only words that two threads write, each in one atomic step, and only where the
user has set a limit."""

from libc.stdint cimport int64_t

cdef extern from *:
    """
    static inline long long dnsscan_load(long long *word) { return __atomic_load_n(word, __ATOMIC_RELAXED); }
    static inline long long dnsscan_add(long long *word, long long by) {
        return __atomic_add_fetch(word, by, __ATOMIC_RELAXED);
    }
    static inline int dnsscan_swap(long long *word, long long from, long long to) {
        return __atomic_compare_exchange_n(word, &from, to, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
    """
    long long load "dnsscan_load"(long long *word) noexcept nogil
    long long add "dnsscan_add"(long long *word, long long by) noexcept nogil
    bint swap "dnsscan_swap"(long long *word, long long from_, long long to) noexcept nogil

cdef enum:
    NEVER = -1

cdef struct BucketState:    # tokens, kept as the time at which the bucket was, or will be, empty
    BucketState *whole      # of which a query takes a token too; NULL = none
    double rate             # queries a second, 0 = no limit
    double size_ns          # of time that a full bucket stands for
    double token_ns
    long long empty_at      # ns, monotonic, NEVER = not used yet; shared

cdef inline int available(BucketState *bucket, double now, int most) noexcept nogil:
    """How many of `most` queries may leave now."""
    if bucket.whole is not NULL:
        most = available_here(bucket.whole, now, most)
    return available_here(bucket, now, most)

cdef inline int available_here(BucketState *bucket, double now, int most) noexcept nogil:
    cdef long long empty_at
    if bucket.rate <= 0:
        return most
    empty_at = load(&bucket.empty_at)
    if empty_at == NEVER:
        return min(most, 1)
    return <int>min(<double>most, max(0.0, min(bucket.size_ns, now * 1e9 - empty_at)) / bucket.token_ns + 1e-6)

cdef inline double token_after(BucketState *bucket, double now) noexcept nogil:
    """Seconds until the next query may leave."""
    cdef double after = token_after_here(bucket, now)
    return max(after, token_after_here(bucket.whole, now)) if bucket.whole is not NULL else after

cdef inline double token_after_here(BucketState *bucket, double now) noexcept nogil:
    cdef long long empty_at
    if bucket.rate <= 0:
        return 0
    empty_at = load(&bucket.empty_at)
    return max(0.0, (empty_at + bucket.token_ns) * 1e-9 - now) if empty_at != NEVER else 0.0

cdef inline int take_tokens(BucketState *bucket, double now, int wanted) noexcept nogil:
    """Take up to `wanted` tokens, of the whole too; returns how many."""
    cdef int count = take_here(bucket, now, wanted), allowed
    if bucket.whole is NULL:
        return count
    allowed = take_here(bucket.whole, now, count)
    return_here(bucket, count - allowed)
    return allowed

cdef inline int take_here(BucketState *bucket, double now, int wanted) noexcept nogil:
    cdef long long seen, begin
    cdef int count
    if bucket.rate <= 0:
        return wanted
    while True:
        seen = load(&bucket.empty_at)
        count = available_here(bucket, now, wanted)
        if count <= 0:
            return 0
        begin = <long long>(now * 1e9 - (bucket.token_ns if seen == NEVER else bucket.size_ns))
        if seen != NEVER and seen > begin:
            begin = seen
        if swap(&bucket.empty_at, seen, begin + <long long>(count * bucket.token_ns)):
            return count

cdef inline void return_tokens(BucketState *bucket, int count) noexcept nogil:
    """Tokens that were taken and not used."""
    return_here(bucket, count)
    if bucket.whole is not NULL:
        return_here(bucket.whole, count)

cdef inline void return_here(BucketState *bucket, int count) noexcept nogil:
    if count > 0 and bucket.rate > 0:
        add(&bucket.empty_at, -<long long>(count * bucket.token_ns))

cdef class Bucket:
    cdef BucketState state
    cdef Bucket whole       # whose state is `state.whole`

cdef class Budget:
    """Queries that a scan may still send in all."""
    cdef readonly int64_t most
    cdef long long left                 # that nobody has taken; shared
    cdef long long sent                 # shared
    cdef inline bint is_taken(self) noexcept nogil:
        """No query is left to be taken."""
        return load(&self.left) <= 0
    cdef int take(self, int wanted) noexcept nogil
    cdef void settle(self, int taken, int sent) noexcept nogil
