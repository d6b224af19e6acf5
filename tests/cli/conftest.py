"""Running the command line inside the test process, and tiny videos to run it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str

    def error_line(self) -> str:
        """The one error line; fails unless there is exactly one, and no traceback."""
        assert "Traceback" not in self.err + self.out, self.err
        lines = [line for line in self.err.splitlines() if line.startswith("zerotube: error:")]
        assert len(lines) == 1, self.err
        assert self.err.rstrip().endswith(lines[0]), self.err
        return lines[0]


Run = Callable[..., Outcome]


@pytest.fixture(scope="session")
def run() -> Run:
    """Call with the words of a command line; a bug raises instead of ending with a code."""
    from zerotube.cli.main import app

    def call(*words: object, stdin: str | bytes | None = None) -> Outcome:
        result = CliRunner().invoke(
            app, [str(word) for word in words], input=stdin, catch_exceptions=False
        )
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return call


def _write_clip(path: Path, *, frames: int = 24, size: tuple[int, int] = (128, 96)) -> Path:
    """A red square that moves right and a blue one that rests, on grey; H.264 at 12 fps."""
    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(12))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "12", "preset": "ultrafast"}
        for index in range(frames):
            picture = np.full((height, width, 3), 128, np.uint8)
            left = 8 + int(60 * index / max(frames - 1, 1))
            picture[12:40, left : left + 28] = (214, 40, 40)
            picture[60:84, 90:114] = (45, 98, 220)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def write_clip() -> Callable[..., Path]:
    """See `_write_clip`."""
    return _write_clip


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `_write_clip`."""
    return _write_clip(tmp_path_factory.mktemp("clips") / "squares.mp4")
