"""Stored decompositions of the authors: found by video, checked lightly, refused when malformed.

The form is that which their own reader opens (github.com/zaiquanyang/LLaVA_Next_STVG,
stvg/datasets/hcstvg.py: the file by the video's name, then "decompose_attribute" and
"decompose_action"; stvg/V_Tuning/utils.py: a loop over each that keeps the last phrase, and
"please describe this video" for a sentence that was not split).
"""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from zerotube.errors import InputError, QueryError
from zerotube.query import decompose
from zerotube.query.stored import StoredPhrases, _shared_words, read_stored

TEXT = "The tall man in red sits down on the bench."
GOOD = {
    "55_a.mp4": {
        "decompose_attribute": ["The tall man in red."],
        "decompose_action": ["The man sat down on the bench."],
        "decompose_subject": 7,
    },
    "9_b.mkv": {"decompose_attribute": ["x", "the man"], "decompose_action": "the man sits down"},
    "1_failed.mp4": {
        "decompose_attribute": ["the tall man in red"],
        "decompose_action": ["please describe this video"],
    },
    "2_blank.mp4": {"decompose_attribute": [" . "], "decompose_action": ["the man sits"]},
    "3_other.mp4": {
        "decompose_attribute": ["the woman with a hat"],
        "decompose_action": ["the woman walks to the man"],
    },
}


def stored(tmp_path: Path, content: Any = GOOD) -> StoredPhrases:
    path = tmp_path / "gpt4_decompose_attr_action.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return read_stored(path)


def test_phrases_of_a_video(tmp_path: Path) -> None:
    phrases = pickle.loads(pickle.dumps(stored(tmp_path)))
    query = phrases.decomposer("55_a.mp4")(TEXT)
    assert query.attribute == "the tall man in red"
    assert query.action == "the man sat down on the bench"
    assert (query.noun, query.warnings) == ("man", ())
    assert query.statement == decompose(TEXT).statement
    assert query.source == phrases.source == "stored:gpt4_decompose_attr_action.json"
    # Of several phrases the authors' reader keeps the last; the suffix of the file may differ.
    for name in ("9_b.mkv", "9_b.mp4", "9_b"):
        found = phrases.decomposer(name)(TEXT)
        assert (found.attribute, found.action) == ("the man", "the man sits down")
        assert phrases.knows(name)


@pytest.mark.parametrize(
    ("video", "reason"),
    [
        ("4_c.mp4", "has no phrases for '4_c.mp4'"),
        ("1_failed.mp4", "marks that of '1_failed.mp4' as not split"),
        ("2_blank.mp4", "has for '2_blank.mp4' an attribute without a word in it"),
        ("3_other.mp4", "for '3_other.mp4' do not fit it"),
    ],
)
def test_other_sentences_go_to_another_decomposer_which_is_said(
    tmp_path: Path, video: str, reason: str
) -> None:
    query = stored(tmp_path).decomposer(video)(TEXT)
    rules = decompose(TEXT)
    assert (query.attribute, query.action) == (rules.attribute, rules.action)
    assert query.source == "rules"
    (warning,) = query.warnings
    assert warning.startswith("rules decomposed this sentence: ")
    assert reason in warning

    asked = stored(tmp_path).decomposer(video, lambda text: decompose(f"{text[:-1]}, slowly."))
    assert asked(TEXT).action.endswith("slowly")


def test_a_sentence_without_words_is_refused_as_always(tmp_path: Path) -> None:
    for video in ("55_a.mp4", "4_c.mp4"):
        with pytest.raises(QueryError, match="empty query"):
            stored(tmp_path).decomposer(video)(" ")


def test_the_check_tells_labelled_phrases_from_those_of_another_sentence() -> None:
    """Fifty real sentences with their phrases: none of their own is refused, most others are."""
    folder = Path(os.environ.get("ZEROTUBE_SHARED", Path(__file__).parents[3] / "shared"))
    file = folder / "data" / "decomposition_dev.json"
    if not file.exists():
        pytest.skip(f"no labelled queries at {file}; set ZEROTUBE_SHARED to the folder above it")
    labelled = json.loads(file.read_text())
    shares = [
        [_shared_words(f"{one['attribute']} {one['action']}", other["query"]) for other in labelled]
        for one in labelled
    ]
    own = [row[place] for place, row in enumerate(shares)]
    others = [
        share for place, row in enumerate(shares) for at, share in enumerate(row) if at != place
    ]
    assert min(own) >= 0.5
    assert sum(share >= 0.5 for share in others) < 0.1 * len(others)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("", "the top level"),
        ("[]", "the top level"),
        ("{", "the top level"),
        ("{}", "without an entry"),
        ('{"a.mp4": []}', "a.mp4"),
        ('{"a.mp4": {"decompose_attribute": ["x"]}}', "a.mp4.decompose_action"),
        (
            '{"a.mp4": {"decompose_attribute": ["x"], "decompose_action": []}}',
            "a.mp4.decompose_action",
        ),
        (
            '{"a.mp4": {"decompose_attribute": [7], "decompose_action": ["x"]}}',
            "a.mp4.decompose_attribute",
        ),
        ('{"a.mp4": ' * 5000, "the top level"),
        (json.dumps(GOOD)[:-9], "the top level"),
    ],
)
def test_a_malformed_file_is_one_line(tmp_path: Path, content: str, place: str) -> None:
    with pytest.raises(InputError) as caught:
        stored(tmp_path, content)
    message = str(caught.value)
    assert place in message
    assert "gpt4_decompose_attr_action.json" in message
    assert '"decompose_attribute": [...]' in message
    assert "\n" not in message
    assert len(message) < 700


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(InputError, match="no readable file of decompositions"):
            read_stored(path)
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(InputError, match="malformed"):
        read_stored(tmp_path / "bytes.json")
