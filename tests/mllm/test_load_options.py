"""Quantised weights, several devices, memory, and what the hub answers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from toy import noise_clip
from toys import llava_onevision
from zerotube import checkpoints
from zerotube.checkpoints import torch_dtype
from zerotube.checkpoints.files import CheckpointFiles, StoredTensor
from zerotube.errors import MissingExtraError, ModelError, UsageError
from zerotube.method.config import preset
from zerotube.method.tuning import start, tune
from zerotube.mllm import loading, weights
from zerotube.mllm.loading import check_gradients, load

QUESTION = "Is there the red square in this video?"


@pytest.mark.parametrize("quantize", ["8bit", "4bit"])
def test_tuning_gets_gradients_through_quantised_weights_or_they_are_refused(
    tmp_path: Path, quantize: str
) -> None:
    pytest.importorskip("bitsandbytes", reason="the extra `quantize` is not installed")
    folder = llava_onevision.write(tmp_path / "wide", scale=8)  # kernels want multiples of 64
    refused = None
    try:
        model = load(str(folder), device="cpu", dtype="float32", quantize=quantize)
    except ModelError as error:
        refused = str(error)
    if refused is not None:  # 4 bit on a CPU: bitsandbytes packs the weights for inference alone
        assert quantize == "4bit"
        assert "let no gradient through" in refused
        return
    context = model.encode(noise_clip())
    started = start(model, context, reverse=False)
    # Rounding to 8 bit swallows steps that are much shorter.
    settings = preset("paper", lr=0.1, iterations=2)
    prompt, losses = tune(model, QUESTION, started, settings, model.tokens.answer_ids()[0])
    assert prompt.abs().max() > 0
    assert losses[1] < losses[0]


class Opaque(torch.nn.Linear):
    """A layer that lets no gradient through, as some integer kernels do."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return super().forward(features).detach()


def test_layers_without_gradients_are_refused() -> None:
    with pytest.raises(ModelError, match="let no gradient through"):
        check_gradients(torch.nn.Sequential(Opaque(4, 4)), "8bit")
    with pytest.raises(ModelError, match="without any 8bit layer"):
        check_gradients(torch.nn.Sequential(torch.nn.Linear(4, 4)), "8bit")


def test_device_map_auto_loads_the_same_model(toy_folder: Path) -> None:
    pytest.importorskip("accelerate", reason="the extra `accelerate` is not installed")
    one = load(str(toy_folder), device="cpu", dtype="float32")
    other = load(str(toy_folder), device_map="auto", dtype="float32")
    answers = [
        model.ask(model.prefill(model.encode(noise_clip())), [QUESTION])[0].logits
        for model in (one, other)
    ]
    assert answers[0] is not None
    assert answers[1] is not None
    torch.testing.assert_close(answers[0], answers[1].cpu(), atol=1e-4, rtol=1e-4)


def test_options_that_contradict_each_other(toy_folder: Path) -> None:
    with pytest.raises(UsageError, match="one of them"):
        load(str(toy_folder), device="cpu", device_map="auto")
    with pytest.raises(UsageError, match="device map 'rows'"):
        load(str(toy_folder), device_map="rows")
    with pytest.raises(UsageError, match="quantisation '2bit'"):
        load(str(toy_folder), quantize="2bit")


@pytest.mark.parametrize(
    ("options", "extra"),
    [({"quantize": "8bit"}, "quantize"), ({"device_map": "auto"}, "accelerate")],
)
def test_missing_extra_is_named(
    toy_folder: Path, options: dict[str, str], extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=rf"zerotube\[{extra}\]"):
        load(str(toy_folder), **options)


def test_too_little_memory_is_said_before_loading(
    toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "meminfo"
    report.write_text("MemTotal: 900 kB\nMemAvailable: 10 kB\n", encoding="ascii")
    monkeypatch.setattr(weights, "_MEMINFO", report)
    with pytest.raises(ModelError, match=r"0\.0 GiB on cpu with 0\.0 GiB free"):
        load(str(toy_folder), device="cpu")


def test_needed_memory_follows_the_header(toy_folder: Path) -> None:
    parameters, stored = weights.parameter_bytes(toy_folder / "model.safetensors")
    assert stored == 4 * parameters
    assert weights.needed_bytes(str(toy_folder), torch.bfloat16, None) == 2 * parameters
    assert weights.needed_bytes(str(toy_folder), "auto", None) == stored
    assert weights.needed_bytes(str(toy_folder), torch.float32, "4bit") == parameters // 2
    assert weights.needed_bytes("nobody/nothing", torch.float32, None) is None
    assert weights.weights_cached(str(toy_folder))
    assert not weights.weights_cached("nobody/nothing")


@pytest.mark.parametrize(
    ("asked", "kind", "stored", "bfloat16", "wanted"),
    [
        ("auto", "cpu", "float32", True, torch.float32),
        ("auto", "cpu", "bfloat16", True, torch.float32),
        ("auto", "cuda", "float32", True, torch.bfloat16),
        ("auto", "cuda", "float32", False, torch.float16),
        ("auto", "mps", "float64", False, torch.float16),
        ("auto", "cuda", "bfloat16", True, "auto"),
        ("auto", "cuda", "float16", True, "auto"),
        ("auto", "cuda", None, True, "auto"),
        ("float32", "cuda", "float32", True, torch.float32),
    ],
)
def test_auto_takes_half_of_float32_on_a_gpu(
    asked: str,
    kind: str,
    stored: str | None,
    bfloat16: bool,
    wanted: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoints, "runs_bfloat16", lambda device: bfloat16)
    device = SimpleNamespace(type=kind, index=None)
    assert torch_dtype(asked, device, stored=stored) == wanted


def test_half_is_for_large_checkpoints_and_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SmolVLM2 declares float32; the bundled model, of 3 million parameters, stays as it is."""
    monkeypatch.setattr(checkpoints, "runs_bfloat16", lambda device: True)
    gpu, tensors = SimpleNamespace(type="cuda", index=0), {"a": StoredTensor("F32", (10**5, 10**3))}
    large = CheckpointFiles(tmp_path, {"torch_dtype": "float32"}, (), tensors)
    kind, warnings = loading._dtype("a/b", "auto", gpu, large)
    assert kind == torch.bfloat16
    assert warnings == (
        "'a/b' is stored in float32 and was loaded in bfloat16, half the memory "
        "(--dtype float32 keeps it)",
    )
    assert loading._dtype("a/b", "float32", gpu, large) == (torch.float32, ())
    cpu = SimpleNamespace(type="cpu", index=None)
    assert loading._dtype("a/b", "auto", cpu, large) == (torch.float32, ())
    small = CheckpointFiles(tmp_path, {}, (), {"a": StoredTensor("F32", (10**5, 10))})
    assert loading._dtype("a/b", "auto", gpu, small) == ("auto", ())


@pytest.mark.parametrize(
    ("config", "stored", "wanted"),
    [
        ({"torch_dtype": "float32"}, "BF16", "float32"),
        ({"dtype": "bfloat16"}, "F32", "bfloat16"),
        ({}, "F32", "float32"),
        ({}, "BF16", "bfloat16"),
        ({"dtype": ["x"]}, "F16", "float16"),
        ({}, "I8", None),
    ],
)
def test_what_a_checkpoint_is_stored_in(
    tmp_path: Path, config: dict[str, object], stored: str, wanted: str | None
) -> None:
    tensors = {"a": StoredTensor(stored, (9, 9)), "b": StoredTensor("I64", (99, 99))}
    assert CheckpointFiles(tmp_path, config, (), tensors).dtype == wanted


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub does for gated and for unknown repositories."""

    def _answer(self) -> None:
        gated = "/gated/" in self.path
        self.send_response(403 if gated else 404)
        self.send_header("X-Error-Code", "GatedRepo" if gated else "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = _answer

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


REFUSED = {
    "gated/model": "gated; wanted an account that has accepted its licence",
    "nobody/nothing": "which the hub does not have",
}
"""Ids, and what is said about them."""

LOAD = """
import sys
from zerotube.errors import ModelError
from zerotube.mllm.loading import load
for name in sys.argv[1:]:
    try:
        load(name, device="cpu")
    except ModelError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def refusals(hub: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The line that each id is refused with.

    In a process of its own, because the hub's address is read once, at import; in one for all ids,
    because that import takes longer than anything else here.
    """
    environment = {
        **{key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"},
        "HF_ENDPOINT": hub,
        "HF_HOME": str(tmp_path_factory.mktemp("hub")),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *REFUSED],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    assert done.stdout.count("\n") == len(REFUSED)
    return dict(zip(REFUSED, done.stdout.splitlines(), strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_hub_refuses(refusals: dict[str, str], name: str) -> None:
    assert REFUSED[name] in refusals[name]


def test_no_network_is_said() -> None:
    with pytest.raises(ModelError, match="not in the local cache, and no network"):
        load("nobody/nothing")
