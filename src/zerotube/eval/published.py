"""Published figures, to be put beside measured ones: all in percent, none of them measured here.

Of the paper (arXiv 2509.15178); the row of E3M is quoted there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from zerotube.eval.types import ALL

PAPER = "Yang et al., NeurIPS 2025, arXiv 2509.15178"

Comparison = Literal["systems", "components", "objectives", "models", "images"]
"""What the paper compares: whole systems, the parts of the method added one by one, what tuning
minimises, further models with and without the method, and referring expressions in images."""

_ONE_VISION = "LLaVA-OneVision-7B"
_NEXT_VIDEO = "LLaVA-NeXT-Video-7B"
_E3M = "E3M"
_COMPONENTS = (
    "mean of tokens",
    "GTI",
    "GTI + V_s",
    "GTI + V_t",
    "GTI + V_s + V_t",
    "GTI + V_s + V_t + TAS",
)


@dataclass(frozen=True)
class PublishedRow:
    """One published result.

    Attributes:
        comparison: which of the paper's comparisons it stands in.
        system: what was measured, for a table's first column.
        model: the multimodal LLM by the paper's name; "" for a system that is not a setting of it.
        means: by measure as ``zerotube.eval.score`` names them, in percent; only what is published.
        source: where it is published.
        split: of the data set that it was measured on; not to be put beside another one.
    """

    comparison: Comparison
    system: str
    model: str
    means: Mapping[str, float]
    source: str
    split: str


def published(
    dataset: str, kind: str = ALL, *, comparison: Comparison | None = None
) -> tuple[PublishedRow, ...]:
    """The published results for a data set, in the paper's order.

    Args:
        dataset: as in ``Benchmark.dataset``; there is nothing for "hcstvg", whose version nobody
            said.
        kind: of a table, as ``Scores.tables`` names it: "declarative" or "interrogative" for
            VidSTG, which nobody averages together; the split of RefCOCO where several are scored
            at once; else "all".
        comparison: only rows of this one; None for all.

    Returns:
        () where nothing is published.
    """
    rows = _ROWS.get((dataset, kind), ())
    return tuple(row for row in rows if comparison in (None, row.comparison))


def _systems(
    split: str, figures: Mapping[str, tuple[float, float, float]]
) -> tuple[PublishedRow, ...]:
    names = ("m_vIoU", "vIoU@0.3", "vIoU@0.5")
    return tuple(
        PublishedRow(
            "systems",
            name,
            "" if name == _E3M else name,
            dict(zip(names, row, strict=True)),
            f"E3M as quoted by {PAPER}" if name == _E3M else PAPER,
            split,
        )
        for name, row in figures.items()
    )


def _m_v_iou(
    comparison: Comparison, split: str, model: str, figures: Mapping[str, float]
) -> tuple[PublishedRow, ...]:
    return tuple(
        PublishedRow(comparison, name, model, {"m_vIoU": value}, PAPER, split)
        for name, value in figures.items()
    )


def _components(model: str, *figures: float) -> tuple[PublishedRow, ...]:
    return _m_v_iou("components", "test", model, dict(zip(_COMPONENTS, figures, strict=True)))


def _with_and_without(model: str, baseline: float, full: float) -> tuple[PublishedRow, ...]:
    return _m_v_iou("models", "val", model, {"baseline": baseline, "full": full})


def _images(accuracy: float) -> tuple[PublishedRow, ...]:
    return (PublishedRow("images", "GTI", _ONE_VISION, {"acc@0.5": accuracy}, PAPER, "val"),)


_ROWS: Mapping[tuple[str, str], tuple[PublishedRow, ...]] = {
    ("hcstvg-v1", ALL): (
        *_systems(
            "test",
            {
                _E3M: (19.1, 29.4, 10.6),
                _NEXT_VIDEO: (20.4, 33.6, 12.4),
                "ShareGPT4Video-8B": (20.0, 32.2, 10.9),
                "Qwen2-VL-7B": (23.6, 39.0, 14.4),
                _ONE_VISION: (24.8, 41.5, 16.3),
            },
        ),
        *_components(_NEXT_VIDEO, 15.2, 16.3, 18.0, 18.4, 19.9, 20.4),
        *_components(_ONE_VISION, 21.3, 23.3, 24.1, 23.8, 24.3, 24.8),
    ),
    ("hcstvg-v2", ALL): (
        *_systems(
            "val",
            {
                _NEXT_VIDEO: (23.6, 36.8, 15.5),
                "ShareGPT4Video-8B": (24.4, 38.9, 15.4),
                "Qwen2-VL-7B": (25.6, 40.5, 17.1),
                _ONE_VISION: (27.7, 44.7, 19.5),
            },
        ),
        *_m_v_iou(
            "objectives",
            "val",
            _NEXT_VIDEO,
            {"GTI": 19.2, "GTI + entropy": 19.5, "GTI + yes/no contrast": 22.1},
        ),
        *_with_and_without("InternVL3-4B", 17.0, 25.4),
        *_with_and_without("InternVL3-8B", 22.9, 27.5),
        *_with_and_without("Qwen2.5-VL-3B", 17.3, 25.4),
        *_with_and_without("Qwen2.5-VL-7B", 23.6, 27.7),
    ),
    ("vidstg", "declarative"): _systems(
        "test",
        {
            _E3M: (16.2, 20.5, 11.9),
            _NEXT_VIDEO: (16.6, 26.8, 11.1),
            "ShareGPT4Video-8B": (17.1, 27.8, 11.6),
            "Qwen2-VL-7B": (17.0, 27.4, 11.4),
            _ONE_VISION: (18.0, 29.8, 12.2),
        },
    ),
    ("vidstg", "interrogative"): _systems(
        "test",
        {
            _E3M: (10.6, 12.2, 5.4),
            _NEXT_VIDEO: (14.6, 23.1, 9.4),
            "ShareGPT4Video-8B": (13.1, 21.0, 9.1),
            "Qwen2-VL-7B": (13.0, 19.5, 7.8),
            _ONE_VISION: (13.5, 21.4, 8.2),
        },
    ),
    **{
        (dataset, kind): _images(accuracy)
        for dataset, accuracy in (("refcoco", 68.7), ("refcoco+", 67.1), ("refcocog", 72.3))
        # Under its name where several splits are scored at once.
        for kind in (ALL, "val")
    },
}
