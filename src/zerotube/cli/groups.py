"""The flags that several verbs share, in groups, and what each group comes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zerotube.cli.flags import Changes, assignments
from zerotube.errors import InputError, UsageError
from zerotube.eval.names import Protocol
from zerotube.method.config import PRESETS, MethodSettings
from zerotube.proposals.order import Order
from zerotube.query.llm import LLMSettings

if TYPE_CHECKING:
    from zerotube.eval.ground_task import ModelChoice
    from zerotube.query.stored import StoredPhrases

DECOMPOSERS = ("rules", "openai", "model")
"""What may split a sentence."""

ASKERS = ("model", "openai")
"""Who may name a time in words."""

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]
Method = Annotated[
    str, typer.Option("--method", metavar="|".join(PRESETS), help="Preset of the settings.")
]
ProtocolName = Annotated[
    Protocol, typer.Option("--protocol", help="Frames of vIoU, see `zerotube score`.")
]
MethodChanges = Annotated[Mapping[str, Any], Changes(MethodSettings)]


@dataclass(frozen=True, kw_only=True)
class LoadFlags:
    """How a model is loaded; a wrong value is refused before any is.

    Raises:
        UsageError: unknown or contradictory options, or a package that is not installed.
    """

    device: str | None = None
    """cpu, cuda, cuda:1, mps; default: the best."""

    dtype: str | None = None
    """float32, bfloat16, float16; default: by device."""

    quantize: str | None = field(default=None, metadata={"metavar": "8bit|4bit"})
    """Load quantised weights."""

    def __post_init__(self) -> None:
        from zerotube.mllm.loading import check_options

        check_options(**self.loading)

    @property
    def loading(self) -> dict[str, str | None]:
        """The options as the loader takes them."""
        return {"device": self.device, "dtype": self.dtype, "quantize": self.quantize}


@dataclass(frozen=True, kw_only=True)
class DecomposerFlags:
    """What splits a sentence, and which server is asked.

    Raises:
        UsageError: an unknown decomposer, or a flag that it does not read.
    """

    decomposer: str = field(default="rules", metadata={"metavar": "|".join(DECOMPOSERS)})
    """What splits a sentence: rules, an OpenAI-compatible server, or --model itself."""

    llm_key: str | None = field(
        default=None, metadata={"metavar": "KEY", "envvar": "OPENAI_API_KEY"}
    )
    """Key of the server; other users see a flag in the list of processes."""

    llm: Annotated[Mapping[str, Any], Changes(LLMSettings, prefix="llm")] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        chosen = self.decomposer
        if chosen not in DECOMPOSERS:
            raise UsageError(
                f"--decomposer {chosen}",
                wanted=f"one of {', '.join(DECOMPOSERS)}",
                fix="choose one of these",
            )
        if self.asks_server:
            return
        idle = {"rules": set(self.llm), "model": {"base_url", "model"}}[chosen]
        for name in self.llm:
            if name in idle:
                raise UsageError(
                    f"--llm-{name.replace('_', '-')} with --decomposer {chosen}",
                    wanted="flags that the decomposer reads",
                    fix="pass --decomposer openai, or leave the flag out",
                )

    @property
    def asks_server(self) -> bool:
        """Whether a server is asked for anything."""
        return self.decomposer == "openai"

    @property
    def settings(self) -> LLMSettings:
        """How a language model is asked."""
        return LLMSettings(**self.llm)


@dataclass(frozen=True, kw_only=True)
class LanguageFlags(DecomposerFlags):
    """What splits a sentence, who names a time in words, and which server is asked.

    Raises:
        UsageError: an unknown decomposer or asker, or a flag that neither reads.
    """

    asker: str = field(default="model", metadata={"metavar": "|".join(ASKERS)})
    """Who names the time with --time ask: --model itself, or an OpenAI-compatible server, which is
    sent the sampled frames."""

    def __post_init__(self) -> None:
        if self.asker not in ASKERS:
            raise UsageError(
                f"--asker {self.asker}",
                wanted=f"one of {', '.join(ASKERS)}",
                fix="choose one of these",
            )
        super().__post_init__()

    @property
    def asks_server(self) -> bool:
        """Whether a server is asked for anything."""
        return "openai" in (self.decomposer, self.asker)

    def check_read(self, settings: Iterable[MethodSettings]) -> None:
        """Refuse a server that no settings would ask.

        Raises:
            UsageError: --asker openai where nothing asks for the time.
        """
        if self.asker == "openai" and not any(one.time == "ask" for one in settings):
            raise UsageError(
                "--asker openai without --time ask",
                wanted="both, or neither",
                fix="add --time ask, or leave --asker out",
            )


@dataclass(frozen=True, kw_only=True)
class ModelFlags:
    """Which model, how it is loaded, and who splits its sentences.

    Raises:
        UsageError: see the two groups in it; or options that contradict each other.
    """

    name: str = field(default="bundled", metadata={"name": "model"})
    """Hugging Face id or folder of the multimodal LLM."""

    load: LoadFlags = field(default_factory=LoadFlags)

    device_map: str | None = field(default=None, metadata={"metavar": "auto"})
    """Spread the layers over all devices."""

    split: LanguageFlags = field(default_factory=LanguageFlags)

    decompositions: Path | None = field(default=None, metadata={"metavar": "FILE"})
    """Phrases by video, as the method's authors stored them; for a video without usable ones
    --decomposer stands in."""

    def __post_init__(self) -> None:
        from zerotube.mllm.loading import check_options

        check_options(**self.load.loading, device_map=self.device_map)

    @cached_property
    def stored(self) -> StoredPhrases | None:
        """The stored decompositions.

        Raises:
            InputError: they are malformed.
        """
        from zerotube.query.stored import read_stored

        return None if self.decompositions is None else read_stored(self.decompositions)

    def choice(self) -> ModelChoice:
        """What the flags come to.

        Raises:
            UsageError: a server that cannot be asked: no model, no key, no package.
            InputError: see ``stored``.
        """
        from zerotube.eval.ground_task import ModelChoice

        if self.split.asks_server:
            from zerotube.query.llm.openai_clients import openai_decomposer

            # Whoever works with the model makes its own; what is missing is said before it loads.
            openai_decomposer(self.split.settings, key=self.split.llm_key)
        return ModelChoice(
            name=self.name,
            **self.load.loading,
            device_map=self.device_map,
            decomposer=self.split.decomposer,
            asker=self.split.asker,
            llm=self.split.settings,
            decompositions=self.stored,
        )

    @contextmanager
    def key_in_environment(self) -> Iterator[None]:
        """Inside the block the key of the server is where a `ModelChoice` looks for it, in this
        process and in those it starts."""
        if not self.split.asks_server or self.split.llm_key is None:
            yield
            return
        from zerotube.eval.runner.pool import environment

        with environment({"OPENAI_API_KEY": self.split.llm_key}):
            yield


@dataclass(frozen=True, kw_only=True)
class StoreFlags:
    """Where candidate tracks are kept.

    Raises:
        UsageError: both flags are given.
        InputError: the folder is a file.
    """

    store: Path | None = field(default=None, metadata={"metavar": "DIR"})
    """Where candidate tracks are kept between runs. (default $ZEROTUBE_CACHE/proposals, else
    ~/.cache/zerotube/proposals)"""

    no_store: bool = False
    """Neither look for kept tracks nor keep new ones."""

    def __post_init__(self) -> None:
        if self.store is None:
            return
        if self.no_store:
            raise UsageError(
                "--store together with --no-store", wanted="one of them", fix="leave one out"
            )
        if self.store.exists() and not self.store.is_dir():
            raise InputError(
                f"a file at {self.store}", wanted="a folder", fix="pass another --store"
            )

    @property
    def chosen(self) -> Path | bool:
        """A folder, True for the user's own, False for none."""
        return self.store or not self.no_store


@dataclass(frozen=True, kw_only=True)
class ProposerFlags:
    """How a proposer is set, and where the tracks that it finds are kept.

    Raises:
        UsageError, InputError: see the group in it.
    """

    proposer_set: list[str] | None = field(default=None, metadata={"metavar": "NAME=VALUE"})
    """A setting of the proposer."""

    keep: StoreFlags = field(default_factory=StoreFlags)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The settings of the proposer.

        Raises:
            UsageError: one is no assignment.
        """
        return assignments(self.proposer_set or [], option="--proposer-set")


@dataclass(frozen=True, kw_only=True)
class CandidateFlags(ProposerFlags):
    """What finds the candidate tracks, or which are read, and where they are kept.

    Raises:
        UsageError: see the groups in it, and `Order`; or nothing is looked for, time first.
    """

    proposer: str | None = None
    """What finds the candidate tracks; default: gdino+sam2, or motion with --model bundled."""

    tracks: Path | None = field(default=None, metadata={"metavar": "FILE"})
    """Read the candidates: JSON or MOT CSV."""

    changes_of_order: Annotated[Mapping[str, Any], Changes(Order)] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.tracks is not None:
            self.order.refuse_without_proposer("tracks that are read")

    @property
    def order(self) -> Order:
        """When candidates are looked for."""
        return Order(**self.changes_of_order)
