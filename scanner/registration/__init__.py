"""What the registries say of names that the DNS does not know. A program of its own beside the scan."""
