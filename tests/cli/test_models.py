"""``zerotube models``: what there is, what fits, what to take."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from zerotube.mllm.fitting import Machine
from zerotube.mllm.registry import FAMILIES


@pytest.fixture
def large_card(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine("cuda", "NVIDIA H200", 139 * 2**30)
    for place in ("zerotube.mllm.fitting", "zerotube.grounder.warnings"):
        monkeypatch.setattr(f"{place}.this_machine", lambda: machine)


def test_every_checkpoint_and_the_bundled_one(run) -> None:
    rows = json.loads(run("models", "--json").out)
    assert rows[0]["name"] == "bundled"
    assert rows[0]["cached"]
    listed = [item.name for entry in FAMILIES.values() for item in entry.checkpoints]
    assert sorted(row["name"] for row in rows[1:]) == sorted(listed)
    assert {row["architecture"] for row in rows} == set(FAMILIES)
    assert all(row["weights_gib"] > row["weights_4bit_gib"] > 0 for row in rows)
    assert sum(row["recommended"] for row in rows) == 1


def test_the_table_ends_with_the_command(run, large_card: None) -> None:
    done = run("models")
    assert done.code == 0
    *_, why, command = done.out.splitlines()
    assert "llava-onevision-qwen2-7b-ov-hf" in why
    assert "139.0 GiB free on NVIDIA H200" in why
    assert command.endswith("--model llava-hf/llava-onevision-qwen2-7b-ov-hf")


def test_what_is_in_the_hubs_cache_is_on_disk(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--Qwen--Qwen2-VL-2B-Instruct"
    snapshot = repository / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc", encoding="utf-8")
    for name in ("config.json", "model.safetensors"):
        (snapshot / name).write_text("{}", encoding="utf-8")
    rows = json.loads(run("models", "--json").out)
    cached = [row["name"] for row in rows if row["cached"]]
    assert cached == ["bundled", "Qwen/Qwen2-VL-2B-Instruct"]


def test_an_unknown_noun_is_told_the_command_to_run(run, clip: Path, large_card: None) -> None:
    query = "the woman's dog runs"
    done = run("ground", clip, query, "--method", "gti", "--quiet")
    (warning,) = [line for line in done.err.splitlines() if "does not know" in line]
    command = shlex.split(warning.split("run: ")[1])
    assert command == [
        *("zerotube", "ground", str(clip), query),
        *("--model", "llava-hf/llava-onevision-qwen2-7b-ov-hf"),
    ]
