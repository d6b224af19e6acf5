"""Colour words on real footage, which the bundled model was never made for.

    python benchmarks/footage.py [--json benchmarks/results/footage.json] [--pictures docs/images]

Three queries on two clips, candidates by `motion`, the settings of `variants.py` side by side:
examples, no measurement. The clips are in the folder ``clips`` of
``ZEROTUBE_SHARED`` (default ``../shared``); without them the script says so and ends well. Each
picture shows the frames of the references with the track that one variant chose.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports import keep
from variants import add_settings, variants_of
from zerotube.errors import UsageError, ZerotubeError
from zerotube.eval.ground_task import ModelChoice, Variant
from zerotube.geometry.boxes import paired_iou
from zerotube.grounder import Candidates, Grounder
from zerotube.proposals.types import Track, TrackSet
from zerotube.tube.types import GroundingResult
from zerotube.video import open_video

REPOSITORY = Path(__file__).resolve().parents[1]

Box = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels of the 1280 x 720 frame."""

OVERLAP = 0.3
"""IoU above which a candidate's box lies on an object."""

# All boxes below were read off the pictures by eye, against a grid of 40 pixels: they are good to
# about five pixels. The dress in cups.mp4 is of a brownish yellow; it counts as a miss.
BALL: dict[int, tuple[Box, ...]] = {
    0: ((366, 427, 436, 503),),
    20: ((366, 427, 436, 503),),
    290: ((777, 462, 853, 542),),
    299: ((702, 510, 781, 594),),
}
CUPS: dict[int, tuple[Box, ...]] = {
    0: ((265, 0, 440, 197), (573, 294, 735, 543), (832, 294, 997, 543)),
    20: ((301, 174, 468, 418), (573, 294, 735, 543), (832, 294, 997, 543)),
    54: ((311, 285, 473, 533), (506, 230, 636, 443), (902, 281, 1058, 513)),
    109: ((424, 251, 577, 478), (589, 287, 751, 529), (744, 292, 920, 554)),
    163: ((287, 276, 447, 517), (619, 269, 777, 510), (833, 269, 993, 510)),
    217: ((336, 255, 487, 483), (540, 278, 696, 517), (707, 322, 879, 584)),
    272: ((280, 281, 436, 524), (469, 288, 631, 536), (700, 311, 865, 563)),
    299: ((324, 276, 484, 517), (489, 288, 651, 536), (654, 220, 830, 492)),
}
MUG: dict[int, tuple[Box, ...]] = {
    0: ((802, 418, 985, 617),),
    26: ((763, 346, 953, 538),),
    52: ((747, 364, 941, 557),),
    104: ((745, 355, 932, 547),),
    156: ((735, 350, 923, 542),),
    208: ((735, 345, 923, 534),),
    286: ((730, 336, 920, 526),),
}


@dataclass(frozen=True)
class Case:
    """One query on one clip.

    Attributes:
        clip: file name.
        query: as asked.
        name: of its picture.
        where: the objects that it means, by frame; all of them in every frame named.
    """

    clip: str
    query: str
    name: str
    where: Mapping[int, tuple[Box, ...]]


CASES = (
    Case("cups.mp4", "the yellow object", "yellow", BALL),
    Case("cups.mp4", "a red object", "red", CUPS),
    Case("coffee.mp4", "the blue object", "blue", MUG),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="bundled", help='"bundled" or a folder of weights')
    add_settings(parser)
    parser.add_argument("--shown", default="full, the paper's settings", help="variant in pictures")
    parser.add_argument("--pictures", type=Path, metavar="DIR")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    clips = clips_folder()
    missing = sorted({case.clip for case in CASES if not (clips / case.clip).is_file()})
    if missing:
        absent = " and no ".join(missing)
        print(f"skipped: no {absent} in {clips}; set ZEROTUBE_SHARED to the folder above it")
        return
    try:
        report = measure(
            arguments.model,
            clips,
            variants_of(arguments.settings),
            shown=arguments.shown,
            pictures=arguments.pictures,
        )
    except ZerotubeError as error:
        parser.exit(error.exit_code, f"footage.py: error: {error}\n")
    print(markdown(report))
    keep(report, arguments.json)


def clips_folder() -> Path:
    """``clips`` in ``ZEROTUBE_SHARED``, default ``../shared``."""
    return Path(os.environ.get("ZEROTUBE_SHARED", REPOSITORY.parent / "shared")) / "clips"


def measure(
    model: str,
    clips: Path,
    variants: Sequence[Variant],
    *,
    shown: str,
    pictures: Path | None = None,
    cases: Sequence[Case] = CASES,
) -> dict[str, Any]:
    """Ground every query under every variant.

    Args:
        model: "bundled" or a folder of weights.
        clips: where the clips are stored.
        variants: of the method.
        shown: label of the variant in the pictures.
        pictures: folder for ``footage-NAME.png``; None draws none.
        cases: the queries.

    Raises:
        UsageError: no variant of that label.
        ZerotubeError: a clip cannot be grounded.
    """
    labels = [one.label for one in variants]
    if shown not in labels:
        raise UsageError(
            f"--shown {shown!r}", wanted=f"one of {', '.join(labels)}", fix="name one of these"
        )
    grounder = ModelChoice(model).load()
    rows = []
    tracks: dict[str, TrackSet] = {}
    for case in cases:
        # `motion` knows no words: what it found for one query are the candidates of the next.
        candidates = Candidates("motion", tracks=tracks.get(case.clip), store=False)
        results = grounded(grounder, clips / case.clip, case.query, variants, candidates)
        tracks[case.clip] = results[shown].tracks
        judged = {track.track_id: hits(track, case.where) for track in results[shown].tracks}
        if pictures is not None:
            from footage_picture import draw

            pictures.mkdir(parents=True, exist_ok=True)
            draw(results[shown], case, judged, shown, pictures / f"footage-{case.name}.png")
        rows.append(
            {
                "clip": case.clip,
                "query": case.query,
                "candidates": len(judged),
                "right_candidates": [name for name, right in judged.items() if right],
                "at_random": sum(judged.values()) / len(judged),
                "answers": {
                    label: {
                        "track_id": result.tube.track_id,
                        "right": judged[result.tube.track_id],
                        "presence": result.evidence.presence,
                    }
                    for label, result in results.items()
                },
            }
        )
    return {"zerotube": version("zerotube"), "model": model, "variants": labels, "queries": rows}


def grounded(
    grounder: Grounder,
    clip: Path,
    query: str,
    variants: Sequence[Variant],
    candidates: Candidates,
) -> dict[str, GroundingResult]:
    """Results by label.

    Raises:
        ZerotubeError: one of them has no answer.
    """
    found: dict[str, GroundingResult] = {}
    with open_video(clip) as video:
        settings = [one.settings for one in variants]
        outcomes = grounder.ground_each(video, query, settings, candidates=candidates)
        for variant, outcome in zip(variants, outcomes, strict=True):
            if isinstance(outcome, ZerotubeError):
                raise outcome
            found[variant.label] = outcome
    return found


def hits(track: Track, where: Mapping[int, tuple[Box, ...]]) -> bool:
    """Whether a candidate is one of the objects meant.

    It is if, in more than half of the frames of the references in which it is visible, its box
    overlaps one of the objects by more than ``OVERLAP`` or has its centre inside it. One that is
    visible in none of these frames is not.
    """
    frames = np.array(sorted(where), dtype=np.int64)
    boxes, visible = track.boxes_at(frames)
    on = [
        any(lies_on(box, np.array(one, dtype=np.float64)) for one in where[int(frame)])
        for frame, box in zip(frames[visible], boxes[visible].astype(np.float64), strict=True)
    ]
    return bool(on) and 2 * sum(on) > len(on)


def lies_on(box: NDArray[np.float64], reference: NDArray[np.float64]) -> bool:
    """See ``hits``."""
    centre = (box[:2] + box[2:]) / 2
    inside = bool((reference[:2] <= centre).all() and (centre <= reference[2:]).all())
    return inside or float(paired_iou(box[None], reference[None])[0]) > OVERLAP


def markdown(report: Mapping[str, Any]) -> str:
    """A row per query."""
    labels = report["variants"]
    lines = [
        "| clip | query | " + " | ".join(labels) + " | right at random |",
        "|---|---|" + "---|" * len(labels) + "---|",
    ]
    for row in report["queries"]:
        answers = ("hit" if row["answers"][label]["right"] else "miss" for label in labels)
        lot = (
            f"{len(row['right_candidates'])} of {row['candidates']} ({100 * row['at_random']:.0f}%)"
        )
        lines.append(f"| {row['clip']} | {row['query']} | {' | '.join(answers)} | {lot} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
