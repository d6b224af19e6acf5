"""Loading a model by id, folder or "bundled": dtype, device, several devices, quantised weights."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from zerotube.checkpoints import (
    DTYPES,
    local_source,
    no_progress_bar,
    placed,
    torch_device,
    torch_dtype,
    unreadable,
)
from zerotube.errors import MissingExtraError, ModelError, UsageError
from zerotube.mllm.registry import family_for
from zerotube.mllm.weights import available_bytes, gib, needed_bytes

if TYPE_CHECKING:
    import torch

    from zerotube.mllm.base import VideoMLLM

__all__ = ["DTYPES", "check_gradients", "load"]

QUANTIZATIONS = ("8bit", "4bit")
DEVICE_MAPS = ("auto",)
WANTED = "'bundled', a folder, or the id of a supported model with safetensors weights"
FIX = "check the id and the network (gated models: `hf auth login`), or use --model bundled"
SMALLER = "pass --dtype bfloat16, --quantize 4bit, --device-map auto or a smaller model"
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
        dtype: one of ``DTYPES``; "auto" is float32 on a CPU and the checkpoint's own on a GPU.
        device_map: "auto" spreads the layers over all devices (extra ``accelerate``).
        quantize: "8bit" or "4bit" weights (extra ``quantize``, which is bitsandbytes).

    Raises:
        ModelError: unknown or gated id, no network, folder without weights, unsupported
            architecture, too little memory, quantised layers without gradients.
        UsageError: unknown or contradictory options, a device that is not there.
        MissingExtraError: an option whose package is not installed.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForImageTextToText

    from zerotube.mllm.base import VideoMLLM

    _check_options(device, device_map, quantize)
    where = torch_device(device)
    kind: Any = torch_dtype(dtype, where)
    source = _source(model)
    try:
        config = AutoConfig.from_pretrained(source)
    except (OSError, ValueError, KeyError) as error:
        _refuse_original_llava(model, source)
        raise unreadable(model, error, wanted=WANTED, fix=FIX) from error
    architecture = (getattr(config, "architectures", None) or ["<none named>"])[0]
    family = family_for(architecture)
    for package, extra in family.packages.items():
        if find_spec(package) is None:
            raise MissingExtraError(package, extra=extra)
    if device_map is None:
        _check_memory(source, where, kind, quantize)
    placement: dict[str, Any] = {}
    if device_map is not None:
        placement["device_map"] = device_map
    if quantize is not None:
        placement["quantization_config"] = _quantization(quantize, kind)
        placement.setdefault("device_map", {"": where})
    try:
        processor = family.load_processor(source, config)
        with no_progress_bar():
            both: Any = AutoModelForImageTextToText.from_pretrained(
                source,
                dtype=kind,
                attn_implementation="sdpa",
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # refused below, by name
                **placement,
            )
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"not enough memory on {where} for {model!r}",
            wanted="room for the weights and one prefix",
            fix=SMALLER,
        ) from error
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        raise unreadable(model, error, wanted=WANTED, fix=FIX) from error
    loaded, report = both
    _refuse_foreign_weights(model, architecture, report)
    if not placement:
        loaded = placed(loaded, where, name=model, fix=SMALLER)
    if quantize is not None:
        check_gradients(loaded, quantize)
    return VideoMLLM(loaded, processor, family, name=model)


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


def _refuse_foreign_weights(model: str, architecture: str, report: dict[str, Any]) -> None:
    """Refuse tensors of another architecture: random ones would stand in for those it lacks."""
    missing = sorted({*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])})
    if not missing:
        return
    foreign = sorted(report["unexpected_keys"])
    instead = f", but with {foreign[0]}" if foreign else ""
    raise ModelError(
        f"weights of {model!r} without {len(missing)} tensors of a {architecture}, such as "
        f"{missing[0]}{instead}",
        wanted="the tensors of the model that its config.json describes",
        fix="download config.json and *.safetensors again, from the same place",
    )


def _check_options(device: str | None, device_map: str | None, quantize: str | None) -> None:
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


def _source(model: str) -> str:
    if model == "bundled":
        from zerotube.bundled import bundled_path

        return str(bundled_path())
    return local_source(model)


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
