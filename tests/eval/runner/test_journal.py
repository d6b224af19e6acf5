"""Journals that are not what they should be."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from runner_tasks import Digests, benchmark
from zerotube.errors import InputError
from zerotube.eval.runner import RunOptions, run_task
from zerotube.eval.runner.journal import JOURNAL_FILE


@pytest.fixture
def task(tmp_path: Path) -> Digests:
    folder = tmp_path / "log"
    folder.mkdir()
    return Digests(folder)


@pytest.fixture
def journal(tmp_path: Path, task: Digests) -> Path:
    """The journal of a finished run."""
    run_task(task, benchmark(40), RunOptions(tmp_path / "run"))
    return tmp_path / "run" / JOURNAL_FILE


def refusal(task: Digests, journal: Path) -> str:
    """What resuming says; the file stays as it was."""
    before = journal.read_bytes() if journal.is_file() else None
    with pytest.raises(InputError) as caught:
        run_task(task, benchmark(40), RunOptions(journal.parent, resume=True))
    if before is not None:
        assert journal.read_bytes() == before
    return str(caught.value)


def execute(journal: Path, statement: str) -> None:
    with closing(sqlite3.connect(journal)) as base:
        base.execute(statement)
        base.commit()


def test_another_version(task: Digests, journal: Path) -> None:
    execute(journal, "PRAGMA user_version=7")
    assert "version 7" in refusal(task, journal)


def test_sqlite_of_another_program(task: Digests, journal: Path) -> None:
    journal.unlink()
    execute(journal, "CREATE TABLE run (settings TEXT, settings_hash TEXT, samples TEXT)")
    assert "not a journal" in refusal(task, journal)


def test_an_empty_file(task: Digests, journal: Path) -> None:
    journal.write_bytes(b"")
    assert "not a journal" in refusal(task, journal)


def test_no_sqlite_at_all(task: Digests, journal: Path) -> None:
    journal.write_text("{}" * 5000)
    assert "damaged" in refusal(task, journal)


def test_a_folder_in_its_place(task: Digests, journal: Path) -> None:
    journal.unlink()
    journal.mkdir()
    assert "cannot be used" in refusal(task, journal)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_cut_short(task: Digests, journal: Path, part: float) -> None:
    whole = journal.read_bytes()
    journal.write_bytes(whole[: int(len(whole) * part)])
    assert "damaged" in refusal(task, journal)


def test_overwritten_in_the_middle(task: Digests, journal: Path) -> None:
    content = bytearray(journal.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = b"\xa5" * 3000
    journal.write_bytes(content)
    assert "damaged" in refusal(task, journal)


@pytest.mark.parametrize("text", ["{", "[]x", ""])
def test_a_result_that_is_no_json(task: Digests, journal: Path, text: str) -> None:
    execute(journal, f"UPDATE samples SET result = '{text}' WHERE position = 3")
    assert "damaged" in refusal(task, journal)


def test_no_settings(task: Digests, journal: Path) -> None:
    execute(journal, "DELETE FROM run")
    assert "damaged" in refusal(task, journal)


def test_samples_that_are_gone(task: Digests, journal: Path) -> None:
    execute(journal, "DELETE FROM samples WHERE position > 20")
    assert "damaged" in refusal(task, journal)


def test_begun_but_not_renamed(task: Digests, tmp_path: Path) -> None:
    """A process killed while it wrote the new journal leaves nothing that is in the way."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / f".{JOURNAL_FILE}.partial").write_bytes(b"SQLite format 3\0 and then nothing")
    assert run_task(task, benchmark(3), RunOptions(folder)).complete
    assert not list(folder.glob("*.partial"))


def test_a_reader_beside_a_run_disturbs_nothing(task: Digests, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with closing(sqlite3.connect(":memory:")) as base:

        def look(state) -> None:
            if state.done == 1:
                base.execute("ATTACH ? AS run", (str(folder / JOURNAL_FILE),))
                base.execute("BEGIN")
            if state.done:
                # Sees the state in which it began to read.
                count = "SELECT COUNT(*) FROM run.samples WHERE state = 'done'"
                assert base.execute(count).fetchone() == (1,)

        record = run_task(task, benchmark(5), RunOptions(folder), watch=look)
        assert len(record.results) == 5
        assert len(dict(record.results)) == 5
    assert run_task(task, benchmark(5), RunOptions(folder, resume=True)).complete


def test_a_folder_with_odd_characters(task: Digests, tmp_path: Path) -> None:
    folder = tmp_path / "50% of #1? ä"
    record = run_task(task, benchmark(2), RunOptions(folder))
    again = run_task(task, benchmark(2), replace(RunOptions(folder), resume=True))
    assert dict(again.results) == dict(record.results)
