"""A proposer of a few lines that says in a file whenever it really runs, and a program with it."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from zerotube.geometry.masks import encode_mask
from zerotube.proposals.base import Progress
from zerotube.proposals.store import ProposalStore
from zerotube.proposals.store.proposer import StoredProposer
from zerotube.proposals.types import Track, TrackSet
from zerotube.video import open_video
from zerotube.video.base import Video


@dataclass(frozen=True)
class CountingSettings:
    """Settings of `CountingProposer`."""

    tracks: int = 2
    """How many tracks are found."""

    weight: float = 10.0
    """Does nothing."""


class CountingProposer:
    """Finds the same boxes in every video.

    Args:
        log: file that gets a line per run.
        settings: as for every proposer.
        uses_noun: whether the noun becomes the label.
        revision: as for every proposer.
        seconds: how long a run takes.
        masks: whether the tracks have masks (which load `supervision`).
    """

    name = "counting"

    def __init__(
        self,
        log: Path,
        settings: CountingSettings | None = None,
        *,
        uses_noun: bool = True,
        revision: str | None = "1",
        seconds: float = 0.0,
        masks: bool = False,
    ) -> None:
        self.log = log
        self.settings = settings or CountingSettings()
        self.uses_noun = uses_noun
        self.revision = revision
        self.seconds = seconds
        self.masks = masks

    def runs(self) -> list[str]:
        """A line per run: name of the video and noun."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def propose(
        self, video: Video, noun: str = "object", *, progress: Progress | None = None
    ) -> TrackSet:
        """See `zerotube.proposals.base.Proposer`."""
        info = video.info
        with self.log.open("a") as log:
            log.write(f"{Path(info.path).name} {noun}\n")
        time.sleep(self.seconds)
        rle = encode_mask(np.ones((info.height, info.width), np.bool_)) if self.masks else None
        tracks = tuple(
            Track(
                track_id=number,
                frame_indices=np.arange(info.frame_count),
                boxes_xyxy=np.tile(np.float32([0.1, 1 / 3, 5 + number, 6]), (info.frame_count, 1)),
                observed=np.arange(info.frame_count) % 2 == 0,
                scores=np.full(info.frame_count, 1 / 3, np.float32),
                masks_rle=(rle, *[None] * (info.frame_count - 1)) if self.masks else None,
                label=noun if self.uses_noun else "object",
            )
            for number in range(1, self.settings.tracks + 1)
        )
        settings = {"tracks": self.settings.tracks, "weight": self.settings.weight}
        return TrackSet(
            tracks, info.frame_count, info.width, info.height, self.name, settings, ("be careful",)
        )


def write_pictures(folder: Path, *, frames: int = 3, shade: int = 128) -> Path:
    """A video that opens in no time: a folder of grey pictures of 16x12."""
    folder.mkdir(parents=True)
    for index in range(frames):
        picture = np.full((12, 16, 3), shade + index, np.uint8)
        Image.fromarray(picture).save(folder / f"{index}.png")
    return folder


def main() -> None:
    """Arguments: store, log, seconds per run, videos. Prints the origin of every entry."""
    store, log, seconds, *videos = sys.argv[1:]
    finder = CountingProposer(Path(log), seconds=float(seconds))
    stored = StoredProposer(finder, ProposalStore(store), must_keep=True)
    print("ready", flush=True)
    sys.stdin.readline()
    for path in videos:
        with open_video(path) as video:
            fetched = stored.fetch(video, "ball")
            assert fetched is not None
            print(fetched.origin, flush=True)


if __name__ == "__main__":
    main()
