"""What a journal belongs to: the settings and the samples of a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zerotube.errors import UsageError
from zerotube.eval.runner.types import RunOptions
from zerotube.eval.types import Benchmark, Sample

_SHOWN = 8
"""Differences that are named."""


@dataclass(frozen=True)
class Identity:
    """Two runs of equal identity come to the same results.

    Attributes:
        settings: of the task, as JSON gives them back.
        samples: the data set, its split, which samples, and a digest of what is asked about them.
    """

    settings: dict[str, Any]
    samples: dict[str, Any]

    @property
    def settings_hash(self) -> str:
        """Digest of the settings, the same for equal ones in any order of keys."""
        return _digest(self.settings)


def identity_of(
    settings: Mapping[str, Any],
    benchmark: Benchmark,
    chosen: Sequence[Sample],
    options: RunOptions,
) -> Identity:
    """What a run is about.

    Args:
        settings: of the task.
        benchmark: where the samples come from.
        chosen: those of this run.
        options: which samples these are.
    """
    asked = [
        [
            sample.sample_id,
            sample.query,
            sample.video_name,
            None
            if sample.segment is None
            else [sample.segment.start_frame, sample.segment.end_frame],
        ]
        for sample in chosen
    ]
    samples = {
        "dataset": benchmark.dataset,
        "split": benchmark.split,
        "limit": options.limit,
        "shard": "{}/{}".format(*options.shard),
        "count": len(chosen),
        "digest": _digest(asked),
    }
    # Through JSON and back, since tuples return as lists.
    return Identity(json.loads(json.dumps(dict(settings))), samples)


def check_same(folder: Path, journalled: Identity, asked: Identity) -> None:
    """Refuse to continue a journal of other settings or samples.

    Raises:
        UsageError: they differ; the differing keys are named with both values.
    """
    differences = [
        *_differences(journalled.samples, asked.samples, "samples"),
        *_differences(journalled.settings, asked.settings, ""),
    ]
    if not differences:
        return
    named = "; ".join(differences[:_SHOWN])
    if len(differences) > _SHOWN:
        named += f"; and {len(differences) - _SHOWN} more"
    raise UsageError(
        f"the run in {folder} with {named}",
        wanted="the settings and samples that it was begun with",
        fix="repeat the command that began it, or choose another folder",
    )


def _differences(old: Any, new: Any, name: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            below = f"{name}.{key}" if name else str(key)
            yield from _differences(old.get(key, _ABSENT), new.get(key, _ABSENT), below)
    # 1 == True == 1.0 in Python, and not in a settings file.
    elif type(old) is not type(new) or old != new:
        yield f"{name} = {_shown(old)} (now {_shown(new)})"


_ABSENT = object()


def _shown(value: Any) -> str:
    return "nothing" if value is _ABSENT else json.dumps(value)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
