"""`dnsscan report`: the lines of a scan, and what it recorded of itself, as one page."""
