from scanner.native.input.lines import LineReader

class NameReader:
    @property
    def lines(self) -> LineReader: ...
