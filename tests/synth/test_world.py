"""The renderer and the boxes agree, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from zerotube.synth.world import (
    ACTIONS,
    COLOURS,
    SHAPES,
    Background,
    Motion,
    Scene,
    SceneObject,
    boxes,
    inside,
    place,
    random_motion,
    render,
    separated,
)

PLAIN = Background("uniform", (128.0, 128.0, 128.0), (128.0, 128.0, 128.0))


def thing(shape="square", motions=(), **other):
    settings = {"x": 0.5, "y": 0.5, "size": 0.3, "angle": 0.2, **other}
    return SceneObject("red", shape, (214.0, 40.0, 40.0), motions=motions, **settings)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(224, 224), (112, 112), (120, 200)])
def test_box_hugs_the_pixels(shape, size):
    scene = Scene((thing(shape, x=0.42, y=0.57),), PLAIN)
    frame = render(scene, 0.0, *size).astype(int)
    rows, cols = np.nonzero((np.abs(frame - 128).max(axis=2)) > 8)
    seen = [cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(boxes(scene, 0.0, *size)[0], seen, atol=1.5)


@pytest.mark.parametrize("shape", SHAPES)
def test_edges_are_smooth_and_the_colour_is_the_named_one(shape):
    frame = render(Scene((thing(shape),), PLAIN), 0.0, 224, 224)
    shades = np.unique(frame.reshape(-1, 3), axis=0)
    assert len(shades) > 10
    assert [214, 40, 40] in shades.tolist()


def test_a_ring_has_a_hole_and_a_circle_has_none():
    centre = [
        render(Scene((thing(s),), PLAIN), 0.0, 224, 224)[112, 112] for s in ("ring", "circle")
    ]
    assert centre[0].tolist() == [128, 128, 128]
    assert centre[1].tolist() == [214, 40, 40]


@pytest.mark.parametrize(
    ("action", "axis", "sign"),
    [("moves left", 0, -1), ("moves right", 0, 1), ("moves up", 1, -1), ("moves down", 1, 1)],
)
def test_an_object_moves_only_during_its_action(action, axis, sign):
    item = thing(motions=(Motion(action, 0.25, 0.5, 0.2),))
    poses = [item.pose(u) for u in (0.0, 0.25, 0.375, 0.5, 1.0)]
    places = [pose[axis] for pose in poses]
    assert places == pytest.approx([0.5, 0.5, 0.5 + sign * 0.1, 0.5 + sign * 0.2, places[3]])
    assert {pose[1 - axis] for pose in poses} == {0.5}


def test_growing_and_shrinking_change_the_size_only():
    grown = thing(motions=(Motion("grows", 0.0, 1.0, 2.0),)).pose(1.0)
    shrunk = thing(motions=(Motion("shrinks", 0.0, 1.0, 0.5),)).pose(1.0)
    assert grown == pytest.approx((0.5, 0.5, 0.6))
    assert shrunk == pytest.approx((0.5, 0.5, 0.15))


def test_placed_objects_stay_inside_and_apart():
    rng = np.random.default_rng(5)
    for _ in range(20):
        motions = (random_motion(ACTIONS[int(rng.integers(6))], 0.2, 0.6, rng),)
        scene = place([("red", "square", motions), ("blue", "star", ())], rng)
        if scene is not None:
            assert all(inside(item) for item in scene.objects)
            assert separated(scene.objects)


def test_no_room_is_reported_not_forced():
    crowd = [(colour, shape, ()) for colour in COLOURS for shape in SHAPES]
    assert place(crowd, np.random.default_rng(0), attempts=5) is None
