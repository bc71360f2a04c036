"""The programs beside the scan: the flags of each in the file of its name."""
