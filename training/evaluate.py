"""Measure a model folder on held-out seeds: answers, and where the role tokens look.

    python training/evaluate.py --model DIR [--samples 200] [--scenes 100] [--json FILE]

Everything goes through the plain Hugging Face processor and model (eager attention), with the
visual prefix kept in a key/value cache so that many questions about a clip are cheap.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModelForImageTextToText, AutoProcessor, DynamicCache

from questions import CAPTION, CLIP_FORMS, FRAME_FORMS, existence, open_question
from scenes import Mix, draw, random_scene
from zerotube.synth.sample import HELD_OUT_SEED, sample

GRID = 8
FLOOR = 1e-4


@dataclass
class Asked:
    """What one question gives: logits (V,) of the first answer token, attention (L, K, T, 8, 8)."""

    logits: Tensor
    attention: Tensor


class Asker:
    """A model with one clip encoded."""

    def __init__(self, folder: Path) -> None:
        self.processor = AutoProcessor.from_pretrained(folder)
        self.model = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="sdpa"
        ).eval()
        words = self.processor.tokenizer
        self.yes, self.no = words.convert_tokens_to_ids(["yes", "no"])
        self.video_token = self.model.config.video_token_id

    def ids(self, question: str, video: NDArray[np.uint8]) -> dict[str, Tensor]:
        """Processor output for one question about a clip."""
        content = [{"type": "video"}, {"type": "text", "text": question}]
        text = self.processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True
        )
        return dict(self.processor(text=[text], videos=[video], return_tensors="pt"))

    @torch.inference_mode()
    def show(self, video: NDArray[np.uint8]) -> None:
        """Encode a clip, uint8 (T, H, W, 3)."""
        inputs = self.ids("x", video)
        visual = (inputs["input_ids"][0] == self.video_token).nonzero()[:, 0]
        self.frames, self.first = len(video), int(visual[0])
        self.length = int(visual[-1]) + 2
        self.model.set_attn_implementation("sdpa")
        self.cache = DynamicCache()
        self.model(
            input_ids=inputs["input_ids"][:, : self.length],
            pixel_values_videos=inputs["pixel_values_videos"],
            past_key_values=self.cache,
            use_cache=True,
        )
        self.model.set_attn_implementation("eager")
        self.video = video[:1]

    @torch.inference_mode()
    def ask(self, question: str, attend: bool = False, roles: int = 6) -> Asked:
        """Ask about the clip; `roles` last prompt tokens are kept (question mark + 5)."""
        ids = self.ids(question, self.video)["input_ids"][0]
        suffix = ids[(ids == self.video_token).nonzero()[-1, 0] + 2 :]
        output = self.model(
            input_ids=suffix[None],
            past_key_values=copy.deepcopy(self.cache),
            output_attentions=attend,
            use_cache=True,
        )
        maps = torch.zeros(0)
        if attend:
            cells = slice(self.first, self.first + self.frames * GRID * GRID)
            rows = [layer[0, :, -roles:, cells].mean(dim=0) for layer in output.attentions]
            maps = torch.stack(rows).unflatten(-1, (self.frames, GRID, GRID))
        return Asked(output.logits[0, -1], maps)

    def answer(self, question: str, limit: int = 6) -> str:
        """Greedy answer."""
        words, text = [], question
        ids = self.ids(text, self.video)["input_ids"][0]
        suffix = ids[(ids == self.video_token).nonzero()[-1, 0] + 2 :]
        cache = copy.deepcopy(self.cache)
        with torch.inference_mode():
            for _ in range(limit):
                logits = self.model(input_ids=suffix[None], past_key_values=cache).logits[0, -1]
                suffix = logits.argmax()[None]
                if int(suffix) == self.processor.tokenizer.eos_token_id:
                    break
                words.append(int(suffix))
        return str(self.processor.tokenizer.decode(words))


def answers(asker: Asker, scenes: int, frames: int) -> dict[str, str]:
    """Accuracy by kind of question on scenes of 1-4 objects with shared attributes."""
    tally: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    moving = frames > 1
    mix = Mix((0.1, 0.3, 0.35, 0.25), shared=0.7, moving=0.75 if moving else 0.0)
    for index in range(scenes):
        rng = np.random.default_rng((HELD_OUT_SEED, frames, index))
        scene = random_scene(rng, mix)
        asker.show(draw(scene, list(np.linspace(0, 1, frames)), rng))
        for form in CLIP_FORMS if moving else FRAME_FORMS:
            for truth in (True, False):
                asked = existence(scene, rng, moving, form, truth)
                if asked is None:
                    continue
                logits = asker.ask(asked.question).logits
                said = bool(logits[asker.yes] > logits[asker.no])
                entry = tally[asked.kind]
                entry[0] += said == truth
                entry[1] += 1
                entry[2] += said and truth
                entry[3] += truth
        for _ in range(3):
            asked = open_question(scene, rng, moving)
            if asked is not None:
                entry = tally[asked.kind]
                entry[0] += asker.answer(asked.question) == asked.answer
                entry[1] += 1
    return {
        kind: f"{hits / n:.3f} (n={n}" + (f", yes recall {yes / t:.2f})" if t else ")")
        for kind, (hits, n, yes, t) in sorted(tally.items())
    }


def coverage(boxes: NDArray[np.float32], size: tuple[int, int]) -> Tensor:
    """How much of each cell a box covers: (T, 4) pixels -> float32 (T, 8, 8)."""
    height, width = size
    edges = np.arange(GRID)
    scaled = boxes / np.array([width, height, width, height], np.float32) * GRID

    def overlap(low: NDArray[np.float32], high: NDArray[np.float32]) -> NDArray[np.float32]:
        shared = np.minimum(high[:, None], edges + 1) - np.maximum(low[:, None], edges)
        return np.clip(shared, 0.0, 1.0)

    rows = overlap(scaled[:, 1], scaled[:, 3])
    cols = overlap(scaled[:, 0], scaled[:, 2])
    return torch.from_numpy(rows[:, :, None] * cols[:, None, :]).float()


def grounding(asker: Asker, kind: str, samples: int, frames: int, seed: int) -> dict[str, float]:
    """Share of samples whose track is found, for several ways to read the attention."""
    hits: dict[str, int] = defaultdict(int)
    chance = 0.0
    layers = asker.model.config.text_config.num_hidden_layers
    ranges = {
        "mid": range(round(layers * 6 / 32), round(layers * 26 / 32)),
        "all": range(layers),
        **{f"layer{n}": range(n, n + 1) for n in range(layers)},
    }
    for index in range(samples):
        item = sample(seed, index, kind)
        which = np.linspace(0, len(item.frames) - 1, frames).round().astype(int)
        asker.show(item.frames[which])
        masks = torch.stack([coverage(t[which], item.frames.shape[1:3]) for t in item.boxes_xyxy])
        chance += 1 / len(masks)
        plain_caption = asker.ask(CAPTION, attend=True).attention
        forms = {"full": item.query, "attr": item.attribute, "action": item.action}
        for form, phrase in forms.items():
            asked = asker.ask(f"Is there {phrase} in this video?", attend=True)
            yes = bool(asked.logits[asker.yes] > asked.logits[asker.no])
            hits[f"{form} yes"] += yes
            for name, chosen in ranges.items():
                if name != "mid" and form != "full":
                    continue
                span = slice(chosen.start, chosen.stop)
                plain = asked.attention[span].mean(dim=0)
                relative = plain / (plain_caption[span].mean(dim=0) + FLOOR)
                for how, maps in (("plain", plain), ("relative", relative)):
                    best = int(maps.flatten(1).max(dim=1).values.argmax())
                    scores = (maps[:, None] * masks[None]).flatten(2).max(dim=2).values  # (K, P)
                    right = scores.argmax(dim=1) == item.target
                    average = (maps.mean(dim=0)[None] * masks).flatten(1).max(dim=1).values
                    hits[f"{form} {name} {how} mean"] += int(average.argmax()) == item.target
                    hits[f"{form} {name} {how} gti"] += bool(right[best])
                    if name == "mid":
                        for number, one in enumerate(right.tolist()):
                            hits[f"{form} {name} {how} token{number}"] += one
    return {"chance": chance / samples, **{k: v / samples for k, v in sorted(hits.items())}}


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--kinds", default="attribute,action")
    parser.add_argument("--seed", type=int, default=HELD_OUT_SEED)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    asker = Asker(args.model)
    report: dict[str, object] = {"seed": args.seed, "samples": args.samples}
    for frames in (1, 8, args.frames):
        if args.scenes:
            report[f"answers, {frames} frames"] = answers(asker, args.scenes, frames)
    for kind in args.kinds.split(","):
        report[f"grounding, {kind}"] = grounding(asker, kind, args.samples, args.frames, args.seed)
    text = json.dumps(report, indent=2)
    print(text)
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
