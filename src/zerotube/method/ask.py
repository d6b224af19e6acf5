"""Ask: the time in the model's own words, as evidence like any other (docs/method.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from zerotube.errors import QueryError, UsageError
from zerotube.geometry.spans import TimeNotation
from zerotube.method.session import ClipSession
from zerotube.method.types import NamedTimes
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.generate import say
from zerotube.query.prompts import time_prompt
from zerotube.query.times import DRAWN, NamedWindow, read_windows
from zerotube.video.types import Clip


class Asker(Protocol):
    """Whoever is asked about a clip in words, in place of the model that grounds.

    Attributes:
        notation: how it names times.
        source: names it, such as "openai:<model>".
    """

    notation: TimeNotation
    source: str

    def __call__(self, clip: Clip, question: str, samples: int, /) -> Sequence[str]:
        """The answers to a question about some frames.

        Args:
            clip: the frames.
            question: what is asked.
            samples: answers wanted; of one the likeliest.

        Raises:
            AnswerError: no answer comes.
        """
        ...


def ask_times(
    session: ClipSession, clip: Clip, statement: str, asker: Asker | None = None
) -> NamedTimes:
    """The times at which something happens, named in words.

    Args:
        session: the encoded clip; its settings say how many answers are asked for.
        clip: its frames.
        statement: what happens.
        asker: who is asked; None: the session's model.

    Raises:
        AnswerError: the asker has no answer.
    """
    samples = session.settings.ask_samples
    key = statement, samples, asker
    if key not in session.named:
        session.named.put(key, _asked(session, clip, statement, samples, asker))
    return session.named[key]


def _asked(
    session: ClipSession, clip: Clip, statement: str, samples: int, asker: Asker | None
) -> NamedTimes:
    notation = session.model.family.time_notation if asker is None else asker.notation
    first_s, frame_count = float(clip.timestamps_s[0]), len(clip)
    duration_s = max(clip.info.duration_s - first_s, 0.0)
    question = time_prompt(statement, notation, frame_count=frame_count, duration_s=duration_s)
    said = (
        _own_words(session, question, samples) if asker is None else asker(clip, question, samples)
    )
    understood, refused = [], []
    for answer in said:
        try:
            windows = read_windows(answer, notation, frame_count=frame_count, duration_s=duration_s)
        except QueryError as error:
            refused.append(error.got)
        else:
            understood.append(tuple(_frames(clip, window, notation) for window in windows))
    source = f"model:{session.model.name}" if asker is None else asker.source
    return NamedTimes(tuple(understood), tuple(refused), source)


def check_can_answer(model: VideoMLLM) -> None:
    """Whether a model may know the words that it is asked for a time in.

    Raises:
        UsageError: its tokenizer does not.
    """
    question = time_prompt("it moves", model.family.time_notation, frame_count=20, duration_s=10.0)
    unknown = model.tokens.unknown_words(question)
    if unknown:
        named = ", ".join(repr(word) for word in unknown[:3])
        raise UsageError(
            f"--time ask with the model {model.name!r}, which does not know {named}",
            wanted="a model that can say when something happens",
            fix="leave --time ask out, pass another --model, or ask a server with --asker openai",
        )


def _own_words(session: ClipSession, question: str, samples: int) -> list[str]:
    prefix = session.plain(reverse=False).detached()
    temperature = 0.0 if samples == 1 else DRAWN
    return [
        say(session.model, prefix, question, temperature=temperature, seed=seed)
        for seed in range(samples)
    ]


def _frames(clip: Clip, window: NamedWindow, notation: TimeNotation) -> tuple[float, float]:
    """A window in original frames, also between two of them.

    Seconds count from the first frame that was shown. A numbered frame stands for the time around
    it, half way to its neighbours.
    """
    frames = clip.frame_indices.astype(np.float64)
    if notation == "frames":
        middles = (frames[1:] + frames[:-1]) / 2
        edges = np.concatenate([frames[:1], middles, frames[-1:]])
        return float(edges[int(window.start) - 1]), float(edges[int(window.end)])
    times_s = clip.timestamps_s - clip.timestamps_s[0]
    start, end = np.interp([window.start, window.end], times_s, frames)
    return float(start), float(end)
