"""The recipe in training/ runs from drawing to a model folder, and goes on where it was cut."""

from __future__ import annotations

import ast
import importlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from synth.made_takes import act, actor, take
from zerotube.synth.takes import Mix, random_take
from zerotube.synth.words import HELD_OUT_COMBINATIONS

TRAINING = Path(__file__).parent.parent / "training"
TAKES = 30
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module", autouse=True)
def _training_is_there():
    if not TRAINING.is_dir():
        pytest.skip("training/ is not part of the installed package")


# Runs scripts of the recipe one after another as `python SCRIPT WORDS...` does; one process for
# all, because importing torch costs more than most stages do here.
IN_TURN = """
import json, runpy, sys
for script, *words in json.loads(sys.argv[1]):
    sys.argv = [script, *words]
    runpy.run_path(script, run_name="__main__")
"""


def stages(*calls):
    """Run scripts of the recipe, each a name with its flags; returns what they printed, logged."""
    words = [[str(TRAINING / script), *map(str, flags)] for script, *flags in calls]
    done = subprocess.run(
        [sys.executable, "-c", IN_TURN, json.dumps(words)],
        check=False,
        capture_output=True,
        text=True,
        env=ONE_THREAD | {"PYTHONPATH": os.pathsep.join([str(TRAINING), *filter(None, sys.path)])},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, done.stderr


def first_takes(folder, name, count):
    """Keep the first takes of a store of 100: the later stages are the same with fewer."""
    for part in ("", "-labels"):
        file = folder / f"{name}{part}.npy"
        drawn = np.load(file)
        assert len(drawn) == 100
        np.save(file, drawn[:count])
    file = folder / f"{name}.pkl"
    file.write_bytes(pickle.dumps(pickle.loads(file.read_bytes())[:count]))


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A work folder after every stage, each run for a few steps."""
    folder = tmp_path_factory.mktemp("work")
    draw = ("draw.py", "--work", folder, "--takes", 100, "--name")
    stages((*draw, "crops"), (*draw, "clips"), (*draw, "wide", "--aspect", 5 / 3))
    for name in ("clips", "wide"):
        first_takes(folder, name, TAKES)
    one = ("--work", folder, "--ranks", 1)
    stages(
        ("warm_up.py", *one, "--stage", "crops", "--steps", 3),
        ("warm_up.py", *one, "--stage", "frames", "--steps", 3),
        ("bank.py", *one, "--name", "clips"),
        ("bank.py", *one, "--name", "wide"),
        ("train.py", *one, "--steps", 4, "--held-back", 20),
    )
    return folder


def test_every_stage_leaves_what_the_next_one_reads(work):
    cells = np.load(work / "clips-cells.npy", mmap_mode="r")
    assert cells.shape == (TAKES, 10, 64, 192)
    assert np.isfinite(cells[:5]).all()
    assert np.ptp(cells[0, 0], axis=0).max() > 0
    wide = np.load(work / "wide-cells.npy", mmap_mode="r")
    assert wide.shape == (TAKES, 10, 60, 192)


def test_the_tower_of_the_bank_is_the_tower_of_the_model(work):
    tower = torch.load(work / "frames.pt", weights_only=True)["model"]
    final = torch.load(work / "clips.pt", weights_only=True)
    same = [torch.equal(tower[name], final[name]) for name in tower if "visual" in name]
    assert same
    assert all(same)
    learned = [not torch.equal(tower[name], final[name]) for name in tower if "layers" in name]
    assert any(learned)


def test_a_run_that_was_cut_goes_on(work):
    before = torch.load(work / "clips.state", weights_only=True)
    longer = ("--steps", before["step"] + 2, "--held-back", 20)
    command = [sys.executable, TRAINING / "train.py", "--work", work, "--ranks", 1, *longer]
    log = subprocess.run(
        [*map(str, command), "--resume"],
        check=True,
        capture_output=True,
        text=True,
        env=ONE_THREAD,
        timeout=300,
    ).stderr
    after = torch.load(work / "clips.state", weights_only=True)
    assert after["step"] == before["step"] + 2
    assert f"done after {after['step']} steps" in log


def test_the_exported_folder_loads_and_answers(work, tmp_path):
    model = tmp_path / "model"
    printed, _ = stages(
        ("export.py", "--weights", work / "clips.pt", "--out", model),
        ("by_layer.py", "--model", model, "--samples", 1, "--sets", "mixed"),
    )
    assert "mixed layers 1..1 relative: right track" in printed


@pytest.fixture
def code(monkeypatch):
    monkeypatch.syspath_prepend(str(TRAINING))
    names = ("labels", "warm_up", "tower")
    return SimpleNamespace(**{name: importlib.import_module(name) for name in names})


def named(code, labels):
    """The labels that are YES, as words."""
    what = code.labels
    colours, shapes = list(what.COLOURS), list(what.SHAPES)
    axes = {
        "colour": [colours],
        "shape": [shapes],
        "texture": [list(what.TEXTURES)],
        "change": [list(what.CHANGES)],
        "colour+shape": [colours, shapes],
        "colour+change": [colours, list(what.CHANGES)],
        "shape+change": [shapes, list(what.CHANGES)],
    }
    found = set()
    for group, where in what.GROUPS.items():
        for number in np.flatnonzero(labels[where] == what.YES):
            words = np.unravel_index(number, [len(axis) for axis in axes[group]])
            found.add(" ".join(axis[n] for axis, n in zip(axes[group], words, strict=True)))
    return found


def test_labels_say_what_a_moment_shows(code):
    shown = take(
        actor("red", "square", act("moves left", 0.0, 1.0)),
        actor("blue", "heart", act("grows", 0.0, 1.0), texture="dotted"),
        frames=10,
    )
    labels = code.labels.of_moments(shown)
    assert labels.shape == (5, code.labels.LABELS)
    both = {
        *("red", "blue", "square", "heart", "plain", "dotted", "left", "bigger"),
        *("red square", "blue heart", "red left", "blue bigger", "square left", "heart bigger"),
    }
    assert named(code, labels[2]) == both
    mirrored = {word.replace("left", "right") for word in both}
    assert named(code, labels[2][code.labels.MIRRORED]) == mirrored
    backwards = {word.replace("bigger", "smaller") for word in mirrored}
    assert named(code, labels[2][code.labels.REVERSED]) == backwards


def test_a_loss_of_doubtful_labels_is_nothing(code):
    what = code.labels
    labels = torch.full((3, what.LABELS), what.UNSURE, dtype=torch.uint8)
    assert code.warm_up.shown_loss(torch.randn(3, what.LABELS), labels) == 0
    labels[1, 4] = what.YES
    right = code.warm_up.shown_loss(torch.full((3, what.LABELS), 9.0), labels)
    wrong = code.warm_up.shown_loss(torch.full((3, what.LABELS), -9.0), labels)
    assert right < 0.001 < 2.0 < wrong


def test_training_never_shows_held_out_pairs(code):
    rng = np.random.default_rng(5)
    what = code.labels
    pairs = what.GROUPS["colour+shape"]
    banned = [
        list(what.COLOURS).index(colour) * len(what.SHAPES) + what.SHAPES.index(shape)
        for colour, shape in HELD_OUT_COMBINATIONS
    ]
    for _ in range(150):
        labels = what.of_moments(random_take(rng, Mix(), 8))[:, pairs]
        assert not (labels[:, banned] == what.YES).any()


def test_one_command_makes_a_model_and_goes_on_where_it_was_cut(tmp_path):
    """Every result that is there is left alone; what is missing is made in order."""
    work = tmp_path / "work"
    work.mkdir()
    code = "import sys; sys.path.insert(0, sys.argv[1]); import make; print(make.stages(3, 1.0))"
    printed = subprocess.run(
        [sys.executable, "-c", code, str(TRAINING)], check=True, capture_output=True, text=True
    ).stdout
    stages_made = ast.literal_eval(printed)
    results = [result for result, _, _ in stages_made]
    assert results[0] == "crops-labels.npy"
    assert results[-1] == "clips.pt"
    assert len(set(results)) == len(results)
    for result, program, arguments in stages_made:
        assert (TRAINING / program).is_file()
        assert program == "bank.py" or arguments[arguments.index("--seed") + 1] == "3"
        (work / result).touch()
    log = subprocess.run(
        [sys.executable, TRAINING / "make.py", "--work", work],
        check=True,
        capture_output=True,
        text=True,
    ).stderr
    assert log.count("is there") == len(results)
