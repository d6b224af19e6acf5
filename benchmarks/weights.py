"""What weights cost on disk and in time."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from zerotube.bundled import bundled_path
from zerotube.errors import UsageError
from zerotube.eval.ground_task import ModelChoice
from zerotube.mllm.prompting import render
from zerotube.query.prompts import existence_prompt
from zerotube.synth import set_sample
from zerotube.synth.candidates import sampled_clip

THREADS, ROUNDS = 2, 10
"""How a forward is timed."""


def megabytes(model: str) -> float:
    """Size of the weight files in 10^6 bytes.

    Raises: as ``weight_files``.
    """
    return sum(path.stat().st_size for path in weight_files(model)) / 1e6


def fingerprint(model: str) -> str:
    """Name for the runs of these weights: those of others in the same folder are not gone on with.

    Raises: as ``weight_files``.
    """
    digest = hashlib.sha256()
    for path in weight_files(model):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def weight_files(model: str) -> list[Path]:
    """The weights of "bundled" or of a folder.

    Raises:
        UsageError: there are none.
    """
    folder = bundled_path() if model == "bundled" else Path(model)
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise UsageError(
            f"--model {model}, where no *.safetensors is stored",
            wanted="'bundled' or a folder of weights",
            fix="name a folder that training/export.py wrote",
        )
    return files


def forward_seconds(model: ModelChoice) -> list[float]:
    """Seconds of plain forwards of one question about a clip of 20 frames, vision tower included.

    Pictures and prompt are made ready before, and the first forward, which warms up, is left out.
    """
    import torch

    loaded = model.load().model
    clip = sampled_clip(set_sample("attribute-hard", 0), frames=20)
    text = render(loaded.processor, existence_prompt("the red square"), loaded.family.modality)
    inputs = {
        key: value.to(loaded.device) if isinstance(value, torch.Tensor) else value
        for key, value in loaded.family.process(loaded.processor, text, clip).items()
    }
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    seconds = []
    try:
        with torch.inference_mode():
            for _ in range(ROUNDS + 1):
                begin = time.perf_counter()
                float(loaded.model(**inputs).logits[0, -1, 0])  # waits for the last kernel
                seconds.append(time.perf_counter() - begin)
    finally:
        torch.set_num_threads(threads)
    return seconds[1:]
