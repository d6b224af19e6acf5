"""Absent queries: surely false of every stretch of their clip, half of them near misses."""

from __future__ import annotations

from collections import Counter

import pytest

from zerotube.synth.absent import absent_query
from zerotube.synth.facts import facts_of
from zerotube.synth.read import read_samples
from zerotube.synth.sets import SETS, set_stage
from zerotube.synth.words import HELD_OUT_COMBINATIONS
from zerotube.synth.write import write_set


@pytest.mark.parametrize("name", SETS)
def test_nothing_in_the_clip_fits_at_any_time(name: str) -> None:
    for index in range(24):
        stage = set_stage(name, index)
        absent = absent_query(stage)
        last = len(stage.take.times) - 1
        for first, end in (
            (0, last),
            (0, last // 2),
            (last // 3, 2 * last // 3),
            (last // 2, last),
        ):
            assert absent.claim.truth(facts_of(stage.take, first, end)) is False


@pytest.mark.parametrize("name", SETS)
def test_half_are_near_misses_made_of_what_is_there(name: str) -> None:
    kinds: Counter[str] = Counter()
    for index in range(64):
        stage = set_stage(name, index)
        absent, actors = absent_query(stage), stage.take.actors
        kinds[absent.kind] += 1
        looks = {(actor.colour, actor.shape) for actor in actors}
        look = (absent.claim.colour, absent.claim.shape)
        colours = {colour for colour, _ in looks}
        done = {act.action for actor in actors for act in actor.acts}
        if absent.kind == "plain":
            assert look[0] not in colours
        elif absent.kind == "near-look":
            assert look not in looks
            assert look[0] in colours
            assert absent.claim.action in done
        else:
            assert look in looks
        if absent.kind != "near-action":
            assert look not in HELD_OUT_COMBINATIONS
    assert kinds == {"plain": 32, "near-look": 16, "near-action": 16}


def test_in_mixed_both_parts_get_all_kinds() -> None:
    stages = [set_stage("mixed", index) for index in range(16)]
    seen = {(stage.tags["part"], absent_query(stage).kind) for stage in stages}
    assert len(seen) == 6


def test_the_same_sample_has_the_same_absent_query() -> None:
    stage = set_stage("rich", 5)
    assert absent_query(stage) == absent_query(set_stage("rich", 5))
    assert absent_query(stage).query != f"{stage.question.attribute} {stage.action}"


def test_it_is_written_and_read_back(tmp_path) -> None:
    folder = write_set(tmp_path / "out", "unseen", 3, size=64)
    for index, sample in enumerate(read_samples(folder)):
        absent = absent_query(set_stage("unseen", index))
        assert sample.absent is not None
        assert (sample.absent.query, sample.absent.kind) == (absent.query, absent.kind)
