"""Files that are missing, older, newer or wrong: read rightly, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from published.case import Case
from published.clips import dog
from published.hub import DATA, QUESTION, RECIPES, dump, read, template, write
from zerotube.errors import ModelError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.loading import load
from zerotube.mllm.prompting import render

NEXT_VIDEO = "llava_next_video/LLaVA-NeXT-Video-7B-hf"
ONEVISION = "llava_onevision/llava-onevision-qwen2-7b-ov-hf"
QWEN25 = "qwen2_5_vl/Qwen2.5-VL-7B-Instruct"
QWEN3 = "qwen3_vl/Qwen3-VL-4B-Instruct"
VIDEO_LLAVA = "video_llava/Video-LLaVA-7B-hf"
FAMILIES = [name for name in RECIPES if "3B" not in name and "256M" not in name]
# SmolVLM's processor brings its own template for videos, Video-LLaVA's adapter the documented one.
OWN_TEMPLATE = [name for name in FAMILIES if not name.startswith(("smolvlm", "video_llava"))]


def with_template(folder: Path, text: str | None) -> Path:
    """Leave a checkpoint no chat template but this one."""
    for file in ("chat_template.json", "chat_template.jinja"):
        (folder / file).unlink(missing_ok=True)
    config = read(folder / "tokenizer_config.json")
    config.pop("chat_template", None)
    dump(folder / "tokenizer_config.json", config)
    if text is not None:
        (folder / "chat_template.jinja").write_text(text, encoding="utf-8")
    return folder


def refused(folder: Path) -> str:
    """The one line with which a checkpoint is refused."""
    with pytest.raises(ModelError) as caught:
        load(str(folder), device="cpu")
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_code == 3
    return message


# What the hub's files lack


def test_next_video_is_published_without_a_file_for_its_video_processor(tmp_path: Path) -> None:
    assert not (DATA / NEXT_VIDEO / "video_preprocessor_config.json").exists()
    processor = Case(NEXT_VIDEO, tmp_path / "checkpoint").model.processor
    published = read(DATA / NEXT_VIDEO / "preprocessor_config.json")
    assert dict(processor.video_processor.crop_size) == published["crop_size"]
    assert processor.video_processor.size.shortest_edge == published["size"]["shortest_edge"]
    assert processor.patch_size == read(DATA / NEXT_VIDEO / "processor_config.json")["patch_size"]


@pytest.mark.parametrize("name", [NEXT_VIDEO, VIDEO_LLAVA])
def test_files_of_today_are_read_the_same(name: str, tmp_path: Path) -> None:
    """As `save_pretrained` writes them now, which a later revision of the hub may hold."""
    published = Case(name, tmp_path / "published").model
    today = tmp_path / "today"
    published.model.save_pretrained(today)
    published.processor.save_pretrained(today)
    again = load(str(today), device="cpu")
    assert render(again.processor, QUESTION) == render(published.processor, QUESTION)
    clip = dog(64, 48, 2)
    one, other = published.encode(clip), again.encode(clip)
    assert torch.equal(one.head_ids, other.head_ids)
    assert torch.equal(one.features, other.features)


def test_next_video_whose_processor_file_names_the_class_alone(tmp_path: Path) -> None:
    folder = write(NEXT_VIDEO, tmp_path / "checkpoint")
    dump(folder / "processor_config.json", {"processor_class": "LlavaNextVideoProcessor"})
    assert load(str(folder), device="cpu").encode(dog(64, 48, 2)).layout.grid == (2, 12, 12)


def test_video_llava_takes_its_patches_from_the_model(tmp_path: Path) -> None:
    """It is published without a processor configuration; here the patches are other ones."""
    assert not (DATA / VIDEO_LLAVA / "processor_config.json").exists()
    folder = write(VIDEO_LLAVA, tmp_path / "checkpoint", {"vision_config": {"patch_size": 28}})
    context = load(str(folder), device="cpu").encode(dog(64, 48, 2))
    assert context.layout.grid == (2, 8, 8)
    assert context.features.shape[0] == 2 * 65


def test_a_template_of_a_video_llava_comes_before_the_documented_one(tmp_path: Path) -> None:
    folder = write(VIDEO_LLAVA, tmp_path / "checkpoint")
    own = "Q: <video>{{ messages[0]['content'][1]['text'] }} A:"
    assert render(load(str(with_template(folder, own)), device="cpu").processor, "x") == (
        "Q: <video>x A:"
    )


@pytest.mark.parametrize("name", [QWEN25, QWEN3])
def test_a_template_that_stands_with_the_tokenizer_alone(name: str, tmp_path: Path) -> None:
    folder = write(name, tmp_path / "checkpoint")
    (folder / "chat_template.json").unlink()
    assert "chat_template" in read(folder / "tokenizer_config.json")
    expected = Case(name, tmp_path / "whole").rendered
    assert render(load(str(folder), device="cpu").processor, QUESTION) == expected


def test_onevision_with_the_template_of_the_later_conversion_script(tmp_path: Path) -> None:
    """A newline behind the role, the video and the turn (golden.json, the last of its sources)."""
    later = template(ONEVISION)
    for old, new in (
        ("message['role'] + ' '", "message['role'] + '\n'"),
        ("'<video>'", "'<video>\n'"),
        ("'\n' + content", "content"),
        ("'<|im_end|>'", "'<|im_end|>' + '\n'"),
    ):
        assert old in later
        later = later.replace(old, new)
    folder = with_template(write(ONEVISION, tmp_path / "checkpoint"), later)
    model = load(str(folder), device="cpu")
    assert render(model.processor, QUESTION) == (
        f"<|im_start|>user\n<video>\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
    )
    roles = model.tokens.candidates(QUESTION)[1]
    assert roles == ("?", "<|im_end|>", "\n", "<|im_start|>", "assistant", "\n")


# Chat templates that are none for a video


@pytest.mark.parametrize("name", OWN_TEMPLATE)
def test_no_template(name: str, tmp_path: Path) -> None:
    folder = with_template(write(name, tmp_path / "checkpoint"), None)
    assert "got a checkpoint without a chat template; wanted chat_template.jinja" in refused(folder)


def test_the_tokenizers_template_for_text_alone(tmp_path: Path) -> None:
    """OneVision's tokenizer has one, of the language model that it was made from."""
    folder = write(ONEVISION, tmp_path / "checkpoint")
    (folder / "chat_template.json").unlink()
    assert "got a chat template that cannot be rendered (" in refused(folder)


BAD_TEMPLATES = {
    "no video": (
        "{{ messages[0]['content'][1]['text'] }} ANSWER:",
        "without '<|video_pad|>'; wanted a placeholder for the video before the question",
    ),
    "another placeholder": (
        "<video>{{ messages[0]['content'][1]['text'] }} ANSWER:",
        "without '<|video_pad|>'",
    ),
    "question first": (
        "{{ messages[0]['content'][1]['text'] }}<|video_pad|> ANSWER:",
        "puts the question before the video",
    ),
    "no question": ("<|video_pad|> ANSWER:", "drops or rewrites the question"),
    "no roles": ("<|video_pad|>{{ messages[0]['content'][1]['text'] }}", "no token after"),
    "refuses": (
        "{{ raise_exception('text only, please') }}",
        "rendered (TemplateError: text only, please)",
    ),
    "not a template": ("{% for %}", "cannot be rendered ("),
    "unknown name": (
        "{{ images.first }}",
        "cannot be rendered (UndefinedError: 'images' is undefined)",
    ),
}


@pytest.mark.parametrize(("text", "reason"), BAD_TEMPLATES.values(), ids=BAD_TEMPLATES)
def test_a_template_that_is_none_for_a_video(text: str, reason: str, tmp_path: Path) -> None:
    assert reason in refused(with_template(write(QWEN25, tmp_path / "checkpoint"), text))


# Processors that choose frames


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], VideoMLLM]:
    """Checkpoints whose files ask the processor to sample frames, loaded once."""
    loaded: dict[str, VideoMLLM] = {}

    def model(name: str) -> VideoMLLM:
        if name not in loaded:
            folder = write(name, tmp_path_factory.mktemp("sampling") / "checkpoint")
            file = folder / "video_preprocessor_config.json"
            settings = read(file if file.exists() else folder / "preprocessor_config.json")
            settings.pop("image_processor_type", None)
            classes = {"internvl": "InternVLVideoProcessor", "smolvlm": "SmolVLMVideoProcessor",
                       "qwen2_vl": "Qwen2VLVideoProcessor", "qwen2_5_vl": "Qwen2VLVideoProcessor",
                       "video_llava": "VideoLlavaVideoProcessor"}  # fmt: skip
            kind = classes.get(name.partition("/")[0])
            if kind is not None:
                settings["video_processor_type"] = kind
            dump(file, {**settings, "do_sample_frames": True, "num_frames": 2})
            loaded[name] = load(str(folder), device="cpu")
        return loaded[name]

    return model


@pytest.mark.parametrize("name", FAMILIES)
def test_frames_are_not_sampled_once_more(name: str, models: Callable[[str], VideoMLLM]) -> None:
    """Every frame is fed once and in order: a change of one moves its own step and no other."""
    model, clip = models(name), dog(112, 112, 8)
    assert model.processor.video_processor.do_sample_frames
    before = model.encode(clip)
    steps = 4 if name.startswith("qwen") else 8
    assert before.layout.grid[0] == steps
    assert len(before.layout.step_of_frame) == 8
    frames = clip.frames.copy()
    frames[5] = 255 - frames[5]
    after = model.encode(replace(clip, frames=frames))
    cells = torch.from_numpy(before.layout.cells.reshape(steps, -1).copy())
    moved = (after.features - before.features).abs().amax(dim=-1)[cells].amax(dim=-1) > 1e-6
    assert moved.nonzero().flatten().tolist() == [before.layout.step_of_frame[5]]


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("kept", [slice(None, None, 2), slice(0, 6)], ids=["half", "all but two"])
def test_a_processor_that_drops_frames_is_refused(
    name: str,
    kept: slice,
    models: Callable[[str], VideoMLLM],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = models(name)
    kind = type(model.processor.video_processor)
    whole = kind.preprocess

    def some(self: Any, videos: Any, **kwargs: Any) -> Any:
        return whole(self, [video[kept] for video in videos], **kwargs)

    monkeypatch.setattr(kind, "preprocess", some)
    with pytest.raises(ModelError, match=r"frames|placeholders") as caught:
        model.encode(dog(112, 112, 8))
    assert "\n" not in str(caught.value)
