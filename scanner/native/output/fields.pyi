from collections.abc import Sequence

from scanner.native.output.details import ResponseDetails

class ResponseFields(ResponseDetails):
    def __init__(self, fields: Sequence[str]) -> None: ...
