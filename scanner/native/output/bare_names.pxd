"""From a job to a line that is its name as it stood in the input, in UTF-8, and nothing else."""

from scanner.native.jobs.books cimport Books
from scanner.native.jobs.job cimport Job
from scanner.native.output.buffer cimport LineBuffer, Span
from scanner.native.output.writer cimport LineWriter
from scanner.native.verdict cimport Reason, Verdict

cdef class NamesWriter(LineWriter):
    pass
