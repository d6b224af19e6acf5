"""The flags of a run over a benchmark and of its model, alike in every verb that has them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zerotube.errors import UsageError

if TYPE_CHECKING:
    from zerotube.eval.runner import RunOptions

RUN_OPTION = Annotated[
    Path,
    typer.Option("--out", metavar="RUN", help="Folder of the run: its journal and its results."),
]
RESUME_OPTION = Annotated[
    bool,
    typer.Option("--resume", help="Go on with the run in --out; begin it if there is none."),
]
LIMIT_OPTION = Annotated[
    int | None, typer.Option("--limit", metavar="N", help="Only the first N samples.")
]
SHARD_OPTION = Annotated[
    str,
    typer.Option(
        "--shard", metavar="I/N", help="Only the I-th of N parts, each with an --out of its own."
    ),
]
WORKERS_OPTION = Annotated[
    int | None,
    typer.Option(
        "--workers", metavar="W", help="Processes that share the work, each with its own model."
    ),
]
RAY_OPTION = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS|local",
        help="Spread the work over a Ray cluster: a worker per GPU, else per core, or --workers.",
    ),
]
QUIET_OPTION = Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")]

MODEL_OPTION = Annotated[
    str, typer.Option("--model", help="Hugging Face id or folder of the multimodal LLM.")
]
DEVICE_OPTION = Annotated[
    str | None, typer.Option("--device", help="cpu, cuda, cuda:1, mps; default: the best.")
]
DTYPE_OPTION = Annotated[
    str | None, typer.Option("--dtype", help="float32, bfloat16, float16; default: by device.")
]
DEVICE_MAP_OPTION = Annotated[
    str | None,
    typer.Option("--device-map", metavar="auto", help="Spread the layers over all devices."),
]
QUANTIZE_OPTION = Annotated[
    str | None,
    typer.Option("--quantize", metavar="8bit|4bit", help="Load quantised weights."),
]
RUN_DECOMPOSER_OPTION = Annotated[
    str,
    typer.Option(
        "--decomposer",
        metavar="rules|model",
        help="What splits a sentence: rules, or --model itself.",
    ),
]
PROPOSER_OPTION = Annotated[
    str | None,
    typer.Option(
        "--proposer",
        metavar="NAME|truth",
        help="What finds the candidate tracks; truth: the true tracks of all objects, where the "
        "data set has them; default: gdino+sam2, or motion with --model bundled.",
    ),
]
PROPOSER_SET_OPTION = Annotated[
    list[str] | None,
    typer.Option("--proposer-set", metavar="NAME=VALUE", help="A setting of the proposer."),
]
TRACKS_DIR_OPTION = Annotated[
    Path | None,
    typer.Option(
        "--tracks",
        metavar="DIR",
        help="Read the candidates: a file per video, named as the video with .json, at any depth.",
    ),
]


def run_options(
    out: Path,
    *,
    resume: bool,
    limit: int | None,
    shard: str,
    workers: int | None,
    ray: str | None,
) -> RunOptions:
    """What the flags of a run come to.

    Raises:
        UsageError: one of them is malformed or out of range.
    """
    from zerotube.eval.runner import RunOptions

    return RunOptions(out, resume, limit, _shard(shard), workers, ray)


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]+)/([0-9]+)", text.strip())
    if found is None:
        raise UsageError(
            f"--shard {text!r}", wanted="I/N, two whole numbers", fix="pass for example --shard 1/4"
        )
    return int(found[1]), int(found[2])


def check_decomposer(name: str) -> None:
    """Refuse a decomposer that a run does not have.

    Raises:
        UsageError: it is neither of the two.
    """
    if name not in ("rules", "model"):
        raise UsageError(f"--decomposer {name}", wanted="rules or model", fix="choose one of these")
