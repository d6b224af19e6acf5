"""What is known of a sentence's time before there is any track: the scan alone."""

from __future__ import annotations

from dataclasses import dataclass

from zerotube.method.scan import scan_clip
from zerotube.method.session import ClipSession
from zerotube.method.verdict import Presence, presence_in
from zerotube.method.when import scanned_spans
from zerotube.query import singular
from zerotube.query.prompts import query_prompt
from zerotube.query.types import Query
from zerotube.video.types import Clip


@dataclass(frozen=True)
class Glance:
    """When it may be, and whether it is there.

    Attributes:
        span: first and last original frame of the hull of all runs that the scan is cut to: the
            described time with a track known lies in it, as a rule, and so do further times of an
            object and those of several objects.
        presence: over the best run. The answer's own is over the span of its tube.
    """

    span: tuple[int, int]
    presence: Presence


def glance(session: ClipSession, query: Query, clip: Clip) -> Glance | None:
    """Scan a clip; `zerotube.method.ground.gather` scans it likewise, at no further cost.

    Args:
        session: the encoded clip.
        query: the sentence and its sub-queries.
        clip: the sampled frames.

    Returns:
        None where the time of the answer is not cut out of a scan, see ``unscanned``.

    Raises:
        NumericalError: a logit is not finite.
    """
    if unscanned(session, query):
        return None
    settings = session.settings
    query = (singular(query) if settings.plurals else None) or query
    scan = scan_clip(session, clip, query.statement)
    if scan is None:
        return None
    spans = scanned_spans(scan, clip.frame_indices)
    presence = presence_in(
        session.presence(query_prompt(query, settings.wording)), scan, spans[0], settings
    )
    return Glance((min(start for start, _ in spans), max(end for _, end in spans)), presence)


def unscanned(session: ClipSession, query: Query) -> str:
    """Why a scan does not tell the time of the answer; "" where it does.

    Args:
        session: the encoded clip.
        query: the sentence.
    """
    settings = session.settings
    if settings.span_rule != "cut":
        return f"--span-rule {settings.span_rule} reads the time off a track"
    if not (settings.scan_weight and settings.scan_window):
        return "there is no scan (--scan-window, --scan-weight)"
    if session.context.layout.grid[0] < 2:
        return "a single moment was sampled"
    if not query.has_action:
        return "the sentence names no action, and its time is the whole track"
    return ""
