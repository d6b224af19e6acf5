"""SAM 3 video: detector and tracker in one, from a noun phrase.

The model looks for the noun in every frame and decides by itself what is new, what is the same and
what was a mistake, so there is no pass backwards: an object has a track from where the model finds
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zerotube.proposals.fragments.overlap import without_specks
from zerotube.proposals.fragments.to_tracks import Grid
from zerotube.proposals.named.base import NamedProposer
from zerotube.proposals.pretrained import Pretrained, load_pretrained
from zerotube.proposals.settings import Sam3Settings
from zerotube.proposals.tracking.mask_record import MaskRecord
from zerotube.proposals.tracking.sam3 import Sam3Session

if TYPE_CHECKING:
    from zerotube.proposals.base import Progress
    from zerotube.proposals.fragments.types import Fragment
    from zerotube.video.base import Video


class Sam3Proposer(NamedProposer):
    """Boxes and masks on every frame, from one model."""

    name = "sam3"
    settings_type = Sam3Settings
    settings: Sam3Settings

    def __init__(self, settings: Sam3Settings | None = None) -> None:
        super().__init__(settings)
        self._loaded: Pretrained | None = None

    def _models(self) -> tuple[str, ...]:
        return (self.settings.model,)

    def _follow(
        self, video: Video, text: str, report: Progress
    ) -> tuple[Sequence[Fragment], list[str]]:
        settings, info = self.settings, video.info
        session = Sam3Session(self._model(), info.frame_count, info.height, info.width, text=text)
        patience = Grid(info, 1).frames(settings.lost_s)
        records: dict[int, MaskRecord] = {}
        full = False
        for frame in video.stream():
            for name, (mask, score) in session.step(frame.index, frame.image).items():
                record = records.setdefault(name, MaskRecord(score, frame.index))
                record.score = score
                record.add(frame.index, without_specks(mask, settings.speck_share))
            for name in session.mistakes:
                records.pop(name, None)
            full = full or len(session.following) >= settings.max_objects
            for name in session.following:
                if name in records and frame.index - records[name].seen_at > patience:
                    session.drop(name)
            report(frame.index + 1, info.frame_count)
        report(info.frame_count, info.frame_count)
        heard = []
        if full:
            heard.append(
                f"{settings.max_objects} objects were followed at a time (max_objects):"
                " there may be more"
            )
        return [record.fragment() for record in records.values() if record.frames], heard

    def _model(self) -> Pretrained:
        if self._loaded is None:
            settings = self.settings
            self._loaded = load_pretrained(
                settings.model,
                architectures=("Sam3VideoModel",),
                processor_class="Sam3VideoProcessor",
                role="model",
                device=settings.device,
                dtype=settings.dtype,
            )
            # The model reads these from itself, not from its config, at every frame.
            self._loaded.model.score_threshold_detection = settings.detection_threshold
            self._loaded.model.new_det_thresh = settings.new_object_threshold
            self._loaded.model.max_num_objects = settings.max_objects
        return self._loaded
