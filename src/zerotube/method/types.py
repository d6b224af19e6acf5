"""What the method measured on a video, in plain NumPy: everything a decision needs.

An ``Evidence`` can be stored and decided upon again (another K, another rule) without the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import NumericalError

SOFTNESS = 4.0
"""What margins are divided by where they weigh frames; chosen from 1, 2 and 4."""


@dataclass(frozen=True, eq=False)
class TokenChoice:
    """Which role tokens' attention was read (method section 4).

    Attributes:
        texts: the candidates' texts, in prompt order.
        activations: float64 ``(n_role,)``, max over (t, y, x) of each candidate's map.
        weights: float64 ``(n_role,)``, share of each candidate's map in the one that was read; sum
            1.
    """

    texts: tuple[str, ...]
    activations: NDArray[np.float64]
    weights: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = (len(self.texts),)
        if self.activations.shape != shape or self.weights.shape != shape:
            raise ValueError(
                f"{shape[0]} texts, activations of shape {self.activations.shape} and weights of "
                f"shape {self.weights.shape}"
            )
        if not (self.weights >= 0.0).all() or abs(float(self.weights.sum()) - 1.0) > 1e-9:
            raise ValueError(f"weights {self.weights.tolist()}, not shares of 1")

    @property
    def chosen(self) -> int | None:
        """Index of the one token that was read, or None where several were combined."""
        counted = np.flatnonzero(self.weights)
        return int(counted[0]) if len(counted) == 1 else None

    @property
    def text(self) -> str:
        """Text of the grounding token; "mean of tokens" or "N tokens" where several were."""
        if self.chosen is not None:
            return self.texts[self.chosen]
        counted = int(np.count_nonzero(self.weights))
        even = counted == len(self.texts) and np.ptp(self.weights) == 0.0
        return "mean of tokens" if even else f"{counted} tokens"


@dataclass(frozen=True, eq=False)
class Scan:
    """How sure the model is that short windows of the clip show what was asked.

    Attributes:
        first_frames, last_frames: int64 ``(W,)``, the original frames that each window begins and
            ends with; the windows are in the order of their middles.
        margins: float64 ``(W,)``, logit of "yes" less logit of "no".
    """

    first_frames: NDArray[np.int64]
    last_frames: NDArray[np.int64]
    margins: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = self.margins.shape
        same = self.first_frames.shape == self.last_frames.shape == shape
        if len(shape) != 1 or not same:
            raise ValueError(
                f"windows of shapes {self.first_frames.shape} and {self.last_frames.shape}, "
                f"margins of shape {shape}"
            )
        if not np.isfinite(self.margins).all():
            raise NumericalError(
                "a margin of yes over no that is not finite",
                wanted="finite logits",
                fix="load the model with --dtype float32",
            )
        if (np.diff(self.moments) <= 0.0).any():
            raise ValueError(f"windows whose middles {self.moments.tolist()} do not increase")

    @property
    def moments(self) -> NDArray[np.float64]:
        """The windows' middles, float64 ``(W,)``, original frames, also between two of them."""
        return (self.first_frames + self.last_frames) / 2.0

    def windows_in(self, start_frame: int, end_frame: int) -> NDArray[np.bool_]:
        """Which windows have their middle in a span: one at least, the nearest, bool ``(W,)``."""
        inside = (self.moments >= start_frame) & (self.moments <= end_frame)
        # A span shorter than the distance of two windows lies between their middles.
        inside[np.abs(self.moments - (start_frame + end_frame) / 2).argmin()] = True
        return inside

    def presence_at(self, frames: NDArray[Any]) -> NDArray[np.float64]:
        """How likely some frames show it: logistic function of the margin, softened.

        Models are surer than they are right: a margin counts a quarter (`SOFTNESS`). Between the
        middles of two windows it is linear.

        Args:
            frames: ``(N,)``, original frames, also between two of them.

        Returns:
            float64 ``(N,)`` in [0, 1].
        """
        margins = np.interp(frames, self.moments, self.margins)
        presence: NDArray[np.float64] = 0.5 * (1.0 + np.tanh(margins / (2.0 * SOFTNESS)))
        return presence

    def joined(self, other: Scan) -> Scan:
        """The windows of both; of two with one middle, this scan's own."""
        known = np.isin(other.moments, self.moments)
        parts = [
            np.concatenate([mine, theirs[~known]])
            for mine, theirs in (
                (self.first_frames, other.first_frames),
                (self.last_frames, other.last_frames),
                (self.margins, other.margins),
            )
        ]
        order = np.argsort(parts[0] + parts[1], kind="stable")
        return Scan(*(part[order] for part in parts))


@dataclass(frozen=True, eq=False)
class NamedTimes:
    """The times that a model named in words, one answer after another.

    Attributes:
        answers: per answer that was understood the windows that it names, one or more, as first and
            last original frame, also between two of them.
        refused: per answer that was not what was wrong with it.
        source: who answered: "model:<name>" or "openai:<model>".
    """

    answers: tuple[tuple[tuple[float, float], ...], ...]
    refused: tuple[str, ...]
    source: str

    @property
    def ends(self) -> NDArray[np.float64]:
        """First and last frames of all windows, float64, increasing, each once."""
        return np.unique([end for windows in self.answers for window in windows for end in window])

    def share_at(self, frames: NDArray[Any]) -> NDArray[np.float64]:
        """Which share of the answers has some frames inside a window, float64 ``(N,)`` in [0, 1].

        Args:
            frames: ``(N,)``, original frames, also between two of them.
        """
        inside = [
            np.any([(frames >= start) & (frames <= end) for start, end in windows], axis=0)
            for windows in self.answers
        ]
        return np.mean(inside, axis=0) if inside else np.zeros(len(frames))


@dataclass(frozen=True, eq=False)
class Evidence:
    """Scores and maps of one query on one clip.

    Attributes:
        frame_indices: int64 ``(N,)``, original frames that were sampled.
        step_of_frame: int64 ``(N,)``, which time step of the maps shows each sampled frame (models
            that merge neighbouring frames have fewer steps than frames).
        spatial_map: float32 ``(T, h, w)``, attention the track is chosen by (A_S; assembled with
            the un-reversed map where TAS is on).
        temporal_map: float32 ``(T, h, w)``, attention the frames are chosen by (A_T).
        track_ids: ids of the candidates, P of them.
        track_scores: float64 ``(P,)``, what the track is chosen by: s_p of Eq. 2, or the product
            of the ``track_parts``, in the sense of their geometric mean.
        frame_scores: float64 ``(P, N)``, S_frame of every candidate at every sampled frame, 0 where
            the candidate is not visible.
        spatial_token, temporal_token: which role token each map was read from.
        presence: p_yes / (p_yes + p_no) of the full query on the plain video.
        consistency: cosine similarity of the forward and un-reversed spatial maps, None without
            TAS (method section 7).
        losses: objective before each tuning step, per tuned prompt ("spatial", "temporal",
            "spatial reversed"); empty without tuning.
        view_xyxy: the part of the frame that the maps cover, as fractions of width and height.
        seen: bool ``(P, N)``, which sampled frames show which candidate; None: those with a frame
            score above 0.
        scan: the windows that were asked about; None without a scan.
        gradient_scores: float64 ``(P, N)``, the action phrase's gradient inside every candidate;
            None where it was not asked for.
        track_parts: float64 ``(P,)`` each, what the track scores are made of, by name.
        has_action: whether the sentence says what its object does: else there is nothing to be cut
            out of the time in which it is seen.
        unknown_words: words of the sentence that the model does not know.
        several: whether the sentence means every object that fits, not one.
        named: the times that a model named in words; None where none was asked.
    """

    frame_indices: NDArray[np.int64]
    step_of_frame: NDArray[np.int64]
    spatial_map: NDArray[np.float32]
    temporal_map: NDArray[np.float32]
    track_ids: tuple[int, ...]
    track_scores: NDArray[np.float64]
    frame_scores: NDArray[np.float64]
    spatial_token: TokenChoice
    temporal_token: TokenChoice
    presence: float
    consistency: float | None
    losses: dict[str, tuple[float, ...]]
    view_xyxy: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    seen: NDArray[np.bool_] | None = None
    scan: Scan | None = None
    gradient_scores: NDArray[np.float64] | None = None
    track_parts: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    has_action: bool = True
    unknown_words: tuple[str, ...] = ()
    several: bool = False
    named: NamedTimes | None = None

    @property
    def visible(self) -> NDArray[np.bool_]:
        """Which sampled frames show which candidate, ``(P, N)``."""
        return self.frame_scores > 0.0 if self.seen is None else self.seen

    def __post_init__(self) -> None:
        shape = (len(self.track_ids), len(self.frame_indices))
        if self.frame_scores.shape != shape or self.track_scores.shape != shape[:1]:
            raise ValueError(
                f"scores of shapes {self.track_scores.shape} and {self.frame_scores.shape}; "
                f"wanted {shape[:1]} and {shape}"
            )
        for name in ("spatial_map", "temporal_map", "track_scores", "frame_scores"):
            if not np.isfinite(getattr(self, name)).all():
                raise NumericalError(
                    f"a non-finite {name.replace('_', ' ')}",
                    wanted="finite attention",
                    fix="load the model with --dtype float32 or lower the learning rate (--lr)",
                )
