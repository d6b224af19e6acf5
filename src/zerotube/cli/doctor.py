"""``zerotube doctor``: what is installed, what is missing, and the command that fixes it."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import typer

from zerotube.cli import console
from zerotube.cli.flags import with_flags
from zerotube.cli.groups import AsJson

_GIB = 1024**3
_AGAIN = "--force-reinstall"

Group = Literal["versions", "devices", "video", "caches", "models", "extras"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        group: heading.
        name: what was looked at.
        status: ok; missing = optional and absent; broken = grounding cannot run.
        value: what was found.
        fix: the command or step that fixes it, empty where nothing is to fix.
    """

    group: Group
    name: str
    status: Literal["ok", "missing", "broken"]
    value: str
    fix: str = ""


@with_flags(as_json="Print the checks as JSON.")
def doctor(*, as_json: AsJson = False) -> None:
    """Show versions, devices, caches and what is missing; exit 1 if grounding cannot run."""
    checks = list(run_checks())
    runs = all(check.status != "broken" for check in checks)
    if as_json:
        report = {"can_ground": runs, "checks": [asdict(check) for check in checks]}
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _print(checks)
        print()
        print("grounding can run" if runs else "grounding cannot run: see the lines marked broken")
    if not runs:
        raise typer.Exit(1)


def run_checks() -> Iterator[Check]:
    """Every check, in the order of the report."""
    yield Check("versions", "python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield from _versions()
    yield from _devices()
    yield from _video()
    yield from _caches()
    yield from _models()
    yield from _extras()


def _broken(group: Group, name: str, value: str, install: str) -> Check:
    """What keeps grounding from running, and what to give to pip to fix it."""
    return Check(group, name, "broken", console.one_line(value), f"run: pip install {install}")


def _print(checks: Iterable[Check]) -> None:
    group = ""
    rows: list[tuple[str, str, str]] = []
    for check in [*checks, None]:
        if check is None or check.group != group:
            console.print_rows(rows, indent="  ")
            rows = []
            if check is None:
                break
            group = check.group
            print(group)
        value = f"{check.value} -> {check.fix}" if check.fix else check.value
        rows.append((check.name, check.status, value))


def _requirements(extra: str | None) -> list[str]:
    """Names of the packages that zerotube, or one of its extras, asks for."""
    from packaging.requirements import Requirement

    names = []
    for line in metadata.requires("zerotube") or []:
        requirement = Requirement(line)
        marker = requirement.marker
        core = marker is None or marker.evaluate({"extra": ""})
        of_extra = marker is not None and not core and marker.evaluate({"extra": extra or ""})
        if core if extra is None else of_extra:
            names.append(requirement.name)
    return names


def _versions() -> Iterator[Check]:
    for name in ["zerotube", *_requirements(None)]:
        try:
            yield Check("versions", name, "ok", metadata.version(name))
        except metadata.PackageNotFoundError:
            yield _broken("versions", name, "not installed", name)


def _devices() -> Iterator[Check]:
    yield Check("devices", "cpu", "ok", _cpu())
    try:
        import torch
    except (ImportError, OSError) as caught:
        yield _broken("devices", "torch", f"cannot be imported: {caught}", f"{_AGAIN} torch")
        return
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        yield Check(
            "devices", f"cuda:{index}", "ok", f"{card.name}, {card.total_memory / _GIB:.0f} GiB"
        )
    if not torch.cuda.device_count():
        yield Check("devices", "cuda", "missing", "no card; the CPU is used")
    if sys.platform == "darwin":
        found = torch.backends.mps.is_available()
        yield Check("devices", "mps", "ok" if found else "missing", "yes" if found else "no")


def _cpu() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"{cores} cores"
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        text += f", {memory / _GIB:.0f} GiB memory"
    return text


def _video() -> Iterator[Check]:
    try:
        import av
        from av.codec import Codec
    except (ImportError, OSError) as caught:
        yield _broken("video", "PyAV", f"cannot be imported: {caught}", f"{_AGAIN} av")
        return
    for name, use in (("h264", "reading"), ("libx264", "overlay.mp4")):
        try:
            Codec(name, "r" if use == "reading" else "w")
        except av.error.FFmpegError:
            missing = f"no {name} in this PyAV"
            yield _broken("video", f"H.264 {use}", missing, f"{_AGAIN} --only-binary av av")
        else:
            yield Check("video", f"H.264 {use}", "ok", name)


def _caches() -> Iterator[Check]:
    from huggingface_hub.constants import HF_HUB_CACHE

    from zerotube.files import CACHE_VARIABLE
    from zerotube.proposals.store import default_folder

    for name, folder, pattern, variable in (
        ("Hugging Face", Path(HF_HUB_CACHE), "blobs/*", "HF_HOME"),
        ("proposals", default_folder(), "*.jsonl", CACHE_VARIABLE),
    ):
        nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        writable = nearest.is_dir() and os.access(nearest, os.W_OK)
        size = sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())
        yield Check(
            "caches",
            name,
            "ok" if writable else "missing",
            f"{folder}, {size / _GIB:.1f} GiB" + ("" if writable else ", not writable"),
            "" if writable else f"set {variable} to a folder that can be written",
        )


def _models() -> Iterator[Check]:
    from zerotube.errors import ZerotubeError

    try:
        from zerotube.grounder import Grounder

        Grounder.from_pretrained("bundled", device="cpu")
    except (ZerotubeError, ImportError, OSError) as caught:
        yield _broken("models", "bundled", str(caught), f"{_AGAIN} --no-deps zerotube")
    else:
        yield Check("models", "bundled", "ok", "loads; coloured shapes that move")


def _extras() -> Iterator[Check]:
    for extra in metadata.metadata("zerotube").get_all("Provides-Extra") or []:
        absent = [name for name in _requirements(extra) if not _installed(name)]
        yield Check(
            "extras",
            extra,
            "missing" if absent else "ok",
            f"without {', '.join(absent)}" if absent else "installed",
            f"run: pip install 'zerotube[{extra}]'" if absent else "",
        )


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
