"""What tuning does to the attention (method section 6): its peak, and where its mass lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zerotube.eval.analyses.base import AFTER_THE_DECISION, AnalysisTask
from zerotube.eval.analyses.case import Case
from zerotube.eval.analyses.drawing import heading, lay_out, new_figure, say
from zerotube.eval.analyses.region import SPAN, TRACK
from zerotube.eval.analyses.result import (
    Findings,
    Table,
    counted,
    few_samples,
    lacking,
    number,
    ranged,
)
from zerotube.eval.analyses.statistics import means_of, median_of
from zerotube.eval.analyses.tokens import ATTENTIONS, MAIN_ATTENTION
from zerotube.eval.bootstrap import Interval
from zerotube.eval.plain_values import plain
from zerotube.method.config import MethodSettings
from zerotube.tube import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PROMPTS = ("V_s", "V_t")
"""The visual prompts: tuned on the attribute and on the action sub-query."""

BEFORE = "before"
"""Name of the map without any visual prompt."""

PAPER_PEAKS = (6.7, 23.9)
"""Mean peak before and after tuning, as the paper reports it for its models (method section 9):
arXiv 2509.15178. Put beside the peaks that are measured here, never among them."""

PEAK = "peak"
_SHARE = "share of the mass inside"
_COLUMNS = (
    *("quantity", "mean before", "mean after", "difference"),
    *("ratio of means", "median before", "median after", "samples"),
)


@dataclass(frozen=True)
class PeaksTask(AnalysisTask):
    """Reads the attention map before and after tuning on every sample.

    A result is::

        {"attentions": {"plain" | "relative": {"before" | "V_s" | "V_t": {"peak": float,
         "masses": {region: [inside, outside] | None}}}}}

    ``peak`` is the maximum of the map. ``masses`` are sums of the map inside and outside the true
    box by region (see `region`), None where no true frame was sampled. Each map is the grounding
    token's, which is chosen anew on each, as the method does.
    """

    name = "peaks"
    reads = frozenset(
        set(MethodSettings.__dataclass_fields__)
        - {"contrast", "spatial_prompt", "temporal_prompt", "assembling"}
        - {"top_k", "span_rule", "support", "track_maps", "track_score", "scan_window"}
        - {"scan_stride", "end_windows", "scan_weight", "attention_weight", "gradient_weight"}
        - {"plurals", "frame_maps"}
        - AFTER_THE_DECISION
    )
    chooses = False

    def measure(self, case: Case) -> dict[str, Any]:
        from zerotube.query.prompts import existence_prompt

        query, settings = case.ready.query, case.ready.session.settings
        question = existence_prompt(query.statement)
        phrases = {
            BEFORE: None,
            "V_s": query.attribute if settings.decomposed else query.statement,
            "V_t": query.action if settings.decomposed else query.statement,
        }
        regions = case.regions()
        found: dict[str, Any] = {}
        for attention, contrast in ATTENTIONS.items():
            wanted = replace(settings, contrast=contrast)
            session = case.ready.session.under(wanted)
            found[attention] = {}
            for name, phrase in phrases.items():
                one_map = session.read(question, phrase)[0].float().cpu().numpy()
                found[attention][name] = {
                    "peak": float(one_map.max()),
                    "masses": {key: region.masses(one_map) for key, region in regions.items()},
                }
        return {"attentions": found}

    def find(self, results: Sequence[Mapping[str, Any]], failed: int) -> PeaksFindings:
        return find_peaks(results, failed)


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
                "median_before": median_of(self.before),
                "median_after": median_of(self.after),
                "difference": self.difference,
                "ratio_of_means": self.ratio,
            }
        )
        return content


@dataclass(frozen=True)
class PeaksFindings(Findings):
    """The analysis of the peaks; failed samples are in nothing.

    Attributes:
        changes: by attention, prompt and quantity.
    """

    analysis = PeaksTask.name
    title = "Attention before and after tuning: peak, and mass inside the true box"

    changes: tuple[Change, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        lines = [*few_samples(self.measured)]
        if all(one.quantity != _named(_SHARE, TRACK) for one in self.changes):
            lines.append("the benchmark has no true tracks: masses are over the true span only")
        for region in (SPAN, TRACK):
            name = _named(_SHARE, region)
            known = [len(one.before) for one in self.changes if one.quantity == name]
            lines += lacking(
                self.measured - min(known, default=self.measured),
                f"of {self.measured} without a {name}: no frame with a true box was sampled",
            )
        lines += lacking(self.failed, "failed and left out")
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
        first, last = PAPER_PEAKS
        return {
            "analysis": self.analysis,
            "measured": self.measured,
            "failed": self.failed,
            "published": {"mean_peak_before": first, "mean_peak_after": last},
            "changes": [one.to_dict() for one in self.changes],
            "notes": list(self.notes),
        }

    def figure(self) -> Figure:
        """Peak, and share of the mass inside the true box, before against after tuning."""
        height = 8.6
        figure = new_figure(
            9.2,
            height,
            self.title,
            f"{counted(self.measured)}, {self.failed} failed; one dot per sample and prompt, the "
            f"large ones are means; the paper's mean peak: {PAPER_PEAKS[0]} to {PAPER_PEAKS[1]}",
        )
        for row, attention in zip(figure.subplots(2, 2), ATTENTIONS, strict=True):
            for axes, quantity in zip(row, (PEAK, _named(_SHARE, SPAN)), strict=True):
                changes = [self.change(attention, prompt, quantity) for prompt in PROMPTS]
                _draw(axes, changes, f"{attention} attention: {quantity}")
        lay_out(figure, height, left=0.085, wspace=0.26, gap=0.85)
        return figure


def find_peaks(results: Sequence[Mapping[str, Any]], failed: int = 0) -> PeaksFindings:
    """Paired differences from the results of ``PeaksTask``.

    Args:
        results: of the samples that have one, at least one.
        failed: how many samples have none.
    """
    regions = [
        name
        for name in (SPAN, TRACK)
        if any(name in one["attentions"][MAIN_ATTENTION][BEFORE]["masses"] for one in results)
    ]
    changes = []
    for attention in ATTENTIONS:
        maps = [one["attentions"][attention] for one in results]
        before = [_quantities(one[BEFORE], regions) for one in maps]
        for prompt in PROMPTS:
            after = [_quantities(one[prompt], regions) for one in maps]
            for quantity in before[0]:
                pairs = np.array(
                    [
                        (one[quantity], other[quantity])
                        for one, other in zip(before, after, strict=True)
                    ]
                )
                first, last = pairs[np.isfinite(pairs).all(axis=1)].T
                means = means_of({"before": first, "after": last, "difference": last - first})
                sides = tuple(first.tolist()), tuple(last.tolist())
                changes.append(Change(attention, prompt, quantity, *sides, *means.values()))
    return PeaksFindings(len(results), failed, tuple(changes))


def _quantities(one: Mapping[str, Any], regions: Sequence[str]) -> dict[str, float]:
    """What is compared of one map; NaN where the true box is not known."""
    found = {PEAK: float(one["peak"])}
    for region in regions:
        inside, outside = one["masses"].get(region) or (np.nan, np.nan)
        whole = inside + outside
        found[_named("mass inside", region)] = inside
        found[_named("mass outside", region)] = outside
        found[_named(_SHARE, region)] = inside / whole if whole else float("nan")
    return found


def _named(quantity: str, region: str) -> str:
    return f"{quantity} the true {'box' if region == SPAN else 'track'}"


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
                number(median_of(one.before), digits),
                number(median_of(one.after), digits),
                str(len(one.before)),
            )
        )
    if attention == "relative":
        first, last = PAPER_PEAKS
        ratio = number(last / first, 2)
        rows.append(("peak, the paper's models", f"{first}", f"{last}", "", ratio, "", "", ""))
    return Table(
        f"{attention.capitalize()} attention, before and after tuning {prompt}",
        _COLUMNS,
        tuple(rows),
    )


def _draw(axes: Axes, changes: Sequence[Change], title: str) -> None:
    values = [value for one in changes for value in (*one.before, *one.after)]
    marks = (("o", style.INK), ("^", style.ACCENT))
    for one, (mark, colour) in zip(changes, marks, strict=True):
        if not one.before:
            continue
        axes.plot(one.before, one.after, mark, ms=3.5, color=colour, alpha=0.45, mew=0)
        mean = one.mean_before.mean, one.mean_after.mean
        label = f"{one.prompt}: {mean[0]:.3g} to {mean[1]:.3g}"
        axes.plot(*mean, mark, ms=10, mfc=colour, mec="white", mew=1.4, zorder=5, label=label)
    if values:
        limits = (0.0, max(max(values) * 1.05, 1e-9))
        axes.set_xlim(limits)
        axes.set_ylim(limits)
        axes.plot(limits, limits, color=style.OTHER, lw=1.2, ls="--", zorder=1, label="no change")
        axes.legend(fontsize=8.5, loc="best", framealpha=0.85, edgecolor="white")
    else:
        say(axes, "no sample has a true box in view")
    heading(axes, title)
    style.panel(axes, "before tuning", "after tuning")
