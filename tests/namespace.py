"""A network namespace of one's own: loopback and rules of nftables, and nobody else. Any user may make one, where the
machine allows it."""

import shutil
import subprocess
from pathlib import Path

NAMESPACE = ("unshare", "--map-root-user", "--net")
SETTING_UP = 'ip link set lo up && nft -f "$1" && shift && exec "$@"'


def can_be_made() -> bool:
    """False where there is no nft, or no leave for a namespace."""
    tried = [*NAMESPACE, "nft", "list", "ruleset"]
    return shutil.which("nft") is not None and not subprocess.run(tried, capture_output=True, check=False).returncode


def inside(rules: Path, *command: object) -> list[str]:
    """The argument list that runs `command` in a new namespace with the rules of a file."""
    return [str(word) for word in (*NAMESPACE, "sh", "-c", SETTING_UP, "sh", rules, *command)]
