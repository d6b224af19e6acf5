"""``--time ask``: the time in words, from servers that are real processes."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from pathlib import Path

import av
import numpy as np
import pytest

QUERY = "the red square moves right"
SERVER = Path(__file__).parents[1] / "query" / "chat_server.py"
SESSIONS = count()
FIRST, LAST, FRAMES, FPS = 20, 43, 72, 12
"""The square moves from the first to the last of these frames, of so many."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of the server."""
    pytest.importorskip("openai", reason="needs the extra 'openai'")
    with subprocess.Popen(
        [sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        try:
            yield int(running.stdout.readline())
        finally:
            running.kill()


@pytest.fixture(scope="module")
def stirring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A red square that rests, moves right, and rests again."""
    path = tmp_path_factory.mktemp("ask") / "stirring.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS))
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.options = {"crf": "8", "preset": "ultrafast"}
        for index in range(FRAMES):
            picture = np.full((96, 128, 3), 128, np.uint8)
            left = 8 + 3 * int(np.clip(index - FIRST, 0, LAST - FIRST))
            picture[30:58, left : left + 28] = (214, 40, 40)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture
def server(port: int, monkeypatch: pytest.MonkeyPatch):
    """Flags that ask a new session of the server, which does these steps."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def flags(steps: str, *more: object) -> list[object]:
        flags.session = f"a{next(SESSIONS)}"
        url = f"http://127.0.0.1:{port}/{steps}/{flags.session}/v1"
        words: list[object] = ["--time", "ask", "--asker", "openai", "--llm-model", "seeing"]
        return [*words, "--llm-base-url", url, *more]

    def asked() -> list[dict]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/log/{flags.session}") as reply:
            return [request["body"] for request in json.load(reply)]

    flags.asked = asked
    return flags


def test_a_server_sees_the_frames_and_its_words_decide(
    run, stirring: Path, server, tmp_path: Path
) -> None:
    words = server("watch", "--method", "asked", "--out", tmp_path / "out")
    done = run("ground", stirring, QUERY, *words)
    assert done.code == 0, done.err
    content = json.loads((tmp_path / "out" / "tube.json").read_text(encoding="utf-8"))
    # It is sent 20 of 72 frames, and names the two around each end of the motion.
    step = (FRAMES - 1) / 19
    assert FIRST - step - 2 <= content["start_frame"] <= FIRST + 2
    assert LAST - 2 <= content["end_frame"] <= LAST + step + 2
    named = content["scores"]["named"]
    assert named["source"] == "openai:seeing"
    assert named["refused"] == []
    assert content["scores"]["scan"] is None
    assert "asked" in {line.split()[0] for line in done.out.splitlines()}
    assert [line.split()[0] for line in done.err.splitlines()][3] == "ask"

    (body,) = server.asked()
    parts = body["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url"] * 20 + ["text"]
    assert QUERY in parts[-1]["text"]
    assert body["temperature"] == 0


def test_candidates_are_looked_for_at_the_time_that_was_named(run, stirring: Path, server) -> None:
    words = server("watch", "--method", "asked", "--time-first", "on", "--span-margin-s", 0.1)
    done = run("ground", stirring, QUERY, "--json", "--no-store", "--quiet", *words)
    assert done.code == 0, done.err
    content = json.loads(done.out)
    part = content["settings"]["proposer"]["time_first"]
    step = (FRAMES - 1) / 19
    assert FIRST - 2 * step - 2 <= part["start_frame"] <= FIRST + 2 - step
    assert LAST - 2 + step <= part["end_frame"] <= LAST + 2 * step + 2
    assert part["start_frame"] <= content["start_frame"] < content["end_frame"]
    assert content["end_frame"] <= part["end_frame"]
    assert len(server.asked()) == 1


def test_words_are_evidence_beside_the_scan(run, stirring: Path, server) -> None:
    content = json.loads(run("ground", stirring, QUERY, "--json", *server("watch")).out)
    assert content["scores"]["named"]["answers"]
    assert content["scores"]["scan"]
    assert content["settings"]["method"]["time"] == "ask"


def test_several_answers_are_drawn_and_what_names_no_time_is_left_out(
    run, stirring: Path, server
) -> None:
    words = server("drawn", "--method", "asked", "--ask-samples", 3, "--json", "--quiet")
    done = run("ground", stirring, QUERY, *words)
    content = json.loads(done.out)
    assert len(content["scores"]["named"]["answers"]) == 2
    assert "1 of 3 answers about the time: an answer that names no time" in done.err
    # 0 to 1 s and 0.5 to 1.5 s: where both agree counts twice.
    frames = [
        [(one["first_frame"], one["last_frame"]) for one in windows]
        for windows in content["scores"]["named"]["answers"]
    ]
    assert frames == [[(0.0, pytest.approx(12.0))], [(pytest.approx(6.0), pytest.approx(18.0))]]
    assert len(server.asked()) == 3
    assert all(body["temperature"] > 0 for body in server.asked())


def test_a_server_that_names_no_time_leaves_the_rest_to_decide(run, stirring: Path, server) -> None:
    done = run("ground", stirring, QUERY, "--json", *server("chatty"))
    plain = json.loads(run("ground", stirring, QUERY, "--json").out)
    content = json.loads(done.out)
    for key in ("start_frame", "end_frame", "track_id"):
        assert content[key] == plain[key]
    assert "the span was found without them" in done.err


def test_a_server_that_is_not_there_is_an_error_and_nothing_is_written(
    run, stirring: Path, server, tmp_path: Path
) -> None:
    words = server("status403", "--out", tmp_path / "out")
    done = run("ground", stirring, QUERY, *words)
    assert done.code == 3
    assert "status 403" in done.error_line()
    assert not (tmp_path / "out").exists()


def test_a_bare_noun_phrase_has_no_time_to_ask_for(run, stirring: Path, server) -> None:
    done = run("ground", stirring, "the red square", "--json", *server("status500"))
    assert done.code == 0
    assert json.loads(done.out)["scores"]["named"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--time", "ask"], "which does not know"),
        (["--asker", "openai", "--llm-model", "m"], "--asker openai without --time ask"),
        (["--asker", "gemini"], "--asker gemini"),
        (["--time", "ask", "--span-rule", "top-k"], "span_rule='cut'"),
        (["--time", "ask", "--ask-samples", "0"], "ask_samples=0"),
        (["--time", "ask", "--ask-weight", "nan"], "ask_weight=nan"),
    ],
)
def test_what_cannot_be_asked_is_refused(run, stirring: Path, words: list[str], said: str) -> None:
    done = run("ground", stirring, QUERY, *words)
    assert done.code == 2
    assert said in done.error_line()


def test_eval_says_who_was_asked(run, tmp_path: Path, server) -> None:
    words = ("--dataset", "synth", "--split", "mixed", "--limit", 2, "--proposer", "truth")
    flags = server("watch", "--method", "asked", "--quiet", "--workers", 1)
    out = tmp_path / "run"
    done = run("eval", *words, "--out", out, *flags)
    assert done.code == 0, done.err
    model = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["settings"]["model"]
    assert model["asker"] == "openai"
    assert model["server"]["model"] == "seeing"
    assert server.asked()
