"""Small tasks for the runner. They really compute, and misbehave in ways that files ask for.

They stand in a module of their own because worker processes import them.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zerotube.errors import ModelError, UsageError
from zerotube.eval.task import SampleSkipped, Work
from zerotube.eval.types import Benchmark, Sample, Skipped, Truth
from zerotube.geometry.spans import Span


def benchmark(count: int, *, skipped: tuple[Skipped, ...] = ()) -> Benchmark:
    """Samples without videos."""
    return Benchmark("synth", "test", tuple(one_sample(index) for index in range(count)), skipped)


def one_sample(index: int, query: str = "the red circle") -> Sample:
    span = Span(index, index + 3)
    boxes = np.tile(np.array([1.0, 2.0, 3.0 + index, 9.0]), (4, 1))
    return Sample(f"s{index:03d}", query, "plain", "clip.mp4", None, Truth(span, boxes))


@dataclass(frozen=True)
class Digests:
    """Hashes each sample's id and boxes; some samples misbehave.

    Attributes:
        log: folder where every attempt leaves a line, and every opening.
        behaviour: by sample id: "fail", "fail once", "skip", "die", "die once", "usage", "memory",
            "nan", "wait", "wait once", "odd".
        seconds: that every attempt takes at least.
        opening: what opening does: "", "fail", "bug" or "die".
        setting: decides the results.
    """

    log: Path
    behaviour: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    opening: str = ""
    setting: float = 1.0

    @property
    def settings(self) -> dict[str, Any]:
        return {"method": {"setting": self.setting, "name": "digests"}, "sizes": (1, 2)}

    def open(self) -> Work:
        self._note("opened", f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')}")
        if self.opening == "fail":
            raise ModelError("no model", wanted="a model", fix="pass --model")
        if self.opening == "bug":
            raise RuntimeError("a bug while it opened")
        if self.opening == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return self._work

    def _note(self, name: str, text: str) -> None:
        with (self.log / name).open("a") as stream:
            stream.write(text + "\n")

    def _work(self, sample: Sample) -> dict[str, Any]:
        self._note("attempts", f"{sample.sample_id} {os.getpid()}")
        attempts = self.attempts().count(sample.sample_id)
        time.sleep(self.seconds)
        match self.behaviour.get(sample.sample_id, ""):
            case "fail":
                raise RuntimeError(f"nothing to be done about <{sample.sample_id}>")
            case "fail once" if attempts == 1:
                raise RuntimeError("for the first time")
            case "skip":
                raise SampleSkipped("a video of 3 frames", wanted="9", fix="get it again")
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "die once" if attempts == 1:
                os.kill(os.getpid(), signal.SIGSEGV)
            case "usage":
                raise UsageError("--proposer x", wanted="one that is there", fix="choose another")
            case "memory":
                return {"big": len(bytearray(1 << 60))}
            case "nan":
                return {"value": float("nan")}
            case "odd":
                return {"value": object()}
            case "wait":
                time.sleep(60)
            case "wait once" if attempts == 1:
                time.sleep(60)
        digest = hashlib.sha256(sample.sample_id.encode() + sample.truth.boxes_xyxy.tobytes())
        return {"digest": digest.hexdigest(), "setting": self.setting, "text": "größer"}

    def attempts(self) -> list[str]:
        """Ids of the samples in the order of their attempts."""
        return [line.split()[0] for line in self._lines("attempts")]

    def pids(self) -> list[int]:
        """Processes of the attempts, in order."""
        return [int(line.split()[1]) for line in self._lines("attempts")]

    def openings(self) -> list[tuple[int, str]]:
        """Process and OMP_NUM_THREADS of every opening."""
        pairs = [line.split() for line in self._lines("opened")]
        return [(int(pid), threads) for pid, threads in pairs]

    def _lines(self, name: str) -> list[str]:
        file = self.log / name
        return file.read_text().splitlines() if file.exists() else []
