"""Whether there is such an object at all: what an answer's margins say, and a word for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from zerotube.method.config import MethodSettings
from zerotube.method.types import Evidence, Scan

Verdict = Literal["present", "unsure", "absent"]

MOST = 8.0
"""Margins beyond this say no more than it does."""


@dataclass(frozen=True)
class Presence:
    """How sure the model is that what was asked for is there.

    Attributes:
        margin: log-odds: mean of the margin of yes over no on the whole clip and of its mean in the
            windows of the answer's span, each at most `MOST` either way; without a scan that of the
            whole clip alone.
        verdict: "present" above one threshold of the settings, "absent" below the other.
        reason: why the verdict is not what the margin alone would give; "" if it is.
    """

    margin: float
    verdict: Verdict
    reason: str = ""

    @property
    def probability(self) -> float:
        """The margin as a probability, in [0, 1]; not calibrated, the verdict is."""
        return 1.0 / (1.0 + math.exp(-self.margin))


def presence_of(evidence: Evidence, span: tuple[int, int], settings: MethodSettings) -> Presence:
    """What an answer's margins come to.

    Args:
        evidence: of the query.
        span: first and last original frame of the answer.
        settings: hold the thresholds, which are a model's own.
    """
    return presence_in(
        evidence.presence, evidence.scan, span, settings, unknown_words=evidence.unknown_words
    )


def presence_in(
    probability: float,
    scan: Scan | None,
    span: tuple[int, int],
    settings: MethodSettings,
    *,
    unknown_words: Sequence[str] = (),
) -> Presence:
    """The same of what needs no track to be known.

    Args:
        probability: of yes, on the whole clip.
        scan: the windows that were asked about; None without a scan.
        span: first and last original frame.
        settings: as above.
        unknown_words: words of the sentence that the model does not know.
    """
    margins = [_log_odds(probability)]
    if scan is not None:
        margins.append(float(scan.margins[scan.windows_in(*span)].mean()))
    margin = float(np.mean(np.clip(margins, -MOST, MOST)))
    if margin < settings.absent_below:
        return Presence(margin, "absent")
    if margin <= settings.present_above:
        return Presence(margin, "unsure")
    if unknown_words:
        named = ", ".join(repr(word) for word in unknown_words)
        return Presence(margin, "unsure", f"the model does not know {named}")
    return Presence(margin, "present")


def _log_odds(probability: float) -> float:
    if probability <= 0.0 or probability >= 1.0:
        return math.inf if probability > 0.5 else -math.inf
    return math.log(probability) - math.log1p(-probability)
