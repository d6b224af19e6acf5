"""The flags of a run over a benchmark, alike in every verb that has them, and what they come to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from zerotube.cli import console
from zerotube.cli.early import check_proposer, check_tracks_dir
from zerotube.cli.groups import AsJson, CandidateFlags, ModelFlags, Quiet
from zerotube.cli.paths import check_out_dir
from zerotube.errors import InputError, UsageError
from zerotube.eval.datasets import Request
from zerotube.eval.run_options import RunOptions

if TYPE_CHECKING:
    from zerotube.eval.ground_task import CandidateChoice
    from zerotube.eval.runner import RunRecord, RunState
    from zerotube.eval.task import Task
    from zerotube.eval.types import Benchmark
    from zerotube.query.stored import StoredPhrases


@dataclass(frozen=True, kw_only=True)
class RunCandidateFlags(CandidateFlags):
    """Where the candidate tracks of every sample come from.

    Raises:
        UsageError: more than one source is named.
        InputError, TracksError: a folder of tracks in which none can be read.
    """

    proposer: str | None = field(default=None, metadata={"metavar": "NAME|truth"})
    """What finds the candidate tracks; truth: the true tracks of all objects, where the data set
    has them; default: gdino+sam2, or motion with --model bundled."""

    tracks: Path | None = field(default=None, metadata={"metavar": "DIR"})
    """Read the candidates: for every video a .json file, or a folder of them, named as the video,
    at any depth."""

    @property
    def given(self) -> bool:
        """Whether any flag says where the candidate tracks come from."""
        named = (self.proposer, self.proposer_set, self.tracks, self.keep.store)
        changed = self.keep.no_store or bool(self.changes_of_order)
        return changed or any(value is not None for value in named)

    def choice(self) -> CandidateChoice:
        """What the flags come to.

        Raises:
            UsageError: more than one source is named.
        """
        from zerotube.eval.ground_task import CandidateChoice

        return CandidateChoice(
            self.proposer, self.settings, self.tracks, self.keep.chosen, self.order
        )


@dataclass(frozen=True, kw_only=True)
class RunFlags:
    """The flags as the user gave them.

    Raises:
        UsageError: a flag is malformed, out of range, or contradicts another.
        InputError: a folder that is named is not there.
    """

    data: Request

    work: RunOptions
    model: ModelFlags
    candidates: RunCandidateFlags

    shard: str = field(default="1/1", metadata={"metavar": "I/N"})
    """Only the I-th of N parts, each with an --out of its own."""

    as_json: AsJson = False
    quiet: Quiet = False

    def __post_init__(self) -> None:
        # Whatever can be refused in milliseconds is refused before anything is loaded.
        _shard(self.shard)
        check_out_dir(self.out, (), overwrite=True)
        self.check_candidates(self.candidates.choice())
        if self.candidates.tracks is not None:
            check_tracks_dir(self.candidates.tracks)

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
        if found and not (ours and self.work.resume):
            raise UsageError(
                f"an existing {found[0]}" + ("" if ours else " that no run in that folder made"),
                wanted="a new folder, or one with a run to go on with",
                fix=f"{'pass --resume or ' if ours else ''}choose another --out",
            )

    @property
    def out(self) -> Path:
        """Folder of the run."""
        return self.work.folder

    def options(self) -> RunOptions:
        """How the samples are worked through.

        Raises:
            UsageError: a shard that is out of range.
        """
        return replace(self.work, shard=_shard(self.shard))

    def check_candidates(self, choice: CandidateChoice) -> None:
        """Refuse a choice by which no candidate could be found.

        Raises:
            UsageError: an unknown proposer, setting or value.
        """
        from zerotube.eval.ground_task import TRUTH

        if choice.tracks is None and choice.proposer != TRUTH:
            check_proposer(choice.proposer, choice.proposer_settings, model=self.model.name)

    def benchmark(self, split: str | None = None) -> Benchmark:
        """Read the samples; a generated test set is written first if it is not there.

        Args:
            split: in place of --split.

        Raises:
            UsageError, InputError: see `load_benchmark`; or none of the videos is known, or none
                has a stored decomposition.
        """
        from zerotube.cli.synth_sets import prepare_synth
        from zerotube.eval.datasets import load_benchmark

        data = self.data if split is None else replace(self.data, split=split)
        prepare_synth(data.dataset, data.split, data.root, data.annotations, quiet=self.quiet)
        found = load_benchmark(data)
        _check_videos(found)
        if self.model.stored is not None:
            _check_stored(found, self.model.stored)
        for note in found.notes:
            console.note(note)
        return found

    def run(
        self,
        task: Task,
        benchmark: Benchmark,
        options: RunOptions,
        metrics: Callable[[RunState], str] | None = None,
    ) -> RunRecord:
        """Work through the samples, with progress on stderr.

        Args:
            task, benchmark, options: see `zerotube.eval.runner.run_task`.
            metrics: see `RunProgress`.

        Raises:
            ZerotubeError: see `zerotube.eval.runner.run_task`.
        """
        from zerotube.cli.run_progress import RunProgress
        from zerotube.eval.runner import run_task

        progress = RunProgress(quiet=self.quiet, metrics=metrics)
        with self.model.key_in_environment(), progress:
            return run_task(task, benchmark, options, watch=progress)


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
