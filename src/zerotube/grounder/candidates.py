"""Where a facade's candidates come from: a proposer, the store, or the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zerotube.errors import NothingToGroundError
from zerotube.method.ground import StageReport
from zerotube.mllm.base import VideoMLLM
from zerotube.proposals.base import Proposer
from zerotube.proposals.files import read_tracks
from zerotube.proposals.order import Order
from zerotube.proposals.registry import default_proposer, runs_on_device
from zerotube.proposals.registry import proposer as make_proposer
from zerotube.proposals.segment import within
from zerotube.proposals.store import ProposalStore
from zerotube.proposals.store.proposer import StoredProposer
from zerotube.proposals.types import TrackSet
from zerotube.video import SegmentVideo, Video


@dataclass(frozen=True, eq=False)
class Candidates:
    """Where candidate tracks come from.

    Attributes:
        proposer: name of the proposer; None for that of the model, see ``default_proposer``.
        proposer_settings: its settings.
        tracks: candidates, or a file of them; replaces the proposer. Of a segment, they are those
            of the whole video.
        store: folder where candidates are kept between runs and looked for first. True: the user's
            own (``ZEROTUBE_CACHE`` names another place); False: keep nothing.
        noun: what to look for, for proposers that take a noun; None for the query's.
        order: whether the described time is found before they are looked for.

    Raises:
        UsageError: time first is asked for by name where nothing is looked for.
    """

    proposer: str | None = None
    proposer_settings: Mapping[str, Any] = field(default_factory=dict)
    tracks: str | Path | TrackSet | None = None
    store: bool | str | Path = True
    noun: str | None = None
    order: Order = field(default_factory=Order)

    def __post_init__(self) -> None:
        if self.tracks is not None:
            self.order.refuse_without_proposer("tracks that are known already")

    def time_first(self, model: VideoMLLM) -> bool:
        """Whether time is to be found first: where candidates cost more than the MLLM, or as asked.

        Raises:
            UsageError: unknown proposer.
        """
        if self.tracks is not None or self.order.time_first == "off":
            return False
        return self.order.time_first == "on" or runs_on_device(self._name(model))

    def find(
        self, source: Video, nouns: Sequence[str], model: VideoMLLM, tell: StageReport
    ) -> list[TrackSet]:
        """One set of candidates per noun, each distinct one made once.

        Args:
            source: the open video.
            nouns: what to look for, unless ``noun`` says otherwise.
            model: what will choose among them; the proposer's models go to its device unless its
                settings say otherwise.
            tell: told about the stage "propose".

        Raises:
            NothingToGroundError: there is no candidate.
            TracksError, VideoError: the file or the video cannot be used.
            UsageError: unknown proposer or setting.
        """
        if self.tracks is not None:
            return [_some(_brought(source, self.tracks, tell), source)] * len(nouns)
        finder = self.finder(model)
        keys = [self.asked_for(finder, noun) for noun in nouns]
        made = {
            noun: _some(finder.propose(source, noun, progress=stage(tell)), source)
            for noun in dict.fromkeys(keys)
        }
        return [made[noun] for noun in keys]

    def asked_for(self, finder: Proposer, noun: str) -> str:
        """The noun that a proposer is given.

        One that knows no words finds the same objects whatever is asked for.
        """
        return (self.noun or noun) if finder.uses_noun else "object"

    def finder(self, model: VideoMLLM) -> Proposer:
        """The proposer, with the store around it unless that is off.

        Raises:
            UsageError: unknown proposer or setting.
        """
        name, values = self._name(model), dict(self.proposer_settings)
        if runs_on_device(name):
            values = {"device": str(model.device), **values}
        finder = make_proposer(name, **values)
        if self.store is False:
            return finder
        return StoredProposer(finder, ProposalStore(None if self.store is True else self.store))

    def _name(self, model: VideoMLLM) -> str:
        return self.proposer or default_proposer(model.name)


def stage(tell: StageReport) -> Callable[[int, int], None]:
    """What a proposer reports its progress to."""
    return lambda done, total: tell("propose", done, total)


def _brought(source: Video, tracks: str | Path | TrackSet, tell: StageReport) -> TrackSet:
    """The candidates that the caller brought, cut to the part of the video that is looked at."""
    whole = source.whole if isinstance(source, SegmentVideo) else source
    if not isinstance(tracks, TrackSet):
        tell("propose", 0, 1)
        tracks = read_tracks(Path(tracks), whole.info)
        tell("propose", 1, 1)
    return within(tracks, source.span) if isinstance(source, SegmentVideo) else tracks


def _some(candidates: TrackSet, source: Video) -> TrackSet:
    """The candidates, if there are any."""
    if not len(candidates):
        raise no_candidate(source)
    return candidates


def no_candidate(source: Video) -> NothingToGroundError:
    """The error of a video in which nothing was found."""
    return NothingToGroundError(
        f"no candidate track in {source.info.path!r}",
        wanted="at least one object",
        fix="try another --proposer, or pass --tracks with a file of your own",
    )
