"""The version, below everything else, so that no module imports the whole package for it."""

__version__ = "0.1.0"
