class RetryQueue:
    workers: int
    egresses: int
    resolvers: int
    def __len__(self) -> int: ...
