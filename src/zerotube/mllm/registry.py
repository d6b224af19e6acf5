"""Model families by the architecture that a checkpoint's config names, and their checkpoints.

A table of facts that loads nothing: ``zerotube models`` prints it at once, and an adapter is
imported when a checkpoint asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from zerotube.errors import ModelError

if TYPE_CHECKING:
    from zerotube.mllm.families.base import Family


@dataclass(frozen=True)
class Checkpoint:
    """One published checkpoint.

    Attributes:
        name: Hugging Face id.
        billions: parameters in all, in units of 10^9.
        gated: whether its licence has to be accepted on the hub first.
        note: what to do before it loads, if anything.
    """

    name: str
    billions: float
    gated: bool = False
    note: str = ""


@dataclass(frozen=True)
class FamilyEntry:
    """One architecture.

    Attributes:
        module: file of the adapter in ``zerotube.mllm.families``.
        adapter: name of its class.
        checkpoints: published checkpoints to try, smallest first.
        modality: what the chat message holds.
    """

    module: str
    adapter: str
    checkpoints: tuple[Checkpoint, ...]
    modality: Literal["video", "image"] = "video"


FAMILIES: dict[str, FamilyEntry] = {
    "InternVLForConditionalGeneration": FamilyEntry(
        "internvl",
        "InternVL",
        (
            Checkpoint("OpenGVLab/InternVL3-1B-hf", 0.9),
            Checkpoint("OpenGVLab/InternVL3-2B-hf", 2.1),
            Checkpoint("OpenGVLab/InternVL3-8B-hf", 7.9),
        ),
    ),
    "LlavaForConditionalGeneration": FamilyEntry(
        "llava",
        "Llava",
        (
            Checkpoint("llava-hf/llava-1.5-7b-hf", 7.1),
            Checkpoint("llava-hf/llava-1.5-13b-hf", 13.4),
        ),
        modality="image",
    ),
    "LlavaNextForConditionalGeneration": FamilyEntry(
        "llava_next",
        "LlavaNext",
        (
            Checkpoint("llava-hf/llava-v1.6-vicuna-7b-hf", 7.1),
            Checkpoint("llava-hf/llava-v1.6-mistral-7b-hf", 7.6),
        ),
        modality="image",
    ),
    "LlavaNextVideoForConditionalGeneration": FamilyEntry(
        "llava_next_video",
        "LlavaNextVideo",
        (
            Checkpoint("llava-hf/LLaVA-NeXT-Video-7B-hf", 7.1),
            Checkpoint("llava-hf/LLaVA-NeXT-Video-34B-hf", 34.8),
        ),
    ),
    "LlavaOnevisionForConditionalGeneration": FamilyEntry(
        "llava_onevision",
        "LlavaOnevision",
        (
            Checkpoint("llava-hf/llava-onevision-qwen2-0.5b-ov-hf", 0.9),
            Checkpoint("llava-hf/llava-onevision-qwen2-7b-ov-hf", 8.0),
        ),
    ),
    "Qwen2VLForConditionalGeneration": FamilyEntry(
        "qwen2_vl",
        "Qwen2VL",
        (
            Checkpoint("Qwen/Qwen2-VL-2B-Instruct", 2.2),
            Checkpoint("Qwen/Qwen2-VL-7B-Instruct", 8.3),
        ),
    ),
    "Qwen2_5_VLForConditionalGeneration": FamilyEntry(
        "qwen2_5_vl",
        "Qwen25VL",
        (
            Checkpoint("Qwen/Qwen2.5-VL-3B-Instruct", 3.8),
            Checkpoint("Qwen/Qwen2.5-VL-7B-Instruct", 8.3),
        ),
    ),
    "Qwen3VLForConditionalGeneration": FamilyEntry(
        "qwen3_vl",
        "Qwen3VL",
        (
            Checkpoint("Qwen/Qwen3-VL-2B-Instruct", 2.1),
            Checkpoint("Qwen/Qwen3-VL-4B-Instruct", 4.4),
            Checkpoint("Qwen/Qwen3-VL-8B-Instruct", 8.8),
        ),
    ),
    "ShareGPT4VideoForConditionalGeneration": FamilyEntry(
        "sharegpt4video",
        "ShareGPT4Video",
        (
            Checkpoint(
                "Lin-Chen/sharegpt4video-8b",
                8.4,
                note="convert: python -m zerotube.mllm.convert_sharegpt4video SOURCE OUT",
            ),
        ),
        modality="image",
    ),
    "SmolVLMForConditionalGeneration": FamilyEntry(
        "smolvlm",
        "SmolVLM",
        (
            Checkpoint("HuggingFaceTB/SmolVLM2-256M-Video-Instruct", 0.26),
            Checkpoint("HuggingFaceTB/SmolVLM2-500M-Video-Instruct", 0.5),
            Checkpoint("HuggingFaceTB/SmolVLM2-2.2B-Instruct", 2.2),
        ),
    ),
    "VideoLlama3ForConditionalGeneration": FamilyEntry(
        "video_llama_3",
        "VideoLlama3",
        (
            Checkpoint("lkhl/VideoLLaMA3-2B-Image-HF", 2.0),
            Checkpoint("lkhl/VideoLLaMA3-7B-Image-HF", 8.0),
        ),
    ),
    "VideoLlavaForConditionalGeneration": FamilyEntry(
        "video_llava",
        "VideoLlava",
        (Checkpoint("LanguageBind/Video-LLaVA-7B-hf", 7.4),),
    ),
}
"""Architecture named in a checkpoint's config -> its adapter and its published checkpoints."""


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
    entry = FAMILIES[architecture]
    module = import_module(f"zerotube.mllm.families.{entry.module}")
    family: Family = getattr(module, entry.adapter)()
    return family
