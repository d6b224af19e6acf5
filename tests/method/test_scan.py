"""Scan: which frames are asked about, and that the answers are the model's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from toy import noise_clip
from zerotube.method.config import MethodSettings, preset
from zerotube.method.scan import scan_clip, scan_ends
from zerotube.method.session import ClipSession, encode_options
from zerotube.mllm.base import VideoMLLM
from zerotube.query.prompts import existence_prompt
from zerotube.video.types import Clip

PHRASE = "the red square moves left"
VIDEO = noise_clip(count=61)
"""Every frame of a video of 181 frames that is a multiple of 3."""


def frames_of_the_video(numbers: np.ndarray) -> Clip:
    """Any of its frames, noise of their own."""
    pixels = np.stack(
        [
            np.random.default_rng(int(n)).integers(0, 256, (56, 56, 3), dtype=np.uint8)
            for n in numbers
        ]
    )
    return replace(VIDEO, frames=pixels, frame_indices=numbers, timestamps_s=numbers / 10)


SAMPLED = frames_of_the_video(np.arange(0, 181, 20))


def session_of(toy: VideoMLLM, clip: Clip = SAMPLED, **changes: object) -> ClipSession:
    settings: MethodSettings = preset(**changes)
    return ClipSession(toy, toy.encode(clip, encode_options(toy, settings)), settings)


def margin(toy: VideoMLLM, session: ClipSession, frames: np.ndarray) -> float:
    prefix = toy.prefill(toy.encode(frames_of_the_video(frames), session.context.options))
    logits = toy.ask(prefix, [existence_prompt(PHRASE)])[0].logits
    assert logits is not None
    return float(logits[session.answers.yes] - logits[session.answers.no])


def test_windows_are_runs_of_sampled_frames(toy: VideoMLLM) -> None:
    session = session_of(toy, scan_window=4, scan_stride=3)
    scan = scan_clip(session, SAMPLED, PHRASE)
    assert scan is not None
    assert scan.first_frames.tolist() == [0, 60, 120]
    assert scan.last_frames.tolist() == [60, 120, 180]
    for first, found in zip(scan.first_frames, scan.margins, strict=True):
        expected = margin(toy, session, first + np.arange(4) * 20)
        assert found == pytest.approx(expected, abs=1e-5)


def test_a_clip_shorter_than_a_window_is_one_window(toy: VideoMLLM) -> None:
    clip = frames_of_the_video(np.array([0, 90, 180]))
    scan = scan_clip(session_of(toy, clip, scan_window=8), clip, PHRASE)
    assert scan is not None
    assert (scan.first_frames.tolist(), scan.last_frames.tolist()) == ([0], [180])


def test_one_frame_and_a_window_of_none_are_not_scanned(toy: VideoMLLM) -> None:
    one = frames_of_the_video(np.array([90]))
    assert scan_clip(session_of(toy, one), one, PHRASE) is None
    assert scan_clip(session_of(toy, scan_window=0), SAMPLED, PHRASE) is None


def test_windows_around_the_ends_are_half_a_sampling_step_apart(toy: VideoMLLM) -> None:
    session = session_of(toy, scan_window=2, scan_stride=1, end_windows=3)
    asked: list[np.ndarray] = []

    def read(numbers: np.ndarray) -> Clip:
        asked.append(numbers)
        return frames_of_the_video(numbers)

    scan = scan_ends(session, SAMPLED, PHRASE, (50, 120), read)
    assert scan is not None
    assert scan.moments.tolist() == [40.0, 50.0, 60.0, 110.0, 120.0, 130.0]
    assert (scan.last_frames - scan.first_frames == 20).all()  # as fast as in the clip
    for first, found in zip(scan.first_frames, scan.margins, strict=True):
        expected = margin(toy, session, np.array([first, first + 20]))
        assert found == pytest.approx(expected, abs=1e-5)
    assert len(asked) == 1
    again = scan_ends(session, SAMPLED, PHRASE, (50, 120), read)
    assert again is not None
    assert again.margins.tolist() == scan.margins.tolist()
    assert len(asked) == 1  # what was asked once is known


def test_more_windows_than_are_kept_are_answered_all_the_same(toy: VideoMLLM) -> None:
    session = session_of(toy, scan_window=2, scan_stride=1, end_windows=3)
    session._kept.far_margins._size = 1
    scan = scan_ends(session, SAMPLED, PHRASE, (50, 120), frames_of_the_video)
    assert scan is not None
    assert len(scan.margins) == 6


def test_windows_that_do_not_fit_into_the_video_are_left_out(toy: VideoMLLM) -> None:
    session = session_of(toy, scan_window=4, end_windows=5)
    scan = scan_ends(session, SAMPLED, PHRASE, (0, 180), frames_of_the_video)
    assert scan is None
    scan = scan_ends(session, SAMPLED, PHRASE, (20, 180), frames_of_the_video)
    assert scan is not None
    assert scan.first_frames.min() == 0
    assert scan.last_frames.max() <= 180


@pytest.mark.parametrize("changes", [{"end_windows": 0}, {"scan_window": 0}])
def test_no_windows_around_the_ends(toy: VideoMLLM, changes: dict[str, int]) -> None:
    session = session_of(toy, **changes)
    assert scan_ends(session, SAMPLED, PHRASE, (50, 120), frames_of_the_video) is None


def test_where_every_frame_was_sampled_there_are_none_between(toy: VideoMLLM) -> None:
    clip = frames_of_the_video(np.arange(6))
    assert scan_ends(session_of(toy, clip), clip, PHRASE, (1, 4), frames_of_the_video) is None
