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
    """

    proposer: str | None = None
    proposer_settings: Mapping[str, Any] = field(default_factory=dict)
    tracks: str | Path | TrackSet | None = None
    store: bool | str | Path = True
    noun: str | None = None

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
        finder = self._finder(self.proposer or default_proposer(model.name), str(model.device))
        # A proposer that knows no words finds the same objects whatever is asked for.
        keys = [(self.noun or noun) if finder.uses_noun else "object" for noun in nouns]
        made = {
            noun: _some(finder.propose(source, noun, progress=_stage(tell)), source)
            for noun in dict.fromkeys(keys)
        }
        return [made[noun] for noun in keys]

    def _finder(self, name: str, device: str) -> Proposer:
        values = dict(self.proposer_settings)
        if runs_on_device(name):
            values = {"device": device, **values}
        finder = make_proposer(name, **values)
        if self.store is False:
            return finder
        return StoredProposer(finder, ProposalStore(None if self.store is True else self.store))


def _stage(tell: StageReport) -> Callable[[int, int], None]:
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
    if not len(candidates):
        raise NothingToGroundError(
            f"no candidate track in {source.info.path!r}",
            wanted="at least one object",
            fix="try another --proposer, or pass --tracks with a file of your own",
        )
    return candidates
