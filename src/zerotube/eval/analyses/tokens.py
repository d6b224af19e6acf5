"""Which role token grounds (Eq. 1, method section 4): measured on every sample.

Read on the plain video, without any visual prompt, as in the paper's pilot study.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zerotube.eval.analyses.reading import RIGHT, Reading, reading
from zerotube.eval.analyses.settings import open_settings, recorded
from zerotube.eval.decomposition import QUERY, query_record
from zerotube.eval.ground_task import CandidateChoice, ModelChoice
from zerotube.eval.task import Work
from zerotube.eval.types import Sample
from zerotube.method.config import MethodSettings

if TYPE_CHECKING:
    from zerotube.mllm.types import TokenLayout
    from zerotube.proposals.types import TrackSet

ATTENTIONS = ("relative", "plain")
"""The two attentions that are analysed side by side; the method's default first."""

READS = frozenset(
    {"frames", "layer_start", "layer_end", "support"}
    | {"frame_fit", "max_visual_tokens", "grid_side"}
)
"""Settings of the method that this analysis leaves open."""


@dataclass(frozen=True)
class TokensTask:
    """Reads every role token on every sample.

    A result is::

        {"tokens": [{"text": str, "position": int}, ...], "frames": int, "true_frames": int,
         "candidates": int, "right_candidates": int, "attentions": {"plain" | "relative":
         {"activations": [float, ...], "ratios": {region: [float | None, ...]},
         "gt_v_iou": [float, ...], "gt_v_iou_of_mean": float}}}

    Lists go by token, in prompt order; a position counts from the end of the prompt, -1 being its
    last token. ``ratios`` are those of Eq. 1 by region (see `region`), None where they mean
    nothing. ``gt_v_iou`` is that of the track which each token alone chooses, 0 where it chooses
    none; ``gt_v_iou_of_mean`` that of the mean over all tokens. ``true_frames`` counts the sampled
    frames inside the true span, ``right_candidates`` the candidates that would be right.

    Attributes:
        settings_of_method: see ``with_changes``.
        model: the MLLM.
        candidates: where candidate tracks come from.
    """

    settings_of_method: MethodSettings
    model: ModelChoice = field(default_factory=ModelChoice)
    candidates: CandidateChoice = field(default_factory=CandidateChoice)

    @staticmethod
    def with_changes(changes: Mapping[str, Any]) -> MethodSettings:
        """The settings to read with.

        Raises:
            UsageError: a setting that is not in ``READS``.
        """
        return open_settings(
            "tokens",
            READS,
            changes,
            spatial_prompt=False,
            temporal_prompt=False,
            assembling=False,
        )

    @property
    def settings(self) -> dict[str, Any]:
        """See `zerotube.eval.task.Task`."""
        return {
            "analysis": "tokens",
            "zerotube": version("zerotube"),
            "model": self.model.to_dict(),
            "candidates": self.candidates.to_dict(),
            "method": recorded(self.settings_of_method, READS),
        }

    def open(self) -> Work:
        """Load the model.

        Raises:
            ModelError, UsageError: it cannot be loaded.
        """
        grounder = self.model.load()
        files = self.candidates.track_files()

        def work(sample: Sample) -> dict[str, Any]:
            asked = (self.settings_of_method, self.candidates, files)
            with reading(grounder, sample, *asked, loaded_by=self.model) as read:
                return measured(read) | {QUERY: query_record(read.query)}

        return work


def measured(read: Reading) -> dict[str, Any]:
    """The result of one sample, see ``TokensTask``."""
    from zerotube.query.prompts import existence_prompt

    candidates = read.candidates
    if candidates is None:
        raise ValueError("tokens are read with candidates")
    regions = read.regions()
    layout = read.session.context.layout
    worths = np.array([read.worth(track) for track in candidates])
    found: dict[str, Any] = {
        "frames": len(read.frame_indices),
        "true_frames": int(
            sum(int(i) + read.first_frame in read.sample.truth.span for i in read.frame_indices)
        ),
        "candidates": len(candidates),
        "right_candidates": int((worths > RIGHT).sum()),
        "attentions": {},
    }
    for attention in ATTENTIONS:
        settings = replace(read.session.settings, relative_attention=attention == "relative")
        question = existence_prompt(read.query.statement)
        tensor, texts = read.session.under(settings).role_maps(question, None)
        maps = tensor.float().cpu().numpy()
        found["tokens"] = [
            {"text": text, "position": place - len(texts)} for place, text in enumerate(texts)
        ]
        chosen = [
            worth_of_choice(one, candidates, worths, read.frame_indices, layout, settings)
            for one in (*maps, tensor.mean(dim=0).float().cpu().numpy())
        ]
        found["attentions"][attention] = {
            "activations": maps.reshape(len(maps), -1).max(axis=1).astype(float).tolist(),
            "ratios": {
                name: [None if np.isnan(value) else float(value) for value in region.ratios(maps)]
                for name, region in regions.items()
            },
            "gt_v_iou": chosen[:-1],
            "gt_v_iou_of_mean": chosen[-1],
        }
    return found


def worth_of_choice(
    one_map: NDArray[np.float32],
    candidates: TrackSet,
    worths: NDArray[np.float64],
    frame_indices: NDArray[np.int64],
    layout: TokenLayout,
    settings: MethodSettings,
) -> float:
    """gt_vIoU of the track that a map chooses (Eq. 2); 0 where it chooses none.

    Args:
        one_map: ``(T, h, w)``.
        candidates: P tracks.
        worths: float64 ``(P,)``, their gt_vIoU.
        frame_indices: int64 ``(N,)``, sampled frames.
        layout: of the clip.
        settings: says what of a track counts.
    """
    from zerotube.method.scoring import frame_scores

    if not len(candidates):
        return 0.0
    scores = frame_scores(one_map, candidates, frame_indices, layout, settings.support)
    by_track = scores.max(axis=1)
    best = int(by_track.argmax())
    return float(worths[best]) if by_track[best] > 0 else 0.0
