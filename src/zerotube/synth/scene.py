"""What is in a clip and what it does, before anything is drawn.

Units: lengths and positions are in sides: 1 is the shorter side of the frame, x runs from 0 to the
frame's width in sides, y from 0 to its height. Time ``u`` runs from 0 (first frame) to 1 (last).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zerotube.synth.backdrops import Backdrop
from zerotube.synth.words import DIRECTIONS, STILL

RGB = tuple[float, float, float]

FAINT = 0.1
"""Opacity of a blinking object in its dark phases."""


@dataclass(frozen=True)
class Act:
    """One action of one object.

    Attributes:
        action: one of `zerotube.synth.words.ACTIONS`.
        start: time at which it begins, 0..1.
        end: time at which it is complete, start..1.
        amount: how much of it in all. Moves: sides. Grows and shrinks: factor of the size. Spins:
            radians, positive is clockwise. Bounces and blinks: how many times. Circles: turns,
            positive is clockwise. The other actions do not read it.
        reach: height of a bounce or radius of a circle, in sides.
        phase: where on its circle a circling object begins, radians.
    """

    action: str
    start: float
    end: float
    amount: float = 0.0
    reach: float = 0.0
    phase: float = 0.0


@dataclass(frozen=True)
class Actor:
    """One object and everything it does.

    Attributes:
        colour: key of `COLOURS`, the colour it has at u = 0.
        shape: one of `SHAPES`.
        texture: one of `TEXTURES`.
        rgb: the colour drawn, a small variation of the named one, 0..255.
        x, y: centre at u = 0, sides.
        size: diameter of the circumscribed circle at u = 0, sides.
        angle: rotation at u = 0, radians.
        acts: what it does, in order of time and one at a time; empty if it stays still.
        new_colour: the colour it has changed to in the end, if it changes colour.
        new_rgb: the same as drawn.
    """

    colour: str
    shape: str
    texture: str
    rgb: RGB
    x: float
    y: float
    size: float
    angle: float = 0.0
    acts: tuple[Act, ...] = ()
    new_colour: str | None = None
    new_rgb: RGB | None = None

    @property
    def label(self) -> str:
        """For example "red square"."""
        return f"{self.colour} {self.shape}"

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions performed, or ("stays still",)."""
        return tuple(act.action for act in self.acts) or (STILL,)

    def states(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """How the object is at some times.

        Args:
            times: float64 (T,), 0..1.

        Returns:
            float64 (T, 6): centre x, centre y and size in sides, angle in radians, opacity 0..1,
            and the share of the new colour, 0..1.
        """
        out = np.empty((len(times), 6))
        out[:] = (self.x, self.y, self.size, self.angle, 1.0, 0.0)
        for act in self.acts:
            done = np.clip((times - act.start) / max(act.end - act.start, 1e-9), 0.0, 1.0)
            during = (times >= act.start) & (times <= act.end)
            _perform(act, out, done, during)
        return out


def _perform(
    act: Act, out: NDArray[np.float64], done: NDArray[np.float64], during: NDArray[np.bool_]
) -> None:
    """Apply one act to the states, in place."""
    if act.action in DIRECTIONS:
        dx, dy = DIRECTIONS[act.action]
        out[:, 0] += dx * act.amount * done
        out[:, 1] += dy * act.amount * done
    elif act.action in ("grows", "shrinks"):
        out[:, 2] *= 1.0 + (act.amount - 1.0) * done
    elif act.action == "spins":
        out[:, 3] += act.amount * done
    elif act.action == "bounces":
        out[:, 1] -= act.reach * np.abs(np.sin(np.pi * act.amount * done))
    elif act.action == "circles":
        turn = act.phase + 2.0 * np.pi * act.amount * done
        out[:, 0] += act.reach * (np.cos(turn) - np.cos(act.phase))
        out[:, 1] += act.reach * (np.sin(turn) - np.sin(act.phase))
    elif act.action == "blinks":
        dark = during & (np.mod(act.amount * done, 1.0) >= 0.5)
        out[:, 4] = np.where(dark, FAINT, out[:, 4])
    elif act.action == "changes color":
        out[:, 5] = np.maximum(out[:, 5], done)
    elif act.action == "appears":
        out[:, 4] *= done
    elif act.action == "disappears":
        out[:, 4] *= 1.0 - done
    else:
        raise ValueError(f"action {act.action!r}")


@dataclass(frozen=True, eq=False)
class Occluder:
    """An upright rectangle that lies over everything.

    Attributes:
        rgb: a grey, 0..255.
        centres: float64 (frames, 2), x and y, sides; may lie outside the frame.
        width, height: sides.
    """

    rgb: tuple[float, float, float]
    centres: NDArray[np.float64]
    width: float
    height: float


@dataclass(frozen=True, eq=False)
class Take:
    """Everything that decides the pixels of a clip.

    Attributes:
        actors: the objects; later ones are drawn over earlier ones.
        backdrop: what lies behind them.
        times: float64 (T,), the time of every frame, 0..1.
        width, height: of the frame, in sides; the smaller of the two is 1.
        shifts: where the camera looks, float64 (T, 2), x and y, sides by which everything is
            displaced in the frame.
        occluder: what lies before them, or None; its centres are sides, one per frame.
        shading: how much darker than their named colour objects get towards their lower right rim,
            0..1.
        blur: standard deviation of the lens blur, sides.
        noise: standard deviation of the sensor noise, grey levels, fresh in every frame.
        seed: of that noise.
    """

    actors: tuple[Actor, ...]
    backdrop: Backdrop
    times: NDArray[np.float64]
    width: float
    height: float
    shifts: NDArray[np.float64]
    occluder: Occluder | None = None
    shading: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    seed: int = 0
