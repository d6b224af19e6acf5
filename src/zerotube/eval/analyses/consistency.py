"""Does the answer suffer where the map depends on the order of the frames (method section 7)?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

from zerotube.errors import NothingToGroundError, UsageError
from zerotube.eval.analyses.reading import Reading, reading
from zerotube.eval.analyses.settings import open_settings, recorded
from zerotube.eval.decomposition import QUERY, query_record
from zerotube.eval.ground_task import CandidateChoice, ModelChoice
from zerotube.eval.metrics import NOTHING, Overlap, overlap
from zerotube.eval.predictions import from_tube
from zerotube.eval.task import SampleSkipped, Work
from zerotube.eval.types import Sample
from zerotube.method.config import MethodSettings

TUNINGS = ("tuned", "untuned")
"""With the attribute prompts tuned, as the method has it, and without them."""

ANSWERS = ("assembled", "forward")
"""From the mean of both maps, as the method has it, and from the forward map alone."""

READS = frozenset(set(MethodSettings.__dataclass_fields__) - {"spatial_prompt", "assembling"})
"""Settings of the method that this analysis leaves open."""


@dataclass(frozen=True)
class ConsistencyTask:
    """Grounds every sample with and without tuning and reversal, and compares the two maps.

    A result is::

        {"candidates": int, "tunings": {"tuned" | "untuned": {"consistency": float,
         "answers": {"assembled" | "forward": {"gt_v_iou": float,
         "v_iou": {"half-open": float, "inclusive": float}}}}}}

    Attributes:
        settings_of_method: see ``with_changes``.
        model: the MLLM.
        candidates: where candidate tracks come from.

    Raises:
        UsageError: a single frame, which reads the same backwards.
    """

    settings_of_method: MethodSettings
    model: ModelChoice = field(default_factory=ModelChoice)
    candidates: CandidateChoice = field(default_factory=CandidateChoice)

    def __post_init__(self) -> None:
        if self.settings_of_method.frames < 2:
            raise _one_frame("one frame", "raise --frames")

    @staticmethod
    def with_changes(changes: Mapping[str, Any]) -> MethodSettings:
        """The settings to ground with.

        Raises:
            UsageError: a setting that is not in ``READS``.
        """
        return open_settings("consistency", READS, changes)

    @property
    def settings(self) -> dict[str, Any]:
        """See `zerotube.eval.task.Task`."""
        return {
            "analysis": "consistency",
            "zerotube": version("zerotube"),
            "model": self.model.to_dict(),
            "candidates": self.candidates.to_dict(),
            "method": recorded(self.settings_of_method, READS),
        }

    def open(self) -> Work:
        """Load the model.

        Raises:
            ModelError, UsageError: it cannot be loaded.
            UsageError: it takes pictures, not videos.
        """
        grounder = self.model.load()
        if grounder.model.family.frame_limit == 1:
            raise _one_frame(
                f"the model {self.model.name!r}, which takes one frame", "choose another --model"
            )
        files = self.candidates.track_files()

        def work(sample: Sample) -> dict[str, Any]:
            asked = (self.settings_of_method, self.candidates, files)
            with reading(grounder, sample, *asked, loaded_by=self.model) as read:
                return measured(read) | {QUERY: query_record(read.query)}

        return work


def measured(read: Reading) -> dict[str, Any]:
    """The result of one sample, see ``ConsistencyTask``.

    Raises:
        SampleSkipped: the map has a single step, which reads the same backwards.
    """
    candidates = read.candidates
    if candidates is None:
        raise ValueError("consistency is measured with candidates")
    if read.session.context.layout.grid[0] < 2:
        raise SampleSkipped(
            f"a video of {len(read.frame_indices)} frames, which is one step of the map",
            wanted="at least two steps",
            fix="leave the video out",
        )
    found: dict[str, Any] = {}
    for tuning in TUNINGS:
        settings = replace(read.session.settings, spatial_prompt=tuning == "tuned")
        assembled, consistency = _grounded(read, replace(settings, assembling=True))
        forward, _ = _grounded(read, replace(settings, assembling=False))
        found[tuning] = {
            "consistency": consistency,
            "answers": dict(zip(ANSWERS, (assembled, forward), strict=True)),
        }
    return {"candidates": len(candidates), "tunings": found}


def _grounded(read: Reading, settings: MethodSettings) -> tuple[dict[str, Any], float | None]:
    """What the answer under some settings is worth; the consistency where both maps are read."""
    from zerotube.method.ground import gather
    from zerotube.tube.decide import decide

    if read.candidates is None:
        raise ValueError("consistency is measured with candidates")
    evidence = gather(read.session.under(settings), read.query, read.candidates, read.frame_indices)
    overlaps: dict[str, Overlap] = {}
    try:
        tube = decide(evidence, read.candidates, settings)
        answer = from_tube(read.sample.sample_id, tube, first_frame=read.first_frame)
        overlaps["half-open"] = overlap(read.sample.truth, answer, "half-open")
        overlaps["inclusive"] = overlap(read.sample.truth, answer, "inclusive")
    except NothingToGroundError:
        # A wrong answer, not an accident: it counts as one.
        overlaps = {"half-open": NOTHING, "inclusive": NOTHING}
    worth = {
        "gt_v_iou": overlaps["half-open"].gt_v_iou,
        "v_iou": {protocol: one.v_iou for protocol, one in overlaps.items()},
    }
    return worth, evidence.consistency


def _one_frame(got: str, fix: str) -> UsageError:
    return UsageError(got, wanted="several frames: one reads the same backwards", fix=fix)
