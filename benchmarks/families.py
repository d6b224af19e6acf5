"""Seconds and memory of every model family at its real shape, with random weights.

    python benchmarks/families.py --json FILE                   the paper's four families
    python benchmarks/families.py --families all --json FILE    every family
    python benchmarks/families.py --shape toy --device cpu      try the script itself

Published weights are not needed to know what a shape costs: the published configuration and
processor files are written (`shapes.py`), and the model is filled with random numbers on the
device, in bfloat16. Each family then runs 20 frames of 1280 x 720 noise: encoding, the baseline,
the default and the paper's method, and one plain forward over the same prompt as the yardstick.
The report is written after every family, so that a run that is cut short keeps what it measured.
"""

from __future__ import annotations

import argparse
import gc
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from reports import keep
from shapes import PAPER, PUBLISHED, SHAPES, checkpoint
from toy import make_clip
from zerotube.errors import ZerotubeError
from zerotube.method.config import preset
from zerotube.method.ground import gather
from zerotube.method.session import ClipSession, encode_options
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.registry import family_for
from zerotube.proposals.types import Track, TrackSet
from zerotube.query import decompose
from zerotube.video.types import Clip

QUERY = "the man in red sits down"
FRAMES, HEIGHT, WIDTH, STRIDE, FPS = 20, 720, 1280, 15, 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = sorted({*SHAPES, *PUBLISHED})
    parser.add_argument("--families", nargs="*", default=PAPER, choices=[*known, "all"])
    parser.add_argument("--shape", choices=("real", "toy"), default="real")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    report: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else platform.machine(),
        "torch": torch.__version__,
        "shape": arguments.shape,
        "frames": FRAMES,
        "families": {},
    }
    print(f"{'family':<42} params  tokens  encode  baseline default   paper  forward  ratio  peak")
    for name in known if "all" in arguments.families else arguments.families:
        begin = time.perf_counter()
        try:
            row = measure(name, arguments.shape, device, arguments.repeat)
        except (RuntimeError, ZerotubeError) as error:  # one family's failure is its own row
            row = {"error": (str(error).splitlines() or [type(error).__name__])[0]}
        row["all_s"] = time.perf_counter() - begin
        report["families"][name] = row
        print(f"{name:<42} {line(row)}", flush=True)
        keep(report, arguments.json)
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


def measure(name: str, shape: str, device: torch.device, repeat: int) -> dict[str, Any]:
    """Build one family and time it."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    model = build(name, shape, device, dtype)
    limit = model.family.frame_limit or (1 if model.family.modality == "image" else FRAMES)
    clip = noise(min(FRAMES, limit))
    query, tracks = decompose(QUERY), tracks_of(clip)
    options = encode_options(model, preset())
    context, encode_s, encode_gib = timed(lambda: model.encode(clip, options), device, repeat)

    def run(method: str) -> Callable[[], Any]:
        settings = preset(method).within(limit)

        def ground() -> Any:
            session = ClipSession(model, context, settings)
            return gather(session, query, tracks, clip)

        return ground

    def forward() -> Any:
        with torch.no_grad():
            return model.ask(model.prefill(context), [QUERY])

    _, baseline_s, baseline_gib = timed(run("baseline"), device, repeat)
    _, default_s, default_gib = timed(run("default"), device, repeat)
    _, paper_s, paper_gib = timed(run("paper"), device, repeat)
    _, forward_s, _ = timed(forward, device, repeat)
    return {
        "billions": sum(p.numel() for p in model.model.parameters()) / 1e9,
        "frames": len(clip),
        "visual_tokens": int(context.features.shape[0]),
        "prompt_tokens": int(context.head_ids.shape[1]),
        "encode_s": encode_s,
        "baseline_s": baseline_s,
        "default_s": default_s,
        "paper_s": paper_s,
        "forward_s": forward_s,
        "paper_over_forward": paper_s / forward_s,
        "peak_gib": {
            "encode": encode_gib,
            "baseline": baseline_gib,
            "default": default_gib,
            "paper": paper_gib,
        },
    }


def build(name: str, shape: str, device: torch.device, dtype: torch.dtype) -> VideoMLLM:
    """A family's model with random weights, and its processor."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    family = family_for(name)
    with tempfile.TemporaryDirectory() as place:
        folder = checkpoint(name, Path(place) / "files", real=shape == "real")
        config = AutoConfig.from_pretrained(folder)
        processor = family.load_processor(str(folder), config)
    torch.manual_seed(0)
    with device:
        model = AutoModelForImageTextToText.from_config(
            config, dtype=dtype, attn_implementation="sdpa"
        )
    return VideoMLLM(model, processor, family, name=name)


def noise(count: int) -> Clip:
    """Frames of noise, one every half second."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (count, HEIGHT, WIDTH, 3), dtype=np.uint8)
    return make_clip(frames, stride=STRIDE, fps=FPS)


def tracks_of(clip: Clip) -> TrackSet:
    """Two resting candidates."""
    frames = np.arange(clip.info.frame_count, dtype=np.int64)
    made = tuple(
        Track(
            track_id=number,
            frame_indices=frames,
            boxes_xyxy=np.tile(np.float32([x, 200, x + 300, 600]), (len(frames), 1)),
            observed=np.ones(len(frames), dtype=bool),
            scores=np.ones(len(frames), dtype=np.float32),
        )
        for number, x in ((1, 200), (2, 800))
    )
    return TrackSet(made, clip.info.frame_count, WIDTH, HEIGHT, "benchmark")


def timed(
    run: Callable[[], Any], device: torch.device, repeat: int
) -> tuple[Any, float, float | None]:
    """Result, median seconds after one warm-up run, and peak GiB (None on a CPU)."""
    cuda = device.type == "cuda"
    run()
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    seconds = []
    for _ in range(repeat):
        if cuda:
            torch.cuda.synchronize(device)
        begin = time.perf_counter()
        result = run()
        if cuda:
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - begin)
    peak = torch.cuda.max_memory_allocated(device) / 2**30 if cuda else None
    return result, float(np.median(seconds)), peak


def line(row: dict[str, Any]) -> str:
    """One row for people."""
    if "error" in row:
        return str(row["error"])
    peak = row["peak_gib"]["paper"]
    return (
        f"{row['billions']:5.2f}B {row['visual_tokens']:7d} {row['encode_s']:7.3f} "
        f"{row['baseline_s']:9.3f} {row['default_s']:7.3f} {row['paper_s']:7.3f} "
        f"{row['forward_s']:8.3f} {row['paper_over_forward']:6.1f} "
        f"{'-' if peak is None else f'{peak:5.1f}'}"
    )


if __name__ == "__main__":
    main()
