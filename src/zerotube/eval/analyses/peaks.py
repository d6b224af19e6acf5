"""What tuning does to the attention (method section 6): its peak, and where its mass lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.eval.analyses.reading import Reading, reading
from zerotube.eval.analyses.region import Region
from zerotube.eval.analyses.settings import open_settings, recorded
from zerotube.eval.analyses.tokens import ATTENTIONS
from zerotube.eval.decomposition import QUERY, query_record
from zerotube.eval.ground_task import ModelChoice
from zerotube.eval.task import Work
from zerotube.eval.types import Sample
from zerotube.method.config import MethodSettings

PROMPTS = ("V_s", "V_t")
"""The visual prompts: tuned on the attribute and on the action sub-query."""

BEFORE = "before"
"""Name of the map without any visual prompt."""

READS = frozenset(
    set(MethodSettings.__dataclass_fields__)
    - {"relative_attention", "spatial_prompt", "temporal_prompt", "assembling"}
    - {"top_k", "span_rule", "support"}
)
"""Settings of the method that this analysis leaves open."""


@dataclass(frozen=True)
class PeaksTask:
    """Reads the attention map before and after tuning on every sample.

    A result is::

        {"attentions": {"plain" | "relative": {"before" | "V_s" | "V_t": {"peak": float,
         "masses": {region: [inside, outside] | None}}}}}

    ``peak`` is the maximum of the map. ``masses`` are sums of the map inside and outside the true
    box by region (see `region`), None where no true frame was sampled. Each map is the grounding
    token's, which is chosen anew on each, as the method does.

    Attributes:
        settings_of_method: see ``with_changes``.
        model: the MLLM.
    """

    settings_of_method: MethodSettings
    model: ModelChoice = field(default_factory=ModelChoice)

    @staticmethod
    def with_changes(changes: Mapping[str, Any]) -> MethodSettings:
        """The settings to read with.

        Raises:
            UsageError: a setting that is not in ``READS``.
        """
        return open_settings("peaks", READS, changes)

    @property
    def settings(self) -> dict[str, Any]:
        """See `zerotube.eval.task.Task`."""
        return {
            "analysis": "peaks",
            "zerotube": version("zerotube"),
            "model": self.model.to_dict(),
            "method": recorded(self.settings_of_method, READS),
        }

    def open(self) -> Work:
        """Load the model.

        Raises:
            ModelError, UsageError: it cannot be loaded.
        """
        grounder = self.model.load()

        def work(sample: Sample) -> dict[str, Any]:
            with reading(grounder, sample, self.settings_of_method, loaded_by=self.model) as read:
                return measured(read) | {QUERY: query_record(read.query)}

        return work


def measured(read: Reading) -> dict[str, Any]:
    """The result of one sample, see ``PeaksTask``."""
    from zerotube.query.prompts import existence_prompt

    query, settings = read.query, read.session.settings
    question = existence_prompt(query.statement)
    phrases = {
        BEFORE: None,
        "V_s": query.attribute if settings.decomposed else query.statement,
        "V_t": query.action if settings.decomposed else query.statement,
    }
    regions = read.regions()
    found: dict[str, Any] = {}
    for attention in ATTENTIONS:
        session = read.session.under(replace(settings, relative_attention=attention == "relative"))
        found[attention] = {}
        for name, phrase in phrases.items():
            one_map = session.read(question, phrase)[0].float().cpu().numpy()
            found[attention][name] = of_map(one_map, regions)
    return {"attentions": found}


def of_map(one_map: NDArray[np.float32], regions: Mapping[str, Region]) -> dict[str, Any]:
    """Peak and masses of one map ``(T, h, w)``."""
    return {
        "peak": float(one_map.max()),
        "masses": {name: region.masses(one_map) for name, region in regions.items()},
    }
