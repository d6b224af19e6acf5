"""Time and memory of `zerotube score` on as many predictions as VidSTG's test set asks for.

    python benchmarks/score.py [--json benchmarks/results/score.json]

Writes a data set of the same shape into a temporary folder (about 1 GB): annotations, one VidOR box
file per video, and a prediction for the whole segment of every sentence. Lengths follow the
percentiles of the published test annotations (732 videos, 4,610 entries, 10,303 sentences). Then
the command itself runs in a new process, printing JSON and printing the table with its bootstrap.
Seconds are on the wall from start to exit with the files in the page cache, and of processor time;
memory is the kernel's high-water mark of the process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reports import keep

VIDEOS, ENTRIES, QUESTIONS = 732, 4610, 5693
RANKS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
VIDEO_FRAMES = (65, 234, 588, 1090, 1850, 2697, 4017)
SEGMENT_FRAMES = (44, 120, 277, 551, 1076, 2247, 4016)
TUBE_FRAMES = (10, 21, 57, 108, 260, 1105, 4017)
OBJECTS = (2, 2, 3, 4, 6, 10, 33)
WIDTH, HEIGHT = 640, 360


@dataclass(frozen=True)
class Video:
    """A video of objects that move evenly; ``objects`` holds (x, y, width, height, vx, vy)."""

    name: str
    frames: int
    objects: list[tuple[float, ...]]

    def box(self, target: int, frame: int) -> tuple[float, float, float, float]:
        """(x1, y1, x2, y2) in pixels."""
        x, y, width, height, speed_x, speed_y = self.objects[target]
        left, top = x + speed_x * frame / self.frames, y + speed_y * frame / self.frames
        return left, top, left + width, top + height


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zerotube-score-") as name:
        folder = Path(name)
        write_data(folder, np.random.default_rng(arguments.seed))
        sizes = {
            "box_files_mb": sum(p.stat().st_size for p in folder.glob("boxes/*")) / 1e6,
            "predictions_mb": (folder / "predictions.jsonl").stat().st_size / 1e6,
        }
        # The mark of finished children only ever rises: the leaner run comes first.
        runs = {"json": measure(folder, "--json"), "table": measure(folder)}
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "sentences": ENTRIES + QUESTIONS,
        "videos": VIDEOS,
        **{key: round(value) for key, value in sizes.items()},
        "runs": runs,
    }
    print(json.dumps(report, indent=1))
    keep(report, arguments.json)


def measure(folder: Path, *flags: str) -> dict[str, float]:
    """Run the command once; checks that it scored everything."""
    command = [sys.executable, "-m", "zerotube", "score", "--dataset", "vidstg"]
    command += ["--annotations", str(folder / "test_annotations.json")]
    command += ["--boxes", str(folder / "boxes")]
    command += ["--predictions", str(folder / "predictions.jsonl"), *flags]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if flags:
        tables = json.loads(done.stdout)
        counts = [tables[kind]["samples"] for kind in ("declarative", "interrogative")]
        if counts != [ENTRIES, QUESTIONS]:
            raise SystemExit(f"scored {counts} samples, not {[ENTRIES, QUESTIONS]}")
    else:
        print(done.stdout)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "seconds": round(seconds, 1),
        "processor_seconds": round(busy, 1),
        "peak_rss_mb": round(after.ru_maxrss * 1024 / 1e6),
    }


def write_data(folder: Path, rng: np.random.Generator) -> None:
    """Write annotations, box files and predictions."""
    videos = [made_video(f"{number:010d}", rng) for number in range(VIDEOS)]
    (folder / "boxes").mkdir()
    for video in videos:
        with (folder / "boxes" / f"{video.name}.json").open("w") as stream:
            stream.writelines(box_file(video))
    entries = [made_entry(number, videos, rng) for number in range(ENTRIES)]
    (folder / "test_annotations.json").write_text(json.dumps(entries))
    by_name = {video.name: video for video in videos}
    with (folder / "predictions.jsonl").open("w") as stream:
        for number, entry in enumerate(entries):
            for part in ("caption", "question"):
                for place in range(len(entry[f"{part}s"])):
                    stream.write(prediction(number, part, place, entry, by_name, rng))


def drawn(table: tuple[int, ...], rng: np.random.Generator) -> int:
    """A length of the distribution that has these values at ``RANKS``."""
    return int(np.interp(rng.random(), RANKS, table))


def made_video(name: str, rng: np.random.Generator) -> Video:
    objects = []
    for _ in range(drawn(OBJECTS, rng)):
        width, height = rng.uniform(40, 200), rng.uniform(40, 200)
        x, y = rng.uniform(0, WIDTH - width - 100), rng.uniform(0, HEIGHT - height - 60)
        speeds = rng.uniform(0, 100), rng.uniform(0, 60)
        objects.append(tuple(float(value) for value in (x, y, width, height, *speeds)))
    return Video(name, drawn(VIDEO_FRAMES, rng), objects)


def box_file(video: Video) -> Iterator[str]:
    """The text of a VidOR annotation, object by object; corners are whole numbers there."""
    head = {
        "version": "VERSION 1.0",
        "video_id": video.name,
        "frame_count": video.frames,
        "width": WIDTH,
        "height": HEIGHT,
        "subject/objects": [
            {"tid": target, "category": "dog"} for target in range(len(video.objects))
        ],
    }
    yield json.dumps(head)[:-1] + ', "trajectories": ['
    for frame in range(video.frames):
        items = []
        for target in range(len(video.objects)):
            x1, y1, x2, y2 = map(round, video.box(target, frame))
            items.append(
                f'{{"tid": {target}, "bbox": {{"xmin": {x1}, "ymin": {y1}, "xmax": {x2}, '
                f'"ymax": {y2}}}, "generated": 1, "tracker": "linear"}}'
            )
        yield f"[{', '.join(items)}]" + (", " if frame < video.frames - 1 else "")
    yield '], "relation_instances": []}'


def made_entry(number: int, videos: list[Video], rng: np.random.Generator) -> dict[str, Any]:
    """One entry with a caption; the questions are spread evenly over all entries."""
    video = videos[number % VIDEOS]
    segment = min(drawn(SEGMENT_FRAMES, rng), video.frames)
    first = int(rng.integers(0, video.frames - segment + 1))
    tube = min(drawn(TUBE_FRAMES, rng), segment)
    begin = first + int(rng.integers(0, segment - tube + 1))
    target = int(rng.integers(len(video.objects)))
    asked = {"description": "what moves to the right?", "type": "subject", "target_id": target}
    questions = (number + 1) * QUESTIONS // ENTRIES - number * QUESTIONS // ENTRIES
    return {
        "vid": video.name,
        "fps": 29.97002997002997,
        "frame_count": video.frames,
        "width": WIDTH,
        "height": HEIGHT,
        "used_segment": {"begin_fid": first, "end_fid": first + segment - 1},
        "temporal_gt": {"begin_fid": begin, "end_fid": begin + tube - 1},
        "subject/objects": [{"tid": target, "category": "dog"}],
        "captions": [asked],
        "questions": [asked] * questions,
    }


def prediction(
    number: int,
    part: str,
    place: int,
    entry: dict[str, Any],
    videos: dict[str, Video],
    rng: np.random.Generator,
) -> str:
    """A line of the prediction file: a track over the whole segment, beside the true one."""
    video, target = videos[entry["vid"]], entry["captions"][0]["target_id"]
    first, last = entry["used_segment"]["begin_fid"], entry["used_segment"]["end_fid"]
    begin, end = sorted(int(frame) for frame in rng.integers(first, last + 1, 2))
    miss = float(rng.uniform(0, 40))
    boxes = (
        f'"{frame}": [{", ".join(f"{edge + miss:.3f}" for edge in video.box(target, frame))}]'
        for frame in range(first, last + 1)
    )
    name = f"{number}:{part}:{place}"
    return (
        f'{{"id": "{name}", "start_frame": {begin}, "end_frame": {end}, '
        f'"boxes": {{{", ".join(boxes)}}}}}\n'
    )


if __name__ == "__main__":
    main()
