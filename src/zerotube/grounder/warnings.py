"""What a user should know before trusting an answer: what the model cannot do that was asked."""

from __future__ import annotations

import shlex

from zerotube.method.config import MethodSettings
from zerotube.method.session import ClipSession
from zerotube.method.types import Evidence
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.capture import layers_from_end
from zerotube.mllm.fitting import PREFERRED, recommended, this_machine
from zerotube.query import Query, as_asked


def domain_warnings(
    model: VideoMLLM, query: Query, path: str, settings: MethodSettings
) -> list[str]:
    """A warning that names the unknown words: the answer rests on the rest of the sentence.

    That of the bundled model ends with the command to run instead, with a model that fits here.

    Args:
        model: what is asked.
        query: the sentence.
        path: of the video, for the command.
        settings: say whether a sentence about several objects is asked of one.
    """
    asked = as_asked(query, settings.plurals)
    unknown = model.tokens.unknown_words(asked.statement)
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


def frame_warnings(
    model: VideoMLLM, asked: MethodSettings, chosen: MethodSettings, frame_count: int
) -> list[str]:
    """The model takes fewer frames than were asked for and than the video has.

    Args:
        model: what is asked.
        asked: the settings of the user.
        chosen: those within what the model takes.
        frame_count: of the video.
    """
    if chosen.frames >= min(asked.frames, frame_count):
        return []
    said = (
        f"{model.name!r} takes at most {chosen.frames} of the {asked.frames} frames asked "
        f"for: sampled {chosen.frames}"
    )
    if chosen.span_rule == "top-k":
        return [f"{said}, span of {chosen.top_k} (--frames, --top-k)"]
    return [f"{said} (--frames)"]


def scan_warnings(session: ClipSession) -> list[str]:
    """There is nothing to be scanned where the settings ask for it.

    Args:
        session: the encoded clip.
    """
    settings = session.settings
    wanted = settings.span_rule == "cut" and settings.scan_window and settings.scan_weight
    if not wanted or session.context.layout.grid[0] > 1:
        return []
    return [
        "a single moment was sampled, so that no time can be told from another: the span is the "
        "whole track"
    ]


def asking_warnings(evidence: Evidence) -> list[str]:
    """Answers to the question about the time that name none.

    Args:
        evidence: of the query.
    """
    named = evidence.named
    if named is None or not named.refused:
        return []
    count = len(named.answers) + len(named.refused)
    said = f"{len(named.refused)} of {count} answers about the time: {named.refused[0]}"
    rest = "rests on the others" if named.answers else "was found without them"
    return [f"{said}; the span {rest}"]


def layer_warnings(model: VideoMLLM, settings: MethodSettings) -> list[str]:
    """The model is too shallow for the layers that were asked for."""
    depth = model.layer_count
    if settings.layers != "from-end" or layers_from_end(depth):
        return []
    return [
        f"a model of {depth} layers has none of [-26:-6], which the released code reads: its "
        "layers from layer_start to layer_end were read (--layers shares)"
    ]
