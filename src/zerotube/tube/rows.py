"""The answer as a few readable rows: what the command line prints and ``print(result)`` shows."""

from __future__ import annotations

import numpy as np

from zerotube.method.types import NamedTimes
from zerotube.tube.types import Answer, GroundingResult


def result_rows(result: GroundingResult) -> list[tuple[str, str]]:
    """Name and value of what a person wants to know first."""
    tube = result.tube
    model = result.model
    if model == "bundled":
        from zerotube.bundled import DOMAIN

        model = f"{model}: {DOMAIN.statement}"
    return [
        ("object", f"track {tube.track_id} ({tube.label}), chosen from {len(result.tracks)}"),
        (
            "time",
            f"{result.start_s:.2f} s to {result.end_s:.2f} s, "
            f"frames {tube.span.start_frame} to {tube.span.end_frame} "
            f"of {result.video.frame_count}",
        ),
        *(
            ("and" if result.evidence.several else "also", _answer_text(result, answer))
            for answer in result.answers[1:]
        ),
        *([("asked", _named_text(result, named))] if (named := result.evidence.named) else []),
        ("method", str(result.settings.get("preset", "custom"))),
        ("verdict", verdict_text(result)),
        ("token", _token_text(result)),
        ("model", model),
    ]


def _answer_text(result: GroundingResult, answer: Answer) -> str:
    tube = answer.tube
    start_s, end_s = result.seconds_of(tube.span)
    return (
        f"track {tube.track_id} ({tube.label}), {start_s:.2f} s to {end_s:.2f} s, "
        f"score {answer.score:.2f}"
    )


def _named_text(result: GroundingResult, named: NamedTimes) -> str:
    """What was answered to the question about the time."""
    count = len(named.answers) + len(named.refused)
    if not named.answers:
        return f"{named.source} named no time in {count} answer{'s' if count > 1 else ''}"
    numbers = np.arange(len(result.timestamps_s))
    told = [
        " and ".join(
            f"{start:.2f} s to {end:.2f} s"
            for start, end in np.interp(np.array(windows), numbers, result.timestamps_s)
        )
        for windows in named.answers
    ]
    return f"{named.source}: " + "; ".join(dict.fromkeys(told))


def verdict_text(result: GroundingResult) -> str:
    """Whether the object is there, with the probability and what speaks against it."""
    presence = result.presence
    said = f"{presence.verdict} ({presence.probability:.2f})"
    return f"{said}: {presence.reason}" if presence.reason else said


def _token_text(result: GroundingResult) -> str:
    evidence = result.evidence
    spatial, temporal = (
        token.text if token.chosen is None else repr(token.text)
        for token in (evidence.spatial_token, evidence.temporal_token)
    )
    if spatial == temporal:
        return spatial
    return f"{spatial} for the object, {temporal} for the time"
