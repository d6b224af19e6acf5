"""One query per sample about something that is surely not in its clip.

A model that says yes to everything, or to every clip of the right colours, finds out nothing. Half
of these queries are near misses, made of what the clip does show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from zerotube.errors import InputError
from zerotube.synth.choices import pick
from zerotube.synth.facts import Claim, facts_of
from zerotube.synth.looks import COMBINATIONS
from zerotube.synth.sets import RICH, Stage
from zerotube.synth.words import (
    ACTIONS,
    BASIC_ACTIONS,
    BASIC_COLOURS,
    BASIC_SHAPES,
    HELD_OUT_COMBINATIONS,
)

AbsentKind = Literal["plain", "near-look", "near-action"]
"""plain: a colour that no object of the clip has. near-look: the colour of an object and an action
of the clip, with a shape that no object of that colour has. near-action: an object of the clip, and
an action that no object which could be called so ever does."""

ABSENT_KINDS: tuple[AbsentKind, ...] = get_args(AbsentKind)

_DEALT: tuple[AbsentKind, ...] = ("plain", "near-look", "plain", "near-action")
"""By pairs of samples, so that both parts of "mixed" get all kinds."""

SEED = 23
"""Of the choice; the clips and their queries are drawn from other random numbers."""


@dataclass(frozen=True)
class AbsentQuery:
    """A query that nothing in a clip fits.

    Attributes:
        query: the sentence.
        kind: one of ``ABSENT_KINDS``.
        claim: what it says.
    """

    query: str
    kind: AbsentKind
    claim: Claim


def absent_query(stage: Stage) -> AbsentQuery:
    """The absent query of a sample; the same at every call.

    Args:
        stage: of the sample.

    Raises:
        InputError: everything that could be said is, or may be, in the clip.
    """
    rng = np.random.default_rng((SEED, *stage.sample_id.encode()))
    number = int(stage.sample_id.rpartition("-")[2])
    kind = _DEALT[number // 2 % len(_DEALT)]
    facts = facts_of(stage.take, 0, len(stage.take.times) - 1)
    claims = [claim for claim in _claims(stage, kind) if claim.truth(facts) is False]
    if not claims:
        raise InputError(
            f"sample {stage.sample_id}, whose clip may show everything that could be asked for",
            wanted="something that it does not show",
            fix="please report it",
        )
    claim = pick(rng, claims)
    return AbsentQuery(f"the {claim.colour} {claim.shape} {claim.action}", kind, claim)


def _claims(stage: Stage, kind: AbsentKind) -> list[Claim]:
    """What a kind of query could say, whether it is true or not."""
    rich = stage.name == RICH
    known = [(c, s) for c in BASIC_COLOURS for s in BASIC_SHAPES]
    looks = [
        look for look in (COMBINATIONS if rich else known) if look not in HELD_OUT_COMBINATIONS
    ]
    actions = ACTIONS if rich else BASIC_ACTIONS
    actors = stage.take.actors
    there = {(actor.colour, actor.shape) for actor in actors}
    colours = {colour for actor in actors for colour in (actor.colour, actor.new_colour)}
    done = [action for action in actions if any(a.action == action for x in actors for a in x.acts)]
    if kind == "plain":
        chosen = [(look, action) for look in looks if look[0] not in colours for action in actions]
    elif kind == "near-look":
        near = [look for look in looks if look not in there and look[0] in {c for c, _ in there}]
        chosen = [(look, action) for look in near for action in done]
    else:
        chosen = [(look, action) for look in sorted(there) for action in actions]
        tempting = [(look, action) for look, action in chosen if action in done]
        facts = facts_of(stage.take, 0, len(stage.take.times) - 1)
        surely = [one for one in tempting if _claim(*one).truth(facts) is False]
        chosen = surely or chosen
    return [_claim(look, action) for look, action in chosen]


def _claim(look: tuple[str, str], action: str) -> Claim:
    return Claim(colour=look[0], shape=look[1], action=action)
