"""Toy checkpoints, written once."""

from __future__ import annotations

from pathlib import Path

import pytest

from proposals import toy_checkpoints as toys


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with toy detectors: grounding-dino, mm-grounding-dino and owlv2."""
    folder = tmp_path_factory.mktemp("detectors")
    toys.write_grounding_dino(folder / "grounding-dino")
    toys.write_grounding_dino(folder / "mm-grounding-dino", family="MMGroundingDino")
    toys.write_owlv2(folder / "owlv2")
    return folder


@pytest.fixture(scope="session")
def sam2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy SAM 2 video model."""
    return toys.write_sam2(tmp_path_factory.mktemp("trackers") / "sam2")


@pytest.fixture(scope="session")
def edgetam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy EdgeTAM video model; skips where the package of its backbone is missing."""
    pytest.importorskip("timm", reason="the extra 'edgetam' is not installed")
    return toys.write_edgetam(tmp_path_factory.mktemp("trackers") / "edgetam")


@pytest.fixture(scope="session")
def sam3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy SAM 3 video model."""
    return toys.write_sam3(tmp_path_factory.mktemp("trackers") / "sam3")
