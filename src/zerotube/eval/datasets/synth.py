"""The test sets of the generated world, and any folder that `zerotube synth` wrote.

Sample id = the id in samples.jsonl; kind = the set's name (the sample's kind in a folder without a
set); tags as in docs/synth.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zerotube.errors import InputError, TracksError, UsageError
from zerotube.eval.datasets.registry import Request
from zerotube.eval.types import Benchmark, Sample, Skipped, Truth
from zerotube.geometry.spans import Span
from zerotube.proposals.files import read_tracks
from zerotube.proposals.types import TrackSet
from zerotube.synth import SETS, set_folder
from zerotube.synth.read import LISTING, SavedSample, read_listing, read_recipe
from zerotube.video.types import VideoInfo


def load(request: Request) -> Benchmark:
    """Read a test set.

    Args:
        request: ``root`` is a folder of `zerotube synth`, or holds one such folder per set, named
            like it; ``annotations`` is a samples.jsonl, whose files are beside it unless there is
            a root. With neither, the published set named by ``split`` is read from the cache, and
            written there first if need be (`zerotube.synth.set_folder`).

    Returns:
        The samples. Those without a video (where there is a root) or without a usable track file
        are skipped.

    Raises:
        UsageError: no set, or one that is not there.
        InputError: no samples.jsonl, a damaged one, or one of an older recipe.
    """
    if request.annotations is not None:
        listing = _file(request.annotations)
        folder = listing.parent if request.root is None else request.root
    else:
        folder = _set_in(request.root, request.split) if request.root else _kept(request.split)
        listing = folder / LISTING
    recipe = read_recipe(listing.parent)
    name = recipe.set if recipe is not None else None
    split = request.split or name or ""
    if name is not None and split != name:
        raise UsageError(
            f"split {split!r} of {listing.parent}, which holds the set {name!r}",
            wanted=repr(name),
            fix="leave out --split or name that set",
        )
    saved = read_listing(listing, folder)
    if name is None and split:
        saved = _of_kind(saved, split, listing)
    return _benchmark(saved, split, videos=request.root is not None or request.annotations is None)


def _benchmark(saved: Sequence[SavedSample], split: str, *, videos: bool) -> Benchmark:
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    for item in saved:
        if videos and not item.video.is_file():
            skipped.append(Skipped(item.sample_id, f"no video {item.video}"))
            continue
        try:
            samples.append(_sample(item))
        except InputError as problem:
            skipped.append(Skipped(item.sample_id, problem.got))
    return Benchmark("synth", split, tuple(samples), tuple(skipped))


def _sample(item: SavedSample) -> Sample:
    """One sample with its truth.

    Raises:
        InputError: its track file is missing, damaged, of another clip, or has no box of the
            target in a frame of the span.
    """
    tracks = _true_tracks(item)
    span = Span(item.start_frame, item.end_frame)
    target = tracks.by_id(item.target_track_id)
    boxes, there = target.boxes_at(np.arange(item.start_frame, item.end_frame + 1))
    if not there.all():
        missing = item.start_frame + int(np.argmin(there))
        raise InputError(
            f"no box of track {item.target_track_id} at frame {missing} in {item.tracks}",
            wanted="a box in every frame of the span",
            fix="write the folder again with `zerotube synth`",
        )
    return Sample(
        sample_id=item.sample_id,
        query=item.query,
        kind=item.kind,
        video_name=item.video.name,
        video=item.video if item.video.is_file() else None,
        truth=Truth(span, boxes.astype(np.float64)),
        frame_count=tracks.frame_count,
        width=item.width,
        height=item.height,
        fps=float(item.fps),
        true_tracks=item.tracks,
        tags=item.tags,
        absent=item.absent,
    )


def _true_tracks(item: SavedSample) -> TrackSet:
    """The track file, checked against what the list says of the clip; no video is opened."""
    count = item.frame_count
    if count is None:  # a folder of recipe version 2: the track file alone knows
        try:
            count = int(json.loads(item.tracks.read_bytes())["video"]["frame_count"])
        except (OSError, ValueError, KeyError, TypeError):
            count = item.end_frame + 1  # whatever is wrong with the file, reading it says so
    info = VideoInfo(
        path=str(item.video),
        fps=item.fps,
        frame_count=max(count, 1),
        width=item.width,
        height=item.height,
        duration_s=float(count / item.fps),
        rotation_deg=0,
        variable_frame_rate=False,
        warnings=(),
    )
    if item.tracks.is_dir():
        raise TracksError(f"a folder at {item.tracks}", wanted="a track file", fix="remove it")
    return read_tracks(item.tracks, info)


def _kept(split: str) -> Path:
    if split not in SETS:
        raise UsageError(
            f"split {split!r} of synth and no root folder",
            wanted=f"a test set: {', '.join(SETS)}",
            fix="pass --split with one of these, or --root DIR of a folder by `zerotube synth`",
        )
    return set_folder(split)


def _set_in(root: Path, split: str) -> Path:
    """The folder of a set: the root itself or one folder in it."""
    if not root.is_dir():
        raise InputError(
            f"{root}, which is not a folder",
            wanted="a folder written by `zerotube synth`",
            fix="correct --root",
        )
    if (root / LISTING).is_file():
        return root
    there = sorted(path.parent.name for path in root.glob(f"*/{LISTING}"))
    if not there:
        raise InputError(
            f"{root}, which has no {LISTING} and no folder with one",
            wanted="a folder written by `zerotube synth`",
            fix=f"run: zerotube synth --set {split if split in SETS else 'mixed'} --out DIR",
        )
    if not split and len(there) == 1:
        return root / there[0]
    if split not in there:
        raise UsageError(
            f"split {split!r}" if split else f"{root} with several sets and no split",
            wanted=f"one of {', '.join(there)}",
            fix="pass --split with one of these",
        )
    return root / split


def _file(path: Path) -> Path:
    if not path.is_file():
        what = "a folder" if path.is_dir() else "nothing"
        raise InputError(
            f"{what} at {path}",
            wanted=f"a {LISTING} written by `zerotube synth`",
            fix="correct --annotations, or pass the folder as --root",
        )
    return path


def _of_kind(saved: list[SavedSample], split: str, listing: Path) -> list[SavedSample]:
    """In a folder that is not a test set, a split is a kind of samples."""
    kinds = sorted({item.kind for item in saved})
    if split not in kinds:
        raise UsageError(
            f"split {split!r} of {listing.parent}, which holds no such samples",
            wanted=f"one of {', '.join(kinds)}, or none for all",
            fix="correct or leave out --split",
        )
    return [item for item in saved if item.kind == split]
