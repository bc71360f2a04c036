# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Walking a name through its pointers, for three purposes."""

from libc.string cimport memcpy

from scanner.native.message.cursor cimport cursor_over, refuse
from scanner.native.message.name cimport same_name
from scanner.native.message.text cimport ESCAPED_MAX, OF_NAMES, escaped, has_room

cdef struct Walk:               # through one name
    const uint8_t *message
    Py_ssize_t at               # of the next label's length
    Py_ssize_t start            # of the piece that is being read
    Py_ssize_t end              # of what may be read of it
    Py_ssize_t behind           # offset behind the name where it began; 0 while no pointer was met
    int pointers
    int size                    # octets of the name so far


cdef inline void begin(Walk *walk, const uint8_t *message, Py_ssize_t at, Py_ssize_t end) noexcept nogil:
    walk.message = message
    walk.at, walk.start, walk.end = at, at, end
    walk.behind = walk.pointers = walk.size = 0


cdef inline int next_label(Walk *walk) noexcept nogil:
    """The size of the next label, which ends at `walk.at` then; 0 for the root, -1 where it cannot be."""
    cdef Py_ssize_t target
    cdef int size
    while walk.at < walk.end:
        size = walk.message[walk.at]
        if size < 64:
            walk.at += 1 + size
            walk.size += 1 + size
            return size if walk.at <= walk.end and walk.size <= QNAME_MAX else -1
        if size < 0xC0 or walk.at + 1 >= walk.end or walk.pointers == POINTERS_MAX:
            return -1
        target = (size & 0x3F) << 8 | walk.message[walk.at + 1]
        if walk.pointers == 0:
            walk.behind = walk.at + 2
        if target >= walk.start:
            return -1
        walk.pointers += 1
        walk.end = walk.start
        walk.at = walk.start = target
    return -1


cdef inline void leave(Walk *walk, Cursor *cursor) noexcept nogil:
    cursor.at = walk.behind or walk.at


cdef bint read_name(Cursor *cursor, Name *name) noexcept nogil:
    """The name at the cursor, which then is behind it; False when it cannot be read."""
    cdef Walk walk
    cdef int size = 1
    begin(&walk, cursor.message, cursor.at, cursor.end)
    while size > 0:
        size = next_label(&walk)
        if size < 0:
            refuse(cursor)
            return False
        memcpy(name.wire + walk.size - 1 - size, cursor.message + walk.at - 1 - size, size + 1)
    name.size = walk.size
    name.offset = cursor.at
    leave(&walk, cursor)
    return True


cdef void put_name(Cursor *cursor, Text *text, bint compressed) noexcept nogil:
    """The name at the cursor, with its last dot."""
    cdef Walk walk
    cdef int size = 1
    cdef char *at = text.at
    if not has_room(text, QNAME_MAX * ESCAPED_MAX):
        refuse(cursor)
        return
    begin(&walk, cursor.message, cursor.at, cursor.end)
    while size > 0:
        size = next_label(&walk)
        if size > 0 or walk.size == 1:
            at = escaped(at, cursor.message + walk.at - size, size, OF_NAMES)
            at[0] = 46
            at += 1
    text.left -= at - text.at + walk.pointers
    text.at = at
    if size < 0 or (walk.pointers and not compressed):
        refuse(cursor)
        return
    leave(&walk, cursor)


cdef void put_plain_name(const Name *name, Text *text) noexcept nogil:
    cdef Cursor cursor = cursor_over(name.wire, 0, name.size)
    put_name(&cursor, text, False)


cdef int labels_below(const Name *name, const Name *above) noexcept nogil:
    """Octets of the labels that `name` has before those of `above`; 0 where it does not lie below it."""
    cdef int at = 0
    while name.size - at > above.size:
        at += 1 + name.wire[at]
    return at if name.size - at == above.size and same_name(name.wire + at, above.wire, above.size) else 0


cdef bint compare(Owners *owners, Py_ssize_t at) noexcept nogil:
    """Label by label, to the first that differs."""
    cdef Walk walk
    cdef int size
    cdef const Name *name = owners.name
    begin(&walk, owners.message, at, owners.length)
    while owners.work[0] > 0:
        size = next_label(&walk)
        if size < 0 or walk.size > name.size:
            return False
        owners.work[0] -= 1 + size
        if not same_name(owners.message + walk.at - 1 - size, name.wire + walk.size - 1 - size, 1 + size):
            return False
        if size == 0:
            owners.work[0] -= walk.pointers
            return walk.size == name.size
    return False


cdef bint is_owner(Owners *owners, Py_ssize_t at) noexcept nogil:
    """Whether the record whose owner stands at `at` belongs to the name. Most owners are one pointer, the same again."""
    cdef Py_ssize_t pointer
    if at + 1 >= owners.length or owners.message[at] < 0xC0:
        return compare(owners, at)
    pointer = (owners.message[at] & 0x3F) << 8 | owners.message[at + 1]
    if pointer != owners.pointer:
        owners.same = 0 < pointer == owners.name.offset and pointer < at or compare(owners, at)
        owners.pointer = pointer
    return owners.same
