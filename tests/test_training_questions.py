"""Every question of the training is answered truly, by a check that reads the words alone."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from synth.made_takes import act, actor, random_take, take
from zerotube.synth import takes
from zerotube.synth.facts import facts_of
from zerotube.synth.words import (
    ACTIONS,
    COLOURS,
    HELD_OUT_COMBINATIONS,
    SHAPES,
    STILL,
    TEXTURES,
)

TRAINING = Path(__file__).parent.parent / "training"


@pytest.fixture
def code(monkeypatch):
    if not TRAINING.is_dir():
        pytest.skip("training/ is not part of the installed package")
    monkeypatch.syspath_prepend(str(TRAINING))
    names = ("vocabulary", "phrases", "questions")
    return SimpleNamespace(**{name: importlib.import_module(name) for name in names})


def windows(count, seed=0):
    """Random takes with the whole of their frames, some of them, or a single one."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        sampled = number % 2 == 0
        shot = takes.random_take(rng, takes.Mix(), 20) if sampled else random_take(rng)
        first, last = 0, 19
        if number % 3 == 1:
            first = int(rng.integers(0, 12))
            last = first + int(rng.integers(1, 8))
        elif number % 3 == 2:
            first = last = int(rng.integers(0, 20))
        yield shot, first, last


def parse(code, phrase):
    """The parts of "the striped red square moves left", from its words."""
    parts = {}
    nouns = {**code.vocabulary.SYNONYMS, **{shape: shape for shape in SHAPES}}
    relations = {w: r for r, ws in code.phrases.RELATION_WORDINGS.items() for w in ws}
    for said in sorted(relations, key=len, reverse=True):
        found = re.fullmatch(rf"(.*?) {said} (?:the|an|a) (\w+) (\w+)", phrase)
        if found:
            phrase = found[1]
            parts["relation"] = (relations[said], found[2], nouns[found[3]])
            break
    for part, table in (
        ("action", code.phrases.WORDINGS),
        ("place", code.phrases.PLACE_WORDINGS),
    ):
        said = {w: meant for meant, ws in table.items() for w in ws}
        for words in sorted(said, key=len, reverse=True):
            if "relation" not in parts and phrase.endswith(f" {words}"):
                phrase = phrase.removesuffix(f" {words}")
                parts[part] = said[words]
                break
    sizes = {w: size for size, ws in code.phrases.SIZE_WORDINGS.items() for w in ws}
    textures = {w: t for t, ws in code.phrases.TEXTURE_WORDINGS.items() for w in ws}
    *adjectives, noun = phrase.split(" ")[1:]
    if noun in nouns:
        parts["shape"] = nouns[noun]
    else:
        assert noun in code.vocabulary.GENERIC, phrase
    for word in adjectives:
        name = next(
            n for n, t in (("size", sizes), ("texture", textures), ("colour", COLOURS)) if word in t
        )
        parts[name] = {**sizes, **textures}.get(word, word)
    return parts


def spots(shot, item, first, last):
    """Opacities, centres and diameters in the window's frames, one frame at a time."""
    rows = [item.states(shot.times[t : t + 1])[0] for t in range(first, last + 1)]
    return [(r[4], r[0] / shot.width, r[1], r[2], r[5]) for r in rows]


def placed(place, spot, margin):
    _, x, y, *_ = spot
    value = {"left": x, "right": 1 - x, "top": y, "bottom": 1 - y}[place.split(" ")[-1]]
    return value < 0.5 - margin


def related(word, a, b):
    dx, dy = b[1] - a[1], b[2] - a[2]
    along = {"left of": dx, "right of": -dx, "above": dy, "below": -dy}[word]
    return along, max(abs(dx), abs(dy))


def may_hold(shot, item, parts, first, last, strict):
    """Whether the parts may hold for an object; with `strict`, whether they clearly do."""
    seen = [s for s in spots(shot, item, first, last) if s[0] > 0.5]
    if not seen or (strict and len(seen) < last - first + 1):
        return False
    changed = [s[4] for s in seen]
    colours = {item.colour} if min(changed) < 0.95 else set()
    if max(changed) > 0.1:
        colours.add(item.new_colour)
    if "colour" in parts and (parts["colour"] not in colours or (strict and len(colours) > 1)):
        return False
    if parts.get("shape", item.shape) != item.shape:
        return False
    if parts.get("texture", item.texture) != item.texture:
        return False
    sizes = [s[3] for s in seen]
    small, large = max(sizes) <= 0.19, min(sizes) >= 0.26
    if "size" in parts and not (small if parts["size"] == "small" else large):
        return False
    if "place" in parts and not all(
        placed(parts["place"], s, 0.1 if strict else 0.0) for s in seen
    ):
        return False
    if "action" in parts:
        begin, end = shot.times[first], shot.times[last]
        inside = [a for a in item.acts if a.start < end and a.end > begin]
        if parts["action"] == STILL:
            return not inside
        names = [a.action for a in inside if not strict or (begin <= a.start and a.end <= end)]
        # A very short act is not strict evidence, but none of these takes has one.
        return parts["action"] in names
    if "relation" in parts:
        word, colour, shape = parts["relation"]
        for other in shot.actors:
            name = {"colour": colour, "shape": shape}
            if other is item or not may_hold(shot, other, name, first, last, strict):
                continue
            pairs = zip(
                spots(shot, item, first, last), spots(shot, other, first, last), strict=True
            )
            gaps = [related(word, a, b) for a, b in pairs if a[0] > 0.5 and b[0] > 0.5]
            if gaps and all(g[0] > (0.35 if strict else 0.0) and g[0] >= g[1] for g in gaps):
                return True
        return False
    return True


def holds(shot, parts, first, last, strict):
    return any(may_hold(shot, item, parts, first, last, strict) for item in shot.actors)


def check_open(code, item, shot, first, last):
    """The answer of an open question, checked on the one object that its words mean."""
    asked, answer = item.question.removesuffix(" ?"), item.answer
    if item.kind == "what moves":
        said = {w: meant for meant, ws in code.phrases.WORDINGS.items() for w in ws}
        words = asked.removeprefix("what ")
        action = said.get(words) or said[words.removeprefix("is ")]
        parts = {**parse(code, answer), "action": action}
        return holds(shot, parts, first, last, strict=False)
    phrase = re.sub(r"^(what does|where is|what pattern is on|what \w+ is) ", "", asked)
    phrase = re.sub(r" do( first| last| then)?$", "", phrase)
    parts = parse(code, phrase)
    if item.kind == "where":
        places = [p for p in code.phrases.PLACE_WORDINGS if p in answer]
        assert places
        return all(holds(shot, {**parts, "place": p}, first, last, False) for p in places)
    if item.kind in ("what does", "what first"):
        return holds(shot, {**parts, "action": answer}, first, last, strict=False)
    name = {
        "what colour": "colour",
        "what shape": "shape",
        "what size": "size",
        "what pattern": "texture",
    }[item.kind]
    return holds(shot, {**parts, name: answer}, first, last, strict=False)


def test_every_answer_is_true(code):
    rng = np.random.default_rng(1)
    kinds = Counter()
    for shot, first, last in windows(250):
        facts = facts_of(shot, first, last)
        for item in code.questions.exchanges(facts, rng, 11):
            kinds[item.kind] += 1
            told = (item, shot.actors, first, last)
            if item.kind in ("absent", "anything"):
                assert item.answer == ("no" if item.kind == "absent" else "yes")
            elif item.answer == "yes":
                phrase = item.question[len("is there ") : -len(" in this video ?")]
                assert holds(shot, parse(code, phrase), first, last, strict=False), told
            elif item.answer == "no":
                phrase = item.question[len("is there ") : -len(" in this video ?")]
                assert not holds(shot, parse(code, phrase), first, last, strict=True), told
            else:
                assert check_open(code, item, shot, first, last), told
    assert len(kinds) >= 20


def test_yes_and_no_are_balanced_in_every_form(code):
    rng = np.random.default_rng(2)
    counts = Counter()
    for shot, first, last in windows(600, seed=3):
        for item in code.questions.exchanges(facts_of(shot, first, last), rng, 11):
            if item.answer in ("yes", "no") and item.kind not in ("absent", "anything"):
                counts[item.kind, item.answer] += 1
                counts[item.answer] += 1
    assert abs(counts["yes"] / (counts["yes"] + counts["no"]) - 0.5) < 0.03
    for kind in {key[0] for key in counts if isinstance(key, tuple)}:
        yes, no = counts[kind, "yes"], counts[kind, "no"]
        assert abs(yes - no) < 0.1 * (yes + no) + 4 * (yes + no) ** 0.5, (kind, yes, no)


def test_noes_about_an_action_are_often_the_nearest_one(code):
    """Otherwise whatever moves passes for moving in any direction."""
    rng = np.random.default_rng(6)
    facts = facts_of(take(actor("red", "square", act("moves left", 0.1, 0.9))), 0, 19)
    noes = Counter(
        any(word in item.question for word in ("right", "up", "upward", "down", "downward"))
        for _ in range(300)
        for item in code.questions.exchanges(facts, rng, 11)
        if item.kind == "colour+shape+action" and item.answer == "no" and "red" in item.question
    )
    assert noes.total() > 50
    assert noes[True] > 0.4 * noes.total()


def test_words_are_known_fit_their_slot_and_name_nothing_held_out(code):
    rng = np.random.default_rng(4)
    known = set(code.vocabulary.words())
    nouns = {**{s: s for s in SHAPES}, **code.vocabulary.SYNONYMS}
    for shot, first, last in windows(300, seed=5):
        facts = facts_of(shot, first, last)
        items = [
            *code.questions.exchanges(facts, rng, 11),
            code.questions.caption(facts, rng),
        ]
        for item in items:
            words = [*item.question.split(" "), *item.answer.split(" ")]
            assert known >= set(words), item
            for colour, noun in pairwise(words):
                assert (colour, nouns.get(noun)) not in HELD_OUT_COMBINATIONS, item
            if item.kind == "what colour":
                shape = parse(code, re.sub(r"^what \w+ is | \?$", "", item.question))["shape"]
                assert (item.answer, shape) not in HELD_OUT_COMBINATIONS
            limit = 70 if item.kind == "caption" else 28
            assert len(words) + 5 + 1 <= limit, item


def test_a_caption_says_what_is_sure_and_nothing_more(code):
    rng = np.random.default_rng(0)
    mover = actor("red", "square", act("moves left", 0.1, 0.4), act("grows", 0.5, 0.9))
    late = actor("blue", "circle", act("spins", 0.8, 1.0), x=0.2)
    facts = facts_of(take(mover, late), 0, 16)
    said = set(code.questions.caption(facts, rng).answer.removesuffix(" .").split(" . "))
    assert said == {"a red square moves left then grows", "a blue circle"}


def test_every_word_of_the_world_and_every_wording_is_known(code):
    tokenizer = code.vocabulary.build_tokenizer()
    texts = [*COLOURS, *SHAPES, *TEXTURES, *ACTIONS, STILL, "changes colour", "ball", "box"]
    texts += [*code.vocabulary.GENERIC, code.questions.CAPTION, *code.vocabulary.ABSENT]
    for table in ("WORDINGS", "PLACE_WORDINGS", "RELATION_WORDINGS", "SIZE_WORDINGS"):
        texts += [words for said in getattr(code.phrases, table).values() for words in said]
    for text in texts:
        ids = tokenizer(text.title()).input_ids
        assert tokenizer.unk_token_id not in ids, text
        assert len(ids) == len(text.split(" "))
    assert set(code.phrases.WORDINGS) == {*ACTIONS, STILL}
    assert tokenizer("trombone").input_ids == [tokenizer.unk_token_id]
    assert tokenizer.video_token == "<|video_pad|>"
    assert tokenizer.image_token == "<|image_pad|>"


def test_a_window_with_nothing_sure_still_gives_questions(code):
    facts = facts_of(take(actor("red", "star")), 0, 0)
    hidden = facts_of(take(actor("red", "square", act("disappears", 0.0, 0.1))), 10, 19)
    for known in (facts, hidden):
        items = code.questions.exchanges(known, np.random.default_rng(0), 11)
        assert len(items) == 11
        assert not any("red star" in item.question for item in items)
