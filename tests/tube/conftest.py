"""Groundings that the tests of this folder share; none of them is changed by a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tube.scene import make_result, write_squares
from zerotube.tube.types import GroundingResult


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 frames of 96 x 64 pixels."""
    path = tmp_path_factory.mktemp("source") / "squares.mp4"
    write_squares(path, 96, 64, 24)
    return path


@pytest.fixture(scope="session")
def result(source: Path) -> GroundingResult:
    """The red square of `source`, over its middle."""
    return make_result(source)
