"""Texts that fit and fonts that have the characters; what importing the stage loads."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from zerotube.tube import style

FONT = ImageFont.truetype(str(style.legible("a")[1]), 16)
WORDS = st.text(st.sampled_from("ab im. 红ж"), max_size=120).map(style.clean)


def test_importing_the_stage_loads_nothing_heavy() -> None:
    code = (
        "import sys, zerotube.tube\n"
        "heavy = {'torch', 'matplotlib', 'supervision', 'cv2', 'av', 'PIL'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@given(WORDS, st.integers(12, 300), st.integers(1, 4))
def test_wrapped_lines_fit_and_lose_nothing_but_the_end(text: str, room: int, lines: int) -> None:
    result = style.wrapped(text, FONT, room, lines=lines)
    broken = result.split("\n")
    assert len(broken) <= lines
    for line in broken:
        assert FONT.getlength(line) <= room or len(line.rstrip("…")) <= 1
    if result.endswith("…"):
        joined = result[:-1].replace("\n", "").replace(" ", "")
        assert text.replace(" ", "").startswith(joined)
        assert FONT.getlength(text) > room
    else:
        assert "".join(broken).replace(" ", "") == text.replace(" ", "")


def test_lines_break_between_words_where_they_can() -> None:
    room = FONT.getlength("the red square")
    assert style.wrapped("the red square moves", FONT, room, lines=2) == "the red square\nmoves"


@given(st.text(max_size=60), st.integers(1, 40))
def test_shortened_texts_are_short_and_clean(text: str, limit: int) -> None:
    short = style.shorten(text, limit)
    assert len(short) <= max(limit, 2)
    assert short == style.clean(short)
    short.encode("utf-8")


def test_known_letters_keep_their_shape_and_unknown_ones_become_squares() -> None:
    assert style.legible("Größe, квадрат, τετράγωνο")[0] == "Größe, квадрат, τετράγωνο"
    drawn, font = style.legible("a\U0010fffd b")
    assert drawn == "a\u25a1 b"
    assert "LastResort" not in font.name
    assert style.legible("a\x00b\nc")[0] == "ab\nc"
    assert style.legible("a", bold=True)[1] != style.legible("a")[1]


@pytest.mark.parametrize("name", ["ACCENT", "OTHER", "INK", "NOTE", "PAPER", "TRACK"])
def test_colours_are_hex_codes(name: str) -> None:
    assert len(bytes.fromhex(getattr(style, name)[1:])) == 3
