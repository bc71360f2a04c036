"""Suffixes under which every name exists (a wildcard): there an answer is no lie. No resolver can tell; all of them
together can."""

from collections.abc import Iterable

from scanner.vetting.findings import Findings

AGREEING_MIN = 2  # resolvers


def wildcards(findings: Iterable[Findings], suffixes: Iterable[str]) -> list[str]:
    """Those under which more of the resolvers that are honest elsewhere have an answer than deny there is one."""
    honest = [each.honesty for each in findings if each.honesty.is_sound]
    found = []
    for suffix in suffixes:
        seen = [each.about(suffix) for each in honest]
        if seen.count(False) >= AGREEING_MIN and seen.count(False) > seen.count(True):
            found.append(suffix)
    return found
