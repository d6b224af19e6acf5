"""Random takes and moments."""

from __future__ import annotations

import math
import pickle
import time
from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import pytest

from zerotube.synth.actions import REST
from zerotube.synth.backdrops import BACKGROUNDS
from zerotube.synth.crops import random_crop
from zerotube.synth.scene import Take
from zerotube.synth.takes import Mix, random_take
from zerotube.synth.words import (
    ACTIONS,
    BASIC_ACTIONS,
    COLOURS,
    HELD_OUT_COMBINATIONS,
    SHAPES,
    TEXTURES,
)

DENSE = np.linspace(0.0, 1.0, 601)


@pytest.fixture(scope="module")
def takes() -> list[Take]:
    rng = np.random.default_rng(7)
    start = time.perf_counter()
    made = [
        random_take(rng, Mix(), 20, aspect) for aspect in (1.0, 16 / 9, 0.75) for _ in range(150)
    ]
    print(f"{len(made) / (time.perf_counter() - start):.0f} takes/s")
    return made


@pytest.fixture(scope="module")
def crops() -> list[Take]:
    rng = np.random.default_rng(8)
    return [random_crop(rng) for _ in range(900)]


def test_no_object_ever_has_a_held_out_combination(takes: list[Take], crops: list[Take]) -> None:
    for take in takes + crops:
        for actor in take.actors:
            assert (actor.colour, actor.shape) not in HELD_OUT_COMBINATIONS
            assert (actor.new_colour, actor.shape) not in HELD_OUT_COMBINATIONS
            changes = "changes color" in actor.actions
            assert changes == (actor.new_colour is not None) == (actor.new_rgb is not None)
            assert actor.new_colour != actor.colour


def test_objects_stay_apart_and_inside_all_the_time(takes: list[Take]) -> None:
    for take in takes:
        paths = [actor.states(DENSE)[:, :3] for actor in take.actors]
        for path in paths:
            reach = 0.5 * path[:, 2]
            # The camera comes on top; what it adds is measured where the frames are.
            slack = np.abs(take.shifts).max(axis=0)
            for axis, size in enumerate((take.width, take.height)):
                assert (path[:, axis] - reach - slack[axis]).min() >= 0.0
                assert (path[:, axis] + reach + slack[axis]).max() <= size
        for first, second in combinations(paths, 2):
            distance = np.hypot(*(first[:, :2] - second[:, :2]).T)
            assert (distance >= 0.5 * (first[:, 2] + second[:, 2])).all()


def test_wide_frames_are_filled(takes: list[Take]) -> None:
    square, wide, high = takes[:150], takes[150:300], takes[300:]
    assert {(take.width, take.height) for take in square} == {(1.0, 1.0)}
    assert max(actor.x for take in wide for actor in take.actors) > 1.5
    assert max(actor.y for take in high for actor in take.actors) > 1.15
    assert any(bit.x > 1.5 for take in wide for bit in take.backdrop.bits)


def test_acts_come_one_at_a_time_and_fades_at_the_ends(takes: list[Take]) -> None:
    for actor in (actor for take in takes for actor in take.actors):
        acts = actor.acts
        assert len({act.action for act in acts}) == len(acts) <= 3
        for act in acts:
            assert 0.0 <= act.start < act.end <= 1.0 + 1e-9
        for before, after in pairwise(acts):
            assert after.start - before.end >= REST - 1e-9
        if "appears" in actor.actions:
            assert acts[0].action == "appears"
            assert acts[0].start >= 0.1 - 1e-9
        if "disappears" in actor.actions:
            assert acts[-1].action == "disappears"
            assert acts[-1].end <= 0.9 + 1e-9
        if "spins" in actor.actions:
            assert actor.shape not in ("circle", "ring") or actor.texture != "plain"


def test_amounts_can_be_seen_in_twenty_frames(takes: list[Take]) -> None:
    seen: Counter[str] = Counter()
    for act in (act for take in takes for actor in take.actors for act in actor.acts):
        seen[act.action] += 1
        length = act.end - act.start
        if act.action == "spins":
            assert 0.35 - 1e-9 <= abs(act.amount) / (20.0 * length) <= 0.8 + 1e-9
        elif act.action == "blinks":
            assert act.amount >= 2
            assert 0.085 <= length / act.amount <= 0.19
        elif act.action == "bounces":
            assert act.amount in (2.0, 3.0)
            assert 0.12 <= act.reach <= 0.22
            assert length / act.amount >= 0.1
        elif act.action == "circles":
            assert 1.0 <= abs(act.amount) <= 2.0
            assert 0.09 <= act.reach <= 0.15
            assert length / abs(act.amount) >= 0.19
    assert set(seen) == set(ACTIONS)


def test_look_alikes_have_no_action_in_common(takes: list[Take]) -> None:
    pairs = 0
    for take in takes:
        for first, second in combinations(take.actors, 2):
            if first.label == second.label:
                pairs += 1
                assert not set(first.actions) & set(second.actions)
    assert pairs > 60


def test_everything_occurs(takes: list[Take]) -> None:
    actors = [actor for take in takes for actor in take.actors]
    assert {actor.colour for actor in actors} == set(COLOURS)
    assert {actor.shape for actor in actors} == set(SHAPES)
    assert {actor.texture for actor in actors} == set(TEXTURES)
    assert {take.backdrop.pattern for take in takes} == set(BACKGROUNDS)
    assert {len(take.actors) for take in takes} == {1, 2, 3, 4, 5, 6}
    shares = [
        np.mean([take.occluder is not None for take in takes]),
        np.mean([take.shifts.any() for take in takes]),
        np.mean([bool(take.backdrop.bits) for take in takes]),
    ]
    assert np.allclose(shares, (0.15, 0.2, 0.25), atol=0.07)
    assert all(len(take.shifts) == len(take.times) == 20 for take in takes)


def test_the_mix_is_obeyed() -> None:
    rng = np.random.default_rng(3)
    still = Mix(moving=0.0, look_alikes=0.0, textured=0.0)
    assert all(
        actor.acts == () and actor.texture == "plain"
        for _ in range(40)
        for actor in random_take(rng, still, 8).actors
    )
    same = Mix(counts=(0, 0, 1), moving=1.0, same_action=1.0, look_alikes=0.0, basic=1.0)
    for _ in range(40):
        (actions,) = {actor.actions for actor in random_take(rng, same, 8).actors}
        assert actions[0] in BASIC_ACTIONS
    alike = Mix(counts=(0, 1), look_alikes=1.0)
    for _ in range(40):
        actors = random_take(rng, alike, 8).actors
        assert len(actors) < 2 or actors[0].label == actors[1].label


def test_equal_seeds_give_equal_takes() -> None:
    def made(seed: int) -> bytes:
        rng = np.random.default_rng(seed)
        return pickle.dumps([random_take(rng, Mix(), 20, 1.5) for _ in range(5)])

    assert made(1) == made(1)
    assert made(1) != made(2)
    first, second = (pickle.dumps(random_crop(np.random.default_rng(n))) for n in (5, 5))
    assert first == second


def test_crops_show_one_object_at_a_size(crops: list[Take]) -> None:
    for take in crops:
        path = take.actors[0].states(take.times)
        assert path.shape == (2, 6)
        assert path[:, 2].min() >= 0.25
        assert path[:, 2].max() <= 0.85
        # Most of it: no more than the outer part of its circle is outside.
        assert (path[:, :2] >= 0.4 * path[:, 2:3]).all()
        assert (path[:, :2] <= 1.0 - 0.4 * path[:, 2:3]).all()
        assert 0.0 <= take.times[0] < take.times[1] <= 1.0


def test_moments_agree_with_the_act(crops: list[Take]) -> None:
    seen: Counter[str] = Counter()
    for take in crops:
        (actor,) = take.actors
        (action,) = actor.actions
        seen[action] += 1
        first, second = actor.states(take.times)
        dx, dy, _, turn, opacity, new_colour = second - first
        grown = math.log(second[2] / first[2])
        moved = math.hypot(dx, dy)
        signs = {"moves left": -dx, "moves right": dx, "moves up": -dy, "moves down": dy}
        if action in signs:
            assert signs[action] == pytest.approx(moved)
            assert 0.03 - 1e-9 <= moved <= 0.25 + 1e-9
        elif action in ("bounces", "circles"):
            assert 0.03 <= moved <= 0.3
        else:
            assert moved == 0.0
        growth = {"grows": grown, "shrinks": -grown}.get(action)
        if growth is not None:
            assert math.log(1.03) - 1e-9 <= growth <= math.log(1.2) + 1e-9
        else:
            assert grown == 0.0
        assert (0.35 - 1e-9 <= abs(turn) <= 0.9 + 1e-9) == (action == "spins")
        fades = {"blinks": (-0.9, 0.9), "appears": (0.25, 0.5), "disappears": (-0.5, -0.25)}
        if action == "blinks":
            assert abs(opacity) == pytest.approx(0.9)
        elif action in fades:
            assert fades[action][0] - 1e-9 <= opacity <= fades[action][1] + 1e-9
        else:
            assert opacity == 0.0
        assert (new_colour > 0.1) == (action == "changes color")
    assert set(seen) == {"stays still", *ACTIONS}
    assert 0.18 <= seen["stays still"] / len(crops) <= 0.32
