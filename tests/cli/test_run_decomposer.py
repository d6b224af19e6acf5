"""``--decomposer openai`` and ``--decompositions`` of the verbs that run over a data set.

The server is a real process that speaks the protocol; `query/chat_server.py` says what its steps
do. Its good answer is one that no rule gives.
"""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from zerotube.cli.llm import without_secrets
from zerotube.eval.datasets import Request, load_benchmark
from zerotube.eval.ground_task import CandidateChoice, GroundTask, ModelChoice, Variant
from zerotube.eval.runner.processes import Processes
from zerotube.method.config import preset
from zerotube.query.llm import LLMSettings
from zerotube.synth import HELD_OUT_SEED, set_sample
from zerotube.video import write_video

TEXT = "The tall man in red sits down on the bench."
KEY = "sk-Zq81-aVeryPrivateKey"
NAMES = ("1_a.mp4", "2_b.mp4", "3_c.mp4")
SERVER = Path(__file__).parents[1] / "query" / "chat_server.py"
SESSIONS = count()
MOTION = CandidateChoice("motion", store=False)


class Chat:
    """The server's process, and what a session was asked."""

    def __init__(self, port: int) -> None:
        self.port = port

    def session(self, steps: str) -> str:
        """Address of a new session with these steps."""
        self.name = f"r{next(SESSIONS)}"
        return f"http://127.0.0.1:{self.port}/{steps}/{self.name}/v1"

    def keys(self) -> list[str]:
        """Keys of the requests of the latest session."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/log/{self.name}") as reply:
            return [request["key"] for request in json.load(reply)]


@pytest.fixture(scope="module")
def chat() -> Iterator[Chat]:
    pytest.importorskip("openai", reason="needs the extra 'openai'")
    with subprocess.Popen(
        [sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        try:
            yield Chat(int(running.stdout.readline()))
        finally:
            running.kill()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OPENAI_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HC-STVG with three copies of a clip and one sentence."""
    folder = tmp_path_factory.mktemp("hcstvg")
    clip = set_sample("attribute-hard", 0, HELD_OUT_SEED + 905)
    for name in NAMES:
        write_video(folder / name, clip.frames, clip.fps)
    entry = {
        "bbox": [[1, 1, 20, 20]] * 5,
        "st_frame": 3,
        "img_num": len(clip.frames),
        "img_size": list(clip.frames.shape[1:3]),
        "English": TEXT,
    }
    (folder / "val_v2.json").write_text(json.dumps(dict.fromkeys(NAMES, entry)))
    return folder


def words(verb: tuple[str, ...], root: Path, out: Path, *more: object) -> tuple[object, ...]:
    data = ("--dataset", "hcstvg-v2", "--root", root, "--split", "val", "--out", out)
    method = ("--frames", "4", "--proposer", "motion", "--no-store", "--quiet")
    return (*verb, *data, *method, *more)


def server(address: str, *more: str) -> tuple[str, ...]:
    base = ("--decomposer", "openai", "--llm-base-url", address, "--llm-attempts", "1")
    return (*base, "--no-llm-cache", *(more or ("--llm-model", "some-model")))


EVAL = ("eval", "--method", "gti", "--top-k", "2")


def test_eval_asks_the_server_and_resumes(
    run, chat: Chat, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    address = chat.session("good")
    asked = words(EVAL, root, out, *server(address), "--llm-key", KEY)
    monkeypatch.setattr(sys, "argv", ["zerotube", *map(str, asked)])
    done = run(*asked)
    assert done.code == 0, done.err
    assert chat.keys() == [KEY] * 3
    assert "OPENAI_API_KEY" not in os.environ
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["decomposed_by"] == {"openai:some-model": 3}
    assert metrics["settings"]["model"]["decomposer"] == "openai"
    host = f"127.0.0.1:{chat.port}"
    assert metrics["settings"]["model"]["server"] == {"model": "some-model", "host": host}
    for file in out.rglob("*"):
        assert KEY.encode() not in file.read_bytes(), file
    assert "--llm-key ..." in (out / "report.html").read_text()
    assert KEY not in done.out + done.err

    # What is done is not asked again; what is not done is.
    with sqlite3.connect(out / "journal.sqlite") as journal:
        journal.execute("UPDATE samples SET state = 'waiting', result = NULL WHERE position = 1")
    journal.close()
    done = run(*asked, "--resume")
    assert done.code == 0, done.err
    assert chat.keys() == [KEY] * 4
    assert json.loads((out / "metrics.json").read_text())["decomposed_by"] == {
        "openai:some-model": 3
    }

    # Who splits the sentences belongs to the run.
    done = run(*words(EVAL, root, out, "--resume"))
    assert done.code == 2
    assert 'model.decomposer = "openai" (now "rules")' in done.error_line()
    other = server(address, "--llm-model", "another")
    done = run(*words(EVAL, root, out, *other, "--llm-key", KEY, "--resume"))
    assert done.code == 2
    assert 'model.server.model = "some-model" (now "another")' in done.error_line()
    assert KEY not in done.err


def test_a_worker_process_asks_it_with_the_key_of_its_environment(
    chat: Chat, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_MODEL", "some-model")
    monkeypatch.setenv("OPENAI_BASE_URL", chat.session("good"))
    model = ModelChoice("bundled", decomposer="openai", llm=LLMSettings(cache=False))
    task = GroundTask((Variant("gti", preset("gti", frames=4)),), model, MOTION)
    assert KEY.encode() not in pickle.dumps(task)
    monkeypatch.delenv("OPENAI_MODEL")  # named once, where the run begins
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    asked = load_benchmark(Request("hcstvg-v2", "val", root)).samples[0]
    workers = Processes(task, 1)
    outcomes = []
    try:
        workers.start()
        workers.give(asked)
        while not outcomes:
            outcomes = workers.wait()
    finally:
        workers.close()
    assert outcomes[0].problem is None
    found = json.loads(outcomes[0].result or "")
    assert found["query"] == {"source": "openai:some-model", "warnings": []}
    assert chat.keys() == [KEY]


def test_a_run_is_known_by_the_host_without_its_user() -> None:
    llm = LLMSettings(base_url=f"https://user:{KEY}@host.org:8000/v1", model="m")
    known = ModelChoice(decomposer="openai", llm=llm).to_dict()
    assert known["server"] == {"model": "m", "host": "host.org:8000"}


def test_rules_that_stepped_in_are_counted(run, chat: Chat, root: Path, tmp_path: Path) -> None:
    address = chat.session("good,status403,good")
    done = run(*words(EVAL, root, tmp_path, *server(address), "--llm-key", KEY))
    assert done.code == 0, done.err
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["decomposed_by"] == {"openai:some-model": 2, "rules": 1}
    said = (
        "sentences were decomposed 2 by openai:some-model, 1 by rules; 1 with a warning, "
        "the first, '2_b.mp4': the rules decomposed this sentence"
    )
    assert f"zerotube: warning: {said}" in done.err
    page = (tmp_path / "report.html").read_text()
    assert "1 with a warning" in page
    assert KEY not in page


@pytest.mark.parametrize(
    "verb",
    [("ablate", "frames", "--values", "4", "--method", "gti"), ("analyze", "peaks", "--lr", "0.1")],
)
def test_the_other_verbs_ask_it_too(
    run, chat: Chat, root: Path, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    address = chat.session("good")
    asked = list(words(verb, root, tmp_path, *server(address), "--llm-key", KEY))
    if verb[0] == "analyze":
        for word in ("--proposer", "motion", "--no-store"):
            asked.remove(word)
    done = run(*asked, "--limit", "1")
    assert done.code == 0, done.err
    assert chat.keys() == [KEY]
    settings = json.loads((tmp_path / "table.json").read_text())["settings"]
    assert settings["model"]["server"]["model"] == "some-model"


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (("--decomposer", "nobody"), "rules, openai, model"),
        (("--decomposer", "openai"), "OPENAI_MODEL"),
        (("--decomposer", "openai", "--llm-model", "m"), "OPENAI_API_KEY"),
        (("--decomposer", "openai", "--llm-model", "m", "--llm-base-url", "x"), "web address"),
        (("--llm-model", "m"), "--llm-model with --decomposer rules"),
    ],
)
@pytest.mark.parametrize("verb", [EVAL, ("ablate", "components"), ("analyze", "tokens")])
def test_what_cannot_be_asked_is_refused_before_anything_is_loaded(
    run, root: Path, tmp_path: Path, verb: tuple[str, ...], more: tuple[str, ...], named: str
) -> None:
    pytest.importorskip("openai")
    data = ("--dataset", "hcstvg-v2", "--root", root, "--split", "val")
    done = run(*verb, *data, "--out", tmp_path / "run", *more, "--model", tmp_path / "nowhere")
    assert done.code == 2
    assert named in done.error_line()
    assert not (tmp_path / "run").exists()


def test_a_command_line_without_secrets() -> None:
    line = ["eval", "--llm-key", KEY, f"--llm-key={KEY}", "--llm-base-url", f"http://u:{KEY}@h/v1"]
    assert without_secrets([*line, "--llm-key"]) == [
        "eval", "--llm-key", "...", "--llm-key=...", "--llm-base-url", "http://h/v1", "--llm-key",
    ]  # fmt: skip


def write_phrases(path: Path, *names: str) -> Path:
    entry = {
        "decompose_attribute": ["the tall man in red"],
        "decompose_action": ["the man sat down on the bench"],
    }
    path.write_text(json.dumps(dict.fromkeys(names, entry)))
    return path


def test_stored_decompositions(run, root: Path, tmp_path: Path) -> None:
    phrases = write_phrases(tmp_path / "stored.json", "1_a.mp4", "3_c.mp4", "9_z.mp4")
    out = tmp_path / "run"
    asked = words(EVAL, root, out, "--decompositions", phrases)
    done = run(*asked)
    assert done.code == 0, done.err
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["decomposed_by"] == {"stored:stored.json": 2, "rules": 1}
    assert metrics["settings"]["model"]["decompositions"]["file"] == "stored.json"
    assert "1 with a warning, the first, '2_b.mp4': rules decomposed this sentence" in done.err

    # The content belongs to the run, not the name.
    write_phrases(phrases, "1_a.mp4", "2_b.mp4", "3_c.mp4")
    done = run(*asked, "--resume")
    assert done.code == 2
    assert "model.decompositions.sha256" in done.error_line()


def test_stored_decompositions_that_cannot_be_used(run, root: Path, tmp_path: Path) -> None:
    other = write_phrases(tmp_path / "stored.json", "9_z.mp4")
    done = run(*words(EVAL, root, tmp_path / "run", "--decompositions", other))
    assert done.code == 3
    assert "phrases for none of the 3 samples" in done.error_line()
    broken = tmp_path / "broken.json"
    broken.write_text('{"1_a.mp4": {"decompose_attribute": "the man"}}')
    for verb in (
        words(EVAL, root, tmp_path / "run"),
        ("ground", root / "1_a.mp4", TEXT),
    ):
        done = run(*verb, "--model", tmp_path / "nowhere", "--decompositions", broken)
        assert done.code == 3
        assert "1_a.mp4.decompose_action" in done.error_line()


def test_ground_takes_those_of_its_video(run, root: Path, tmp_path: Path) -> None:
    phrases = write_phrases(tmp_path / "stored.json", "1_a.mp4")
    asked = ("--decompositions", phrases, "--method", "gti", "--frames", "4", "--json", "--quiet")
    done = run("ground", root / "1_a.mp4", TEXT, *asked)
    assert done.code == 0, done.err
    parts = json.loads(done.out)["sub_queries"]
    assert (parts["source"], parts["action"]) == (
        "stored:stored.json",
        "the man sat down on the bench",
    )
    done = run("ground", root / "2_b.mp4", TEXT, *asked)
    assert json.loads(done.out)["sub_queries"]["source"] == "rules"
    assert "stored.json has no phrases for '2_b.mp4'" in done.err
