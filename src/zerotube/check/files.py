"""Are the files of the checkpoint whole, and safetensors alone?"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path, PurePosixPath

from safetensors import SafetensorError, safe_open

from zerotube.check.types import CheckLine
from zerotube.errors import ModelError
from zerotube.mllm.weights import parameter_bytes, snapshot

NAME = "files"
INDEX = "model.safetensors.index.json"
_DAMAGE = (
    *(SafetensorError, ModelError, OSError),
    *(ValueError, KeyError, TypeError, AttributeError),  # JSON that is not an index
)


def folder_of(model: str) -> Path | None:
    """Where a checkpoint lies on this disk, None where it does not.

    Args:
        model: "bundled", a folder, or an id.
    """
    if model == "bundled":
        from zerotube.bundled import bundled_path

        return bundled_path()
    return snapshot(model)


def check_files(folder: Path) -> CheckLine:
    """Every weight file is there, whole, and holds the tensors that the index names.

    Args:
        folder: of the checkpoint.
    """
    try:
        wanted = _tensors_by_file(folder)
        parameters = stored = 0
        for name, tensors in sorted(wanted.items()):
            file = folder / name
            # Opening one compares its header with the length of the file.
            with safe_open(file, framework="np") as opened:
                missing = tensors - set(opened.keys())
            if missing:
                return _failed(f"{name} without the tensor {min(missing)!r}")
            counted = parameter_bytes(file)
            parameters, stored = parameters + counted[0], stored + counted[1]
    except _DAMAGE as error:
        reason = str(error).replace(f"{folder}/", "").replace(str(folder), folder.name)
        return _failed(" ".join(reason.split())[:200] or type(error).__name__)
    pickled = sorted(file.name for file in folder.glob("*.bin"))
    files = f"{len(wanted)} file" + ("s" if len(wanted) > 1 else "")
    return CheckLine(
        NAME,
        "pass",
        f"{files}, safetensors, {stored / 1e9:.3g} GB, {parameters / 1e9:.3g} billion parameters",
        f"{', '.join(pickled)} beside them is never read" if pickled else "",
        values={"files": len(wanted), "bytes": stored, "parameters": parameters},
    )


def _failed(reason: str) -> CheckLine:
    return CheckLine(NAME, "fail", reason, "download the checkpoint again")


def _tensors_by_file(folder: Path) -> dict[str, set[str]]:
    """Names of the weight files -> the tensors that the index expects in each.

    Raises:
        ModelError: there are no weights, or the index names what is not a plain safetensors file.
    """
    if not (folder / "config.json").is_file():
        raise _error("no config.json", "the configuration beside the weights")
    if not (folder / INDEX).is_file():
        found = [file.name for file in folder.glob("*.safetensors")]
        if not found:
            raise _error("no *.safetensors", "safetensors weights")
        return {name: set() for name in found}
    wanted: dict[str, set[str]] = defaultdict(set)
    index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    for tensor, name in index["weight_map"].items():
        if PurePosixPath(name).name != name or not name.endswith(".safetensors"):
            raise _error(f"{name!r} in {INDEX}", "plain names that end in .safetensors")
        wanted[name].add(tensor)
    absent = [name for name in sorted(wanted) if not (folder / name).is_file()]
    if absent:
        raise _error(f"no {absent[0]}", f"the {len(wanted)} files that {INDEX} names")
    return dict(wanted)


def _error(got: str, wanted: str) -> ModelError:
    return ModelError(got, wanted=wanted, fix="download the checkpoint again")
