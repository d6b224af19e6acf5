"""The loop over samples in one process: journal, second attempts, resuming, refusals."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from runner_tasks import Digests, benchmark, one_sample
from zerotube.errors import InputError, ModelError, UsageError
from zerotube.eval.runner import RunInterruptedError, RunOptions, RunRecord, RunState, run_task
from zerotube.eval.types import Benchmark, Skipped

JOURNAL = "journal.sqlite"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


@pytest.fixture
def options(tmp_path: Path) -> RunOptions:
    return RunOptions(tmp_path / "run")


def rows(folder: Path) -> dict[str, dict]:
    """The journal's rows by id, read with plain sqlite."""
    base = sqlite3.connect(folder / JOURNAL)
    base.row_factory = sqlite3.Row
    found = {row["id"]: dict(row) for row in base.execute("SELECT * FROM samples")}
    base.close()
    return found


def test_every_sample_once_and_in_order(log: Path, options: RunOptions) -> None:
    task = Digests(log)
    states: list[RunState] = []
    came: list[list[str]] = []

    def watch(state: RunState) -> None:
        states.append(state)
        came.append([sample.sample_id for sample, _ in state.came])

    record = run_task(task, benchmark(5), options, watch=watch)
    assert record.complete
    assert [sample.sample_id for sample in record.samples] == task.attempts()
    assert list(record.results) == task.attempts()
    assert len({result["digest"] for result in record.results.values()}) == 5
    assert record.results["s000"]["text"] == "größer"
    assert not record.errors
    assert set(record.seconds) == set(record.results)
    assert [state.done for state in states] == [0, 1, 2, 3, 4, 5]
    assert came == [[], *([name] for name in task.attempts())]
    assert next(iter(states[-1].came))[1] == record.results["s004"]
    with pytest.raises(KeyError):
        record.results["nobody"]


def test_the_journal_says_what_happened(log: Path, options: RunOptions) -> None:
    before = time.time()
    task = Digests(log, {"s001": "fail", "s002": "skip", "s003": "fail once"}, seconds=0.01)
    left_out = Skipped("x", "no video")
    record = run_task(task, benchmark(5, skipped=(left_out,)), options)
    kept = rows(options.folder)
    assert [row["state"] for row in kept.values()] == ["done", "failed", "skipped", "done", "done"]
    assert [row["attempts"] for row in kept.values()] == [1, 2, 1, 2, 1]
    error = json.loads(kept["s001"]["error"])
    assert error["type"] == "RuntimeError"
    assert "<s001>" in error["message"]
    assert "runner_tasks.py" in error["traceback"]
    assert json.loads(kept["s000"]["result"]) == record.results["s000"]
    assert kept["s003"]["error"] is None
    assert all(before <= row["begun_s"] <= time.time() for row in kept.values())
    assert all(row["seconds"] >= 0.01 for row in kept.values())
    assert all(row["worker"].endswith(f":{os.getpid()}") for row in kept.values())
    assert len({row["settings_hash"] for row in kept.values()}) == 1
    # Tried again at the end, not at once, and not a third time.
    assert task.attempts() == ["s000", "s001", "s002", "s003", "s004", "s001", "s003"]
    assert record.errors == {"s001": "RuntimeError: nothing to be done about <s001>"}
    assert record.skipped == (left_out, Skipped("s002", "a video of 3 frames"))
    assert [sample.sample_id for sample in record.samples] == ["s000", "s001", "s003", "s004"]
    # A finished run is one plain file beside the lock.
    assert {path.name for path in options.folder.iterdir()} <= {JOURNAL, ".lock"}


@pytest.mark.parametrize(
    ("behaviour", "kind"), [("memory", "MemoryError"), ("nan", "ValueError"), ("odd", "TypeError")]
)
def test_a_failure_of_any_kind_is_that_samples(
    log: Path, options: RunOptions, behaviour: str, kind: str
) -> None:
    record = run_task(Digests(log, {"s000": behaviour}), benchmark(2), options)
    assert record.errors["s000"].startswith(kind)
    assert list(record.results) == ["s001"]


def test_an_existing_run_is_refused_without_resume(log: Path, options: RunOptions) -> None:
    run_task(Digests(log), benchmark(2), options)
    with pytest.raises(UsageError, match="--resume"):
        run_task(Digests(log), benchmark(2), options)


def test_a_finished_run_resumes_to_the_same_record_without_opening(
    log: Path, options: RunOptions
) -> None:
    task = Digests(log, {"s001": "fail"})
    first = run_task(task, benchmark(3), options)
    again = run_task(replace(task, opening="fail"), benchmark(3), replace(options, resume=True))
    assert dict(again.results) == dict(first.results)
    assert again.errors == first.errors
    assert again.seconds == first.seconds
    assert len(task.attempts()) == 4


def test_the_first_state_of_a_resumed_run_brings_what_was_done(
    log: Path, options: RunOptions
) -> None:
    task = Digests(log)

    def stop(state: RunState) -> None:
        if state.done == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(RunInterruptedError, match="2 of 4 samples"):
        run_task(task, benchmark(4), options, watch=stop)
    came: list[list[str]] = []
    run_task(
        task,
        benchmark(4),
        replace(options, resume=True),
        watch=lambda state: came.append([sample.sample_id for sample, _ in state.came]),
    )
    assert came == [["s000", "s001"], ["s002"], ["s003"]]


def test_resume_where_there_is_no_run_begins_one(log: Path, options: RunOptions) -> None:
    assert run_task(Digests(log), benchmark(2), replace(options, resume=True)).complete


def test_other_settings_are_refused_and_named(log: Path, options: RunOptions) -> None:
    run_task(Digests(log), benchmark(2), options)
    with pytest.raises(UsageError) as caught:
        run_task(Digests(log, setting=2.5), benchmark(2), replace(options, resume=True))
    assert "method.setting = 1.0 (now 2.5)" in str(caught.value)
    assert "method.name" not in str(caught.value)


@pytest.mark.parametrize("change", ["limit", "shard", "dataset", "split", "count", "query", "id"])
def test_other_samples_are_refused(log: Path, options: RunOptions, change: str) -> None:
    first = benchmark(4)
    run_task(Digests(log), first, options)
    options = replace(options, resume=True)
    samples = list(first.samples)
    if change == "limit":
        options = replace(options, limit=3)
    elif change == "shard":
        options = replace(options, shard=(1, 2))
    elif change == "count":
        samples.pop()
    elif change == "query":
        samples[0] = one_sample(0, "another sentence")
    elif change == "id":
        samples[0] = replace(samples[0], sample_id="new")
    other = Benchmark(
        "vidstg" if change == "dataset" else "synth",
        "val" if change == "split" else "test",
        tuple(samples),
    )
    with pytest.raises(UsageError, match="samples"):
        run_task(Digests(log), other, options)


def test_limit_and_shards_part_the_samples(log: Path, tmp_path: Path) -> None:
    found: list[str] = []
    for number in (1, 2, 3):
        options = RunOptions(tmp_path / f"part{number}", limit=7, shard=(number, 3))
        found += run_task(Digests(log), benchmark(9), options).results
    assert sorted(found) == [f"s{index:03d}" for index in range(7)]
    assert found[:3] == ["s000", "s003", "s006"]


@pytest.mark.parametrize(
    "wrong", [{"limit": 0}, {"shard": (0, 2)}, {"shard": (3, 2)}, {"shard": (1, 0)}, {"workers": 0}]
)
def test_options_out_of_range(tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(UsageError):
        RunOptions(tmp_path, **wrong)


def test_a_shard_without_samples_is_refused(log: Path, options: RunOptions) -> None:
    with pytest.raises(UsageError, match="no sample"):
        run_task(Digests(log), benchmark(3), replace(options, shard=(4, 5)))
    assert not options.folder.exists()


@pytest.mark.parametrize(("opening", "kind"), [("fail", ModelError), ("bug", RuntimeError)])
def test_a_task_that_cannot_open_leaves_nothing(
    log: Path, options: RunOptions, opening: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        run_task(Digests(log, opening=opening), benchmark(3), options)
    assert not options.folder.exists()
    assert run_task(Digests(log), benchmark(3), options).complete


def test_settings_that_fit_no_sample_end_the_run(log: Path, options: RunOptions) -> None:
    everywhere = {f"s{index:03d}": "usage" for index in range(9)}
    task = Digests(log, everywhere)
    with pytest.raises(UsageError, match="--proposer"):
        run_task(task, benchmark(9), options)
    assert task.attempts() == ["s000"]
    assert not options.folder.exists()


def test_the_same_error_later_is_the_samples(log: Path, options: RunOptions) -> None:
    record = run_task(Digests(log, {"s001": "usage"}), benchmark(3), options)
    assert record.errors["s001"].startswith("UsageError")
    assert len(record.results) == 2


def test_a_folder_with_other_files_stays(log: Path, options: RunOptions) -> None:
    options.folder.mkdir()
    (options.folder / "notes.txt").write_text("mine")
    with pytest.raises(ModelError):
        run_task(Digests(log, opening="fail"), benchmark(1), options)
    assert (options.folder / "notes.txt").read_text() == "mine"


def test_a_file_in_place_of_the_folder(log: Path, options: RunOptions) -> None:
    options.folder.write_text("mine")
    with pytest.raises(InputError, match="folder"):
        run_task(Digests(log), benchmark(1), options)


# ---- processes that are killed, interrupted, or run beside each other

PROGRAM = """
import sys
from pathlib import Path
from runner_tasks import Digests, benchmark
from zerotube.errors import ZerotubeError
from zerotube.eval.runner import RunOptions, run_task

folder, log = Path(sys.argv[1]), Path(sys.argv[2])
seconds, workers = float(sys.argv[3]), int(sys.argv[4])
if __name__ == "__main__":
    try:
        run_task(
            Digests(log, seconds=seconds),
            benchmark(12),
            RunOptions(folder, resume=True, workers=workers),
        )
    except ZerotubeError as caught:
        print(caught, file=sys.stderr)
        raise SystemExit(caught.exit_code)
"""


def begin(folder: Path, log: Path, seconds: float, workers: int = 1) -> subprocess.Popen[str]:
    program = log / "program.py"
    program.write_text(PROGRAM)
    words = [str(folder), str(log), str(seconds), str(workers)]
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, str(program), *words],
        env={**os.environ, "PYTHONPATH": paths},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def until(condition, seconds: float = 30.0) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def same(one: RunRecord, other: RunRecord) -> bool:
    return dict(one.results) == dict(other.results) and one.errors == other.errors


def test_killed_again_and_again_the_run_comes_to_the_same(
    log: Path, options: RunOptions, tmp_path: Path
) -> None:
    task = Digests(log, seconds=0.05)
    for round_ in range(3):
        process = begin(options.folder, log, 0.05)
        wanted = 3 * (round_ + 1)
        until(lambda wanted=wanted: len(task.attempts()) >= wanted)
        process.kill()
        process.communicate()
    finished = [row for row in rows(options.folder).values() if row["state"] == "done"]
    # Nothing but what was in work at each kill is lost.
    assert len(finished) >= len(task.attempts()) - 3
    record = run_task(task, benchmark(12), replace(options, resume=True))
    assert len(task.attempts()) <= 12 + 3
    whole = run_task(Digests(log), benchmark(12), RunOptions(tmp_path / "whole"))
    assert same(record, whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_ends_the_run_cleanly(
    log: Path, options: RunOptions, number: signal.Signals, workers: int
) -> None:
    task = Digests(log, seconds=0.3)
    process = begin(options.folder, log, 0.3, workers)
    until(lambda: len(task.attempts()) >= 4)
    # To the whole group, as a terminal and a batch system do.
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "--resume" in err
    assert "Traceback" not in err
    kept = rows(options.folder)
    states = [row["state"] for row in kept.values()]
    assert "running" not in states
    assert "failed" not in states
    assert states.count("done") in range(4 - workers, 12)
    assert not (options.folder / f"{JOURNAL}-wal").exists()
    until(lambda: not any(alive(pid) for pid, _ in task.openings()))
    assert run_task(Digests(log), benchmark(12), replace(options, resume=True)).complete


def test_workers_end_when_their_driver_is_killed(log: Path, options: RunOptions) -> None:
    task = Digests(log, seconds=0.2)
    process = begin(options.folder, log, 0.2, 2)
    until(lambda: len(task.attempts()) >= 4)
    process.kill()
    _, err = process.communicate()
    assert "Traceback" not in err
    until(lambda: not any(alive(pid) for pid, _ in task.openings()))
    assert run_task(Digests(log), benchmark(12), replace(options, resume=True)).complete


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_two_processes_on_one_folder(log: Path, options: RunOptions) -> None:
    task = Digests(log)
    process = begin(options.folder, log, 0.5)
    try:
        until(lambda: task.attempts())
        with pytest.raises(InputError, match="another process"):
            run_task(task, benchmark(12), replace(options, resume=True))
    finally:
        process.kill()
        process.communicate()
    # The lock of a dead process holds nobody up.
    assert run_task(task, benchmark(12), replace(options, resume=True)).complete


def test_what_was_in_work_at_the_end_comes_last(log: Path, options: RunOptions) -> None:
    process = begin(options.folder, log, 0.5)
    task = Digests(log)
    until(lambda: task.attempts())
    process.kill()
    process.communicate()
    run_task(task, benchmark(12), replace(options, resume=True))
    assert task.attempts()[1] == "s001"
    assert task.attempts()[-1] == "s000"


def test_a_full_disk_ends_the_run_and_loses_nothing(log: Path, options: RunOptions) -> None:
    """A limit on the size of files, which the system enforces, stands for the full disk."""
    program = """
import resource, sys
from pathlib import Path
from runner_tasks import Digests, benchmark
from zerotube.errors import InputError
from zerotube.eval.runner import RunOptions, run_task

states = []
def watch(state):
    states.append(state.done)
    if state.done == 4:
        # Room for what is written already, and no more.
        size = max(path.stat().st_size for path in Path(sys.argv[1]).glob("journal*"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
try:
    run_task(Digests(Path(sys.argv[2])), benchmark(30), RunOptions(Path(sys.argv[1])), watch=watch)
except InputError as caught:
    print(states[-1], caught)
"""
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", program, str(options.folder), str(log)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    count, _, message = done.stdout.partition(" ")
    assert "cannot be written" in message
    assert "--resume" in message
    assert 4 <= int(count) < 30
    states = [row["state"] for row in rows(options.folder).values()]
    assert states.count("done") == int(count)
    assert run_task(Digests(log), benchmark(30), replace(options, resume=True)).complete
