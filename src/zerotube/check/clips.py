"""Generated clips: what the model says of them, and which of their objects it picks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from zerotube.check.cost import Meter
from zerotube.check.types import Subject
from zerotube.errors import NumericalError, ZerotubeError
from zerotube.grounder import Candidates, Grounder
from zerotube.method.config import DEFAULT, MethodSettings
from zerotube.method.recommended import settings_for
from zerotube.method.session import ClipSession, encode_options
from zerotube.mllm.base import VideoMLLM
from zerotube.query.prompts import existence_prompt
from zerotube.synth.absent import absent_query
from zerotube.synth.candidates import SampleVideo, true_tracks
from zerotube.synth.draw import draw
from zerotube.synth.questions import questions_of
from zerotube.synth.sets import set_stage

SET = "mixed"
"""The published set whose first samples are taken."""

TUNING_S = 60.0
"""Seconds for the presets that tune, all together: with a 7B model on a GPU the whole check is to
take two minutes. The clips after that are looked at without them."""

SHOWN = ("baseline", "gti", "paper", "release", "default")
"""Presets that are compared; the default is that of the model, with what it recommends."""


@dataclass(frozen=True)
class Said:
    """An answer to a yes/no question.

    Attributes:
        kind: "attribute" or "action", what the question is about.
        truth: the right answer.
        margin: log p_yes - log p_no.
        mass: p_yes + p_no over the whole vocabulary.
    """

    kind: str
    truth: bool
    margin: float
    mass: float


@dataclass
class ClipFindings:
    """What was found on the clips so far.

    Attributes:
        said: per clip, the answers to its questions.
        sub_queries: answers to the sub-queries of every described object, which are true.
        right: per preset and clip, whether the right object was chosen.
        chances: per clip, of the right object in a draw among the candidates.
        presences: per clip where both were answered, the default's margins of presence of its
            query and of one about something that is not there.
        errors: per preset, groundings that ended in an error, with the last one's text.
        cost: seconds and memory per stage.
    """

    said: list[tuple[Said, ...]] = field(default_factory=list)
    sub_queries: list[Said] = field(default_factory=list)
    right: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    chances: list[float] = field(default_factory=list)
    presences: list[tuple[float, float]] = field(default_factory=list)
    errors: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Clips that are finished."""
        return len(self.chances)


def shown_presets(model: VideoMLLM) -> dict[str, MethodSettings]:
    """The presets that are compared, in an order in which they share most.

    Those that show a clip in another way come last, as the clip is encoded anew for them. Of the
    others those that read gradients come first: a prefix that carries gradients serves the rest as
    well, but not the other way round.
    """
    chosen = {name: settings_for(model.name, name) for name in SHOWN}
    usual = encode_options(model, chosen[DEFAULT])

    def place(name: str) -> tuple[bool, bool]:
        return encode_options(model, chosen[name]) != usual, not chosen[name].needs_gradients

    return {name: chosen[name] for name in sorted(SHOWN, key=place)}


def tunes(settings: MethodSettings) -> bool:
    """Whether any prompt is tuned."""
    return settings.spatial_prompt or settings.temporal_prompt


def look_at_clips(subject: Subject, meter: Meter, found: ClipFindings) -> Iterator[None]:
    """Ask and ground, clip by clip; yields after each. What is computed for one is shared.

    Args:
        subject: model and number of clips.
        meter: is told seconds and memory.
        found: is filled in; whole at every yield, also after an interrupt.
    """
    presets = shown_presets(subject.model)
    grounder = Grounder(subject.model)
    grounder.keeps_clip = True
    for number in range(subject.clips):
        while True:
            try:
                _look(grounder, number, presets, meter, found)
                break
            except torch.OutOfMemoryError as error:
                heavy = [name for name, settings in presets.items() if settings.needs_gradients]
                if not heavy:
                    raise
                for name in heavy:
                    found.errors[name] = (subject.clips - number, "not enough memory for gradients")
                    del presets[name]
                # The traceback holds the frames that hold the tensors.
                error.__traceback__ = None
                grounder = Grounder(subject.model)
                grounder.keeps_clip = True
                torch.cuda.empty_cache()
        yield
        tuned = [name for name, settings in presets.items() if tunes(settings)]
        if sum(meter.stages[name].seconds for name in tuned) > TUNING_S:
            for name in tuned:
                del presets[name]


def _look(
    grounder: Grounder,
    number: int,
    presets: dict[str, MethodSettings],
    meter: Meter,
    found: ClipFindings,
) -> None:
    stage = set_stage(SET, number)
    sample = draw(stage)
    video = SampleVideo(sample)
    with meter.stage("encode"):
        first = next(iter(presets.values()))
        session = grounder.prepare(video, sample.query, first, candidates=None).session
    with meter.stage("yes / no"):
        said = tuple(
            _said(session, one.text, one.kind, one.answer)
            for one in questions_of(stage, ("attribute", "action"), ("label",))
        )
        sub_queries = [
            _said(session, existence_prompt(phrase), kind, True)
            for kind, phrase in (("attribute", sample.attribute), ("action", sample.action))
        ]
    candidates = Candidates(tracks=true_tracks(sample))
    margins: list[float] = []
    right: dict[str, bool] = {}
    errors: dict[str, str] = {}
    for name, settings in presets.items():
        with meter.stage(name):
            (result,) = grounder.ground_each(video, sample.query, [settings], candidates=candidates)
        if isinstance(result, ZerotubeError):
            # Counted as wrong, as everywhere: a failure is an answer that is not right.
            errors[name] = str(result)
            right[name] = False
        else:
            right[name] = result.tube.track_id == sample.target + 1
            if name == DEFAULT:
                margins.append(result.presence.margin)
    if margins:
        with meter.stage("absent query"):
            query = absent_query(stage).query
            (result,) = grounder.ground_each(
                video, query, [presets[DEFAULT]], candidates=candidates
            )
        if not isinstance(result, ZerotubeError):
            margins.append(result.presence.margin)
    # All at once, so that an interrupt leaves whole clips alone.
    found.said.append(said)
    found.sub_queries.extend(sub_queries)
    found.chances.append(1 / len(sample.labels))
    if len(margins) == 2:
        found.presences.append((margins[0], margins[1]))
    for name, hit in right.items():
        found.right[name].append(hit)
    for name, text in errors.items():
        found.errors[name] = (found.errors.get(name, (0, ""))[0] + 1, text)


@torch.no_grad()
def _said(session: ClipSession, question: str, kind: str, truth: bool) -> Said:
    answer = session.model.ask(session.plain(reverse=False).detached(), [question])[0]
    logs = torch.as_tensor(answer.logits).double().log_softmax(dim=-1)
    yes, no = float(logs[session.answers.yes]), float(logs[session.answers.no])
    if not math.isfinite(yes - no):
        raise NumericalError(
            "logits that are not finite",
            wanted="finite numbers from the model",
            fix="load it with --dtype float32",
        )
    return Said(kind, truth, yes - no, math.exp(yes) + math.exp(no))
