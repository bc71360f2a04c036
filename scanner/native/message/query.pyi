class QueryForm:
    def __init__(
        self, *, flags: int = 0x0100, qclass: int = 1, edns: bool = True, dnssec: bool = False, cookie: bool = False,
        options: bytes = b"",
    ) -> None: ...  # fmt: skip

def encode(text: bytes, qtype: int, message_id: int, edns: bool = True) -> bytes: ...
