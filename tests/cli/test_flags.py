"""Every setting can be reached from the command line, and every setting does something."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
from typer.testing import CliRunner

from zerotube.cli.flags import Changes, assignments, field_docs, flags_of, with_flags
from zerotube.cli.groups import Quiet
from zerotube.errors import UsageError
from zerotube.method.config import MethodSettings

NAMES = [field.name for field in fields(MethodSettings)]


@pytest.mark.parametrize("name", NAMES)
def test_every_method_setting_has_a_docstring_and_a_flag(name: str, ground_help: str) -> None:
    assert field_docs(MethodSettings)[name].endswith(".")
    assert f"--{name.replace('_', '-')} " in ground_help


@pytest.fixture(scope="module")
def ground_help(run) -> str:
    """Help text of the verb."""
    return run("ground", "--help").out


@cache
def _read_settings(source: Path) -> set[str]:
    """Fields that any module but the one that defines them reads from resolved settings."""
    found = set()
    for path in sorted(source.rglob("*.py")):
        if path.name == "config.py" and path.parent.name == "method":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                owner = node.value
                name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
                if name.lstrip("_") in ("settings", "chosen"):
                    found.add(node.attr)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_method_setting_is_read(name: str, repository: Path) -> None:
    assert name in _read_settings(repository / "src" / "zerotube")


@dataclass(frozen=True)
class Knobs:
    size: int = 3
    """How big."""

    rate: float = 0.5
    """How fast,
    over two lines."""

    mode: Literal["a", "b"] = "a"
    """Which way."""

    deep: bool = True
    """Whether it goes deep."""

    cap: int | None = None
    """At most that many."""


def _app() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @with_flags()
    def verb(
        name: Annotated[str, typer.Argument()],
        *,
        changes: Annotated[dict[str, object], Changes(Knobs, prefix="knob")],
    ) -> None:
        print(name, changes)

    return app


def test_flags_of_a_dataclass() -> None:
    flags = {flag.field: flag for flag in flags_of(Knobs)}
    assert flags["rate"].help == "How fast, over two lines."
    assert flags["deep"].option == "--deep/--no-deep"
    assert flags["cap"].annotation is int


def test_only_what_was_set_reaches_the_verb() -> None:
    assert CliRunner().invoke(_app(), ["x"]).stdout == "x {}\n"
    words = ["x", "--knob-size", "4", "--no-knob-deep", "--knob-mode", "b", "--knob-cap", "0"]
    wanted = {"size": 4, "mode": "b", "deep": False, "cap": 0}
    assert CliRunner().invoke(_app(), words).stdout == f"x {wanted}\n"


def test_a_choice_is_checked() -> None:
    assert CliRunner().invoke(_app(), ["x", "--knob-mode", "c"]).exit_code == 2


def test_a_colliding_name_is_refused() -> None:
    def verb(size: int, *, changes: Annotated[dict[str, object], Changes(Knobs)]) -> None: ...

    with pytest.raises(TypeError, match="already has a parameter 'size'"):
        with_flags()(verb)


@dataclass(frozen=True, kw_only=True)
class Place:
    name: str = field(metadata={"metavar": "PLACE"})
    """Where it is."""

    far: bool = False
    """Whether it is far."""

    inside: bool = field(default=True, metadata={"flag": False})


@dataclass(frozen=True, kw_only=True)
class Trip:
    place: Place

    days: int = field(default=2, metadata={"name": "how-long"})
    """How many days."""

    quiet: Quiet = False


def test_flags_of_groups() -> None:
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    @with_flags(quiet="Not a word.", far="Whether it is a long way.")
    def verb(*, trip: Trip) -> None:
        print(trip)

    assert CliRunner().invoke(app, []).exit_code == 2
    whole = CliRunner().invoke(app, ["--name", "Rome", "--far", "--how-long", "3", "--quiet"])
    assert whole.stdout == f"{Trip(place=Place(name='Rome', far=True), days=3, quiet=True)}\n"
    least = CliRunner().invoke(app, ["--name", "Rome"])
    assert least.stdout == f"{Trip(place=Place(name='Rome'))}\n"
    shown = CliRunner().invoke(app, ["--help"]).stdout
    for text in ("PLACE", "Not a word.", "Whether it is a long way.", "[default: 2]"):
        assert text in shown
    assert "No progress" not in shown


def test_two_groups_with_one_flag_are_refused() -> None:
    def verb(*, trip: Trip, place: Place) -> None: ...

    with pytest.raises(TypeError, match="already has a parameter 'name'"):
        with_flags()(verb)


def test_a_help_text_for_no_flag_is_refused() -> None:
    def verb(*, place: Place) -> None: ...

    with pytest.raises(TypeError, match="no parameter of the verb"):
        with_flags(near="Whether it is near.")(verb)


def test_a_setting_without_a_docstring_is_refused() -> None:
    @dataclass(frozen=True)
    class Bare:
        size: int = 3

    with pytest.raises(TypeError, match=r"Bare\.size has no attribute docstring"):
        flags_of(Bare)


def test_assignments() -> None:
    given = ["max-tracks=3", "rate=0.5", "deep=true", "mode=a", "name=1e400x"]
    wanted = {"max_tracks": 3, "rate": 0.5, "deep": True, "mode": "a", "name": "1e400x"}
    assert assignments(given, option="--set") == wanted


@pytest.mark.parametrize("given", [["x"], ["=1"], ["a b=1"], ["x=1", "x=2"]])
def test_assignments_that_are_none(given: list[str]) -> None:
    with pytest.raises(UsageError, match="--set"):
        assignments(given, option="--set")
