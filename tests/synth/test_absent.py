"""Absent queries: surely false everywhere in their clips, half of them near misses, in files."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict, replace
from functools import cache

import pytest

from zerotube.errors import InputError
from zerotube.synth import SETS, UNSEEN_COMBINATIONS, read_samples, set_stage, write_set
from zerotube.synth.absent import AbsentQuery, absent_query, absent_question, core
from zerotube.synth.facts import Claim, facts_of
from zerotube.synth.sets import Stage
from zerotube.synth.words import HELD_OUT_COMBINATIONS

COUNT = 300


@cache
def stages(name: str) -> list[Stage]:
    return [set_stage(name, index) for index in range(COUNT)]


def whole(stage: Stage):
    return facts_of(stage.take, 0, stage.frame_count - 1)


def labels(stage: Stage) -> set[tuple[str, str]]:
    return {(actor.colour, actor.shape) for actor in stage.take.actors}


@pytest.mark.parametrize("name", SETS)
def test_nothing_fits_in_any_window(name: str) -> None:
    for stage in stages(name):
        claim = absent_question(stage)[0].claim
        last = stage.frame_count - 1
        assert claim.truth(whole(stage)) is False, stage.sample_id
        for length in (2, 4, stage.frame_count // 4, stage.frame_count // 2):
            for first in range(0, stage.frame_count - length + 1, max(1, length // 2)):
                window = facts_of(stage.take, first, min(first + length - 1, last))
                assert core(claim).truth(window) is False, (stage.sample_id, first, length)


@pytest.mark.parametrize("name", SETS)
def test_the_take_itself_says_so_too(name: str) -> None:
    """Without the facts: looks that no object is made of, acts that no such object performs."""
    for stage in stages(name):
        question, kind = absent_question(stage)
        claim, actors = question.claim, stage.take.actors
        fitting = [
            actor
            for actor in actors
            if claim.colour in (None, actor.colour, actor.new_colour)
            and claim.shape in (None, actor.shape)
            and claim.texture in (None, actor.texture)
        ]
        if kind == "near-action":
            assert fitting
            acts = [act.action for actor in fitting for act in actor.acts]
            assert claim.action not in acts
        else:
            assert not fitting, stage.sample_id


@pytest.mark.parametrize("name", SETS)
def test_half_are_near_misses(name: str) -> None:
    for first in range(0, COUNT, 4):
        kinds = Counter(absent_question(stage)[1] for stage in stages(name)[first : first + 4])
        assert kinds["plain"] == 2
    kinds = Counter(absent_question(stage)[1] for stage in stages(name))
    assert kinds == {"plain": COUNT // 2, "near-look": COUNT // 4, "near-action": COUNT // 4}


@pytest.mark.parametrize("name", SETS)
def test_near_misses_are_made_of_the_clip_and_plain_ones_are_not(name: str) -> None:
    for stage in stages(name):
        question, kind = absent_question(stage)
        claim, facts = question.claim, whole(stage)
        words = (claim.texture or claim.colour, claim.shape)
        there = [Claim(texture=claim.texture, colour=claim.colour), Claim(shape=claim.shape)]
        found = [one.truth(facts) for one in there]
        if kind == "near-action":
            assert core(replace(claim, action=None)).truth(facts) is True, stage.sample_id
        elif kind == "near-look":
            assert True in found, (stage.sample_id, words)
        else:
            assert False in found, (stage.sample_id, words)


@pytest.mark.parametrize("name", SETS)
def test_held_out_combinations_are_named_in_unseen_alone(name: str) -> None:
    for stage in stages(name):
        claim = absent_question(stage)[0].claim
        pair = claim.colour, claim.shape
        if name == "unseen":
            assert pair in UNSEEN_COMBINATIONS
        else:
            assert pair not in HELD_OUT_COMBINATIONS


def test_where_no_held_out_look_is_near_another_one_is_named() -> None:
    stage = set_stage("unseen", 413)
    assert labels(stage) == {("blue", "triangle"), ("orange", "triangle")}
    question, kind = absent_question(stage)
    assert kind == "near-look"
    assert question.claim.colour in ("blue", "orange")
    assert (question.claim.colour, question.claim.shape) not in HELD_OUT_COMBINATIONS


@pytest.mark.parametrize("name", SETS)
def test_sentences_are_in_the_style_of_the_set(name: str) -> None:
    for stage in stages(name):
        asked, absent = stage.question, absent_question(stage)[0]
        query = absent_query(stage).query
        assert query.startswith("the ")
        assert query.endswith(f" {absent.claim.action}")
        assert query != f"{asked.attribute} {stage.action}"
        extra = ("size", "place", "relation")
        assert [getattr(absent.claim, key) for key in extra] == [
            getattr(asked.claim, key) for key in extra
        ]
        if absent.claim.relation is not None:
            _, *anchor = absent.claim.relation
            assert (absent.claim.colour, absent.claim.shape) != tuple(anchor)
        assert (absent.claim.texture is None) == (asked.claim.texture is None)


def test_they_are_those_of_seed_and_index_alone() -> None:
    for name in SETS:
        stage = stages(name)[5]
        assert absent_query(set_stage(name, 5)) == absent_query(stage)
        twenty = [absent_query(one).query for one in stages(name)[:20]]
        assert twenty != [absent_query(set_stage(name, n, 5)).query for n in range(20)]


def test_the_published_ones_have_not_changed() -> None:
    """They are part of the checksums in docs/synth.md, and of published results."""
    digests = {}
    for name in SETS:
        found = [asdict(absent_query(stage)) for stage in stages(name)[:40]]
        digests[name] = hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16]
    assert digests == {
        "attribute-hard": "fecc400d71bb585a",
        "action-hard": "d3d72a0e6fcd1dfd",
        "mixed": "c7f24f342a553274",
        "unseen": "c0efbc1ee75db6bc",
        "rich": "6c2cae8a191f317e",
    }


def test_an_object_that_does_everything_has_a_wrong_look_instead() -> None:
    stage = next(one for one in stages("action-hard") if absent_question(one)[1] == "near-action")
    (first, *_), one_act = stage.take.actors, stage.take.actors[0].acts[0]
    everything = tuple(
        replace(one_act, action=action)
        for action in ("moves left", "moves right", "moves up", "moves down", "grows", "shrinks")
    )
    busy = replace(first, acts=everything)
    question, kind = absent_question(replace(stage, take=replace(stage.take, actors=(busy,))))
    assert kind == "near-look"
    assert (question.claim.colour, question.claim.shape) != (first.colour, first.shape)


def test_files_hold_them_and_older_ones_do_without(tmp_path) -> None:
    folder = write_set(tmp_path / "set", "rich", 3, size=64)
    saved = read_samples(folder)
    assert [one.absent for one in saved] == [absent_query(set_stage("rich", n)) for n in range(3)]
    listing = folder / "samples.jsonl"
    lines = [json.loads(line) for line in listing.read_text().splitlines()]
    assert lines[0]["absent"] == {
        "query": saved[0].absent.query,
        "kind": saved[0].absent.kind,
    }

    def write(changed) -> None:
        listing.write_text("".join(json.dumps(line) + "\n" for line in changed))

    write({key: value for key, value in line.items() if key != "absent"} for line in lines)
    assert read_samples(folder) == [replace(one, absent=None) for one in saved]
    for wrong in (
        "the red star grows",
        {"query": "the red star grows"},
        {"query": "", "kind": "plain"},
        {"query": "it grows", "kind": "odd"},
    ):
        write([lines[0] | {"absent": wrong}])
        with pytest.raises(InputError, match=r"line 1: absent"):
            read_samples(folder)
    write([lines[0] | {"absent": {"query": "it grows", "kind": "near-look", "more": 1}}])
    assert read_samples(folder)[0].absent == AbsentQuery("it grows", "near-look")
