"""SAM 2.1 in the hub's file layout: legacy names of processors, pictures of the published size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoConfig, Sam2VideoModel

from published.clips import dog
from published.hub import DATA, GOLDEN, dump, overlaid, read, save_weights
from zerotube.proposals.tracking.sam2 import SamTracker

NAME = "sam2/sam2.1-hiera-tiny"
WIDTH = 128
SIZES = {
    "vision_config": {
        "backbone_config": {
            "hidden_size": 8,
            "embed_dim_per_stage": [8, 16, 32, 64],
            "num_attention_heads_per_stage": [1, 1, 2, 2],
            "blocks_per_stage": [1, 1, 2, 1],
            "global_attention_blocks": [3],
        },
        "backbone_channel_list": [64, 32, 16, 8],
        "fpn_hidden_size": WIDTH,
    },
    "prompt_encoder_config": {"hidden_size": WIDTH, "mask_input_channels": 4},
    "mask_decoder_config": {
        "hidden_size": WIDTH,
        "iou_head_hidden_dim": WIDTH,
        "mlp_dim": WIDTH,
        "num_attention_heads": 2,
    },
    "mask_downsampler_embed_dim": WIDTH,
    "memory_attention_feed_forward_hidden_size": WIDTH,
    "memory_attention_hidden_size": WIDTH,
    "memory_attention_num_layers": 1,
    "memory_encoder_hidden_size": WIDTH,
    "memory_fuser_embed_dim": WIDTH,
    "memory_fuser_intermediate_dim": WIDTH,
    "memory_fuser_num_layers": 1,
}


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> SamTracker:
    folder = tmp_path_factory.mktemp("sam2")
    for file in (DATA / NAME).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    dump(folder / "config.json", overlaid(read(folder / "config.json"), SIZES))
    torch.manual_seed(0)
    model = Sam2VideoModel(AutoConfig.from_pretrained(folder))
    save_weights(folder, {name: each.contiguous() for name, each in model.state_dict().items()})
    return SamTracker.load(str(folder), kind="sam2", device="cpu", dtype="float32")


def test_its_settings_are_the_published_ones(tracker: SamTracker) -> None:
    """The published large model has the same settings as the one here."""
    published = GOLDEN["families"]["proposers"]["sam2.1-hiera-large"]
    assert read(DATA / NAME / "preprocessor_config.json") == published["preprocessor_config"]
    assert read(DATA / NAME / "processor_config.json") == published["processor_config"]
    architectures = GOLDEN["families"]["proposers"]["architectures"]
    assert tracker.checkpoint.architecture == architectures["facebook/sam2.1-hiera-large"]
    colour = np.array([30, 120, 210], dtype=np.uint8)
    picture = np.tile(colour, (72, 128, 1))
    pixels = tracker.checkpoint.inputs(images=picture)["pixel_values"]
    settings = published["preprocessor_config"]
    assert pixels.shape == (1, 3, settings["size"]["height"], settings["size"]["width"])
    expected = (colour / 255 - settings["image_mean"]) / settings["image_std"]
    assert pixels.mean(dim=(0, 2, 3)).tolist() == pytest.approx(expected.tolist(), abs=1e-3)


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280)], ids=["wide", "tall"])
def test_masks_have_the_size_of_the_frame(tracker: SamTracker, size: tuple[int, int]) -> None:
    width, height = size
    clip = dog(width, height, 2)
    session = tracker.open(2, height, width)
    session.show(0, clip.frames[0])
    first = session.add(1, np.array([100.0, 100.0, 400.0, 300.0]))
    session.show(1, clip.frames[1])
    assert first.shape == session.follow()[1].shape == (height, width)
