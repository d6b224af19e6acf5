"""SAM 2 and EdgeTAM through their real classes: same masks as with the whole video in memory."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from proposals.shape_video import ArrayVideo
from proposals.tracking.colour_tracker import BLUE, RED, ColourDetector, picture
from proposals.tracking.held import bytes_in
from zerotube.errors import MissingExtraError, ModelError
from zerotube.geometry.masks import decode_mask
from zerotube.proposals import Proposer
from zerotube.proposals.named.masks import EdgeTamProposer, Sam2Proposer
from zerotube.proposals.settings import EdgeTamSettings, Sam2Settings
from zerotube.proposals.tracking.sam2 import SamSession, SamTracker

IMAGES = [picture((RED, 4 + index, 8, 16), (BLUE, 40, 28 - index, 14)) for index in range(14)]
BOX = np.array([10.0, 8.0, 26.0, 24.0])
OTHER = np.array([40.0, 18.0, 54.0, 32.0])


@cache
def tracker(folder: Path, kind: str) -> SamTracker:
    return SamTracker.load(str(folder), kind=kind, device="cpu", dtype="auto")


@pytest.fixture(params=["sam2", "edgetam"])
def loaded(request: pytest.FixtureRequest) -> SamTracker:
    return tracker(request.getfixturevalue(request.param), request.param)


def whole_video(loaded: SamTracker, box: np.ndarray, start: int, *, reverse: bool) -> dict:
    """Masks by frame of `transformers`' own propagation, all frames and states in memory."""
    checkpoint = loaded.checkpoint
    pixels = [checkpoint.inputs(images=image)["pixel_values"][0] for image in IMAGES]
    session = checkpoint.processor.init_video_session(dtype=torch.float32)
    for frame, values in enumerate(pixels):
        session.add_new_frame(values, frame)
    session.video_height, session.video_width = IMAGES[0].shape[:2]
    checkpoint.processor.add_inputs_to_inference_session(
        session, frame_idx=start, obj_ids=[1], input_boxes=[[box.tolist()]]
    )
    checkpoint.model(inference_session=session, frame_idx=start)
    masks = {}
    for output in checkpoint.model.propagate_in_video_iterator(
        session, start_frame_idx=start, reverse=reverse
    ):
        (made,) = checkpoint.processor.post_process_masks(
            [output.pred_masks], original_sizes=[[48, 64]]
        )
        masks[output.frame_idx] = made[0, 0].numpy()
    return masks


@pytest.mark.parametrize("reverse", [False, True])
def test_masks_are_those_of_the_whole_video_in_memory(loaded: SamTracker, reverse: bool) -> None:
    start = 12 if reverse else 1
    expected = whole_video(loaded, BOX, start, reverse=reverse)
    session = loaded.open(len(IMAGES), 48, 64)
    order = range(start, -1, -1) if reverse else range(start, len(IMAGES))
    joins = 7
    for index in order:
        session.show(index, IMAGES[index])
        found = session.follow(reverse=reverse)
        if index == start:
            assert found == {}
            found = {5: session.add(5, BOX)}
        if index == joins:
            # Another object joins: it must leave the first as it is.
            session.add(6, OTHER)
        assert found[5].shape == (48, 64)
        assert np.array_equal(found[5], expected[index]), index
    shares = [float(mask.mean()) for mask in expected.values()]
    assert max(shares) > 0, "a toy that finds nothing proves nothing"
    assert len(set(shares)) > 3, "a toy that does not look proves nothing"
    assert set(found) == {5, 6}


def test_boxes_alone_give_the_masks_that_joining_gives(loaded: SamTracker) -> None:
    session = loaded.open(len(IMAGES), 48, 64)
    session.show(0, IMAGES[0])
    masks = session.segment(np.stack([BOX, OTHER]))
    assert session.follow() == {}, "looking leaves nothing behind"
    assert np.array_equal(masks[0], session.add(1, BOX))
    assert np.array_equal(masks[1], session.add(2, OTHER))
    assert not np.array_equal(masks[0], masks[1])
    assert session.segment(np.empty((0, 4))) == []
    session.drop(1)
    session.show(1, IMAGES[1])
    assert set(session.follow()) == {2}


def stored_bytes(session: SamSession) -> int:
    held: list[object] = [vars(session._frames), vars(session._features)]
    for followed in session._objects.values():
        held += [
            followed.output_dict_per_obj,
            followed.point_inputs_per_obj,
            followed.mask_inputs_per_obj,
        ]
    return bytes_in(held)


def test_what_is_stored_does_not_grow_with_the_video(sam2: Path) -> None:
    loaded = tracker(sam2, "sam2")
    count = 220
    session = loaded.open(count, 48, 64)
    stored = []
    for index in range(count):
        session.show(index, IMAGES[index % len(IMAGES)])
        session.follow()
        if index == 0:
            session.add(0, BOX)
        stored.append(stored_bytes(session))
    # As far back as the toy's config lets the model look: 4 frames.
    assert len(set(stored[6:])) == 1, sorted(set(stored[6:]))
    # The picture, its features, and a few kilobytes for the object.
    assert stored[-1] < 2 * stored[0]
    # The books without tensors are flat too.
    for followed in session._objects.values():
        for outputs in followed.output_dict_per_obj.values():
            assert len(outputs["non_cond_frame_outputs"]) <= 5
        assert not followed.frames_tracked_per_obj[0]


def propose(proposer: Proposer, images: list[np.ndarray], noun: str = "man"):  # type: ignore[no-untyped-def]
    told: list[tuple[int, int]] = []
    tracks = proposer.propose(
        ArrayVideo(np.stack(images)), noun, progress=lambda done, total: told.append((done, total))
    )
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1]
    return tracks


@pytest.mark.parametrize(
    ("name", "make", "kind"),
    [("gdino+sam2", Sam2Proposer, "sam2"), ("gdino+edgetam", EdgeTamProposer, "edgetam")],
)
def test_the_proposer_from_end_to_end(
    name: str, make: type, kind: str, request: pytest.FixtureRequest
) -> None:
    """Red from the first frame; blue detected at the second look only, and followed back."""
    chosen = Sam2Settings if kind == "sam2" else EdgeTamSettings
    settings = chosen(
        tracker=str(request.getfixturevalue(kind)),
        every=6,
        device="cpu",
        same_object_iou=1.0,
        match_iou=1.0,
        max_objects=2,
        window=4,
    )
    detector = ColourDetector(
        {RED: 0.9, BLUE: 0.7},
        sees=lambda box: box[0] == 4 or (box[0] == 40 and 14 < box[1] < 23),
    )
    proposer = make(settings, detector=detector)
    assert isinstance(proposer, Proposer)
    assert proposer.uses_noun
    tracks = propose(proposer, IMAGES)
    assert tracks.source == name
    assert tracks.settings["every"] == 6
    assert tracks.settings["tracker"] == settings.tracker
    assert len(tracks) == 2
    blue = min(tracks, key=lambda track: float(track.scores.max()))
    assert float(blue.scores[0]) == pytest.approx(0.7)
    assert blue.frame_indices[0] < 6, "before the frame of its detection"
    for track in tracks:
        assert track.label == "man"
        assert track.masks_rle is not None
        for mask, box, seen in zip(track.masks_rle, track.boxes_xyxy, track.observed, strict=True):
            assert (mask is not None) == bool(seen)
            if mask is not None:
                assert mask["size"] == [48, 64]
                rows, columns = np.nonzero(decode_mask(mask))
                assert box.tolist() == [
                    columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
                ]  # fmt: skip


def test_detector_and_tracker_from_checkpoints(sam2: Path, checkpoints: Path) -> None:
    settings = Sam2Settings(
        detector=str(checkpoints / "grounding-dino"),
        tracker=str(sam2),
        box_threshold=0.0,
        text_threshold=0.0,
        max_objects=2,
        every=4,
        device="cpu",
    )
    tracks = propose(Sam2Proposer(settings), IMAGES[:8])
    assert 1 <= len(tracks) <= 2


def test_missing_trackers_are_refused(
    checkpoints: Path, sam2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError, match=r"no-such/tracker.*tracker=PATH"):
        tracker(Path("no-such/tracker"), "sam2")
    with pytest.raises(ModelError, match=r"tracker .*Owlv2.*wanted one of Sam2VideoModel"):
        tracker(checkpoints / "owlv2", "sam2")
    monkeypatch.setitem(sys.modules, "timm", None)  # what an import finds where it is missing
    with pytest.raises(MissingExtraError, match=r"zerotube\[edgetam\]"):
        tracker(sam2 / "..", "edgetam")
