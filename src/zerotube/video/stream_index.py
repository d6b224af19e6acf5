"""Which frames a video file holds, found by listing its packets.

Listing packets costs milliseconds because nothing is decoded; the first few frames are decoded
to see that they come out as listed. Where the listing cannot be believed (the container reports
errors, packets are missing or flagged corrupt, timestamps are missing, doubled, or not those of
the frames), the whole file is decoded once and the frames that come out are the ones that count.
Damage inside the pictures of an otherwise sound container stays unseen until those are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import VideoError
from zerotube.video.libav import Decoder, declared_rates, logged_errors, open_file, packets
from zerotube.video.orientation import Orientation, from_display_matrix
from zerotube.video.timing import seconds_from_ticks

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_HEAD = 8
"""Frames decoded at opening; enough to meet a B-frame, whose order a bad listing gets wrong."""

_EARLY_END = 0.05
"""Share of the declared duration that may be missing before an early end is reported."""


@dataclass(frozen=True)
class PacketTable:
    """The packets of the video stream in decoding order, and what the container declares."""

    pts: list[int | None]
    dts: list[int | None]
    keyframe: list[bool]
    hidden: list[bool]
    """Packets needed for decoding but never shown, such as those before an edit list's start."""
    empty: int
    """Packets without data, which stand for a repeated frame."""
    corrupt: bool
    """Whether the container flags any packet as damaged."""
    last_duration_s: float
    """Of the packet shown last; 0 if unknown."""
    container: str
    time_base: Fraction
    rates: tuple[Fraction | None, ...]
    declared_frames: int
    """0 if unknown."""
    declared_duration_s: float | None
    codec: str
    errors: list[str]
    """What libav logged about the container."""


@dataclass(frozen=True, eq=False)
class StreamIndex:
    """The frames of a file in the order they are shown, and how to reach them."""

    timestamps_s: NDArray[np.float64]
    """(N,) seconds since the first."""
    keys: NDArray[np.int64]
    """(N,) strictly increasing: how decoded frames are recognised, see ``by_order``."""
    by_order: bool
    """Keys are places in the decoder's output where timestamps cannot be used; else pts."""
    in_order: bool
    """Whether frames must be decoded from the start, because positions are not known."""
    threads: str
    packets: PacketTable
    orientation: Orientation
    stored_size: tuple[int, int]
    """(width, height) before the orientation is applied."""
    warnings: tuple[str, ...]


def index_file(path: str) -> StreamIndex:
    """List a file's frames.

    Raises:
        VideoError: the file has no video, or none of it decodes.
        UsageError: PyAV is missing.
    """
    table = _list_packets(path)
    if not table.pts:
        raise VideoError(
            f"{path!r}, whose video stream has no frames",
            wanted="at least one frame",
            fix="export the video again",
        )
    first, head = _decode_head(path)
    shown = [p for p, hidden in zip(table.pts, table.hidden, strict=True) if not hidden]
    if first is None or not _believable(table, shown, head):
        return _index_by_decoding(path, table, shown)
    keys = np.array(sorted(p for p in shown if p is not None), dtype=np.int64)
    return _finish(table, first, keys, False, False, "AUTO", [])


def _list_packets(path: str) -> PacketTable:
    pts: list[int | None] = []
    dts: list[int | None] = []
    keyframe: list[bool] = []
    hidden: list[bool] = []
    durations: list[int] = []
    corrupt, empty = False, 0
    with open_file(path) as (container, stream), logged_errors() as errors:
        prefix = _length_prefix(stream)
        codec, time_base = stream.codec_context.name, Fraction(stream.time_base or 1)
        for packet in packets(container, stream):
            if not packet.size:
                empty += 1
                continue
            corrupt |= packet.is_corrupt or _is_torn(packet, prefix)
            pts.append(packet.pts)
            dts.append(packet.dts)
            keyframe.append(packet.is_keyframe)
            hidden.append(packet.is_discard or _never_shown(codec, packet))
            durations.append(packet.duration or 0)
        tag = stream.metadata.get("DURATION")
        latest = max(range(len(pts)), key=lambda i: (pts[i] or 0, i), default=None)
        # Libav's errors are added to their list when this block ends.
        return PacketTable(
            pts=pts,
            dts=dts,
            keyframe=keyframe,
            hidden=hidden,
            empty=empty,
            corrupt=corrupt,
            last_duration_s=float((durations[latest] if latest is not None else 0) * time_base),
            container=container.format.name,
            time_base=time_base,
            rates=declared_rates(stream),
            declared_frames=stream.frames,
            declared_duration_s=_clock_s(tag) if tag else None,
            codec=codec,
            errors=errors,
        )


def _never_shown(codec: str, packet: Packet[VideoStream]) -> bool:
    # VP8 stores its alternate reference pictures as packets of their own; bit 4 of the first
    # byte says whether a picture is shown (RFC 6386, 9.1). Newer codecs bundle them.
    return codec == "vp8" and not memoryview(packet)[0] & 0x10


def _length_prefix(stream: VideoStream) -> int:
    """Bytes that give the length of each unit inside an H.264 or HEVC packet; 0 if none do."""
    header = stream.codec_context.extradata or b""
    place = {"h264": 4, "hevc": 21}.get(stream.codec_context.name)
    # A first byte of 1 marks the form of header (avcC, hvcC) that comes with length prefixes.
    if place is None or len(header) <= place or header[0] != 1:
        return 0
    return (header[place] & 3) + 1


def _is_torn(packet: Packet[VideoStream], prefix: int) -> bool:
    """Whether the lengths inside a packet do not add up, a sign of overwritten bytes."""
    if not prefix:
        return False
    data, at = memoryview(packet), 0
    while at < len(data):
        at += prefix + int.from_bytes(data[at : at + prefix], "big")
    return at != len(data)


def _decode_head(path: str) -> tuple[VideoFrame | None, list[int | None]]:
    with open_file(path) as (container, stream):
        decoder = Decoder(stream)
        frames = list(islice(decoder.decode_all(packets(container, stream)), _HEAD))
    return (frames[0] if frames else None), [frame.pts for frame in frames]


def _believable(table: PacketTable, shown: list[int | None], head: list[int | None]) -> bool:
    known = sorted(p for p in shown if p is not None)
    return (
        not table.errors
        and not table.corrupt
        and len(known) == len(shown)
        and len(set(table.pts)) == len(table.pts)
        and head == known[: len(head)]
        and len(head) >= min(_HEAD, len(known))
        # AVI has no presentation times: libav makes up ones that are wrong with B-frames.
        and table.container != "avi"
    )


def _index_by_decoding(path: str, table: PacketTable, shown: list[int | None]) -> StreamIndex:
    with open_file(path, threads="NONE") as (container, stream):
        decoder = Decoder(stream)
        first: VideoFrame | None = None
        decoded: list[int | None] = []
        for frame in decoder.decode_all(packets(container, stream)):
            first = frame if first is None else first
            decoded.append(frame.pts)
        failures = decoder.failures
    expected = len(shown)
    # Fewer packets than declared mean a loss only with another sign of it: an edit list too
    # leaves packets out.
    if table.errors or table.corrupt or table.container == "avi":
        unseen = len(table.pts) - len(shown) + table.empty
        expected = max(expected, table.declared_frames - unseen)
    if first is None:
        raise VideoError(
            f"{path!r}, of whose {expected} frames none decodes",
            wanted="a complete video file",
            fix="export or download the file again",
        )
    known = [p for p in decoded if p is not None]
    by_order = len(known) < len(decoded) or any(b <= a for a, b in pairwise(known))
    keys = np.arange(len(decoded)) if by_order else np.array(known, dtype=np.int64)
    warnings = []
    if len(decoded) < expected:
        warnings.append(
            f"decoded {len(decoded)} of {expected} frames ({100 * len(decoded) // expected}%)"
            + ("" if by_order else _damage_place(known, shown, table.time_base))
        )
    elif table.errors:
        warnings.append(
            f"decoded {len(decoded)} frames of a damaged file (libav: {table.errors[0]})"
        )
    # Threads make no difference to a file that decodes without a complaint.
    threads = "NONE" if failures or len(decoded) < expected else "AUTO"
    return _finish(table, first, keys, by_order, True, threads, warnings)


def _finish(
    table: PacketTable,
    first: VideoFrame,
    keys: NDArray[np.int64],
    by_order: bool,
    in_order: bool,
    threads: str,
    warnings: list[str],
) -> StreamIndex:
    timestamps_s = (
        _times_by_order(table, len(keys)) if by_order else seconds_from_ticks(keys, table.time_base)
    )
    side_data: Any = first.side_data
    matrices = [bytes(data) for data in side_data if data.type.name == "DISPLAYMATRIX"]
    orientation = from_display_matrix(matrices[0]) if matrices else Orientation()
    if orientation is None:
        warnings = [
            *warnings,
            "the file asks for a turn that is not a multiple of 90 degrees: ignored",
        ]
    end_s, declared_s = float(timestamps_s[-1]), table.declared_duration_s
    if declared_s is not None and end_s < declared_s - max(0.5, _EARLY_END * declared_s):
        warnings = [*warnings, f"the video ends at {end_s:.2f} s of {declared_s:.2f} s"]
    return StreamIndex(
        timestamps_s=timestamps_s,
        keys=keys,
        by_order=by_order,
        in_order=in_order,
        threads=threads,
        packets=table,
        orientation=orientation or Orientation(),
        stored_size=(first.width, first.height),
        warnings=tuple(warnings),
    )


def _times_by_order(table: PacketTable, count: int) -> NDArray[np.float64]:
    """Decoding times in order are the presentation times up to a constant, if all are known."""
    known = sorted({d for d in table.dts if d is not None})
    if len(known) == count:
        return seconds_from_ticks(np.array(known, dtype=np.int64), table.time_base)
    rates = [rate for rate in reversed(table.rates) if rate]
    # The codec's own rate comes first here: a bare H.264 stream has no container to ask.
    return np.arange(count) / float(rates[0] if rates else Fraction(1))


def _damage_place(decoded: list[int], shown: list[int | None], time_base: Fraction) -> str:
    lost = sorted({p for p in shown if p is not None} - set(decoded))
    before = [p for p in decoded if not lost or p < lost[0]]
    if not before:
        return "; the stream is damaged at its start"
    return f"; the stream is damaged after {float((before[-1] - decoded[0]) * time_base):.2f} s"


def _clock_s(text: str) -> float | None:
    """Seconds of Matroska's "HH:MM:SS.fraction"; None if it is something else."""
    parts = text.split(":")
    try:
        hours, minutes, seconds = (float(part) for part in parts)
    except ValueError:
        return None
    return 3600 * hours + 60 * minutes + seconds
