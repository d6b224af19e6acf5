"""Published figures: where they stand, and that they hang together."""

from __future__ import annotations

import pytest

from zerotube.eval.datasets import DATASETS
from zerotube.eval.published import published
from zerotube.eval.score import ACCURACY, MEASURES

TABLES = [
    (dataset, kind) for dataset in DATASETS for kind in ("all", "declarative", "interrogative")
]


def test_every_row_is_in_percent_and_names_its_source() -> None:
    rows = [row for table in TABLES for row in published(*table)]
    assert len(rows) == 17 + 15 + 10 + 3
    for row in rows:
        assert set(row.means) <= {*MEASURES, ACCURACY}
        assert row.means
        assert all(1 < value < 100 for value in row.means.values())
        assert "2509.15178" in row.source
        assert row.split in ("test", "val")


@pytest.mark.parametrize(
    ("dataset", "kind", "system", "figures"),
    [
        ("hcstvg-v1", "all", "E3M", (19.1, 29.4, 10.6)),
        ("hcstvg-v1", "all", "LLaVA-NeXT-Video-7B", (20.4, 33.6, 12.4)),
        ("hcstvg-v2", "all", "LLaVA-OneVision-7B", (27.7, 44.7, 19.5)),
        ("vidstg", "declarative", "ShareGPT4Video-8B", (17.1, 27.8, 11.6)),
        ("vidstg", "interrogative", "Qwen2-VL-7B", (13.0, 19.5, 7.8)),
    ],
)
def test_systems(dataset: str, kind: str, system: str, figures: tuple[float, ...]) -> None:
    rows = published(dataset, kind, comparison="systems")
    row = next(row for row in rows if row.system == system)
    assert tuple(row.means.values()) == figures


@pytest.mark.parametrize("model", ["LLaVA-NeXT-Video-7B", "LLaVA-OneVision-7B"])
def test_all_components_together_are_the_system(model: str) -> None:
    rows = [row for row in published("hcstvg-v1", comparison="components") if row.model == model]
    assert len(rows) == 6
    (system,) = (row for row in published("hcstvg-v1", comparison="systems") if row.model == model)
    assert rows[-1].means["m_vIoU"] == system.means["m_vIoU"]


def test_models_gain_by_the_method() -> None:
    rows = published("hcstvg-v2", comparison="models")
    pairs = list(zip(rows[::2], rows[1::2], strict=True))
    assert len(pairs) == 4
    for before, after in pairs:
        assert (before.model, before.system, after.system) == (after.model, "baseline", "full")
        assert before.means["m_vIoU"] < after.means["m_vIoU"]


@pytest.mark.parametrize("table", [("hcstvg", "all"), ("vidstg", "all"), ("synth", "all")])
def test_nothing_where_nothing_is_published(table: tuple[str, str]) -> None:
    assert published(*table) == ()


def test_images() -> None:
    accuracy = [published(name)[0].means[ACCURACY] for name in ("refcoco", "refcoco+", "refcocog")]
    assert accuracy == [68.7, 67.1, 72.3]
    assert published("refcoco", "val") == published("refcoco")
    assert published("refcoco", "testA") == ()
