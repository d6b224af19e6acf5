"""Pictures of `footage.py`: frames with the chosen candidate and the objects that were meant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import supervision as sv
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from zerotube.files import replaced
from zerotube.tube import style
from zerotube.tube.types import GroundingResult
from zerotube.video import open_video

if TYPE_CHECKING:
    from footage import Box, Case

MEANT = "#19c3d6"
"""Colour of the objects that were meant."""

PANEL_WIDTH, COLUMNS, PANELS = 440, 2, 4
_GAP, _HEAD, _LEGEND = 10, 34, 26


def draw(
    result: GroundingResult, case: Case, judged: dict[int, bool], label: str, path: Path
) -> None:
    """Draw one query as a sheet of four frames.

    Args:
        result: the answer.
        case: the query with its references, whose frames are shown.
        judged: by candidate, whether it is one of the objects meant.
        label: of the method's settings.
        path: PNG file to write; an earlier one is replaced.
    """
    chosen = result.tube.track_id
    frames = shown_frames(result, case)
    with open_video(result.video.path) as video:
        images = video.frames(np.array(frames)).frames
    panels = [
        panel(image, result, frame, case.where[frame])
        for image, frame in zip(images, frames, strict=True)
    ]
    width = COLUMNS * PANEL_WIDTH + (COLUMNS + 1) * _GAP
    rows, height = -(-len(panels) // COLUMNS), panels[0].height
    sheet = Image.new("RGB", (width, _HEAD + _LEGEND + rows * (height + _GAP)), "white")
    pen = ImageDraw.Draw(sheet)
    pen.text((_GAP, 8), f"“{case.query}”", fill=style.INK, font=font(19, bold=True))
    verdict = "hit" if judged[chosen] else "miss"
    pen.text(
        (width - _GAP, 11),
        f"{verdict}; {sum(judged.values())} of {len(judged)} candidates would be one",
        fill=style.NOTE,
        font=font(14),
        anchor="ra",
    )
    at = float(_GAP)
    for colour, text in ((style.ACCENT, f"chosen ({label})"), (MEANT, "meant, by eye")):
        pen.rectangle((at, _HEAD + 5, at + 16, _HEAD + 17), outline=colour, width=3)
        pen.text((at + 23, _HEAD + 2), text, fill=style.NOTE, font=font(14))
        at += 23 + pen.textlength(text, font=font(14)) + 24
    for number, image in enumerate(panels):
        row, column = divmod(number, COLUMNS)
        place = _GAP + column * (PANEL_WIDTH + _GAP), _HEAD + _LEGEND + row * (height + _GAP)
        sheet.paste(image, place)
    small = few_colours(sheet)
    with replaced(path) as partial:
        small.save(partial, format="png", optimize=True)


def few_colours(picture: Image.Image) -> Image.Image:
    """The picture in 256 colours, which is a third of the bytes.

    The palette is spread over all colours that occur, not over the most frequent ones: a small ball
    keeps its yellow.
    """
    palette = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=1)
    return picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)


def shown_frames(result: GroundingResult, case: Case) -> list[int]:
    """Frames of the references, those first in which the chosen candidate is visible."""
    frames = np.array(sorted(case.where), dtype=np.int64)
    visible = result.tracks.by_id(result.tube.track_id).boxes_at(frames)[1]
    order = [*frames[visible], *frames[~visible]]
    if visible.sum() > PANELS:
        kept = np.linspace(0, visible.sum() - 1, PANELS).round().astype(int)
        order = [frames[visible][position] for position in kept]
    return sorted(int(frame) for frame in order[:PANELS])


def panel(
    image: NDArray[np.uint8], result: GroundingResult, frame: int, meant: tuple[Box, ...]
) -> Image.Image:
    """One frame, drawn on at full size and then made smaller."""
    boxes, visible = result.tracks.by_id(result.tube.track_id).boxes_at(np.array([frame]))
    scene = outlined(image.copy(), np.array(meant, dtype=np.float32), MEANT, 5)
    if visible[0]:
        scene = outlined(scene, boxes, style.ACCENT, 8)
    height = round(PANEL_WIDTH * scene.shape[0] / scene.shape[1])
    small = Image.fromarray(scene).resize((PANEL_WIDTH, height), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(small)
    text = f"{result.timestamps_s[frame]:.1f} s" + ("" if visible[0] else ", chosen track absent")
    room = pen.textbbox((8, 6), text, font=font(13))
    pen.rectangle((room[0] - 4, room[1] - 3, room[2] + 4, room[3] + 3), fill=style.INK)
    pen.text((8, 6), text, fill=style.PAPER, font=font(13))
    return small


def outlined(
    scene: NDArray[np.uint8], boxes: NDArray[np.float32], colour: str, thickness: int
) -> NDArray[np.uint8]:
    """Boxes on a wider dark line, so that they show on light and dark alike."""
    found = sv.Detections(xyxy=boxes, class_id=np.zeros(len(boxes), int))
    for hex_code, width in ((style.INK, thickness + 4), (colour, thickness)):
        known = sv.Color.from_hex(hex_code)
        # supervision draws on OpenCV's BGR, our frames are RGB.
        turned: Any = sv.Color(r=known.b, g=known.g, b=known.r)
        scene = sv.BoxAnnotator(color=turned, thickness=width).annotate(scene, found)
    return scene


def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib."""
    return ImageFont.truetype(str(style.legible("0", bold=bold)[1]), size)
