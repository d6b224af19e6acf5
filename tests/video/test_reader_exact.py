"""Every frame that is asked for is the one a full decode gives at that place."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video.samples import CLOSED, decode_all, encode, pictures
from zerotube.video import Video, open_video, uniform_indices
from zerotube.video.file_video import FileVideo, Run, plan_runs
from zerotube.video.types import Clip

COUNT = 60

KINDS = {
    "closed groups": ("a.mp4", {"x264": CLOSED}),
    "open groups": ("a.mp4", {"x264": CLOSED.replace("keyint=12", "keyint=10") + ":open-gop=1"}),
    "open groups, mkv": ("a.mkv", {"x264": "keyint=9:scenecut=0:bframes=2:open-gop=1"}),
    "one group": ("a.mp4", {"x264": "keyint=250:bframes=5"}),
    "all keyframes": ("a.mp4", {"x264": "keyint=1"}),
    "no B-frames": ("a.mp4", {"x264": "keyint=7:bframes=0"}),
    "gradual refresh": ("a.mp4", {"x264": "keyint=14:intra-refresh=1:bframes=0"}),
    "mkv": ("a.mkv", {"x264": CLOSED}),
    "transport stream": ("a.ts", {"x264": CLOSED}),
    "avi with B-frames": ("a.avi", {"x264": CLOSED}),
    "bare stream": ("a.h264", {"x264": CLOSED}),
    "hevc": ("a.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=0:keyint=11"}}),
    "mpeg4": ("a.mp4", {"codec": "mpeg4", "options": {"bf": "2", "g": "12"}}),
    "mpeg2": ("a.ts", {"codec": "mpeg2video", "options": {"bf": "2", "g": "12"}}),
    "vp9": ("a.webm", {"codec": "libvpx-vp9", "options": {"g": "13", "deadline": "realtime"}}),
    "vp8": ("a.webm", {"codec": "libvpx", "options": {"g": "13", "deadline": "realtime"}}),
    "intra codec": ("a.mkv", {"codec": "ffv1", "pix_fmt": "bgr0"}),
}


def assert_same(clip: Clip, reference: list[np.ndarray], wanted: list[int]) -> None:
    assert clip.frame_indices.tolist() == wanted
    np.testing.assert_array_equal(clip.frames, np.stack([reference[i] for i in wanted]))


@pytest.mark.parametrize("kind", KINDS)
def test_frames_equal_a_full_decode(kind: str, tmp_path: Path) -> None:
    name, arguments = KINDS[kind]
    path = encode(tmp_path / name, pictures(COUNT), **arguments)
    reference = decode_all(path)
    with open_video(path) as video:
        assert video.info.frame_count == len(reference) == COUNT
        assert video.info.fps == 30
        assert not video.info.variable_frame_rate
        np.testing.assert_allclose(video.timestamps_s, np.arange(COUNT) / 30, atol=1e-3)
        assert video.info.duration_s == pytest.approx(2, abs=0.01)
        for single in range(0, COUNT, 7):
            assert_same(video.frames([single]), reference, [single])
        rng = np.random.default_rng(5)
        for size in (2, 5, 20):
            wanted = sorted(rng.choice(COUNT, size, replace=False).tolist())
            assert_same(video.frames(wanted), reference, wanted)
        assert_same(video.frames(range(COUNT)), reference, list(range(COUNT)))
        streamed = list(video.stream(5, 50, 4))
        assert [frame.index for frame in streamed] == list(range(5, 50, 4))
        assert all((frame.image == reference[frame.index]).all() for frame in streamed)
        assert video.info.warnings == ()


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Video, list[np.ndarray]]:
    path = encode(tmp_path_factory.mktemp("closed") / "a.mp4", pictures(COUNT), x264=CLOSED)
    return open_video(path), decode_all(path)


@settings(max_examples=30, deadline=None)
@given(wanted=st.sets(st.integers(0, COUNT - 1), min_size=1, max_size=12))
def test_any_choice_of_frames(wanted: set[int], closed: tuple[Video, list[np.ndarray]]) -> None:
    video, reference = closed
    assert_same(video.frames(sorted(wanted)), reference, sorted(wanted))


def test_iterators_do_not_disturb_each_other(closed: tuple[Video, list[np.ndarray]]) -> None:
    video, reference = closed
    slow = video.stream(0, None, 10)
    for first in slow:
        assert_same(video.frames([3, 40]), reference, [3, 40])
        assert (first.image == reference[first.index]).all()


def test_seeking_reads_fewer_packets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encode(tmp_path / "a.mp4", pictures(COUNT), x264=CLOSED)
    video = open_video(path)
    fed: list[int] = []
    from zerotube.video.libav import Decoder

    plain = Decoder.decode
    monkeypatch.setattr(
        Decoder, "decode", lambda self, packet: fed.append(1) or plain(self, packet)
    )
    video.frames([50])
    # The group of frame 50 starts at 48; a few packets more are in flight.
    assert len(fed) < 30


def test_a_seek_that_fails_falls_back_to_decoding_in_order(
    closed: tuple[Video, list[np.ndarray]], monkeypatch: pytest.MonkeyPatch
) -> None:
    video, reference = closed
    fresh = open_video(video.info.path)
    monkeypatch.setattr(FileVideo, "_packets_from", lambda *_: None)
    assert_same(fresh.frames([2, 30, 59]), reference, [2, 30, 59])


def test_runs_seek_only_where_packets_are_saved() -> None:
    starts = np.array([0] * 20 + [20] * 20 + [40] * 20)
    positions = np.arange(60)
    assert plan_runs(starts, positions, np.array([5, 19, 22, 59])) == [
        Run(0, (5, 19, 22)),
        Run(40, (59,)),
    ]
    # From 33 to the next keyframe at 40 there is less to skip than a seek costs.
    assert plan_runs(starts, positions, np.array([33, 41])) == [Run(20, (33, 41))]


def test_variable_frame_rate(tmp_path: Path) -> None:
    ticks = [0, 20, 40, 100, 101, 300, 320, 600, 640, 660]
    path = encode(tmp_path / "a.mp4", pictures(len(ticks)), x264="bframes=2", ticks=ticks)
    with open_video(path) as video:
        assert video.info.variable_frame_rate
        np.testing.assert_allclose(video.timestamps_s, np.array(ticks) / 600, atol=1e-4)
        assert float(video.info.fps) == pytest.approx(9 / 1.1, rel=0.15)
        clip = video.frames([3, 5, 9])
        np.testing.assert_allclose(clip.timestamps_s, np.array([100, 300, 660]) / 600, atol=1e-4)
        assert_same(clip, decode_all(path), [3, 5, 9])


def test_times_start_at_the_first_frame(tmp_path: Path) -> None:
    ticks = [600 + 20 * i for i in range(12)]
    with open_video(encode(tmp_path / "a.mkv", pictures(12), ticks=ticks)) as video:
        assert video.timestamps_s[0] == 0
        np.testing.assert_allclose(video.timestamps_s, np.arange(12) / 30, atol=1e-3)


@pytest.mark.parametrize("skipped", [7, 30])
def test_edit_list_hides_frames(skipped: int, tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", pictures(COUNT), x264=CLOSED)
    reference = decode_all(path)
    data = bytearray(path.read_bytes())
    at = data.find(b"elst") + 12
    _, start, rate, zero = struct.unpack_from(">IiHH", data, at)
    ticks_per_frame = 512  # the muxer's clock is 15360
    assert start < 3 * ticks_per_frame
    shown = 20
    movie_ticks = shown * 1000 // 30 + 1
    struct.pack_into(">IiHH", data, at, movie_ticks, start + skipped * ticks_per_frame, rate, zero)
    path.write_bytes(data)
    expected = decode_all(path)
    assert abs(len(expected) - shown) <= 1
    with open_video(path) as video:
        assert video.info.frame_count == len(expected)
        assert video.info.warnings == ()
        for index in (0, 9, 18):
            image = video.frames([index]).frames[0]
            np.testing.assert_array_equal(image, reference[index + skipped])


TURN = 65536
MATRICES = {
    "none": ((TURN, 0, 0, TURN), 0, lambda image: image),
    "clockwise": ((0, TURN, -TURN, 0), 90, lambda image: np.rot90(image, -1)),
    "upside down": ((-TURN, 0, 0, -TURN), 180, lambda image: np.rot90(image, 2)),
    "counter-clockwise": ((0, -TURN, TURN, 0), 270, lambda image: np.rot90(image, 1)),
    "mirrored": ((-TURN, 0, 0, TURN), 0, np.fliplr),
    "flipped": ((TURN, 0, 0, -TURN), 180, np.flipud),
}


@pytest.mark.skipif(
    not hasattr(av.video.stream.VideoStream, "set_display_matrix"), reason="PyAV before 18"
)
@pytest.mark.parametrize("kind", MATRICES)
def test_rotation_is_applied(kind: str, tmp_path: Path) -> None:
    (a, b, c, d), degrees, turn = MATRICES[kind]
    matrix = [a, b, 0, c, d, 0, 0, 0, 1 << 30]
    path = encode(tmp_path / "a.mp4", pictures(3, 64, 48), matrix=matrix)
    with open_video(path) as video:
        expected = turn(decode_all(path)[1])
        assert video.info.rotation_deg == degrees
        assert (video.info.height, video.info.width) == expected.shape[:2]
        np.testing.assert_array_equal(video.frames([1]).frames[0], expected)


@pytest.mark.skipif(
    not hasattr(av.video.stream.VideoStream, "set_display_matrix"), reason="PyAV before 18"
)
def test_a_slanted_display_matrix_is_ignored_with_a_warning(tmp_path: Path) -> None:
    path = encode(
        tmp_path / "a.mp4", pictures(2), matrix=[50000, 42000, 0, -42000, 50000, 0, 0, 0, 1 << 30]
    )
    with open_video(path) as video:
        assert video.info.rotation_deg == 0
        assert "multiple of 90" in video.info.warnings[0]


def test_rotation_agrees_with_libav(tmp_path: Path) -> None:
    matrix = [0, TURN, 0, -TURN, 0, 0, 0, 0, 1 << 30]
    if not hasattr(av.video.stream.VideoStream, "set_display_matrix"):
        pytest.skip("PyAV before 18")
    path = encode(tmp_path / "a.mp4", pictures(1), matrix=matrix)
    with av.open(str(path)) as container:
        # libav counts counter-clockwise.
        assert next(container.decode(video=0)).rotation == -90
    assert open_video(path).info.rotation_deg == 90


def test_odd_size_one_frame_and_fewer_frames_than_asked(tmp_path: Path) -> None:
    frames = pictures(3, 35, 27)
    path = encode(tmp_path / "a.mkv", frames, codec="ffv1", pix_fmt="bgr0")
    with open_video(path) as video:
        assert (video.info.width, video.info.height) == (35, 27)
        assert_same(video.frames(uniform_indices(3, 20)), frames, [0, 1, 2])
    path = encode(tmp_path / "b.mp4", pictures(1))
    with open_video(path) as video:
        assert video.info.frame_count == 1
        assert video.info.duration_s == pytest.approx(1 / 30, abs=0.01)
        assert_same(video.frames(uniform_indices(1)), decode_all(path), [0])


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m"])
def test_colours_follow_the_matrix_the_file_names(matrix: str, tmp_path: Path) -> None:
    # The same stored values mean different colours under the two matrices.
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=30, options={"x264-params": f"colormatrix={matrix}:qp=0"}
        )
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        frame = av.VideoFrame(32, 32, "yuv420p")
        for plane, value in zip(frame.planes, (120, 90, 180), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    luma, blue, red = (120 - 16) * 255 / 219, (90 - 128) * 255 / 224, (180 - 128) * 255 / 224
    kr, kb = (0.2126, 0.0722) if matrix == "bt709" else (0.299, 0.114)
    r, b = luma + 2 * (1 - kr) * red, luma + 2 * (1 - kb) * blue
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    shown = open_video(path).frames([0]).frames[0, 16, 16]
    np.testing.assert_allclose(shown, [r, g, b], atol=3)


def test_awkward_names(tmp_path: Path) -> None:
    for name in (
        "two words.mp4",
        "Übung – видео 動画.mp4",
        "12:30 clip.mp4",
        "100%d.mp4",
        "-x.mp4",
    ):
        path = encode(tmp_path / "plain.mp4", pictures(2)).rename(tmp_path / name)
        assert open_video(path).info.frame_count == 2


def test_real_clips() -> None:
    shared = Path(os.environ.get("ZEROTUBE_SHARED", Path(__file__).parents[3] / "shared"))
    if not (shared / "clips").is_dir():
        pytest.skip(f"no clips in {shared}")
    with open_video(shared / "clips" / "cups.mp4") as video:
        info = video.info
        assert (info.width, info.height, info.frame_count) == (1280, 720, 300)
        assert info.fps == Fraction(30000, 1001)
        assert info.duration_s == pytest.approx(10.01)
        assert not info.variable_frame_rate
        wanted = uniform_indices(info.frame_count, 4)
        clip = video.frames(wanted)
        streamed = [frame.image for frame in video.stream(0, None, int(wanted[1]))][:2]
    np.testing.assert_array_equal(clip.frames[:2], np.stack(streamed))
    np.testing.assert_allclose(clip.timestamps_s, wanted * 1001 / 30000)
