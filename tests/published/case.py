"""One published checkpoint, written, loaded as any other, and what `golden.json` says of it."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from published.hub import GOLDEN, QUESTION, RECIPES, prompt, write
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.loading import load
from zerotube.mllm.types import VisualContext


class Case:
    """A checkpoint of `RECIPES` in a folder of its own.

    Attributes:
        name: family and checkpoint.
        recipe: how it was shrunk.
        golden: what the published model makes of `QUESTION` and of dog.mp4.
        folder: its files.
        model: what the ordinary code loads from them.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.recipe = RECIPES[name]
        self.golden: dict[str, Any] = GOLDEN["families"][self.recipe.golden]
        self.folder = write(name, folder)
        self.model: VideoMLLM = load(str(self.folder), device="cpu")

    @property
    def rendered(self) -> str:
        """The prompt of `QUESTION`."""
        return prompt(self.name, QUESTION)

    @property
    def frames(self) -> int:
        """As many of the 20 frames as the model takes."""
        return min(20, self.model.family.frame_limit or 20)

    def shown(self, context: VisualContext) -> str:
        """The whole expanded prompt; n placeholders in a row as ``n x <placeholder>``."""
        tokenizer = self.model.processor.tokenizer
        visual = self.model.family.visual_token_id(self.model.model.config)
        ids = context.head_ids[0].tolist() + self.model.tokens.tail(QUESTION)
        parts = []
        for placeholder, run in groupby(ids, key=lambda token: token == visual):
            tokens = list(run)
            text = tokenizer.decode(tokens[:1] if placeholder else tokens)
            parts.append(f"{len(tokens)} x {text}" if placeholder else text)
        return "".join(parts)
