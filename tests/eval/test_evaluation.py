"""What an evaluation gathers from the results of its run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zerotube.eval.evaluation import Evaluation, evaluate
from zerotube.eval.predictions import to_dict
from zerotube.eval.runner.types import RunOptions, RunRecord
from zerotube.eval.types import Benchmark, Prediction, Sample, Truth
from zerotube.geometry.spans import Span

BOX = np.array([[0.0, 0.0, 4.0, 4.0]])


def evaluated(timings: dict[str, dict[str, float]], seconds: dict[str, float]) -> Evaluation:
    """A run in which every sample has the right answer, and these times."""
    samples = tuple(
        Sample(name, "it", "all", "v", None, Truth(Span(0, 0), BOX)) for name in timings
    )
    results = {
        name: {
            "predictions": {"eval": to_dict(Prediction(name, Span(0, 0), np.array([0]), BOX))},
            **({"timings_s": own} if own else {}),
        }
        for name, own in timings.items()
    }
    record = RunRecord(samples, results, {}, (), seconds, complete=True)
    options = RunOptions(Path("run"))
    return evaluate(Benchmark("synth", "", samples), record, "eval", "half-open", {}, options)


def test_times_are_summed_by_stage() -> None:
    timings = evaluated(
        {
            "a": {"decode": 1.0, "ground": 3.0},
            "b": {"decode": 2.0, "ground": 5.0, "decide": 1.0},
            "c": {},
        },
        {"a": 5.0, "b": 9.0, "c": 6.0},
    ).timings
    assert timings == {
        "sample": {"count": 3, "median": 6.0, "total": 20.0},
        "stages": {
            "decode": {"count": 2, "median": 1.5, "total": 3.0},
            "ground": {"count": 2, "median": 4.0, "total": 8.0},
            "decide": {"count": 1, "median": 1.0, "total": 1.0},
        },
    }
    assert list(timings["stages"]) == ["decode", "ground", "decide"]


def test_a_run_without_times_has_none() -> None:
    timings = evaluated({"a": {}}, {}).timings
    assert timings == {"sample": {"count": 0, "median": None, "total": 0}, "stages": {}}


def test_it_says_when_and_where_it_was_made() -> None:
    evaluation = evaluated({"a": {}}, {})
    assert "CPU cores" in evaluation.measured_on
    assert evaluation.finished.endswith("UTC")
