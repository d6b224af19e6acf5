"""Generated clips that the report's tests share; no test changes them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from eval.report.made_run import made_samples
from zerotube.eval.types import Sample


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sample, ...]:
    """Fourteen samples of 96 x 96 pixels."""
    return made_samples(tmp_path_factory.mktemp("report") / "clips", 14)


@pytest.fixture(scope="session")
def blind(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """The same without their videos, for tests that look at no picture: nothing is decoded."""
    return tuple(replace(sample, video=None) for sample in samples)
