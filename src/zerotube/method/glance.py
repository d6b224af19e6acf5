"""What is known of a sentence's time before there is any track: the scan and the words."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from zerotube.method.ask import Asker, ask_times
from zerotube.method.scan import scan_clip
from zerotube.method.session import ClipSession
from zerotube.method.verdict import Presence, presence_in
from zerotube.method.when import scanned_spans
from zerotube.query import as_asked
from zerotube.query.prompts import query_prompt
from zerotube.query.types import Query
from zerotube.video.types import Clip


@dataclass(frozen=True)
class Glance:
    """When it may be, and whether it is there.

    Attributes:
        span: first and last original frame of the hull of all runs that the scan is cut to: the
            described time with a track known lies in it, as a rule, and so do further times of an
            object and those of several objects; and of all windows that were named in words.
        presence: over the best run. The answer's own is over the span of its tube.
    """

    span: tuple[int, int]
    presence: Presence


def glance(
    session: ClipSession, query: Query, clip: Clip, asker: Asker | None = None
) -> Glance | None:
    """Scan a clip, and ask for the time in words where the settings do.

    What is found costs `zerotube.method.ground.gather` nothing further.

    Args:
        session: the encoded clip.
        query: the sentence and its sub-queries.
        clip: the sampled frames.
        asker: who names times in words; None: the model itself.

    Returns:
        None where neither tells the time of the answer, see ``untold``.

    Raises:
        NumericalError: a logit is not finite.
        AnswerError: the asker has no answer.
    """
    if untold(session, query):
        return None
    settings = session.settings
    query = as_asked(query, settings.plurals)
    scan = scan_clip(session, clip, query.statement) if settings.scan_weight else None
    spans = [] if scan is None else scanned_spans(scan, clip.frame_indices)
    if settings.time == "ask":
        named = ask_times(session, clip, query.statement, asker).answers
        spans += [(int(start), ceil(end)) for windows in named for start, end in windows]
    if not spans:
        return None
    presence = presence_in(
        session.presence(query_prompt(query, settings.wording)), scan, spans[0], settings
    )
    return Glance((min(start for start, _ in spans), max(end for _, end in spans)), presence)


def untold(session: ClipSession, query: Query) -> str:
    """Why nothing tells the time of the answer before its track is known; "" where it may.

    Args:
        session: the encoded clip.
        query: the sentence.
    """
    settings = session.settings
    if settings.span_rule != "cut":
        return f"--span-rule {settings.span_rule} reads the time off a track"
    if not (settings.scan_weight and settings.scan_window) and settings.time != "ask":
        return "there is no scan (--scan-window, --scan-weight)"
    if session.context.layout.grid[0] < 2:
        return "a single moment was sampled"
    if not query.has_action:
        return "the sentence names no action, and its time is the whole track"
    return ""
