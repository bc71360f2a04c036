"""The native code's tests once more, against a build with bounds checks, AddressSanitizer and UBSan."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from debug_build import IS_DEBUG_BUILD

ROOT = Path(__file__).parent.parent
LIMIT_S = 1500  # five minutes beside other tests on two cores


def has_libasan() -> bool:
    """gcc answers with the bare name when it has no such file."""
    if shutil.which("gcc") is None:
        return False
    asked = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    return Path(asked.stdout.strip()).is_absolute()


@pytest.mark.timeout(LIMIT_S + 20)
@pytest.mark.skipif(IS_DEBUG_BUILD, reason="this is the debug build already")
@pytest.mark.skipif(not has_libasan(), reason="gcc, or its libasan, is not installed")
def test_the_native_code_is_clean_under_bounds_checks_and_sanitizers():
    pytest.importorskip("Cython", reason="Cython is not installed")
    done = subprocess.run(
        [ROOT / "scripts" / "debug-test"],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
