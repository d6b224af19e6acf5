"""The checks of one model, one after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from zerotube.check.clips import ClipFindings, look_at_clips
from zerotube.check.cost import Meter, versions_line
from zerotube.check.eager import check_attention
from zerotube.check.files import check_files, folder_of
from zerotube.check.planted import check_cells, check_pointing
from zerotube.check.prompt import check_prompt
from zerotube.check.quality import quality_lines
from zerotube.check.types import CheckLine, Subject
from zerotube.errors import ModelError, UsageError, ZerotubeError
from zerotube.grounder import Grounder

CLIPS = 40

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class CheckOptions:
    """Which model, how it is loaded, and how much is done with it.

    Attributes:
        model: "bundled", a folder, or a Hugging Face id.
        device, dtype, quantize: see `zerotube.mllm.loading.load`.
        clips: generated clips to look at.

    Raises:
        UsageError: no clip.
    """

    model: str
    device: str | None = None
    dtype: str | None = None
    quantize: str | None = None
    clips: int = CLIPS

    def __post_init__(self) -> None:
        if self.clips < 1:
            raise UsageError(f"{self.clips} clips", wanted="at least 1", fix="pass --clips 40")

    @property
    def shown_name(self) -> str:
        """The model's name for a report: of a folder its last part, nothing of the user's disk."""
        path = Path(self.model)
        return path.resolve().name if path.is_dir() else self.model


def run_checks(options: CheckOptions, tell: Tell | None = None) -> Iterator[CheckLine]:
    """Every check, in order; each line comes as soon as it is known.

    An interrupt while clips are looked at first gives the lines of those that are finished.

    Args:
        options: the model.
        tell: told (stage, steps done, steps in all).

    Raises:
        ModelError: there is no such model.
        UsageError: unknown or contradictory options.
        KeyboardInterrupt: after the lines of what was finished.
    """
    meter = Meter()
    here = folder_of(options.model)
    if here is not None:
        line = _timed(check_files, here)
        yield line
        if line.status == "fail":
            yield versions_line(None)
            return
    begin = time.perf_counter()
    try:
        with meter.stage("load"):
            grounder = Grounder.from_pretrained(
                options.model,
                device=options.device,
                dtype=options.dtype,
                quantize=options.quantize,
            )
    except ModelError as error:
        if here is None:
            raise  # no checkpoint to say anything about
        yield _failure("loading", error, options, time.perf_counter() - begin)
        yield versions_line(None)
        return
    yield _loaded(grounder, options, time.perf_counter() - begin)
    yield versions_line(grounder.model)
    if here is None:
        fetched = folder_of(options.model)
        if fetched is not None:
            yield _timed(check_files, fetched)
    subject = Subject(grounder, options.clips, tell or (lambda stage, done, total: None))
    for name, check in (
        ("prompt", check_prompt),
        ("captured attention", check_attention),
        ("planted cell", check_cells),
        ("planted object", check_pointing),
    ):
        with meter.stage(name):
            yield from _guarded(name, check, subject, options)
    yield from _clips(subject, meter, options)


def _clips(subject: Subject, meter: Meter, options: CheckOptions) -> Iterator[CheckLine]:
    """The lines about generated clips, of as many as were finished, and what everything took."""
    found = ClipFindings()
    stopped: KeyboardInterrupt | None = None
    failure: CheckLine | None = None
    begin = time.perf_counter()
    subject.tell("clips", 0, subject.clips)
    try:
        for _ in look_at_clips(subject, meter, found):
            subject.tell("clips", found.count, subject.clips)
    except KeyboardInterrupt as caught:
        stopped = caught
    except (ZerotubeError, torch.OutOfMemoryError) as error:
        failure = _failure("clips", error, options, 0.0)
    seconds = time.perf_counter() - begin
    for line in quality_lines(found):
        yield replace(line, seconds=seconds)
        seconds = 0.0
    if failure is not None:
        yield failure
    yield meter.line()
    if stopped is not None:
        raise stopped


def _guarded(
    name: str,
    check: Callable[[Subject], Iterable[CheckLine]],
    subject: Subject,
    options: CheckOptions,
) -> Iterator[CheckLine]:
    """The lines of a check with their seconds; an error that it raises is a line that failed."""
    begin = time.perf_counter()
    try:
        for line in check(subject):
            now = time.perf_counter()
            yield replace(line, seconds=now - begin)
            begin = time.perf_counter()
    except (ZerotubeError, torch.OutOfMemoryError) as error:
        yield _failure(name, error, options, time.perf_counter() - begin)


def _failure(name: str, error: Exception, options: CheckOptions, seconds: float) -> CheckLine:
    got, advice = str(error), ""
    if isinstance(error, ZerotubeError):
        got, advice = error.got, f"wanted {error.wanted}; {error.fix}"
    elif isinstance(error, torch.OutOfMemoryError):
        got, advice = "not enough memory", "pass --dtype bfloat16 or --quantize 4bit"
    said = (" ".join(text.replace(options.model, options.shown_name).split())
            for text in (got, advice))  # fmt: skip
    return CheckLine(name, "fail", *said, seconds=seconds)


def _loaded(grounder: Grounder, options: CheckOptions, seconds: float) -> CheckLine:
    model = grounder.model
    config = model.model.config
    weights = sum(one.numel() * one.element_size() for one in model.model.parameters())
    kind = str(model.model.dtype).removeprefix("torch.")
    return CheckLine(
        "loading",
        "info",
        f"{weights / 1e9:.3g} GB of {options.quantize or kind} weights on {model.device.type}",
        f"{', '.join(config.architectures or ())}, read as {type(model.family).__name__}; "
        f"{model.layer_count} layers",
        seconds=seconds,
        values={"bytes": weights, "dtype": kind, "layers": model.layer_count},
    )


def _timed(check: Callable[[Path], CheckLine], folder: Path) -> CheckLine:
    begin = time.perf_counter()
    line = check(folder)
    return replace(line, seconds=time.perf_counter() - begin)
