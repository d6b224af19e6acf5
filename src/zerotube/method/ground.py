"""The paper in about forty lines: from a clip, a query and candidates to evidence."""

from __future__ import annotations

from collections.abc import Callable

from numpy.typing import NDArray

from zerotube.method.assembling import assemble, consistency, unreverse
from zerotube.method.scoring import frame_scores, pixel_frame_scores
from zerotube.method.session import ClipSession
from zerotube.method.types import Evidence
from zerotube.proposals.types import TrackSet
from zerotube.query.prompts import query_prompt
from zerotube.query.types import Query

StageReport = Callable[[str, int, int], None]
"""Called with a stage ("decode", "propose", "encode", "tune", "read"), steps done, steps in all."""


def gather(
    session: ClipSession,
    query: Query,
    tracks: TrackSet,
    frame_indices: NDArray,  # type: ignore[type-arg]
    progress: StageReport | None = None,
) -> Evidence:
    """Measure everything the decision needs (method sections 3 to 7).

    Args:
        session: the encoded clip.
        query: the sentence and its sub-queries.
        tracks: the candidates.
        frame_indices: int64 ``(N,)``, original frames that were sampled.
        progress: told about the stages "tune" and "read".

    Returns:
        Maps and scores in NumPy.

    Raises:
        NumericalError: if a gradient, map or logit is not finite.
    """
    settings = session.settings
    tell = progress or (lambda stage, done, total: None)
    question = query_prompt(query, settings.wording)
    spatial_phrase = query.attribute if settings.decomposed else query.statement
    temporal_phrase = query.action if settings.decomposed else query.statement
    spatial = spatial_phrase if settings.spatial_prompt else None
    temporal = temporal_phrase if settings.temporal_prompt else None
    asked = [("spatial", spatial, False), ("temporal", temporal, False)]
    if settings.assembling:
        asked.insert(1, ("spatial reversed", spatial, True))

    losses: dict[str, tuple[float, ...]] = {}
    for done, (name, phrase, reverse) in enumerate(asked):
        tell("tune", done, len(asked))
        if phrase is not None:
            losses[name] = session.losses(phrase, reverse=reverse)
    tell("tune", len(asked), len(asked))

    tell("read", 0, len(asked))
    spatial_map, spatial_token = session.read(question, spatial)
    same: float | None = None
    if settings.assembling:
        reversed_map, _ = session.read(question, spatial, reverse=True, like=spatial_token)
        backwards = unreverse(reversed_map)
        same = consistency(spatial_map, backwards)
        spatial_map = assemble(spatial_map, backwards)
    tell("read", 1, len(asked))
    temporal_map, temporal_token = session.read(question, temporal)
    presence = session.presence(question)

    layout, support = session.context.layout, settings.support
    a_spatial, a_temporal = (item.float().cpu().numpy() for item in (spatial_map, temporal_map))
    by_track = frame_scores(a_spatial, tracks, frame_indices, layout, support)
    score = pixel_frame_scores if settings.frame_score == "pixels" else frame_scores
    by_frame = score(a_temporal, tracks, frame_indices, layout, support)
    tell("read", len(asked), len(asked))
    return Evidence(
        frame_indices=frame_indices,
        step_of_frame=layout.step_of_frame,
        spatial_map=a_spatial,
        temporal_map=a_temporal,
        track_ids=tuple(track.track_id for track in tracks),
        track_scores=by_track.max(axis=1),
        frame_scores=by_frame,
        spatial_token=spatial_token,
        temporal_token=temporal_token,
        presence=presence,
        consistency=same,
        losses=losses,
        view_xyxy=layout.view_xyxy,
    )
