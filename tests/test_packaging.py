"""What is shipped can be imported, and is complete."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

import zerotube


def _modules() -> list[str]:
    found = pkgutil.walk_packages(zerotube.__path__, prefix="zerotube.")
    return [module.name for module in found if module.name != "zerotube.__main__"]


@pytest.mark.parametrize("name", _modules())
def test_every_module_imports(name: str) -> None:
    import_module(name)


@pytest.mark.parametrize("name", zerotube.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(zerotube, name) is not None
    assert name in dir(zerotube)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        zerotube.nonsense  # noqa: B018


def test_folders_are_packages(repository: Path) -> None:
    source = repository / "src" / "zerotube"
    for path in source.rglob("*.py"):
        assert (path.parent / "__init__.py").is_file(), path.parent


def test_lock_is_plain(repository: Path) -> None:
    """Pins only: no index, file or environment of the machine that made the lock."""
    for line in (repository / "requirements.lock").read_text(encoding="utf-8").splitlines():
        pin = line.partition(";")[0].strip()
        name, separator, version = pin.partition("==")
        assert separator, line
        assert name.replace("-", "").replace("_", "").replace(".", "").isalnum(), line
        assert version.replace(".", "").isalnum(), line


def test_lock_holds_every_dependency(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    lock = (repository / "requirements.lock").read_text(encoding="utf-8")
    pinned = {line.partition("==")[0] for line in lock.splitlines()}
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    for requirement in asked:
        name = requirement.partition(">")[0].partition("<")[0].partition("=")[0].strip()
        assert name in pinned


def test_wheel_is_complete(repository: Path, tmp_path: Path) -> None:
    """The wheel holds the bundled model and the type marker, and stays small."""
    from hatchling.builders.wheel import WheelBuilder

    built = next(WheelBuilder(str(repository)).build(directory=str(tmp_path)))
    with zipfile.ZipFile(built) as wheel:
        names = set(wheel.namelist())
        size = sum(info.file_size for info in wheel.infolist())
    source = repository / "src"
    for path in source.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.relative_to(source).as_posix() in names
    assert "zerotube/py.typed" in names
    assert "zerotube/bundled/model.safetensors" in names
    assert size < 20e6


def test_module_runs_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "zerotube", "nonsense"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "nonsense" in done.stderr
