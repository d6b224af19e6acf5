"""Time first: what the proposer sees, what it finds there, and where it is not asked at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proposals import toy_checkpoints
from zerotube.errors import NothingToGroundError, UsageError
from zerotube.grounder import Candidates, Grounder
from zerotube.method.config import preset
from zerotube.method.glance import glance
from zerotube.method.recommended import settings_for
from zerotube.mllm import windows
from zerotube.proposals.motion import MotionProposer
from zerotube.proposals.named.boxes import ByteTrackProposer
from zerotube.proposals.order import Order
from zerotube.proposals.types import TrackSet
from zerotube.synth import CRF, HELD_OUT_SEED, set_sample
from zerotube.synth.candidates import true_tracks
from zerotube.tube.types import GroundingResult
from zerotube.video import Video, open_video, write_video

USUAL = settings_for("bundled")
ON = Candidates("motion", store=False, order=Order("on", span_margin_s=0.0))


@pytest.fixture(scope="module")
def grounder() -> Grounder:
    return Grounder.from_pretrained("bundled")


@pytest.fixture(scope="module")
def truth():
    """74 frames at 10 per second; a red ring moves down in the last third of them."""
    return set_sample("mixed", 4, HELD_OUT_SEED + 905)


@pytest.fixture(scope="module")
def clip(truth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_video(path, truth.frames, truth.fps, crf=CRF)
    return path


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings of a proposer with a detector of random weights."""
    folder = toy_checkpoints.write_grounding_dino(
        tmp_path_factory.mktemp("gdino") / "gdino", side=128
    )
    low = {"box_threshold": 0.0, "text_threshold": 0.0, "min_duration_s": 0.0}
    return {"detector": str(folder), "max_objects": 3, "every": 2, **low}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[int]]]:
    """Per call of a proposer, the frames of the file that it may read."""
    seen: list[list[int]] = []
    for kind in (MotionProposer, ByteTrackProposer):
        monkeypatch.setattr(kind, "propose", _noting(kind.propose, seen))
    return seen


def _noting(real: Any, seen: list[list[int]]) -> Any:
    def propose(self: Any, video: Video, *given: Any, **named: Any) -> TrackSet:
        seen.append(video.in_file.tolist())
        return real(self, video, *given, **named)

    return propose


@pytest.fixture
def unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    def propose(*_: object, **__: object) -> TrackSet:
        raise AssertionError("candidates were looked for")

    monkeypatch.setattr(MotionProposer, "propose", propose)


def inside(result: GroundingResult, frames: list[int]) -> bool:
    """Whether every candidate, and so the tube, lies in these frames."""
    found = [track.frame_indices for track in result.tracks]
    return all(frames[0] <= one[0] and one[-1] <= frames[-1] for one in found)


def test_only_the_scanned_time_and_its_margins_are_looked_at(
    grounder: Grounder, clip: Path, truth, shown: list[list[int]]
) -> None:
    result = grounder.ground(clip, truth.query, candidates=ON)
    (frames,) = shown
    assert len(frames) < 0.8 * len(truth.frames)
    assert frames == list(range(frames[0], frames[-1] + 1)), "the clip has 10 frames per second"
    assert frames[0] <= truth.start_frame
    assert truth.end_frame <= frames[-1]
    assert inside(result, frames)
    assert frames[0] <= result.tube.span.start_frame <= result.tube.span.end_frame <= frames[-1]
    assert result.settings["proposer"]["time_first"] == {
        "start_frame": frames[0],
        "end_frame": frames[-1],
        "frames_seen": len(frames),
    }
    assert set(result.timings_s) == {"decode", "encode", "scan", "propose", "ground", "decide"}
    true = true_tracks(truth).by_id(truth.target + 1)
    boxes, known = true.boxes_at(result.tube.frame_indices)
    assert known.all()
    from zerotube.geometry.boxes import paired_iou

    assert paired_iou(result.tube.boxes_xyxy, boxes).mean() > 0.8
    whole = grounder.ground(clip, truth.query, candidates=Candidates("motion", store=False))
    assert len(shown[1]) == len(truth.frames)
    assert result.tube.span.t_iou(whole.tube.span) > 0.8
    # All sampled frames were scanned all the same, and are shown with the answer.
    assert np.array_equal(result.evidence.frame_indices, whole.evidence.frame_indices)
    assert result.evidence.presence == whole.evidence.presence
    assert "time_first" not in whole.settings["proposer"]
    assert "scan" not in whole.timings_s


def test_the_scan_is_paid_once(
    grounder: Grounder, clip: Path, truth, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = windows.window_logits
    monkeypatch.setattr(
        "zerotube.method.session.window_logits",
        lambda *given, **named: (asked.append(len(given[3])), real(*given, **named))[1],
    )
    grounder.ground(clip, truth.query, candidates=ON)
    assert len(asked) == 1


def test_fewer_frames_than_the_video_has_are_followed_and_filled_in(
    grounder: Grounder, clip: Path, truth, shown: list[list[int]]
) -> None:
    few = replace(ON, order=Order("on", span_margin_s=0.0, track_fps=5.0))
    result = grounder.ground(clip, truth.query, candidates=few)
    (frames,) = shown
    assert set(np.diff(frames)[:-1].tolist()) == {2}
    track = result.tracks.by_id(result.tube.track_id)
    assert set(track.frame_indices[track.observed].tolist()) <= set(frames)
    assert result.tube.frame_indices.tolist() == list(
        range(result.tube.span.start_frame, result.tube.span.end_frame + 1)
    )
    assert not track.observed.all()


def test_a_proposer_with_models_has_time_first_and_motion_has_not(
    grounder: Grounder, clip: Path, truth, detector: dict[str, Any], shown: list[list[int]]
) -> None:
    grounder.ground(clip, truth.query, candidates=Candidates("motion", store=False))
    named = Candidates("gdino+bytetrack", detector, store=False)
    result = grounder.ground(clip, truth.query, candidates=named)
    off = replace(named, order=Order("off"))
    grounder.ground(clip, truth.query, candidates=off)
    every = list(range(len(truth.frames)))
    assert (shown[0], shown[2]) == (every, every)
    assert set(shown[1]) < set(every)
    assert result.settings["proposer"]["every"] == 2
    assert inside(result, shown[1])


def test_stored_tracks_of_the_whole_video_are_taken_and_parts_are_kept_apart(
    grounder: Grounder,
    clip: Path,
    truth,
    detector: dict[str, Any],
    shown: list[list[int]],
    tmp_path: Path,
) -> None:
    named = Candidates("gdino+bytetrack", detector, store=tmp_path)
    first, again = (grounder.ground(clip, truth.query, candidates=named) for _ in range(2))
    assert len(shown) == 1, "the part is stored"
    assert first.tube.span == again.tube.span
    assert np.array_equal(first.tube.boxes_xyxy, again.tube.boxes_xyxy)
    whole = grounder.ground(clip, truth.query, candidates=replace(named, order=Order("off")))
    assert len(shown) == 2
    after = grounder.ground(clip, truth.query, candidates=named)
    assert len(shown) == 2, "nothing is left to be looked for"
    assert [t.frame_indices.tolist() for t in after.tracks] == [
        t.frame_indices.tolist() for t in whole.tracks
    ]
    assert "scan" not in after.timings_s
    by_name = grounder.ground(clip, truth.query, candidates=replace(named, order=Order("on")))
    assert "time_first" in by_name.settings["proposer"]


ABSENT = "the purple star grows"


def test_what_is_absent_is_not_looked_for(
    grounder: Grounder, clip: Path, truth, unasked: None
) -> None:
    with pytest.raises(NothingToGroundError, match=r"log-odds .*leave --abstain out"):
        grounder.ground(clip, ABSENT, candidates=ON, settings=USUAL.changed(abstain=True))
    # Under several settings the others have their answers.
    with pytest.raises(AssertionError, match="looked for"):
        grounder.ground_each(clip, ABSENT, [USUAL], candidates=ON)


def test_one_that_abstains_leaves_the_others_their_answers(
    grounder: Grounder, clip: Path, truth
) -> None:
    rows = [USUAL.changed(abstain=True), USUAL]
    refused, answered = grounder.ground_each(clip, ABSENT, rows, candidates=ON)
    assert isinstance(refused, NothingToGroundError)
    assert isinstance(answered, GroundingResult)
    assert "propose" not in answered.shared_stages


@pytest.mark.parametrize(
    ("query", "changes", "said"),
    [
        ("the red square", {}, "names no action"),
        (None, {"span_rule": "top-k"}, "--span-rule top-k"),
        (None, {"scan_weight": 0.0}, "no scan"),
        (None, {"frames": 1}, "single moment"),
    ],
)
def test_where_the_scan_tells_no_time_all_frames_are_looked_at_and_only_on_says_so(
    grounder: Grounder,
    clip: Path,
    truth,
    detector: dict[str, Any],
    shown: list[list[int]],
    query: str | None,
    changes: dict[str, Any],
    said: str,
) -> None:
    settings = USUAL.changed(**changes)
    text = query or truth.query
    result = grounder.ground(clip, text, candidates=ON, settings=settings)
    (told,) = [line for line in result.warnings if "--time-first" in line]
    assert said in told
    named = Candidates("gdino+bytetrack", detector, store=False)
    silent = grounder.ground(clip, text, candidates=named, settings=settings)
    assert not [line for line in silent.warnings if "--time-first" in line]
    assert [len(frames) for frames in shown] == [len(truth.frames)] * 2


def test_queries_on_one_video_have_parts_of_their_own_and_share_equal_ones(
    grounder: Grounder, clip: Path, truth, shown: list[list[int]]
) -> None:
    queries = [truth.query, truth.attribute, truth.query]
    found = grounder.ground_many(clip, queries, candidates=ON)
    assert len(shown) == 2
    assert len(shown[0]) < len(shown[1]) == len(truth.frames)
    assert found[0].tracks is found[2].tracks
    assert inside(found[0], shown[0])
    alone = grounder.ground(clip, truth.query, candidates=ON)
    assert alone.tube.span == found[2].tube.span
    assert np.array_equal(alone.tube.boxes_xyxy, found[2].tube.boxes_xyxy)
    assert [sorted(one.shared_stages) for one in found] == [
        [],
        ["decode", "encode"],
        ["decode", "encode", "propose"],
    ]
    assert found[0].timings_s["propose"] == found[2].timings_s["propose"]


@pytest.mark.parametrize("changes", [{"answers": 3}, {}])
def test_further_times_and_several_objects_lie_in_what_is_looked_at(
    grounder: Grounder, clip: Path, truth, shown: list[list[int]], changes: dict[str, Any]
) -> None:
    query = truth.query if changes else "the red rings move down"
    settings = USUAL.changed(**changes)
    result = grounder.ground(clip, query, candidates=ON, settings=settings)
    ready = grounder.prepare(clip, query, settings, candidates=None)
    seen = glance(ready.session, ready.query, ready.clip)
    assert seen is not None
    (frames,) = shown
    assert frames[0] <= seen.span[0]
    assert seen.span[1] <= frames[-1]
    for answer in result.answers:
        assert frames[0] <= answer.tube.span.start_frame
        assert answer.tube.span.end_frame <= frames[-1]


def test_nothing_found_in_the_part_names_it_and_the_way_out(
    grounder: Grounder, clip: Path, truth
) -> None:
    blind = replace(ON, proposer_settings={"min_area_share": 0.9, "max_area_share": 1.0})
    with pytest.raises(NothingToGroundError, match=r"in frames \d+ to \d+ .*--time-first off"):
        grounder.ground(clip, truth.query, candidates=blind)
    with pytest.raises(NothingToGroundError, match="--time-first off"):
        grounder.prepare(clip, truth.query, USUAL, candidates=blind)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"time_first": "never"}, "one of auto, on, off"),
        ({"span_margin_s": -0.5}, "0 or more"),
        ({"track_fps": float("nan")}, "change --track-fps"),
        ({"track_fps": True}, "a number"),
    ],
)
def test_values_that_make_no_sense_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Order(**wrong)


def test_time_first_of_tracks_that_are_known_is_refused(truth) -> None:
    tracks = true_tracks(truth)
    Candidates(tracks=tracks)
    with pytest.raises(UsageError, match="name a --proposer"):
        Candidates(tracks=tracks, order=Order("on"))


def test_a_part_of_a_video_has_its_own_parts(
    grounder: Grounder, clip: Path, truth, shown: list[list[int]]
) -> None:
    from zerotube.geometry.spans import Span
    from zerotube.video import SegmentVideo

    first = max(truth.start_frame - 6, 1)
    with open_video(clip) as whole:
        segment = SegmentVideo(whole, Span(first, len(truth.frames) - 1))
        result = grounder.ground(segment, truth.query, candidates=ON)
    (frames,) = shown
    assert frames[0] >= first
    place = result.settings["proposer"]["time_first"]
    assert (place["start_frame"], place["end_frame"]) == (frames[0] - first, frames[-1] - first)
    assert result.tracks.frame_count == len(truth.frames) - first


def test_the_papers_presets_look_at_the_whole_video(
    grounder: Grounder, clip: Path, truth, detector: dict[str, Any], shown: list[list[int]]
) -> None:
    named = Candidates("gdino+bytetrack", detector, store=False)
    result = grounder.ground(clip, truth.query, candidates=named, settings=preset("gti", frames=6))
    assert [len(frames) for frames in shown] == [len(truth.frames)]
    assert result.tracks.source == "gdino+bytetrack"
