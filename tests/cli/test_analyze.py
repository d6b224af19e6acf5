"""``zerotube analyze``: files, resumption, and what is refused before any work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zerotube.errors import InputError
from zerotube.synth import HELD_OUT_SEED, write_set

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synth") / "set"
    return write_set(folder, "attribute-hard", 3, HELD_OUT_SEED + 903)


def words(what: str, clips: Path, out: Path, *more: object) -> list[object]:
    return ["analyze", what, "--dataset", "synth", "--root", clips, "--out", out, *more]


def test_tokens_from_files_to_resumption(run: Run, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    asked = words("tokens", clips, out, "--proposer", "truth", "--frames", 4, "--limit", 2)
    done = run(*asked, "--quiet")
    assert done.code == 0, done.err
    assert "hit ratio" in done.out
    assert "difference to rank 1" in done.out
    assert (out / "table.md").read_text() == done.out[: done.out.index("\nfiles")]
    assert str(out / "plot.png") in done.out
    assert "a part of the benchmark" in done.err
    assert {path.name for path in out.iterdir()} == {
        ".lock",
        "journal.sqlite",
        "plot.png",
        "table.json",
        "table.md",
    }
    raw = json.loads((out / "table.json").read_text())
    assert (raw["samples"], raw["of"]) == (2, 3)
    assert raw["settings"]["method"]["frames"] == 4
    assert len(raw["findings"]["all"]["attentions"]["relative"]["ranks"]) == 7

    again = run(*asked)
    assert again.code == 2
    assert "--resume" in again.error_line()
    resumed = run(*asked, "--resume", "--json")
    assert resumed.code == 0, resumed.err
    assert json.loads(resumed.out) == raw
    other = run(*words("peaks", clips, out, "--frames", 4, "--limit", 2), "--resume")
    assert other.code == 2
    assert "analysis" in other.error_line()


def test_peaks(run: Run, clips: Path, tmp_path: Path) -> None:
    done = run(*words("peaks", clips, tmp_path / "run", "--frames", 3, "--limit", 1, "--json"))
    assert done.code == 0, done.err
    found = json.loads(done.out)["findings"]["all"]
    assert found["published"]["mean_peak_after"] == 23.9
    assert {one["prompt"] for one in found["changes"]} == {"V_s", "V_t"}
    assert "one sample only" in done.err


def test_consistency_regroups_a_finished_run(run: Run, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    asked = words("consistency", clips, out, "--proposer", "truth", "--frames", 3)
    short = run(*asked)
    assert short.code == InputError.exit_code
    assert "3 samples for 10 groups" in short.error_line()
    assert "--groups 3" in short.error_line()
    assert not out.exists()
    done = run(*asked, "--groups", 3, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)["findings"]["all"]
    assert found["protocol"] == "half-open"
    assert [group["samples"] for group in found["tunings"]["tuned"]["groups"]] == [1, 1, 1]
    assert "groups of one sample" in done.err
    # How results are put together is not a setting of the run: its journal serves again.
    other = run(*asked, "--groups", 2, "--protocol", "inclusive", "--resume", "--json")
    assert other.code == 0, other.err
    regrouped = json.loads(other.out)["findings"]["all"]
    assert regrouped["protocol"] == "inclusive"
    assert [group["samples"] for group in regrouped["tunings"]["tuned"]["groups"]] == [2, 1]


@pytest.mark.parametrize(
    ("what", "more", "said"),
    [
        ("tokens", ["--lr", 2], "--lr"),
        ("tokens", ["--groups", 5], "--groups"),
        ("peaks", ["--contrast", "none"], "contrast"),
        ("peaks", ["--abstain"], "abstain"),
        ("consistency", ["--answers", "2"], "answers"),
        ("peaks", ["--proposer", "truth"], "--proposer"),
        ("peaks", ["--no-store"], "--proposer, --tracks"),
        ("peaks", ["--protocol", "inclusive"], "--protocol"),
        ("consistency", ["--no-assembling"], "assembling"),
        ("consistency", ["--frames", 1], "backwards"),
        ("consistency", ["--groups", 1], "at least 2"),
        ("tokens", ["--proposer", "truth", "--tracks", "."], "one of them"),
        ("tokens", ["--shard", "3"], "--shard"),
        ("tokens", ["--decomposer", "nobody"], "--decomposer"),
    ],
)
def test_refused_before_any_work(
    run: Run, clips: Path, tmp_path: Path, what: str, more: list[object], said: str
) -> None:
    done = run(*words(what, clips, tmp_path / "run", *more))
    assert done.code == 2
    assert said in done.error_line()
    assert not (tmp_path / "run").exists()


def test_an_unknown_analysis_is_a_usage_error(run: Run, clips: Path, tmp_path: Path) -> None:
    assert run(*words("token", clips, tmp_path / "run")).code == 2


def test_files_that_are_no_run_are_kept(run: Run, clips: Path, tmp_path: Path) -> None:
    (tmp_path / "table.md").write_text("mine")
    done = run(*words("tokens", clips, tmp_path))
    assert done.code == 2
    assert "table.md" in done.error_line()
    assert (tmp_path / "table.md").read_text() == "mine"


def test_a_folder_that_is_no_data_set(run: Run, tmp_path: Path) -> None:
    done = run(*words("tokens", tmp_path / "nowhere", tmp_path / "run"))
    assert done.code == 3
    assert "nowhere" in done.error_line()
