from scanner.lab.path import LabPath

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
        path: LabPath | None = None,
        seed: int = 1,
    ) -> None: ...
    def run(self) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...
    def counts(self) -> dict[str, int | float]: ...

def address(index: int) -> str: ...
