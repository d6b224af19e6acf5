"""LLaVA-NeXT: one image at two resolutions; the cells are those of the finer one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from zerotube.errors import ModelError
from zerotube.mllm.families.base import Encoded
from zerotube.mllm.families.image import ImageFamily
from zerotube.mllm.types import TokenLayout


class LlavaNext(ImageFamily):
    """``LlavaNextForConditionalGeneration``.

    The features are the whole picture squeezed to one square tile (24 x 24), then the same picture
    unsqueezed on a mosaic of tiles, its padding cut away, one newline after every row. The mosaic
    is the grid of cells: it is finer, keeps the picture's shape, and a map has one value per place,
    so the two resolutions cannot both be in it. The coarse features stay in the sequence, where the
    visual prompt reaches them like all others.
    """

    architectures = ("LlavaNextForConditionalGeneration",)

    def encode(self, model: Any, inputs: dict[str, Any]) -> Any:
        return model.get_image_features(
            inputs["pixel_values"].to(model.device, model.dtype),
            inputs["image_sizes"],
            return_dict=True,
        )

    def shown_size(self, processor: Any, inputs: dict[str, Any]) -> None:
        return None  # a picture is seen whole and in tiles

    def layout(self, model: Any, encoded: Encoded) -> TokenLayout:
        tiles = self.tiles(model, encoded)
        return TokenLayout(
            tiles.fine[None],
            encoded.feature_count,
            np.arange(len(encoded.clip)),
            view_xyxy=tiles.view_xyxy,
        )

    def tiles(self, model: Any, encoded: Encoded) -> TileRows:
        """Where the two resolutions of the picture are in the sequence.

        Raises:
            ModelError: if the model packs another number of features than it made.
        """
        height, width = encoded.inputs["image_sizes"][0].tolist()
        tiles = tile_rows(model, height, width)
        if tiles.count != encoded.feature_count:
            raise ModelError(
                f"{encoded.feature_count} visual features",
                wanted=f"{tiles.count} for a picture of {width}x{height} pixels",
                fix="this vision tower is not laid out as its adapter says; please report it",
            )
        return tiles


@dataclass(frozen=True, eq=False)
class TileRows:
    """Rows of a picture at any resolution.

    Attributes:
        coarse: int64 ``(side, side)``, the squeezed whole picture.
        fine: int64 ``(h, w)``, the mosaic without its padding.
        view_xyxy: part of the picture that ``fine`` covers, as fractions; ``coarse`` covers all.
        count: rows in all, newlines included.
    """

    coarse: NDArray[np.int64]
    fine: NDArray[np.int64]
    view_xyxy: tuple[float, float, float, float]
    count: int


def tile_rows(model: Any, height: int, width: int) -> TileRows:
    """Derive the rows by letting the model pack numbered features.

    Args:
        model: a LLaVA-NeXT.
        height, width: of the picture in pixels.
    """
    from transformers.image_processing_utils import get_patch_output_size
    from transformers.image_utils import ChannelDimension
    from transformers.models.llava_next.modeling_llava_next import get_anyres_image_grid_shape

    tile = model.config.vision_config.image_size
    side = tile // model.config.vision_config.patch_size
    high, wide = get_anyres_image_grid_shape(
        (height, width), model.config.image_grid_pinpoints, tile
    )
    patches = side * side
    # float64 holds these numbers exactly; newlines are -1.
    numbered = torch.arange((1 + high * wide) * patches, dtype=torch.float64)
    packed, _ = model.pack_image_features(
        [numbered.reshape(1 + high * wide, patches, 1)],
        [[height, width]],
        vision_feature_select_strategy=model.config.vision_feature_select_strategy,
        image_newline=torch.tensor([-1.0], dtype=torch.float64),
    )
    source = packed[0][:, 0].long().numpy()
    rows = np.arange(len(source), dtype=np.int64)

    coarse = np.full(patches, -1, dtype=np.int64)
    whole = (source >= 0) & (source < patches)
    coarse[source[whole]] = rows[whole]
    mosaic = np.full((high * side, wide * side), -1, dtype=np.int64)
    tiled = source >= patches
    number, inside = np.divmod(source[tiled] - patches, patches)
    mosaic[number // wide * side + inside // side, number % wide * side + inside % side] = rows[
        tiled
    ]
    shown = mosaic >= 0
    ys, xs = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    fine = mosaic[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]

    # The processor scales the picture into the mosaic and centres it; whole rows of padding go.
    target = (high * tile, wide * tile)
    picture = np.broadcast_to(np.uint8(0), (3, height, width))
    scaled = get_patch_output_size(picture, target, ChannelDimension.FIRST)
    pitch = tile / side
    spans = [
        (
            (first * pitch - (whole_px - scaled_px) // 2) / scaled_px,
            ((first + count) * pitch - (whole_px - scaled_px) // 2) / scaled_px,
        )
        for first, count, whole_px, scaled_px in zip(
            (ys[0], xs[0]), fine.shape, target, scaled, strict=True
        )
    ]
    (top, bottom), (left, right) = spans
    view = (float(left), float(top), float(right), float(bottom))
    return TileRows(coarse.reshape(side, side), fine, view, len(source))
