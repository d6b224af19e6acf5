"""A pass of SAM 3 video with a memory that does not grow with the video.

The session of `transformers` keeps every frame's pixels, masks, scores and bookkeeping; what no
later frame reads is dropped after each frame, as in `zerotube.proposals.tracking.sam2`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.proposals.pretrained import Pretrained
from zerotube.proposals.tracking.sam2 import (
    CurrentFrame,
    new_session,
    prune_outputs,
    slim_outputs,
)


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
        self, checkpoint: Pretrained, frame_count: int, height: int, width: int, *, text: str
    ) -> None:
        self._checkpoint = checkpoint
        tracker = checkpoint.model.config.tracker_config
        self._memory_reach = tracker.num_maskmem - 2
        self._pointer_reach = tracker.max_object_pointers_in_encoder - 2
        self._prompted = max(1, tracker.max_cond_frame_num)
        session = new_session(checkpoint)
        session.video_height, session.video_width = height, width
        session.processed_frames = CurrentFrame(frame_count)
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
