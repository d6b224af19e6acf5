"""Model families by architecture, and loading a model by id, path or "bundled"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zerotube.errors import ModelError, UsageError

if TYPE_CHECKING:
    from zerotube.mllm.base import VideoMLLM
    from zerotube.mllm.families.base import Family

FAMILIES: dict[str, str] = {
    "LlavaForConditionalGeneration": "llava:Llava",
    "LlavaNextForConditionalGeneration": "llava_next:LlavaNext",
    "LlavaNextVideoForConditionalGeneration": "llava_next_video:LlavaNextVideo",
    "LlavaOnevisionForConditionalGeneration": "llava_onevision:LlavaOnevision",
    "ShareGPT4VideoForConditionalGeneration": "sharegpt4video:ShareGPT4Video",
    "VideoLlavaForConditionalGeneration": "video_llava:VideoLlava",
}
"""Architecture named in a checkpoint's config -> module and class of its adapter."""

ORIGINAL_LLAVA = ("llava_llama", "llava_mistral")
"""``model_type`` of checkpoints in the format of LLaVA's own code, which transformers lacks."""

DTYPES = ("auto", "float32", "bfloat16", "float16", "float64")


def family_for(architecture: str) -> Family:
    """Adapter of an architecture.

    Raises:
        ModelError: if no family is registered for it.
    """
    try:
        module, _, name = FAMILIES[architecture].partition(":")
    except KeyError:
        raise ModelError(
            f"a model of architecture {architecture!r}",
            wanted=f"one of {', '.join(sorted(FAMILIES))}",
            fix="choose a checkpoint of a supported family",
        ) from None
    family: Family = getattr(import_module(f"zerotube.mllm.families.{module}"), name)()
    return family


def load(model: str = "bundled", *, device: str | None = None, dtype: str = "auto") -> VideoMLLM:
    """Load a model and its processor.

    Args:
        model: "bundled", a folder written by ``save_pretrained``, or a Hugging Face id.
        device: torch device; default the first GPU, else the CPU.
        dtype: one of ``DTYPES``; "auto" is float32 on a CPU and the checkpoint's own on a GPU.

    Raises:
        ModelError: unknown id, no network, folder without weights, unsupported architecture.
        UsageError: unknown dtype or a device that is not there.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    from zerotube.mllm.base import VideoMLLM

    where = _device(device)
    if dtype not in DTYPES:
        raise UsageError(
            f"dtype {dtype!r}", wanted=f"one of {', '.join(DTYPES)}", fix="--dtype auto"
        )
    kind: Any = getattr(torch, dtype) if dtype != "auto" else "auto"
    if kind == "auto" and where.type == "cpu":
        kind = torch.float32
    source = _source(model)
    try:
        config = AutoConfig.from_pretrained(source)
    except (OSError, ValueError, KeyError) as error:
        _refuse_original_llava(model, source)
        raise _unreadable(model, error) from error
    architecture = (getattr(config, "architectures", None) or ["<none named>"])[0]
    family = family_for(architecture)
    try:
        processor = AutoProcessor.from_pretrained(source)
        with _no_progress_bar():
            loaded = AutoModelForImageTextToText.from_pretrained(
                source, dtype=kind, attn_implementation="sdpa", use_safetensors=True
            )
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        raise _unreadable(model, error) from error
    try:
        loaded = loaded.to(where)
    except torch.cuda.OutOfMemoryError as error:
        raise ModelError(
            f"not enough memory on {where} for {model!r}",
            wanted="room for the weights and one prefix",
            fix="pass --dtype bfloat16, a smaller model, or --device cpu",
        ) from error
    return VideoMLLM(loaded, processor, family, name=model)


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Silence transformers' own bar inside the block: the caller reports progress."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _device(device: str | None) -> Any:
    import torch

    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        where = torch.device(device)
    except RuntimeError as error:
        raise UsageError(
            f"device {device!r}", wanted="cpu, cuda, cuda:N or mps", fix="pass --device cpu"
        ) from error
    missing = (where.type == "cuda" and not torch.cuda.is_available()) or (
        where.type == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        raise UsageError(
            f"device {device!r}, which this machine lacks",
            wanted="a device that torch sees here",
            fix="pass --device cpu or run `zerotube doctor`",
        )
    return where


def _source(model: str) -> str:
    if model == "bundled":
        from zerotube.bundled import bundled_path

        return str(bundled_path())
    path = Path(model)
    if not path.exists():
        return model
    if not (path / "config.json").is_file():
        raise ModelError(
            f"{model!r} without config.json",
            wanted="a folder written by save_pretrained",
            fix="pass the folder that holds config.json and *.safetensors",
        )
    if not any(path.glob("*.safetensors")):
        raise ModelError(
            f"{model!r} without weights",
            wanted="*.safetensors beside config.json",
            fix="download the weights, or convert them with save_pretrained",
        )
    return str(path)


def _refuse_original_llava(model: str, source: str) -> None:
    """Say how to get a checkpoint of LLaVA's own code into a format that loads."""
    from transformers import PreTrainedConfig

    try:
        written, _ = PreTrainedConfig.get_config_dict(source)
    except (OSError, ValueError):
        return  # not even that can be read: the caller's error says why
    if written.get("model_type") in ORIGINAL_LLAVA:
        raise ModelError(
            f"model {model!r} in the format of LLaVA's own code",
            wanted="a checkpoint in the format of transformers",
            fix="ShareGPT4Video-8B: convert it with `python -m zerotube.mllm."
            "convert_sharegpt4video SOURCE OUT`; others: use their llava-hf version",
        )


def _unreadable(model: str, error: Exception) -> ModelError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return ModelError(
        f"model {model!r}, which could not be loaded ({reason[:160].rstrip('.')})",
        wanted="'bundled', a folder, or the id of a supported model with safetensors weights",
        fix="check the id and the network (gated models: `hf auth login`), or use --model bundled",
    )
