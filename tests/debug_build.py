"""Is this the debug build (scripts/debug-test)? It runs a tenth as fast, and shows at once what it can show."""

import os

IS_DEBUG_BUILD = "libasan" in os.environ.get("LD_PRELOAD", "")


def fewer(count: int) -> int:
    """So many rounds; a tenth of them in the debug build, which looks for wrong memory and not for rare messages."""
    return count // 10 if IS_DEBUG_BUILD else count


def some(cases: list) -> list:
    """All of them; every tenth in the debug build."""
    return cases[:: 10 if IS_DEBUG_BUILD else 1]
