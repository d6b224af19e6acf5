"""Worker processes on this machine."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from runner_tasks import Digests, benchmark
from zerotube.errors import MissingExtraError, ModelError, UsageError
from zerotube.eval.runner import RunOptions, run_task
from zerotube.eval.runner.pool import WorkerFailedError, threads_each


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


@pytest.fixture
def options(tmp_path: Path) -> RunOptions:
    return RunOptions(tmp_path / "run", workers=2)


def test_two_workers_come_to_what_one_process_does(
    log: Path, options: RunOptions, tmp_path: Path
) -> None:
    behaviour = {"s002": "fail", "s005": "skip", "s007": "fail once"}
    task = Digests(log, behaviour, seconds=0.05)
    workers: list[int] = []
    spread = run_task(task, benchmark(20), options, watch=lambda s: workers.append(s.workers))
    assert max(workers) == 2
    assert os.getpid() not in task.pids()
    assert len(set(task.pids())) == 2
    (log / "attempts").unlink()
    alone = run_task(Digests(log, behaviour), benchmark(20), RunOptions(tmp_path / "alone"))
    assert list(spread.results) == list(alone.results)
    assert dict(spread.results) == dict(alone.results)
    assert (spread.errors, spread.skipped) == (alone.errors, alone.skipped)


def test_threads_are_parted_and_the_callers_environment_stays(
    log: Path, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "77")
    run_task(Digests(log), benchmark(2), options)
    cores = len(os.sched_getaffinity(0))
    assert {threads for _, threads in Digests(log).openings()} == {str(max(1, cores // 2))}
    assert "OMP_NUM_THREADS" not in os.environ
    assert os.environ["MKL_NUM_THREADS"] == "77"


@pytest.mark.parametrize(
    ("cores", "workers", "chosen", "threads"),
    [(8, 2, "", 4), (8, 3, "", 2), (2, 4, "", 1), (8, 2, "3", 3), (8, 2, "6", 4), (8, 2, "x", 4)],
)
def test_threads_of_a_worker(
    monkeypatch: pytest.MonkeyPatch, cores: int, workers: int, chosen: str, threads: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", chosen)
    assert threads_each(cores, workers) == threads


def test_a_worker_that_dies_is_replaced(log: Path, options: RunOptions) -> None:
    task = Digests(log, {"s001": "die", "s003": "die once"})
    record = run_task(task, benchmark(8), options)
    assert list(record.errors) == ["s001"]
    assert "SIGKILL" in record.errors["s001"]
    assert task.attempts().count("s001") == 2
    assert task.attempts().count("s003") == 2
    assert len(record.results) == 7
    # The last replacement may not have opened before the run ended.
    assert len(task.openings()) in (4, 5)


@pytest.mark.parametrize(
    ("opening", "kind", "said"),
    [
        ("fail", ModelError, "got no model; wanted a model; pass --model"),
        ("bug", WorkerFailedError, "exit code 1"),
        ("die", WorkerFailedError, "SIGKILL"),
    ],
)
def test_workers_that_cannot_open_end_the_run(
    log: Path, options: RunOptions, opening: str, kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        run_task(Digests(log, opening=opening), benchmark(4), options)
    assert not options.folder.exists()


def test_more_workers_than_samples(log: Path, options: RunOptions) -> None:
    assert run_task(Digests(log), benchmark(1), replace(options, workers=3)).complete


def test_settings_that_fit_no_sample_end_the_run(log: Path, options: RunOptions) -> None:
    task = Digests(log, {f"s{index:03d}": "usage" for index in range(9)})
    with pytest.raises(UsageError, match="--proposer"):
        run_task(task, benchmark(9), options)
    assert len(task.attempts()) <= 2


@pytest.mark.parametrize(
    "error",
    [
        ModelError("a", wanted="b", fix="c"),
        MissingExtraError("ray", extra="ray"),
    ],
)
def test_errors_survive_the_way_between_processes(error: ModelError | MissingExtraError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert (back.got, back.wanted, back.fix) == (error.got, error.wanted, error.fix)
    assert back.exit_code == error.exit_code
