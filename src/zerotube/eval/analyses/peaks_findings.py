"""What tuning does to the attention: from the results of all samples to paired differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zerotube.eval.analyses.peaks import BEFORE, PROMPTS
from zerotube.eval.analyses.region import SPAN, TRACK
from zerotube.eval.analyses.result import Table, counted, few_samples, number, ranged
from zerotube.eval.analyses.statistics import means_of, plain
from zerotube.eval.analyses.tokens import ATTENTIONS
from zerotube.eval.bootstrap import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER_PEAKS = (6.7, 23.9)
"""Mean peak before and after tuning, as the paper reports it for its models (method section 9):
arXiv 2509.15178. Put beside the peaks that are measured here, never among them."""

PEAK = "peak"
_SHARE = "share of the mass inside"


@dataclass(frozen=True)
class Change:
    """One quantity of the maps before and after tuning one prompt, on the same samples.

    Attributes:
        attention: "relative" or "plain".
        prompt: "V_s" or "V_t".
        quantity: what it is.
        before, after: per sample.
        mean_before, mean_after: with their intervals.
        difference: mean of after - before with its interval.
    """

    attention: str
    prompt: str
    quantity: str
    before: tuple[float, ...]
    after: tuple[float, ...]
    mean_before: Interval
    mean_after: Interval
    difference: Interval

    @property
    def ratio(self) -> float:
        """Mean after / mean before; NaN without samples or of 0."""
        mean = self.mean_before.mean
        return self.mean_after.mean / mean if mean else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; of the samples their means and medians alone."""
        content: dict[str, Any] = plain(
            {
                "attention": self.attention,
                "prompt": self.prompt,
                "quantity": self.quantity,
                "samples": len(self.before),
                "mean_before": self.mean_before,
                "mean_after": self.mean_after,
                "median_before": _median(self.before),
                "median_after": _median(self.after),
                "difference": self.difference,
                "ratio_of_means": self.ratio,
            }
        )
        return content


@dataclass(frozen=True)
class PeaksFindings:
    """The analysis of the peaks.

    Attributes:
        measured: samples with a result.
        failed: samples without; they are in nothing.
        changes: by attention, prompt and quantity.
    """

    measured: int
    failed: int
    changes: tuple[Change, ...]

    @property
    def title(self) -> str:
        """See `zerotube.eval.analyses.result.Findings`."""
        return "Attention before and after tuning: peak, and mass inside the true box"

    @property
    def notes(self) -> tuple[str, ...]:
        """See `zerotube.eval.analyses.result.Findings`."""
        lines = [*few_samples(self.measured)]
        quantities = {change.quantity for change in self.changes}
        if _named(_SHARE, TRACK) not in quantities:
            lines.append("the benchmark has no true tracks: masses are over the true span only")
        for region in (SPAN, TRACK):
            name = _named(_SHARE, region)
            known = [len(one.before) for one in self.changes if one.quantity == name]
            if known and min(known) < self.measured:
                lines.append(
                    f"{counted(self.measured - min(known))} of {self.measured} without a {name}: "
                    "no frame with a true box was sampled"
                )
        if self.failed:
            lines.append(f"{counted(self.failed)} failed and left out")
        return tuple(lines)

    def change(self, attention: str, prompt: str, quantity: str) -> Change:
        """One of the changes.

        Raises:
            KeyError: it was not measured.
        """
        for one in self.changes:
            if (one.attention, one.prompt, one.quantity) == (attention, prompt, quantity):
                return one
        raise KeyError((attention, prompt, quantity))

    def tables(self) -> tuple[Table, ...]:
        """See `zerotube.eval.analyses.result.Findings`."""
        return tuple(
            _table(
                attention,
                prompt,
                [one for one in self.changes if (one.attention, one.prompt) == (attention, prompt)],
            )
            for attention in ATTENTIONS
            for prompt in PROMPTS
        )

    def to_dict(self) -> dict[str, Any]:
        """See `zerotube.eval.analyses.result.Findings`."""
        return {
            "analysis": "peaks",
            "measured": self.measured,
            "failed": self.failed,
            "published": {"mean_peak_before": PAPER_PEAKS[0], "mean_peak_after": PAPER_PEAKS[1]},
            "changes": [one.to_dict() for one in self.changes],
            "notes": list(self.notes),
        }

    def figure(self) -> Figure:
        """See `zerotube.eval.analyses.result.Findings`."""
        from zerotube.eval.analyses.plots import peaks_figure

        return peaks_figure(self)


def find_peaks(results: Sequence[Mapping[str, Any]], failed: int = 0) -> PeaksFindings:
    """Paired differences from the results of ``PeaksTask``.

    Args:
        results: of the samples that have one, at least one.
        failed: how many samples have none.
    """
    regions = [
        name
        for name in (SPAN, TRACK)
        if any(name in one["attentions"][ATTENTIONS[0]][BEFORE]["masses"] for one in results)
    ]
    quantities: dict[str, Callable[[Mapping[str, Any]], float]] = {PEAK: lambda one: one["peak"]}
    for region in regions:
        quantities |= _of_region(region)
    return PeaksFindings(
        measured=len(results),
        failed=failed,
        changes=tuple(
            _change(results, attention, prompt, quantity, value)
            for attention in ATTENTIONS
            for prompt in PROMPTS
            for quantity, value in quantities.items()
        ),
    )


def share_of_span() -> str:
    """Name of the share of the mass that lies in the true box, over the true span."""
    return _named(_SHARE, SPAN)


def _of_region(region: str) -> dict[str, Callable[[Mapping[str, Any]], float]]:
    def masses(one: Mapping[str, Any]) -> tuple[float, float]:
        inside, outside = one["masses"].get(region) or (np.nan, np.nan)
        return inside, outside

    def share(one: Mapping[str, Any]) -> float:
        inside, outside = masses(one)
        return inside / (inside + outside) if inside + outside else float("nan")

    return {
        _named("mass inside", region): lambda one: masses(one)[0],
        _named("mass outside", region): lambda one: masses(one)[1],
        _named(_SHARE, region): share,
    }


def _named(quantity: str, region: str) -> str:
    return f"{quantity} the true {'box' if region == SPAN else 'track'}"


def _change(
    results: Sequence[Mapping[str, Any]],
    attention: str,
    prompt: str,
    quantity: str,
    value: Callable[[Mapping[str, Any]], float],
) -> Change:
    maps = [one["attentions"][attention] for one in results]
    before: NDArray[np.float64] = np.array([value(one[BEFORE]) for one in maps], dtype=np.float64)
    after: NDArray[np.float64] = np.array([value(one[prompt]) for one in maps], dtype=np.float64)
    known = np.isfinite(before) & np.isfinite(after)
    first, last = before[known], after[known]
    means = means_of({"before": first, "after": last, "difference": last - first})
    return Change(
        attention,
        prompt,
        quantity,
        tuple(first.tolist()),
        tuple(last.tolist()),
        means["before"],
        means["after"],
        means["difference"],
    )


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _table(attention: str, prompt: str, changes: Sequence[Change]) -> Table:
    rows = []
    for one in changes:
        # Plain attention sums to 1 over all tokens, so that its cells are small numbers.
        digits = 3 if attention == "relative" or one.quantity.startswith(_SHARE) else 5
        rows.append(
            (
                one.quantity,
                number(one.mean_before.mean, digits),
                number(one.mean_after.mean, digits),
                ranged(one.difference, digits),
                number(one.ratio, 2),
                number(_median(one.before), digits),
                number(_median(one.after), digits),
                str(len(one.before)),
            )
        )
    if attention == "relative":
        first, last = PAPER_PEAKS
        rows.append(
            (
                "peak, the paper's models",
                f"{first}",
                f"{last}",
                "",
                number(last / first, 2),
                "",
                "",
                "",
            )
        )
    return Table(
        f"{attention.capitalize()} attention, before and after tuning {prompt}",
        (
            "quantity",
            "mean before",
            "mean after",
            "difference",
            "ratio of means",
            "median before",
            "median after",
            "samples",
        ),
        tuple(rows),
    )
