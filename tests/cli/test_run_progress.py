"""What a run shows on stderr."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zerotube.cli import run_progress
from zerotube.cli.run_progress import RunProgress, duration, time_text
from zerotube.eval.runner import RunState

STATE = RunState(
    total=50, done=9, skipped=1, failed=0, retrying=2, here=10, seconds=20.0, workers=1
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (61, "1 min"), (3599, "1 h 00 min"), (11100, "3 h 05 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_pace_and_rest() -> None:
    assert time_text(STATE) == "2.0 s each, 1 min left"
    assert time_text(replace(STATE, seconds=1.0)) == "10.0 per second, 4 s left"
    assert time_text(replace(STATE, here=0)) == "resumed"
    assert time_text(replace(STATE, here=0, done=0, skipped=0)) == ""


def test_lines_come_seldom_and_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(run_progress.time, "monotonic", lambda: now[0])
    told: list[int] = []

    def metrics(state: RunState) -> str:
        told.append(state.done)
        return "m_vIoU 12.5"

    with RunProgress(metrics=metrics) as progress:
        progress(STATE)
        progress(replace(STATE, done=10))
        now[0] += 11
        progress(replace(STATE, done=11, problem=("s7", "RuntimeError: a\nb")))
        progress(replace(STATE, done=47, retrying=0, failed=2))
    out, err = capsys.readouterr()
    assert not out
    assert told == [9, 10, 11, 47]
    assert err.splitlines() == [
        "zerotube: 10/50, 2.0 s each, 1 min left, m_vIoU 12.5, 2 to try again, 1 skipped",
        "zerotube: warning: sample 's7' failed: RuntimeError: a b",
        "zerotube: 12/50, 2.0 s each, 1 min left, m_vIoU 12.5, 2 to try again, 1 skipped",
        "zerotube: 50/50, 2.0 s each, m_vIoU 12.5, 2 failed, 1 skipped",
    ]


def test_quiet_names_failures_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress(quiet=True) as progress:
        progress(STATE)
        progress(replace(STATE, problem=("s7", "RuntimeError: a")))
    assert capsys.readouterr().err == "zerotube: warning: sample 's7' failed: RuntimeError: a\n"


def test_a_bar_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with RunProgress(metrics=lambda state: "m_vIoU 12.5") as progress:
        progress(STATE)
        progress(replace(STATE, problem=("[red]s7", "RuntimeError: a")))
    err = capsys.readouterr().err
    assert "10/50" in err
    assert "[red]s7" in err
