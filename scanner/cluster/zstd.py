"""Zstandard: of the standard library from Python 3.14 on."""

import sys

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdCompressor, ZstdFile
else:
    from backports.zstd import ZstdCompressor, ZstdFile

__all__ = ["ZstdCompressor", "ZstdFile"]
