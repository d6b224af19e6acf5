"""From a clip, a query and candidates to evidence: where and when each candidate fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from zerotube.method.ask import Asker, ask_times
from zerotube.method.assembling import assemble, consistency, unreverse
from zerotube.method.config import TrackScore
from zerotube.method.frame_maps import with_frame_maps
from zerotube.method.scan import scan_clip, scan_ends
from zerotube.method.scoring import frame_scores, mean_while_seen, pixel_frame_scores, seen_in
from zerotube.method.session import ClipSession, FrameReader
from zerotube.method.types import Evidence, TokenChoice
from zerotube.method.when import span_of
from zerotube.method.where import product
from zerotube.proposals.types import TrackSet
from zerotube.query import as_asked
from zerotube.query.prompts import query_prompt
from zerotube.query.types import Query
from zerotube.video.types import Clip

LEAST_PRESENCE = 0.02
"""Added to what a scan says of a frame, so that no frame counts nothing."""

StageReport = Callable[[str, int, int], None]
"""Called with a stage ("decode", "propose", "encode", "ask", "tune", "read", "scan"), steps
done, steps in all."""


def gather(
    session: ClipSession,
    query: Query,
    tracks: TrackSet,
    clip: Clip,
    progress: StageReport | None = None,
    read: FrameReader | None = None,
    asker: Asker | None = None,
) -> Evidence:
    """Measure everything the decision needs.

    Args:
        session: the encoded clip.
        query: the sentence and its sub-queries.
        tracks: the candidates.
        clip: the sampled frames.
        progress: told about the stages "ask", "tune", "read" and "scan".
        read: reads further frames, for the windows around the ends of the span; None: none.
        asker: who names times in words, where the settings ask for them; None: the model itself.

    Returns:
        Maps and scores in NumPy.

    Raises:
        NumericalError: if a gradient, map or logit is not finite.
        VideoError: a further frame cannot be read.
        AnswerError: the asker has no answer.
    """
    tell = progress or silent
    settings = session.settings
    told, query = query, as_asked(query, settings.plurals)
    named = None
    if settings.time == "ask" and query.has_action and len(clip) > 1:
        tell("ask", 0, 1)
        named = ask_times(session, clip, query.statement, asker)
        tell("ask", 1, 1)
    maps = _read_maps(session, query, clip, tell)
    layout, support = session.context.layout, settings.support
    seen = seen_in(tracks, clip.frame_indices)

    scan = None
    if settings.span_rule == "cut" and settings.scan_weight:
        tell("scan", 0, 2)
        scan = scan_clip(session, clip, query.statement)
    # What the whole sentence says holds for a while, what the attribute phrase says all the time.
    while_so = None if scan is None else scan.presence_at(clip.frame_indices) + LEAST_PRESENCE

    def inside(one_map: NDArray[np.float32], score: TrackScore) -> NDArray[np.float64]:
        return frame_scores(one_map, tracks, clip.frame_indices, layout, support, score)

    def track_score(
        one_map: NDArray[np.float32], score: TrackScore, weights: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        scores = inside(one_map, score)
        if settings.track_score == "max":
            return np.asarray(scores.max(axis=1, initial=0.0), dtype=np.float64)
        return mean_while_seen(scores, seen, weights)

    parts: dict[str, NDArray[np.float64]] = {}
    if settings.track_maps != "gradient":
        parts["attention"] = track_score(maps.spatial, settings.track_score, while_so)
    if settings.track_maps != "attention":
        attribute, statement = map(session.gradient_map, (query.attribute, query.statement))
        # The gradient peaks on single cells of an object: their mean over its box would dilute it.
        parts["gradient of the attribute"] = track_score(_plain(attribute), "max", None)
        parts["gradient of the statement"] = track_score(_plain(statement), "max", while_so)
    gradient_scores = None
    if settings.span_rule == "cut" and settings.gradient_weight:
        gradient_scores = inside(_plain(session.gradient_map(query.action)), "mean")
    by_frame = (
        pixel_frame_scores(maps.temporal, tracks, clip.frame_indices, layout, support)
        if settings.frame_score == "pixels"
        else inside(maps.temporal, settings.track_score)
    )
    evidence = Evidence(
        frame_indices=clip.frame_indices,
        step_of_frame=layout.step_of_frame,
        spatial_map=maps.spatial,
        temporal_map=maps.temporal,
        track_ids=tuple(track.track_id for track in tracks),
        track_scores=product(parts, seen) if len(parts) > 1 else next(iter(parts.values())),
        frame_scores=by_frame,
        spatial_token=maps.spatial_token,
        temporal_token=maps.temporal_token,
        presence=session.presence(query_prompt(query, settings.wording)),
        consistency=maps.consistency,
        losses=maps.losses,
        view_xyxy=layout.view_xyxy,
        seen=seen,
        scan=scan,
        gradient_scores=gradient_scores,
        track_parts=parts,
        has_action=query.has_action,
        unknown_words=tuple(session.model.tokens.unknown_words(query.statement)),
        several=query is not told,
        named=named,
    )
    if scan is None:
        return evidence
    tell("scan", 1, 2)
    if read is not None and len(tracks) and query.has_action:
        span = span_of(evidence, int(np.argmax(evidence.track_scores)), settings)
        closer = scan_ends(session, clip, query.statement, span, read)
        if closer is not None:
            evidence = replace(evidence, scan=scan.joined(closer))
    tell("scan", 2, 2)
    return evidence


@dataclass(frozen=True, eq=False)
class _Maps:
    """What the attention says: as in ``Evidence``."""

    spatial: NDArray[np.float32]
    temporal: NDArray[np.float32]
    spatial_token: TokenChoice
    temporal_token: TokenChoice
    consistency: float | None
    losses: dict[str, tuple[float, ...]]


def _read_maps(session: ClipSession, query: Query, clip: Clip, tell: StageReport) -> _Maps:
    """The paper in about thirty lines: prompts are tuned, then attention is read (sections 3-7)."""
    settings, without = session.settings, query.attribute
    question = query_prompt(query, settings.wording)
    spatial_phrase = query.attribute if settings.decomposed else query.statement
    temporal_phrase = query.action if settings.decomposed else query.statement
    spatial = spatial_phrase if settings.spatial_prompt else None
    temporal = temporal_phrase if settings.temporal_prompt else None
    asked = [("spatial", spatial, False), ("temporal", temporal, False)]
    if settings.assembling:
        asked.insert(1, ("spatial reversed", spatial, True))

    losses: dict[str, tuple[float, ...]] = {}
    tuned = [(name, phrase, reverse) for name, phrase, reverse in asked if phrase is not None]
    for done, (name, phrase, reverse) in enumerate(tuned):
        tell("tune", done, len(tuned))
        losses[name] = session.losses(phrase, reverse=reverse)
        tell("tune", done + 1, len(tuned))

    tell("read", 0, len(asked))
    spatial_map, spatial_token = session.read(question, spatial, without=without)
    same: float | None = None
    if settings.assembling:
        reversed_map, _ = session.read(
            question, spatial, reverse=True, like=spatial_token, without=without
        )
        backwards = unreverse(reversed_map)
        same = consistency(spatial_map, backwards)
        spatial_map = assemble(spatial_map, backwards)
    spatial_map = with_frame_maps(session, clip, question, spatial_map, spatial_token, without)
    tell("read", 1, len(asked))
    temporal_map, temporal_token = session.read(question, temporal, without=without)
    tell("read", len(asked), len(asked))
    return _Maps(
        _plain(spatial_map), _plain(temporal_map), spatial_token, temporal_token, same, losses
    )


def _plain(one_map: Tensor) -> NDArray[np.float32]:
    plain: NDArray[np.float32] = one_map.float().cpu().numpy()
    return plain


def silent(stage: str, done: int, total: int) -> None:
    """A report to nobody."""
