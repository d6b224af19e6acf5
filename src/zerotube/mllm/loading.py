"""Loading a model by id, folder or "bundled": dtype, device, several devices, quantised weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zerotube.errors import MissingExtraError, ModelError, UsageError
from zerotube.mllm.registry import family_for
from zerotube.mllm.weights import available_bytes, gib, needed_bytes

if TYPE_CHECKING:
    import torch

    from zerotube.mllm.base import VideoMLLM

DTYPES = ("auto", "float32", "bfloat16", "float16", "float64")
QUANTIZATIONS = ("8bit", "4bit")
DEVICE_MAPS = ("auto",)
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
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    from zerotube.mllm.base import VideoMLLM

    _check_options(device, dtype, device_map, quantize)
    where = _device(device)
    kind: Any = getattr(torch, dtype) if dtype != "auto" else "auto"
    if kind == "auto" and where.type == "cpu" and device_map is None:
        kind = torch.float32
    source = _source(model)
    try:
        config = AutoConfig.from_pretrained(source)
    except (OSError, ValueError, KeyError) as error:
        _refuse_original_llava(model, source)
        raise unreadable(model, error) from error
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
        processor = AutoProcessor.from_pretrained(source)
        with _no_progress_bar():
            loaded = AutoModelForImageTextToText.from_pretrained(
                source, dtype=kind, attn_implementation="sdpa", use_safetensors=True, **placement
            )
        if not placement:
            loaded = loaded.to(where)
    except torch.OutOfMemoryError as error:
        raise _too_large(model, where) from error
    except (OSError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        raise unreadable(model, error) from error
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
    layer = layers[0]
    kind = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)
    probe = torch.ones(1, 2, layer.in_features, dtype=kind, device=layer.weight.device)
    probe.requires_grad_(True)
    reason = "no gradient"
    try:
        with torch.enable_grad():
            gradient = torch.autograd.grad(layer(probe).float().square().sum(), probe)[0]
    except (RuntimeError, NotImplementedError, AssertionError) as error:
        # bitsandbytes asserts on shapes and devices that one of its kernels does not serve.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
    else:
        if bool(torch.isfinite(gradient).all()) and float(gradient.abs().max()) > 0.0:
            return
        reason = "a gradient that is zero or not finite"
    raise ModelError(
        f"{quantize} weights that let no gradient through on {probe.device} ({reason})",
        wanted="gradients at the visual features, which the tuning descends",
        fix="load it without --quantize, or on another device",
    )


def unreadable(model: str, error: Exception) -> ModelError:
    """What to tell a user whose model could not be loaded, by the reason."""
    from huggingface_hub import errors as hub

    causes = []
    link: BaseException | None = error
    while link is not None:
        causes.append(link)
        link = link.__cause__ or link.__context__
    wanted = "'bundled', a folder, or the id of a supported model with safetensors weights"

    def caused_by(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if caused_by(hub.GatedRepoError):
        return ModelError(
            f"model {model!r}, which is gated",
            wanted="an account that has accepted its licence",
            fix=f"accept it at https://huggingface.co/{model}, then run `hf auth login`",
        )
    if caused_by(hub.RepositoryNotFoundError):
        return ModelError(
            f"model {model!r}, which the hub does not have (or hides without a login)",
            wanted=wanted,
            fix="check the spelling; private models need `hf auth login`",
        )
    if caused_by(hub.OfflineModeIsEnabled, hub.LocalEntryNotFoundError, ConnectionError):
        return ModelError(
            f"model {model!r}, which is not in the local cache, and no network",
            wanted="the network, or a model that was downloaded before",
            fix="connect (and unset HF_HUB_OFFLINE), pass a folder, or use --model bundled",
        )
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return ModelError(
        f"model {model!r}, which could not be loaded ({reason[:160].rstrip('.')})",
        wanted=wanted,
        fix="check the id and the network (gated models: `hf auth login`), or use --model bundled",
    )


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


def _check_options(
    device: str | None, dtype: str, device_map: str | None, quantize: str | None
) -> None:
    if dtype not in DTYPES:
        raise UsageError(
            f"dtype {dtype!r}", wanted=f"one of {', '.join(DTYPES)}", fix="--dtype auto"
        )
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


def _check_memory(source: str, where: Any, kind: Any, quantize: str | None) -> None:
    """Refuse a model whose weights cannot fit before minutes of reading them."""
    needed = needed_bytes(source, kind, quantize)
    free = available_bytes(where)
    if needed is None or free is None or needed <= free:
        return
    raise ModelError(
        f"{source!r} of {gib(needed)} on {where} with {gib(free)} free",
        wanted="room for the weights and one prefix",
        fix="pass --dtype bfloat16, --quantize 4bit, --device-map auto or a smaller model",
    )


def _too_large(model: str, where: Any) -> ModelError:
    return ModelError(
        f"not enough memory on {where} for {model!r}",
        wanted="room for the weights and one prefix",
        fix="pass --dtype bfloat16, --quantize 4bit, a smaller model, or --device cpu",
    )
