"""Model families by architecture, and loading a model by id, path or "bundled"."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from zerotube.checkpoints import (
    DTYPES,
    local_source,
    no_progress_bar,
    placed,
    torch_device,
    torch_dtype,
    unreadable,
)
from zerotube.errors import ModelError

if TYPE_CHECKING:
    from zerotube.mllm.base import VideoMLLM
    from zerotube.mllm.families.base import Family

FAMILIES: dict[str, str] = {
    "LlavaOnevisionForConditionalGeneration": "llava_onevision:LlavaOnevision",
}
"""Architecture named in a checkpoint's config -> module and class of its adapter."""

__all__ = ["DTYPES", "FAMILIES", "family_for", "load"]


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
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    from zerotube.mllm.base import VideoMLLM

    where = torch_device(device)
    kind = torch_dtype(dtype, where)
    source = _source(model)
    try:
        config = AutoConfig.from_pretrained(source)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(model, error) from error
    architecture = (getattr(config, "architectures", None) or ["<none named>"])[0]
    family = family_for(architecture)
    try:
        processor = AutoProcessor.from_pretrained(source)
        with no_progress_bar():
            loaded = AutoModelForImageTextToText.from_pretrained(
                source, dtype=kind, attn_implementation="sdpa", use_safetensors=True
            )
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        raise _unreadable(model, error) from error
    loaded = placed(
        loaded,
        where,
        name=model,
        fix="pass --dtype bfloat16, a smaller model, or --device cpu",
    )
    return VideoMLLM(loaded, processor, family, name=model)


def _source(model: str) -> str:
    if model == "bundled":
        from zerotube.bundled import bundled_path

        return str(bundled_path())
    return local_source(model)


def _unreadable(model: str, error: Exception) -> ModelError:
    return unreadable(
        model,
        error,
        wanted="'bundled', a folder, or the id of a supported model with safetensors weights",
        fix="check the id and the network (gated models: `hf auth login`), or use --model bundled",
    )
