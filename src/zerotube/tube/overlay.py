"""``overlay.mp4``: the source video with the tube drawn on it and its span underneath."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zerotube.geometry.spans import Span
from zerotube.tube import style
from zerotube.tube.densify import densify
from zerotube.tube.types import GroundingResult

if TYPE_CHECKING:
    from zerotube.video.types import Frame

MIN_SHORT_SIDE = 360
"""Pixels below which a video is enlarged by a whole factor, so that the label can be read."""

MAX_LONG_SIDE = 1920
"""Pixels that such an enlargement does not pass."""


def write_overlay(result: GroundingResult, path: Path) -> None:
    """Draw the tube on every frame of the source video; H.264, one frame in memory at a time.

    Inside the span the chosen object wears a box and a label; outside it, and at all times the
    other candidates, a thin grey outline. A footer below the picture, which hides nothing of it,
    holds the query, the presentation time and a bar with the span and a playhead. Every frame that
    decodes is written, at the video's average rate: a video of variable frame rate plays evenly
    here, and the time in the footer is the true one. Sound is not copied.

    Args:
        result: a grounding; ``result.video.path`` is read again.
        path: file to write.

    Raises:
        VideoError: if the source cannot be read.
    """
    from zerotube.video import SegmentVideo, open_video, write_video  # PyAV: only when drawing

    painter = OverlayPainter(result)

    def painted(frames: Iterator[Frame]) -> Iterator[NDArray[np.uint8]]:
        for frame in frames:
            yield painter.paint(frame.image, frame.index)

    first, count = result.video.first_frame, result.video.frame_count
    with open_video(result.video.path) as whole:
        part = SegmentVideo(whole, Span(first, first + count - 1))
        write_video(path, painted(part.stream()), result.video.fps)


class OverlayPainter:
    """Draws one frame at a time; fonts, boxes and the footer's still parts are prepared once.

    Attributes:
        factor: whole number that the picture is enlarged by.
        size: (width, height) of a painted frame in pixels, footer included.
    """

    def __init__(self, result: GroundingResult) -> None:
        import supervision as sv

        self._result = result
        self._boxes = {
            track.track_id: (int(track.frame_indices[0]), densify(track)[1])
            for track in result.tracks
        }
        video = result.video
        self.factor = enlargement(video.width, video.height)
        self._picture = (video.width * self.factor, video.height * self.factor)
        short = min(self._picture)
        self._text_size = int(np.clip(short * 0.036, 14, 44))
        self._line = max(sv.calculate_optimal_line_thickness(self._picture), short // 240)
        self._label, font = style.legible(style.object_name(result), bold=True)
        accent, ink, other = (_color(c) for c in (style.ACCENT, style.INK, style.OTHER))
        self._other_box = sv.BoxAnnotator(color=other, thickness=max(1, (self._line + 1) // 2))
        self._chosen_box = (  # on a wider dark line, so that it shows on light and dark alike
            sv.BoxAnnotator(color=ink, thickness=self._line + 2),
            sv.BoxAnnotator(color=accent, thickness=self._line),
        )
        self._labeller = sv.RichLabelAnnotator(
            color=accent,
            text_color=ink,
            font_path=str(font),
            font_size=self._text_size,
            text_padding=max(4, self._text_size // 3),
            border_radius=self._line,
            smart_position=True,
        )
        self._footer = _Footer(result, self._picture, self._text_size)
        self.size = (self._picture[0], self._picture[1] + self._footer.height)

    def paint(self, image: NDArray[np.uint8], frame: int) -> NDArray[np.uint8]:
        """Draw on one frame.

        Args:
            image: uint8 ``(height, width, 3)`` RGB, as decoded.
            frame: its original 0-based number.

        Returns:
            uint8 ``(size[1], size[0], 3)`` RGB.
        """
        scene = self._enlarge(image).copy()
        # Of a sentence about several objects every answer is meant.
        meant = self._result.answers if self._result.evidence.several else ()
        tubes = (self._result.tube, *(answer.tube for answer in meant[1:]))
        active = {tube.track_id for tube in tubes if frame in tube.span}
        boxes = {
            track_id: box
            for track_id in self._boxes
            if (box := self._box_at(track_id, frame)) is not None
        }
        others = [box for track_id, box in boxes.items() if track_id not in active]
        if others:
            scene = self._other_box.annotate(scene, _detections(others))
        chosen = [box for track_id, box in boxes.items() if track_id in active]
        if chosen:
            found = _detections(chosen)
            for annotator in self._chosen_box:
                scene = annotator.annotate(scene, found)
            scene = self._labeller.annotate(scene, found, labels=[self._label] * len(chosen))
        canvas = np.empty((self.size[1], self.size[0], 3), np.uint8)
        height = len(scene)
        canvas[:height] = scene
        canvas[height:] = self._footer.paint(frame)
        return canvas

    def _enlarge(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.factor == 1:
            return image
        from PIL import Image

        large = Image.fromarray(image).resize(self._picture, Image.Resampling.BICUBIC)
        return np.asarray(large, dtype=np.uint8)

    def _box_at(self, track_id: int, frame: int) -> NDArray[np.float32] | None:
        """Box in pixels of the enlarged picture, or None where the track has none."""
        first, boxes = self._boxes[track_id]
        if not first <= frame < first + len(boxes):
            return None
        scaled: NDArray[np.float32] = boxes[frame - first] * np.float32(self.factor)
        return scaled


class _Footer:
    """The strip below the picture: query and time above, a bar with span and playhead below."""

    def __init__(self, result: GroundingResult, picture: tuple[int, int], text_size: int) -> None:
        from PIL import Image, ImageDraw, ImageFont

        self._result = result
        self._gap = text_size // 2
        self._text_size = text_size
        self._bar_height = max(6, text_size // 2)
        self.width = picture[0]
        self.height = round(text_size * 1.3) + self._bar_height + 3 * self._gap
        self._time_font = ImageFont.truetype(str(style.legible("0", bold=True)[1]), text_size)
        verdict = result.presence.verdict
        said = result.query.text if verdict == "present" else f"{verdict}: {result.query.text}"
        query, font = style.legible(style.clean(said) + "…")
        query_font = ImageFont.truetype(str(font), text_size)
        widest = self._time_font.getlength(f"{result.timestamps_s.max():.2f} s")
        room = self.width - 4 * self._gap - widest
        still = Image.new("RGB", (self.width, self.height), style.INK)
        draw = ImageDraw.Draw(still)
        draw.text(
            (self._gap, self._gap),
            style.wrapped(query[:-1], query_font, room, lines=1),
            fill=style.PAPER,
            font=query_font,
        )
        self._still = still
        self._draw_bar_ground()

    def _frame_to_x(self, frame: float) -> int:
        """Left edge of a frame's share of the bar, in pixels."""
        room = self.width - 2 * self._gap
        return self._gap + round(room * frame / self._result.video.frame_count)

    def _bar_rows(self) -> tuple[int, int]:
        bottom = self.height - self._gap
        return bottom - self._bar_height, bottom

    def _draw_bar_ground(self) -> None:
        import supervision as sv
        from PIL import Image

        span = self._result.tube.span
        top, bottom = self._bar_rows()
        scene = np.array(self._still, np.uint8)
        for start, stop, color in (
            (0, self._result.video.frame_count, style.TRACK),
            (span.start_frame, span.end_frame + 1, style.ACCENT),
        ):
            left, right = self._frame_to_x(start), self._frame_to_x(stop)
            scene = sv.draw_filled_rectangle(
                scene,
                sv.Rect(x=left, y=top, width=max(right - left, 2), height=bottom - top),
                color=_color(color),
            )
        self._still = Image.fromarray(scene)

    def paint(self, frame: int) -> NDArray[np.uint8]:
        """uint8 ``(height, width, 3)`` RGB."""
        import supervision as sv
        from PIL import ImageDraw

        active = frame in self._result.tube.span
        strip = self._still.copy()
        draw = ImageDraw.Draw(strip)
        draw.text(
            (self.width - self._gap, self._gap),
            f"{self._result.timestamps_s[frame]:.2f} s",
            fill=style.ACCENT if active else style.PAPER,
            font=self._time_font,
            anchor="ra",
        )
        top, bottom = self._bar_rows()
        x = self._frame_to_x(frame + 0.5)
        reach = self._gap // 2
        scene = sv.draw_line(
            np.array(strip, np.uint8),
            sv.Point(x, top - reach),
            sv.Point(x, bottom - 1 + reach),
            color=_color(style.PAPER),
            thickness=max(2, self._bar_height // 3),
        )
        return np.asarray(scene, dtype=np.uint8)


def enlargement(width: int, height: int) -> int:
    """Whole factor that brings the short side to ``MIN_SHORT_SIDE``, kept within the long side's
    limit; 1 for anything larger."""
    wanted = -(-MIN_SHORT_SIDE // min(width, height))
    return max(1, min(wanted, MAX_LONG_SIDE // max(width, height)))


def _color(hex_code: str) -> Any:
    """A colour with red and blue exchanged: supervision draws on OpenCV's BGR, our frames are RGB,
    and exchanging a few colours once is cheaper than every frame twice."""
    import supervision as sv

    color = sv.Color.from_hex(hex_code)
    return sv.Color(r=color.b, g=color.g, b=color.r)


def _detections(boxes: list[NDArray[np.float32]]) -> Any:
    import supervision as sv

    return sv.Detections(xyxy=np.stack(boxes), class_id=np.zeros(len(boxes), int))
