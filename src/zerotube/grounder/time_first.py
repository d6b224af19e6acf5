"""Time first: candidates are looked for only where the scan says that the described time is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import NothingToGroundError
from zerotube.grounder.candidates import Candidates, no_candidate, stage
from zerotube.grounder.prepared import absent, timed
from zerotube.method.ask import Asker
from zerotube.method.glance import Glance, glance, untold
from zerotube.method.ground import StageReport
from zerotube.method.session import ClipSession
from zerotube.mllm.base import VideoMLLM
from zerotube.proposals.segment import of_whole
from zerotube.proposals.store.proposer import StoredProposer
from zerotube.proposals.types import TrackSet
from zerotube.query import Query
from zerotube.video import Clip, ThinnedVideo, Video
from zerotube.video.sampling import indices_at_rate, widened


@dataclass(frozen=True, eq=False)
class Proposed:
    """The candidates of one query.

    Attributes:
        tracks: the candidates, in frames of the whole video.
        notes: what a user should know who asked for time first.
        refusal: why there are none, if there are none.
    """

    tracks: TrackSet
    notes: tuple[str, ...] = ()
    refusal: NothingToGroundError | None = None


class TimeFirst:
    """The candidates of one open video, looked for after the time of each query is known.

    What is looked for twice - one noun in the same frames - is found once.

    Args:
        candidates: where they come from: a proposer.
        source: the open video.
        model: what will choose among them.
        tell: told about the stages "scan" and "propose".
        asker: who names times in words; None: the model itself.

    Raises:
        UsageError: unknown proposer or setting.
    """

    def __init__(
        self,
        candidates: Candidates,
        source: Video,
        model: VideoMLLM,
        tell: StageReport,
        asker: Asker | None = None,
    ) -> None:
        self._candidates = candidates
        self._source = source
        self._tell = tell
        self._asker = asker
        self._finder = candidates.finder(model)
        # By noun and frames, b"" for all of them: the tracks, and the seconds they took.
        self._found: dict[tuple[str, bytes], tuple[TrackSet, float]] = {}
        self._stored: dict[str, bool] = {}

    def find(
        self,
        session: ClipSession,
        query: Query,
        clip: Clip,
        seconds: dict[str, float],
        counted: set[str],
    ) -> Proposed:
        """The candidates of a query.

        Args:
            session: the encoded clip, under the settings of the query.
            query: the sentence.
            clip: the sampled frames.
            seconds: by stage; those of "scan" and "propose" are written into it.
            counted: stages whose seconds an earlier result has as well; those that are spent anew
                here leave it.

        Raises:
            TracksError, VideoError, ModelError, NumericalError: see the stages.
        """
        order, settings = self._candidates.order, session.settings
        noun = self._candidates.asked_for(self._finder, query.noun)
        frames, notes = None, tuple[str, ...]()
        seconds.pop("scan", None)
        if order.time_first == "on" or not self._is_stored(noun, counted):
            with timed(seconds, "scan", self._tell):
                seen = glance(session, query, clip, self._asker)
            counted.discard("scan")
            if seen is not None:
                if settings.abstain and seen.presence.verdict == "absent":
                    refusal = absent(query, self._source.info.path, seen.presence, settings)
                    return Proposed(nothing(self._source), refusal=refusal)
                frames = self._part(seen, clip)
            elif order.time_first == "on":
                why = untold(session, query) or "no answer named a time"
                notes = (f"--time-first: {why}; candidates were looked for in the whole video",)
        tracks = self._propose(noun, frames, seconds, counted)
        return Proposed(tracks, notes, None if len(tracks) else self._nowhere(noun, frames))

    def _is_stored(self, noun: str, counted: set[str]) -> bool:
        """Whether the store has the whole video's tracks, which are then taken."""
        if noun not in self._stored:
            own, finder, kept = dict[str, float](), self._finder, None
            with timed(own, "propose"):
                if isinstance(finder, StoredProposer):
                    kept = finder.stored(self._source, noun)
            self._stored[noun] = kept is not None
            if kept is not None:
                self._found[noun, b""] = kept, own["propose"]
                counted.discard("propose")
        return self._stored[noun]

    def _part(self, seen: Glance, clip: Clip) -> NDArray[np.int64] | None:
        """The frames to look at: the described time and its margins, thinned; None for all."""
        order, times = self._candidates.order, self._source.timestamps_s
        step_s = float(clip.timestamps_s[-1] - clip.timestamps_s[0]) / max(len(clip) - 1, 1)
        first, last = widened(times, *seen.span, max(order.span_margin_s, step_s))
        frames = indices_at_rate(times, first, last, order.track_fps)
        return None if len(frames) == len(times) else frames

    def _propose(
        self,
        noun: str,
        frames: NDArray[np.int64] | None,
        seconds: dict[str, float],
        counted: set[str],
    ) -> TrackSet:
        key = noun, b"" if frames is None else frames.tobytes()
        if key not in self._found:
            own: dict[str, float] = {}
            with timed(own, "propose"):
                tracks = self._look(noun, frames)
            self._found[key] = tracks, own["propose"]
            counted.discard("propose")
        tracks, seconds["propose"] = self._found[key]
        return tracks

    def _look(self, noun: str, frames: NDArray[np.int64] | None) -> TrackSet:
        report = stage(self._tell)
        if frames is None:
            return self._finder.propose(self._source, noun, progress=report)
        view = ThinnedVideo(self._source, frames)
        return of_whole(self._finder.propose(view, noun, progress=report), view)

    def _nowhere(self, noun: str, frames: NDArray[np.int64] | None) -> NothingToGroundError:
        if frames is None:
            return no_candidate(self._source)
        return NothingToGroundError(
            f"no candidate track of {noun!r} in frames {frames[0]} to {frames[-1]} of "
            f"{self._source.info.path!r}, where the scan finds the described time",
            wanted="at least one object",
            fix="pass --time-first off to look in all frames, or try another --proposer",
        )


def nothing(source: Video) -> TrackSet:
    """No candidates."""
    info = source.info
    return TrackSet((), info.frame_count, info.width, info.height, "none")
