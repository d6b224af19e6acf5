"""Seconds and peak memory of the stages, and the versions of what ran."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

import torch

from zerotube.check.types import CheckLine
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.weights import gib

PACKAGES = ("zerotube", "torch", "transformers", "tokenizers", "safetensors", "numpy")


@dataclass
class Stage:
    """What one stage took.

    Attributes:
        seconds: in all.
        times: how often it ran.
        peak_bytes: most memory during it; None where it cannot be told.
    """

    seconds: float = 0.0
    times: int = 0
    peak_bytes: int | None = None


@dataclass
class Meter:
    """Takes the time of named stages."""

    stages: dict[str, Stage] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Count the block as one run of a stage."""
        cards = range(torch.cuda.device_count())
        for card in cards:
            torch.cuda.reset_peak_memory_stats(card)
        entry = self.stages.setdefault(name, Stage())
        begin = time.perf_counter()
        try:
            yield entry
        finally:
            for card in cards:
                torch.cuda.synchronize(card)
            entry.seconds += time.perf_counter() - begin
            entry.times += 1
            peak = _peak_bytes()
            if peak is not None:
                entry.peak_bytes = max(peak, entry.peak_bytes or 0)

    def line(self) -> CheckLine:
        """Every stage, and the most memory of all."""
        peaks = [one.peak_bytes for one in self.stages.values() if one.peak_bytes is not None]
        each = [
            f"{name} {one.seconds / max(one.times, 1):.2f} s"
            + (f" x {one.times}" if one.times > 1 else "")
            + ("" if one.peak_bytes is None else f", {gib(one.peak_bytes)}")
            for name, one in self.stages.items()
        ]
        of = "GPU memory" if torch.cuda.device_count() else "the process"
        return CheckLine(
            "cost",
            "info",
            (f"peak of {of} {gib(max(peaks))}; " if peaks else "")
            + f"{sum(one.seconds for one in self.stages.values()):.0f} s in all stages",
            "; ".join(each),
            values={
                name: {
                    "seconds": round(one.seconds, 3),
                    "times": one.times,
                    "peak_bytes": one.peak_bytes,
                }
                for name, one in self.stages.items()
            },
        )


def _peak_bytes() -> int | None:
    """Peak of the GPUs since the stage began; without one that of the process since it began."""
    cards = torch.cuda.device_count()
    if cards:
        return sum(torch.cuda.max_memory_allocated(card) for card in range(cards))
    try:
        import resource
    except ImportError:  # not a POSIX system
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024


def versions_line(model: VideoMLLM | None) -> CheckLine:
    """What ran, and on what.

    Args:
        model: None where it could not be loaded.
    """
    found = {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}
    device = "CPU" if model is None else str(model.device)
    if model is not None and model.device.type == "cuda":
        device = f"{device}, {torch.cuda.get_device_name(model.device)}"
    elif model is not None and model.device.type == "cpu":
        device = f"{device}, {torch.get_num_threads()} threads"
    return CheckLine(
        "versions",
        "info",
        ", ".join(f"{name} {number}" for name, number in found.items()),
        f"{device}; {platform.system()} {platform.machine()}",
        values={**found, "device": device},
    )
