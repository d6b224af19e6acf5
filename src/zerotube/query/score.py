"""How well a decomposition matches a labelled one."""

from __future__ import annotations

import unicodedata
from collections import Counter


def phrase_f1(predicted: str, truth: str) -> float:
    """Token-level F1 of two phrases, in [0, 1].

    Both are lower-cased, stripped of punctuation and split at white space; the overlap counts
    repeated words as often as both have them. Two phrases without words agree fully.

    >>> phrase_f1("The man, in red.", "the man")
    0.6666666666666666
    """
    left, right = _counts(predicted), _counts(truth)
    if not left and not right:
        return 1.0
    overlap = (left & right).total()
    return 2 * overlap / (left.total() + right.total())


def _counts(phrase: str) -> Counter[str]:
    kept = (char for char in phrase.lower() if unicodedata.category(char)[0] not in "PS")
    return Counter("".join(kept).split())
