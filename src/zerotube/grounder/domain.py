"""What to say where a sentence holds words that the model has never seen."""

from __future__ import annotations

import shlex

from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.fitting import PREFERRED, recommended, this_machine
from zerotube.query import Query


def domain_warnings(model: VideoMLLM, query: Query, path: str) -> list[str]:
    """A warning that names the unknown words: the answer rests on the rest of the sentence.

    That of the bundled model ends with the command to run instead, with a model that fits here.

    Args:
        model: what is asked.
        query: the sentence.
        path: of the video, for the command.
    """
    unknown = model.tokens.unknown_words(query.statement)
    if not unknown:
        return []
    named = ", ".join(repr(word) for word in unknown)
    verb = "is a word" if len(unknown) == 1 else "are words"
    said = f"{named} {verb} that the model {model.name!r} does not know"
    if model.name != "bundled":
        return [f"{said}: do not trust this answer; pass --model with a model that does"]
    from zerotube.bundled import DOMAIN

    advised = recommended(this_machine()).name
    if advised == "bundled":
        # Too little memory for any: loading the best one says so, and what would help.
        advised = PREFERRED[0][0]
    words = ["zerotube", "ground", path, query.text, "--model", advised]
    return [f"{said} ({DOMAIN.statement}): do not trust this answer; run: {shlex.join(words)}"]
