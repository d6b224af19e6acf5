"""The benchmarks' own modules, which are scripts beside the package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def script(repository: Path) -> Iterator[Callable[[str], ModuleType]]:
    """Imports a module of ``benchmarks/`` by name."""
    folder = repository / "benchmarks"
    if not folder.is_dir():
        pytest.skip("benchmarks/ is not part of an installed package")
    sys.path.insert(0, str(folder))
    yield importlib.import_module
    sys.path.remove(str(folder))
