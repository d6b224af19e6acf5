"""What fits into a machine's memory, and which model is named."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from zerotube.mllm.fitting import PREFERRED, Machine, recommended, this_machine
from zerotube.mllm.registry import FAMILIES

GIB = 2**30
ONEVISION_7B = "llava-hf/llava-onevision-qwen2-7b-ov-hf"
NAMES = {item.name for entry in FAMILIES.values() for item in entry.checkpoints}


@pytest.fixture(autouse=True)
def asked_anew() -> None:
    this_machine.cache_clear()


def test_preferred_models_are_in_the_table() -> None:
    assert {name for name, _ in PREFERRED} <= NAMES


@pytest.mark.parametrize(
    ("device", "gib", "fit"),
    [
        ("cuda", 80.0, "yes"),
        ("cuda", 20.0, "tight"),
        ("cuda", 12.0, "4 bit"),
        ("cuda", 4.0, "no"),
        ("cpu", 80.0, "yes"),
        ("cpu", 40.0, "tight"),
        # Quantised weights need a GPU.
        ("cpu", 12.0, "no"),
    ],
)
def test_a_model_of_eight_billions(device, gib: float, fit: str) -> None:
    assert Machine(device, "it", int(gib * GIB)).fit(8.0) == fit


@pytest.mark.parametrize(
    ("device", "gib", "name"),
    [
        ("cuda", 80.0, ONEVISION_7B),
        # 14.9 GiB of weights leave no room for tuning on a card of 24.
        ("cuda", 24.0, "Qwen/Qwen2.5-VL-3B-Instruct"),
        ("cuda", 10.0, "Qwen/Qwen2-VL-2B-Instruct"),
        ("cuda", 1.2, "HuggingFaceTB/SmolVLM2-256M-Video-Instruct"),
        ("cuda", 0.5, "bundled"),
        ("cpu", 64.0, ONEVISION_7B),
        ("cpu", 22.0, "Qwen/Qwen2-VL-2B-Instruct"),
    ],
)
def test_the_one_to_take(device, gib: float, name: str) -> None:
    machine = Machine(device, "it", int(gib * GIB))
    advice = recommended(machine)
    assert advice.name == name
    assert f"{gib:.1f} GiB free on it" in advice.why


def test_memory_that_cannot_be_told() -> None:
    machine = Machine("cpu", "CPU", None)
    assert machine.fit(0.1) == "unknown"
    assert recommended(machine).name == ONEVISION_7B
    assert "cannot be told" in recommended(machine).why


def _driver(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program of the driver's name first on the path; torch is one that sees GPUs."""
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("zerotube.mllm.fitting.version", lambda name: "2.15.0")


def test_a_card_is_asked_for_its_free_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The format of `nvidia-smi --query-gpu=memory.free,name --format=csv,noheader,nounits`.
    _driver(tmp_path, monkeypatch, 'echo "$1" > "$(dirname $0)/asked"; echo "81038, NVIDIA H100"')
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1")
    assert this_machine() == Machine("cuda", "NVIDIA H100", 81038 * 2**20)
    assert (tmp_path / "asked").read_text(encoding="utf-8").strip() == "--id=3"


@pytest.mark.parametrize("script", ["exit 9", "echo '[N/A], Thor'", "true"])
def test_a_driver_that_does_not_answer(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _driver(tmp_path, monkeypatch, script)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert this_machine().device == "cpu"


def test_cards_that_are_hidden_or_that_torch_cannot_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _driver(tmp_path, monkeypatch, 'echo "81038, NVIDIA H100"')
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert this_machine().device == "cpu"
    this_machine.cache_clear()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr("zerotube.mllm.fitting.version", lambda name: "2.15.0+cpu")
    assert this_machine().device == "cpu"
