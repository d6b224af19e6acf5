"""Which published checkpoints fit this machine, and the one to take. Needs no torch.

Free memory is compared with the weights as ``zerotube.mllm.loading.load`` would hold them: 16 bits
per parameter on a GPU, 32 on a CPU. Half of what is free is kept for the visual prefix and, while
a prompt is tuned, its activations, which at 20 frames and 7 billion parameters are estimated to
take about as much as the weights; with less room attention can be read but tuning may not fit.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from zerotube.mllm.registry import FAMILIES, Checkpoint
from zerotube.mllm.weights import free_ram_bytes, gib

Fit = Literal["yes", "tight", "4 bit", "no", "unknown"]
"""yes: with room for all stages. tight: the weights fit, tuning may not. 4 bit: with room under
``--quantize 4bit``. unknown: free memory cannot be told."""

COMFORTABLE, TIGHT = 0.5, 0.85
"""Largest shares of the free memory that the weights may take."""

PREFERRED = (
    (
        "llava-hf/llava-onevision-qwen2-7b-ov-hf",
        "the best of the models that the paper reports on HC-STVG and VidSTG",
    ),
    (
        "Qwen/Qwen2.5-VL-7B-Instruct",
        "as good in the paper's report on HC-STVG v2 as LLaVA-OneVision-7B",
    ),
    (
        "Qwen/Qwen2.5-VL-3B-Instruct",
        "the smallest model of the paper's report on HC-STVG v2, 2.3 points behind the best",
    ),
)
"""What to take where it fits, the best first, and why; the numbers are the paper's m_vIoU."""


@dataclass(frozen=True)
class Machine:
    """Where a model would be loaded by default.

    Attributes:
        device: the first GPU, else the CPU.
        name: of the card; "CPU" without one.
        free_bytes: its free memory, None where it cannot be told.
    """

    device: Literal["cuda", "cpu"]
    name: str
    free_bytes: int | None

    @property
    def bytes_per_parameter(self) -> float:
        """Of weights that are not quantised."""
        return 2.0 if self.device == "cuda" else 4.0

    def fit(self, billions: float) -> Fit:
        """Whether a model of so many billion parameters fits."""
        if self.free_bytes is None:
            return "unknown"
        share = billions * 1e9 * self.bytes_per_parameter / max(self.free_bytes, 1)
        if share <= COMFORTABLE:
            return "yes"
        if share <= TIGHT:
            return "tight"
        # bitsandbytes quantises for GPUs.
        four_bit = self.device == "cuda" and share / 4 <= COMFORTABLE
        return "4 bit" if four_bit else "no"


@dataclass(frozen=True)
class Recommendation:
    """A checkpoint for this machine.

    Attributes:
        name: id to pass to --model.
        why: one clause for people.
    """

    name: str
    why: str


@cache
def this_machine() -> Machine:
    """The machine as it was found at the first call."""
    card = _first_card()
    return card if card is not None else Machine("cpu", "CPU", free_ram_bytes())


def recommended(machine: Machine) -> Recommendation:
    """The video model to take: a preferred one that fits with room, else the largest that does.

    "bundled", which knows coloured shapes alone, where none fits with room; the first of the
    preferred where free memory cannot be told.
    """
    if machine.free_bytes is None:
        name, why = PREFERRED[0]
        return Recommendation(name, f"{why}; free memory cannot be told here")
    fitting = [item for item in _videos() if machine.fit(item.billions) == "yes"]
    room = f"fits into the {gib(machine.free_bytes)} free on {machine.name} with room for tuning"
    names = {item.name for item in fitting}
    for name, why in PREFERRED:
        if name in names:
            return Recommendation(name, f"{why}; {room}")
    if not fitting:
        return Recommendation(
            "bundled",
            f"no published model fits into the {gib(machine.free_bytes)} free on {machine.name} "
            "with room for tuning; knows coloured shapes alone",
        )
    largest = max(fitting, key=lambda item: item.billions)
    return Recommendation(largest.name, f"the largest video model that {room}")


def _videos() -> Iterable[Checkpoint]:
    """Checkpoints that take a video and load without a further step."""
    for entry in FAMILIES.values():
        if entry.modality == "video":
            yield from (item for item in entry.checkpoints if not (item.gated or item.note))


def _first_card() -> Machine | None:
    """The GPU that torch would call cuda:0, asked of the driver's own tool."""
    tool = shutil.which("nvidia-smi")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if tool is None or visible in ("", "-1") or _torch_for_cpu():
        return None
    first = (visible or "0").split(",")[0].strip()
    try:
        done = subprocess.run(
            [
                tool,
                f"--id={first}",
                "--query-gpu=memory.free,name",
                "--format=csv,noheader,nounits",
            ],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        free, _, name = done.stdout.splitlines()[0].partition(",")
        return Machine("cuda", name.strip(), int(free) * 2**20)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        # No driver, or a card that does not tell: torch would not see it either.
        return None


def _torch_for_cpu() -> bool:
    """Whether the installed torch was built without GPU support, by the label of its version."""
    try:
        return version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return True
