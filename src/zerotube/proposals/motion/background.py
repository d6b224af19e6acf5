"""What the picture looks like without its objects, learnt from a few frames spread over the video.

Two models. On a *plain* scene (one colour or a smooth gradient fills most of the picture) the
background is a quadratic surface per colour channel, fitted robustly, so objects stand out even
if they never move. On a *cluttered* scene it is the median over time, which only shows what moves:
OpenCV's subtractors (MOG2, KNN), tried in its place, lost a ball and a woman of real test clips.

Colours are CIE Lab on its natural scale (L 0..100), float32: one unit is about one just noticeable
difference, whatever the hue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zerotube.errors import VideoError
from zerotube.proposals.colour import to_lab

if TYPE_CHECKING:
    from zerotube.video.base import Video

_PLAIN_TOLERANCE = 6.0
"""Lab units a pixel may lie from the fitted surface and still belong to it."""

_PLAIN_SHARE = 0.5
"""Share of such pixels that makes a scene plain: four objects as wide as a third of the picture
each leave 0.56 of it bare."""

_MOTION_LIGHTNESS = 0.6
"""Weight of lightness when looking for motion: a shadow changes lightness more than colour."""


@dataclass(frozen=True, eq=False)
class Background:
    """The picture without its objects, at the working resolution.

    Attributes:
        lab: float32 ``(h, w, 3)``.
        threshold: float32 ``(h, w)``; a pixel further than this from ``lab`` is foreground.
        plain: whether the scene is plain (see the module's text).
        edges: float32 ``(h, w)``, strength of lightness edges in ``lab``; tells an object from the
            hole that it left in the model.
    """

    lab: NDArray[np.float32]
    threshold: NDArray[np.float32]
    plain: bool
    edges: NDArray[np.float32]

    def distance(self, lab: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far each pixel of a frame is from the background, float32 ``(h, w)``, Lab units."""
        import cv2

        delta = lab - self.lab
        lightness = 1.0 if self.plain else _MOTION_LIGHTNESS**2
        squares = cv2.transform(delta * delta, np.array([[lightness, 1.0, 1.0]], np.float32))
        return np.asarray(cv2.sqrt(squares), dtype=np.float32)


def working_size(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Width and height after shrinking the longer side to ``long_side`` (never enlarging)."""
    scale = min(1.0, long_side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def shrink(image: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """Area-averaged copy of an RGB image, uint8 ``(h, w, 3)``."""
    import cv2

    if (image.shape[1], image.shape[0]) == size_wh:
        return image
    return np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def edge_strength(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gradient magnitude of the lightness, float32 ``(h, w)``."""
    import cv2

    lightness = np.ascontiguousarray(lab[..., 0])
    across = cv2.Sobel(lightness, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(lightness, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down), dtype=np.float32)


def sample_frames(video: Video, count: int, size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """Frames spread evenly over the video, shrunk as they come.

    Returns:
        uint8 ``(n, h, w, 3)``, ``1 <= n <= count``.

    Raises:
        VideoError: if none of them decodes.
    """
    stride = max(1, -(-video.info.frame_count // count))
    small = [shrink(frame.image, size_wh) for frame in video.stream(stride=stride)]
    if not small:
        raise VideoError(
            f"{video.info.path!r}, of which none of the sampled frames decodes",
            wanted="a readable video",
            fix="re-encode or replace the file",
        )
    return np.stack(small)


def build_background(samples: NDArray[np.uint8]) -> Background:
    """Model of the background.

    Args:
        samples: uint8 ``(n, h, w, 3)`` RGB, frames spread over the video, n >= 1.

    Returns:
        The plain model if it explains most of the picture, else the median model.
    """
    middle = np.median(samples, axis=0).astype(np.uint8)
    lab = to_lab(middle)
    surface = fit_surface(lab)
    off = np.linalg.norm(lab - surface, axis=2)
    bare = off < _PLAIN_TOLERANCE
    if bare.mean() >= _PLAIN_SHARE:
        # Spread of the frames, not of their median: grain and compression noise average out there.
        frame = to_lab(samples[len(samples) // 2])
        spread = np.median(np.linalg.norm(frame - surface, axis=2)[bare])
        level = float(np.clip(4.0 * spread, 8.0, 20.0))
        threshold = np.full(lab.shape[:2], level, dtype=np.float32)
        return Background(surface, threshold, True, edge_strength(surface))
    # Median absolute deviation over time, per pixel: leaves and water get a higher threshold.
    some = samples[:: max(1, len(samples) // 16)]
    deviations = np.stack([np.linalg.norm(to_lab(frame) - lab, axis=2) for frame in some])
    threshold = np.clip(6.0 + 3.0 * np.median(deviations, axis=0), 8.0, 40.0)
    return Background(lab, threshold.astype(np.float32), False, edge_strength(lab))


def fit_surface(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """The smooth surface that most pixels lie on.

    Iteratively re-weighted least squares: first with weights 1/distance (the L1 fit, which objects
    on a minority of the pixels cannot pull away), then with only the pixels that lie near.

    Args:
        lab: float32 ``(h, w, 3)``.

    Returns:
        float32 ``(h, w, 3)``, quadratic in x and y in each channel.
    """
    height, width = lab.shape[:2]
    ys, xs = np.meshgrid(
        np.linspace(-1.0, 1.0, height), np.linspace(-1.0, 1.0, width), indexing="ij"
    )
    basis = np.stack([np.ones_like(xs), xs, ys, xs * ys, xs * xs, ys * ys], axis=-1)
    basis = basis.reshape(-1, 6)
    pixels = lab.reshape(-1, 3).astype(np.float64)
    step = max(1, len(pixels) // 12_000)
    some_basis, some_pixels = basis[::step], pixels[::step]
    centre = np.median(some_pixels, axis=0)
    weights = 1.0 / np.maximum(np.linalg.norm(some_pixels - centre, axis=1), 2.0)
    coefficients = np.zeros((6, 3))
    for tolerance in (*(None,) * 12, 15.0, 10.0, 8.0, 8.0):
        # A faint pull to zero keeps pictures of a few pixels solvable.
        weighted = some_basis * weights[:, None]
        normal = some_basis.T @ weighted + 1e-6 * np.eye(6)
        coefficients = np.linalg.solve(normal, weighted.T @ some_pixels)
        off = np.linalg.norm(some_pixels - some_basis @ coefficients, axis=1)
        weights = 1.0 / np.maximum(off, 1.0) if tolerance is None else (off < tolerance) + 1e-6
    return (basis @ coefficients).reshape(lab.shape).astype(np.float32)
