class LabServer:
    port: int
    queries: int
    def __init__(
        self,
        *,
        port: int = 0,
        addresses: int = 1,
        nx: float = 0.05,
        loss: float = 0,
        delay_ms: tuple[int, int] = (0, 0),
        seed: int = 1,
    ) -> None: ...
    def run(self) -> None: ...
    def stop(self) -> None: ...

def address(index: int) -> str: ...
