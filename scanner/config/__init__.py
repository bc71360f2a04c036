"""What a scan or a confirmation is given: the options, the file, each value checked."""
