"""What is true of a window of a take: sure, surely not, or doubtful."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from synth.made_takes import act, actor, take
from zerotube.synth.facts import Claim, facts_of
from zerotube.synth.scene import Occluder
from zerotube.synth.words import ACTIONS, COLOURS, STILL


def truth(shot, first=0, last=19, **claim):
    return Claim(**claim).truth(facts_of(shot, first, last))


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_is_seen_in_the_whole_clip_and_nothing_opposite(action):
    more = {"new_colour": "cyan", "new_rgb": COLOURS["cyan"]} if action == "changes color" else {}
    facts = facts_of(take(actor("red", "square", act(action), **more)), 0, 19)
    assert facts.objects[0].done == (action,)
    assert Claim(colour="red", shape="square", action=action).truth(facts) is True
    assert Claim(colour="red", action="stays still").truth(facts) is not True
    unlike = "grows" if action != "grows" else "shrinks"
    assert Claim(action=unlike).truth(facts) is False


def test_an_act_is_absent_before_doubtful_in_part_and_done_when_mostly_inside():
    shot = take(actor("red", "square", act("moves left", 0.5, 1.0)))
    assert truth(shot, 0, 8, action="moves left") is False
    assert truth(shot, 0, 8, action=STILL) is True
    assert truth(shot, 0, 11, action="moves left") is None
    assert truth(shot, 0, 11, action=STILL) is None
    assert truth(shot, 0, 17, action="moves left") is True
    assert truth(shot, 12, 15, action="moves left") is True  # fills the window
    assert truth(shot, 0, 17, action=STILL) is False
    assert truth(shot, 0, 17, action="moves right") is False


def test_a_single_frame_shows_no_action():
    shot = take(actor("red", "square", act("moves left")))
    for action in (*ACTIONS, STILL):
        assert truth(shot, 10, 10, action=action) is None
    assert truth(shot, 10, 10, colour="red", shape="square") is True


def test_what_may_look_like_another_action_is_doubtful():
    bounce = take(actor("red", "square", act("bounces")))
    assert truth(bounce, action="moves up") is None
    assert truth(bounce, action="moves left") is False
    assert truth(take(actor("red", "ring", act("spins"))), action="spins") is None
    dotted = take(actor("red", "ring", act("spins"), texture="dotted"))
    assert truth(dotted, action="spins") is True


def test_parts_must_hold_for_one_object():
    shot = take(actor("red", "square", act("grows"), x=0.2), actor("blue", "circle", x=0.8))
    assert truth(shot, colour="red", shape="circle") is False
    assert truth(shot, colour="blue", action="grows") is False
    assert truth(shot, shape="square", action="grows") is True
    assert Claim(colour="blue").fits(facts_of(shot, 0, 19), 1) is True
    assert Claim(colour="blue").fits(facts_of(shot, 0, 19), 0) is False


def test_objects_that_are_gone_or_hardly_there():
    shot = take(actor("red", "square", act("disappears", 0.2, 0.5)), actor("blue", "circle"))
    assert truth(shot, 0, 19, colour="red") is True
    assert truth(shot, 12, 19, colour="red") is False
    assert truth(shot, 12, 19, colour="red", action="disappears") is False
    fading = take(actor("red", "square", act("appears", 0.0, 1.0)))
    assert truth(fading, 6, 6, colour="red") is None


def test_the_edge_and_the_occluder_make_it_doubtful():
    assert truth(take(actor(x=-0.1)), colour="red") is None
    shot = take(actor())
    over = Occluder((90.0, 90.0, 90.0), np.full((20, 2), 0.5), 0.3, 0.3)
    assert truth(dataclasses.replace(shot, occluder=over), colour="red") is None
    aside = dataclasses.replace(over, centres=np.full((20, 2), 0.9))
    assert truth(dataclasses.replace(shot, occluder=aside), colour="red") is True


def test_a_change_of_colour():
    changing = act("changes color", 0.4, 0.7)
    shot = take(
        actor("red", "square", changing, new_colour="blue", new_rgb=COLOURS["blue"]),
    )
    assert truth(shot, colour="red") is True
    assert truth(shot, colour="blue") is None
    assert truth(shot, colour="purple") is None  # passed on the way
    assert truth(shot, colour="green") is False
    assert truth(shot, 0, 5, colour="blue") is False
    assert truth(shot, 15, 19, colour="blue") is True
    assert truth(shot, 15, 19, colour="red") is False
    assert truth(shot, 10, 10, colour="red") is None


def test_places_count_the_frame_and_the_camera():
    shot = take(actor(x=0.3, y=0.45))
    assert truth(shot, place="on the left") is True
    assert truth(shot, place="on the right") is False
    assert truth(shot, place="at the top") is None
    assert truth(shot, place="at the bottom") is False
    panned = dataclasses.replace(shot, shifts=np.full((20, 2), 0.4))
    assert truth(panned, place="on the right") is True
    wide = take(actor(x=0.6, y=0.5), width=1.6)
    assert truth(wide, place="on the left") is True
    crossing = take(actor("red", "square", act("moves right"), x=0.3))
    assert truth(crossing, place="on the left") is None


def test_relations():
    shot = take(actor(x=0.2), actor("blue", "circle", x=0.7))
    assert truth(shot, colour="red", relation=("left of", "blue", "circle")) is True
    assert truth(shot, colour="red", relation=("right of", "blue", "circle")) is False
    assert truth(shot, colour="red", relation=("above", "blue", "circle")) is None
    assert truth(shot, colour="red", relation=("left of", "green", "circle")) is False
    assert truth(shot, colour="blue", relation=("left of", "red", "square")) is False
    near = take(actor(x=0.4), actor("blue", "circle", x=0.55))
    assert truth(near, colour="red", relation=("left of", "blue", "circle")) is None
    stacked = take(actor(y=0.2), actor("blue", "circle", y=0.8))
    assert truth(stacked, colour="red", relation=("above", "blue", "circle")) is True
    assert truth(stacked, colour="blue", relation=("below", "red", "square")) is True


@pytest.mark.parametrize(
    ("size", "small", "large"), [(0.15, True, False), (0.22, None, None), (0.3, False, True)]
)
def test_sizes(size, small, large):
    shot = take(actor(size=size))
    assert truth(shot, size="small") is small
    assert truth(shot, size="large") is large


def test_a_size_that_changes_is_doubtful():
    shot = take(actor("red", "square", act("grows"), size=0.15))
    assert truth(shot, size="small") is None
    assert truth(shot, 0, 3, size="small") is True
