"""``zerotube demo``: a generated clip, grounded, with the true tube beside the answer."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zerotube.cli import console
from zerotube.cli.ground import BUNDLED
from zerotube.cli.paths import check_out_dir

if TYPE_CHECKING:
    from zerotube.synth import SynthSample
    from zerotube.synth.sets import Stage

CLIP = "clip.mp4"


def demo_sample(seed: int = 0) -> SynthSample:
    """The clip of the demo, which is also that of the README's first picture.

    It is the first sample of the set "attribute-hard", in the series ``HELD_OUT_SEED + seed``, that
    has no condition and a background without pattern and grain. It is not chosen for how the answer
    comes out.

    Args:
        seed: which of the held-out series, from 0.
    """
    from zerotube.synth import HELD_OUT_SEED, set_stage
    from zerotube.synth.draw import draw

    def plain(stage: Stage) -> bool:
        backdrop = stage.take.backdrop
        smooth = backdrop.pattern in ("uniform", "gradient") and backdrop.grain == 0.0
        return smooth and stage.condition == "plain"

    stages = (set_stage("attribute-hard", index, HELD_OUT_SEED + seed) for index in count())
    return draw(next(filter(plain, stages)))


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write into.")],
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Which clip, all of them unseen in training.")
    ] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the files of an earlier demo.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
) -> None:
    """Generate a clip, ground its sentence with the bundled model, compare with the truth.

    The clip is the first plain one of the held-out seeds, not picked for its answer; --seed takes
    others.
    """
    from zerotube.tube.io import RESULT_FILES

    check_out_dir(out, (CLIP, *RESULT_FILES), overwrite=overwrite)

    import numpy as np

    from zerotube.eval.metrics import overlap
    from zerotube.eval.predictions import from_tube
    from zerotube.eval.types import Truth
    from zerotube.geometry.spans import Span
    from zerotube.grounder import Candidates, Grounder
    from zerotube.synth import CRF
    from zerotube.video import write_video

    truth = demo_sample(seed)
    out.mkdir(parents=True, exist_ok=True)
    clip = out / CLIP
    write_video(clip, truth.frames, truth.fps, crf=CRF)
    grounder = Grounder.from_pretrained(BUNDLED)
    with console.StageProgress(quiet=quiet) as progress:
        # The clip is new every time: keeping its candidates would only leave files behind.
        new = Candidates(store=False)
        result = grounder.ground(clip, truth.query, candidates=new, progress=progress)
    for warning in result.warnings:
        console.warn(warning)
    result.save(out, overwrite=overwrite)

    described = slice(truth.start_frame, truth.end_frame + 1)
    described_span = Span(truth.start_frame, truth.end_frame)
    true_tube = Truth(
        described_span,
        truth.boxes_xyxy[truth.target, described].astype(np.float64),
    )
    scores = overlap(true_tube, from_tube(truth.sample_id, result.tube), "half-open")
    start_s, end_s = described_span.seconds(truth.fps)
    console.print_rows(
        [
            ("query", truth.query),
            *result.rows(),
            (
                "truth",
                f"{truth.labels[truth.target]}, {start_s:.2f} s to {end_s:.2f} s, "
                f"frames {truth.start_frame} to {truth.end_frame}",
            ),
            ("tIoU", f"{scores.t_iou:.2f}"),
            ("vIoU", f"{scores.v_iou:.2f}"),
            ("box IoU", f"{scores.gt_v_iou:.2f} over the true span"),
            *[("file", str(out / name)) for name in (CLIP, *RESULT_FILES)],
        ]
    )
