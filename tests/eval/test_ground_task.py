"""Grounding as a task, on clips that were written to disk."""

from __future__ import annotations

import itertools
import json
import pickle
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from zerotube.errors import InputError, UsageError
from zerotube.eval.ground_task import CandidateChoice, GroundTask, Variant
from zerotube.eval.metrics import overlap
from zerotube.eval.predictions import from_dict
from zerotube.eval.task import SampleSkipped
from zerotube.eval.types import Sample, Truth
from zerotube.geometry.spans import Span
from zerotube.grounder import Grounder
from zerotube.method.config import preset
from zerotube.proposals.files import read_tracks
from zerotube.synth import HELD_OUT_SEED, read_samples, write_set
from zerotube.video import open_video, write_video

GTI, FULL = preset("gti", frames=6), preset("paper", frames=6)
TRUE = CandidateChoice(proposer="truth")
BOTH = (Variant("gti", GTI), Variant("full", FULL))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = write_set(
        tmp_path_factory.mktemp("synth") / "set", "attribute-hard", 1, HELD_OUT_SEED + 901
    )
    saved = read_samples(folder)[0]
    with open_video(saved.video) as video:
        info = video.info
        track = read_tracks(saved.tracks, info).by_id(saved.target_track_id)
    span = Span(saved.start_frame, saved.end_frame)
    return Sample(
        sample_id=saved.sample_id,
        query=saved.query,
        kind=saved.kind,
        video_name=saved.video.name,
        video=saved.video,
        truth=Truth(span, track.boxes_xyxy[span.start_frame : span.end_frame + 1].astype(float)),
        frame_count=info.frame_count,
        width=info.width,
        height=info.height,
        true_tracks=saved.tracks,
    )


def test_every_variant_answers_as_the_facade_does(sample: Sample) -> None:
    task = pickle.loads(pickle.dumps(GroundTask(BOTH, candidates=TRUE)))
    result = task.open()(sample)
    assert json.loads(json.dumps(result)) == result
    assert sample.video is not None
    grounder = Grounder.from_pretrained("bundled")
    for variant in BOTH:
        alone = grounder.ground(
            sample.video, sample.query, tracks=sample.true_tracks, settings=variant.settings
        )
        prediction = from_dict(result["predictions"][variant.label])
        assert prediction.span == alone.tube.span
        np.testing.assert_allclose(prediction.boxes_xyxy, alone.tube.track_boxes_xyxy, atol=1e-3)
        assert result["details"][variant.label]["track_id"] == alone.tube.track_id
        assert overlap(sample.truth, prediction, "half-open").gt_v_iou in (
            pytest.approx(1.0, abs=1e-4),
            pytest.approx(0.0, abs=0.5),
        )
    assert set(result["timings_s"]) == {"decode", "propose", "encode", "ground", "decide"}


def test_what_variants_share_is_timed_once_and_what_each_did_alone_is_summed(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = (Variant("a", GTI), Variant("b", GTI), Variant("c", GTI, CandidateChoice("truth")))
    work = GroundTask(rows, candidates=TRUE).open()
    monkeypatch.setattr("time.perf_counter", itertools.count().__next__)  # equal readings
    alike = {"decode": 1, "propose": 1, "encode": 1, "ground": 3, "decide": 3}
    assert work(sample)["timings_s"] == alike


def test_a_segment_is_answered_in_frames_of_the_video(sample: Sample) -> None:
    part = replace(sample, segment=Span(8, 27))
    result = GroundTask((Variant("gti", GTI),), candidates=TRUE).open()(part)
    prediction = from_dict(result["predictions"]["gti"])
    assert prediction.span is not None
    assert 8 <= prediction.span.start_frame < prediction.span.end_frame <= 27
    assert prediction.frame_indices.tolist() == list(range(8, 28))


def test_tracks_of_a_folder(sample: Sample, tmp_path: Path) -> None:
    assert sample.true_tracks is not None
    work = GroundTask((Variant("gti", GTI),), candidates=TRUE).open()
    expected = work(sample)["predictions"]
    below = tmp_path / "deep"
    below.mkdir()
    name = Path(sample.video_name).with_suffix(".json").name
    (below / name).write_bytes(sample.true_tracks.read_bytes())
    task = GroundTask((Variant("gti", GTI),), candidates=CandidateChoice(tracks=tmp_path))
    assert task.open()(sample)["predictions"] == expected
    (below / name).rename(below / "other.json")
    with pytest.raises(InputError, match="no track file"):
        task.open()(sample)


def test_nothing_to_ground_is_an_answer_of_no_worth(sample: Sample, tmp_path: Path) -> None:
    blank = tmp_path / "blank.mp4"
    write_video(blank, np.full((60, 224, 224, 3), 90, np.uint8), Fraction(10))
    task = GroundTask((Variant("gti", GTI),), candidates=CandidateChoice("motion", store=False))
    result = task.open()(replace(sample, video=blank, frame_count=None))
    assert "no candidate track" in result["predictions"]["gti"]["error"]
    assert result["details"] == {}


def test_a_video_that_does_not_fit_its_annotation_is_skipped(sample: Sample) -> None:
    work = GroundTask((Variant("gti", GTI),), candidates=TRUE).open()
    longer = Truth(Span(0, 500), np.zeros((501, 4)))
    with pytest.raises(SampleSkipped, match="frames"):
        work(replace(sample, truth=longer, frame_count=None))
    with pytest.raises(SampleSkipped, match="pixels"):
        work(replace(sample, width=1280, height=720))


def test_a_video_that_cannot_be_decoded_is_skipped(sample: Sample, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all" * 100)
    with pytest.raises(SampleSkipped, match="broken"):
        GroundTask((Variant("gti", GTI),), candidates=TRUE).open()(replace(sample, video=broken))


def test_settings_name_what_decides_the_result(tmp_path: Path) -> None:
    one = GroundTask(BOTH, candidates=TRUE).settings
    assert json.loads(json.dumps(one)) == one
    assert one["variants"]["full"] == FULL.to_dict()
    assert "device" not in one["model"]
    rows = (Variant("a", GTI), Variant("b", GTI, CandidateChoice(proposer="motion")))
    assert GroundTask(rows).settings["variants"]["b"]["candidates"]["proposer"] == "motion"


def test_contradictions_are_refused(sample: Sample, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="named apart"):
        GroundTask((Variant("a", GTI), Variant("a", FULL)))
    with pytest.raises(UsageError, match="one of them"):
        CandidateChoice(proposer="motion", tracks=tmp_path)
    with pytest.raises(InputError, match="without the tracks"):
        GroundTask((Variant("a", GTI),), candidates=TRUE).open()(replace(sample, true_tracks=None))
