"""The test sets keep what docs/synth.md promises of them, read from the facts of many samples."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from zerotube.errors import UsageError
from zerotube.geometry.spans import Span
from zerotube.synth import (
    BASIC_SETS,
    CONDITIONS,
    HELD_OUT_SEED,
    SET_SEEDS,
    SETS,
    UNSEEN_COMBINATIONS,
    set_stage,
)
from zerotube.synth.backdrops import BACKGROUNDS
from zerotube.synth.outlines import polygon, rotate
from zerotube.synth.takes import SHIFT
from zerotube.synth.words import BASIC_COLOURS, BASIC_SHAPES

COUNT = 80


@cache
def stages(name):
    return [set_stage(name, index) for index in range(COUNT)]


def events(stage, item):
    """What an object does, in frames, read from its acts."""
    last = stage.frame_count - 1
    return [(act.action, Span(round(act.start * last), round(act.end * last))) for act in item.acts]


def path_of(stage, item):
    """Centre x, centre y and size in every frame."""
    return item.states(stage.take.times)[:, :3]


def extent(item):
    """Least and greatest (x, y) of an object whose circumscribed circle has radius 1."""
    corners = polygon(item.shape)
    if corners is None:
        return np.full(2, -1.0), np.full(2, 1.0)
    turned = rotate(corners, item.angle)
    return turned.min(axis=0), turned.max(axis=0)


def others(stage):
    return [item for n, item in enumerate(stage.take.actors) if n != stage.target]


@pytest.mark.parametrize("name", BASIC_SETS)
def test_exactly_one_object_and_one_span_fit_the_query(name):
    for stage in stages(name):
        label = stage.take.actors[stage.target].label
        answers = [
            (number, span)
            for number, item in enumerate(stage.take.actors)
            for action, span in events(stage, item)
            if (item.label, action) == (label, stage.action)
        ]
        asked = Span(stage.start_frame, stage.end_frame)
        assert answers == [(stage.target, asked)], stage.sample_id


@pytest.mark.parametrize("name", BASIC_SETS)
def test_clips_are_untrimmed(name):
    for stage in stages(name):
        length = stage.end_frame - stage.start_frame + 1
        assert 0.2 <= length / stage.frame_count <= 0.6
        assert 40 <= stage.frame_count <= 80


def test_attribute_hard_distractors_do_the_same_and_share_half_the_look():
    counts = Counter()
    for name in ("attribute-hard", "unseen", "mixed"):
        for stage in stages(name):
            if stage.question.kind != "attribute-hard":
                continue
            target = stage.take.actors[stage.target]
            shares = set()
            counts[len(stage.take.actors)] += 1
            for item in others(stage):
                (action, span), *more = events(stage, item)
                assert action == stage.action
                assert not more
                assert span.t_iou(Span(stage.start_frame, stage.end_frame)) >= 0.6
                same = item.colour == target.colour, item.shape == target.shape
                assert sum(same) == 1
                shares.add(same)
            assert len(shares) == min(len(stage.take.actors) - 1, 2)
    assert set(counts) == {2, 3, 4}
    assert min(counts.values()) >= 0.2 * sum(counts.values())


def test_action_hard_is_decided_by_what_happens():
    variants = Counter()
    for stage in stages("action-hard"):
        target = stage.take.actors[stage.target]
        assert others(stage)
        in_turn = events(stage, target)
        assert len({action for action, _ in in_turn}) == len(in_turn)
        for (_, first), (_, then) in pairwise(in_turn):
            assert first.end_frame < then.start_frame
        if len(in_turn) == 1:
            assert all(item.label == target.label for item in others(stage))
        for item in others(stage):
            done = [action for action, _ in events(stage, item)]
            if item.label == target.label:
                assert done
                assert stage.action not in done
            else:
                assert (item.colour == target.colour) != (item.shape == target.shape)
                assert done == [stage.action]
        variants[len(in_turn) > 1] += 1
    assert min(variants.values()) >= 0.3 * COUNT


def test_mixed_is_half_and_half_in_turn():
    parts = [stage.question.kind for stage in stages("mixed")]
    assert parts == ["attribute-hard", "action-hard"] * (COUNT // 2)
    assert [stage.tags["part"] for stage in stages("mixed")] == parts
    assert all("part" not in stage.tags for stage in stages("unseen"))


def test_only_unseen_asks_for_the_held_out_combinations():
    for name in BASIC_SETS:
        looks = {
            (stage.take.actors[stage.target].colour, stage.take.actors[stage.target].shape)
            for stage in stages(name)
        }
        if name == "unseen":
            assert looks == set(UNSEEN_COMBINATIONS)
        else:
            assert not looks & set(UNSEEN_COMBINATIONS)
            assert len(looks) >= 20
        wanted = "unseen" if name == "unseen" else "seen"
        assert {stage.tags["combination"] for stage in stages(name)} == {wanted}


def test_held_out_combinations_leave_every_word_to_learn():
    assert len(set(UNSEEN_COMBINATIONS)) == 6
    for colour in BASIC_COLOURS:
        assert sum(colour == held for held, _ in UNSEEN_COMBINATIONS) <= 1
    for shape in BASIC_SHAPES:
        assert sum(shape == held for _, held in UNSEEN_COMBINATIONS) <= 2


@pytest.mark.parametrize("name", BASIC_SETS)
def test_conditions_and_backgrounds_are_dealt_evenly(name):
    for part in ("attribute-hard", "action-hard"):
        chosen = [stage for stage in stages(name) if stage.question.kind == part]
        conditions = Counter(stage.condition for stage in chosen)
        backgrounds = Counter(stage.take.backdrop.pattern for stage in chosen)
        if chosen:
            assert conditions == dict.fromkeys(CONDITIONS, len(chosen) // 4)
            assert backgrounds == dict.fromkeys(BACKGROUNDS, len(chosen) // 5)
            assert len({(s.condition, s.take.backdrop.pattern) for s in chosen}) >= 16


@pytest.mark.parametrize("name", BASIC_SETS)
def test_tags_say_what_is_there(name):
    for stage in stages(name):
        assert stage.tags["condition"] == stage.condition
        assert stage.tags["background"] == stage.take.backdrop.pattern
        assert stage.tags["objects"] == str(len(stage.take.actors))
        assert stage.tags["action"] == stage.action
        assert (stage.take.occluder is not None) == (stage.condition == "occlusion")
        assert stage.take.shifts.any() == (stage.condition == "jitter")
        assert bool(stage.take.backdrop.bits) == (stage.condition == "clutter")


@pytest.mark.parametrize("name", BASIC_SETS)
def test_objects_stay_inside_and_apart_in_every_frame(name):
    for stage in stages(name):
        paths = [path_of(stage, item) for item in stage.take.actors]
        for item, path in zip(stage.take.actors, paths, strict=True):
            low, high = extent(item)
            centres, radii = path[:, :2] + stage.take.shifts, path[:, 2:] / 2
            assert (centres + low * radii).min() >= 0.0
            assert (centres + high * radii).max() <= 1.0
            assert path[:, 2].min() >= 0.12
            assert path[:, 2].max() <= 0.36
        for number, first in enumerate(paths):
            for second in paths[:number]:
                distance = np.hypot(*(first[:, :2] - second[:, :2]).T)
                assert (distance > (first[:, 2] + second[:, 2]) / 2).all()


def test_directions_stay_true_when_the_camera_moves():
    axes = {"moves left": (0, -1), "moves right": (0, 1), "moves up": (1, -1), "moves down": (1, 1)}
    seen = set()
    for stage in (
        stage for name in BASIC_SETS for stage in stages(name) if stage.condition == "jitter"
    ):
        assert np.abs(stage.take.shifts).max() <= SHIFT + 1e-12
        assert np.abs(stage.take.shifts).max() >= SHIFT / 2 - 1e-12
        assert np.abs(np.diff(stage.take.shifts, axis=0)).max() <= 0.02
        for item in stage.take.actors:
            shown = path_of(stage, item)[:, :2] + stage.take.shifts
            for action, span in events(stage, item):
                if action in axes:
                    axis, sign = axes[action]
                    moved = shown[span.end_frame, axis] - shown[span.start_frame, axis]
                    assert sign * moved >= 0.15
                    seen.add(action)
    assert seen == set(axes)


def test_clutter_is_small_muted_and_of_no_named_colour():
    for stage in (
        stage for name in BASIC_SETS for stage in stages(name) if stage.condition == "clutter"
    ):
        assert 10 <= len(stage.take.backdrop.bits) <= 25
        for bit in stage.take.backdrop.bits:
            assert bit.size <= 0.06
            assert max(bit.rgb) - min(bit.rgb) <= 40
            for named in BASIC_COLOURS.values():
                assert np.linalg.norm(np.subtract(bit.rgb, named)) >= 75


def test_a_sample_depends_on_set_seed_and_index_alone():
    def facts(stage):
        return stage.sample_id, stage.take.actors, stage.action, stage.take.backdrop, stage.tags

    assert facts(set_stage("mixed", 3)) == facts(stages("mixed")[3])
    assert facts(set_stage("mixed", 3, SET_SEEDS["mixed"])) == facts(stages("mixed")[3])
    assert set_stage("mixed", 3, 5).take.actors != stages("mixed")[3].take.actors
    assert set_stage("unseen", 3, 5).take.actors != set_stage("attribute-hard", 3, 5).take.actors


def test_the_published_sets_have_not_changed():
    """Other samples under the same names would need another `RECIPE_VERSION`, and new results."""
    digests = {}
    for name in BASIC_SETS:
        facts = [
            (s.sample_id, [i.label for i in s.take.actors], s.target, s.action, s.start_frame,
             s.end_frame, s.frame_count, str(s.fps), s.tags)
            for s in stages(name)[:40]
        ]  # fmt: skip
        digests[name] = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    assert digests == {
        "attribute-hard": "3c280251c3a4c361",
        "action-hard": "f3379047e0b90800",
        "mixed": "4646c9e7dbbd81c1",
        "unseen": "b26ea8579325d429",
    }


def test_seeds_of_the_sets_are_held_out_and_used_by_nothing_else():
    taken = {*range(HELD_OUT_SEED, HELD_OUT_SEED + 11), HELD_OUT_SEED + 100, HELD_OUT_SEED + 900}
    assert len(set(SET_SEEDS.values())) == len(SETS)
    assert min(SET_SEEDS.values()) >= HELD_OUT_SEED
    assert not taken & set(SET_SEEDS.values())


@pytest.mark.parametrize("arguments", [("loud", 0), ("mixed", -1), ("mixed", 0, -1)])
def test_impossible_samples_are_refused(arguments):
    with pytest.raises(UsageError, match=r"got .*; wanted"):
        set_stage(*arguments)
