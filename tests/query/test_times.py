"""Times that models name in words: what is read, and what is refused."""

from __future__ import annotations

import pytest

from zerotube.errors import QueryError
from zerotube.query.prompts import time_prompt
from zerotube.query.times import MAX_ANSWER_CHARS, NamedWindow, read_windows

SHOWN = {"frame_count": 20, "duration_s": 100.0}


def test_prompts() -> None:
    ask = {"frame_count": 20, "duration_s": 12.345}
    assert time_prompt('the man says "hi"', "seconds", **ask) == (
        'This video is 12.3 seconds long. When does this happen in it: "the man says \\"hi\\""? '
        'Answer with its start and its end in seconds, in the form "from S to E seconds", and '
        "with nothing else."
    )
    assert time_prompt("it moves", "clock", **ask) == (
        'This video is 12.3 seconds long. When does this happen in it: "it moves"? Answer with '
        'its start and its end, in the form "from MM:SS to MM:SS", and with nothing else.'
    )
    assert time_prompt("it moves", "frames", **ask) == (
        "This video is shown as 20 frames, numbered 1 to 20 in the order of time. When does this "
        'happen in it: "it moves"? Answer with the numbers of its first and its last frame, in '
        'the form "frames A to B", and with nothing else.'
    )


@pytest.mark.parametrize(
    ("notation", "answer", "windows"),
    [
        # Forms that published models are known to answer in.
        ("seconds", "from 3.5 to 7 seconds", [(3.5, 7.0)]),
        ("seconds", "From 15.15 seconds to 25.09 seconds.", [(15.15, 25.09)]),
        ("seconds", "The event happens in the 24.3 - 30.4 seconds.", [(24.3, 30.4)]),
        ("seconds", "90.0 - 99.0 seconds, spread margarine on two slices", [(90.0, 99.0)]),
        ("seconds", "The given query happens in 3s to 9s.", [(3.0, 9.0)]),
        ("seconds", "3.5 \u2013 7.25", [(3.5, 7.25)]),
        ("seconds", "[24.3, 30.4]", [(24.3, 30.4)]),
        ("seconds", '{"start": 122, "end": 127}', None),
        ("seconds", '{"start": 12, "end": 27.5}', [(12.0, 27.5)]),
        (
            "seconds",
            '```json\n[\n  {"start_time": "00:01.00", "end_time": "00:05.50", "description": "x"}'
            "\n]\n```",
            [(1.0, 5.5)],
        ),
        ("seconds", '{"relevant_windows": [["1.0", "2.0"], ["4.0", "9.0"]]}', None),
        ("seconds", "[[1.0, 2.0], [4, 9.5]]", [(1.0, 2.0), (4.0, 9.5)]),
        ("seconds", "from 1 to 2 seconds and from 4 to 9 seconds", [(1.0, 2.0), (4.0, 9.0)]),
        ("seconds", "between 1 and 2 seconds", [(1.0, 2.0)]),
        ("seconds", "00:03 - 00:07", [(3.0, 7.0)]),
        ("seconds", "<think>from 1 to 2 seconds?</think>\nfrom 3 to 4 seconds", [(3.0, 4.0)]),
        ("seconds", "from 95 to 100.6 seconds", [(95.0, 100.0)]),
        ("clock", "from 00:03 to 00:07", [(3.0, 7.0)]),
        ("clock", "From 01:02.5 to 01:30", [(62.5, 90.0)]),
        ("clock", "0:00:03 to 0:01:07", [(3.0, 67.0)]),
        ("clock", "3.0 to 7.0 seconds", [(3.0, 7.0)]),
        ("frames", "frames 3 to 9", [(3.0, 9.0)]),
        ("frames", "Frame 3 to Frame 9", [(3.0, 9.0)]),
        ("frames", "Frames 3-9.", [(3.0, 9.0)]),
        ("frames", "3-9", [(3.0, 9.0)]),
        ("frames", "frames 20 to 20", [(20.0, 20.0)]),
        ("frames", '{"start_frame": 3, "end_frame": 9}', [(3.0, 9.0)]),
        # What names no time, another kind of it, or one that cannot be.
        ("seconds", "", None),
        ("seconds", "I cannot see that.", None),
        ("seconds", "at 3.5 seconds", None),
        ("seconds", "frames 3 to 9", None),
        ("seconds", "from 9 to 3 seconds", None),
        ("seconds", "from 50 to 180 seconds", None),
        ("seconds", "from 100.2 to 100.5 seconds", None),
        ("seconds", "from -3 to 5 seconds", None),
        ("seconds", "<think>from 1 to 2 seconds", None),
        ("seconds", "[1.0, 2.0, 3.0]", None),
        ("seconds", '{"start": true, "end": false}', None),
        ("seconds", "from 1e400 to 2e400 seconds", None),
        ("seconds", "[" * 5000, None),
        ("seconds", "from S to E seconds", None),
        ("seconds", "x" * (MAX_ANSWER_CHARS + 1), None),
        ("frames", "from 3.5 to 7 seconds", None),
        ("frames", "frames 0 to 5", None),
        ("frames", "frames 5 to 21", None),
        ("frames", "00:03 - 00:07", None),
        ("frames", '{"start": "00:03", "end": "00:07"}', None),
        ("frames", "3.5 - 7.5", None),
    ],
)
def test_answers(notation, answer: str, windows: list[tuple[float, float]] | None) -> None:
    if windows is None:
        with pytest.raises(QueryError) as caught:
            read_windows(answer, notation, **SHOWN)
        assert len(answer) < 20 or answer not in str(caught.value)
        assert "--time ask" in caught.value.fix
        return
    assert read_windows(answer, notation, **SHOWN) == tuple(NamedWindow(*one) for one in windows)
