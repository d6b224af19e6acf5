"""Which role token grounds (Eq. 1, method section 4).

Read on the plain video, without any visual prompt, as in the paper's pilot study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from zerotube.eval.analyses.base import AnalysisTask
from zerotube.eval.analyses.case import RIGHT, Case
from zerotube.eval.analyses.drawing import (
    HEAD,
    bars,
    heading,
    lay_out,
    new_figure,
    say,
    whiskers,
)
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
from zerotube.eval.bootstrap import Interval
from zerotube.method.config import Contrast
from zerotube.tube import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ATTENTIONS: Final[Mapping[str, Contrast]] = {"relative": "ratio", "plain": "none"}
"""The two attentions that are analysed side by side, and their contrasts."""

MAIN_ATTENTION: Final = "relative"
"""The one that the paper's method reads."""

REGION_TEXTS = {
    SPAN: "over the sampled frames of the true span",
    TRACK: "over all sampled frames that show the described object",
}

MOST_TOKENS = 14
"""Tokens named in the figure; the others of a long template stand in the table."""


@dataclass(frozen=True)
class TokensTask(AnalysisTask):
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
    """

    name = "tokens"
    reads = frozenset(
        {"frames", "layer_start", "layer_end", "heads", "support", "seed"}
        | {"frame_fit", "max_visual_tokens", "grid_side"}
    )
    decides: ClassVar = {"spatial_prompt": False, "temporal_prompt": False, "assembling": False}

    def measure(self, case: Case) -> dict[str, Any]:
        from zerotube.query.prompts import existence_prompt

        ready, regions = case.ready, case.regions()
        frames, candidates = ready.clip.frame_indices, ready.tracks
        overlaps = [case.gt_v_iou(track) for track in candidates]
        found: dict[str, Any] = {
            "frames": len(frames),
            "true_frames": sum(int(i) + case.first_frame in case.sample.truth.span for i in frames),
            "candidates": len(candidates),
            "right_candidates": sum(overlap > RIGHT for overlap in overlaps),
            "attentions": {},
        }
        for attention, contrast in ATTENTIONS.items():
            settings = replace(ready.session.settings, contrast=contrast)
            session = ready.session.under(settings)
            tensor, texts = session.role_maps(existence_prompt(ready.query.statement), None)
            maps, mean = (item.float().cpu().numpy() for item in (tensor, tensor.mean(dim=0)))
            found["tokens"] = [
                {"text": text, "position": place - len(texts)} for place, text in enumerate(texts)
            ]
            chosen = [case.chosen(one, settings.support) for one in (*maps, mean)]
            qualities = [0.0 if place is None else overlaps[place] for place in chosen]
            found["attentions"][attention] = {
                "activations": maps.reshape(len(maps), -1).max(axis=1).astype(float).tolist(),
                "ratios": {
                    name: [
                        None if np.isnan(ratio) else float(ratio) for ratio in region.ratios(maps)
                    ]
                    for name, region in regions.items()
                },
                "gt_v_iou": qualities[:-1],
                "gt_v_iou_of_mean": qualities[-1],
            }
        return found

    def find(self, results: Sequence[Mapping[str, Any]], failed: int) -> TokensFindings:
        return find_tokens(results, failed)


@dataclass(frozen=True)
class TokenRow:
    """One role token under one attention, over one region.

    Attributes:
        token: its text and its position from the end of the prompt.
        hit_ratio: share of samples in which it is the superior token (method section 4).
        chosen: share of samples in which it has the highest activation, so that GTI takes it.
        mean_ratio, median_ratio: of its attention ratio (Eq. 1).
    """

    token: str
    hit_ratio: Interval
    chosen: Interval
    mean_ratio: Interval
    median_ratio: float


@dataclass(frozen=True)
class RegionFindings:
    """The attention ratios over one region.

    Attributes:
        samples: those with ratios; the others have no sampled frame with a true box in view.
        rows: by token, in prompt order.
        chance: hit ratio of a token that is drawn at random.
        chosen_is_superior: share of samples in which the token that GTI takes is the superior one.
    """

    samples: int
    rows: tuple[TokenRow, ...]
    chance: float
    chosen_is_superior: Interval


@dataclass(frozen=True)
class RankRow:
    """Grounding with one token, or with the mean of all.

    Attributes:
        rank: 1 for the highest activation; None for the mean over all tokens.
        samples: those that have so many tokens, failed ones included.
        accuracy: Acc@0.5, the share of samples whose chosen track has a gt_vIoU above 0.5.
        difference: of the accuracy to that of rank 1, on the same samples.
    """

    rank: int | None
    samples: int
    accuracy: Interval
    difference: Interval


@dataclass(frozen=True)
class AttentionFindings:
    """Everything about one of the two attentions.

    Attributes:
        regions: by name; without ``TRACK`` if no sample has a true track.
        ranks: by rank, the mean over all tokens last.
    """

    regions: Mapping[str, RegionFindings]
    ranks: tuple[RankRow, ...]


@dataclass(frozen=True)
class TokensFindings(Findings):
    """The analysis of the role tokens. Failed samples are wrong in the accuracies, and in no ratio.

    Attributes:
        without_candidates: samples in which no candidate was found; wrong in the accuracies.
        accuracy_at_random: Acc@0.5 of a candidate that is drawn at random.
        accuracy_of_best: Acc@0.5 of the best candidate, which no choice exceeds.
        attentions: by name of the attention.
    """

    analysis = TokensTask.name
    title = "Role tokens: attention ratio, hit ratio and accuracy by activation rank"

    without_candidates: int
    accuracy_at_random: float
    accuracy_of_best: float
    attentions: Mapping[str, AttentionFindings]

    @property
    def notes(self) -> tuple[str, ...]:
        regions = self.attentions[MAIN_ATTENTION].regions
        lines = [*few_samples(self.measured + self.failed)]
        for name, region in regions.items():
            lines += lacking(
                self.measured - region.samples,
                f"of {self.measured} without a ratio {REGION_TEXTS[name]}: none was sampled, or "
                "the box fills or leaves the view",
            )
        if TRACK not in regions:
            lines.append(
                "the benchmark has no true tracks: ratios are known over the true span only"
            )
        lines += lacking(self.failed, "failed: wrong in the accuracies, and in nothing else")
        lines += lacking(self.without_candidates, "without a candidate track: these are wrong")
        return tuple(lines)

    def tables(self) -> tuple[Table, ...]:
        found = []
        for attention, one in self.attentions.items():
            found += [_token_table(attention, name, region) for name, region in one.regions.items()]
            found.append(_rank_table(attention, one.ranks, self))
        return tuple(found)

    def figure(self) -> Figure:
        """Hit ratio and ratio of attention by token, accuracy by rank; both attentions."""
        shown = {name: _shown_tokens(one) for name, one in self.attentions.items()}
        most = max(len(rows) for rows in shown.values())
        count = max(len(one.regions[SPAN].rows) for one in self.attentions.values())
        part = f"; {most} of {count} tokens, the others stand in the table" if most < count else ""
        height = 2 * (0.62 + 0.30 * max(most, 6)) + HEAD + 0.7
        figure = new_figure(
            11.0,
            height,
            self.title,
            f"{counted(self.measured)}, {self.failed} failed; whiskers: 95% intervals; ratios over "
            f"the sampled frames of the true span{part}",
        )
        grid = figure.subplots(2, 2, gridspec_kw={"width_ratios": [1.35, 1.0]})
        for (left, right), (name, one) in zip(grid, self.attentions.items(), strict=True):
            _draw_tokens(left, one.regions[SPAN], shown[name], name)
            _draw_ranks(right, one, name, self.accuracy_at_random)
        lay_out(figure, height, left=0.17, wspace=0.22, gap=0.85)
        return figure


def find_tokens(results: Sequence[Mapping[str, Any]], failed: int = 0) -> TokensFindings:
    """Hit ratios and accuracies from the results of ``TokensTask``.

    Args:
        results: of the samples that have one, at least one.
        failed: how many samples have none.
    """
    found = {
        attention: [one["attentions"][attention] for one in results] for attention in ATTENTIONS
    }
    count = len(results) + failed
    at_random = [one["right_candidates"] / max(one["candidates"], 1) for one in results]
    tokens = [one["tokens"] for one in results]
    return TokensFindings(
        measured=len(results),
        failed=failed,
        without_candidates=sum(one["candidates"] == 0 for one in results),
        accuracy_at_random=sum(at_random) / count,
        accuracy_of_best=sum(share > 0 for share in at_random) / count,
        attentions={
            attention: AttentionFindings(
                regions={
                    region: _region(ones, region, tokens)
                    for region in REGION_TEXTS
                    if any(region in one["ratios"] for one in ones)
                },
                ranks=_ranks(ones, failed),
            )
            for attention, ones in found.items()
        },
    )


def _name(token: Mapping[str, Any]) -> str:
    r"""Text and position: two line breaks are two tokens, such as ``'\n' (-1)``, ``'\n' (-4)``."""
    return f"{token['text']!r} ({token['position']})"


def _region(
    found: Sequence[Mapping[str, Any]], region: str, tokens: Sequence[Sequence[Mapping[str, Any]]]
) -> RegionFindings:
    # All tokens of all samples, in prompt order.
    every = sorted({(token["position"], _name(token)) for own in tokens for token in own})
    ratios: dict[str, list[float]] = {name: [] for _, name in every}
    superior, chosen, chances = [], [], []
    for one, own in zip(found, tokens, strict=True):
        raw = one["ratios"].get(region)
        if raw is None or None in raw:
            continue
        names = [_name(token) for token in own]
        for name, ratio in zip(names, raw, strict=True):
            ratios[name].append(ratio)
        superior.append(names[int(np.argmax(raw))])
        chosen.append(names[int(np.argmax(one["activations"]))])
        chances.append(1 / len(names))
    columns: dict[str, Sequence[float]] = {
        "same": [a == b for a, b in zip(superior, chosen, strict=True)]
    }
    for name, values in ratios.items():
        columns[f"hit {name}"] = [one == name for one in superior]
        columns[f"chosen {name}"] = [one == name for one in chosen]
        columns[f"ratio {name}"] = values
    means = means_of(columns)
    return RegionFindings(
        samples=len(superior),
        rows=tuple(
            TokenRow(
                token=name,
                hit_ratio=means[f"hit {name}"],
                chosen=means[f"chosen {name}"],
                mean_ratio=means[f"ratio {name}"],
                median_ratio=median_of(values),
            )
            for name, values in ratios.items()
        ),
        chance=float(np.mean(chances)) if chances else float("nan"),
        chosen_is_superior=means["same"],
    )


def _ranks(found: Sequence[Mapping[str, Any]], failed: int) -> tuple[RankRow, ...]:
    """Accuracy by rank, then of the mean; a failed sample is wrong at all of them."""
    most = max(len(one["activations"]) for one in found)
    right = np.full((len(found) + failed, most + 1), np.nan)
    right[len(found) :] = 0.0
    for row, one in enumerate(found):
        order = np.argsort(-np.array(one["activations"]), kind="stable")
        right[row, : len(order)] = np.array(one["gt_v_iou"])[order] > RIGHT
        right[row, most] = one["gt_v_iou_of_mean"] > RIGHT
    known = np.isfinite(right)
    means = means_of(
        {f"accuracy {place}": right[known[:, place], place] for place in range(most + 1)}
        | {
            f"difference {place}": (right[:, place] - right[:, 0])[known[:, place]]
            for place in range(most + 1)
        }
    )
    return tuple(
        RankRow(
            rank=None if place == most else place + 1,
            samples=int(known[:, place].sum()),
            accuracy=means[f"accuracy {place}"],
            difference=means[f"difference {place}"],
        )
        for place in range(most + 1)
    )


def _token_table(attention: str, name: str, region: RegionFindings) -> Table:
    rows = [
        (
            f"`{row.token}`",
            ranged(row.hit_ratio),
            ranged(row.chosen),
            ranged(row.mean_ratio),
            number(row.median_ratio),
        )
        for row in region.rows
    ]
    rows.append(("chance", number(region.chance), number(region.chance), "", ""))
    rows.append(("the token GTI takes", ranged(region.chosen_is_superior), "", "", ""))
    return Table(
        f"{attention.capitalize()} attention, {REGION_TEXTS[name]} ({counted(region.samples)})",
        ("token (position)", "hit ratio", "taken by GTI", "attention ratio, mean", "median"),
        tuple(rows),
    )


def _rank_table(attention: str, ranks: Sequence[RankRow], found: TokensFindings) -> Table:
    rows = [
        (
            "mean of tokens" if row.rank is None else f"rank {row.rank}",
            ranged(row.accuracy),
            "" if row.rank == 1 else ranged(row.difference),
            str(row.samples),
        )
        for row in ranks
    ]
    count = str(found.measured + found.failed)
    rows.append(("a candidate drawn at random", number(found.accuracy_at_random), "", count))
    rows.append(("the best candidate", number(found.accuracy_of_best), "", count))
    return Table(
        f"{attention.capitalize()} attention, accuracy by activation rank",
        ("grounded with", "Acc@0.5", "difference to rank 1", "samples"),
        tuple(rows),
    )


def _shown_tokens(one: AttentionFindings) -> list[TokenRow]:
    """The tokens to show, in prompt order: those that hit or are taken most often."""
    rows = one.regions[SPAN].rows
    weight = [row.hit_ratio.mean + row.chosen.mean for row in rows]
    first = np.argsort(np.negative(np.nan_to_num(weight)), kind="stable")[:MOST_TOKENS]
    return [rows[place] for place in sorted(first)]


def _draw_tokens(axes: Axes, region: RegionFindings, rows: Sequence[TokenRow], name: str) -> None:
    bars(
        axes,
        [row.token for row in rows],
        {
            "has the highest ratio (hit ratio)": [row.hit_ratio for row in rows],
            "has the highest activation (GTI)": [row.chosen for row in rows],
        },
    )
    if np.isfinite(region.chance):
        axes.axvline(region.chance, color=style.NOTE, lw=1.2, ls="--", label="chance")
    both = region.chosen_is_superior.mean
    said = f": GTI takes the superior token in {100 * both:.0f}%" if np.isfinite(both) else ""
    heading(axes, f"{name} attention{said}")
    style.panel(axes, "share of samples", grid="x")
    if region.samples:
        axes.legend(frameon=False, fontsize=8, loc="best")
    else:
        say(axes, "no sample has a ratio")


def _draw_ranks(axes: Axes, one: AttentionFindings, name: str, at_random: float) -> None:
    from matplotlib.ticker import MaxNLocator

    ranks = [row for row in one.ranks if row.rank is not None]
    mean = one.ranks[-1].accuracy
    places = [float(row.rank or 0) for row in ranks]
    if mean.known:
        axes.axhspan(mean.low, mean.high, color=style.ACCENT, alpha=0.18, lw=0)
    axes.axhline(mean.mean, color=style.ACCENT, lw=1.8, label="mean of tokens")
    values = [row.accuracy for row in ranks]
    whiskers(axes, places, values, style.INK, "o", "-", "one token, by rank")
    axes.set_ylim(-0.02, 1.02)
    axes.axhline(at_random, color=style.NOTE, lw=1.2, ls="--", label="a candidate drawn at random")
    axes.set_xlim(0.6, len(ranks) + 0.4)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    heading(axes, f"{name} attention")
    style.panel(axes, "rank by activation (1 = the token GTI takes)", "Acc@0.5")
    axes.legend(frameon=False, fontsize=8, loc="best")
