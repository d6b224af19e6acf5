"""What bad input gets: one line, or as much of the video as there is and a word about it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from video.samples import CLOSED, cut, decode_all, encode, overwrite, pictures
from zerotube.errors import UsageError, VideoError
from zerotube.video import libav, open_video, uniform_indices

FASTSTART = {"movflags": "+faststart"}


def refused(path: Path | str) -> str:
    """The message of the refusal, which must be one line and end the command with 3."""
    with pytest.raises(VideoError) as caught:
        open_video(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("got ")
    assert caught.value.exit_code == 3
    return message


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_missing_file(tmp_path: Path) -> None:
    assert "cannot be found" in refused(tmp_path / "no.mp4")
    assert "not a path" in refused("nul\0.mp4")


def test_empty_file(tmp_path: Path) -> None:
    assert "an empty file" in refused(written(tmp_path / "a.mp4", b""))


def test_text_file(tmp_path: Path) -> None:
    assert "libav cannot open" in refused(written(tmp_path / "a.mp4", b"Dear reader,\n" * 99))


def test_not_a_regular_file(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "neither a file nor a folder" in refused(tmp_path / "pipe.mp4")


def test_playlist_opens_no_network_connection(tmp_path: Path) -> None:
    text = (
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
    )
    refused(written(tmp_path / "a.m3u8", text))


def test_sound_without_pictures(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "audio streams and no video stream" in refused(path)


def test_header_without_frames(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", pictures(5), muxer={"movflags": "frag_keyframe+empty_moov"})
    data = path.read_bytes()
    refused(written(path, data[: data.index(b"moof") - 4]))


def test_cut_before_the_index(tmp_path: Path) -> None:
    assert "libav cannot open" in refused(cut(encode(tmp_path / "a.mp4", pictures(30)), 0.7))


def test_index_without_frames(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", pictures(30), muxer=FASTSTART)
    data = path.read_bytes()
    refused(written(path, data[: data.index(b"mdat") + 4]))


def test_nothing_decodes(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", pictures(30), muxer=FASTSTART)
    data = path.read_bytes()
    start = data.index(b"mdat") + 4
    noise = np.random.default_rng(0).integers(0, 256, len(data) - start, dtype=np.uint8)
    refused(written(path, data[:start] + noise.tobytes()))


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_cut_in_the_middle_gives_what_is_there(codec: str, tmp_path: Path) -> None:
    options = {"x265-params": "log-level=0"} if codec == "libx265" else {}
    path = encode(tmp_path / "a.mp4", pictures(60), codec=codec, options=options, muxer=FASTSTART)
    whole = decode_all(path)
    with open_video(cut(path, 0.6)) as video:
        count = video.info.frame_count
        assert 5 < count < 55
        (warning,) = video.info.warnings
        share = 100 * count // 60
        assert warning.startswith(f"decoded {count} of 60 frames ({share}%); the stream is damaged")
        # The last frames before the cut refer to ones behind it.
        place_s = float(warning.split()[-2])
        assert video.timestamps_s[-1] - 0.2 < place_s <= video.timestamps_s[-1] + 0.01
        assert video.info.fps == 30
        clip = video.frames(uniform_indices(count))
        assert len(clip) == min(20, count)
        np.testing.assert_array_equal(clip.frames[0], whole[0])
        assert [frame.index for frame in video.stream()] == list(range(count))


def test_cut_matroska_says_where_it_ends(tmp_path: Path) -> None:
    with open_video(cut(encode(tmp_path / "a.mkv", pictures(60), x264=CLOSED), 0.5)) as video:
        assert video.info.frame_count < 50
        assert any("of 2.00 s" in warning for warning in video.info.warnings)
        assert len(list(video.stream())) == video.info.frame_count


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_overwritten_middle(codec: str, tmp_path: Path) -> None:
    name = "x264" if codec == "libx264" else "x265"
    options = {f"{name}-params": "keyint=15:min-keyint=15" + ":log-level=0" * (name == "x265")}
    frames = pictures(60, 160, 128)
    path = encode(tmp_path / "a.mp4", frames, codec=codec, options=options, muxer=FASTSTART)
    whole = decode_all(path)
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    with open_video(overwrite(path, places[20], places[25] - places[20])) as video:
        count = video.info.frame_count
        assert 30 < count < 60
        assert f"decoded {count} of 60 frames" in video.info.warnings[0]
        # Times stay those of the frames that are left.
        assert video.info.duration_s == pytest.approx(2, abs=0.01)
        read = list(video.stream())
        assert len(read) == count
        np.testing.assert_array_equal(read[0].image, whole[0])
        np.testing.assert_array_equal(read[-1].image, whole[-1])


def test_damage_inside_a_picture_is_reported_when_it_is_met(tmp_path: Path) -> None:
    path = encode(
        tmp_path / "a.mp4", pictures(40, 160, 128), x264="keyint=99:bframes=0", muxer=FASTSTART
    )
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        at = packets[20].pos + packets[20].size * 2 // 3
    with open_video(overwrite(path, at, 8)) as video:
        assert video.info.warnings == ()
        clip = video.frames(range(15, 25))
        assert len(clip.info.warnings) == 1
        assert "(the first: 20)" in clip.info.warnings[0]


def test_a_frame_that_turns_out_lost_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / "a.mp4", pictures(30), x264="keyint=10:bframes=0")
    video = open_video(path)
    lost_pts = int(video._index.keys[15])  # type: ignore[attr-defined]
    plain = libav.Decoder.decode
    monkeypatch.setattr(
        libav.Decoder,
        "decode",
        lambda self, packet: [f for f in plain(self, packet) if f.pts != lost_pts],
    )
    clip = video.frames([2, 15, 16, 29])
    assert clip.frame_indices.tolist() == [2, 16, 29]
    assert "1 of 30 frames could not be decoded" in clip.info.warnings[0]
    np.testing.assert_array_equal(clip.frames[1], decode_all(path)[16])
    assert 15 not in [frame.index for frame in video.stream()]
    with pytest.raises(VideoError, match="none of the 1 wanted frames"):
        video.frames([15])


@pytest.mark.parametrize("indices", [[30], [-1], [3, 3], [4, 2], [], [0.5], [[1, 2]]])
def test_indices_out_of_range_or_order(indices: list[int], tmp_path: Path) -> None:
    with open_video(encode(tmp_path / "a.mp4", pictures(30))) as video:
        with pytest.raises(VideoError) as caught:
            video.frames(indices)
        assert "\n" not in str(caught.value)


def test_ranges_are_checked_at_once(tmp_path: Path) -> None:
    video = open_video(encode(tmp_path / "a.mp4", pictures(30)))
    for start, stop in ((0, 31), (-1, None), (30, None), (5, 5)):
        with pytest.raises(VideoError, match="0 <= start < stop <= 30"):
            video.stream(start, stop)
    with pytest.raises(UsageError, match="stride"):
        video.stream(stride=0)


def test_a_closed_video_refuses(tmp_path: Path) -> None:
    with open_video(encode(tmp_path / "a.mp4", pictures(30))) as video:
        frames = video.stream()
        next(frames)
    with pytest.raises(UsageError, match="closed"):
        next(frames)
    with pytest.raises(UsageError, match="closed"):
        video.frames([0])


def test_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encode(tmp_path / "a.mp4", pictures(2))
    # Root may read everything, so the answer of the system is put in its mouth.
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "may not be read" in refused(path)


def test_fps_belongs_to_folders(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", pictures(2))
    with pytest.raises(UsageError, match="a file carries its own times"):
        open_video(path, fps=Fraction(5))
    with pytest.raises(UsageError, match="positive"):
        open_video(path, fps=Fraction(0))


def test_libav_stays_silent_and_its_level_as_it_was(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = encode(tmp_path / "a.mp4", pictures(60), muxer=FASTSTART)
    overwrite(path, int(0.6 * path.stat().st_size), 200)
    before = av.logging.get_level()
    try:
        for level in (av.logging.VERBOSE, None):
            av.logging.set_level(level)
            with open_video(path) as video:
                for _ in zip(video.stream(), range(20), strict=False):
                    assert av.logging.get_level() == level
            refused(written(tmp_path / "b.mp4", b"text" * 100))
            assert av.logging.get_level() == level
            # A user who asks for libav's log gets it; nobody else does.
            shown = capfd.readouterr()
        assert (shown.out, shown.err) == ("", "")
    finally:
        av.logging.set_level(before)


def test_without_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encode(tmp_path / "a.mp4", pictures(2))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UsageError, match="pip install av"):
        open_video(path)


def test_importing_loads_neither_torch_nor_av() -> None:
    code = (
        "import sys, zerotube.video; "
        "assert not {'torch', 'av', 'PIL'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("first_byte", "hidden"), [(0x10, False), (0x00, True)])
def test_vp8_pictures_that_are_never_shown(first_byte: int, hidden: bool) -> None:
    from zerotube.video.stream_index import _never_shown

    packet = av.Packet(bytes([first_byte, 0, 0]))
    check: Callable[..., bool] = _never_shown
    assert check("vp8", packet) is hidden
    assert check("vp9", packet) is False
