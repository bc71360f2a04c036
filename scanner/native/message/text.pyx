# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Numbers, strings, hex, base32hex, base64 and addresses as presentation form writes them."""

cdef const char *HEX = b"0123456789abcdef"
cdef const char *BASE32 = b"0123456789abcdefghijklmnopqrstuv"       # "extended hex" (RFC 4648 section 7), lower case
cdef const char *BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
cdef Escape DECIMALS[256]       # never written after import


cdef object in_json(str presented):
    """As it stands inside a JSON string."""
    return presented.replace("\\", "\\\\").replace('"', '\\"').encode("ascii")


cdef int fill(Escape *escape, bytes form) except -1:
    cdef int index
    if len(form) > ESCAPED_MAX:
        raise ValueError(form)
    for index in range(len(form)):
        escape.octets[index] = form[index]
    escape.length = len(form)
    return 0


def form_of(int octet, str special, int least) -> str:
    """`\\DDD` for what is not printable (below `least`, above 126), a backslash before what is `special`."""
    if not least <= octet <= 126:
        return f"\\{octet:03d}"
    return f"\\{octet:c}" if chr(octet) in special else chr(octet)


cdef int octet_
cdef str plain_
for octet_ in range(256):
    plain_ = form_of(octet_, '"\\', 32)
    fill(&OF_NAMES[octet_], in_json(form_of(octet_, '"().;\\@$', 33)))
    fill(&OF_STRINGS[octet_], in_json(plain_))
    fill(&OF_LISTS[octet_], in_json("\\\\" + plain_ if chr(octet_) in ",\\" else plain_))
    fill(&OF_TEXTS[octet_], in_json(form_of(octet_, "\\", 32)))
    fill(&DECIMALS[octet_], str(octet_).encode())


cdef void put_decimal(Text *text, uint32_t number) noexcept nogil:
    cdef char digits[10]
    cdef int count = 10
    if number < 256:
        put(text, DECIMALS[number].octets, DECIMALS[number].length)
        return
    while number:
        count -= 1
        digits[count] = <char>(48 + number % 10)
        number //= 10
    put(text, digits + count, 10 - count)


cdef void put_pair(Text *text, int number) noexcept nogil:
    """Two digits, the last two of a number."""
    if claim(text, 2):
        text.at[0], text.at[1] = <char>(48 + number // 10 % 10), <char>(48 + number % 10)
        text.at += 2


cdef void put_string(Text *text, const uint8_t *octets, Py_ssize_t count) noexcept nogil:
    """In quotes."""
    put(text, b'\\"', 2)
    put_escaped(text, octets, count, OF_STRINGS)
    put(text, b'\\"', 2)


cdef void put_hex(Text *text, const uint8_t *octets, Py_ssize_t count) noexcept nogil:
    """In lower case, without spaces."""
    cdef Py_ssize_t index
    if claim(text, 2 * count):
        for index in range(count):
            text.at[2 * index] = HEX[octets[index] >> 4]
            text.at[2 * index + 1] = HEX[octets[index] & 15]
        text.at += 2 * count


cdef void put_base32(Text *text, const uint8_t *octets, Py_ssize_t count) noexcept nogil:
    """Without padding (RFC 5155 section 3.3)."""
    cdef Py_ssize_t index
    cdef uint32_t held = 0
    cdef int bits = 0
    if not claim(text, (8 * count + 4) // 5):
        return
    for index in range(count):
        held = held << 8 | octets[index]
        bits += 8
        while bits >= 5:
            bits -= 5
            text.at[0] = BASE32[held >> bits & 31]
            text.at += 1
    if bits:
        text.at[0] = BASE32[held << (5 - bits) & 31]
        text.at += 1


cdef void put_base64(Text *text, const uint8_t *octets, Py_ssize_t count) noexcept nogil:
    """With padding, without spaces."""
    cdef char *at = text.at
    cdef uint32_t three
    if not claim(text, (count + 2) // 3 * 4):
        return
    while count > 0:
        three = octets[0] << 16
        three |= (octets[1] << 8 if count > 1 else 0) | (octets[2] if count > 2 else 0)
        at[0], at[1] = BASE64[three >> 18], BASE64[three >> 12 & 63]
        at[2] = BASE64[three >> 6 & 63] if count > 1 else 61
        at[3] = BASE64[three & 63] if count > 2 else 61
        at += 4
        octets += 3
        count -= 3
    text.at = at


cdef void put_ipv4(Text *text, const uint8_t *octets) noexcept nogil:
    cdef char *begin = text.at
    cdef char *at = begin
    cdef int index
    cdef const Escape *decimal
    if not claim(text, 15):
        return
    for index in range(4):
        decimal = &DECIMALS[octets[index]]
        memcpy(at, decimal.octets, 4)
        at += decimal.length
        at[0] = 46
        at += 1
    text.at = at - 1
    text.left += 15 - (text.at - begin)


cdef void put_group(Text *text, int group) noexcept nogil:
    """Of an IPv6 address: hex without zeros before it."""
    cdef int shift = 12
    while shift and group >> shift == 0:
        shift -= 4
    while shift >= 0:
        put_one(text, HEX[group >> shift & 15])
        shift -= 4


cdef void put_ipv6(Text *text, const uint8_t *octets) noexcept nogil:
    """RFC 5952: the longest run of zeros, of two or more groups, is `::`; mapped and compatible ones end as IPv4."""
    cdef int groups[8]
    cdef int index, run = 0, longest = 1, where = -1, before = 8
    for index in range(8):
        groups[index] = octets[2 * index] << 8 | octets[2 * index + 1]
        run = 0 if groups[index] else run + 1
        if run > longest:
            longest, where = run, index + 1 - run
    if where == 0 and (longest == 6 or longest == 5 and groups[5] == 0xFFFF):
        before = 6
    index = 0
    while index < before:
        if index == where:
            put(text, b"::", 2)
            index += longest
            continue
        put_group(text, groups[index])
        index += 1
        if index < 8 and index != where:
            put_one(text, 58)
    if before == 6:
        put_ipv4(text, octets + 12)
