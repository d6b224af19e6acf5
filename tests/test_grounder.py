"""The facade on the bundled model: same answer as the stages, shared work for many queries."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from toy import noise_clip
from zerotube.errors import NothingToGroundError, NumericalError, UsageError
from zerotube.geometry.spans import Span
from zerotube.grounder import Candidates, Grounder
from zerotube.method.config import preset
from zerotube.method.recommended import settings_for
from zerotube.method.session import ClipSession, encode_options
from zerotube.proposals.motion import MotionProposer
from zerotube.proposals.types import TrackSet
from zerotube.query import decompose
from zerotube.synth import CRF, HELD_OUT_SEED, set_sample
from zerotube.synth.candidates import true_tracks
from zerotube.tube.types import GroundingResult
from zerotube.video import SegmentVideo, open_video, write_video

FEW = preset("gti", frames=6)


@pytest.fixture(scope="module")
def grounder() -> Grounder:
    return Grounder.from_pretrained("bundled")


@pytest.fixture(scope="module")
def truth():
    return set_sample("attribute-hard", 0, HELD_OUT_SEED + 900)


@pytest.fixture(scope="module")
def clip(truth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_video(path, truth.frames, truth.fps, crf=CRF)
    return path


@pytest.fixture(scope="module")
def tracks(truth) -> TrackSet:
    return true_tracks(truth)


def test_answer_and_its_record(grounder: Grounder, clip: Path, truth, tracks: TrackSet) -> None:
    result = grounder.ground(clip, truth.query, tracks=tracks, settings=preset("paper", frames=6))
    assert result.tube.track_id in {track.track_id for track in tracks}
    assert result.settings["method"] == preset("paper", frames=6).to_dict()
    assert set(result.timings_s) == {"decode", "propose", "encode", "ground", "decide"}
    assert result.query == decompose(truth.query)
    assert result.warnings == ()
    assert len(result.clip.frame_indices) == 6


def test_what_loading_had_to_say_is_in_every_result(
    grounder: Grounder,
    clip: Path,
    truth,
    tracks: TrackSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grounder.model, "warnings", ("loaded in half",))
    result = grounder.ground(clip, truth.query, tracks=tracks, settings=FEW)
    assert result.warnings == ("loaded in half",)


def test_what_the_model_recommends_is_the_default(
    grounder: Grounder, clip: Path, truth, tracks: TrackSet
) -> None:
    result = grounder.ground(clip, truth.query, tracks=tracks)
    assert result.settings["method"] == settings_for("bundled").to_dict()


def test_many_queries_share_the_video_and_change_nothing(
    grounder: Grounder, clip: Path, truth, tracks: TrackSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = [truth.query, "the red star grows", truth.attribute]
    alone = [grounder.ground(clip, query, tracks=tracks, settings=FEW) for query in queries]
    encoded: list[int] = []
    encode = grounder.model.encode
    monkeypatch.setattr(grounder.model, "encode", lambda *how: (encoded.append(1), encode(*how))[1])
    own = Candidates(tracks=tracks)
    together = grounder.ground_many(clip, queries, candidates=own, settings=FEW)
    assert encoded == [1]
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one.evidence.spatial_map, other.evidence.spatial_map)
        assert one.tube.span == other.tube.span


def test_unknown_words_are_named(grounder: Grounder, clip: Path, tracks: TrackSet) -> None:
    result = grounder.ground(clip, "the zebra chews gum", tracks=tracks, settings=FEW)
    (warning,) = result.warnings
    assert "'zebra', 'chews', 'gum'" in warning
    assert "--model" in warning
    known = grounder.ground(clip, "the red square moves left", tracks=tracks, settings=FEW)
    assert known.warnings == ()


def test_no_candidate_is_refused(grounder: Grounder, clip: Path, tracks: TrackSet) -> None:
    empty = TrackSet((), tracks.frame_count, tracks.width, tracks.height, "nobody")
    with pytest.raises(NothingToGroundError, match="--tracks"):
        grounder.ground(clip, "the red square", tracks=empty, settings=FEW)


def test_override_of_a_finished_query_is_refused(grounder: Grounder, clip: Path) -> None:
    with pytest.raises(UsageError, match="either a sentence"):
        grounder.ground(clip, decompose("the red square"), attribute="the blue ring")


def test_tracks_beside_candidates_are_refused(
    grounder: Grounder, clip: Path, tracks: TrackSet
) -> None:
    with pytest.raises(UsageError, match="candidates together with tracks"):
        grounder.ground(clip, "the red square", tracks=tracks, candidates=Candidates())


def test_what_is_prepared_is_what_ground_reads(
    grounder: Grounder, clip: Path, truth, tracks: TrackSet
) -> None:
    own = Candidates(tracks=tracks)
    ready = grounder.prepare(clip, truth.query, FEW, candidates=own)
    alone = grounder.ground(clip, truth.query, candidates=own, settings=FEW)
    assert np.array_equal(ready.evidence().spatial_map, alone.evidence.spatial_map)
    assert ready.query == alone.query
    assert ready.warnings == alone.warnings
    assert set(ready.timings_s) == {"decode", "propose", "encode"}
    assert [track.track_id for track in ready.tracks] == [track.track_id for track in tracks]
    assert ready.evidence(preset("paper", frames=6)).consistency is not None


@pytest.mark.parametrize("method", ["default", "paper", "release"])
def test_nothing_is_drawn(grounder: Grounder, clip: Path, truth, method: str) -> None:
    """The method has no seed, and the caller's random state stays as it is."""
    import torch

    torch.manual_seed(5)
    before, numpys = torch.get_rng_state(), str(np.random.get_state())
    own = Candidates(store=False)
    grounder.ground(clip, truth.query, candidates=own, settings=preset(method, frames=4))
    assert torch.equal(before, torch.get_rng_state())
    assert str(np.random.get_state()) == numpys


def test_a_proposer_without_words_runs_once_for_all_queries(
    grounder: Grounder, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = MotionProposer.propose

    def counted(self: MotionProposer, *given: Any, **named: Any) -> TrackSet:
        calls.append(given)
        return real(self, *given, **named)

    monkeypatch.setattr(MotionProposer, "propose", counted)
    results = grounder.ground_many(clip, ["the red ring grows", "the star"], settings=FEW)
    assert len(calls) == 1
    assert results[0].tracks is results[1].tracks


def test_settings_side_by_side_are_what_each_gives_alone(
    grounder: Grounder, clip: Path, truth, tracks: TrackSet
) -> None:
    rows = [preset("baseline", frames=6), preset("paper", frames=6), preset("gti", frames=4)]
    together = grounder.ground_each(clip, truth.query, rows, candidates=Candidates(tracks=tracks))
    for settings, found in zip(rows, together, strict=True):
        assert isinstance(found, GroundingResult)
        alone = grounder.ground(clip, truth.query, tracks=tracks, settings=settings)
        np.testing.assert_allclose(
            found.evidence.spatial_map, alone.evidence.spatial_map, rtol=1e-4, atol=1e-7
        )
        assert (found.tube.track_id, found.tube.span) == (alone.tube.track_id, alone.tube.span)
        assert found.settings == alone.settings


def test_a_clip_that_is_kept_is_encoded_once_and_changes_nothing(
    clip: Path, truth, tracks: TrackSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping = Grounder.from_pretrained("bundled")
    encoded: list[int] = []
    encode = keeping.model.encode
    monkeypatch.setattr(keeping.model, "encode", lambda *how: (encoded.append(1), encode(*how))[1])

    def ask(query: str, frames: int = 6) -> GroundingResult:
        return keeping.ground(clip, query, tracks=tracks, settings=preset("paper", frames=frames))

    alone = ask("the red star grows"), ask(truth.query)
    assert len(encoded) == 2
    keeping.keeps_clip = True
    together = ask("the red star grows"), ask(truth.query)
    assert len(encoded) == 3
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one.evidence.spatial_map, other.evidence.spatial_map)
        assert np.array_equal(one.evidence.temporal_map, other.evidence.temporal_map)
        assert one.evidence.presence == other.evidence.presence
    ask(truth.query, frames=5)
    assert len(encoded) == 4


def test_rows_that_show_the_frames_otherwise_are_encoded_anew(
    grounder: Grounder, clip: Path, truth, tracks: TrackSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"frames": 6, "frame_fit": "squeeze"}
    rows = [
        preset("gti", **few),
        preset("baseline", **few),
        preset("gti", frames=6, max_visual_tokens=60),
        preset("gti", frames=6, frame_fit="crop"),
    ]
    alone = [grounder.ground(clip, truth.query, tracks=tracks, settings=row) for row in rows]
    encoded: list[object] = []
    encode = grounder.model.encode
    monkeypatch.setattr(
        grounder.model, "encode", lambda *how: (encoded.append(how[1]), encode(*how))[1]
    )
    together = grounder.ground_each(clip, truth.query, rows, candidates=Candidates(tracks=tracks))
    assert encoded == [encode_options(grounder.model, rows[n]) for n in (0, 2, 3)]
    for one, other in zip(alone, together, strict=True):
        assert isinstance(other, GroundingResult)
        assert np.array_equal(one.evidence.spatial_map, other.evidence.spatial_map)
        assert one.frames_shown == other.frames_shown
    # 6 frames are 3 steps: 20 cells each at most.
    assert [one.frames_shown.visual_tokens for one in alone] == [192, 192, 48, 192]  # type: ignore[union-attr]


def test_how_the_frames_were_shown_is_in_the_result(
    grounder: Grounder, clip: Path, truth, tracks: TrackSet
) -> None:
    settings = preset("gti", frames=6, max_visual_tokens=60, grid_side=6)
    result = grounder.ground(clip, truth.query, tracks=tracks, settings=settings)
    (warning,) = result.warnings
    assert "keeps its own 4 x 4 (--grid-side)" in warning
    record = json.loads(json.dumps(result.to_dict()))["frames_shown"]
    assert record == {
        "fit": "squeeze",
        "frame_size": [224, 224],
        "shown_size": [64, 64],
        "view_xyxy": [0.0, 0.0, 1.0, 1.0],
        "grid": [3, 4, 4],
        "visual_tokens": 48,
        "token_limit": 60,
        "tokens_before": 192,
        "system_prompt": "",
        "notes": [warning],
    }


def test_a_clip_is_not_read_under_settings_it_was_not_encoded_with(grounder: Grounder) -> None:
    context = grounder.model.encode(noise_clip(2, 64))
    session = ClipSession(grounder.model, context, FEW)
    for other in (replace(FEW, frame_fit="pad"), replace(FEW, max_visual_tokens=64)):
        with pytest.raises(UsageError, match="encode the clip anew"):
            session.under(other)
        with pytest.raises(UsageError, match="encode the clip anew"):
            ClipSession(grounder.model, context, other)


def test_a_setting_that_fails_does_not_take_the_others_with_it(
    grounder: Grounder, clip: Path, truth, tracks: TrackSet
) -> None:
    rows = [preset("paper", frames=4, lr=1e300), preset("gti", frames=4)]
    broken, whole = grounder.ground_each(
        clip, truth.query, rows, candidates=Candidates(tracks=tracks)
    )
    assert isinstance(broken, NumericalError)
    assert isinstance(whole, GroundingResult)
    assert not whole.shared_stages  # nobody else tells of them


def test_a_result_names_the_stages_that_ran_for_an_earlier_one(
    grounder: Grounder, clip: Path, truth, tracks: TrackSet
) -> None:
    rows = [preset("gti", frames=6), preset("baseline", frames=6), preset("gti", frames=4)]
    found = grounder.ground_each(clip, truth.query, rows, candidates=Candidates(tracks=tracks))
    results = [one for one in found if isinstance(one, GroundingResult)]
    assert [sorted(one.shared_stages) for one in results] == [
        [],
        ["decode", "encode", "propose"],
        ["decode", "propose"],
    ]
    for stage in ("decode", "propose"):
        assert len({one.timings_s[stage] for one in results}) == 1


def test_a_part_of_a_video_with_tracks_of_the_whole(
    grounder: Grounder, clip: Path, truth, tracks: TrackSet, tmp_path: Path
) -> None:
    stored = Candidates(store=tmp_path)
    with open_video(clip) as whole:
        part = SegmentVideo(whole, Span(10, 29))
        result = grounder.ground(part, truth.query, tracks=tracks, settings=FEW)
        proposed = grounder.ground(part, truth.query, candidates=stored, settings=FEW)
        again = grounder.ground(part, truth.query, candidates=stored, settings=FEW)
        elsewhere = SegmentVideo(whole, Span(5, 24))
        grounder.ground(elsewhere, truth.query, candidates=stored, settings=FEW)
        whole.frames([0])
    assert result.video.first_frame == 10
    assert result.tracks.frame_count == proposed.tracks.frame_count == 20
    expected = tracks.by_id(result.tube.track_id).boxes_xyxy[10:30]
    np.testing.assert_allclose(result.tube.track_boxes_xyxy, expected, rtol=1e-5)
    assert again.tube.track_id == proposed.tube.track_id
    assert len(list(tmp_path.rglob("*.jsonl"))) == 2
    result.save(tmp_path / "out")
    with open_video(tmp_path / "out" / "overlay.mp4") as overlay:
        assert overlay.info.frame_count == 20
