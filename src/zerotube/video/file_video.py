"""A video file, read frame by exact frame.

Each reading opens the file anew (about 15 ms), so that iterators cannot disturb one another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zerotube.video.base import Video
from zerotube.video.libav import Decoder, import_av, open_file, packets, quiet
from zerotube.video.stream_index import PacketTable, index_file
from zerotube.video.timing import frame_rate, is_variable, last_frame_duration_s
from zerotube.video.types import Frame, VideoInfo

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_SEEK_COST = 8
"""Packets one seek is worth: the frames in flight that it throws away and the refill."""

_SKIPPING_CODECS = frozenset({"h264", "hevc"})
"""Codecs whose decoders may be told to leave out pictures that no other picture refers to."""


@dataclass(frozen=True)
class Run:
    """Frames decoded in one go, from the keyframe at packet ``start`` on."""

    start: int
    indices: tuple[int, ...]


def plan_runs(
    starts: NDArray[np.int64], positions: NDArray[np.int64], wanted: NDArray[np.int64]
) -> list[Run]:
    """Group wanted frames so that a seek happens only where it saves decoding.

    Args:
        starts: (N,) packet from which each frame of the video can be decoded.
        positions: (N,) packet that holds each frame.
        wanted: (M,) increasing frame numbers.

    Returns:
        Runs in order; together they hold ``wanted``.
    """
    runs: list[tuple[int, list[int]]] = []
    reached = -1
    for index in wanted.tolist():
        if not runs or starts[index] > reached + _SEEK_COST:
            runs.append((int(starts[index]), []))
        runs[-1][1].append(index)
        reached = max(reached, int(positions[index]))
    return [Run(start, tuple(indices)) for start, indices in runs]


class FileVideo(Video):
    """A video file decoded by libav.

    Args:
        path: an existing file.

    Raises:
        VideoError: nothing in the file can be decoded as video.
        UsageError: PyAV is missing.
    """

    def __init__(self, path: str) -> None:
        index = index_file(path)
        table, times = index.packets, index.timestamps_s
        fps = frame_rate(table.rates, times)
        width, height = index.orientation.size(*index.stored_size)
        info = VideoInfo(
            path=path,
            fps=fps,
            frame_count=len(times),
            width=width,
            height=height,
            duration_s=float(times[-1]) + last_frame_duration_s(table.last_duration_s, times, fps),
            rotation_deg=index.orientation.degrees,
            variable_frame_rate=is_variable(times, float(table.time_base)),
            warnings=index.warnings,
        )
        super().__init__(info, times)
        self._index = index
        self._number = {int(key): number for number, key in enumerate(index.keys)}
        self._in_order = index.in_order
        self._lost: set[int] = set()
        self._flawed: set[int] = set()
        self._resized: set[int] = set()
        if not index.in_order:
            self._packet_of = {p: i for i, p in enumerate(table.pts) if p is not None}
            self._positions = np.array([self._packet_of[int(key)] for key in index.keys])
            self._starts = _decoding_starts(table, index.keys, self._positions)

    @property
    def info(self) -> VideoInfo:
        notes = (
            (self._lost, "could not be decoded and had to be left out"),
            (self._flawed, "came out damaged, as far as they could be recovered"),
            (self._resized, "had to be scaled to the size of the first"),
        )
        late = [
            f"{len(numbers)} of {self._info.frame_count} frames {what} (the first: {min(numbers)})"
            for numbers, what in notes
            if numbers
        ]
        return replace(self._info, warnings=(*self._info.warnings, *late))

    def _read(self, wanted: NDArray[np.int64]) -> Iterator[Frame]:
        done = 0
        if not self._in_order:
            for frame in self._read_by_seeking(wanted):
                self._check_open()
                done += 1
                yield frame
            if done == len(wanted):
                return
            # A frame did not come out where the listing says, so seeking cannot be trusted with
            # this file; decoding it from the start decides whether the frame is lost.
            self._in_order = True
        for frame in self._read_in_order(wanted[done:]):
            self._check_open()
            yield frame

    def _read_by_seeking(self, wanted: NDArray[np.int64]) -> Iterator[Frame]:
        """Yield the wanted frames up to the first one that does not come out as planned."""
        with open_file(self._info.path, self._index.threads) as (container, stream):
            decoder = Decoder(stream)
            for run in plan_runs(self._starts, self._positions, wanted):
                source = self._packets_from(container, stream, run.start)
                if source is None:
                    return
                due = iter(run.indices)
                expected = next(due)
                for frame in decoder.decode_all(self._thin(source, stream, run)):
                    index = self._number.get(frame.pts, -1) if frame.pts is not None else -1
                    if index > expected:
                        return
                    if index == expected:
                        yield self._finished(index, frame)
                        following = next(due, None)
                        if following is None:
                            break
                        expected = following
                else:
                    return

    def _packets_from(
        self, container: InputContainer, stream: VideoStream, start: int
    ) -> Iterator[Packet[VideoStream]] | None:
        """Packets from number ``start`` on; None if the file cannot be sought there."""
        table = self._index.packets
        # Containers index either presentation or decoding times. The later one is tried first:
        # it never lands a keyframe too early, and landing too late is seen below.
        for target in (table.pts[start], table.dts[start]):
            if target is None:
                continue
            source = packets(container, stream)
            try:
                with quiet():
                    container.seek(target, stream=stream)
                    landed = next(source, None)
            except import_av().error.FFmpegError:
                return None
            position = (
                self._packet_of.get(landed.pts, -1) if landed and landed.pts is not None else -1
            )
            if landed is not None and 0 <= position <= start:
                return _skip(landed, source, start - position)
        return None

    def _thin(
        self, source: Iterator[Packet[VideoStream]], stream: VideoStream, run: Run
    ) -> Iterator[Packet[VideoStream]]:
        """Pass packets on, telling the decoder which ones it may leave undecoded."""
        if self._index.packets.codec not in _SKIPPING_CODECS:
            yield from source
            return
        wanted = {int(self._index.keys[index]) for index in run.indices}
        context = stream.codec_context
        for packet in source:
            context.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
            yield packet

    def _read_in_order(self, wanted: NDArray[np.int64]) -> Iterator[Frame]:
        """Yield the wanted frames that decode, from a decoding of the whole file."""
        due = set(wanted.tolist())
        last = int(wanted[-1])
        with open_file(self._info.path, self._index.threads) as (container, stream):
            decoder = Decoder(stream)
            for place, frame in enumerate(decoder.decode_all(packets(container, stream))):
                key = place if self._index.by_order else frame.pts
                index = self._number.get(key, -1) if key is not None else -1
                if index in due:
                    due.remove(index)
                    yield self._finished(index, frame)
                if index >= last:
                    break
        self._lost |= due

    def _finished(self, index: int, frame: VideoFrame) -> Frame:
        width, height = self._index.stored_size
        if frame.is_corrupt:
            self._flawed.add(index)
        if (frame.width, frame.height) != (width, height):
            self._resized.add(index)
        with quiet():
            stored = frame.to_ndarray(format="rgb24", width=width, height=height)
        image = self._index.orientation.apply(np.asarray(stored, dtype=np.uint8))
        return Frame(index, float(self._timestamps_s[index]), image)


def _decoding_starts(
    table: PacketTable, keys: NDArray[np.int64], positions: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(N,) number of the packet from which each frame can be decoded.

    It is the last keyframe shown no later than the frame. A frame that is stored after a keyframe
    and shown before it (open GOP) needs the keyframe before that one, which this rule gives.
    """
    key_packets: list[int] = [0]
    key_times: list[int] = [np.iinfo(np.int64).min]
    for position, (pts, is_key) in enumerate(zip(table.pts, table.keyframe, strict=True)):
        if is_key and pts is not None and pts > key_times[-1]:
            key_packets.append(position)
            key_times.append(pts)
    chosen = np.searchsorted(np.array(key_times), keys, side="right") - 1
    starts = np.array(key_packets)[chosen]
    return np.where(starts <= positions, starts, 0)


def _skip(
    landed: Packet[VideoStream], source: Iterator[Packet[VideoStream]], count: int
) -> Iterator[Packet[VideoStream]]:
    if count == 0:
        yield landed
        count = 1
    for number, packet in enumerate(source, start=1):
        if number >= count:
            yield packet
