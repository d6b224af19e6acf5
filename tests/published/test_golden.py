"""Every family in the hub's file layout gives prompt, tokens and grid of the published model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from published.case import Case
from published.clips import dog
from published.hub import DATA, GOLDEN, QUESTION, RECIPES, read
from zerotube.mllm.prompting import render
from zerotube.mllm.registry import FAMILIES
from zerotube.mllm.types import VisualContext

# The smaller of the two differs in its output head alone, which test_weights.py looks at.
NAMES = [name for name in RECIPES if "Qwen2.5-VL-3B" not in name]
SIZES = {"wide": (1280, 720), "tall": (720, 1280)}
# Image families, and what is converted from another format: no published files were found.
WITHOUT_FILES = {
    "LlavaForConditionalGeneration",
    "LlavaNextForConditionalGeneration",
    "ShareGPT4VideoForConditionalGeneration",
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    return {}


@pytest.fixture(params=NAMES)
def case(
    request: pytest.FixtureRequest,
    cases: dict[str, Case],
    tmp_path_factory: pytest.TempPathFactory,
) -> Case:
    """A checkpoint, written and loaded once."""
    name = request.param
    if name not in cases:
        cases[name] = Case(name, tmp_path_factory.mktemp("published") / "checkpoint")
    return cases[name]


def only(*families: str) -> pytest.MarkDecorator:
    """Run a test on the checkpoints of some families."""
    names = [name for name in NAMES if name.partition("/")[0] in families]
    return pytest.mark.parametrize("case", names, indirect=True)


def processed(case: Case, width: int, height: int, frames: int = 20) -> dict[str, Any]:
    """What the checkpoint's own processor makes of a clip, without any limit of ours."""
    clip = dog(width, height, frames)
    video = case.model.processor.video_processor
    switches = ("cap_pixels_per_frame", "use_token_compression")
    off = {name: False for name in switches if hasattr(video, name)}
    made: dict[str, Any] = case.model.processor(
        text=[case.rendered],
        videos=[torch.from_numpy(clip.frames).permute(0, 3, 1, 2)],
        video_metadata=[
            {"fps": 2.0, "total_num_frames": frames, "frames_indices": list(range(frames))}
        ],
        do_sample_frames=False,
        return_tensors="pt",
        **off,
    )
    return made


def test_every_video_family_is_here() -> None:
    served: set[str] = set()
    for name in RECIPES:
        served |= set(read(DATA / name / "config.json")["architectures"])
    assert served == set(FAMILIES) - WITHOUT_FILES


def test_every_file_names_its_source() -> None:
    sources = read(DATA / "SOURCES.json")
    folders = {str(file.parent.relative_to(DATA)) for file in DATA.glob("*/*/*")}
    assert set(sources) == folders >= set(RECIPES)
    for name in folders:
        assert set(sources[name]) == {file.name for file in (DATA / name).iterdir()}


def test_rendered_prompt(case: Case) -> None:
    assert render(case.model.processor, QUESTION) == case.rendered


def test_role_tokens(case: Case) -> None:
    model = case.model
    positions, texts = model.tokens.candidates(QUESTION)
    assert texts[0] == "?"
    assert "".join(texts[1:]) == case.rendered.partition(QUESTION)[2].lstrip(" ")
    if "role_tokens" in case.golden:
        ids = [model.tokens.tail(QUESTION)[position] for position in positions[1:]]
        pieces = model.processor.tokenizer.convert_ids_to_tokens(ids)
        # SentencePiece's space mark is part of a piece's name; other names stand for bytes.
        names = pieces if pieces[0].startswith("▁") else list(texts[1:])
        assert names == case.golden["role_tokens"]


def test_special_tokens_have_their_published_ids(case: Case) -> None:
    tokenizer = case.model.processor.tokenizer
    published = {
        entry["content"]: int(number)
        for number, entry in read(case.folder / "tokenizer_config.json")[
            "added_tokens_decoder"
        ].items()
    } | case.golden.get("special_ids", {})
    for text, number in published.items():
        assert tokenizer.convert_tokens_to_ids(text) == number
    visual = case.model.family.visual_token_id(case.model.model.config)
    assert visual == case.golden.get("image_token_id", visual)
    assert visual in published.values()


def test_yes_and_no_are_found_at_the_ids_that_the_reference_reads(case: Case) -> None:
    spellings = {(item.yes, item.no) for item in case.model.tokens.answer_ids()}
    assert len(spellings) == 2
    if "<|im_start|>" in case.rendered and "<end_of_utterance>" not in case.rendered:
        assert tuple(GOLDEN["families"]["reference of the paper"]["yes_no"]["qwen"]) in spellings


def test_sizes_that_are_not_widths_are_the_published_ones(case: Case) -> None:
    text = case.model.model.config.get_text_config()
    published = read(DATA / case.name / "config.json")
    published = {**published, **published.get("text_config", {})}
    for key in ("max_position_embeddings", "vocab_size", "rms_norm_eps"):
        assert getattr(text, key) == published.get(key, getattr(text, key))
    scaling = published.get("rope_scaling") or {}
    for key in ("factor", "rope_type", "mrope_interleaved"):
        if key in scaling:
            assert text.rope_parameters[key] == scaling[key]
    if "rope" in case.golden:
        assert text.rope_parameters["rope_type"] == case.golden["rope"]["type"]
        assert text.rope_parameters["factor"] == case.golden["rope"]["factor"]
    if "context" in case.golden:
        model = case.name.partition("/")[2].partition("-VL")[0] + "-VL"
        assert text.max_position_embeddings == case.golden["context"][model]


def test_colours_are_normalised_as_published(case: Case) -> None:
    """Also where the settings stand in the file of an image processor with an older name."""
    settings = case.golden.get("video_preprocessor_config") or case.golden.get(
        "preprocessor_config", case.golden.get("settings", {}).get("video_preprocessor_config.json")
    )
    clip = dog(224, 224, 2)
    colour = np.array([30, 120, 210])
    clip = replace(clip, frames=np.broadcast_to(colour.astype(np.uint8), clip.frames.shape).copy())
    made = case.model.family.process(case.model.processor, case.rendered, clip)
    pixels = made.get("pixel_values_videos", made.get("pixel_values"))
    expected = (colour / 255 - settings["image_mean"]) / settings["image_std"]
    got = np.unique(pixels.numpy().round(3))
    assert got == pytest.approx(np.unique(expected.round(3)), abs=2e-3)


@only("llava_next_video", "llava_onevision", "internvl", "smolvlm", "video_llava")
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_grid_of_families_with_one(case: Case, size: tuple[int, int]) -> None:
    context = case.model.encode(dog(*size, case.frames))
    frames, golden = case.frames, case.golden
    if "features_per_frame" in golden:
        assert frames == golden["frames"]
        assert context.features.shape[0] == frames * golden["features_per_frame"]
        side = round((golden["features_per_frame"] - 1) ** 0.5)  # less the class token
        assert context.layout.grid == (frames, side, side)
        return
    small = "256M" in case.name
    grid = golden["grid_per_frame_256M_500M" if small else "grid_per_frame"]
    assert context.layout.grid == (frames, *grid)
    count = golden.get("features", frames * grid[0] * grid[1])
    assert context.features.shape[0] == context.visual_positions.shape[0] == count
    assert count == frames * grid[0] * grid[1] + golden.get("newlines", 0)
    check_expansion(case, context)


def check_expansion(case: Case, context: VisualContext) -> None:
    """The text that the processor puts between the frames."""
    shown = case.shown(context)
    question = case.rendered.partition("<video>")[2]
    if "expanded_head" in case.golden:  # SmolVLM2
        head = case.golden["expanded_head"]
        if "256M" in case.name:
            head = head.replace("81 x", "64 x")
        assert shown.startswith("<|im_start|>User: " + head + "\nFrame from 00:00:")
        assert "\nFrame from 00:09:<fake_token_around_image>" in shown
        assert shown.endswith("<fake_token_around_image>\n\n" + question)
    elif "expanded" in case.golden:  # InternVL3
        first, second = case.golden["expanded"].removesuffix(" ...").split("\n")
        assert shown.startswith(f"<|im_start|>user\n{first}\n{second} ")
        last = first.replace("Frame1", "Frame20")
        assert shown.endswith(last + question)


@only("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "video_llama_3")
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_grid_of_families_that_follow_the_frame(case: Case, size: tuple[int, int]) -> None:
    made = processed(case, *size)
    steps, rows, columns = made["video_grid_thw"][0].tolist()
    merge = case.model.processor.video_processor.merge_size
    grid = (steps, rows // merge, columns // merge)
    wide = grid if size[0] > size[1] else (grid[0], grid[2], grid[1])
    tokens = int((made["input_ids"] == case.model.processor.video_token_id).sum())
    assert tokens == grid[0] * grid[1] * grid[2]
    if "grid_720p" in case.golden:
        assert list(wide) == case.golden["grid_720p"]
    else:
        assert tokens == case.golden["tokens_20_frames"]["720x1280"]


@only("qwen2_vl", "qwen2_5_vl")
@pytest.mark.parametrize("lines", [360, 1080, 2160])
def test_tokens_of_a_qwen_frame_of_any_size(case: Case, lines: int) -> None:
    """The published limit is one of a picture, and no frame of 4K reaches it."""
    made = processed(case, lines * 16 // 9, lines, 2)
    tokens = int((made["input_ids"] == case.model.processor.video_token_id).sum())
    assert 10 * tokens == case.golden["tokens_20_frames"][f"{lines}x{lines * 16 // 9}"]


@only("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "video_llama_3")
@pytest.mark.parametrize("size", [(640, 360), (360, 640)], ids=SIZES)
def test_cells_of_families_that_follow_the_frame(case: Case, size: tuple[int, int]) -> None:
    """Through our own code, on frames so small that no limit makes them smaller."""
    context = case.model.encode(dog(*size))
    cell = {"qwen3_vl": 32}.get(case.name.partition("/")[0], 28)
    width, height = (round(side / cell) for side in size)
    steps = 20 if case.name.startswith("video_llama_3") else 10
    assert context.layout.grid == (steps, height, width)
    count = case.golden.get("tokens_20_frames", {}).get("360x640", steps * height * width)
    assert context.features.shape[0] == context.visual_positions.shape[0] == count
    shown = case.shown(context)
    if "expanded_first_step" in case.golden:  # Qwen3-VL
        first = case.golden["expanded_first_step"].replace("880", str(height * width))
        question = case.rendered.partition("<|vision_end|>")[2]
        assert shown.startswith("<|im_start|>user\n" + first + "<1.3 seconds><|vision_start|>")
        assert shown.endswith(first.partition(">")[2] + question)
    elif "expanded" in case.golden:  # VideoLLaMA3
        first, second = case.golden["expanded"].removesuffix("...").split(",")
        first = first.replace("798", str(height * width))
        assert shown.startswith(f"<|im_start|>user\n{first},{second}")
        last = first.replace("Time 0.0s", "Time 9.6s")
        assert shown.endswith("," + last + case.rendered.partition("<|video_pad|>")[2])


@only("video_llama_3")
def test_ids_of_the_integration_test_of_video_llama_3(case: Case) -> None:
    text, _, rest = case.golden["expected_input_ids_image"].partition(" for ")
    before, _, after = text.split(" + ")
    assert rest == '<image> + "Describe the image."'
    context = case.model.encode(dog(56, 56, 1))
    head = context.head_ids[0].tolist()
    assert head[: before.count(",") + 1] == [int(number) for number in before[1:-1].split(",")]
    tail = case.model.tokens.tail("Describe the image.")
    assert tail == [int(number) for number in after[1:-1].split(",")]


def test_logits_are_those_of_a_plain_forward(case: Case) -> None:
    """Prefix and question apart, with the published scaling of rotary positions."""
    model = case.model
    clip = dog(640, 360, 2)
    inputs = model.family.process(model.processor, case.rendered, clip)
    with torch.no_grad():
        plain = model.model(**inputs).logits[0, -1]
        answer = model.ask(model.prefill(model.encode(clip)), [QUESTION])[0]
    assert answer.logits is not None
    torch.testing.assert_close(answer.logits, plain, atol=2e-4, rtol=0)
