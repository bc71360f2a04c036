"""Octets of names eight at a time: which are ASCII letters, and in which case they are. Plain C on borrowed octets.

A word is eight octets as they lie in memory; what is said of one holds for each octet by itself, whatever their order in a
word is on this machine.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    WORD = 8            # octets

cdef inline uint64_t each(uint64_t octet) noexcept nogil:
    """A word of the same octet."""
    return octet * 0x0101010101010101ULL

cdef inline uint64_t word_at(const uint8_t *octets, Py_ssize_t count) noexcept nogil:
    """The first of these, at most a word of them; zeros behind."""
    cdef uint64_t word = 0
    if count >= WORD:
        memcpy(&word, octets, WORD)
    else:
        memcpy(&word, octets, count)
    return word

cdef inline uint64_t letters_in(uint64_t word) noexcept nogil:
    """The bit of case, 32, for each octet that is a letter."""
    cdef uint64_t lower = (word | each(32)) & each(127)
    cdef uint64_t from_a = lower + each(128 - 97)       # the eighth bit: `a` or more
    cdef uint64_t beyond_z = lower + each(128 - 123)    # the same: more than `z`
    return (from_a & ~beyond_z & ~word & each(128)) >> 2

cdef inline bint differs_in_case_alone(uint64_t word, uint64_t other) noexcept nogil:
    """If at all."""
    return (word ^ other) & ~letters_in(word) == 0

cdef inline uint64_t in_case(uint64_t word, uint64_t case_bits, int number) noexcept nogil:
    """Word `number` of a name, each letter in the case that its own one of these bits asks for: octet i of the word has
    bit 8 i + number. Beyond a name's first 64 octets the bits come again."""
    cdef uint64_t letters = letters_in(word)
    return (word | letters) ^ ((case_bits >> (number & 7) & each(1)) << 5 & letters)
