"""Fixtures and settings that every test shares."""

from __future__ import annotations

import os
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from zerotube.mllm.base import VideoMLLM
    from zerotube.mllm.types import VisualContext

REPOSITORY = Path(__file__).resolve().parents[1]

# Set before anything imports huggingface_hub, which reads it once: no test asks the network.
os.environ["HF_HUB_OFFLINE"] = "1"

# Beside other workers each one, and every process it starts, computes in one thread. Set before
# anything imports torch, which reads it once.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test reads or writes the user's own cache; `own_cache` gives each test one of its own.
_CACHE = tempfile.TemporaryDirectory(prefix="zerotube-tests-")
os.environ["ZEROTUBE_CACHE"] = _CACHE.name
_NUMBERS = count()

# No deadline: a shared machine makes single examples slow without making them wrong.
settings.register_profile(
    "zerotube", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("zerotube")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder that nothing else uses: whether something is kept depends on the test alone.

    The folder is made when something is written, which most tests never do.
    """
    own = tmp_path_factory.getbasetemp() / f"cache-{next(_NUMBERS)}"
    monkeypatch.setenv("ZEROTUBE_CACHE", str(own))


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the source tree."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_clips() -> Path:
    """Folder of real footage, ``clips`` inside ``ZEROTUBE_SHARED`` or ``../shared``."""
    folder = Path(os.environ.get("ZEROTUBE_SHARED", REPOSITORY.parent / "shared")) / "clips"
    if not folder.is_dir():
        pytest.skip(f"no real footage at {folder}; set ZEROTUBE_SHARED to the folder above it")
    return folder


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy LLaVA-OneVision checkpoint of three layers on disk."""
    from toys import llava_onevision

    return llava_onevision.write(tmp_path_factory.mktemp("toy") / "llava-onevision", layers=3)


@pytest.fixture(scope="session")
def toy(toy_folder: Path) -> VideoMLLM:
    """The toy in float64."""
    from toy import load_toy

    return load_toy(toy_folder)


@pytest.fixture(scope="session")
def context(toy: VideoMLLM) -> VisualContext:
    """Three frames of noise, encoded by the toy."""
    from toy import noise_clip

    return toy.encode(noise_clip())
