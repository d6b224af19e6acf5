"""Qwen2.5-VL: Qwen2-VL with real time in its rotary positions and windows in its vision tower."""

from __future__ import annotations

from zerotube.mllm.families.qwen2_vl import Qwen2VL


class Qwen25VL(Qwen2VL):
    """``Qwen2_5_VLForConditionalGeneration``.

    Time steps are ``tokens_per_second`` x seconds per step apart, rounded down. The seconds per
    step are ``temporal_patch_size`` x the mean spacing of the sampled frames' real timestamps; one
    number per clip is all the model takes, so unevenly sampled frames are placed as if even.

    Inside the tower the cells are ordered by window; the model puts them back in reading order
    before it hands them out, so that the layout is Qwen2-VL's.
    """

    architectures = ("Qwen2_5_VLForConditionalGeneration",)
    time_notation = "seconds"
