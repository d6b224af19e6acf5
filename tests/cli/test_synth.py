"""``zerotube synth``."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_clips_can_be_read_back_and_repeat(run, tmp_path: Path) -> None:
    from zerotube.synth import read_samples

    for name in ("a", "b"):
        done = run("synth", "--out", tmp_path / name, "--samples", 2, "--seed", 7)
        assert done.code == 0
        assert "2 clips" in done.out
    first, second = read_samples(tmp_path / "a"), read_samples(tmp_path / "b")
    assert [item.kind for item in first] == ["attribute", "action"]
    assert [item.query for item in first] == [item.query for item in second]
    assert f'try: zerotube ground {second[0].video} "{second[0].query}"' in done.out


@pytest.mark.parametrize("kind", ["attribute", "action"])
def test_kind(run, tmp_path: Path, kind: str) -> None:
    from zerotube.synth import HELD_OUT_SEED, read_samples

    done = run("synth", "--out", tmp_path / "out", "--samples", 1, "--kind", kind)
    assert done.code == 0
    assert "1 clip in" in done.out
    (item,) = read_samples(tmp_path / "out")
    assert item.kind == kind
    assert str(HELD_OUT_SEED) in item.sample_id


def test_a_full_folder_is_refused(run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("", encoding="utf-8")
    done = run("synth", "--out", tmp_path, "--samples", 1)
    assert done.code == 2
    assert "not empty" in done.error_line()


@pytest.mark.parametrize("flags", [("--samples", "0"), ("--seed", "-1"), ("--kind", "other")])
def test_usage(run, tmp_path: Path, flags: tuple[str, str]) -> None:
    assert run("synth", "--out", tmp_path / "out", *flags).code == 2
    assert not (tmp_path / "out").exists()
