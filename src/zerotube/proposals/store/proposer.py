"""A proposer that looks into the store first, and keeps there what it had to make."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from zerotube.errors import TracksError, UsageError
from zerotube.proposals.store import EntryKey, ProposalStore
from zerotube.proposals.types import TrackSet
from zerotube.video.digest import Content, read_content, unchanged

if TYPE_CHECKING:
    from zerotube.proposals.base import Progress, Proposer
    from zerotube.video.base import Video

_PATIENCE_S = 600.0
"""How long to wait for another process that makes the same entry, before making it as well."""


@dataclass(frozen=True)
class Fetched:
    """Tracks and where they came from.

    Attributes:
        tracks: the candidates.
        origin: "stored"; "made" and kept; "remade": made and kept in place of a damaged entry;
            "unkept": made, and a line of ``tracks.warnings`` says why they could not be kept.
    """

    tracks: TrackSet
    origin: Literal["stored", "made", "remade", "unkept"]


class StoredProposer:
    """Implements `zerotube.proposals.base.Proposer` by another one and a store.

    What was damaged, and what could not be kept, stands in the ``warnings`` of the tracks.

    Args:
        finder: makes the tracks.
        store: keeps them.
        must_keep: whether tracks that cannot be written to the store are an error; else they are
            returned with a warning.
    """

    def __init__(self, finder: Proposer, store: ProposalStore, *, must_keep: bool = False) -> None:
        self._finder = finder
        self._store = store
        self._must_keep = must_keep
        # Per open video, so that several nouns read its bytes once; gone when the video is.
        self._contents: WeakKeyDictionary[Video, Content] = WeakKeyDictionary()

    @property
    def name(self) -> str:
        """That of the proposer inside."""
        return self._finder.name

    @property
    def settings(self) -> Any:
        """Those of the proposer inside."""
        return self._finder.settings

    @property
    def uses_noun(self) -> bool:
        """That of the proposer inside."""
        return self._finder.uses_noun

    @property
    def revision(self) -> str | None:
        """That of the proposer inside."""
        return self._finder.revision

    def propose(
        self, video: Video, noun: str = "object", *, progress: Progress | None = None
    ) -> TrackSet:
        """See `zerotube.proposals.base.Proposer.propose`; errors as in `fetch`."""
        fetched = self.fetch(video, noun, progress=progress)
        if fetched is None:
            raise RuntimeError("only a caller without patience is left without tracks")
        return fetched.tracks

    def fetch(
        self,
        video: Video,
        noun: str = "object",
        *,
        progress: Progress | None = None,
        wait: bool = True,
    ) -> Fetched | None:
        """The stored tracks of a video, or new ones.

        Args:
            video: an open video that is stored at its ``info.path``.
            noun: what to look for.
            progress: told how far it is.
            wait: whether to wait for another process that is making the same tracks (for ten
                minutes, then they are made here as well); else None is returned if there is one.

        Raises:
            VideoError: if the video cannot be read or decoded.
            OSError: if the tracks must be kept and cannot be.
            UsageError: if the settings of the proposer are not a dataclass of plain values.
        """
        revision = self._finder.revision
        if revision is None:
            made = self._finder.propose(video, noun, progress=progress)
            return self._unkept(made, f"the proposer {self.name!r} cannot tell its revision")
        content = self._content(video)
        key = self._key(video, noun, content, revision)
        found, _ = self._look(key, video)
        if found is None:
            with self._store.lock(key, _PATIENCE_S if wait else 0.0) as lock:
                if lock == "busy" and not wait:
                    return None
                # The other process may have finished it while this one waited.
                found, damage = self._look(key, video)
                if found is None:
                    return self._make(video, noun, key, content, damage, progress)
        if progress is not None:
            progress(1, 1)
        return Fetched(found, "stored")

    def stored(self, video: Video, noun: str = "object") -> TrackSet | None:
        """The stored tracks of a video; None if there are none that can be used.

        Args:
            video, noun: as of ``fetch``.

        Raises:
            VideoError, UsageError: as ``fetch``.
        """
        revision = self._finder.revision
        if revision is None:
            return None
        return self._look(self._key(video, noun, self._content(video), revision), video)[0]

    def _key(self, video: Video, noun: str, content: Content, revision: str) -> EntryKey:
        info, numbers = video.info, video.in_file
        together = int(numbers[-1] - numbers[0]) + 1 == len(numbers)
        return EntryKey(
            content=content.digest,
            frame_count=info.frame_count,
            width=info.width,
            height=info.height,
            fps=f"{info.fps.numerator}/{info.fps.denominator}",
            proposer=self.name,
            settings=_plain_settings(self.name, self.settings),
            revision=revision,
            noun=noun if self.uses_noun else None,
            first_frame=info.first_frame,
            frames=None
            if together
            else hashlib.sha256(numbers.astype("<i8").tobytes()).hexdigest(),
        )

    def _content(self, video: Video) -> Content:
        # Views of one video share its bytes.
        video, path = video.root, video.info.path
        known = self._contents.get(video)
        if known is None or not unchanged(path, known):
            known = self._contents[video] = read_content(path)
        return known

    def _look(self, key: EntryKey, video: Video) -> tuple[TrackSet | None, str | None]:
        """The entry, or None and what is wrong with it (None if there is none)."""
        try:
            return self._store.get(key, video.info), None
        except TracksError as error:
            return None, error.got
        except OSError as error:
            return None, f"{error.strerror} at {str(self._store.path(key))!r}"

    def _make(
        self,
        video: Video,
        noun: str,
        key: EntryKey,
        content: Content,
        damage: str | None,
        progress: Progress | None,
    ) -> Fetched:
        made = self._finder.propose(video, noun, progress=progress)
        notes: tuple[str, ...] = ()
        if damage is not None:
            notes = (f"{damage}: the proposals were made again",)
        if not unchanged(video.info.path, content):
            return self._unkept(made, "the video was changed meanwhile", *notes)
        try:
            if damage is not None:
                self._store.remove(key)
            kept = self._store.put(key, made, video.info)
        except OSError as error:
            if self._must_keep:
                raise
            return self._unkept(made, error.strerror or str(error), *notes)
        tracks = replace(kept, warnings=(*kept.warnings, *notes))
        return Fetched(tracks, "made" if damage is None else "remade")

    def _unkept(self, made: TrackSet, reason: str, *notes: str) -> Fetched:
        note = f"the proposals were not kept in {str(self._store.folder)!r}: {reason}"
        return Fetched(replace(made, warnings=(*made.warnings, *notes, note)), "unkept")


def _plain_settings(proposer: str, settings: Any) -> Mapping[str, Any]:
    if is_dataclass(settings) and not isinstance(settings, type):
        values = asdict(settings)
        values.pop("device", None)  # where it runs does not decide what it finds
        if all(_is_plain(value) for value in values.values()):
            return values
    raise UsageError(
        f"settings of the proposer {proposer!r} that cannot be written down",
        wanted="a dataclass of finite numbers, texts, None, and lists of them",
        fix="switch the store off (--no-store), or fix the proposer",
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int | str)
