"""The bundled model loads with the plain Auto classes, and training saw what inference sees."""

from __future__ import annotations

import copy
import importlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from zerotube.bundled import DOMAIN, bundled_path

TRAINING = Path(__file__).parent.parent / "training"


@pytest.fixture(scope="module")
def loaded():
    folder = bundled_path()
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    return model.eval(), AutoProcessor.from_pretrained(folder)


def prompt(processor, question):
    content = [{"type": "video"}, {"type": "text", "text": question}]
    return processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True
    )


def clip(frames, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (frames, 112, 112, 3), dtype=np.uint8)


def test_weights_are_small_and_safe():
    files = sorted(bundled_path().glob("*.safetensors"))
    assert files
    assert sum(file.stat().st_size for file in files) <= 16 * 2**20


def test_template_ends_with_the_role_tokens(loaded):
    _, processor = loaded
    ids = processor(text=[prompt(processor, "Is there a ball?")], videos=[clip(2)])["input_ids"]
    tokens = processor.tokenizer.convert_ids_to_tokens(list(np.asarray(ids[0]).tolist()))
    assert tokens[:2] == ["<|im_start|>", "user"]
    assert tokens[2 : 2 + 2 * 64 + 1] == ["<video>"] * 129
    assert tokens[131:137] == ["\n", "is", "there", "a", "ball", "?"]
    assert tokens[137:] == ["<|im_end|>", "\n", "<|im_start|>", "assistant", "\n"]


def test_every_domain_word_is_known(loaded):
    _, processor = loaded
    words = [*DOMAIN.colours, *DOMAIN.shapes, *DOMAIN.nouns]
    words += [word for action in DOMAIN.actions for word in action.split()]
    unknown = processor.tokenizer.unk_token_id
    assert unknown not in processor.tokenizer.convert_tokens_to_ids(words)
    assert processor.tokenizer("a trombone").input_ids[1] == unknown


@pytest.mark.parametrize("frames", [1, 3, 20])
def test_any_number_of_frames_runs(loaded, frames):
    model, processor = loaded
    text = prompt(processor, "Is there the red square in this video?")
    inputs = processor(text=[text], videos=[clip(frames)], return_tensors="pt")
    with torch.inference_mode():
        assert torch.isfinite(model(**inputs).logits).all()


@pytest.fixture
def training(loaded, monkeypatch):
    """The bundled model with the training code's attention, and that code."""
    if not TRAINING.is_dir():
        pytest.skip("training/ is not part of the installed package")
    monkeypatch.syspath_prepend(str(TRAINING))
    modules = {
        name: importlib.import_module(name)
        for name in ("attention", "packing", "questions", "warm_up")
    }
    model = copy.deepcopy(loaded[0])
    modules["attention"].use_in(model)
    return model, SimpleNamespace(**modules)


ASKED = "is there the red square moves left in this video ?"


def packed_items(code):
    return [
        code.questions.Exchange(code.questions.CAPTION, "a red square .", "caption"),
        code.questions.Exchange("what color is the ring ?", "blue", "what colour"),
        code.questions.Exchange(ASKED, "yes", "colour"),
    ]


def cells_of(model, code, video):
    features = code.warm_up.tower(model, code.warm_up.to_pixels(video), torch.arange(256)[None])
    return code.warm_up.pooled_cells(model, features).reshape(1, len(video) * 64, -1)


@torch.inference_mode()
def test_packed_training_equals_the_plain_forward(loaded, training):
    model, code = training
    packed = code.packing.pack([packed_items(code)], moving=True)
    video = clip(3)
    hidden = code.packing.hidden_states(model, cells_of(model, code, video), packed)
    first = packed.lengths[0] + packed.lengths[1] + len(code.packing.encode(ASKED)) + 4
    ours = model.lm_head(hidden[0, first])
    plain, processor = loaded
    inputs = processor(text=[prompt(processor, ASKED)], videos=[video], return_tensors="pt")
    torch.testing.assert_close(ours, plain(**inputs).logits[0, -1], atol=1e-4, rtol=1e-4)


def test_blind_words_do_not_look_at_the_cells_and_role_tokens_do(training):
    _, code = training
    packed = code.packing.pack([packed_items(code)], moving=True, blindfold=True)
    prefix, hidden = 2 + 64 + 2, slice(2, 2 + 64 + 2)
    slots = code.attention.Slots(prefix, packed.lengths, hidden, packed.blind)
    query, key, value = torch.randn(3, 1, 4, prefix + sum(packed.lengths), 8)
    changed = value.clone()
    changed[:, :, hidden] += 1.0
    one, other = (code.attention.slotted(query, key, v, slots) for v in (value, changed))
    same = (one - other).abs().amax(dim=(0, 1, 3))[prefix:] < 1e-6
    start, words = packed.lengths[0], len(code.packing.encode("what color is the ring ?"))
    assert same[start : start + words].all()
    assert not same[start + words : start + packed.lengths[1]].any()
    caption = len(code.packing.encode(code.questions.CAPTION)) + len(code.packing.ROLE)
    assert same[:caption].all()
    assert not same[caption:start].any()
    assert not same[start + packed.lengths[1] :].any()
