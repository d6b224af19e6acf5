"""What it saves to find the time first, and what it costs in quality.

    python benchmarks/order.py --root FOLDER [--json benchmarks/results/order.json]
    python benchmarks/order.py --root FOLDER --proposer gdino+sam2 --toys --repeat 3 --samples 10

Every sample of one or more folders of generated samples is grounded twice: with candidates looked
for in the whole video (``--time-first off``) and in and around the scanned time alone (``on``). The
table holds, of either order, the usual scores, the share of samples with the right object (its
boxes overlap the true ones by more than half on average), the frames that the proposer reads per
clip, and seconds per stage. Differences are paired; intervals are 95% bootstrap over samples.

``--toys`` takes detectors and trackers of random weights at microscopic size (`tests/proposals`):
their answers mean nothing and are not scored, but frames are read, detected in and followed by the
code that runs real weights. ``--repeat 3`` shows every frame three times at three times the rate:
generated clips have 8 or 10 frames per second, most videos 24 to 30.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports import keep
from weights import fingerprint
from zerotube.errors import NothingToGroundError
from zerotube.eval.bootstrap import Interval, intervals
from zerotube.eval.datasets import Request, load_benchmark
from zerotube.eval.ground_task import opened
from zerotube.eval.markdown import markdown_table
from zerotube.eval.metrics import NOTHING, overlap
from zerotube.eval.predictions import from_tube
from zerotube.eval.types import Sample, Truth
from zerotube.geometry.boxes import paired_iou
from zerotube.geometry.spans import Span
from zerotube.grounder import Candidates, Grounder
from zerotube.method.config import MethodSettings
from zerotube.method.recommended import settings_for
from zerotube.mllm.base import VideoMLLM
from zerotube.proposals.base import Progress, Proposer
from zerotube.proposals.order import Order
from zerotube.proposals.types import TrackSet
from zerotube.synth import CRF
from zerotube.tube.types import Tube
from zerotube.video import Frame, ThinnedVideo, Video, write_video

ORDERS = ("whole video", "time first")


class CountedVideo(ThinnedVideo):
    """All frames of a video, counted as they are read."""

    def __init__(self, whole: Video) -> None:
        super().__init__(whole, np.arange(whole.info.frame_count))
        self.read = 0

    def _read(self, wanted: NDArray[np.int64]) -> Iterator[Frame]:
        for frame in super()._read(wanted):
            self.read += 1
            yield frame


class CountingProposer:
    """A proposer that says how many frames it has read; see `zerotube.proposals.base.Proposer`."""

    def __init__(self, inner: Proposer) -> None:
        self.inner = inner
        self.name, self.settings = inner.name, inner.settings
        self.uses_noun, self.revision = inner.uses_noun, inner.revision
        self.read = 0

    def propose(
        self, video: Video, noun: str = "object", *, progress: Progress | None = None
    ) -> TrackSet:
        counted = CountedVideo(video)
        found = self.inner.propose(counted, noun, progress=progress)
        self.read += counted.read
        return found


@dataclass(frozen=True, eq=False)
class CountedCandidates(Candidates):
    """Candidates of one proposer, whose models load once for all videos."""

    made: CountingProposer | None = field(default=None)

    def finder(self, model: VideoMLLM) -> Proposer:
        if self.made is None:
            raise ValueError("no proposer to count the frames of")
        return self.made


@dataclass(frozen=True)
class Outcome:
    """One answer beside the truth, and what it took."""

    t_iou: float
    v_iou: float
    right_object: float
    frames_in_clip: float
    frames_read: float
    scan_s: float
    propose_s: float
    total_s: float


def grounded(
    grounder: Grounder, sample: Sample, candidates: CountedCandidates, settings: MethodSettings
) -> Outcome:
    """Ground a sample; one that finds nothing is worth 0."""
    made = candidates.made
    if made is None or sample.truth is None:
        raise ValueError("a sample without truth, or no proposer")
    made.read = 0
    with opened(sample) as video:
        count = float(video.info.frame_count)
        try:
            result = grounder.ground(video, sample.query, candidates=candidates, settings=settings)
        except NothingToGroundError:
            return Outcome(0.0, 0.0, 0.0, count, float(made.read), np.nan, np.nan, np.nan)
    found = from_tube(sample.sample_id, result.tube)
    scores = overlap(sample.truth, found, "half-open") if found.span else NOTHING
    spent = result.timings_s
    return Outcome(
        scores.t_iou,
        scores.v_iou,
        float(_follows(result.tube, sample.truth)),
        count,
        float(made.read),
        spent.get("scan", 0.0),
        spent["propose"],
        sum(spent.values()),
    )


def _follows(tube: Tube, truth: Truth) -> bool:
    """Whether a track overlaps the true boxes by more than half, where both are known."""
    true = np.arange(truth.span.start_frame, truth.span.end_frame + 1)
    _, mine, theirs = np.intersect1d(tube.track_frame_indices, true, return_indices=True)
    overlaps = paired_iou(tube.track_boxes_xyxy[mine], truth.known_boxes[theirs])
    return bool(len(mine) and overlaps.mean() > 0.5)


def repeated(sample: Sample, times: int, folder: Path) -> Sample:
    """A sample of as many seconds with ``times`` as many frames, each shown so often."""
    if times == 1 or sample.truth is None:
        return sample
    with opened(sample) as video:
        frames = video.frames(np.arange(video.info.frame_count)).frames
        fps = video.info.fps
    path = folder / f"{sample.sample_id}.mp4"
    write_video(path, frames.repeat(times, axis=0), fps * times, crf=CRF)
    true = sample.truth
    span = Span(true.span.start_frame * times, true.span.end_frame * times + times - 1)
    return replace(
        sample,
        video=path,
        frame_count=len(frames) * times,
        truth=Truth(span, true.known_boxes.repeat(times, axis=0)),
        true_tracks=None,
    )


def measure(
    samples: tuple[Sample, ...],
    proposer: Callable[[], Proposer],
    orders: Mapping[str, Order],
    model: str,
    *,
    scored: bool = True,
) -> dict[str, Any]:
    """Figures of every order, in percent, frames and seconds; and the paired differences."""
    grounder, settings = Grounder.from_pretrained(model), settings_for(model)
    made = CountingProposer(proposer())
    found: dict[str, list[Outcome]] = {name: [] for name in orders}
    for number, sample in enumerate(samples):
        names = list(orders)
        # Whichever comes first warms what the other reads.
        for name in names if number % 2 else reversed(names):
            candidates = CountedCandidates(made.name, store=False, order=orders[name], made=made)
            found[name].append(grounded(grounder, sample, candidates, settings))
        print(f"{number + 1}/{len(samples)}", end="\r", file=sys.stderr)
    tables = {name: _columns(outcomes, scored) for name, outcomes in found.items()}
    first, second = (tables[name] for name in orders)
    differences = {key: second[key] - first[key] for key in first}
    return {
        **{name: _intervals(columns) for name, columns in tables.items()},
        "difference": _intervals(differences),
    }


def _columns(outcomes: list[Outcome], scored: bool) -> dict[str, NDArray[np.float64]]:
    rows = [asdict(outcome) for outcome in outcomes]
    scores = ("t_iou", "v_iou", "right_object")
    return {
        key: np.array([row[key] * (100.0 if key in scores else 1.0) for row in rows])
        for key in rows[0]
        if scored or key not in scores
    }


def _intervals(columns: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    known = {key: values[~np.isnan(values)] for key, values in columns.items()}
    return {key: asdict(found) for key, found in intervals_of(known).items()}


def intervals_of(columns: Mapping[str, NDArray[np.float64]]) -> dict[str, Interval]:
    """Means and bootstrap intervals; columns may differ in length."""
    return {key: intervals({key: values})[key] for key, values in columns.items()}


def table_of(report: Mapping[str, Any]) -> str:
    """One line per figure, a column per order and one for the difference."""
    names = (*ORDERS, "difference")
    rows: list[list[str]] = []
    for key in report[ORDERS[0]]:
        cells = [Interval(**report[name][key]) for name in names]
        rows.append([key, *(f"{cell.mean:.2f} {cell.bounds('.2f')}" for cell in cells)])
    return markdown_table(["", *names], rows)


@contextmanager
def toys(name: str) -> Iterator[dict[str, Any]]:
    """Settings of a proposer whose models have random weights, in a folder of their own."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from proposals import toy_checkpoints

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        found: dict[str, Any] = {"device": "cpu"}
        if name == "sam3":
            yield found | {"model": str(toy_checkpoints.write_sam3(place / "sam3"))}
            return
        found |= {"box_threshold": 0.0, "text_threshold": 0.0, "max_objects": 4}
        found["detector"] = str(toy_checkpoints.write_grounding_dino(place / "gdino", side=128))
        if name == "gdino+sam2":
            found["tracker"] = str(toy_checkpoints.write_sam2(place / "sam2"))
        yield found


@contextmanager
def weightless(name: str) -> Iterator[dict[str, Any]]:
    """Settings of a proposer as it is."""
    yield {}


def main() -> None:
    from zerotube.proposals.registry import proposer

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--root", type=Path, nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--proposer", default="motion")
    parser.add_argument("--toys", action="store_true", help="random weights")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="show frames N times")
    parser.add_argument("--samples", type=int, default=None, help="first N of each folder")
    parser.add_argument("--span-margin-s", type=float, default=Order.span_margin_s)
    parser.add_argument("--track-fps", type=float, default=Order.track_fps)
    parser.add_argument("--json", type=Path, default=None)
    given = parser.parse_args()
    orders = {
        ORDERS[0]: Order("off"),
        ORDERS[1]: Order("on", given.span_margin_s, given.track_fps),
    }
    report: dict[str, Any] = {
        "zerotube_version": version("zerotube"),
        "model": fingerprint(given.model),
        "proposer": given.proposer + (" (random weights)" if given.toys else ""),
        "order": asdict(orders[ORDERS[1]]),
        "repeat": given.repeat,
        "sets": {},
    }
    known = toys if given.toys else weightless
    with known(given.proposer) as settings, tempfile.TemporaryDirectory() as folder:
        for root in given.root:
            listed = load_benchmark(Request("synth", root=root)).samples[: given.samples]
            samples = tuple(repeated(one, given.repeat, Path(folder)) for one in listed)
            found = measure(
                samples,
                lambda: proposer(given.proposer, **settings),
                orders,
                given.model,
                scored=not given.toys,
            )
            report["sets"][root.name] = {"samples": len(samples)} | found
            print(f"\n{root.name}, {len(samples)} samples\n{table_of(found)}", flush=True)
            keep(report, given.json)


if __name__ == "__main__":
    main()
