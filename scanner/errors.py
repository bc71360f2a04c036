"""The three kinds of wrong. The network's trouble is data (a reason on a line); a bug falls loudly; this file is
the third kind: what the user can fix, in one line."""

EXIT_CODES = {
    0: "every line has its result, whatever the DNS answered",
    1: "our fault, or the input ended with a read error",
    2: "usage, config or input; before any packet",
    3: "nothing could be reached: every proxy or resolver is dead (each name still has its line)",
    4: "the output could not be written",
    5: "stopped by a budget: what has no line is counted as unfinished, and --resume asks for it",
    129: "stopped by SIGHUP (not under nohup)",
    130: "stopped by SIGINT (Ctrl-C)",
    141: "the reader of stdout went away",
    143: "stopped by SIGTERM",
}
"""What a scan's exit code means: the closed list."""


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
