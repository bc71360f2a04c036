"""The command line: the scan's flags in main.py, and those of each program beside it in the file of its name."""
