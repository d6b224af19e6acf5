"""Save samples as videos, track files and a list of queries, and read the list back."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from zerotube.errors import InputError, UsageError
from zerotube.synth.sample import KINDS, SynthSample, sample
from zerotube.video import write_video

RECIPE_VERSION = 2
"""Raised whenever the same seed would give other samples."""

CRF = 14
"""Quality of the encoded clips: a box and its pixels still agree."""

TRACKS_SCHEMA = "zerotube.tracks/1"


@dataclass(frozen=True)
class SavedSample:
    """One line of `samples.jsonl`, with its files' full paths.

    Attributes:
        sample_id: unique name.
        kind: "attribute" or "action".
        query: the sentence.
        attribute: the attribute phrase.
        action: the action phrase.
        noun: the target's noun.
        video: the clip.
        tracks: the true tracks of all objects.
        target_track_id: id, within `tracks`, of the object meant.
        start_frame: first frame of the answer.
        end_frame: last frame of the answer, inclusive.
        fps: frames per second.
        width: pixels.
        height: pixels.
    """

    sample_id: str
    kind: str
    query: str
    attribute: str
    action: str
    noun: str
    video: Path
    tracks: Path
    target_track_id: int
    start_frame: int
    end_frame: int
    fps: Fraction
    width: int
    height: int


def write_samples(
    out: Path, count: int, seed: int, kind: str | None = None, *, size: int = 224
) -> Path:
    """Write `count` samples to a new folder.

    Args:
        out: a folder that does not exist yet or is empty.
        count: how many, at least 1.
        seed: series of samples.
        kind: "attribute", "action" or None for both in turn.
        size: side of the square frames in pixels, an even number of at least 64.

    Returns:
        `out`, which then holds samples.jsonl, recipe.json, videos/ and tracks/. Labels in the
        track files are all "object", so that they give nothing away.
    """
    if count < 1:
        raise UsageError(f"{count} samples", wanted="at least 1", fix="raise the number")
    if size < 64 or size % 2:
        raise UsageError(f"size {size}", wanted="an even number >= 64", fix="use 224")
    if kind is not None and kind not in KINDS:
        raise UsageError(f"kind {kind!r}", wanted=" or ".join(KINDS), fix="name one of these")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            f"{out}, which exists and is not empty",
            wanted="a new or an empty folder",
            fix="choose another --out or remove that one",
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        (scratch / "videos").mkdir()
        (scratch / "tracks").mkdir()
        lines = []
        for index in range(count):
            item = sample(seed, index, kind, height=size, width=size)
            lines.append(json.dumps(_write_one(item, scratch)))
        (scratch / "samples.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        recipe = {
            "generator": "zerotube.synth",
            "version": RECIPE_VERSION,
            "seed": seed,
            "count": count,
            "kind": kind,
            "size": size,
        }
        (scratch / "recipe.json").write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")
        scratch.chmod(0o755)
        if out.exists():
            out.rmdir()
        scratch.rename(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return out


def tracks_document(item: SynthSample, *, true_labels: bool = False) -> dict[str, Any]:
    """The true tracks of a sample as a track file; ids count from 1."""
    frames, height, width = item.frames.shape[:3]
    return {
        "schema": TRACKS_SCHEMA,
        "video": {
            "frame_count": frames,
            "width": width,
            "height": height,
            "fps": f"{item.fps.numerator}/{item.fps.denominator}",
        },
        "source": "synth",
        "tracks": [
            {
                "id": number,
                "label": label if true_labels else "object",
                "frames": list(range(frames)),
                "boxes_xyxy": [[round(float(v), 2) for v in box] for box in track],
            }
            for number, (label, track) in enumerate(
                zip(item.labels, item.boxes_xyxy, strict=True), start=1
            )
        ],
    }


def read_samples(folder: Path) -> list[SavedSample]:
    """Read what `write_samples` wrote.

    Raises:
        InputError: no list in that folder, or a line that is not a sample.
    """
    listing = folder / "samples.jsonl"
    if not listing.is_file():
        raise InputError(
            f"{folder}, which has no samples.jsonl",
            wanted="a folder written by `zerotube synth`",
            fix="run: zerotube synth --out DIR",
        )
    out = []
    for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            raw = json.loads(line)
            raw["sample_id"] = raw.pop("id")
            raw["video"] = folder / raw["video"]
            raw["tracks"] = folder / raw["tracks"]
            raw["fps"] = Fraction(raw["fps"])
            out.append(SavedSample(**raw))
        except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as problem:
            raise InputError(
                f"line {number} of {listing} ({problem})",
                wanted="one sample as JSON",
                fix="write the folder again with `zerotube synth`",
            ) from problem
    return out


def _write_one(item: SynthSample, folder: Path) -> dict[str, Any]:
    """Write one sample's files into `folder`; returns its line of the list."""
    video, tracks = f"videos/{item.sample_id}.mp4", f"tracks/{item.sample_id}.json"
    write_video(folder / video, item.frames, item.fps, crf=CRF)
    (folder / tracks).write_text(json.dumps(tracks_document(item)) + "\n", encoding="utf-8")
    return {
        "id": item.sample_id,
        "kind": item.kind,
        "query": item.query,
        "attribute": item.attribute,
        "action": item.action,
        "noun": item.noun,
        "video": video,
        "tracks": tracks,
        "target_track_id": item.target + 1,
        "start_frame": item.start_frame,
        "end_frame": item.end_frame,
        "fps": f"{item.fps.numerator}/{item.fps.denominator}",
        "width": item.frames.shape[2],
        "height": item.frames.shape[1],
    }
