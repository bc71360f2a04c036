class Tally:
    queries: int
    answers: int
    losses: int
    pauses: int
    reconnects: int
    seconds: float
    def add(self, other: Tally) -> None: ...
    def quantile_ms(self, share: float) -> float | None: ...
    def octaves(self) -> list[tuple[float, int]]: ...
