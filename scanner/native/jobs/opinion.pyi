from collections.abc import Iterable, Sequence

class SecondOpinion:
    @property
    def route(self) -> int: ...
    def __init__(
        self, route: int, members: Iterable[int], names: Sequence[str], withheld: Sequence[bytes] = ()
    ) -> None: ...
