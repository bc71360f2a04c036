"""Building a test's own Cython source, beside the sources of the product that it reads."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

SCRIPT = """
import sys
from Cython.Build import cythonize
from setuptools import Extension, setup
name, source, build, include = sys.argv[1:5]
modules = cythonize([Extension(name, [source])], build_dir=build, include_path=[include], quiet=True)
setup(name=name, ext_modules=modules, script_args=["--quiet", "build_ext", "--build-lib", build, "--build-temp", build])
"""


def build(name: str, folder: Path) -> ModuleType:
    """The module made of `tests/NAME.pyx`, in a folder of its own."""
    source = Path(__file__).with_name(f"{name}.pyx")
    words = [sys.executable, "-c", SCRIPT, name, str(source), str(folder), str(source.parent.parent)]
    subprocess.run(words, check=True, cwd=folder, capture_output=True)
    (built,) = folder.glob(f"{name}*.so")
    spec = importlib.util.spec_from_file_location(name, built)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
