"""The asker against a server that others wrote: ``transformers serve`` with a toy checkpoint."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest

from toy import noise_clip
from toys import qwen2_5_vl
from zerotube.errors import AnswerError, QueryError
from zerotube.query.llm import LLMSettings
from zerotube.query.llm.openai_clients import openai_asker
from zerotube.query.prompts import time_prompt
from zerotube.query.times import read_windows

for package in ("openai", "fastapi", "uvicorn"):
    pytest.importorskip(package, reason=f"needs {package}")

WAIT_S = 120.0


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address of the server, and a checkpoint that it can load."""
    checkpoint = qwen2_5_vl.write(tmp_path_factory.mktemp("served") / "toy")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("transformers")
    words = [program, "serve", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            _wait(port, running)
            yield f"http://127.0.0.1:{port}/v1", checkpoint
        finally:
            running.kill()


def _wait(port: int, running: subprocess.Popen[bytes]) -> None:
    """Until the server answers."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        assert running.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.3)
    pytest.fail(f"no server within {WAIT_S} s")


def test_frames_reach_a_model_that_others_serve(served: tuple[str, Path]) -> None:
    """Its weights are random: it answers, and what it says names no time."""
    address, checkpoint = served
    settings = LLMSettings(base_url=address, model=str(checkpoint), request_s=60, attempts=1)
    clip = noise_clip(3, 84)
    question = time_prompt("it moves", "seconds", frame_count=3, duration_s=1.0)
    answers = openai_asker(settings)(clip, question, 1)
    assert len(answers) == 1
    assert answers[0]
    with pytest.raises(QueryError):
        read_windows(answers[0], "seconds", frame_count=3, duration_s=1.0)
    unknown = LLMSettings(base_url=address, model="/nowhere/at/all", request_s=60, attempts=1)
    with pytest.raises(AnswerError, match="status"):
        openai_asker(unknown)(clip, question, 1)
