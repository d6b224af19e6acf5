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
    assert [item.sample_id for item in first] == ["mixed-7-00000", "mixed-7-00001"]
    assert [item.query for item in first] == [item.query for item in second]
    assert f'try: zerotube ground {second[0].video} "{second[0].query}"' in done.out


def test_without_a_set_it_writes_held_out_samples_of_mixed(run, tmp_path: Path) -> None:
    from zerotube.synth import HELD_OUT_SEED, read_samples

    done = run("synth", "--out", tmp_path / "out")
    assert done.code == 0
    assert "10 clips in" in done.out
    written = read_samples(tmp_path / "out")
    assert [item.kind for item in written] == ["mixed"] * 10
    assert written[0].sample_id == f"mixed-{HELD_OUT_SEED}-00000"


def test_a_full_folder_is_refused(run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("", encoding="utf-8")
    done = run("synth", "--out", tmp_path, "--samples", 1)
    assert done.code == 2
    assert "not empty" in done.error_line()


@pytest.mark.parametrize(
    "flags", [("--samples", "0"), ("--seed", "-1"), ("--kind", "action"), ("--set", "other")]
)
def test_usage(run, tmp_path: Path, flags: tuple[str, str]) -> None:
    assert run("synth", "--out", tmp_path / "out", *flags).code == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["action-hard", "unseen"])
def test_a_set(run, tmp_path: Path, name: str) -> None:
    from zerotube.synth import SET_SEEDS, read_samples

    done = run("synth", "--out", tmp_path / "out", "--set", name, "--samples", 1)
    assert done.code == 0
    assert "write" in done.err
    (item,) = read_samples(tmp_path / "out")
    assert item.sample_id == f"{name}-{SET_SEEDS[name]}-00000"
    assert done.out.startswith("1 clip in")


def test_a_set_of_another_seed_in_silence(run, tmp_path: Path) -> None:
    from zerotube.synth import read_samples

    words = ("--set", "mixed", "--samples", 2, "--seed", 5, "--quiet")
    done = run("synth", "--out", tmp_path / "out", *words)
    assert (done.code, done.err) == (0, "")
    assert [item.sample_id[:8] for item in read_samples(tmp_path / "out")] == ["mixed-5-"] * 2


def test_the_flag_names_every_set(run) -> None:
    from zerotube.synth import SETS

    shown = " ".join(run("synth", "--help").out.split())
    assert "|".join(SETS) in shown


def test_verbs_can_have_a_kept_set_written_first(capfd, monkeypatch, tmp_path: Path) -> None:
    from zerotube.cli.synth_sets import prepare_synth
    from zerotube.synth import cache

    monkeypatch.setattr(cache, "SET_SAMPLES", 1)
    for others in (("vidstg", "test", None), ("synth", "", None), ("synth", "mixed", tmp_path)):
        dataset, split, root = others
        prepare_synth(dataset, split, root, None, quiet=False)
    assert not cache.default_folder().exists()
    prepare_synth("synth", "mixed", None, None, quiet=False)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "writing the test set 'mixed'" in shown.err
    assert "write    1/1" in shown.err
    assert (cache.cached_folder("mixed") / "samples.jsonl").is_file()
    prepare_synth("synth", "mixed", None, None, quiet=False)
    assert capfd.readouterr().err == ""
