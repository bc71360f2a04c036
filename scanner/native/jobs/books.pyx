# cython: language_level=3
# cython: freethreading_compatible=True
"""The books as Python reads them."""

from scanner.model import REASONS, VERDICTS

ENTRIES = (
    ("read", "input lines read"),
    ("blank", "of them: blank lines and comments"),
    ("written", "output lines written"),
    ("filtered", "output lines that --only left out"),
    ("expected", "output lines that the lines read ask for"),
    ("skipped", "output lines that an earlier run has written"),
    ("unfinished", "output lines left to another run"),
    ("taken", "names that exist"),
    ("nxdomain", "names that do not exist"),
    ("error", "names of which nothing is known"),
    ("retried", "attempts after a name's first"),
    ("requeued", "queries asked once more without an attempt spent"),
    ("second", "names tried once more at the end"),
    ("recovered", "of them: with a verdict"),
    ("random", "random names asked beside those of the input"),
    ("uncompared", "names that exist and were compared with no random name: those got no answer"),
    ("doubted", "NXDOMAINs that a trusted resolver was asked about"),
)
"""The entries by name and meaning, in the order of the struct."""

cdef dict INDEXES = {name: index for index, (name, _) in enumerate(ENTRIES)}
assert len(ENTRIES) == ENTRY_COUNT
assert len(REASONS) == REASON_COUNT
assert [name for name, _ in ENTRIES[NAMES_TAKEN:NAMES_ERROR + 1]] == list(VERDICTS)


cdef class Books:
    """The counts of ENTRIES, and the names by reason."""

    def count(self, str name not None) -> int:
        """One entry by its name. Raises KeyError."""
        cdef int index = INDEXES[name]
        return self.entries[index]

    def counts(self) -> dict:
        """All entries by name, and `reasons`: those that occur, by name."""
        counts = {name: self.entries[index] for index, (name, _) in enumerate(ENTRIES)}
        counts["reasons"] = {REASONS[i]: self.reasons[i] for i in range(1, REASON_COUNT) if self.reasons[i]}
        return counts
