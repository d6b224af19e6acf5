"""Weights in Hugging Face's format: where they are, where they go, and what can be wrong with them.

Every stage that loads a model shares this, so that a wrong id, a missing network or a folder
without weights reads the same whichever model it concerns.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zerotube.errors import ModelError, UsageError, ZerotubeError

DTYPES = ("auto", "float32", "bfloat16", "float16", "float64")

_DEVICE = re.compile(r"(cpu|mps|(cuda|xpu)(:[0-9]+)?)")


def check_device(device: str | None) -> None:
    """Refuse what names no device, without loading torch; whether it is there, torch knows.

    Raises:
        UsageError: the name is not a device.
    """
    if device is not None and _DEVICE.fullmatch(device) is None:
        raise UsageError(
            f"device {device!r}", wanted="cpu, cuda, cuda:N or mps", fix="pass --device cpu"
        )


def check_dtype(dtype: str) -> None:
    """Refuse what names no dtype, without loading torch.

    Raises:
        UsageError: ``dtype`` is not one of ``DTYPES``.
    """
    if dtype not in DTYPES:
        raise UsageError(
            f"dtype {dtype!r}", wanted=f"one of {', '.join(DTYPES)}", fix="--dtype auto"
        )


def torch_device(device: str | None) -> Any:
    """The torch device of that name; None is the first GPU, else the CPU.

    Raises:
        UsageError: the name is not a device, or the machine lacks it.
    """
    import torch

    check_device(device)
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    where = torch.device(device)
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


def torch_dtype(dtype: str, device: Any, *, stored: str | None = None) -> Any:
    """What ``from_pretrained`` takes as its dtype.

    "auto" is float32 on a CPU; elsewhere what the checkpoint is stored in, or 16 bits per number
    where that is ``stored`` in 32 or more.

    Args:
        dtype: one of ``DTYPES``.
        device: torch device; only its ``type`` and ``index`` are read.
        stored: dtype of a checkpoint that "auto" may load in half of it, such as "float32"; None
            for one that it keeps as it is.

    Returns:
        A torch dtype, or "auto" for the one stored.

    Raises:
        UsageError: ``dtype`` is not one of ``DTYPES``.
    """
    import torch

    check_dtype(dtype)
    if dtype != "auto":
        return getattr(torch, dtype)
    if device.type == "cpu":
        return torch.float32
    if stored in ("float32", "float64"):
        return torch.bfloat16 if runs_bfloat16(device) else torch.float16
    return "auto"


def runs_bfloat16(device: Any) -> bool:
    """Whether a GPU computes in bfloat16 itself, and not by way of float32."""
    import torch

    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "mps":
        return bool(torch.backends.mps.is_macos_or_newer(14, 0))
    return True


_SAMPLE = 1 << 20
"""Bytes hashed at either end of a weight file: enough to tell two trainings apart at once."""


def revision_of(model: str) -> str | None:
    """Short text that changes with the weights of a model.

    For an id the commit it resolves to (its config is downloaded if need be); for a folder a
    digest of its configs and of size, beginning and end of every weight file.

    Args:
        model: id or folder.

    Returns:
        None where it cannot be told: no network, an unknown id, a folder without config.
    """
    from transformers.utils.hub import cached_file, extract_commit_hash

    folder = Path(model)
    if not folder.is_dir():
        try:
            config = cached_file(model, "config.json")
        except (OSError, ValueError):
            return None
        return extract_commit_hash(config, None)
    if not (folder / "config.json").is_file():
        return None
    digest = hashlib.sha256()
    for file in sorted((*folder.glob("*.json"), *folder.glob("*.safetensors"))):
        digest.update(f"{file.name}:{file.stat().st_size};".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(_SAMPLE))
            stream.seek(max(file.stat().st_size - _SAMPLE, 0))
            digest.update(stream.read(_SAMPLE))
    return digest.hexdigest()[:40]


def unreadable(model: str, error: Exception, *, wanted: str, fix: str) -> ModelError:
    """What to tell a user whose model could not be loaded, by the reason.

    Args:
        model: id or folder.
        error: what transformers or the hub raised.
        wanted: what would have been accepted.
        fix: what to do where the reason is none of the hub's.
    """
    from huggingface_hub import errors as hub

    causes: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in causes:
        causes.append(link)
        link = link.__cause__ or link.__context__

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
            wanted=wanted,
            fix=f"connect (and unset HF_HUB_OFFLINE), or: {fix}",
        )
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return ModelError(
        f"model {model!r}, which could not be loaded ({reason[:160].rstrip('.')})",
        wanted=wanted,
        fix=fix,
    )


@contextmanager
def refusing(model: str, *, wanted: str, fix: str) -> Iterator[None]:
    """Turn whatever a library raises inside the block on a checkpoint's files into a ModelError.

    The block holds calls of transformers and the hub, or the first use of what they made. A
    hostile or damaged file can raise anything there: tokenizers raises a bare ``Exception``,
    configurations raise errors of attributes, types and arithmetic. Errors of ours, and a device
    without room, pass.

    Args: as ``unreadable``.

    Raises:
        ModelError: see ``unreadable``.
    """
    import torch

    try:
        yield
    except (ZerotubeError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise unreadable(model, error, wanted=wanted, fix=fix) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' bar and its report on the weights inside the block.

    The caller reports progress, and refuses what the report would warn of.
    """
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


def placed(loaded: Any, device: Any, *, name: str, fix: str) -> Any:
    """The loaded model on its device.

    Raises:
        ModelError: the device has no room for it.
    """
    import torch

    try:
        return loaded.to(device)
    except torch.cuda.OutOfMemoryError as error:
        raise ModelError(
            f"not enough memory on {device} for {name!r}",
            wanted="room for the weights and the work on one input",
            fix=fix,
        ) from error
