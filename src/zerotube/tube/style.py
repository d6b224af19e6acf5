"""What the overlay and the plots share: colours, texts that fit, fonts that have the characters."""

from __future__ import annotations

import bisect
import functools
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from zerotube.query import as_asked
from zerotube.tube.types import GroundingResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL.ImageFont import FreeTypeFont

ACCENT = "#ff9d1e"
"""The chosen track and span."""

OTHER = "#aab2bf"
"""The other candidates, and the chosen one outside its span."""

INK = "#14171c"
"""Backgrounds of the overlay's footer and label, text of the plots."""

SCAN = "#1b6ca8"
"""What was asked window by window."""

NAMED = "#8a3ffc"
"""Times that a model named in words."""

NOTE = "#5b6472"
"""Smaller text of the plots."""

PAPER = "#f5f6f8"
"""Text on ink."""

TRACK = "#3b424d"
"""The unfilled part of the footer's bar."""


_SHAPELESS = frozenset({"Cc", "Cf", "Mn", "Me"})
"""Unicode categories that a font may lack without loss: controls, joiners, accents."""


def clean(text: str) -> str:
    """One line that every font engine takes: white space collapsed, undecodable bytes replaced."""
    return " ".join(text.encode("utf-8", "replace").decode("utf-8").split())


def shorten(text: str, limit: int) -> str:
    """At most ``limit`` characters, cut at a word where that loses little, with an ellipsis."""
    line = clean(text)
    if len(line) <= limit:
        return line
    cut = line[: max(limit - 1, 1)]
    word_end = cut.rfind(" ")
    return (cut[:word_end] if word_end > limit * 0.6 else cut).rstrip(" ,.;:") + "…"


def wrapped(text: str, font: FreeTypeFont, room: float, *, lines: int) -> str:
    """Break a text into lines that fit, by measuring; scripts without spaces break anywhere.

    Args:
        text: one line.
        font: what it will be drawn with.
        room: width in the font's pixels.
        lines: how many at most; what does not fit is cut with an ellipsis.
    """
    rest = text
    done: list[str] = []
    while rest and len(done) < lines:
        if font.getlength(rest) <= room:
            done.append(rest)
            break
        tail = "…" if len(done) == lines - 1 else ""
        fitting = _fitting(rest, tail, font, room)
        word_end = rest.rfind(" ", 0, fitting + 1)
        if word_end > fitting * 0.6:
            fitting = word_end
        done.append(rest[:fitting].rstrip() + tail)
        rest = rest[fitting:].lstrip()
    return "\n".join(done)


def _fitting(text: str, tail: str, font: FreeTypeFont, room: float) -> int:
    """How many first characters, with ``tail`` behind them, fit into ``room``; at least one."""

    def width(count: int) -> float:
        return font.getlength(text[:count] + tail)

    return max(1, bisect.bisect_right(range(1, len(text) + 1), room, key=width))


def object_name(result: GroundingResult) -> str:
    """What to call the chosen object: the noun of the query, else the candidate's label."""
    query = as_asked(result.query, result.evidence.several)
    return shorten(query.noun or result.tube.label, 28)


def panel(axes: Axes, x_label: str, y_label: str = "", *, grid: Literal["x", "y"] = "y") -> None:
    """The looks of a diagram: its labels, quiet ticks and grid, and no frame."""
    axes.set_xlabel(x_label, fontsize=9, color=INK)
    axes.set_ylabel(y_label, fontsize=9, color=INK)
    axes.tick_params(labelsize=8.5, colors=NOTE, length=3)
    axes.grid(axis=grid, color="#e6e9ee", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#aab1bc")


def legible(text: str, *, bold: bool = False) -> tuple[str, Path]:
    """A text as it can be drawn, and the font file to draw it with.

    The font is DejaVu Sans, which comes with matplotlib (Latin, Greek, Cyrillic, Arabic and more),
    wherever it has all characters; otherwise the installed font that has most of them. A character
    that it lacks becomes an empty square; marks without a shape of their own are left out.

    Args:
        text: any text; line breaks are kept.
        bold: only for DejaVu Sans.
    """
    from matplotlib import get_data_path

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    font = Path(get_data_path()) / "fonts" / "ttf" / name
    wanted = frozenset(ord(letter) for letter in text if not letter.isspace())
    if not wanted <= _letters(font):
        font = _best_installed(wanted, font)
    letters = _letters(font)
    square = "\u25a1" if 0x25A1 in letters else "?"
    drawn = [
        letter
        if letter.isspace() or ord(letter) in letters
        else ("" if unicodedata.category(letter) in _SHAPELESS else square)
        for letter in text
    ]
    return "".join(drawn), font


@functools.lru_cache(maxsize=32)
def _best_installed(wanted: frozenset[int], fallback: Path) -> Path:
    from matplotlib.font_manager import fontManager

    best, best_count = fallback, len(wanted & _letters(fallback))
    for path in sorted({Path(entry.fname) for entry in fontManager.ttflist}):
        if "LastResort" in path.name:  # claims every character, draws only the name of its script
            continue
        count = len(wanted & _letters(path))
        if count > best_count:
            best, best_count = path, count
    return best


@functools.lru_cache(maxsize=256)
def _letters(font: Path) -> frozenset[int]:
    """Code points of a font file; none where the file cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(str(font)).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
