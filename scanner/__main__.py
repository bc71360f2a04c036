"""`python -m scanner` and the `dnsscan` command."""

import _signal  # type: ignore[import-not-found]  # `signal` takes milliseconds, in which Ctrl-C shows a traceback


def main() -> None:
    """Run the command line; imported late so that `--version` stays quick. Until the scan has its own handlers, Ctrl-C
    ends the program without a traceback."""
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    from scanner.cli.main import dnsscan

    dnsscan()


if __name__ == "__main__":
    main()
