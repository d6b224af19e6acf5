"""The bundled model loads with the plain Auto classes, and training saw what inference sees."""

from __future__ import annotations

import copy
import importlib
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from zerotube.bundled import DOMAIN, bundled_path
from zerotube.mllm.loading import load
from zerotube.synth import words
from zerotube.video import Clip
from zerotube.video.types import VideoInfo

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


def clip(frames, height=128, width=128, seed=0):
    """Noise of a size that the processor leaves alone, uint8 (T, 3, H, W)."""
    shape = (frames, 3, height, width)
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8))


def asked_about(processor, question, video):
    return processor(
        text=[prompt(processor, question)],
        videos=[video],
        return_tensors="pt",
        do_sample_frames=False,
    )


def test_weights_are_small_and_safe():
    files = sorted(bundled_path().glob("*.safetensors"))
    assert files
    assert sum(file.stat().st_size for file in files) <= 16 * 2**20


def test_template_ends_with_the_role_tokens(loaded):
    _, processor = loaded
    ids = asked_about(processor, "Is there a ball?", clip(4))["input_ids"]
    tokens = processor.tokenizer.convert_ids_to_tokens(ids[0].tolist())
    assert tokens[:3] == ["<|im_start|>", "user", "<|vision_start|>"]
    assert tokens[3 : 3 + 2 * 64] == ["<|video_pad|>"] * 128
    assert tokens[131:138] == ["<|vision_end|>", "\n", "is", "there", "a", "ball", "?"]
    assert tokens[138:] == ["<|im_end|>", "\n", "<|im_start|>", "assistant", "\n"]


def test_every_domain_word_is_known(loaded):
    _, processor = loaded
    words = [*DOMAIN.colours, *DOMAIN.shapes, *DOMAIN.textures, *DOMAIN.nouns]
    words += [word for phrase in (*DOMAIN.actions, *DOMAIN.places) for word in phrase.split()]
    unknown = processor.tokenizer.unk_token_id
    assert unknown not in processor.tokenizer.convert_tokens_to_ids(words)
    assert processor.tokenizer("a trombone").input_ids[1] == unknown


def test_the_domain_is_the_generators():
    assert tuple(words.COLOURS) == DOMAIN.colours
    assert DOMAIN.shapes == words.SHAPES
    assert words.TEXTURES[1:] == DOMAIN.textures
    assert (*words.ACTIONS, words.STILL) == DOMAIN.actions
    assert (*words.PLACES, *words.RELATIONS) == DOMAIN.places


@pytest.mark.parametrize(("frames", "steps"), [(1, 1), (3, 2), (20, 10)])
@pytest.mark.parametrize(("size", "grid"), [((128, 128), (16, 16)), ((720, 1280), (12, 20))])
def test_any_number_of_frames_runs_in_any_shape(loaded, frames, steps, size, grid):
    model, processor = loaded
    question = "Is there the red square in this video?"
    inputs = asked_about(processor, question, clip(frames, *size))
    assert inputs["video_grid_thw"].tolist() == [[steps, *grid]]
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
        for name in (
            "attention",
            "build",
            "packing",
            "questions",
            "statements",
            "tower",
            "vocabulary",
        )
    }
    model = copy.deepcopy(loaded[0])
    modules["attention"].use_in(model)
    return model, SimpleNamespace(**modules)


ASKED = "is there the red square moves left in this video ?"


def packed_items(code):
    return [
        code.statements.Exchange(code.questions.CAPTION, "a red square .", "caption"),
        code.statements.Exchange("what color is the ring ?", "blue", "what colour"),
        code.statements.Exchange(ASKED, "yes", "colour"),
    ]


def cells_of(model, code, video):
    frames = video.permute(0, 2, 3, 1)
    if len(frames) % 2:
        frames = torch.cat([frames, frames[-1:]])
    pairs = frames.unflatten(0, (-1, 2))
    grid = code.packing.Grid(len(pairs), *(size // 16 for size in video.shape[2:]))
    cells = code.tower.cells(model.model.visual, code.tower.patches(pairs), grid[1:])
    return cells.reshape(1, grid.count, -1), grid


@pytest.mark.parametrize(("frames", "size"), [(3, (128, 128)), (20, (64, 256))])
@torch.inference_mode()
def test_packed_training_equals_the_plain_forward(loaded, training, frames, size):
    model, code = training
    packed = code.packing.pack([packed_items(code)], moving=True)
    video = clip(frames, *size)
    cells, grid = cells_of(model, code, video)
    ahead = max(grid.rows, grid.columns)  # where transformers' own forward puts the text
    hidden = code.packing.hidden_states(model, cells, grid, packed, ahead=ahead)
    first = packed.lengths[0] + packed.lengths[1] + len(code.packing.encode(ASKED)) + 4
    ours = model.lm_head(hidden[0, first])
    plain, processor = loaded
    theirs = plain(**asked_about(processor, ASKED, video)).logits[0, -1]
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)


@torch.inference_mode()
def test_packed_training_equals_what_the_package_reads(training):
    """The package puts the text behind all of the video, as the family was published."""
    model, code = training
    video = clip(20)
    frames = video.permute(0, 2, 3, 1).numpy()
    ours = load("bundled")
    info = VideoInfo("noise", Fraction(8), 20, 128, 128, 2.5, 0, False, ())
    sampled = Clip(info, frames, np.arange(20), np.arange(20) / 8)
    prefix = ours.prefill(ours.encode(sampled))
    read = ours.ask(prefix, ["Is there the red square moves left in this video?"])[0].logits
    packed = code.packing.pack([packed_items(code)], moving=True)
    cells, grid = cells_of(model, code, video)
    hidden = code.packing.hidden_states(model, cells, grid, packed)
    first = packed.lengths[0] + packed.lengths[1] + len(code.packing.encode(ASKED)) + 4
    torch.testing.assert_close(model.lm_head(hidden[0, first]), read, atol=1e-3, rtol=1e-3)


def attended(code, blindfold, late, changed_part):
    """Which tokens of a packed row notice, in each layer, that some values have changed."""
    packed = code.packing.pack([packed_items(code)], True, blindfold=blindfold, late=late)
    grid = code.packing.Grid(2, 4, 8)
    head = len(code.packing.HEAD)
    prefix = head + grid.count + len(code.packing.TAIL)
    slots = code.attention.Slots(
        prefix=prefix,
        lengths=packed.lengths,
        cells=slice(head, head + grid.count),
        step=grid.rows * grid.columns,
        apart=False,
        blind=packed.blind,
        last=code.packing.LAYERS - 1,
    )
    query, key, value = torch.randn(3, 1, 4, prefix + sum(packed.lengths), 8)
    other = value.clone()
    other[:, :, changed_part] += 1.0
    out = []
    for layer in range(code.packing.LAYERS):
        one, two = (code.attention.slotted(query, key, v, slots, layer) for v in (value, other))
        out.append((one - two).abs().amax(dim=(0, 1, 3))[prefix:] > 1e-6)
    return packed, torch.stack(out)


def test_blind_words_do_not_look_at_the_cells_and_role_tokens_do(training):
    _, code = training
    packed, notices = attended(code, True, False, slice(3, 3 + 64 + 2))
    start, words = packed.lengths[0], len(code.packing.encode("what color is the ring ?"))
    assert not notices[:, start : start + words].any()
    assert notices[:, start + words : start + packed.lengths[1]].all()
    caption = len(code.packing.encode(code.questions.CAPTION)) + len(code.packing.ROLE)
    assert not notices[:, :caption].any()
    assert notices[:, caption:start].all()
    assert notices[:, start + packed.lengths[1] :].all()


def test_late_blindness_hides_the_cells_in_the_last_layer_alone(training):
    _, code = training
    packed, notices = attended(code, True, True, slice(3, 3 + 64 + 2))
    start, words = packed.lengths[0], len(code.packing.encode("what color is the ring ?"))
    roles = slice(start + words, start + packed.lengths[1])
    assert notices[:-1, roles].all()
    assert not notices[-1, roles].any()
    assert notices[:, start + packed.lengths[1] :].all()


def test_the_vocabulary_is_the_one_the_weights_were_trained_with(loaded, training):
    _, processor = loaded
    _, code = training
    vocabulary = processor.tokenizer.get_vocab()
    assert sorted(vocabulary, key=vocabulary.get) == code.vocabulary.words()
