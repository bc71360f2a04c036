"""From a job and its verdict to one compact JSONL line, with the fields that are wanted."""

from scanner.native.jobs.books cimport Books
from scanner.native.jobs.job cimport Job
from scanner.native.output.buffer cimport LineBuffer, Span
from scanner.native.output.writer cimport LineWriter
from scanner.native.verdict cimport Reason, Verdict

cdef class CompactWriter(LineWriter):
    cdef list type_tags                 # `,"t":"NS"` by type index
    cdef Span tags[32]                  # the same
    cdef bint with_why, with_time, with_us
    cdef Span no_lists                  # of a line without a response: lists that are empty, so that they can be walked
