"""ShareGPT4Video: the converter keeps every number, and the picture's frames are read in place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from toy import load_toy, make_clip
from toys import QUESTION, sharegpt4video
from zerotube.errors import ModelError, UsageError
from zerotube.mllm.convert_sharegpt4video import convert, main
from zerotube.mllm.families.sharegpt4video import BAND, ShareGPT4Video, frame_cells, grid_side
from zerotube.mllm.loading import load
from zerotube.mllm.prompting import render

WEIGHTS = "model-00001-of-00001.safetensors"


def noise(count: int, height: int, width: int):
    rng = np.random.default_rng(0)
    return make_clip(rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sharegpt4video") / "original"
    folder.mkdir()
    sharegpt4video.write_original(folder)
    return folder


@pytest.fixture
def copied(source: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(source, tmp_path / "copied"))


def test_the_converted_model_computes_what_the_original_does(source: Path, tmp_path: Path) -> None:
    """The original's forward written out by hand: tiles, projector, newlines, Llama."""
    original = sharegpt4video.write_original(tmp_path).double()
    model = load_toy(convert(source, tmp_path / "out"))
    clip = noise(4, *sharegpt4video.FRAME)
    text = render(model.processor, QUESTION, "image")
    inputs = model.family.process(model.processor, text, clip)
    ids = inputs["input_ids"][0]
    is_image = ids == model.family.visual_token_id(model.model.config)
    inner = original.model
    with torch.no_grad():
        tower = inner.vision_tower.vision_tower.vision_model
        tiles = tower(inputs["pixel_values"][0].double(), output_hidden_states=True)
        made = inner.mm_projector(tiles.hidden_states[-2][:, 1:])
        # 350 x 250 pixels on 2 x 2 tiles of 7 x 7: 14 rows, the middle 10 of 14 columns.
        rows = [*made[0]]
        for y in range(14):
            rows += [made[1 + y // 7 * 2 + x // 7, y % 7 * 7 + x % 7] for x in range(2, 12)]
            rows.append(inner.image_newline)
        embedded = inner.embed_tokens(ids)
        assert int(is_image.sum()) == len(rows)
        embedded[is_image] = torch.stack(rows)
        expected = original.lm_head(inner(inputs_embeds=embedded[None]).last_hidden_state)[0, -1]
        logits = model.ask(model.prefill(model.encode(clip)), [QUESTION])[0].logits
    assert logits is not None
    torch.testing.assert_close(logits.double(), expected, atol=1e-5, rtol=0)
    start = model.processor.tokenizer.convert_tokens_to_ids("<|begin_of_text|>")
    assert ids[:2].tolist() == [start, start]  # the original's prompt begins with two as well


def test_no_number_and_no_dtype_changes(source: Path, copied: Path, tmp_path: Path) -> None:
    tensors = {key: value.half() for key, value in load_file(source / WEIGHTS).items()}
    save_file(tensors, copied / WEIGHTS)
    out = convert(copied, tmp_path / "out")
    index = json.loads((out / "model.safetensors.index.json").read_text())["weight_map"]
    written = load_file(out / WEIGHTS)
    assert set(index) == set(written)
    assert sorted(float(t.double().sum()) for t in written.values()) == sorted(
        float(t.double().sum()) for t in tensors.values()
    )
    assert {t.dtype for t in written.values()} == {torch.float16}


def test_pickled_weights_and_a_vision_tower_apart(
    source: Path, copied: Path, tmp_path: Path
) -> None:
    from transformers import CLIPVisionModel

    tensors = load_file(source / WEIGHTS)
    prefix = "model.vision_tower.vision_tower."
    (copied / WEIGHTS).unlink()
    rest = {key: value for key, value in tensors.items() if not key.startswith(prefix)}
    torch.save(rest, copied / "pytorch_model.bin")
    with pytest.raises(ModelError, match="--vision-tower"):
        convert(copied, tmp_path / "out")
    tower = tmp_path / "tower"
    CLIPVisionModel(sharegpt4video.vision_config(28, 4)).save_pretrained(tower)
    apart = {key.removeprefix(prefix): tensors[key] for key in tensors if key.startswith(prefix)}
    save_file(apart, tower / "model.safetensors")
    out = convert(copied, tmp_path / "out", vision_tower=tower)
    whole = load_toy(convert(source, tmp_path / "whole"))
    clip = noise(2, 40, 60)
    assert torch.equal(load_toy(out).encode(clip).features, whole.encode(clip).features)


def test_an_unknown_a_missing_and_a_misshapen_tensor(copied: Path, tmp_path: Path) -> None:
    tensors = load_file(copied / WEIGHTS)
    for change, message in (
        ({"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(2)}, None),
        ({"model.vision_resampler.weight": torch.ones(2)}, "vision_resampler"),
        ({"model.layers.9.mlp.up_proj.weight": torch.ones(2)}, "layers.9"),
        ({"lm_head.weight": torch.ones(3, 3)}, "language_model.lm_head.weight of shape"),
        ({"model.norm.weight": None}, "no tensors: language_model.model.norm.weight"),
    ):
        changed = {**tensors, **change}
        save_file({k: v for k, v in changed.items() if v is not None}, copied / WEIGHTS)
        if message is None:
            convert(copied, tmp_path / "fine")
            continue
        with pytest.raises(ModelError, match=message):
            convert(copied, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_a_configuration_that_lacks_a_value_is_refused(copied: Path, tmp_path: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    del config["image_grid_pinpoints"]
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="without image_grid_pinpoints"):
        convert(copied, tmp_path / "out")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("architectures", ["LlavaMptForCausalLM"]),
        ("mm_projector_type", "linear"),
        ("mm_patch_merge_type", "flat"),
        ("image_aspect_ratio", "pad"),
    ],
)
def test_another_llava_is_refused(copied: Path, tmp_path: Path, key: str, value: object) -> None:
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**config, key: value}))
    with pytest.raises(ModelError, match=key):
        convert(copied, tmp_path / "out")


def test_the_command_says_what_is_wrong(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(source), str(tmp_path / "out")]) == 0
    with pytest.raises(SystemExit) as caught:
        main([str(source), str(tmp_path / "out")])
    assert caught.value.code == UsageError.exit_code
    assert "holds a checkpoint" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(tmp_path), str(tmp_path / "other")])
    assert "hf download" in capsys.readouterr().err


def test_the_original_format_is_refused_with_the_way_out(source: Path) -> None:
    with pytest.raises(ModelError, match="convert_sharegpt4video"):
        load(str(source), device="cpu")


# The picture


@pytest.mark.parametrize(("count", "side"), [(1, 1), (2, 2), (4, 2), (5, 3), (9, 3), (16, 4)])
def test_frames_lie_in_reading_order(count: int, side: int) -> None:
    clip = noise(count, 20, 30)
    picture = ShareGPT4Video().picture(clip).permute(1, 2, 0).numpy()
    assert grid_side(count) == side
    assert picture.shape[:2] == (side * 20 + (side - 1) * BAND, side * 30 + (side - 1) * BAND)
    rest = np.ones(picture.shape[:2], dtype=bool)
    for index, frame in enumerate(clip.frames):
        y, x = index // side * (20 + BAND), index % side * (30 + BAND)
        assert np.array_equal(picture[y : y + 20, x : x + 30], frame)
        rest[y : y + 20, x : x + 30] = False
    assert (picture[rest] == 255).all()


def test_a_large_picture_is_scaled_down() -> None:
    picture = ShareGPT4Video().picture(noise(4, 600, 1000))
    assert picture.shape == (3, int(1250 * 1920 / 2050), 1920)


@given(
    st.integers(1, 16), st.integers(60, 1100), st.integers(60, 1100),
    st.integers(24, 72), st.integers(24, 72), st.floats(-0.015, 0.015),
)  # fmt: skip
def test_a_cell_is_the_feature_its_centre_lies_in(
    count: int, height: int, width: int, rows: int, columns: int, slack: float
) -> None:
    """Distinct features, as many as fit, whatever sizes and however the padding was cut."""
    features = np.arange(rows * columns).reshape(rows, columns)
    view = (0.0, -slack, 1.0, 1.0 + slack)
    cells = frame_cells(features, view, (height, width), count)
    assert len(np.unique(cells)) == cells.size
    side = grid_side(count)
    whole_y, whole_x = side * height + (side - 1) * BAND, side * width + (side - 1) * BAND
    pitch_y = rows / (view[3] - view[1]) / whole_y
    assert cells.shape[1] >= int(height * pitch_y) - 1
    for t in (0, count - 1):
        for y in (0, cells.shape[1] - 1):
            for x in (0, cells.shape[2] - 1):
                row, column = divmod(int(cells[t, y, x]), columns)
                centre_x = (
                    t % side * (width + BAND) + (x + 0.5) / cells.shape[2] * width
                ) / whole_x
                centre_y = (
                    t // side * (height + BAND) + (y + 0.5) / cells.shape[1] * height
                ) / whole_y
                at_y = (centre_y - view[1]) / (view[3] - view[1]) * rows
                assert column - 1e-6 <= centre_x * columns <= column + 1 + 1e-6
                assert row - 0.35 <= at_y <= row + 1.35  # the cut can pass a first or last centre


def test_a_frame_smaller_than_a_feature_is_refused() -> None:
    with pytest.raises(ModelError, match="sample fewer frames"):
        frame_cells(np.arange(9).reshape(3, 3), (0.0, 0.0, 1.0, 1.0), (20, 20), 16)


def test_coarse_features_go_with_their_frame(source: Path, tmp_path: Path) -> None:
    model = load_toy(convert(source, tmp_path / "out"))
    layout = model.encode(noise(3, *sharegpt4video.FRAME)).layout
    assert layout.grid == (3, 6, 4)
    assert layout.beside is not None
    assert layout.beside.shape == (3, 3 * 2)
    assert layout.beside.max() < 7 * 7 <= layout.cells.min()
    with pytest.raises(UsageError, match="17 frames"):
        model.encode(noise(17, 30, 40))
