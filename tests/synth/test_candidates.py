"""A sample as an open video, and what the facade makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from zerotube.grounder import Candidates, Grounder
from zerotube.method.config import preset
from zerotube.mllm.base import VideoMLLM
from zerotube.synth import set_sample
from zerotube.synth.candidates import SampleVideo, sampled_clip, true_tracks


def test_the_video_of_a_sample_shows_its_frames() -> None:
    sample = set_sample("mixed", 0)
    with SampleVideo(sample) as video:
        assert video.info.frame_count == len(sample.frames)
        assert [frame.index for frame in video.stream(stride=7)] == [
            *range(0, len(sample.frames), 7)
        ]
        clip = video.frames([3, 8])
    np.testing.assert_array_equal(clip.frames, sample.frames[[3, 8]])
    np.testing.assert_allclose(clip.timestamps_s, np.array([3, 8]) / float(sample.fps))
    assert sampled_clip(sample, 5).frame_indices.tolist()[0] == 0


def test_a_session_serves_the_grounding_that_follows(
    toy: VideoMLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = []
    right = VideoMLLM.encode
    monkeypatch.setattr(
        VideoMLLM, "encode", lambda self, *given: encoded.append(given) or right(self, *given)
    )
    sample = set_sample("mixed", 0)
    video, settings = SampleVideo(sample), preset("gti", frames=4)
    tracks = Candidates(tracks=true_tracks(sample))
    for keeps, expected in ((True, 1), (False, 2)):
        encoded.clear()
        grounder = Grounder(toy)
        grounder.keeps_clip = keeps
        session = grounder.session(video, settings)
        assert session.context.layout.step_of_frame.shape == (4,)
        grounder.ground_each(video, sample.query, [settings], candidates=tracks)
        assert len(encoded) == expected
