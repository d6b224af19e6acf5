from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from zerotube.errors import UsageError
from zerotube.synth import outlines
from zerotube.synth.backdrops import BACKGROUNDS, Backdrop, Bit
from zerotube.synth.outlines import boxes
from zerotube.synth.painting import _distance
from zerotube.synth.rendering import render
from zerotube.synth.scene import FAINT, Act, Actor, Occluder, Take
from zerotube.synth.words import ACTIONS, COLOURS, SHAPES, TEXTURES

GREY = Backdrop("uniform", (120.0, 120.0, 120.0), (160.0, 150.0, 140.0), 0.4, 0.3, 0.0, 5)
BITS = (
    Bit("circle", (60.0, 50.0, 40.0), 0.1, 0.2, 0.06, 0.0),
    Bit("triangle", (190.0, 180.0, 170.0), 0.12, 0.22, 0.06, 1.0),
    Bit("square", (90.0, 90.0, 80.0), 0.97, 0.8, 0.05, 0.5),
)


def actor(shape: str = "square", **changes: Any) -> Actor:
    facts: dict[str, Any] = {
        "colour": "red",
        "texture": "plain",
        "rgb": COLOURS["red"],
        "x": 0.5,
        "y": 0.5,
        "size": 0.4,
    }
    return Actor(shape=shape, **{**facts, **changes})


def take(*actors: Actor, frames: int = 4, **changes: Any) -> Take:
    facts: dict[str, Any] = {
        "backdrop": GREY,
        "times": np.linspace(0.0, 1.0, frames),
        "width": 1.0,
        "height": 1.0,
        "shifts": np.zeros((frames, 2)),
    }
    return Take(actors=actors, **{**facts, **changes})


def busy(seed: int, frames: int = 5) -> Take:
    """A take in which everything happens."""
    rng = np.random.default_rng(seed)
    actors = [
        actor(
            str(rng.choice(SHAPES)),
            texture=str(rng.choice(TEXTURES)),
            x=float(rng.uniform(0.1, 0.9)),
            y=float(rng.uniform(0.1, 0.9)),
            size=float(rng.uniform(0.1, 0.6)),
            angle=float(rng.uniform(0.0, 6.0)),
            rgb=tuple(float(value) for value in rng.uniform(0, 255, 3)),
            acts=(Act(str(rng.choice(ACTIONS)), 0.2, 0.9, 0.4, 0.1),),
            new_rgb=COLOURS["cyan"],
        )
        for _ in range(4)
    ]
    return take(
        *actors,
        frames=frames,
        backdrop=dataclasses.replace(
            GREY, pattern=BACKGROUNDS[seed % 5], grain=2.0, seed=seed, bits=BITS
        ),
        shifts=rng.uniform(-0.05, 0.05, (frames, 2)) * (seed % 2),
        occluder=Occluder((40.0, 40.0, 40.0), rng.uniform(0, 1, (frames, 2)), 0.2, 0.3),
        shading=0.3,
        blur=0.005 * (seed % 3),
        noise=3.0 * (seed % 2),
        seed=seed,
    )


def picture(clip: Take, height: int = 96, width: int = 96) -> NDArray[np.uint8]:
    return render([clip], height, width)[0].numpy()


def apart(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> int:
    return int(np.abs(first.astype(int) - second.astype(int)).max())


def polygon_distance(
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


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape not in ("circle", "ring")])
def test_folded_distances_are_those_to_the_whole_polygon(shape: str) -> None:
    corners = outlines.polygon(shape)
    assert corners is not None
    at = np.linspace(-1.3, 1.3, 121, dtype=np.float32)
    wanted = polygon_distance(at[None, :], at[:, None], corners)
    x, y = np.meshgrid(at, at)
    got = _distance(shape, torch.from_numpy(x), torch.from_numpy(y)).numpy()
    np.testing.assert_allclose(got, wanted, atol=2e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_outlines_fill_the_unit_circle(shape: str) -> None:
    corners = outlines.polygon(shape)
    if corners is not None:
        assert np.hypot(*corners.T).max() <= 1.22  # the square's corners lie outside
        if shape != "square":
            assert np.hypot(*corners.T).max() == pytest.approx(1.0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(120, 120), (120, 200), (200, 120)])
def test_boxes_are_tight(shape: str, size: tuple[int, int]) -> None:
    height, width = size
    clip = take(
        actor(shape, acts=(Act("spins", 0.0, 1.0, 2.0), Act("moves up", 0.0, 1.0, 0.1)), x=0.45),
        actor("circle", x=0.02, y=0.9),
        width=width / 120,
        height=height / 120,
        shifts=np.array([[0.0, 0.0], [0.05, 0.0], [-0.05, 0.02], [0.0, -0.05]]),
    )
    alone = dataclasses.replace(clip, actors=clip.actors[:1])
    found = boxes(clip, height, width)
    assert found.shape == (2, 4, 4)
    assert found.dtype == np.float32
    for drawn, box in zip(picture(alone, height, width), found[0], strict=True):
        rows, cols = np.nonzero((drawn != 120).any(axis=-1))
        seen = np.array([cols.min(), rows.min(), cols.max() + 1, rows.max() + 1])
        assert np.abs(seen - box).max() <= 2.0  # tips are thinner than a pixel
    assert found[1, 0, 0] == 0.0
    assert (found[..., 2] <= width).all()
    assert (found[..., 3] <= height).all()


@pytest.mark.parametrize("texture", ["striped", "dotted"])
def test_textures_are_visible_and_turn_with_the_object(texture: str) -> None:
    circle = take(actor("circle", texture=texture), frames=1)
    turned = take(actor("circle", texture=texture, angle=np.pi / 2), frames=1)
    plain, upright, across = (
        picture(clip)[0] for clip in (take(actor("circle"), frames=1), circle, turned)
    )
    dark = upright.sum(axis=-1) < 0.7 * plain.sum(axis=-1)
    assert 0.1 < dark.sum() / (plain != 120).any(axis=-1).sum() < 0.7
    assert apart(np.rot90(upright, -1), across) <= 2
    if texture == "striped":
        assert apart(upright, across) > 60


def test_small_stripes_are_visible() -> None:
    column = picture(take(actor(texture="striped", size=20 / 96), frames=1))[0, 40:56, 48, 0]
    assert np.ptp(column) > 50
    assert (np.diff((column.astype(int) > 160).astype(int)) != 0).sum() >= 4


def middle(clip: Take) -> NDArray[np.int64]:
    return picture(clip)[:, 48, 48].astype(np.int64)


def test_opacity_follows_the_acts() -> None:
    red, step = np.array(COLOURS["red"]), np.array(COLOURS["red"]) - 120
    appears = middle(take(actor(acts=(Act("appears", 0.0, 1.0),)), frames=5))
    disappears = middle(take(actor(acts=(Act("disappears", 0.0, 1.0),)), frames=5))
    for part, share in enumerate((0.0, 0.25, 0.5, 0.75, 1.0)):
        assert np.abs(appears[part] - (120 + share * step)).max() <= 1
        assert np.abs(disappears[part] - (red - share * step)).max() <= 1
    blinks = middle(take(actor(acts=(Act("blinks", 0.0, 1.0, 2.0),)), frames=9))
    assert np.abs(blinks[2] - (120 + FAINT * step)).max() <= 1
    assert (blinks[4] == red).all()


def test_colours_change() -> None:
    changes = actor(acts=(Act("changes color", 0.0, 0.5),), new_rgb=COLOURS["blue"])
    drawn = middle(take(changes, frames=5))
    assert (drawn[0] == COLOURS["red"]).all()
    assert (drawn[2:] == COLOURS["blue"]).all()
    half = 0.5 * (np.array(COLOURS["red"]) + np.array(COLOURS["blue"]))
    assert np.abs(drawn[1] - half).max() <= 1


def test_later_actors_lie_over_earlier_ones() -> None:
    small = actor("circle", size=0.1, rgb=COLOURS["blue"])
    assert (middle(take(actor(), small)) == COLOURS["blue"]).all()
    assert (middle(take(small, actor())) == COLOURS["red"]).all()


def test_shading_darkens_the_lower_right() -> None:
    drawn = picture(take(actor("circle"), frames=1, shading=0.4))[0, ..., 0].astype(int)
    assert drawn[38, 38] > drawn[48, 48] + 10 > drawn[58, 58] + 20


def test_frames_need_not_be_square() -> None:
    wide = take(
        actor(x=1.5),
        width=16 / 9,
        frames=2,
        backdrop=dataclasses.replace(GREY, pattern="checkerboard"),
    )
    drawn = picture(wide, 90, 160)
    assert drawn.shape == (2, 90, 160, 3)
    assert (drawn[0, 45, 135] == COLOURS["red"]).all()
    with pytest.raises(UsageError, match="proportions"):
        render([wide], 90, 90)
    with pytest.raises(UsageError, match="proportions"):
        boxes(wide, 90, 90)
    with pytest.raises(UsageError, match="same number"):
        render([wide, dataclasses.replace(wide, times=wide.times[:1])], 90, 160)
    with pytest.raises(UsageError, match="same number"):
        render([], 90, 160)


@pytest.mark.parametrize("size", [2.5, 0.004])
def test_objects_may_be_huge_or_tiny_or_outside(size: float) -> None:
    drawn = picture(take(actor(size=size), actor("heart", x=7.0), frames=1))[0]
    assert (apart(drawn, np.full_like(drawn, 120)) <= 10) == (size < 1)
    assert (drawn == np.array(COLOURS["red"])).all() == (size > 1)


def test_blur_and_noise() -> None:
    sharp, blurred = picture(take(actor())), picture(take(actor(), blur=0.02))
    steps = [np.abs(np.diff(clip.astype(int), axis=2)).max() for clip in (sharp, blurred)]
    assert steps[1] < 0.5 * steps[0]
    noisy = picture(take(frames=3, noise=4.0, seed=1)).astype(int) - 120
    assert noisy.std() == pytest.approx(4.0, rel=0.05)
    assert abs(np.corrcoef(noisy[0].ravel(), noisy[1].ravel())[0, 1]) < 0.05
    other = picture(take(frames=3, noise=4.0, seed=2)).astype(int) - 120
    assert not np.array_equal(noisy, other)


def test_grain_lies_still_and_moves_with_the_camera() -> None:
    grainy = dataclasses.replace(GREY, grain=4.0)
    still = picture(take(backdrop=grainy))
    assert (still == still[0]).all()
    assert still[0].std() > 3.0
    shifts = np.array([[0.0, 0.0], [5 / 96, 0.0]])
    moved = picture(take(backdrop=grainy, frames=2, shifts=shifts))
    assert apart(moved[0, :, :-5], moved[1, :, 5:]) <= 1


def test_a_batch_is_the_same_as_one_by_one_and_the_same_again() -> None:
    takes = [busy(seed) for seed in range(7)]
    together = render(takes, 80, 80)
    assert together.dtype == torch.uint8
    assert together.shape == (7, 5, 80, 80, 3)
    assert torch.equal(together, render(takes, 80, 80))
    for clip, drawn in zip(takes, together.numpy(), strict=True):
        assert apart(picture(clip, 80, 80), drawn) <= 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_graphics_card_draws_the_same() -> None:
    takes = [busy(seed) for seed in range(7)]
    there = render(takes, 80, 80, "cuda")
    assert torch.equal(there, render(takes, 80, 80, "cuda"))
    assert apart(there.cpu().numpy(), render(takes, 80, 80).numpy()) <= 2


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(224, 224), (112, 112), (120, 200)])
def test_box_hugs_the_pixels(shape: str, size: tuple[int, int]) -> None:
    height, width = size
    clip = take(actor(shape, x=0.42, y=0.57, size=0.3, angle=0.2), frames=1, width=width / height)
    rows, cols = np.nonzero(np.abs(picture(clip, *size)[0].astype(int) - 120).max(axis=2) > 8)
    seen = [cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(boxes(clip, *size)[0, 0], seen, atol=1.5)


@pytest.mark.parametrize("shape", SHAPES)
def test_edges_are_smooth_and_the_colour_is_the_named_one(shape: str) -> None:
    frame = picture(take(actor(shape, angle=0.2), frames=1), 224, 224)[0]
    shades = np.unique(frame.reshape(-1, 3), axis=0)
    assert len(shades) > 10
    assert list(COLOURS["red"]) in shades.tolist()


def test_a_ring_has_a_hole_and_a_circle_has_none() -> None:
    ring, circle = (picture(take(actor(s), frames=1))[0, 48, 48] for s in ("ring", "circle"))
    assert ring.tolist() == [120, 120, 120]
    assert circle.tolist() == list(COLOURS["red"])


@pytest.mark.parametrize(
    ("action", "axis", "sign"),
    [("moves left", 0, -1), ("moves right", 0, 1), ("moves up", 1, -1), ("moves down", 1, 1)],
)
def test_an_object_moves_only_during_its_action(action: str, axis: int, sign: int) -> None:
    item = actor(acts=(Act(action, 0.25, 0.5, 0.2),))
    states = item.states(np.array([0.0, 0.25, 0.375, 0.5, 1.0]))
    moved = sign * np.array([0.0, 0.0, 0.1, 0.2, 0.2])
    np.testing.assert_allclose(states[:, axis], 0.5 + moved)
    assert set(states[:, 1 - axis]) == {0.5}


def test_growing_and_shrinking_change_the_size_only() -> None:
    end = np.array([1.0])
    grown = actor(size=0.3, acts=(Act("grows", 0.0, 1.0, 2.0),)).states(end)[0]
    shrunk = actor(size=0.3, acts=(Act("shrinks", 0.0, 1.0, 0.5),)).states(end)[0]
    assert grown.tolist() == pytest.approx([0.5, 0.5, 0.6, 0.0, 1.0, 0.0])
    assert shrunk.tolist() == pytest.approx([0.5, 0.5, 0.15, 0.0, 1.0, 0.0])
