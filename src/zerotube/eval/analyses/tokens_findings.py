"""Which role token grounds: from the results of all samples to hit ratios and accuracies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zerotube.eval.analyses.reading import RIGHT
from zerotube.eval.analyses.region import SPAN, TRACK
from zerotube.eval.analyses.result import Table, counted, few_samples, number, ranged
from zerotube.eval.analyses.statistics import means_of, plain
from zerotube.eval.analyses.tokens import ATTENTIONS
from zerotube.eval.bootstrap import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REGION_TEXTS = {
    SPAN: "over the sampled frames of the true span",
    TRACK: "over all sampled frames that show the described object",
}


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
class TokensFindings:
    """The analysis of the role tokens.

    Attributes:
        measured: samples with a result.
        failed: samples without; they count as wrong in the accuracies and are in nothing else.
        without_candidates: samples in which no candidate was found; wrong in the accuracies.
        accuracy_of_lot: Acc@0.5 of a candidate that is drawn at random.
        accuracy_of_best: Acc@0.5 of the best candidate, which no choice exceeds.
        attentions: by name of the attention.
    """

    measured: int
    failed: int
    without_candidates: int
    accuracy_of_lot: float
    accuracy_of_best: float
    attentions: Mapping[str, AttentionFindings]

    @property
    def title(self) -> str:
        """See `zerotube.eval.analyses.result.Findings`."""
        return "Role tokens: attention ratio, hit ratio and accuracy by activation rank"

    @property
    def notes(self) -> tuple[str, ...]:
        """See `zerotube.eval.analyses.result.Findings`."""
        lines = [*few_samples(self.measured + self.failed)]
        first = self.attentions[ATTENTIONS[0]]
        for name, region in first.regions.items():
            if region.samples < self.measured:
                lines.append(
                    f"{counted(self.measured - region.samples)} of {self.measured} without a ratio "
                    f"{REGION_TEXTS[name]}: none was sampled, or the box fills or leaves the view"
                )
        if TRACK not in first.regions:
            lines.append(
                "the benchmark has no true tracks: ratios are known over the true span only"
            )
        if self.failed:
            lines.append(
                f"{counted(self.failed)} failed: wrong in the accuracies, and in nothing else"
            )
        if self.without_candidates:
            lines.append(
                f"{counted(self.without_candidates)} without a candidate track: these are wrong"
            )
        return tuple(lines)

    def tables(self) -> tuple[Table, ...]:
        """See `zerotube.eval.analyses.result.Findings`."""
        found = []
        for attention, one in self.attentions.items():
            found += [_token_table(attention, name, region) for name, region in one.regions.items()]
            found.append(_rank_table(attention, one.ranks, self))
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """See `zerotube.eval.analyses.result.Findings`."""
        content: dict[str, Any] = plain(self)
        return {"analysis": "tokens", **content, "notes": list(self.notes)}

    def figure(self) -> Figure:
        """See `zerotube.eval.analyses.result.Findings`."""
        from zerotube.eval.analyses.plots import tokens_figure

        return tokens_figure(self)


def find_tokens(results: Sequence[Mapping[str, Any]], failed: int = 0) -> TokensFindings:
    """Hit ratios and accuracies from the results of ``TokensTask``.

    Args:
        results: of the samples that have one, at least one.
        failed: how many samples have none.
    """
    names = _names(results)
    count = len(results) + failed
    lots = [one["right_candidates"] / max(one["candidates"], 1) for one in results]
    return TokensFindings(
        measured=len(results),
        failed=failed,
        without_candidates=sum(one["candidates"] == 0 for one in results),
        accuracy_of_lot=sum(lots) / count,
        accuracy_of_best=sum(lot > 0 for lot in lots) / count,
        attentions={
            attention: AttentionFindings(
                regions={
                    region: _region(results, attention, region, names)
                    for region in REGION_TEXTS
                    if any(region in one["attentions"][attention]["ratios"] for one in results)
                },
                ranks=_ranks([one["attentions"][attention] for one in results], failed),
            )
            for attention in ATTENTIONS
        },
    )


def token_name(token: Mapping[str, Any]) -> str:
    r"""Text and position: two line breaks are two tokens, such as ``'\n' (-1)``, ``'\n' (-4)``."""
    return f"{token['text']!r} ({token['position']})"


def _names(results: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Names of all tokens of all samples, in prompt order."""
    found = {(token["position"], token_name(token)) for one in results for token in one["tokens"]}
    return tuple(name for _, name in sorted(found))


def _region(
    results: Sequence[Mapping[str, Any]], attention: str, region: str, names: tuple[str, ...]
) -> RegionFindings:
    ratios: dict[str, list[float]] = {name: [] for name in names}
    superior, chosen, chances = [], [], []
    for one in results:
        found = one["attentions"][attention]
        raw = found["ratios"].get(region)
        if raw is None or None in raw:
            continue
        own = [token_name(token) for token in one["tokens"]]
        for name, ratio in zip(own, raw, strict=True):
            ratios[name].append(ratio)
        superior.append(own[int(np.argmax(raw))])
        chosen.append(own[int(np.argmax(found["activations"]))])
        chances.append(1 / len(own))
    columns: dict[str, Sequence[float]] = {
        "same": [a == b for a, b in zip(superior, chosen, strict=True)]
    }
    for name in names:
        columns[f"hit {name}"] = [one == name for one in superior]
        columns[f"chosen {name}"] = [one == name for one in chosen]
        columns[f"ratio {name}"] = ratios[name]
    means = means_of(columns)
    return RegionFindings(
        samples=len(superior),
        rows=tuple(
            TokenRow(
                token=name,
                hit_ratio=means[f"hit {name}"],
                chosen=means[f"chosen {name}"],
                mean_ratio=means[f"ratio {name}"],
                median_ratio=float(np.median(ratios[name])) if ratios[name] else float("nan"),
            )
            for name in names
        ),
        chance=float(np.mean(chances)) if chances else float("nan"),
        chosen_is_superior=means["same"],
    )


def _ranks(found: Sequence[Mapping[str, Any]], failed: int) -> tuple[RankRow, ...]:
    """Accuracy by rank; a failed sample is wrong at every rank."""
    most = max(len(one["activations"]) for one in found)
    right = np.full((len(found) + failed, most), np.nan)
    right[len(found) :] = 0.0
    for row, one in enumerate(found):
        order = np.argsort(-np.array(one["activations"]), kind="stable")
        right[row, : len(order)] = np.array(one["gt_v_iou"])[order] > RIGHT
    of_mean = np.zeros(len(right))
    of_mean[: len(found)] = [one["gt_v_iou_of_mean"] > RIGHT for one in found]
    by_rank: dict[int | None, NDArray[np.float64]] = {
        place + 1: right[:, place] for place in range(most)
    }
    by_rank[None] = of_mean
    known = {rank: np.isfinite(values) for rank, values in by_rank.items()}
    means = means_of(
        {f"accuracy {rank}": values[known[rank]] for rank, values in by_rank.items()}
        | {
            f"difference {rank}": (values - right[:, 0])[known[rank]]
            for rank, values in by_rank.items()
        }
    )
    return tuple(
        RankRow(
            rank=rank,
            samples=int(known[rank].sum()),
            accuracy=means[f"accuracy {rank}"],
            difference=means[f"difference {rank}"],
        )
        for rank in by_rank
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
        (
            "token (position)",
            "hit ratio",
            "taken by GTI",
            "attention ratio, mean",
            "median",
        ),
        tuple(rows),
    )


def _rank_table(attention: str, ranks: tuple[RankRow, ...], found: TokensFindings) -> Table:
    count = str(found.measured + found.failed)
    bounds = (
        ("a candidate drawn at random", number(found.accuracy_of_lot), "", count),
        ("the best candidate", number(found.accuracy_of_best), "", count),
    )
    return Table(
        f"{attention.capitalize()} attention, accuracy by activation rank",
        ("grounded with", "Acc@0.5", "difference to rank 1", "samples"),
        (
            *(
                (
                    "mean of tokens" if row.rank is None else f"rank {row.rank}",
                    ranged(row.accuracy),
                    "" if row.rank == 1 else ranged(row.difference),
                    str(row.samples),
                )
                for row in ranks
            ),
            *bounds,
        ),
    )
