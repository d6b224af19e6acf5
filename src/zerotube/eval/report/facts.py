"""Settings and timings of a run, as rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zerotube.eval.runner.types import RunRecord


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: its path, dots between the levels.
        value: as JSON, texts without quotes.
        default: likewise; None where there is no default.
        differs: whether the value is not the default.
    """

    name: str
    value: str
    default: str | None
    differs: bool


def setting_rows(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[Setting, ...]:
    """Every setting on a row of its own, in the order given."""
    known = dict(_flat(defaults))
    return tuple(
        Setting(
            name,
            _text(value),
            _text(known[name]) if name in known else None,
            name in known and known[name] != value,
        )
        for name, value in _flat(settings)
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            # Tuples of a dataclass and lists of its JSON are the same setting.
            yield f"{prefix}{name}", list(value) if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


@dataclass(frozen=True)
class Stage:
    """Time that one stage took.

    Attributes:
        name: of the stage.
        samples: how many went through it.
        median_s: seconds per sample.
        total_s: seconds of all samples.
        share: of the time of all stages.
    """

    name: str
    samples: int
    median_s: float
    total_s: float
    share: float


@dataclass(frozen=True)
class Times:
    """Where the time of a run went.

    Attributes:
        stages: in the order in which the samples name them; () if they name none.
        samples: how many finished.
        median_s: seconds per sample, everything counted; None if nothing is known.
        total_s: seconds of all samples, one after another.
        per_second: samples per second of the whole run where its length is known, else of one
            worker; None if nothing is known.
        of_one_worker: whether ``per_second`` is that of one worker.
    """

    stages: tuple[Stage, ...]
    samples: int
    median_s: float | None
    total_s: float
    per_second: float | None
    of_one_worker: bool


def times(
    record: RunRecord, stages: Mapping[str, Sequence[float]] | None, wall_s: float | None
) -> Times:
    """Sum up the timings of a run.

    Args:
        record: the run.
        stages: seconds by stage; None for those in the record's results.
        wall_s: its length in seconds, if known.
    """
    spent_in = _recorded(record) if stages is None else stages
    whole = sum(sum(spent) for spent in spent_in.values())
    each = list(record.seconds.values())
    total = sum(each)
    length = wall_s or total
    return Times(
        stages=tuple(
            Stage(
                name,
                len(spent),
                float(np.median(spent)),
                sum(spent),
                sum(spent) / whole if whole else 0.0,
            )
            for name, spent in spent_in.items()
            if len(spent)
        ),
        samples=len(each),
        median_s=float(np.median(each)) if each else None,
        total_s=total,
        per_second=len(each) / length if length and each else None,
        of_one_worker=not wall_s,
    )


def _recorded(record: RunRecord) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for result in record.results.values():
        for stage, seconds in result.get("timings_s", {}).items():
            found.setdefault(stage, []).append(float(seconds))
    return found
