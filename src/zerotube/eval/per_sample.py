"""Scores sample by sample, for whoever wants other means than ours."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from zerotube.eval.score import Scores
from zerotube.eval.types import Sample
from zerotube.files import whole_file

PER_SAMPLE_FILE = "per_sample.jsonl"


def write_per_sample(path: Path, samples: Sequence[Sample], scores: Scores) -> None:
    """Write one JSON object per sample: id, kind, tIoU (null for images), vIoU, gt_vIoU, state.

    The state is "answered", "missing" or "failed". The file appears whole or not at all.

    Args:
        path: file to write; an earlier one is replaced.
        samples: that were scored.
        scores: of these samples.

    Raises:
        OSError: it cannot be written.
    """
    missing, failed = set(scores.missing_ids), set(scores.failed_ids)
    with whole_file(path) as stream:
        for sample in samples:
            name = sample.sample_id
            found = scores.per_sample[name]
            state = "missing" if name in missing else "failed" if name in failed else "answered"
            line = {
                "id": name,
                "kind": sample.kind,
                "tIoU": None if math.isnan(found.t_iou) else found.t_iou,
                "vIoU": found.v_iou,
                "gt_vIoU": found.gt_v_iou,
                "state": state,
            }
            stream.write(json.dumps(line) + "\n")
