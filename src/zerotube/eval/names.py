"""Names by which a user chooses what is measured.

What they stand for needs NumPy and more. This file needs nothing, so that the help text of a verb,
and the refusal of a wrong name, come at once.
"""

from __future__ import annotations

from typing import Literal

Protocol = Literal["half-open", "inclusive"]
"""Frame sets of vIoU: [t_s, t_e) as in TubeDETR, STCAT and CG-STVG, or [t_s, t_e] as in the
evaluator that the paper's authors released for HC-STVG."""

Ablation = Literal[
    "methods", "components", "extensions", "objective", "frames", "topk", "lr", "trackers"
]
"""See `zerotube.eval.ablations.rows`."""

FROM_THE_DEFAULT: tuple[Ablation, ...] = ("methods", "extensions")
"""Ablations whose base is the default, with what the model recommends."""

Analysis = Literal["tokens", "consistency", "peaks"]
"""See `zerotube.eval.analyses`."""
