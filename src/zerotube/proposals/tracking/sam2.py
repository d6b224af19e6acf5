"""SAM 2 video and EdgeTAM with a memory that does not grow with the video.

`transformers` keeps, per object and frame, the masks at two resolutions, the memory features and
the object pointer, for as long as the session lives, and part of it on the accelerator. Only the
frame that prompted an object and the last few frames are ever read again (num_maskmem and
max_object_pointers_in_encoder of the config), so everything else is dropped after each frame: the
masks come out exactly as with the whole video in memory.

Every object has a session of its own, all of them sharing the picture's features. The model treats
objects apart anyway, and so one can join, or be given up, at any frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zerotube.proposals.pretrained import Pretrained, load_pretrained

TRACKERS = {"sam2": ("Sam2VideoModel",), "edgetam": ("EdgeTamVideoModel",)}
"""Tracker -> the architectures that its checkpoint may have."""


class CurrentFrame:
    """The one frame in work, where the model looks for all frames of the video.

    It stands for a mapping of frame number to pixels. Its length is the video's, because the model
    takes it for that: from the length follows how far back object pointers are read.
    """

    def __init__(self, frame_count: int) -> None:
        self._frame_count = frame_count
        self._held: dict[int, Any] = {}

    def __len__(self) -> int:
        return self._frame_count

    def __getitem__(self, frame: int) -> Any:
        return self._held[frame]

    def __setitem__(self, frame: int, pixels: Any) -> None:
        self._held = {frame: pixels}


class SamTracker:
    """Opens sessions of a loaded SAM 2 or EdgeTAM; see `zerotube.proposals.tracking.masks`."""

    def __init__(self, checkpoint: Pretrained) -> None:
        self.checkpoint = checkpoint

    @classmethod
    def load(cls, name: str, *, kind: str, device: str | None, dtype: str) -> SamTracker:
        """Load a tracker.

        Args:
            name: id or folder.
            kind: key of `TRACKERS`.
            device: see `zerotube.proposals.pretrained.load_pretrained`.
            dtype: likewise.

        Raises:
            ModelError: the checkpoint cannot be loaded or is of another architecture.
            MissingExtraError: EdgeTAM without the package of its backbone.
        """
        if kind == "edgetam":
            require_timm()
        return cls(
            load_pretrained(
                name,
                architectures=TRACKERS[kind],
                processor_class="Sam2VideoProcessor",  # EdgeTAM has none of its own
                role="tracker",
                device=device,
                dtype=dtype,
            )
        )

    def open(self, frame_count: int, height: int, width: int) -> SamSession:
        """A session for one pass over a video, in one direction.

        Args:
            frame_count: frames of the video.
            height, width: of its pictures.
        """
        return SamSession(self.checkpoint, frame_count, height, width)


def require_timm() -> None:
    """Refuse where the package of EdgeTAM's backbone is not installed.

    Raises:
        MissingExtraError: it is not.
    """
    from importlib.util import find_spec

    from zerotube.errors import MissingExtraError

    if find_spec("timm") is None:
        raise MissingExtraError("timm", extra="edgetam")


class SamSession:
    """Implements `zerotube.proposals.tracking.masks.MaskSession`."""

    def __init__(self, checkpoint: Pretrained, frame_count: int, height: int, width: int) -> None:
        self._checkpoint = checkpoint
        self._size = height, width
        self._frames = CurrentFrame(frame_count)
        self._index = -1
        config = checkpoint.model.config
        # The next frame reads memories up to num_maskmem - 1 and pointers up to
        # max_object_pointers_in_encoder - 1 frames back.
        self._memory_reach = config.num_maskmem - 2
        self._pointer_reach = config.max_object_pointers_in_encoder - 2
        self._objects: dict[int, Any] = {}
        self._features = new_session(checkpoint).cache

    def show(self, index: int, image: NDArray[np.uint8]) -> None:
        """See `MaskSession.show`."""
        from PIL import Image

        if index == self._index:
            return
        pixels = self._checkpoint.inputs(images=Image.fromarray(image))["pixel_values"]
        self._features.clear_all()
        self._frames[index] = pixels[0]
        self._index = index

    def segment(self, boxes_xyxy: NDArray[np.floating]) -> list[NDArray[np.bool_]]:
        """See `MaskSession.segment`."""
        if not len(boxes_xyxy):
            return []
        session = self._session()
        self._prompt(session, boxes_xyxy)
        output = self._checkpoint.model(
            inference_session=session, frame_idx=self._index, run_mem_encoder=False
        )
        return self._masks(output)

    def add(self, object_id: int, box_xyxy: NDArray[np.floating]) -> NDArray[np.bool_]:
        """See `MaskSession.add`."""
        session = self._session()
        self._prompt(session, np.asarray(box_xyxy)[None])
        output = self._checkpoint.model(inference_session=session, frame_idx=self._index)
        session.point_inputs_per_obj[0].clear()
        self._objects[object_id] = session
        self._forget(session)
        return self._masks(output)[0]

    def follow(self, *, reverse: bool = False) -> dict[int, NDArray[np.bool_]]:
        """See `MaskSession.follow`."""
        found = {}
        for object_id, session in self._objects.items():
            output = self._checkpoint.model(
                inference_session=session, frame_idx=self._index, reverse=reverse
            )
            self._forget(session)
            found[object_id] = self._masks(output)[0]
        return found

    def drop(self, object_id: int) -> None:
        """See `MaskSession.drop`."""
        del self._objects[object_id]

    def _session(self) -> Any:
        session = new_session(self._checkpoint)
        session.video_height, session.video_width = self._size
        session.processed_frames = self._frames
        session.cache = self._features
        return session

    def _prompt(self, session: Any, boxes_xyxy: NDArray[np.floating]) -> None:
        self._checkpoint.processor.add_inputs_to_inference_session(
            inference_session=session,
            frame_idx=self._index,
            obj_ids=list(range(len(boxes_xyxy))),
            input_boxes=[np.asarray(boxes_xyxy, dtype=np.float64).tolist()],
        )

    def _masks(self, output: Any) -> list[NDArray[np.bool_]]:
        """bool ``(height, width)`` per object; empty where the model says it is out of sight."""
        made = self._checkpoint.processor.post_process_masks(
            [output.pred_masks.float()], original_sizes=[list(self._size)], binarize=True
        )[0]
        return [np.asarray(mask[0].cpu().numpy(), dtype=np.bool_) for mask in made]

    def _forget(self, session: Any) -> None:
        """Drop what no later frame reads, and move the rest off the accelerator."""
        for outputs in session.output_dict_per_obj.values():
            prune_outputs(
                outputs["non_cond_frame_outputs"],
                self._index,
                memory_reach=self._memory_reach,
                pointer_reach=self._pointer_reach,
            )
            slim_outputs(outputs["cond_frame_outputs"])
        for tracked in session.frames_tracked_per_obj.values():
            tracked.clear()


def new_session(checkpoint: Pretrained) -> Any:
    """An empty session of `transformers`, its memory on the CPU, its pictures on the device."""
    session = checkpoint.processor.init_video_session(
        inference_device=checkpoint.device,
        inference_state_device="cpu",
        video_storage_device=checkpoint.device,
        dtype=checkpoint.dtype,
    )
    # One frame's features, read once per object: kept where they are computed.
    session.cache.inference_state_device = checkpoint.device
    return session


def prune_outputs(
    outputs: dict[int, dict[str, Any]], index: int, *, memory_reach: int, pointer_reach: int
) -> None:
    """Keep of the frames without a prompt what frames next to ``index`` will read.

    Args:
        outputs: by frame, what the model stored; changed in place.
        index: the frame just done.
        memory_reach: frames from ``index`` whose memory features are kept.
        pointer_reach: frames from ``index`` whose object pointers are kept.
    """
    slim_outputs(outputs)
    for frame in list(outputs):
        distance = abs(frame - index)
        if distance > memory_reach:
            outputs[frame].pop("maskmem_features", None)
            outputs[frame].pop("maskmem_pos_enc", None)
        if distance > max(memory_reach, pointer_reach):
            del outputs[frame]


def slim_outputs(outputs: dict[int, dict[str, Any]]) -> None:
    """Drop the masks, which are not read again, and move the memory to the CPU; in place."""
    for stored in outputs.values():
        stored.pop("high_res_masks", None)
        stored.pop("pred_masks", None)
        for key in ("maskmem_features", "maskmem_pos_enc"):
            if key in stored:
                stored[key] = stored[key].cpu()
