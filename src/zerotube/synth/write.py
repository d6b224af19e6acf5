"""Save samples as videos, track files and a list of queries."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zerotube.errors import InputError, UsageError
from zerotube.files import whole_folder
from zerotube.proposals.base import Progress
from zerotube.synth.absent import absent_query
from zerotube.synth.draw import SynthSample, draw
from zerotube.synth.sets import RICH, SET_SAMPLES, SET_SEEDS, SETS, Stage, set_stage
from zerotube.video import write_video

RECIPE_VERSION = 4
"""Raised whenever the same seed gives other samples or other files. 3: tags and frame counts in
the list. 4: the basic sets are drawn from the same world as "rich"."""

RICH_RECIPE_VERSION = 1
"""The same for the set "rich", which counts its own."""

CRF = 14
"""Quality of the encoded clips: a box and its pixels still agree."""

TRACKS_SCHEMA = "zerotube.tracks/1"

_PER_WORKER = 10
"""Samples for which starting one more process pays."""


@dataclass(frozen=True)
class Recipe:
    """What a folder of samples is made from; written into it as recipe.json.

    Attributes:
        set: a test set.
        seed: series of samples.
        count: how many.
        size: side of the square frames in pixels, the shorter side in "rich".
    """

    set: str
    seed: int
    count: int
    size: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError(f"{self.count} samples", wanted="at least 1", fix="raise the number")
        if self.seed < 0:
            raise UsageError(f"seed {self.seed}", wanted="a number >= 0", fix="use another")
        if self.size < 64 or self.size % 2:
            raise UsageError(f"size {self.size}", wanted="an even number >= 64", fix="use 224")
        if self.set not in SETS:
            raise UsageError(
                f"set {self.set!r}", wanted=f"one of {', '.join(SETS)}", fix="name one"
            )

    def stage(self, index: int) -> Stage:
        """What decides one of the samples."""
        return set_stage(self.set, index, self.seed)


def recipe_version(name: str) -> int:
    """The version of what is written now, of a test set."""
    return RICH_RECIPE_VERSION if name == RICH else RECIPE_VERSION


def write_set(
    out: Path,
    name: str,
    count: int = SET_SAMPLES,
    seed: int | None = None,
    *,
    size: int = 224,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Write a test set to a new folder; the published one unless count, seed or size differ.

    Args:
        out: a folder that does not exist yet or is empty.
        name: one of `zerotube.synth.SETS`.
        count: the first so many samples, at least 1.
        seed: series of samples; None for the set's own.
        size: side of the square frames in pixels, the shorter side in "rich"; an even number of at
            least 64.
        workers: processes to share the work; 1 for this one alone. A script that asks for more
            needs the guard ``if __name__ == "__main__"``, as `multiprocessing` does.
        progress: told of every sample that is finished.

    Returns:
        `out`, which then holds samples.jsonl, recipe.json, videos/ and tracks/. Labels in the
        track files are all "object", so that they give nothing away.

    Raises:
        UsageError: an unknown set, impossible settings, or a folder in use.
        InputError: a video cannot be written, or one of the processes died.
    """
    seed = SET_SEEDS.get(name, 0) if seed is None else seed
    return _write_folder(out, Recipe(name, seed, count, size), workers, progress)


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


def _write_folder(out: Path, recipe: Recipe, workers: int, progress: Progress | None) -> Path:
    """Write a folder whole; whoever is interrupted leaves nothing."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            f"{out}, which exists and is not empty",
            wanted="a new or an empty folder",
            fix="choose another --out or remove that one",
        )
    with whole_folder(out) as scratch:
        (scratch / "videos").mkdir()
        (scratch / "tracks").mkdir()
        lines: dict[int, dict[str, Any]] = {}
        for index, line in _lines(recipe, scratch, min(workers, recipe.count // _PER_WORKER)):
            lines[index] = line
            if progress is not None:
                progress(len(lines), recipe.count)
        listing = "".join(json.dumps(lines[index]) + "\n" for index in range(recipe.count))
        (scratch / "samples.jsonl").write_text(listing, encoding="utf-8")
        document = {
            "generator": "zerotube.synth",
            "version": recipe_version(recipe.set),
            **asdict(recipe),
        }
        text = json.dumps(document, indent=2) + "\n"
        (scratch / "recipe.json").write_text(text, encoding="utf-8")
    return out


def _lines(recipe: Recipe, folder: Path, workers: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Write every sample; yields its number and its line of the list as each is finished."""
    write = partial(_write_one, recipe, folder)
    if workers <= 1:
        for index in range(recipe.count):
            yield index, write(index)
        return
    # Spawned, not forked: a fork of a process with threads (PyTorch, libav) may never wake up.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    try:
        futures = {pool.submit(write, index): index for index in range(recipe.count)}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as problem:
        raise InputError(
            "a process that died while it wrote samples",
            wanted="memory and time enough for each of them",
            fix="run the same command again, with fewer programs beside it",
        ) from problem
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """Ctrl-C reaches every process of a terminal; the one that started the others decides."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed closes no queue: its workers would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _write_one(recipe: Recipe, folder: Path, index: int) -> dict[str, Any]:
    """Write one sample's files into `folder`; returns its line of the list."""
    stage = recipe.stage(index)
    item = draw(stage, recipe.size)
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
        "frame_count": len(item.frames),
        "tags": dict(item.tags),
        "absent": asdict(absent_query(stage)),
    }
