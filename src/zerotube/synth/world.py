"""The synthetic world: coloured shapes that rest, move, grow and shrink on a plain background.

A `Scene` is a pure description in normalised units; `render` draws it at any resolution and
`boxes` says where every object is, so pictures and true tubes come from the same numbers.

Units: positions are fractions of the frame's width (x) and height (y), sizes are fractions of
its shorter side, time `u` runs from 0 (first frame) to 1 (last frame).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zerotube.synth.shapes import RING_WIDTH, polygon, rotate

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 40, 40),
    "green": (50, 168, 70),
    "blue": (45, 98, 220),
    "yellow": (240, 212, 48),
    "purple": (146, 62, 190),
    "orange": (244, 138, 34),
}
"""Colour word -> RGB, 0..255."""

SHAPES: tuple[str, ...] = ("circle", "square", "triangle", "ring", "star")
"""Shape words."""

ACTIONS: tuple[str, ...] = (
    "moves left",
    "moves right",
    "moves up",
    "moves down",
    "grows",
    "shrinks",
)
"""What an object can do; an object that does nothing "stays still"."""

STILL = "stays still"
"""The phrase for an object without an action."""

DIRECTIONS = {
    "moves left": (-1.0, 0.0),
    "moves right": (1.0, 0.0),
    "moves up": (0.0, -1.0),
    "moves down": (0.0, 1.0),
}
"""Unit step of each movement: x to the right, y down."""


@dataclass(frozen=True)
class Motion:
    """One action of one object.

    Attributes:
        action: one of `ACTIONS`.
        start: time at which it begins, 0..1.
        end: time at which it is complete, start..1.
        amount: displacement as a fraction of the frame, or the factor of growth
            (grows: > 1, shrinks: < 1).
    """

    action: str
    start: float
    end: float
    amount: float


@dataclass(frozen=True)
class SceneObject:
    """One shape and everything it does.

    Attributes:
        colour: key of `COLOURS`.
        shape: one of `SHAPES`.
        rgb: the colour drawn, a small variation of the named one, 0..255.
        x: centre at u = 0, fraction of the width.
        y: centre at u = 0, fraction of the height.
        size: diameter of the circumscribed circle at u = 0, fraction of the shorter side.
        angle: rotation in radians.
        motions: what it does, in order of time; empty if it stays still.
    """

    colour: str
    shape: str
    rgb: tuple[float, float, float]
    x: float
    y: float
    size: float
    angle: float = 0.0
    motions: tuple[Motion, ...] = ()

    @property
    def label(self) -> str:
        """For example "red square"."""
        return f"{self.colour} {self.shape}"

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions performed, or ("stays still",)."""
        return tuple(motion.action for motion in self.motions) or (STILL,)

    def pose(self, u: float) -> tuple[float, float, float]:
        """Centre x, centre y and size at time `u`."""
        x, y, size = self.x, self.y, self.size
        for motion in self.motions:
            done = (u - motion.start) / max(motion.end - motion.start, 1e-9)
            done = min(max(done, 0.0), 1.0)
            if motion.action in DIRECTIONS:
                dx, dy = DIRECTIONS[motion.action]
                x += dx * motion.amount * done
                y += dy * motion.amount * done
            else:
                size *= 1.0 + (motion.amount - 1.0) * done
        return x, y, size


@dataclass(frozen=True)
class Background:
    """What lies behind the objects.

    Attributes:
        kind: uniform colour, or a linear gradient between the two colours.
        first: RGB 0..255.
        second: RGB 0..255, the far end of the gradient.
        direction: angle of the gradient in radians.
        grain: standard deviation of a fixed fine texture, grey levels.
        seed: seed of that texture.
    """

    kind: Literal["uniform", "gradient"]
    first: tuple[float, float, float]
    second: tuple[float, float, float]
    direction: float = 0.0
    grain: float = 0.0
    seed: int = 0

    def draw(self, height: int, width: int) -> NDArray[np.float32]:
        """The empty frame, float32 (height, width, 3), 0..255."""
        frame = np.empty((height, width, 3), dtype=np.float32)
        frame[:] = self.first
        if self.kind == "gradient":
            ys = (np.arange(height, dtype=np.float32) + 0.5)[:, None] / height - 0.5
            xs = (np.arange(width, dtype=np.float32) + 0.5)[None, :] / width - 0.5
            ramp = xs * np.cos(self.direction) + ys * np.sin(self.direction)
            ramp = np.clip(ramp / 1.42 + 0.5, 0.0, 1.0).astype(np.float32)
            step = np.asarray(self.second, np.float32) - np.asarray(self.first, np.float32)
            frame += ramp[..., None] * step
        if self.grain > 0:
            rng = np.random.default_rng(self.seed)
            frame += self.grain * rng.standard_normal((height, width, 1), dtype=np.float32)
        return frame


@dataclass(frozen=True)
class Scene:
    """Objects on a background; later objects are drawn over earlier ones."""

    objects: tuple[SceneObject, ...]
    background: Background = field(
        default_factory=lambda: Background("uniform", (128, 128, 128), (128, 128, 128))
    )


def coverage(
    shape: str, angle: float, centre: tuple[float, float], radius: float, height: int, width: int
) -> tuple[slice, slice, NDArray[np.float32]] | None:
    """Rows, columns and anti-aliased coverage (0..1) of one shape in pixels; None: outside."""
    cx, cy = centre
    x0, x1 = max(int(cx - radius - 1), 0), min(int(cx + radius + 2), width)
    y0, y1 = max(int(cy - radius - 1), 0), min(int(cy + radius + 2), height)
    if x0 >= x1 or y0 >= y1:
        return None
    px = (np.arange(x0, x1, dtype=np.float32) + 0.5 - cx)[None, :]
    py = (np.arange(y0, y1, dtype=np.float32) + 0.5 - cy)[:, None]
    vertices = polygon(shape)
    if vertices is None:
        distance = np.sqrt(px * px + py * py) - radius
        if shape == "ring":
            distance = np.maximum(distance, -distance - RING_WIDTH * radius)
    else:
        distance = _polygon_distance(px, py, rotate(vertices, angle) * radius)
    alpha = np.clip(0.5 - distance, 0.0, 1.0).astype(np.float32)
    return slice(y0, y1), slice(x0, x1), alpha


def _polygon_distance(
    px: NDArray[np.float32], py: NDArray[np.float32], vertices: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Signed distance in pixels (negative inside) from each pixel centre to a polygon."""
    best = np.full(np.broadcast_shapes(px.shape, py.shape), np.inf, dtype=np.float32)
    inside = np.zeros(best.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
        ex, ey = np.float32(bx - ax), np.float32(by - ay)
        wx, wy = px - np.float32(ax), py - np.float32(ay)
        along = np.clip((wx * ex + wy * ey) / (ex * ex + ey * ey), 0.0, 1.0)
        best = np.minimum(best, (wx - along * ex) ** 2 + (wy - along * ey) ** 2)
        crosses = (py >= ay) != (py >= by)
        left = (wx * ey < wy * ex) if ey > 0 else (wx * ey > wy * ex)
        inside ^= crosses & left
    return np.where(inside, -1.0, 1.0).astype(np.float32) * np.sqrt(best)


def render(
    scene: Scene,
    u: float,
    height: int,
    width: int,
    backdrop: NDArray[np.float32] | None = None,
) -> NDArray[np.uint8]:
    """Draw the scene at time `u`.

    Args:
        scene: what to draw.
        u: time, 0..1.
        height: pixels.
        width: pixels.
        backdrop: `scene.background.draw(height, width)`, if the caller has it already.

    Returns:
        RGB frame, uint8 (height, width, 3).
    """
    frame = (scene.background.draw(height, width) if backdrop is None else backdrop).copy()
    side = min(height, width)
    for item in scene.objects:
        x, y, size = item.pose(u)
        centre, radius = (x * width, y * height), 0.5 * size * side
        part = coverage(item.shape, item.angle, centre, radius, height, width)
        if part is None:
            continue
        rows, cols, alpha = part
        view = frame[rows, cols]
        view += alpha[..., None] * (np.asarray(item.rgb, np.float32) - view)
    return np.clip(np.rint(frame), 0, 255).astype(np.uint8)


def extent(shape: str, angle: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and greatest (x, y) of a shape whose circumscribed circle has radius 1."""
    vertices = polygon(shape)
    rim = np.array([[-1.0, -1.0], [1.0, 1.0]]) if vertices is None else rotate(vertices, angle)
    return rim.min(axis=0), rim.max(axis=0)


def boxes(scene: Scene, u: float, height: int, width: int) -> NDArray[np.float32]:
    """The tight box of every object at time `u`.

    Returns:
        float32 (objects, 4): x1, y1, x2, y2 in pixels, clipped to the frame.
    """
    side = min(height, width)
    out = np.empty((len(scene.objects), 4), dtype=np.float32)
    for row, item in zip(out, scene.objects, strict=True):
        x, y, size = item.pose(u)
        radius = 0.5 * size * side
        low, high = extent(item.shape, item.angle)
        row[:2] = np.array([x * width, y * height]) + low * radius
        row[2:] = np.array([x * width, y * height]) + high * radius
    out[:, 0::2] = out[:, 0::2].clip(0, width)
    out[:, 1::2] = out[:, 1::2].clip(0, height)
    return out


def separated(objects: Sequence[SceneObject], gap: float = 0.97, steps: int = 16) -> bool:
    """Whether no two objects come closer than `gap` times touching, at any time."""
    if len(objects) < 2:
        return True
    poses = np.array(
        [[item.pose(u) for u in np.linspace(0.0, 1.0, steps)] for item in objects]
    )  # (P, steps, 3)
    for first in range(len(objects)):
        for second in range(first + 1, len(objects)):
            delta = poses[first, :, :2] - poses[second, :, :2]
            limit = 0.5 * gap * (poses[first, :, 2] + poses[second, :, 2])
            if bool((np.hypot(delta[:, 0], delta[:, 1]) < limit).any()):
                return False
    return True


def inside(item: SceneObject, margin: float = 0.01) -> bool:
    """Whether the object stays inside the frame all the time (square frames assumed)."""
    for u in (0.0, *(motion.end for motion in item.motions)):
        x, y, size = item.pose(u)
        reach = 0.5 * size + margin
        if not (reach <= x <= 1.0 - reach and reach <= y <= 1.0 - reach):
            return False
    return True


def random_background(rng: np.random.Generator) -> Background:
    """A muted background: greys and soft tones, light or dark, plain or with a gradient."""

    def tone() -> tuple[float, float, float]:
        value = rng.uniform(25.0, 235.0)
        tint = rng.uniform(-1.0, 1.0, size=3) * rng.uniform(0.0, 14.0)
        red, green, blue = np.clip(value + tint, 0.0, 255.0)
        return float(red), float(green), float(blue)

    first = tone()
    gradient = bool(rng.random() < 0.5)
    shift = float(rng.uniform(-45.0, 45.0))
    second = tuple(float(np.clip(channel + shift, 0.0, 255.0)) for channel in first)
    return Background(
        kind="gradient" if gradient else "uniform",
        first=first,
        second=(second[0], second[1], second[2]),
        direction=float(rng.uniform(0.0, 2.0 * np.pi)),
        grain=float(rng.uniform(0.0, 5.0)) if rng.random() < 0.5 else 0.0,
        seed=int(rng.integers(2**31)),
    )


def random_rgb(colour: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """A small variation of a named colour, 0..255."""
    base = np.asarray(COLOURS[colour], dtype=np.float64)
    varied = np.clip(base * rng.uniform(0.92, 1.06) + rng.uniform(-10.0, 10.0, size=3), 0, 255)
    return float(varied[0]), float(varied[1]), float(varied[2])


def random_motion(action: str, start: float, end: float, rng: np.random.Generator) -> Motion:
    """A motion of visible extent: a quarter to half of the frame, or growth by 1.6 to 2."""
    if action == "grows":
        amount = float(rng.uniform(1.6, 2.0))
    elif action == "shrinks":
        amount = 1.0 / float(rng.uniform(1.6, 2.0))
    else:
        amount = float(rng.uniform(0.25, 0.5))
    return Motion(action, start, end, amount)


def random_size(actions: Sequence[str], rng: np.random.Generator) -> float:
    """A starting size that keeps the object between 16% and 36% of the frame's side."""
    if "grows" in actions:
        return float(rng.uniform(0.16, 0.18))
    if "shrinks" in actions:
        return float(rng.uniform(0.3, 0.34))
    return float(rng.uniform(0.18, 0.32))


def place(
    wanted: Sequence[tuple[str, str, tuple[Motion, ...]]],
    rng: np.random.Generator,
    background: Background | None = None,
    attempts: int = 60,
) -> Scene | None:
    """Put objects into a frame so that they stay inside and apart.

    Args:
        wanted: colour, shape and motions of each object.
        rng: source of sizes, places and shades.
        background: default random.
        attempts: tries per object before giving up.

    Returns:
        The scene, objects in the order asked for, or None if there was no room.
    """
    chosen: list[SceneObject] = []
    for colour, shape, motions in wanted:
        actions = [motion.action for motion in motions]
        for _ in range(attempts):
            item = SceneObject(
                colour=colour,
                shape=shape,
                rgb=random_rgb(colour, rng),
                x=float(rng.uniform(0.1, 0.9)),
                y=float(rng.uniform(0.1, 0.9)),
                size=random_size(actions, rng),
                angle=float(rng.uniform(-0.26, 0.26)),
                motions=motions,
            )
            if inside(item) and separated([*chosen, item]):
                chosen.append(item)
                break
        else:
            return None
    return Scene(tuple(chosen), background or random_background(rng))
