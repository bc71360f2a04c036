"""The three kinds of wrong. The network's trouble is data (a reason on a line); a bug falls loudly; this file is
the third kind: what the user can fix, in one line."""


class ScanError(Exception):
    """What the user can fix: one line on stderr, then `exit_code`.

    The text says what, where, the token and what would be right; never a secret.
    """

    exit_code = 2


class OutputError(ScanError):
    """The output could not be written (disk full, stdout closed)."""

    exit_code = 4


class InputEndedEarly(ScanError):
    """The input could not be read to its end; every line that was read has its line."""

    exit_code = 1


class ReaderGone(ScanError):
    """The reader of stdout went away (EPIPE); the exit code alone says it."""

    exit_code = 141
