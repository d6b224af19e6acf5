"""A run replaces its own results only, whichever verb made it."""

from __future__ import annotations

from pathlib import Path

import pytest

from zerotube.synth import write_set

FILES = [
    (verb, name)
    for verb, names in {
        ("eval",): ("predictions.jsonl", "per_sample.jsonl", "metrics.json", "report.html"),
        ("ablate", "topk"): ("table.md", "table.json", "plot.png"),
        ("analyze", "peaks"): ("table.md", "table.json", "plot.png"),
    }.items()
    for name in names
]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("foreign") / "clips", "mixed", 1, 3_500_000, size=96)


@pytest.mark.parametrize("resume", [(), ("--resume",)])
@pytest.mark.parametrize(("verb", "name"), FILES)
def test_results_of_something_else_stay(
    run, clips: Path, tmp_path: Path, verb: tuple[str, ...], name: str, resume: tuple[str, ...]
) -> None:
    (tmp_path / name).write_text("mine")
    done = run(*verb, "--dataset", "synth", "--root", clips, "--out", tmp_path, *resume)
    assert done.code == 2
    assert f"{tmp_path / name} that no run in that folder made" in done.error_line()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_results_of_another_split_stay(run, clips: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "journal.sqlite").touch()
    (tmp_path / "table.md").write_text("mine")
    place = ("--dataset", "synth", "--root", clips, "--out", tmp_path)
    done = run("ablate", "topk", *place, "--resume")
    assert "that no run in that folder made" in done.error_line()
    asked = run("ablate", "topk", *place, "--split", "other")
    assert (asked.code, "--resume" in asked.error_line()) == (2, True)
    assert (tmp_path / "table.md").read_text() == "mine"
