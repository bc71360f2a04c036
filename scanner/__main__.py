"""`python -m scanner` and the `dnsscan` command."""


def main() -> None:
    """Run the command line; imported late so that `--version` stays quick."""
    from scanner.cli import dnsscan

    dnsscan()


if __name__ == "__main__":
    main()
