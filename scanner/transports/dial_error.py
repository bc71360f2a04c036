"""What goes wrong while a connection is opened: data for the worker, never seen by the user as an exception."""


class DialError(Exception):
    """`reason` is a word of `model.REASONS` (connection, proxy, timeout, tls); the text is for one warning, without
    secrets."""

    def __init__(self, reason: str, text: str):
        super().__init__(text)
        self.reason = reason
