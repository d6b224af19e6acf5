"""A sentence about several objects, asked of one of them."""

from __future__ import annotations

import pytest

from zerotube.query import decompose, singular

SEVERAL = {
    "the red circles move left": ("the red circle", "the circle moves left"),
    "red circles": ("a red circle", "a red circle"),
    "all the men in suits sit down, then talk": (
        "the man in suits",
        "the man sits down, then talks",
    ),
    "two dogs are running in the yard": ("a dog", "a dog is running in the yard"),
    "people who wear red jump": ("a person who wears red", "a person jumps"),
    "the women quickly turn around": ("the woman", "the woman quickly turns around"),
    "there are three cars that turn left": ("a car", "a car turns left"),
    "two men are walking and talking": ("a man", "a man is walking and talking"),
    "the boys run and jump over the fences": ("the boy", "the boy runs and jumps over the fences"),
    "the two red circles move left and stop": (
        "the red circle",
        "the circle moves left and stops",
    ),
    "which circles move left?": ("a circle", "a circle moves left"),
    "which red squares grow?": ("a red square", "a square grows"),
    "the police officers wave": ("the police officer", "the police officer waves"),
}
ONE = (
    "the red circle moves left",
    "a group of men walks away",
    "the man with two dogs walks",
    "the glasses fall",
    "the scissors move",
    "the series ends",
    "the sheep eats",
    "who is the man in red?",
)


@pytest.mark.parametrize(("text", "phrases"), SEVERAL.items())
def test_several_are_asked_about_as_one(text: str, phrases: tuple[str, str]) -> None:
    one = singular(decompose(text))
    assert one is not None
    assert (one.attribute, one.action) == phrases
    assert one.text == text


def test_the_whole_sentence_agrees_as_well() -> None:
    one = singular(decompose("the striped squares on the left grow"))
    assert one is not None
    assert one.statement == "the striped square on the left grows"
    assert one.noun == "square"


@pytest.mark.parametrize("text", ONE)
def test_one_object_stays_as_it_is(text: str) -> None:
    assert singular(decompose(text)) is None


def test_what_is_singular_already_is_not_changed_again() -> None:
    one = singular(decompose("the red circles move left"))
    assert one is not None
    assert singular(one) is None
