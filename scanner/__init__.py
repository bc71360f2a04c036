"""dnsscan: names on stdin, one verdict a line on stdout, through tunnels that nothing shares."""

__version__ = "0.1.0"
