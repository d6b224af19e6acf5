"""Loading a model by id, folder or "bundled": dtype, device, several devices, quantised weights."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zerotube.checkpoints import (
    DTYPES,
    check_device,
    check_dtype,
    placed,
    quiet,
    refusing,
    torch_device,
    torch_dtype,
)
from zerotube.checkpoints.files import CheckpointFiles, architecture_of
from zerotube.checkpoints.strict import TRUSTED, find_checkpoint, load_weights
from zerotube.errors import MissingExtraError, ModelError, UsageError
from zerotube.mllm.registry import check_architecture, family_for
from zerotube.mllm.weights import available_bytes, gib, needed_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from zerotube.mllm.base import VideoMLLM

__all__ = ["DTYPES", "check_folder", "check_gradients", "check_options", "load"]

QUANTIZATIONS = ("8bit", "4bit")
DEVICE_MAPS = ("auto",)
WANTED = "'bundled', a folder, or the id of a supported model with safetensors weights"
FIX = "check the id and the network (gated models: `hf auth login`), or use --model bundled"
SMALLER = "pass --dtype bfloat16, --quantize 4bit, --device-map auto or a smaller model"
HALVED = 100_000_000
"""Parameters from which on "auto" loads 32-bit weights in 16 bits on a GPU: the memory of a smaller
model, such as the bundled one, is not worth a digit."""
ORIGINAL_LLAVA = ("llava_llama", "llava_mistral")
"""``model_type`` of checkpoints in the format of LLaVA's own code, which transformers lacks."""


def load(
    model: str = "bundled",
    *,
    device: str | None = None,
    dtype: str = "auto",
    device_map: str | None = None,
    quantize: str | None = None,
) -> VideoMLLM:
    """Load a model and its processor.

    Args:
        model: "bundled", a folder written by ``save_pretrained``, or a Hugging Face id.
        device: torch device; default the first GPU, else the CPU.
        dtype: one of ``DTYPES``; "auto" is float32 on a CPU and the checkpoint's own on a GPU,
            except that a large checkpoint stored in float32 is loaded in 16 bits there.
        device_map: "auto" spreads the layers over all devices (extra ``accelerate``).
        quantize: "8bit" or "4bit" weights (extra ``quantize``, which is bitsandbytes).

    Raises:
        ModelError: unknown or gated id, no network, files that are missing, damaged or do not
            belong together, code of its own, unsupported architecture, too little memory,
            quantised layers without gradients.
        UsageError: unknown or contradictory options, a device that is not there.
        MissingExtraError: an option whose package is not installed.
    """
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText, ProcessorMixin

    from zerotube.mllm.base import VideoMLLM

    check_options(device=device, dtype=dtype, device_map=device_map, quantize=quantize)
    where = torch_device(device)
    torch_dtype(dtype, where)  # a name that does not exist is said before any file is read
    files = _find(model)
    source = str(files.folder)
    _check_type(model, files.config)
    family = family_for(architecture_of(files.config))
    for package, extra in family.packages.items():
        if find_spec(package) is None:
            raise MissingExtraError(package, extra=extra)
    kind, warnings = _dtype(model, dtype, where, files)
    if device_map is None:
        _check_memory(source, where, kind, quantize)
    placement: dict[str, Any] = {}
    if device_map is not None:
        placement["device_map"] = device_map
    if quantize is not None:
        placement["quantization_config"] = _quantization(quantize, kind)
        placement.setdefault("device_map", {"": where})
    with refusing(model, wanted=WANTED, fix=FIX), quiet():
        processor = family.load_processor(source, AutoConfig.from_pretrained(source, **TRUSTED))
    if not isinstance(processor, ProcessorMixin):
        raise ModelError(
            f"model {model!r}, whose files make a {type(processor).__name__} and no processor",
            wanted="the processor's configuration beside the weights",
            fix="download processor_config.json and preprocessor_config.json again",
        )
    try:
        loaded = load_weights(
            AutoModelForImageTextToText,
            files,
            name=model,
            wanted=WANTED,
            fix=FIX,
            dtype=kind,
            attn_implementation="sdpa",
            **placement,
        )
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"not enough memory on {where} for {model!r}",
            wanted="room for the weights and one prefix",
            fix=SMALLER,
        ) from error
    if not placement:
        loaded = placed(loaded, where, name=model, fix=SMALLER)
    if quantize is not None:
        check_gradients(loaded, quantize)
    # The prompt is derived from what the processor's files say, which nothing has read before.
    with refusing(model, wanted=WANTED, fix=FIX):
        return VideoMLLM(loaded, processor, family, name=model, warnings=warnings)


def check_folder(model: str) -> None:
    """Refuse a folder that ``load`` would refuse by its files, before anything slow is imported.

    Args:
        model: as ``load`` takes it; ids, which may have to be downloaded, are left to it.

    Raises:
        ModelError: see ``load``.
    """
    if Path(model).exists():
        _find(model)


def check_gradients(model: torch.nn.Module, quantize: str) -> None:
    """Refuse a quantised model whose layers let no gradient through to their input.

    Tuning (method section 6) needs the gradient at the visual features, through every layer.

    Args:
        model: a loaded model.
        quantize: what was asked for, for the message.

    Raises:
        ModelError: if nothing was quantised, or a gradient is missing, zero or not finite.
    """
    import torch

    layers = [
        layer
        for layer in model.modules()
        if isinstance(layer, torch.nn.Linear) and type(layer) is not torch.nn.Linear
    ]
    if not layers:
        raise ModelError(
            f"a model without any {quantize} layer after loading",
            wanted="linear layers that bitsandbytes quantises",
            fix="load it without --quantize",
        )
    kind = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)
    # One layer of each sort: kernels differ between layers with and without a bias.
    sorts = {(type(layer), layer.bias is None): layer for layer in reversed(layers)}
    for layer in sorts.values():
        reason = _missing_gradient(layer, kind)
        if reason is not None:
            break
    else:
        return
    raise ModelError(
        f"{quantize} weights that let no gradient through on {layer.weight.device} ({reason})",
        wanted="gradients at the visual features, which the tuning descends",
        fix="load it without --quantize, or on another device",
    )


def _missing_gradient(layer: torch.nn.Linear, kind: torch.dtype) -> str | None:
    """Why a layer gives no gradient, or None if it does."""
    import torch

    probe = torch.ones(1, 2, layer.in_features, dtype=kind, device=layer.weight.device)
    try:
        # Encoding runs first and without gradients; some kernels repack their weights then.
        with torch.no_grad():
            layer(probe)
        with torch.enable_grad():
            probe = probe.clone().requires_grad_(True)
            output = layer(probe).float().square().sum()
            gradient = torch.autograd.grad(output, probe)[0]
    except (RuntimeError, NotImplementedError, AssertionError) as error:
        # bitsandbytes asserts on shapes and devices that one of its kernels does not serve.
        return (str(error).splitlines() or [type(error).__name__])[0]
    if bool(torch.isfinite(gradient).all()) and float(gradient.abs().max()) > 0.0:
        return None
    return "a gradient that is zero or not finite"


def _find(model: str) -> CheckpointFiles:
    return find_checkpoint(
        _bundled_or(model),
        accept=lambda config: _check_supported(model, config),
        wanted=WANTED,
        fix=FIX,
    )


def _check_supported(model: str, config: Mapping[str, Any]) -> None:
    """Refuse a model of no family."""
    if config.get("model_type") in ORIGINAL_LLAVA:
        raise ModelError(
            f"model {model!r} in the format of LLaVA's own code",
            wanted="a checkpoint in the format of transformers",
            fix="ShareGPT4Video-8B: convert it with `python -m zerotube.mllm."
            "convert_sharegpt4video SOURCE OUT`; others: use their llava-hf version",
        )
    check_architecture(architecture_of(config))


def _check_type(model: str, config: Mapping[str, Any]) -> None:
    """Refuse a type of model that transformers would build as another family's."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as CLASSES,
    )

    architecture, kind = architecture_of(config), str(config.get("model_type"))
    # An architecture of our own is another's class with another picture.
    if CLASSES.get(kind) != architecture and architecture in CLASSES.values():
        raise ModelError(
            f"model {model!r} of architecture {architecture!r} and of type {kind[:80]!r}",
            wanted="a type and an architecture that belong together",
            fix="download its config.json again, unchanged",
        )


def _dtype(
    model: str, dtype: str, where: torch.device, files: CheckpointFiles
) -> tuple[Any, tuple[str, ...]]:
    """What the weights are loaded in, and what to say where that is not what they are stored in."""
    stored = files.dtype if files.parameters >= HALVED else None
    kind = torch_dtype(dtype, where, stored=stored)
    if dtype != "auto" or kind == "auto" or where.type == "cpu":
        return kind, ()
    short = str(kind).removeprefix("torch.")
    return kind, (
        f"{model!r} is stored in {stored} and was loaded in {short}, half the memory "
        f"(--dtype {stored} keeps it)",
    )


def check_options(
    *,
    device: str | None = None,
    dtype: str | None = None,
    device_map: str | None = None,
    quantize: str | None = None,
) -> None:
    """Refuse what no model could be loaded with, before torch is loaded.

    Args: see ``load``.

    Raises:
        UsageError: unknown or contradictory options.
        MissingExtraError: an option whose package is not installed.
    """
    check_device(device)
    if dtype is not None:
        check_dtype(dtype)
    if device_map is not None and device_map not in DEVICE_MAPS:
        raise UsageError(
            f"device map {device_map!r}", wanted="auto", fix="pass --device-map auto or leave it"
        )
    if device_map is not None and device is not None:
        raise UsageError(
            f"--device {device} and --device-map {device_map}",
            wanted="one of them",
            fix="leave --device to use all devices",
        )
    if quantize is not None and quantize not in QUANTIZATIONS:
        raise UsageError(
            f"quantisation {quantize!r}",
            wanted=f"one of {', '.join(QUANTIZATIONS)}",
            fix="pass --quantize 8bit or 4bit, or leave it",
        )
    if device_map is not None and find_spec("accelerate") is None:
        raise MissingExtraError("accelerate", extra="accelerate")
    if quantize is not None:
        for package in ("bitsandbytes", "accelerate"):
            if find_spec(package) is None:
                raise MissingExtraError(package, extra="quantize")


def _quantization(quantize: str, kind: Any) -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    if quantize == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    compute = torch.bfloat16 if kind == "auto" else kind
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute
    )


def _bundled_or(model: str) -> str:
    if model == "bundled":
        from zerotube.bundled import bundled_path

        return str(bundled_path())
    return model


def _check_memory(source: str, where: Any, kind: Any, quantize: str | None) -> None:
    """Refuse a model whose weights cannot fit before minutes of reading them."""
    needed = needed_bytes(source, kind, quantize)
    free = available_bytes(where)
    if needed is None or free is None or needed <= free:
        return
    raise ModelError(
        f"{source!r} of {gib(needed)} on {where} with {gib(free)} free",
        wanted="room for the weights and one prefix",
        fix=SMALLER,
    )
