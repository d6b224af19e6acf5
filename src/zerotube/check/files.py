"""Are the files of the checkpoint whole, and safetensors alone?"""

from __future__ import annotations

from pathlib import Path

from zerotube.check.types import CheckLine
from zerotube.checkpoints import files
from zerotube.errors import ModelError
from zerotube.mllm.weights import snapshot

NAME = "files"


def folder_of(model: str) -> Path | None:
    """Where a checkpoint is stored on this disk, None where it is not.

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
        found = files.check_files(folder)
        index = folder / files.INDEX
        indexed = files.read_object(index)["weight_map"] if len(found.weights) > 1 else {}
    except ModelError as error:
        got = error.got.replace(f"{folder}/", "").replace(str(folder), folder.name)
        return CheckLine(NAME, "fail", got, f"wanted {error.wanted}; {error.fix}")
    absent = sorted(set(indexed) - set(found.tensors))
    if absent:
        return CheckLine(
            NAME,
            "fail",
            f"no tensor {absent[0]!r} in {indexed[absent[0]]}, where {files.INDEX} has it",
            files.UNTOUCHED,
        )
    stored = sum(file.stat().st_size for file in found.weights)
    pickled = sorted(file.name for file in folder.glob("*.bin"))
    count = len(found.weights)
    return CheckLine(
        NAME,
        "pass",
        f"{count} file{'s' if count > 1 else ''}, safetensors, {stored / 1e9:.3g} GB, "
        f"{found.parameters / 1e9:.3g} billion parameters",
        f"{', '.join(pickled)} beside them is never read" if pickled else "",
        values={"files": count, "bytes": stored, "parameters": found.parameters},
    )
