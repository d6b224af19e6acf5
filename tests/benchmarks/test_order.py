"""The benchmark of the order of work: frames are counted as they are read, in either order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from zerotube.eval.datasets import Request, load_benchmark
from zerotube.eval.types import Sample
from zerotube.proposals.motion import MotionProposer
from zerotube.proposals.order import Order
from zerotube.synth import HELD_OUT_SEED, write_set
from zerotube.video import open_video


@pytest.fixture(scope="module")
def order(script):
    return script("order")


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sample, ...]:
    folder = write_set(
        tmp_path_factory.mktemp("order") / "set", "mixed", 2, HELD_OUT_SEED + 907, size=96
    )
    return tuple(load_benchmark(Request("synth", root=folder)).samples)


def test_frames_are_counted_as_they_are_read(order, samples: tuple[Sample, ...]) -> None:
    made = order.CountingProposer(MotionProposer())
    assert samples[0].video is not None
    with open_video(samples[0].video) as video:
        found = made.propose(video)
        plain = MotionProposer().propose(video)
        assert made.read >= video.info.frame_count
    assert [t.frame_indices.tolist() for t in found] == [t.frame_indices.tolist() for t in plain]


def test_the_report_of_two_samples(order, samples: tuple[Sample, ...]) -> None:
    orders = {"whole video": Order("off"), "time first": Order("on")}
    report = order.measure(samples, MotionProposer, orders, "bundled")
    report = json.loads(json.dumps(report, allow_nan=False))
    whole, first, difference = (report[n] for n in ("whole video", "time first", "difference"))
    assert first["frames_read"]["mean"] < whole["frames_read"]["mean"]
    for key in whole:
        apart = first[key]["mean"] - whole[key]["mean"]
        assert difference[key]["mean"] == pytest.approx(apart, abs=1e-9)
    assert whole["scan_s"]["mean"] == 0.0 < first["scan_s"]["mean"]
    assert "frames_read" in order.table_of(report)
    unscored = order.measure(samples[:1], MotionProposer, orders, "bundled", scored=False)
    assert "t_iou" not in unscored["time first"]


def test_frames_shown_three_times_are_the_same_clip(
    order, samples: tuple[Sample, ...], tmp_path: Path
) -> None:
    sample = samples[0]
    assert order.repeated(sample, 1, tmp_path) is sample
    thrice = order.repeated(sample, 3, tmp_path)
    assert sample.video is not None
    assert thrice.video is not None
    with open_video(sample.video) as one, open_video(thrice.video) as other:
        assert other.info.frame_count == 3 * one.info.frame_count == thrice.frame_count
        assert other.info.duration_s == pytest.approx(one.info.duration_s)
    assert sample.truth is not None
    assert thrice.truth is not None
    assert thrice.truth.span.start_frame == 3 * sample.truth.span.start_frame
    assert thrice.truth.span.frame_count == 3 * sample.truth.span.frame_count
    assert np.array_equal(thrice.truth.known_boxes[::3], sample.truth.known_boxes)
