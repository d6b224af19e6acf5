"""The reference procedure, transcribed step by step, as the baseline of ``method.py``.

What a straightforward implementation does: eager attention with ``output_attentions=True`` in every
pass, the vision encoder run again in every pass, a few tokens generated per pass, and the
sub-queries one after another. Only the mathematics is shared with the package. Written for the
bundled model's architecture (Qwen2-VL), on clips that are not longer (in steps) than wide (in
cells): on others transformers' own forward puts the text elsewhere than the models were published
with (see `zerotube.mllm.families.qwen2_vl`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModelForImageTextToText, AutoProcessor

from zerotube.method.config import MethodSettings

NEW_TOKENS = 8
GENERIC = "Describe this video in details."


class Reference:
    """One loaded model and one clip.

    Args:
        folder: checkpoint.
        frames: uint8 ``(N, H, W, 3)``.
        layers: layers averaged.
        yes, no: ids of the answers.
        role_count: candidate tokens at the end of the prompt.
        settings: objective ("exp" or "margin"), lr, iterations and ema of the tuning.
    """

    def __init__(
        self,
        folder: str,
        frames: NDArray[np.uint8],
        layers: range,
        yes: int,
        no: int,
        role_count: int,
        settings: MethodSettings,
    ) -> None:
        self.processor: Any = AutoProcessor.from_pretrained(folder)
        self.model: Any = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        self.model.requires_grad_(False)
        self.frames = torch.from_numpy(frames).permute(0, 3, 1, 2)
        self.layers, self.yes, self.no, self.role_count = layers, yes, no, role_count
        self.settings = settings
        # Known after the first pass, which is the content-free one.
        self.visual = torch.zeros(0, dtype=torch.bool)
        self.grid = (0, 0, 0)

    def inputs(self, question: str) -> Any:
        """The processor's output for the clip and a question."""
        conversation = [
            {"role": "user", "content": [{"type": "video"}, {"type": "text", "text": question}]}
        ]
        text = self.processor.apply_chat_template(
            conversation, add_generation_prompt=True, tokenize=False
        )
        inputs = self.processor(
            text=[text], videos=[self.frames], return_tensors="pt", do_sample_frames=False
        )
        self.visual = inputs["input_ids"][0] == self.model.config.video_token_id
        steps, rows, columns = inputs["video_grid_thw"][0].tolist()
        merge = self.model.config.vision_config.spatial_merge_size
        self.grid = (steps, rows // merge, columns // merge)
        return inputs

    @contextmanager
    def shown(self, prompt: Tensor | None, reverse: bool) -> Iterator[None]:
        """Inside the block the vision encoder's output is reversed and the prompt is added."""

        def change(module: Any, args: Any, output: Any) -> Any:
            features = output.pooler_output
            if reverse:
                features = features.unflatten(0, (self.grid[0], -1)).flip(0).flatten(0, 1)
            output.pooler_output = features if prompt is None else features + prompt
            return output

        handle = self.model.model.visual.register_forward_hook(change)
        try:
            yield
        finally:
            handle.remove()

    def attention(self, question: str, prompt: Tensor | None, reverse: bool = False) -> Tensor:
        """Rows of the candidates at the visual tokens, ``(n_role, T, h, w)``."""
        inputs = self.inputs(question)
        with torch.no_grad(), self.shown(prompt, reverse):
            generated = self.model.generate(
                **inputs,
                max_new_tokens=NEW_TOKENS,
                min_new_tokens=NEW_TOKENS,
                do_sample=False,
                output_attentions=True,
                return_dict_in_generate=True,
            )
        stacked = torch.stack([generated.attentions[0][layer][0] for layer in self.layers])
        rows = stacked.mean(dim=(0, 1))[-self.role_count :, self.visual]
        return rows.reshape(-1, *self.grid)

    def margin(self, question: str, prompt: Tensor, reverse: bool) -> Tensor:
        """Logit of yes less logit of no after one pass; gradients reach the prompt."""
        inputs = self.inputs(question)
        with self.shown(prompt, reverse):
            logits = self.model(**inputs, output_attentions=True).logits[0, -1]
        margin: Tensor = logits[self.yes] - logits[self.no]
        return margin

    def tune(self, question: str, reverse: bool) -> Tensor:
        """Plain gradient descent on Eq. 4, or on the reference's own objective."""
        hidden = self.model.config.get_text_config().hidden_size
        prompt = fed = torch.zeros(int(self.visual.sum()), hidden)
        for _ in range(self.settings.iterations):
            leaf = fed.clone().requires_grad_(True)
            margin = self.margin(question, leaf, reverse)
            if self.settings.objective == "exp":
                loss = -margin.exp()
            else:
                loss = 1 - (margin - self.margin(GENERIC, leaf, reverse))
            loss.backward()
            if leaf.grad is None:
                raise RuntimeError("the loss does not depend on the prompt")
            previous, prompt = prompt, prompt - self.settings.lr * leaf.grad
            fed = self.settings.ema * previous + (1 - self.settings.ema) * prompt
        return fed

    def branch(self, sub_query: str, question: str, reverse: bool = False) -> Tensor:
        """One sub-query from start to end: content-free pass, tuning, reading pass."""
        generic = self.attention(GENERIC, None, reverse)
        prompt = self.tune(sub_query, reverse)
        maps = self.attention(question, prompt, reverse) / (generic + 1e-4)
        best: Tensor = maps[maps.flatten(1).amax(dim=1).argmax()]
        return best

    def ground(self, attribute: str, action: str, question: str) -> dict[str, NDArray[np.float32]]:
        """Maps of the full method for one query whose three questions are given."""
        spatial = self.branch(attribute, question)
        backwards = self.branch(attribute, question, reverse=True)
        temporal = self.branch(action, question)
        return {
            "spatial": ((spatial + backwards.flip(0)) / 2).numpy(),
            "temporal": temporal.numpy(),
        }
