"""Track files that the tests write, and how a bad one has to be refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zerotube.errors import TracksError
from zerotube.proposals import read_tracks
from zerotube.video.types import VideoInfo


def save(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def refused(info: VideoInfo, path: Path, place: str) -> None:
    """The file is refused in one line that names it and the place, and says what to do."""
    with pytest.raises(TracksError) as caught:
        read_tracks(path, info)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert place in message
    assert caught.value.wanted
    assert caught.value.fix
    assert len(message) < 600
