"""What the registries know of names that are not in the DNS. A program of its own beside the scan."""
