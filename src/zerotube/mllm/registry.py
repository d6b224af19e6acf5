"""Model families by the architecture that a checkpoint's config names."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from zerotube.errors import ModelError

if TYPE_CHECKING:
    from zerotube.mllm.families.base import Family

FAMILIES: dict[str, str] = {
    "InternVLForConditionalGeneration": "internvl:InternVL",
    "LlavaForConditionalGeneration": "llava:Llava",
    "LlavaNextForConditionalGeneration": "llava_next:LlavaNext",
    "LlavaNextVideoForConditionalGeneration": "llava_next_video:LlavaNextVideo",
    "LlavaOnevisionForConditionalGeneration": "llava_onevision:LlavaOnevision",
    "Qwen2VLForConditionalGeneration": "qwen2_vl:Qwen2VL",
    "Qwen2_5_VLForConditionalGeneration": "qwen2_5_vl:Qwen25VL",
    "Qwen3VLForConditionalGeneration": "qwen3_vl:Qwen3VL",
    "ShareGPT4VideoForConditionalGeneration": "sharegpt4video:ShareGPT4Video",
    "SmolVLMForConditionalGeneration": "smolvlm:SmolVLM",
    "VideoLlama3ForConditionalGeneration": "video_llama_3:VideoLlama3",
    "VideoLlavaForConditionalGeneration": "video_llava:VideoLlava",
}
"""Architecture named in a checkpoint's config -> module and class of its adapter."""


def check_architecture(architecture: str) -> None:
    """Refuse an architecture without a family, without importing one.

    Raises:
        ModelError: if no family is registered for it.
    """
    if architecture not in FAMILIES:
        raise ModelError(
            f"a model of architecture {architecture!r}",
            wanted=f"one of {', '.join(sorted(FAMILIES))}",
            fix="choose a checkpoint of a supported family; `zerotube models` lists them",
        )


def family_for(architecture: str) -> Family:
    """Adapter of an architecture.

    Raises:
        ModelError: see ``check_architecture``.
    """
    check_architecture(architecture)
    module, _, name = FAMILIES[architecture].partition(":")
    family: Family = getattr(import_module(f"zerotube.mllm.families.{module}"), name)()
    return family
