"""SAM 3 video: detector and tracker in one, from a noun phrase, with a bounded memory.

The model looks for the noun in every frame and decides by itself what is new, what is the same and
what was a mistake, so there is no pass backwards: an object has a track from where the model finds
it. Its session keeps every frame's pixels, masks, scores and bookkeeping; what no later frame reads
is dropped after each frame, as in `zerotube.proposals.sam_video`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zerotube.proposals.checkpoint import Checkpoint, joint_revision, load_checkpoint
from zerotube.proposals.detection_settings import check_settings
from zerotube.proposals.finish import FinishRules, finish
from zerotube.proposals.mask_record import MaskRecord
from zerotube.proposals.overlap import without_specks
from zerotube.proposals.people import search_text
from zerotube.proposals.sam_video import CurrentFrame, prune_outputs, slim_outputs
from zerotube.proposals.types import TrackSet

if TYPE_CHECKING:
    from zerotube.proposals.base import Progress
    from zerotube.video.base import Video


@dataclass(frozen=True)
class Sam3Settings:
    """Settings of `sam3`."""

    model: str = "facebook/sam3"
    """Id or folder of the model (the published weights are gated: `hf auth login`)."""

    detection_threshold: float = 0.5
    """Least score of a detection."""

    new_object_threshold: float = 0.7
    """Least score of a detection that starts a new object."""

    person: str = "person"
    """Word the model is asked for when the noun means people; empty: the noun itself."""

    max_objects: int = 20
    """Most objects followed at a time, and most candidates returned."""

    same_object_iou: float = 0.7
    """Two tracks that overlap by this on average are one object."""

    min_duration_s: float = 0.4
    """An object has to be seen for this long (or a third of the video, where that is less)."""

    fill_s: float = 0.5
    """Absences up to this long are interpolated."""

    lost_s: float = 10.0
    """How long an object that is out of sight is waited for."""

    speck_share: float = 0.05
    """Pieces of a mask smaller than this fraction of its largest piece are dropped."""

    device: str | None = None
    """cpu, cuda, cuda:1 or mps; default: the first GPU, else the CPU."""

    dtype: str = "auto"
    """Number format of the model; auto is float32 on a CPU and the checkpoint's own on a GPU."""


class Sam3Proposer:
    """Implements `zerotube.proposals.base.Proposer`."""

    name = "sam3"
    uses_noun = True

    def __init__(self, settings: Sam3Settings | None = None) -> None:
        self.settings = settings or Sam3Settings()
        check_settings(self.settings, self.name)
        self._loaded: Checkpoint | None = None

    @property
    def revision(self) -> str | None:
        """That of its model."""
        return joint_revision(self.settings.model)

    def propose(
        self, video: Video, noun: str = "object", *, progress: Progress | None = None
    ) -> TrackSet:
        """See `zerotube.proposals.base.Proposer.propose`.

        Raises:
            VideoError: if the video cannot be decoded.
            ModelError: if the checkpoint cannot be loaded.
            QueryError: see `zerotube.proposals.checkpoint.Checkpoint.plain`.
            UsageError: if the device or the dtype is unknown.
        """
        report = progress or (lambda done, total: None)
        settings, info = self.settings, video.info
        session = Sam3Session(
            self._checkpoint(),
            info.frame_count,
            info.height,
            info.width,
            text=search_text(noun, settings.person),
        )
        patience = max(1, round(settings.lost_s * float(info.fps)))
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
        found = [record.fragment() for record in records.values() if record.frames]
        rules = FinishRules(
            step=1,
            min_duration_s=settings.min_duration_s,
            fill_s=settings.fill_s,
            same_object_iou=settings.same_object_iou,
            max_tracks=settings.max_objects,
        )
        tracks, warnings = finish(found, info, rules, label=noun)
        return TrackSet(
            tracks=tracks,
            frame_count=info.frame_count,
            width=info.width,
            height=info.height,
            source=self.name,
            settings=asdict(settings),
            warnings=(*heard, *warnings),
        )

    def _checkpoint(self) -> Checkpoint:
        if self._loaded is None:
            settings = self.settings
            self._loaded = load_checkpoint(
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


@contextmanager
def _hushed() -> Iterator[None]:
    """Inside the block the model does not log, at every frame, that it follows all it may."""
    logger = logging.getLogger("transformers.models.sam3_video.modeling_sam3_video")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


class Sam3Session:
    """One pass over a video for one noun.

    Args:
        checkpoint: a loaded SAM 3 video model.
        frame_count: frames of the video.
        height, width: of its pictures.
        text: what to look for.
    """

    def __init__(
        self, checkpoint: Checkpoint, frame_count: int, height: int, width: int, *, text: str
    ) -> None:
        self._checkpoint = checkpoint
        tracker = checkpoint.model.config.tracker_config
        self._memory_reach = tracker.num_maskmem - 2
        self._pointer_reach = tracker.max_object_pointers_in_encoder - 2
        self._prompted = max(1, tracker.max_cond_frame_num)
        session = checkpoint.processor.init_video_session(
            inference_device=checkpoint.device,
            inference_state_device="cpu",
            video_storage_device=checkpoint.device,
            dtype=checkpoint.dtype,
        )
        session.video_height, session.video_width = height, width
        session.processed_frames = CurrentFrame(frame_count)
        # One frame's features, read once per object: kept where they are computed.
        session.cache.inference_state_device = checkpoint.device
        self._session = checkpoint.processor.add_text_prompt(session, checkpoint.plain(text))

    @property
    def following(self) -> list[int]:
        """Names of the objects that are followed."""
        return list(self._session.obj_ids)

    @property
    def mistakes(self) -> set[int]:
        """Objects that the model took back at the last step, soon after it had found them."""
        return set(self._session.hotstart_removed_obj_ids)

    def step(
        self, index: int, image: NDArray[np.uint8]
    ) -> dict[int, tuple[NDArray[np.bool_], float]]:
        """Masks, bool ``(height, width)``, and scores of the objects in sight in the next frame.

        Args:
            index: source frame.
            image: uint8 ``(H, W, 3)`` RGB.
        """
        from PIL import Image

        checkpoint, session = self._checkpoint, self._session
        pixels = checkpoint.inputs(images=Image.fromarray(image))["pixel_values"]
        session.processed_frames[index] = pixels[0]
        session.hotstart_removed_obj_ids.clear()
        session.removed_obj_ids.clear()
        # Without `frame=`: the model would take that for a live stream and never correct itself.
        with _hushed():
            output = checkpoint.model(inference_session=session, frame_idx=index)
        session.hotstart_removed_obj_ids.update(output.removed_obj_ids)
        found = checkpoint.processor.postprocess_outputs(session, output)
        masks = np.asarray(found["masks"].cpu().numpy(), dtype=np.bool_)
        scores = found["scores"].float().cpu().numpy().clip(0.0, 1.0)
        names = found["object_ids"].tolist()
        self._forget(index)
        return {
            int(name): (mask, float(score))
            for name, mask, score in zip(names, masks, scores, strict=True)
        }

    def drop(self, name: int) -> None:
        """Stop following an object."""
        self._session.remove_object(name)
        self._forget_names()

    def _forget(self, index: int) -> None:
        """Drop what no later frame reads, and move the rest off the accelerator."""
        session, model = self._session, self._checkpoint.model
        for outputs in session.output_dict_per_obj.values():
            prune_outputs(
                outputs["non_cond_frame_outputs"],
                index,
                memory_reach=self._memory_reach,
                pointer_reach=self._pointer_reach,
            )
            # The model confirms an object every few frames; it looks at the nearest of these.
            prompted = outputs["cond_frame_outputs"]
            for frame in sorted(prompted)[: -self._prompted]:
                del prompted[frame]
            slim_outputs(prompted)
        for per_object in (session.mask_inputs_per_obj, session.frames_tracked_per_obj):
            for frames in per_object.values():
                frames.clear()
        session.obj_id_to_tracker_score_frame_wise.clear()
        session.suppressed_obj_ids.clear()
        # Of these lists only the length counts, up to a threshold.
        for frames in session.unmatched_frame_inds.values():
            del frames[: -model.hotstart_unmatch_thresh]
        for frames in session.overlap_pair_to_frame_inds.values():
            del frames[: -model.hotstart_dup_thresh]
        self._forget_names()

    def _forget_names(self) -> None:
        """Drop the books on objects that are followed no more."""
        session = self._session
        live = set(session.obj_ids)
        books: tuple[Any, ...] = (
            session.obj_id_to_score,
            session.obj_id_to_last_occluded,
            session.obj_first_frame_idx,
            session.unmatched_frame_inds,
            session.trk_keep_alive,
            session.obj_id_to_prompt_id,
        )
        for book in books:
            for name in [name for name in book if name not in live]:
                del book[name]
        pairs = session.overlap_pair_to_frame_inds
        for pair in [pair for pair in pairs if not live.issuperset(pair)]:
            del pairs[pair]
