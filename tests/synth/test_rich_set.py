"""The test set "rich" keeps what docs/synth.md promises of it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from zerotube.errors import InputError, UsageError
from zerotube.eval.datasets import Request, load_benchmark
from zerotube.synth import CONDITIONS, SETS, read_samples, set_folder, set_sample, write_set
from zerotube.synth.backdrops import BACKGROUNDS
from zerotube.synth.cache import cached_folder
from zerotube.synth.draw import draw, visible_boxes
from zerotube.synth.facts import Claim, facts_of
from zerotube.synth.queries import QUERY_KINDS
from zerotube.synth.read import read_recipe
from zerotube.synth.sets import Stage, set_stage
from zerotube.synth.words import ACTIONS, HELD_OUT_COMBINATIONS
from zerotube.synth.write import RECIPE_VERSION, RICH_RECIPE_VERSION
from zerotube.video import open_video

COUNT = 120


@cache
def stages() -> list[Stage]:
    return [set_stage("rich", index) for index in range(COUNT)]


def without(claim: Claim, part: str) -> Claim:
    return replace(claim, **{part: None})


def said(claim: Claim) -> list[str]:
    parts = ("size", "texture", "colour", "shape", "action", "place", "relation")
    return [part for part in parts if getattr(claim, part) is not None]


def test_surely_the_target_and_surely_nobody_else_fits() -> None:
    for stage in stages():
        facts = facts_of(stage.take, 0, len(stage.take.times) - 1)
        fits = [stage.question.claim.fits(facts, n) for n in range(len(facts.objects))]
        assert fits == [n == stage.target for n in range(len(fits))], stage.sample_id


def test_the_part_that_a_query_is_about_is_needed() -> None:
    about = {"texture": "texture", "size": "size", "place": "place", "relation": "relation"}
    about["noun"] = "colour"
    for stage in stages():
        facts = facts_of(stage.take, 0, len(stage.take.times) - 1)
        others = [n for n in range(len(facts.objects)) if n != stage.target]
        claim = stage.question.claim
        parts = [about[stage.question.kind]] if stage.question.kind in about else said(claim)
        assert any(
            without(claim, part).fits(facts, n) is not False for part in parts for n in others
        ), stage.sample_id


def test_queries_say_what_the_claim_does() -> None:
    for stage in stages():
        question, claim = stage.question, stage.question.claim
        words = question.attribute.split()
        assert words[0] == "the"
        for part in said(claim):
            value = getattr(claim, part)
            if part == "relation":
                assert question.attribute.endswith(f"{value[0]} the {value[1]} {value[2]}")
            elif part == "action":
                assert value not in question.attribute
            else:
                assert value in question.attribute
        assert question.noun in words
        assert (question.noun == "object") == (question.kind == "noun")


def test_the_span_is_that_of_the_one_act() -> None:
    for stage in stages():
        actor, last = stage.take.actors[stage.target], len(stage.take.times) - 1
        (act,) = [act for act in actor.acts if act.action == stage.question.claim.action]
        assert act.start * last == pytest.approx(stage.start_frame)
        assert act.end * last == pytest.approx(stage.end_frame)
        length = (stage.end_frame - stage.start_frame + 1) / (last + 1)
        fades = act.action in ("appears", "disappears")
        assert (0.09 if fades else 0.18) <= length <= (0.26 if fades else 0.64)
        assert 40 <= last + 1 <= 80


def test_looks_are_seen_ones_and_cards_are_dealt() -> None:
    actors = [actor for stage in stages() for actor in stage.take.actors]
    for actor in actors:
        assert (actor.colour, actor.shape) not in HELD_OUT_COMBINATIONS
        assert (actor.new_colour, actor.shape) not in HELD_OUT_COMBINATIONS
    tags = [stage.tags for stage in stages()]
    assert {tag["combination"] for tag in tags} == {"seen"}
    for name, options in (
        ("query", QUERY_KINDS),
        ("condition", CONDITIONS),
        ("background", BACKGROUNDS),
        ("aspect", ("square", "wide")),
    ):
        wanted = dict.fromkeys(options, COUNT // len(options))
        assert Counter(tag[name] for tag in tags) == wanted
    assert {tag["action"] for tag in tags} == set(ACTIONS)
    assert len({tag["objects"] for tag in tags}) >= 4
    for stage in stages():
        assert stage.tags["objects"] == str(len(stage.take.actors))
        assert (stage.take.occluder is not None) == (stage.condition == "occlusion")
        assert stage.take.shifts.any() == (stage.condition == "jitter")
        assert bool(stage.take.backdrop.bits) == (stage.condition == "clutter")


def test_objects_stay_apart_and_inside() -> None:
    for stage in stages():
        take = stage.take
        paths = [actor.states(take.times)[:, :3] for actor in take.actors]
        for path in paths:
            centres, reach = path[:, :2] + take.shifts, 0.5 * path[:, 2:]
            assert (centres - reach).min() >= 0.0
            assert (centres + reach <= np.array([take.width, take.height])).all()
        for first, second in combinations(paths, 2):
            distance = np.hypot(*(first[:, :2] - second[:, :2]).T)
            assert (distance >= 0.5 * (first[:, 2] + second[:, 2])).all()


def test_samples_depend_on_seed_and_index_alone() -> None:
    facts = [
        (s.sample_id, [a.label for a in s.take.actors], s.target, s.question.attribute,
         s.start_frame, s.end_frame, len(s.take.times), str(s.fps), s.tags)
        for s in stages()[:40]
    ]  # fmt: skip
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    # Other samples under the same names need another RICH_RECIPE_VERSION.
    assert digest == "2e14225fc4e178dd"
    assert set_stage("rich", 3).take.actors == stages()[3].take.actors
    assert set_stage("rich", 3, 5).take.actors != stages()[3].take.actors
    for arguments in ((-1,), (0, -1)):
        with pytest.raises(UsageError, match=r"got .*; wanted"):
            set_stage("rich", *arguments)


def of(condition: str, aspect: str) -> Stage:
    return next(s for s in stages() if (s.condition, s.aspect) == (condition, aspect))


@pytest.mark.parametrize(
    ("condition", "aspect"), [("occlusion", "wide"), ("occlusion", "square"), ("jitter", "wide")]
)
def test_boxes_hug_the_pixels_that_can_be_seen(condition: str, aspect: str) -> None:
    stage = of(condition, aspect)
    take = replace(stage.take, blur=0.0, noise=0.0)
    item = draw(replace(stage, take=take), 160)
    assert item.frames.shape[1:3] == (160, 284 if aspect == "wide" else 160)
    cut = 0.0
    for number, actor in enumerate(take.actors):
        rest = tuple(other for n, other in enumerate(take.actors) if n != number)
        empty = draw(replace(stage, take=replace(take, actors=rest), target=0), 160)
        changed = np.abs(item.frames.astype(int) - empty.frames).max(axis=3) > 12
        opaque = actor.states(take.times)[:, 4] > 0.95
        for frame in np.flatnonzero(opaque)[::3]:
            rows, cols = np.nonzero(changed[frame])
            pixels = [cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]
            np.testing.assert_allclose(item.boxes_xyxy[number, frame], pixels, atol=2.0)
        whole = visible_boxes(replace(take, occluder=None), 160, item.frames.shape[2])[number]
        cut = max(cut, float(np.abs(item.boxes_xyxy[number] - whole).max()))
    assert condition != "occlusion" or cut > 0.0


def test_the_set_is_written_read_and_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "rich" in SETS
    out = write_set(tmp_path / "rich", "rich", 4, size=64)
    saved = read_samples(out)
    for index, item in enumerate(saved):
        drawn = set_sample("rich", index, side=64)
        assert (item.sample_id, item.query, dict(item.tags)) == (
            drawn.sample_id, drawn.query, dict(drawn.tags)
        )  # fmt: skip
        assert (item.height, item.width) == drawn.frames.shape[1:3]
        assert item.query == f"{item.attribute} {item.tags['action']}"
        assert item.action == f"the {item.noun} {item.tags['action']}"
        with open_video(item.video) as video:
            assert (video.info.width, video.info.height) == (item.width, item.height)
    assert {item.width for item in saved} == {64, 114}
    recipe = read_recipe(out)
    assert recipe is not None
    assert (recipe.set, recipe.version) == ("rich", RICH_RECIPE_VERSION)
    found = load_benchmark(Request("synth", split="rich", root=tmp_path))
    assert [sample.query for sample in found.samples] == [item.query for item in saved]

    monkeypatch.setenv("ZEROTUBE_CACHE", str(tmp_path / "cache"))
    folder = set_folder("rich", 1)
    assert folder == cached_folder("rich", 1)
    assert folder.parent.name == f"v{RICH_RECIPE_VERSION}"
    assert cached_folder("mixed", 1).parent.name == f"v{RECIPE_VERSION}"


def test_a_folder_of_another_version_is_refused(tmp_path: Path) -> None:
    recipe = {"generator": "zerotube.synth", "set": "rich", "seed": 7}
    for version, fix in ((0, "zerotube synth --out DIR --set rich --seed 7"), (2, "upgrade")):
        (tmp_path / "recipe.json").write_text(json.dumps(recipe | {"version": version}))
        with pytest.raises(InputError, match=fix):
            read_recipe(tmp_path)


def test_the_package_loads_without_torch() -> None:
    code = "import sys, zerotube.synth; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
