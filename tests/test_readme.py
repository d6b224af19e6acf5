"""The README's commands and examples run as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

BLOCK = re.compile(r"<!-- tested -->\n```(bash|python)\n(.*?)```", re.DOTALL)


def test_readme_runs(
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from typer.testing import CliRunner

    from zerotube.cli.main import app

    blocks = BLOCK.findall((repository / "README.md").read_text(encoding="utf-8"))
    assert len(blocks) >= 3
    monkeypatch.chdir(tmp_path)
    for language, text in blocks:
        if language == "python":
            exec(compile(text, "README.md", "exec"), {})
            assert capsys.readouterr().out.strip()
            continue
        for line in text.strip().splitlines():
            program, *words = shlex.split(line)
            assert program == "zerotube", line
            done = CliRunner().invoke(app, words, catch_exceptions=False)
            assert done.exit_code == 0, f"{line}\n{done.stderr}"
            assert done.stdout.strip(), line
    for name in ("tube.json", "overlay.mp4", "attention.png", "timeline.png"):
        assert (tmp_path / "tube" / name).is_file()


def test_readme_opens_with_the_two_commands(repository: Path) -> None:
    head = (repository / "README.md").read_text(encoding="utf-8")[:1200]
    assert head.index("make demo") < head.index("make test")


def test_readme_links_exist(repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (repository / target).exists(), target
