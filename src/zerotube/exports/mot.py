"""MOTChallenge text: ``frame, id, left, top, width, height, confidence, -1, -1, -1``.

Frames and ids count from 1, boxes are pixels. A file is one video; each answer is one id, numbered
in the order given, since two answers may be the same track at two times. `zerotube ground --tracks`
reads the file back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zerotube.errors import UsageError
from zerotube.exports.answer import Answer
from zerotube.proposals.files.mot import mot_text as tracks_text
from zerotube.proposals.types import TrackSet


def mot_text(answers: Sequence[Answer]) -> str:
    """One line per box, by frame.

    Args:
        answers: of one video, one or more.

    Raises:
        UsageError: they are of several videos.
    """
    video = answers[0].video
    for answer in answers[1:]:
        if answer.video.path != video.path:
            raise UsageError(
                f"answers in {video.path} and {answer.video.path} for one MOT file",
                wanted="answers in one video: the format has no name for a second",
                fix="write a file per video, or export to coco-vid",
            )
    tracks = tuple(
        replace(answer.track, track_id=number) for number, answer in enumerate(answers, start=1)
    )
    return tracks_text(TrackSet(tracks, video.frame_count, video.width, video.height, "answers"))
