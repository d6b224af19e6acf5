"""The reference procedure, transcribed step by step, as the baseline of ``method.py``.

What a straightforward implementation does: eager attention with ``output_attentions=True`` in every
pass, the vision encoder run again in every pass, a few tokens generated per pass, and the
sub-queries one after another. Only the mathematics is shared with the package.
"""

from __future__ import annotations

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
        self.visual_count = 0  # known after the first pass, which is the content-free one

    def embeddings(self, question: str, prompt: Tensor | None, reverse: bool) -> tuple[Tensor, Any]:
        """Encode the video again and place its features, plus the prompt, among the words."""
        conversation = [
            {"role": "user", "content": [{"type": "video"}, {"type": "text", "text": question}]}
        ]
        text = self.processor.apply_chat_template(
            conversation, add_generation_prompt=True, tokenize=False
        )
        inputs = self.processor(
            text=[text], videos=[self.frames], return_tensors="pt", do_sample_frames=False
        )
        features = self.model.get_video_features(
            inputs["pixel_values_videos"], return_dict=True
        ).pooler_output[0]
        if reverse:
            steps = self.frames.shape[0]
            cells = features[:-1].unflatten(0, (steps, -1)).flip(0).flatten(0, 1)
            features = torch.cat([cells, features[-1:]])
        if prompt is not None:
            features = features + prompt
        ids = inputs["input_ids"]
        words = self.model.get_input_embeddings()(ids)
        visual = ids == self.model.config.video_token_id
        self.visual_count = int(visual.sum())
        return words.masked_scatter(visual[..., None], features), visual[0]

    def attention(self, question: str, prompt: Tensor | None, reverse: bool = False) -> Tensor:
        """Rows of the candidates at the visual tokens, ``(n_role, T, h, w)``."""
        with torch.no_grad():
            embeddings, visual = self.embeddings(question, prompt, reverse)
            generated = self.model.generate(
                inputs_embeds=embeddings,
                attention_mask=torch.ones(embeddings.shape[:2], dtype=torch.long),
                max_new_tokens=NEW_TOKENS,
                min_new_tokens=NEW_TOKENS,
                do_sample=False,
                output_attentions=True,
                return_dict_in_generate=True,
            )
        stacked = torch.stack([generated.attentions[0][layer][0] for layer in self.layers])
        rows = stacked.mean(dim=(0, 1))[-self.role_count :, visual][:, :-1]
        side = round((rows.shape[1] / self.frames.shape[0]) ** 0.5)
        return rows.reshape(-1, self.frames.shape[0], side, side)

    def margin(self, question: str, prompt: Tensor, reverse: bool) -> Tensor:
        """Logit of yes less logit of no after one pass; gradients reach the prompt."""
        embeddings, _ = self.embeddings(question, prompt, reverse)
        logits = self.model(inputs_embeds=embeddings, output_attentions=True).logits[0, -1]
        margin: Tensor = logits[self.yes] - logits[self.no]
        return margin

    def tune(self, question: str, reverse: bool) -> Tensor:
        """Plain gradient descent on Eq. 4, or on the reference's own objective."""
        hidden = self.model.config.get_text_config().hidden_size
        prompt = fed = torch.zeros(self.visual_count, hidden)
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
