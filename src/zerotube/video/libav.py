"""The few calls into PyAV, with its errors and its log kept in hand.

PyAV is imported inside the functions, so that `zerotube.video` loads without it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zerotube.errors import UsageError, VideoError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_GIVE_UP_AFTER = 64
"""Reading errors in a row, without a packet between, after which a file counts as ended."""


def import_av() -> Any:
    """The ``av`` module.

    Raises:
        UsageError: PyAV is not installed or cannot be loaded.
    """
    try:
        return importlib.import_module("av")
    except ImportError as error:
        raise UsageError(
            f"no usable PyAV ({error})",
            wanted="the package 'av', which reads and writes video files",
            fix="run: pip install av (a folder of images is read without it)",
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep libav's log off the user's screen, then restore whatever level was set."""
    logging = import_av().logging
    level = logging.get_level()
    # None is PyAV's silent default; setting it again could undo a handler the user installed.
    if level is not None:
        logging.set_level(None)
    try:
        yield
    finally:
        if level is not None:
            logging.set_level(level)


@contextmanager
def logged_errors() -> Iterator[list[str]]:
    """Collect the errors libav logs in this thread; the list is filled when the block ends.

    Only for code that decodes nothing: decoder threads that log while Python waits for them
    would wait for Python.
    """
    logging = import_av().logging
    level = logging.get_level()
    messages: list[str] = []
    logging.set_level(logging.ERROR)
    try:
        with logging.Capture(local=True) as logs:
            try:
                yield messages
            finally:
                messages += [text.strip() for kind, _, text in logs if kind <= logging.ERROR]
    finally:
        logging.set_level(level)


@contextmanager
def open_file(path: str, threads: str = "AUTO") -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video file at its start.

    Args:
        path: an existing file.
        threads: libav's kind of threading for the decoder: "AUTO", or "NONE" where the number of
            frames that survive damage must not depend on timing.

    Raises:
        VideoError: the file is not a container libav knows, or holds no video it can decode.
        UsageError: PyAV is missing.
    """
    av = import_av()
    try:
        # "file:" keeps a name such as "12:30.mp4" from being taken for a network protocol, and
        # the whitelist keeps a playlist from opening one. Names and tags in the file need not be
        # valid UTF-8.
        with quiet():
            container = av.open(
                f"file:{Path(path)}",
                mode="r",
                metadata_errors="replace",
                container_options={"protocol_whitelist": "file"},
            )
    except (av.error.FFmpegError, UnicodeError) as error:
        raise VideoError(
            f"{path!r}, which libav cannot open ({_reason(error)})",
            wanted="a complete video file (mp4, mkv, webm, avi, ...)",
            fix="check the file with a player, or export it again",
        ) from error
    try:
        stream = _video_stream(container, path)
        stream.thread_type = threads
        try:
            yield container, stream
        finally:
            # Waits until no decoder thread is at work. One that logs while Python frees the
            # decoder would wait for Python for ever.
            with quiet():
                stream.codec_context.flush_buffers()
    finally:
        container.close()


def packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """The stream's packets from the current position, in decoding order, past reading errors.

    Some are empty: they stand for a frame that repeats the one before.
    """
    av = import_av()
    failures = 0
    while failures < _GIVE_UP_AFTER:
        try:
            for packet in container.demux(stream):
                # PyAV ends with an empty packet of its own, which has no time.
                if packet.size or packet.dts is not None:
                    failures = 0
                    yield packet
            return
        except av.error.FFmpegError:
            failures += 1


class Decoder:
    """Turns packets into frames and counts the ones the decoder refused."""

    def __init__(self, stream: VideoStream) -> None:
        self._stream = stream
        self._av = import_av()
        self.failures = 0
        """Packets that gave an error so far."""

    def decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """Frames that are ready after this packet, in the order they are shown.

        Args:
            packet: the next one in decoding order; None at the end, for the frames still held.
        """
        if packet is not None and not packet.size:
            # To libav an empty packet means that the video has ended.
            return []
        try:
            with quiet():
                return list(self._stream.decode(packet))
        except self._av.error.FFmpegError:
            self.failures += 1
            return []

    def decode_all(self, source: Iterator[Packet[VideoStream]]) -> Iterator[VideoFrame]:
        """All frames of the packets, the held ones at the end included."""
        while True:
            with quiet():
                packet = next(source, None)
            yield from self.decode(packet)
            if packet is None:
                return


def declared_rates(stream: VideoStream) -> tuple[Fraction | None, Fraction | None]:
    """The container's average rate and libav's guess from container and codec together."""
    return stream.average_rate, stream.guessed_rate


def _video_stream(container: InputContainer, path: str) -> VideoStream:
    av = import_av()
    # A cover picture in a music file is a video stream to libav.
    cover = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not streams:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "no"
        raise VideoError(
            f"{path!r}, which holds {kinds} streams and no video stream",
            wanted="a file with pictures",
            fix="pass the video file itself",
        )
    best = container.streams.best("video")
    stream: VideoStream = next((s for s in streams if best and s.index == best.index), streams[0])
    if stream.codec_context is None:
        raise VideoError(
            f"{path!r}, whose video codec libav cannot decode",
            wanted="a common codec (H.264, HEVC, VP9, AV1, ...)",
            fix="convert it, for example with: ffmpeg -i INPUT -c:v libx264 OUTPUT.mp4",
        )
    return stream


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).splitlines()[0]
