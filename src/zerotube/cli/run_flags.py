"""The flags of a run over a benchmark, alike in every verb that has them, and what they come to."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from zerotube.cli import console
from zerotube.cli.dataset_flags import (
    ANNOTATIONS_OPTION,
    BOXES_OPTION,
    DATASET_OPTION,
    ROOT_OPTION,
    SPLIT_OPTION,
)
from zerotube.cli.early import check_model_flags, check_proposer, check_tracks_dir
from zerotube.cli.flags import assignments, with_flags
from zerotube.cli.llm import DecomposerOption, DecompositionsOption, KeyOption, llm_settings
from zerotube.cli.model_flags import (
    DEVICE_MAP_OPTION,
    DEVICE_OPTION,
    DTYPE_OPTION,
    MODEL_OPTION,
    QUANTIZE_OPTION,
)
from zerotube.cli.paths import check_out_dir
from zerotube.cli.store_flags import NO_STORE_OPTION, STORE_OPTION, chosen_store
from zerotube.errors import InputError, UsageError
from zerotube.query.llm import LLMSettings

if TYPE_CHECKING:
    from zerotube.eval.ground_task import CandidateChoice, ModelChoice
    from zerotube.eval.runner import RunOptions
    from zerotube.eval.types import Benchmark
    from zerotube.query.stored import StoredPhrases

RUN_OPTION = Annotated[
    Path,
    typer.Option("--out", metavar="RUN", help="Folder of the run: its journal and its results."),
]
RESUME_OPTION = Annotated[
    bool,
    typer.Option("--resume", help="Go on with the run in --out; begin it if there is none."),
]
LIMIT_OPTION = Annotated[
    int | None, typer.Option("--limit", metavar="N", help="Only the first N samples.")
]
SHARD_OPTION = Annotated[
    str,
    typer.Option(
        "--shard", metavar="I/N", help="Only the I-th of N parts, each with an --out of its own."
    ),
]
WORKERS_OPTION = Annotated[
    int | None,
    typer.Option(
        "--workers", metavar="W", help="Processes that share the work, each with its own model."
    ),
]
RAY_OPTION = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS|local",
        help="Spread the work over a Ray cluster: a worker per GPU, else per core, or --workers.",
    ),
]
QUIET_OPTION = Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")]

PROPOSER_OPTION = Annotated[
    str | None,
    typer.Option(
        "--proposer",
        metavar="NAME|truth",
        help="What finds the candidate tracks; truth: the true tracks of all objects, where the "
        "data set has them; default: gdino+sam2, or motion with --model bundled.",
    ),
]
PROPOSER_SET_OPTION = Annotated[
    list[str] | None,
    typer.Option("--proposer-set", metavar="NAME=VALUE", help="A setting of the proposer."),
]
TRACKS_DIR_OPTION = Annotated[
    Path | None,
    typer.Option(
        "--tracks",
        metavar="DIR",
        help="Read the candidates: for every video a .json file, or a folder of them, named as the "
        "video, at any depth.",
    ),
]

JSON_OPTION = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON and nothing else.")
]


@dataclass(frozen=True)
class RunFlags:
    """The flags as the user gave them; each field but the last is one flag of every verb that runs.

    Raises:
        UsageError: a flag is malformed, out of range, or contradicts another.
        InputError: a folder that is named is not there.
    """

    dataset: DATASET_OPTION
    out: RUN_OPTION
    root: ROOT_OPTION = None
    split: SPLIT_OPTION = ""
    annotations: ANNOTATIONS_OPTION = None
    boxes: BOXES_OPTION = None
    model: MODEL_OPTION = "bundled"
    proposer: PROPOSER_OPTION = None
    proposer_set: PROPOSER_SET_OPTION = None
    tracks: TRACKS_DIR_OPTION = None
    store: STORE_OPTION = None
    no_store: NO_STORE_OPTION = False
    decomposer: DecomposerOption = "rules"
    llm_key: KeyOption = None
    decompositions: DecompositionsOption = None
    device: DEVICE_OPTION = None
    dtype: DTYPE_OPTION = None
    device_map: DEVICE_MAP_OPTION = None
    quantize: QUANTIZE_OPTION = None
    resume: RESUME_OPTION = False
    limit: LIMIT_OPTION = None
    shard: SHARD_OPTION = "1/1"
    workers: WORKERS_OPTION = None
    ray: RAY_OPTION = None
    as_json: JSON_OPTION = False
    quiet: QUIET_OPTION = False
    llm: Mapping[str, Any] = field(default_factory=dict)
    """The ``--llm-...`` flags that were set, which are derived from `LLMSettings`."""

    def __post_init__(self) -> None:
        # Whatever can be refused in milliseconds is refused before anything is loaded.
        llm_settings(self.decomposer, self.llm)
        check_model_flags(
            device=self.device,
            dtype=self.dtype,
            device_map=self.device_map,
            quantize=self.quantize,
        )
        _shard(self.shard)
        check_out_dir(self.out, (), overwrite=True)
        self.check_candidates(self.candidate_choice())
        if self.tracks is not None:
            check_tracks_dir(self.tracks)

    @property
    def names_candidates(self) -> bool:
        """Whether any flag says where the candidate tracks come from."""
        named = (self.proposer, self.proposer_set, self.tracks, self.store)
        return self.no_store or any(value is not None for value in named)

    def check_results(self, names: Iterable[str], splits: Iterable[str] = ("",)) -> None:
        """Refuse a folder whose results this run would replace without having made them.

        Args:
            names: files that are written into --out once every sample is finished.
            splits: folders below --out that have a journal each; "" for --out itself.

        Raises:
            UsageError: one of the files exists, and --resume does not go on with what made it.
        """
        from zerotube.eval.runner.journal import JOURNAL_FILE

        found = [self.out / name for name in names if (self.out / name).exists()]
        ours = any((self.out / split / JOURNAL_FILE).exists() for split in splits)
        if found and not (ours and self.resume):
            raise UsageError(
                f"an existing {found[0]}" + ("" if ours else " that no run in that folder made"),
                wanted="a new folder, or one with a run to go on with",
                fix=f"{'pass --resume or ' if ours else ''}choose another --out",
            )

    def options(self, folder: Path | None = None) -> RunOptions:
        """How the samples are worked through.

        Args:
            folder: in place of --out.

        Raises:
            UsageError: a number is out of range.
        """
        from zerotube.eval.runner import RunOptions

        return RunOptions(
            folder or self.out,
            self.resume,
            self.limit,
            _shard(self.shard),
            self.workers,
            self.ray,
        )

    def model_choice(self) -> ModelChoice:
        """Which model, how it is loaded, and who splits the sentences.

        Raises:
            UsageError: a server that cannot be asked: no model, no key, no package.
            InputError: the stored decompositions are malformed.
        """
        from zerotube.eval.ground_task import ModelChoice

        asking = llm_settings(self.decomposer, self.llm)
        if self.decomposer == "openai":
            from zerotube.query.llm.server import openai_decomposer

            # Every worker makes its own; what is missing is said before anything is loaded.
            openai_decomposer(asking, key=self.llm_key)
        return ModelChoice(
            self.model,
            self.device,
            self.dtype,
            self.device_map,
            self.quantize,
            self.decomposer,
            asking,
            self._stored,
        )

    @cached_property
    def _stored(self) -> StoredPhrases | None:
        from zerotube.query.stored import read_stored

        return None if self.decompositions is None else read_stored(self.decompositions)

    @contextmanager
    def key_for_workers(self) -> Iterator[None]:
        """Inside the block the key of the server is where worker processes look for it."""
        if self.decomposer != "openai" or self.llm_key is None:
            yield
            return
        from zerotube.eval.runner.pool import environment

        with environment({"OPENAI_API_KEY": self.llm_key}):
            yield

    def candidate_choice(self) -> CandidateChoice:
        """Where candidate tracks come from.

        Raises:
            UsageError: more than one source is named.
        """
        from zerotube.eval.ground_task import CandidateChoice

        settings = assignments(self.proposer_set or [], option="--proposer-set")
        kept = chosen_store(self.store, off=self.no_store)
        return CandidateChoice(self.proposer, settings, self.tracks, kept)

    def check_candidates(self, choice: CandidateChoice) -> None:
        """Refuse a choice by which no candidate could be found.

        Raises:
            UsageError: an unknown proposer, setting or value.
        """
        from zerotube.eval.ground_task import TRUTH

        if choice.tracks is None and choice.proposer != TRUTH:
            check_proposer(choice.proposer, choice.proposer_settings, model=self.model)

    def benchmark(self, split: str | None = None) -> Benchmark:
        """Read the samples; a generated test set is written first if it is not there.

        Args:
            split: in place of --split.

        Raises:
            UsageError, InputError: see `load_benchmark`; or none of the videos is known, or none
                has a stored decomposition.
        """
        from zerotube.cli.synth_sets import prepare_synth
        from zerotube.eval.datasets import Request, load_benchmark

        name = self.split if split is None else split
        prepare_synth(self.dataset, name, self.root, self.annotations, quiet=self.quiet)
        found = load_benchmark(Request(self.dataset, name, self.root, self.annotations, self.boxes))
        _check_videos(found)
        if self._stored is not None:
            _check_stored(found, self._stored)
        for note in found.notes:
            console.note(note)
        return found


def with_run(**instead: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a verb the flags of a run, and those of the server that decomposes sentences; it takes
    them as ``asked``, a `RunFlags`.

    Args:
        instead: options that the verb words in its own way, by field.
    """
    hints = get_type_hints(RunFlags, include_extras=True) | instead
    flags = [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if one.default is MISSING else one.default,
            annotation=hints[one.name],
        )
        for one in fields(RunFlags)
        if one.name != "llm"
    ]

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(verb, eval_str=True)
        own = [p for p in signature.parameters.values() if p.name != "asked"]
        taken = {p.name for p in own} & {flag.name for flag in flags}
        if taken:
            raise TypeError(f"the verb already has parameters {sorted(taken)}")

        @wraps(verb)
        def wrapper(*args: Any, **kwargs: Any) -> None:
            given = {flag.name: kwargs.pop(flag.name) for flag in flags}
            asked = RunFlags(**given, llm=kwargs.pop("llm"))
            with asked.key_for_workers():
                verb(*args, **kwargs, asked=asked)

        # Positional ones first, as a signature wants them; then the run's flags, then the rest.
        first = [p for p in own if p.kind is not inspect.Parameter.KEYWORD_ONLY]
        rest = [p for p in own if p.kind is inspect.Parameter.KEYWORD_ONLY]
        server = inspect.Parameter(
            "llm", inspect.Parameter.KEYWORD_ONLY, annotation=Mapping[str, Any]
        )
        parameters = [*first, *flags, server, *rest]
        # typer reads the signature of what it is given, annotations included.
        wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
        return with_flags(LLMSettings, into="llm", prefix="llm")(wrapper)

    return decorate


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9]+)/([0-9]+)", text.strip())
    if found is None:
        raise UsageError(
            f"--shard {text!r}", wanted="I/N, two whole numbers", fix="pass for example --shard 1/4"
        )
    return int(found[1]), int(found[2])


def _check_stored(benchmark: Benchmark, stored: StoredPhrases) -> None:
    """Refuse decompositions of another data set: every sentence would go to the rules."""
    if any(stored.knows(sample.video_name) for sample in benchmark.samples):
        return
    raise InputError(
        f"{stored.name}, which has phrases for none of the {len(benchmark.samples)} samples",
        wanted="the decompositions of this data set, with its video names as keys",
        fix="pass another --decompositions, or leave it out",
    )


def _check_videos(benchmark: Benchmark) -> None:
    """Refuse a benchmark of which no video is known, before the seconds of loading a model."""
    if any(sample.video is not None for sample in benchmark.samples):
        return
    left_out = f", {len(benchmark.skipped)} skipped" if benchmark.skipped else ""
    because = f" (the first: {benchmark.skipped[0].reason})" if benchmark.skipped else ""
    raise InputError(
        f"{len(benchmark.samples)} samples without any video{left_out}{because}",
        wanted="samples with their videos",
        fix="pass --root with the folder that holds the videos",
    )
