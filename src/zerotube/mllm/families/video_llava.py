"""Video-LLaVA: every patch of eight frames, each frame led by a class token."""

from __future__ import annotations

from typing import Any

from zerotube.mllm.families.cropped import CroppedFrames

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'video') %}"
    "{{ '<video>\n' }}{% endfor %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ part['text'] + ' ' }}{% endfor %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
"""``USER: <video>\\n... ASSISTANT:``, the prompt of transformers' documentation of the model."""


class VideoLlava(CroppedFrames):
    """``VideoLlavaForConditionalGeneration``.

    The video tower sees each frame on its own, squeezed to a square (or its middle square, under
    the frame fit "crop"), and keeps its class token: 1 + 16 x 16 features a frame. The class token
    is no place in the picture; it belongs to no cell and moves with its frame.
    """

    architectures = ("VideoLlavaForConditionalGeneration",)
    # Trained on 8 frames: 8 x 257 features are half of its 4096 positions, 16 x 257 exceed them.
    frame_limit = 8

    processor_names = ("VideoLlavaProcessor", "VideoLlavaVideoProcessor")
    # Its published files hold none.
    chat_template = CHAT_TEMPLATE

    def encode(self, model: Any, inputs: dict[str, Any]) -> Any:
        # Only the inner model has it for videos.
        return model.model.get_video_features(
            inputs["pixel_values_videos"].to(model.device, model.dtype), return_dict=True
        )
