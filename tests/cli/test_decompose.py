"""``zerotube decompose``."""

from __future__ import annotations

import json
from pathlib import Path

QUERY = "The man in purple clothes takes a step forward and sits on the bench."


def test_json_line(run) -> None:
    done = run("decompose", "--json", QUERY)
    assert done.code == 0
    record = json.loads(done.out)
    assert list(record) == ["query", "attribute", "action", "noun", "source"]
    assert record["query"] == QUERY
    assert record["attribute"] == "the man in purple clothes"
    assert record["action"] == "the man takes a step forward and sits on the bench"
    assert record["noun"] == "man"
    assert record["source"] == "rules"


def test_for_people(run) -> None:
    done = run("decompose", QUERY, "the dog barks")
    assert done.code == 0
    assert done.out.splitlines()[:2] == [QUERY, "  attribute  the man in purple clothes"]
    assert "the dog barks" in done.out


def test_a_file_with_empty_and_bad_lines(run, tmp_path: Path) -> None:
    file = tmp_path / "queries.txt"
    file.write_text("the dog barks\n\n???\n  \nthe cat sleeps\n", encoding="utf-8")
    done = run("decompose", "--json", "--file", file)
    assert done.code == 3
    assert [json.loads(line)["noun"] for line in done.out.splitlines()] == ["dog", "cat"]
    assert "2 empty lines" in done.err
    assert f"zerotube: error: {file} line 3: got " in done.err
    assert "Traceback" not in done.err


def test_stdin(run) -> None:
    done = run("decompose", "--json", "--file", "-", stdin="the dog barks\n")
    assert done.code == 0
    assert json.loads(done.out)["noun"] == "dog"


def test_neither_or_both_is_a_usage_error(run, tmp_path: Path) -> None:
    assert run("decompose", "--json").code == 2
    assert run("decompose", "a dog", "--file", tmp_path / "x").code == 2


def test_empty_query(run) -> None:
    done = run("decompose", "  ")
    assert done.code == 3
    assert "query 1: got " in done.error_line()


def test_missing_and_binary_file(run, tmp_path: Path) -> None:
    missing = run("decompose", "--file", tmp_path / "none.txt")
    assert missing.code == 3
    assert "none.txt" in missing.error_line()
    (tmp_path / "raw.bin").write_bytes(b"\xff\xfe\xff\x00")
    raw = run("decompose", "--file", tmp_path / "raw.bin")
    assert raw.code == 3
    assert "UTF-8" in raw.error_line()
