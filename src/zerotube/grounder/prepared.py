"""What a grounding reads: a video and a sentence, made ready once for all that is asked of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import NothingToGroundError
from zerotube.method.ask import Asker
from zerotube.method.config import MethodSettings
from zerotube.method.ground import StageReport, gather
from zerotube.method.session import ClipSession, FrameReader
from zerotube.method.types import Evidence
from zerotube.method.verdict import Presence
from zerotube.proposals.types import TrackSet
from zerotube.query import Query
from zerotube.video import Clip


@dataclass(frozen=True, eq=False)
class Prepared:
    """A video opened, sampled and encoded, with the candidates of one query.

    Everything it holds is in memory but for what ``read`` reads.

    Attributes:
        clip: the sampled frames; ``clip.info`` is that of the video, or of the part looked at.
        session: the encoded clip, under the settings it was prepared with.
        query: the sentence and its sub-queries.
        tracks: the tracks to choose from; empty if none were asked for.
        timestamps_s: float64 ``(frame_count,)``, of every frame of the video.
        timings_s: seconds of the stages "decode", "propose" and "encode", and of "scan" where the
            time was found first; a stage that several queries share has its whole time.
        counted: those stages whose seconds are in an earlier result of the same call; every
            result adds its own.
        warnings: what a user should know before trusting an answer.
        read: reads further frames of the video while it is open; None where it is closed, and then
            the ends of the span are found among the sampled frames.
        asker: who names times in words; None: the model itself.
        refusal: why there is nothing to be chosen from, where that is known before.
    """

    clip: Clip
    session: ClipSession
    query: Query
    tracks: TrackSet
    timestamps_s: NDArray[np.float64]
    timings_s: Mapping[str, float]
    counted: set[str]
    warnings: tuple[str, ...]
    read: FrameReader | None = None
    asker: Asker | None = None
    refusal: NothingToGroundError | None = None

    def evidence(
        self, settings: MethodSettings | None = None, progress: StageReport | None = None
    ) -> Evidence:
        """Maps and scores of the candidates.

        Args:
            settings: in place of the session's; they show the clip in the same way.
            progress: told about the stages "ask", "tune", "read" and "scan".

        Raises:
            NumericalError: a gradient, map or logit is not finite.
            AnswerError: the asker has no answer.
            UsageError: settings that show the clip otherwise.
        """
        session = self.session if settings is None else self.session.under(settings)
        return gather(session, self.query, self.tracks, self.clip, progress, self.read, self.asker)


def absent(
    query: Query, path: str, presence: Presence, settings: MethodSettings
) -> NothingToGroundError:
    """The error of an object that is not there, for settings that say to abstain."""
    return NothingToGroundError(
        f"nothing in {path!r} that fits {query.text!r} (log-odds {presence.margin:.1f}, absent "
        f"below {settings.absent_below:g})",
        wanted="an object that the model affirms",
        fix="leave --abstain out to see the best guess, or lower --absent-below",
    )


@contextmanager
def timed(seconds: dict[str, float], stage: str, tell: StageReport | None = None) -> Iterator[None]:
    """Write down how long a stage takes.

    Args:
        seconds: by stage; this one is added when it ends.
        stage: its name.
        tell: told of its beginning and its end.
    """
    begin = time.perf_counter()
    if tell is not None:
        tell(stage, 0, 1)
    yield
    if tell is not None:
        tell(stage, 1, 1)
    seconds[stage] = time.perf_counter() - begin


def same_pictures(one: Clip, other: Clip) -> bool:
    """Whether two clips show the same at the same times."""
    return one is other or (
        np.array_equal(one.timestamps_s, other.timestamps_s)
        and np.array_equal(one.frames, other.frames)
    )
