"""`python -m scanner` and the `dnsscan` command."""

import signal


def main() -> None:
    """Run the command line; imported late so that `--version` stays quick. Until the scan has its own handlers, Ctrl-C
    ends the program without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from scanner.cli import dnsscan

    dnsscan()


if __name__ == "__main__":
    main()
