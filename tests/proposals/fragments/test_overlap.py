"""Masks of one frame compared, cleaned of specks, and detections that overlap."""

from __future__ import annotations

import numpy as np

from proposals.tracking.colour_tracker import BLUE, RED, ColourDetector, picture
from zerotube.proposals.fragments.overlap import distinct, mask_box, mask_ious, without_specks


def test_masks_of_one_frame() -> None:
    mask = np.zeros((20, 30), bool)
    assert mask_box(mask) is None
    assert mask_ious(mask, [mask]).tolist() == [0.0]
    mask[2:12, 3:13] = True
    half = np.zeros_like(mask)
    half[2:12, 8:18] = True
    np.testing.assert_allclose(mask_ious(mask, [mask, half, ~mask]), [1, 1 / 3, 0])
    specked = mask.copy()
    specked[18, 28] = True
    assert mask_box(specked).tolist() == [3, 2, 29, 19]  # type: ignore[union-attr]
    assert np.array_equal(without_specks(specked, 0.05), mask)
    assert np.array_equal(without_specks(specked, 0.0), specked)


def test_distinct_keeps_the_best_of_what_overlaps() -> None:
    detector = ColourDetector({RED: 0.5, BLUE: 0.9}, doubled=2)
    found = detector.detect(picture((RED, 4, 4, 20), (BLUE, 34, 4, 20)))
    kept = distinct(found, iou=0.5, most=9)
    np.testing.assert_allclose(kept.confidence, [0.9, 0.5])
    assert len(distinct(found, iou=0.5, most=1)) == 1
    assert len(distinct(detector.detect(picture()), iou=0.5, most=9)) == 0
