"""``zerotube ablate`` on a small generated set, from the flags to the files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from zerotube.synth import write_set

BASE = ("--frames", "4", "--top-k", "2", "--quiet")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("ablate") / "clips", "mixed", 3, 3_300_000, size=96)


def tables(folder: Path) -> list[dict]:
    return json.loads((folder / "table.json").read_text())["tables"]


def test_rows_are_answered_as_eval_answers_them(run, clips: Path, tmp_path: Path) -> None:
    place = ("--dataset", "synth", "--root", clips, "--proposer", "truth", *BASE)
    done = run("ablate", "components", *place, "--out", tmp_path / "all")
    assert done.code == 0, done.err
    assert "| full (+ TAS) |" in done.out
    (table,) = tables(tmp_path / "all")
    assert table["samples"] == 3
    rows = {row["label"]: row for row in table["rows"]}
    for label, method in (("baseline (mean of tokens)", "baseline"), ("full (+ TAS)", "paper")):
        alone = run("eval", *place, "--method", method, "--out", tmp_path / method, "--json")
        assert rows[label]["means"]["m_vIoU"]["mean"] == json.loads(alone.out)["m_vIoU"]
    gain = rows["full (+ TAS)"]["differences"]["m_vIoU"]["mean"]
    before, after = (rows[name]["means"]["m_vIoU"]["mean"] for name in ("GTI + V_s + V_t", label))
    assert gain == pytest.approx(after - before)
    with Image.open(tmp_path / "all" / "plot.png") as picture:
        assert min(picture.size) > 300
    text = (tmp_path / "all" / "table.md").read_text()
    assert text.strip() in done.out
    again = run("ablate", "components", *place, "--out", tmp_path / "all", "--resume", "--json")
    assert json.loads(again.out) == [table]


def test_candidates_side_by_side(run, clips: Path, tmp_path: Path) -> None:
    done = run(
        "ablate", "trackers", "--dataset", "synth", "--root", clips, *BASE, "--method", "gti",
        "--values", "truth,motion", "--no-store", "--out", tmp_path / "run",
    )  # fmt: skip
    assert done.code == 0, done.err
    (table,) = tables(tmp_path / "run")
    assert [row["label"] for row in table["rows"]] == ["true tracks", "motion"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("components", "--values", "3"), "leave --values out"),
        (("topk", "--values", "0"), "at least 1"),
        (("trackers", "--proposer", "motion"), "--values"),
        (("lr", "--split", "a,a"), "name each split once"),
        (("lr", "--shard", "0/2"), "1 <= i <= n"),
        (("lr", "--decomposer", "nobody"), "rules, openai, model"),
    ],
)
def test_what_contradicts_itself_is_refused_at_once(
    run, clips: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = run("ablate", *words, "--dataset", "synth", "--root", clips, "--out", tmp_path / "run")
    assert done.code == 2
    assert said in done.error_line()
    assert not (tmp_path / "run").exists()
