"""How much memory a checkpoint's weights take, what is free, and what is downloaded already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from zerotube.checkpoints.files import DTYPE_BYTES, read_header, weight_names
from zerotube.errors import ModelError

_QUANTIZED = {"8bit": 1.0, "4bit": 0.5}
_MEMINFO = Path("/proc/meminfo")


def snapshot(name: str) -> Path | None:
    """Folder of a checkpoint on this disk: the folder itself, or its place in the hub's cache."""
    from huggingface_hub.constants import HF_HUB_CACHE, REPO_ID_SEPARATOR

    if Path(name).is_dir():
        return Path(name)
    parts = REPO_ID_SEPARATOR.join(["models", *name.split("/")])
    if not Path(HF_HUB_CACHE, parts).is_dir():
        return None  # at once: what reads the cache takes half a second to import

    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        config = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        return None
    return Path(config).parent if isinstance(config, str) else None


def weights_cached(name: str) -> bool:
    """Whether config and every safetensors file of a checkpoint are on this disk."""
    folder = snapshot(name)
    if folder is None:
        return False
    try:
        return all((folder / file).is_file() for file in weight_names(folder))
    except ModelError:
        return False


def parameter_bytes(file: Path) -> tuple[int, int]:
    """Parameters and bytes of one safetensors file, read from its header alone.

    Raises:
        ModelError: if the file is not a whole safetensors file.
    """
    tensors = read_header(file).values()
    stored = sum(tensor.count * DTYPE_BYTES.get(tensor.dtype, 4) for tensor in tensors)
    return sum(tensor.count for tensor in tensors), int(stored)


def needed_bytes(name: str, dtype: Any, quantize: str | None) -> int | None:
    """Memory of the weights once loaded.

    Args:
        name: folder, or id in the local cache.
        dtype: a torch dtype, or "auto" for the one stored.
        quantize: "8bit", "4bit" or None.

    Returns:
        Bytes, or None where the weights are not on this disk yet or damaged (loading says so).
    """
    folder = snapshot(name)
    if folder is None or not weights_cached(name):
        return None
    parameters = stored = 0
    for file in weight_names(folder):
        try:
            counted = parameter_bytes(folder / file)
        except ModelError:
            return None
        parameters, stored = parameters + counted[0], stored + counted[1]
    if quantize is not None:
        return int(parameters * _QUANTIZED[quantize])
    return stored if dtype == "auto" else parameters * int(dtype.itemsize)


def available_bytes(device: Any) -> int | None:
    """Free memory of a torch device, or None where it cannot be told."""
    import torch

    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return free_ram_bytes() if device.type == "cpu" else None


def free_ram_bytes() -> int | None:
    """Free main memory, or None where the system does not tell."""
    if not _MEMINFO.is_file():
        return None
    for line in _MEMINFO.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def gib(count: float) -> str:
    """Bytes as a number people read."""
    return f"{count / 2**30:.1f} GiB"
