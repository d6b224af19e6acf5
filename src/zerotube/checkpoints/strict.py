"""Loading weights strictly: no code of a checkpoint runs, and no tensor is made up.

Left to itself, transformers asks on a terminal whether to run a checkpoint's own code, fills
missing tensors with random numbers and reads pickled shards that an index names.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zerotube.checkpoints import quiet, refusing, unreadable
from zerotube.checkpoints.files import (
    INDEX,
    UNTOUCHED,
    WEIGHTS,
    CheckpointFiles,
    architecture_of,
    check_files,
    listed,
    read_config,
    weight_names,
)
from zerotube.errors import ModelError

TRUSTED: Mapping[str, Any] = {"trust_remote_code": False}
"""For every ``from_pretrained``: without it transformers asks on the terminal, and a "y" that
happens to stand in the standard input runs the checkpoint's code."""

_SMALL_FILES = ("*.json", "*.jinja", "*.txt", "*.model")
"""Configuration, templates and vocabularies of a checkpoint on the hub; never ``*.py``."""


def find_checkpoint(
    model: str, *, accept: Callable[[Mapping[str, Any]], None], wanted: str, fix: str
) -> CheckpointFiles:
    """The checked files of a folder, or of an id once they are in the hub's cache.

    What is loaded later comes from the returned folder, so it is what was checked here.

    Args:
        model: folder written by ``save_pretrained``, or a Hugging Face id.
        accept: raises if a model of this configuration is not wanted, before weights are fetched.
        wanted: what would have been accepted, for the messages.
        fix: what to do where the reason is none of the hub's.

    Raises:
        ModelError: see `zerotube.checkpoints.unreadable` and ``check_files``; or a model type
            that needs code of the checkpoint's own.
    """
    if Path(model).exists():
        folder = Path(model)
        _accepted(model, folder, accept)
        return check_files(folder)
    from transformers.utils.hub import cached_file

    try:
        folder = Path(str(cached_file(model, "config.json"))).parent
        _accepted(model, folder, accept)
        _fetch(model, folder)
    except (OSError, ValueError) as error:
        raise unreadable(model, error, wanted=wanted, fix=fix) from error
    return check_files(folder)


def _accepted(model: str, folder: Path, accept: Callable[[Mapping[str, Any]], None]) -> None:
    config = read_config(folder)
    _refuse_own_code(model, config)
    accept(config)


def _fetch(model: str, folder: Path) -> None:
    """Bring the rest of what loading needs into the hub's cache, from one commit.

    Raises:
        OSError, ValueError: what the hub says.
        ModelError: an index that names what ``weight_names`` refuses; nothing of it is fetched.
    """
    from huggingface_hub import snapshot_download
    from transformers.utils.hub import cached_file

    commit = folder.name
    snapshot_download(model, revision=commit, allow_patterns=list(_SMALL_FILES))
    if not (folder / INDEX).is_file():
        cached_file(model, WEIGHTS, revision=commit)
    for name in weight_names(folder):
        cached_file(model, name, revision=commit)


def _refuse_own_code(model: str, config: Mapping[str, Any]) -> None:
    """Refuse a checkpoint whose model type transformers knows only by code beside the weights."""
    if not config.get("auto_map"):
        return  # without the seconds that the next import takes
    from transformers import CONFIG_MAPPING

    kind = str(config.get("model_type"))
    if kind not in CONFIG_MAPPING:
        raise ModelError(
            f"model {model!r} of type {kind[:80]!r}, which runs code of its own",
            wanted="a model type of transformers: code of a checkpoint is never run",
            fix="use the version made for transformers, whose id often ends in -hf or -HF",
        )


def load_weights(
    model_class: Any, files: CheckpointFiles, *, name: str, wanted: str, fix: str, **options: Any
) -> Any:
    """Load a model of which every tensor comes from the files.

    Args:
        model_class: class of transformers, or one of its ``AutoModelFor...``.
        files: what ``find_checkpoint`` returned.
        name: id or folder, for the messages.
        wanted: what would have been accepted.
        fix: what to do where the reason is none of those below.
        options: further arguments of ``from_pretrained``.

    Returns:
        The model. Tensors that its architecture ties or computes need not be in the files; those
        that are tied by the configuration and stored apart are read as they are stored.

    Raises:
        ModelError: missing tensors, tensors of another shape, a configuration that promises more
            than the files hold, or anything that transformers raises.
        torch.OutOfMemoryError: the device has no room.
    """
    with refusing(name, wanted=wanted, fix=fix), _within(files, name), quiet():
        loaded, found = model_class.from_pretrained(
            str(files.folder),
            use_safetensors=True,
            output_loading_info=True,
            # Raised by us instead, with the names.
            ignore_mismatched_sizes=True,
            **TRUSTED,
            **options,
        )
    _refuse_gaps(found, name, architecture_of(files.config))
    return loaded


def _refuse_gaps(found: Mapping[str, Any], name: str, architecture: str) -> None:
    mismatched = sorted(found["mismatched_keys"])
    if mismatched:
        shown = [f"{key} {tuple(stored)} for {tuple(built)}" for key, stored, built in mismatched]
        raise ModelError(
            f"model {name!r} with {len(mismatched):,} tensors of another shape: {listed(shown)}",
            wanted=f"the shapes that its configuration gives a {architecture}",
            fix="config.json and weights do not belong together: download both again",
        )
    missing = sorted(found["missing_keys"])
    if missing:
        foreign = sorted(found["unexpected_keys"])
        beside = f"; it holds {listed(foreign, 1)} instead" if foreign else ""
        raise ModelError(
            f"model {name!r} without {len(missing):,} tensors: {listed(missing)}{beside}",
            wanted=f"every tensor of a {architecture} in the weight files",
            fix=UNTOUCHED,
        )


@contextmanager
def _within(files: CheckpointFiles, name: str) -> Iterator[None]:
    """Stop a model from being built inside the block that is far larger than its weight files.

    Models are built of tensors without memory first, so that what they would take is known
    before it is taken. Twice the files: tied tensors are made apart, and quantised layers again.
    """
    from torch.nn.modules import module

    packed = 16 if files.config.get("quantization_config") else 1
    most = 3 * packed * files.parameters + 2_000_000
    thread = threading.get_ident()
    promised = built = 0

    def count(_: Any, key: str, tensor: Any) -> None:
        nonlocal promised, built
        if tensor is None or tensor.device.type != "meta" or threading.get_ident() != thread:
            return
        promised, built = promised + tensor.numel(), built + 1
        if promised > most or built > 20 * len(files.tensors) + 10_000:
            raise ModelError(
                f"model {name!r}, whose configuration promises more than {promised:,} parameters",
                wanted=f"about {files.parameters:,}, which its weight files hold",
                fix=UNTOUCHED,
            )

    handles = (
        module.register_module_parameter_registration_hook(count),
        module.register_module_buffer_registration_hook(count),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
