"""Toy detectors and trackers: real classes at microscopic size, written with save_pretrained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

# Grounding DINO splits its text at these ids of BERT's own vocabulary, so a toy has to keep them.
_BERT_IDS = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012}
_WORDS = ("person", "square", "dog", "red", "ball", "a", "photo", "of")


def _bert_tokenizer() -> Any:
    from transformers import BertTokenizerFast

    vocabulary = {f"[unused{place}]": place for place in range(1030)}
    taken = {place: word for word, place in _BERT_IDS.items()} | {1029: "?"}
    vocabulary = {taken.get(place, word): place for word, place in vocabulary.items()}
    for word in _WORDS:
        vocabulary[word] = len(vocabulary)
    for letter in "abcdefghijklmnopqrstuvwxyz":
        vocabulary.setdefault(letter, len(vocabulary))
        vocabulary[f"##{letter}"] = len(vocabulary)
    return BertTokenizerFast(vocab=vocabulary)


def _clip_tokenizer(folder: Path) -> Any:
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizerFast

    letters = sorted(ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizerFast(vocab={token: place for place, token in enumerate(tokens)}, merges=[])


def write_grounding_dino(
    folder: Path, *, family: str = "GroundingDino", seed: int = 0, side: int = 64
) -> Path:
    """A Grounding DINO (family "GroundingDino") or an MM-Grounding-DINO ("MMGroundingDino").

    ``side`` is the shorter one of the pictures it sees, in pixels; square ones need 128.
    """
    import transformers
    from transformers import (
        BertConfig,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        SwinConfig,
    )

    torch.manual_seed(seed)
    tokenizer = _bert_tokenizer()
    config = getattr(transformers, f"{family}Config")(
        backbone_config=SwinConfig(
            embed_dim=8,
            depths=[1, 1, 1, 1],
            num_heads=[1, 1, 2, 2],
            window_size=4,
            image_size=64,
            out_features=["stage2", "stage3", "stage4"],
        ),
        text_config=BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
        ),
        d_model=32,  # its group norm has 32 groups
        num_queries=12,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_n_points=2,
        decoder_n_points=2,
        disable_custom_kernels=True,
    )
    model = getattr(transformers, f"{family}ForObjectDetection")(config)
    model.save_pretrained(folder)
    GroundingDinoProcessor(
        GroundingDinoImageProcessor(size={"shortest_edge": side, "longest_edge": side * 3 // 2}),
        tokenizer,
    ).save_pretrained(folder)
    return folder


def write_owlv2(folder: Path, *, seed: int = 0) -> Path:
    """An OWLv2 of 4 x 4 patches."""
    from transformers import (
        Owlv2Config,
        Owlv2ForObjectDetection,
        Owlv2ImageProcessor,
        Owlv2Processor,
    )

    torch.manual_seed(seed)
    tokenizer = _clip_tokenizer(folder)
    config = Owlv2Config(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
        },
        vision_config={
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 64,
            "patch_size": 16,
        },
        projection_dim=16,
    )
    Owlv2ForObjectDetection(config).save_pretrained(folder)
    Owlv2Processor(
        Owlv2ImageProcessor(size={"height": 64, "width": 64}), tokenizer
    ).save_pretrained(folder)
    return folder


WIDTH, MEMORY_WIDTH = 128, 64
"""Of the trackers. Their memory is read through projections of 64 channels, which no config sets,
and object pointers are cut into pieces of that width, of which there have to be several."""

_MASK_DECODER = {
    "hidden_size": WIDTH,
    "mlp_dim": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "iou_head_depth": 2,
    "iou_head_hidden_dim": 16,
}
_MEMORY = {
    "memory_attention_hidden_size": WIDTH,
    "memory_attention_num_layers": 1,
    "memory_encoder_hidden_size": WIDTH,
    "memory_encoder_output_channels": MEMORY_WIDTH,
    "mask_downsampler_embed_dim": WIDTH,
    "memory_fuser_embed_dim": WIDTH,
    "memory_fuser_intermediate_dim": 32,
    "memory_fuser_num_layers": 1,
    "num_maskmem": 3,
    "max_object_pointers_in_encoder": 5,
}


def _always_present(model: torch.nn.Module) -> None:
    """Random weights say "absent" half of the time; make the object score say "present"."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "pred_obj_score_head.proj_out" in name:
                parameter.fill_(0.0 if name.endswith("weight") else 4.0)


def _spread(model: torch.nn.Module, seed: int) -> None:
    """Weights large enough that picture and prompt show in the masks."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                fan_in = parameter[0].numel()
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.copy_(noise * (1.5 / fan_in**0.5))
            elif parameter.ndim == 1:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.add_(0.1 * noise)


def _sam2_processor(size: int) -> Any:
    from transformers import Sam2ImageProcessor, Sam2VideoProcessor, Sam2VideoVideoProcessor

    square = {"height": size, "width": size}
    return Sam2VideoProcessor(
        Sam2ImageProcessor(size=square, mask_size={"height": size // 4, "width": size // 4}),
        Sam2VideoVideoProcessor(size=square),
    )


def write_sam2(folder: Path, *, seed: int = 0) -> Path:
    """A SAM 2 video model on 64 x 64 pictures."""
    from transformers import Sam2VideoConfig, Sam2VideoModel

    torch.manual_seed(seed)
    config = Sam2VideoConfig(
        vision_config={
            "model_type": "sam2_vision_model",
            "backbone_config": {
                "model_type": "sam2_hiera_det_model",
                "hidden_size": 8,
                "image_size": [64, 64],
                "embed_dim_per_stage": [8, 16, 32, 64],
                "num_attention_heads_per_stage": [1, 1, 2, 2],
                "blocks_per_stage": [1, 1, 2, 1],
                "window_size_per_stage": [4, 2, 2, 2],
                "global_attention_blocks": [3],
            },
            "backbone_channel_list": [64, 32, 16, 8],
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
            "fpn_hidden_size": WIDTH,
        },
        prompt_encoder_config={
            "hidden_size": WIDTH,
            "image_size": 64,
            "patch_size": 16,
            "mask_input_channels": 4,
        },
        mask_decoder_config=_MASK_DECODER,
        image_size=64,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_rope_feat_sizes=[4, 4],
        **_MEMORY,
    )
    model = Sam2VideoModel(config)
    _spread(model, seed)
    _always_present(model)
    model.save_pretrained(folder)
    _sam2_processor(64).save_pretrained(folder)
    return folder


def write_edgetam(folder: Path, *, seed: int = 0) -> Path:
    """An EdgeTAM video model on 128 x 128 pictures, its timm backbone cut to the bone."""
    from transformers import EdgeTamVideoConfig, EdgeTamVideoModel

    torch.manual_seed(seed)
    config = EdgeTamVideoConfig(
        vision_config={
            "model_type": "edgetam_vision_model",
            "backbone_config": {
                "model_type": "timm_wrapper",
                "architecture": "repvit_m1",
                "num_classes": 1,
                "model_args": {
                    "in_chans": 3,
                    "features_only": True,
                    "out_indices": [0, 1, 2, 3],
                    "embed_dim": [8, 8, 16, 16],
                    "depth": [1, 1, 1, 1],
                },
            },
            "backbone_channel_list": [16, 16, 8, 8],
            "backbone_feature_sizes": [[32, 32], [16, 16], [8, 8]],
            "fpn_hidden_size": WIDTH,
        },
        prompt_encoder_config={
            "hidden_size": WIDTH,
            "image_size": 128,
            "patch_size": 16,
            "mask_input_channels": 4,
        },
        mask_decoder_config=_MASK_DECODER,
        image_size=128,
        memory_attention_mlp_hidden_size=32,
        memory_attention_rope_feat_sizes=[8, 8],
        memory_attention_rope_k_sizes=[2, 2],
        perceiver_resampler_num_latents=4,
        perceiver_resampler_num_latents_2d=4,
        perceiver_resampler_hidden_size=MEMORY_WIDTH,
        perceiver_resampler_attention_head_dim=MEMORY_WIDTH,
        perceiver_resampler_mlp_intermediate_size=16,
        perceiver_resampler_num_layers=1,
        **_MEMORY,
    )
    model = EdgeTamVideoModel(config)
    _spread(model, seed)
    _always_present(model)
    model.save_pretrained(folder)
    _sam2_processor(128).save_pretrained(folder)
    return folder


def write_sam3(folder: Path, *, seed: int = 0) -> Path:
    """A SAM 3 video model on 56 x 56 pictures."""
    from transformers import (
        Sam2VideoVideoProcessor,
        Sam3ImageProcessor,
        Sam3VideoConfig,
        Sam3VideoModel,
        Sam3VideoProcessor,
    )

    torch.manual_seed(seed)
    tokenizer = _clip_tokenizer(folder)
    vision = {
        "model_type": "sam3_vision_model",
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 56,
            "pretrain_image_size": 56,
            "patch_size": 14,
            "window_size": 2,
            "global_attn_indexes": [1],
        },
        "fpn_hidden_size": WIDTH,
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
    }
    layers = {
        "hidden_size": WIDTH,
        "num_layers": 1,
        "num_attention_heads": 4,
        "intermediate_size": 32,
    }
    config = Sam3VideoConfig(
        detector_config={
            "model_type": "sam3",
            "vision_config": vision,
            "text_config": {
                "model_type": "clip_text_model",
                "vocab_size": len(tokenizer),
                "hidden_size": 32,
                "intermediate_size": 32,
                "projection_dim": 16,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "max_position_embeddings": 32,
                "bos_token_id": tokenizer.bos_token_id,
                "eos_token_id": tokenizer.eos_token_id,
            },
            "geometry_encoder_config": layers,
            "detr_encoder_config": layers,
            "detr_decoder_config": {**layers, "num_queries": 6},
            "mask_decoder_config": {"hidden_size": WIDTH, "num_attention_heads": 4},
        },
        tracker_config={
            "model_type": "sam3_tracker_video",
            "vision_config": vision,
            "prompt_encoder_config": {
                "hidden_size": WIDTH,
                "image_size": 56,
                "patch_size": 14,
                "mask_input_channels": 4,
            },
            "mask_decoder_config": _MASK_DECODER,
            "image_size": 56,
            "memory_attention_feed_forward_hidden_size": 32,
            "memory_attention_rope_feat_sizes": [4, 4],
            **_MEMORY,
        },
        low_res_mask_size=16,
        recondition_every_nth_frame=4,
        high_conf_thresh=0.0,
        high_iou_thresh=0.0,
        hotstart_delay=4,
        hotstart_unmatch_thresh=3,
        hotstart_dup_thresh=3,
        fill_hole_area=0,
    )
    model = Sam3VideoModel(config)
    _spread(model, seed)
    _always_present(model)
    model.save_pretrained(folder)
    square = {"height": 56, "width": 56}
    Sam3VideoProcessor(
        Sam3ImageProcessor(size=square, mask_size={"height": 16, "width": 16}),
        Sam2VideoVideoProcessor(size=square),
        tokenizer,
    ).save_pretrained(folder)
    return folder
