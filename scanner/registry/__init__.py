"""The servers of registries: which zone delegates the names of a suffix, and who serves it."""
