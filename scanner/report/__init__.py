"""`dnsscan report`: the lines of a scan, and what it told of itself, as one page."""
