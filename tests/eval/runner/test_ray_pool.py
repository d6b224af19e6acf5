"""Workers as actors of a real Ray cluster on this machine; some of them are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import runner_tasks
from runner_tasks import Digests, benchmark
from zerotube.errors import InputError, MissingExtraError, ModelError
from zerotube.eval.runner import RunOptions, ray_pool, run_task
from zerotube.eval.runner.pool import WorkerFailedError
from zerotube.eval.runner.ray_pool import RayPool

WORKERS = 3


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a cluster that the tests of this file share, since one takes ten seconds."""
    ray = pytest.importorskip("ray", reason="package 'ray' not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # No key is written to the user's home.
        patch.setenv("RAY_AUTH_TOKEN", "0" * 32)
        # Actors import the tasks of the tests: on a cluster, paths are the user's to set.
        known = [str(Path(runner_tasks.__file__).parent), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in known if path))
        handler = signal.getsignal(signal.SIGTERM)
        ray.init(
            address="local",
            num_cpus=WORKERS,
            num_gpus=0,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=100 * 2**20,
            logging_level="error",
            _system_config={"worker_niceness": 0},
        )
        signal.signal(signal.SIGTERM, handler)
        yield "auto"
        ray.shutdown()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "127.0.0.1:99999"])
def test_no_cluster_at_the_address(log: Path, tmp_path: Path, address: str) -> None:
    ray = pytest.importorskip("ray", reason="package 'ray' not installed")
    assert not ray.is_initialized(), "these tests come before those with a cluster"
    with pytest.raises(InputError, match="no Ray cluster"):
        run_task(Digests(log), benchmark(2), RunOptions(tmp_path / "run", ray=address))
    assert not (tmp_path / "run").exists()


def test_without_the_package(log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"zerotube\[ray\]"):
        RayPool(Digests(log), "local", 2).start()


def test_a_killed_actor_changes_no_result(cluster: str, log: Path, tmp_path: Path) -> None:
    # The sample that waits is surely in work when its actor is killed, and no other is.
    behaviour = {"s004": "skip", "s006": "fail once", "s009": "wait once", "s011": "fail"}
    task = Digests(log, behaviour, seconds=0.1)
    killed: list[int] = []

    def kill_one(_) -> None:
        if not killed and "s009" in (begun := task.attempts()):
            killed.append(task.pids()[begun.index("s009")])
            os.kill(killed[0], signal.SIGKILL)

    options = RunOptions(tmp_path / "spread", workers=WORKERS, ray=cluster)
    spread = run_task(task, benchmark(24), options, watch=kill_one)
    assert killed
    assert os.getpid() not in task.pids()
    assert len(set(task.pids())) >= 2
    again = {one for one in task.attempts() if task.attempts().count(one) > 1}
    assert again == {"s006", "s009", "s011"}
    (log / "attempts").unlink()
    del behaviour["s009"]
    alone = run_task(Digests(log, behaviour), benchmark(24), RunOptions(log / "a"))
    assert list(spread.results) == list(alone.results)
    assert dict(spread.results) == dict(alone.results)
    assert (spread.errors, spread.skipped) == (alone.errors, alone.skipped)


def test_an_actor_that_always_dies_costs_its_sample_alone(
    cluster: str, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    task = Digests(log, {"s001": "die"})
    # The only one: without a replacement the run would never end.
    record = run_task(task, benchmark(4), RunOptions(tmp_path / "run", workers=1, ray=cluster))
    assert list(record.errors) == ["s001"]
    assert "lost" in record.errors["s001"]
    assert task.attempts().count("s001") == 2
    assert len(set(task.pids())) >= 2
    assert {threads for _, threads in task.openings()} == {str(WORKERS)}


@pytest.mark.parametrize(
    ("opening", "said"), [("fail", "no model"), ("bug", "a bug"), ("die", "could not load")]
)
def test_actors_that_cannot_open_end_the_run(
    cluster: str,
    log: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opening: str,
    said: str,
) -> None:
    # Starting an actor takes seconds: one death is enough here.
    monkeypatch.setattr(ray_pool, "_OPENINGS", 1)
    options = RunOptions(tmp_path / "run", workers=1, ray=cluster)
    with pytest.raises(ModelError if opening == "fail" else WorkerFailedError, match=said):
        run_task(Digests(log, opening=opening), benchmark(3), options)
    assert not options.folder.exists()
    assert len(Digests(log).openings()) == 1


PROGRAM = """
import sys
from pathlib import Path
import runner_tasks
from runner_tasks import Digests, benchmark
from zerotube.errors import ZerotubeError
from zerotube.eval.runner import RunOptions, run_task

if __name__ == "__main__":
    folder, log = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        run_task(
            Digests(log, seconds=0.5),
            benchmark(40),
            RunOptions(folder, resume=True, workers=2, ray=sys.argv[3]),
        )
    except ZerotubeError as caught:
        print(caught, file=sys.stderr)
        raise SystemExit(caught.exit_code)
"""


def test_a_local_cluster_ends_with_its_run(log: Path, tmp_path: Path) -> None:
    """SIGTERM in the middle: the journal is closed, no process of the cluster stays."""
    pytest.importorskip("ray", reason="package 'ray' not installed")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    place = tmp_path / "tmp"
    place.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "RAY_AUTH_TOKEN": "0" * 32,
        "ZEROTUBE_TEST_CLUSTER": str(tmp_path),
    }
    process = subprocess.Popen(
        [sys.executable, str(program), str(tmp_path / "run"), str(log), "local"],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    task = Digests(log)
    deadline = time.monotonic() + 50
    while len(task.attempts()) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "--resume" in err
    assert "Traceback" not in err
    assert not out, "stdout belongs to results"
    deadline = time.monotonic() + 20
    while (left := _processes_with(f"ZEROTUBE_TEST_CLUSTER={tmp_path}")) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.1)
    assert not left
    record = run_task(task, benchmark(40), RunOptions(tmp_path / "run", resume=True))
    assert record.complete


def _processes_with(variable: str) -> list[str]:
    """Command lines of the processes with a variable in their environment (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found
