"""SAM 3 video through its real class, with a session that does not grow."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from proposals.shape_video import ArrayVideo
from proposals.tracking.colour_tracker import RED, picture
from proposals.tracking.held import bytes_in
from zerotube.errors import ModelError
from zerotube.geometry.masks import decode_mask
from zerotube.proposals.named.sam3 import Sam3Proposer
from zerotube.proposals.pretrained import Pretrained
from zerotube.proposals.settings import Sam3Settings
from zerotube.proposals.tracking.sam3 import Sam3Session

IMAGES = [picture((RED, 4 + index % 40, 8, 16)) for index in range(48)]


@cache
def proposer(folder: Path) -> Sam3Proposer:
    return Sam3Proposer(
        Sam3Settings(
            model=str(folder),
            device="cpu",
            detection_threshold=0.0,
            new_object_threshold=0.0,
            max_objects=3,
            speck_share=0.0,
        )
    )


@pytest.fixture
def checkpoint(sam3: Path, monkeypatch: pytest.MonkeyPatch) -> Pretrained:
    """The toy, made to keep what it finds: no object is taken back or confirmed anew."""
    loaded = proposer(sam3)._model()
    monkeypatch.setattr(loaded.model, "hotstart_delay", 0)
    monkeypatch.setattr(loaded.model, "recondition_every_nth_frame", 0)
    return loaded


def test_masks_are_those_of_a_session_that_keeps_everything(checkpoint: Pretrained) -> None:
    processor = checkpoint.processor
    whole = processor.init_video_session(dtype=torch.float32)
    whole.video_height, whole.video_width = 48, 64
    processor.add_text_prompt(whole, "person")
    count = 12
    for index in range(count):
        pixels = checkpoint.inputs(images=Image.fromarray(IMAGES[index]))["pixel_values"]
        whole.add_new_frame(pixels, index)
    bounded = Sam3Session(checkpoint, count, 48, 64, text="person")
    areas = []
    for index in range(count):
        expected = processor.postprocess_outputs(
            whole, checkpoint.model(inference_session=whole, frame_idx=index)
        )
        found = bounded.step(index, IMAGES[index])
        assert sorted(found) == expected["object_ids"].tolist()
        for name, mask, score in zip(
            expected["object_ids"].tolist(), expected["masks"], expected["scores"], strict=True
        ):
            assert np.array_equal(found[name][0], mask.numpy()), (index, name)
            assert found[name][1] == pytest.approx(float(score))
            areas.append(int(mask.sum()))
    assert len(set(areas)) > 3, "a toy that does not look proves nothing"


def stored_bytes(session: Any) -> int:
    books = {name: value for name, value in vars(session).items() if name != "processed_frames"}
    return bytes_in([books, vars(session.cache), vars(session.processed_frames)])


def stored_entries(session: Any) -> int:
    """Entries of the bookkeeping."""
    books = (
        session.obj_id_to_tracker_score_frame_wise,
        session.suppressed_obj_ids,
        session.obj_id_to_score,
        session.obj_first_frame_idx,
        session.trk_keep_alive,
        *session.mask_inputs_per_obj.values(),
        *session.frames_tracked_per_obj.values(),
        *session.unmatched_frame_inds.values(),
        *session.overlap_pair_to_frame_inds.values(),
    )
    return sum(len(book) for book in books)


def test_what_is_stored_does_not_grow_with_the_video(
    checkpoint: Pretrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Confirmed anew every few frames, as real objects are, which adds frames that are kept.
    monkeypatch.setattr(checkpoint.model, "recondition_every_nth_frame", 4)
    monkeypatch.setattr(checkpoint.model, "max_num_objects", 2)
    count = 80
    session = Sam3Session(checkpoint, count, 48, 64, text="person")
    stored, entries = [], []
    for index in range(count):
        session.step(index, IMAGES[index % len(IMAGES)])
        stored.append(stored_bytes(session._session))
        entries.append(stored_entries(session._session))
    assert len(session.following) == 2, "the cap on objects holds, and is reached"
    # Full after the fourth confirmation, at the 16th frame.
    assert max(stored[40:]) <= max(stored[:40])
    assert max(entries[40:]) <= max(entries[:40])


def test_objects_are_given_up(checkpoint: Pretrained) -> None:
    session = Sam3Session(checkpoint, 8, 48, 64, text="person")
    session.step(0, IMAGES[0])
    first, *rest = session.following
    assert rest
    session.drop(first)
    assert session.following == rest
    session.step(1, IMAGES[1])
    assert first not in session.following
    for name in list(session.following):
        session.drop(name)
    assert session.following == []
    assert session.step(2, IMAGES[2])


def test_the_proposer_from_end_to_end(sam3: Path, checkpoint: Pretrained) -> None:
    tracks = proposer(sam3).propose(ArrayVideo(np.stack(IMAGES[:10])), "lady")
    assert tracks.source == "sam3"
    assert 1 <= len(tracks) <= 3
    for track in tracks:
        assert track.label == "lady"
        assert track.masks_rle is not None
        some = [mask for mask in track.masks_rle if mask is not None]
        assert decode_mask(some[0]).shape == (48, 64)
    assert any("max_objects" in line for line in tracks.warnings)


def test_what_the_model_takes_back_is_no_track(sam3: Path) -> None:
    """With its own rules the toy takes back nearly everything within four frames."""
    tracks = proposer(sam3).propose(ArrayVideo(np.stack(IMAGES[:4])), "dog")
    kept = proposer(sam3).propose(ArrayVideo(np.stack(IMAGES[:16])), "dog")
    assert sum(len(track.frame_indices) for track in kept) < 3 * 16
    assert all(track.frame_indices[-1] < 4 for track in tracks)


def test_a_missing_model_is_refused(checkpoints: Path) -> None:
    with pytest.raises(ModelError, match=r"the model .*Owlv2ForObjectDetection"):
        Sam3Proposer(Sam3Settings(model=str(checkpoints / "owlv2"), device="cpu")).propose(
            ArrayVideo(np.stack(IMAGES[:2]))
        )
