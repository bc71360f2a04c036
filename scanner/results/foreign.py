"""Lines in the formats of other programs, told from ours: what reads ours can say what it was given."""

import orjson


def form_of(line: bytes) -> str:
    """`massdns` or `zdns` for a line of theirs; nothing for any other."""
    if not line.lstrip().startswith(b'{"'):
        return ""
    try:
        row = orjson.loads(line)
    except ValueError:
        return ""
    if not isinstance(row, dict) or not isinstance(row.get("name"), str) or "d" in row:
        return ""
    if isinstance(row.get("results"), dict):
        return "zdns"
    return "massdns" if "status" in row or "error" in row else ""
