"""One scan in parts, on many machines: parts are tasks of Dask, files are fsspec's."""
