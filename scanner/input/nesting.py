"""How deep a value of JSON nests. What is read with one library may be too deep for another to write or print."""

NESTED_MAX = 64  # levels; nothing that this program writes has more than four


def is_too_deep(value: object) -> bool:
    """True for lists and objects in each other beyond NESTED_MAX levels. It uses no stack of its own."""
    level = [value]
    for _ in range(NESTED_MAX + 1):
        level = [each for outer in level for each in members(outer)]
        if not level:
            return False
    return True


def members(value: object) -> list[object]:
    """What stands in a list or an object."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
