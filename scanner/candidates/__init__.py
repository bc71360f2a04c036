"""Candidate names from patterns and word lists: a program of its own beside the scan."""
