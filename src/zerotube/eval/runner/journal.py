"""The journal of a run: one SQLite file with a row per sample.

Every change is one transaction in WAL mode with ``synchronous=FULL``: once a result is reported it
outlives a killed process and a power failure. The two flushes per sample cost milliseconds, a
grounding costs a second or more. A run that ended properly leaves a single file without a log
beside it, which can be copied and read anywhere.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from zerotube.errors import InputError
from zerotube.eval.runner.attempt import Outcome
from zerotube.eval.runner.identity import Identity, check_same
from zerotube.eval.runner.types import ATTEMPTS
from zerotube.files import replaced

JOURNAL_FILE = "journal.sqlite"
"""Name of the journal inside the folder of a run."""

APPLICATION_ID = 0x5A54524A
"""Marks the file as ours ("ZTRJ") in SQLite's header, so that no other program's is taken."""

SCHEMA_VERSION = 1
"""Rises whenever the tables change."""

_SCHEMA = """
CREATE TABLE run (
    settings TEXT NOT NULL,          -- JSON: what decides the results
    settings_hash TEXT NOT NULL,
    samples TEXT NOT NULL            -- JSON: data set, split, limit, shard, digest of the samples
);
CREATE TABLE samples (
    position INTEGER PRIMARY KEY,    -- order of the benchmark
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'running', 'done', 'failed', 'skipped')),
    attempts INTEGER NOT NULL DEFAULT 0,
    killed INTEGER NOT NULL DEFAULT 0,  -- how often the run was killed while it was in work
    result TEXT,                     -- JSON of a done sample
    error TEXT,                      -- JSON of the last failure, or why it is skipped
    begun_s REAL,                    -- seconds since the epoch
    seconds REAL,
    worker TEXT,                     -- machine and process id
    settings_hash TEXT               -- of the settings that the result was made with
);
"""


class Journal:
    """An open journal. Only the process that holds the lock of the run opens one.

    Args:
        path: of the file, which exists; see ``create``.
        asked: what the run is to be about. A journal of something else is not touched.

    Raises:
        InputError: it is damaged, of another program or of another version.
        UsageError: it is of other settings or samples.
    """

    def __init__(self, path: Path, asked: Identity) -> None:
        self.path = path
        self._closed = False
        with _clear_errors(path):
            # autocommit off by hand: every transaction below is spelled out.
            self._base = sqlite3.connect(path, isolation_level=None)
            try:
                _check(self._base, path)
                check_same(path.parent, _read_identity(self._base, path), asked)
                self._hash = asked.settings_hash
                self._base.execute("PRAGMA journal_mode=WAL")
                self._base.execute("PRAGMA synchronous=FULL")
                # What was in work when an earlier process was killed is in work no longer.
                self._stop_running(killed=True)
            except BaseException:
                self._base.close()
                raise

    @classmethod
    def create(cls, path: Path, identity: Identity, ids: Sequence[str]) -> Self:
        """Write a new journal in which every sample waits, whole or not at all.

        Raises:
            InputError: it cannot be written.
        """
        with (
            replaced(path, alone=True) as partial,
            _clear_errors(path),
            closing(sqlite3.connect(partial)) as base,
        ):
            base.executescript(_SCHEMA)
            base.execute(f"PRAGMA application_id={APPLICATION_ID}")
            base.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            settings, samples = json.dumps(identity.settings), json.dumps(identity.samples)
            base.execute(
                "INSERT INTO run VALUES (?, ?, ?)", (settings, identity.settings_hash, samples)
            )
            base.executemany(
                "INSERT INTO samples (position, id) VALUES (?, ?)", list(enumerate(ids))
            )
            base.commit()
        return cls(path, identity)

    def unfinished(self) -> tuple[list[str], list[str]]:
        """Ids that no attempt has failed for yet, and those to be tried again at the end.

        A sample in whose work the run was killed comes last: it may be what killed it.
        """
        order = "ORDER BY killed, position"
        first = f"SELECT id FROM samples WHERE state = 'waiting' AND attempts = 0 {order}"
        again = (
            "SELECT id FROM samples WHERE state IN ('waiting', 'failed') "
            f"AND attempts BETWEEN 1 AND {ATTEMPTS - 1} {order}"
        )
        return self._column(first), self._column(again)

    def begin(self, sample_id: str) -> None:
        """Note that a sample is in work."""
        self._write("UPDATE samples SET state = 'running' WHERE id = ?", (sample_id,))

    def finish(self, outcome: Outcome) -> None:
        """Note how an attempt ended."""
        problem = outcome.problem
        error = None
        if problem is not None:
            error = json.dumps(
                {
                    "type": problem.kind,
                    "message": problem.message,
                    "traceback": problem.traceback,
                }
            )
        self._write(
            "UPDATE samples SET state = ?, attempts = attempts + 1, result = ?, error = ?, "
            "begun_s = ?, seconds = ?, worker = ?, settings_hash = ? WHERE id = ?",
            (
                outcome.state,
                outcome.result,
                error,
                outcome.begun_s,
                outcome.seconds,
                outcome.worker,
                self._hash,
                outcome.sample_id,
            ),
        )

    def untouched(self) -> bool:
        """Whether no attempt has ended yet."""
        return not self._column("SELECT id FROM samples WHERE attempts > 0 LIMIT 1")

    def discard(self) -> None:
        """Close the journal and remove it."""
        self.close()
        self.path.unlink(missing_ok=True)

    def counts(self) -> dict[str, int]:
        """Samples by state; "retrying" are those that failed and will be tried again."""
        with _clear_errors(self.path):
            rows = self._base.execute(
                "SELECT CASE WHEN attempts BETWEEN 1 AND ? AND state IN "
                "('failed', 'waiting', 'running') THEN 'retrying' ELSE state END, COUNT(*) "
                "FROM samples GROUP BY 1",
                (ATTEMPTS - 1,),
            ).fetchall()
        return dict(rows)

    def notes(self, state: str) -> dict[str, str]:
        """Error of every sample in a state, by id in the benchmark's order, on one line."""
        with _clear_errors(self.path):
            rows = self._base.execute(
                "SELECT id, error FROM samples WHERE state = ? ORDER BY position", (state,)
            ).fetchall()
            found = {}
            for sample_id, error in rows:
                raw = json.loads(error)
                text = raw["message"] if state == "skipped" else f"{raw['type']}: {raw['message']}"
                found[sample_id] = " ".join(text.split())
        return found

    def seconds(self) -> dict[str, float]:
        """What each done sample took, by id."""
        with _clear_errors(self.path):
            rows = self._base.execute(
                "SELECT id, seconds FROM samples WHERE state = 'done' ORDER BY position"
            )
            return dict(rows.fetchall())

    def results(self) -> Results:
        """What the done samples came to."""
        done = self._column("SELECT id FROM samples WHERE state = 'done' ORDER BY position")
        return Results(self.path, done)

    def close(self) -> None:
        """Put back what is in work and leave one file."""
        if self._closed:
            return
        self._closed = True
        try:
            with _clear_errors(self.path):
                self._stop_running(killed=False)
                self._leave_one_file()
        finally:
            self._base.close()

    def _leave_one_file(self) -> None:
        try:
            self._base.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError as problem:
            # Somebody reads the journal just now: its log stays beside it, which is complete too.
            if problem.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise

    def _stop_running(self, *, killed: bool) -> None:
        self._write(
            "UPDATE samples SET state = 'waiting', killed = killed + ? WHERE state = 'running'",
            (int(killed),),
        )

    def _write(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        # A single statement outside BEGIN is a transaction of its own.
        with _clear_errors(self.path):
            self._base.execute(statement, values)

    def _column(self, statement: str) -> list[str]:
        with _clear_errors(self.path):
            return [row[0] for row in self._base.execute(statement).fetchall()]


class Results(Mapping[str, dict[str, Any]]):
    """Results by sample id, read from the journal one at a time.

    The answers to ten thousand samples are a gigabyte as Python objects, so they stay in the file.

    Args:
        path: of the journal.
        ids: of the done samples, in the order of the benchmark.
    """

    def __init__(self, path: Path, ids: Sequence[str]) -> None:
        self._path = path
        self._ids = dict.fromkeys(ids)

    def __getitem__(self, sample_id: str) -> dict[str, Any]:
        if sample_id not in self._ids:
            raise KeyError(sample_id)
        with _clear_errors(self._path), closing(_open_to_read(self._path)) as base:
            row = base.execute("SELECT result FROM samples WHERE id = ?", (sample_id,)).fetchone()
            found: dict[str, Any] = json.loads(row[0])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


def _open_to_read(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)


def _check(base: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not a whole journal of this version."""
    application = base.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID:
        raise InputError(
            f"{path}, an SQLite file that is not a journal of a run",
            wanted="a journal that this program wrote",
            fix="move that file away or choose another folder",
        )
    version = base.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{path} of version {version}",
            wanted=f"version {SCHEMA_VERSION}",
            fix="continue it with the zerotube that began it, or begin a new run in another folder",
        )
    verdict = base.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise _damaged(path, verdict)


def _read_identity(base: sqlite3.Connection, path: Path) -> Identity:
    """What the run is about; its rows must fit."""
    row = base.execute("SELECT settings, settings_hash, samples FROM run").fetchone()
    settings, settings_hash, samples = row
    identity = Identity(json.loads(settings), json.loads(samples))
    rows = base.execute("SELECT COUNT(*) FROM samples").fetchone()[0]
    bad = base.execute(
        "SELECT COUNT(*) FROM samples WHERE "
        "(state = 'done' AND NOT COALESCE(json_valid(result) AND settings_hash = ?, 0)) "
        "OR (state IN ('failed', 'skipped') AND NOT COALESCE(json_valid(error), 0))",
        (settings_hash,),
    ).fetchone()[0]
    if rows != identity.samples["count"] or bad or settings_hash != identity.settings_hash:
        raise _damaged(path, f"{rows} rows, of which {bad} cannot be read")
    return identity


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    """Say what SQLite's errors mean for the run."""
    try:
        yield
    except sqlite3.DatabaseError as problem:
        code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise InputError(
                f"{path}, which cannot be written ({problem})",
                wanted="free space and a disk that works",
                fix="free some space and run the same command with --resume: every finished sample "
                "is kept",
            ) from problem
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise _damaged(path, str(problem)) from problem
        raise InputError(
            f"{path}, which cannot be used ({problem})",
            wanted="a journal that can be read and written, with nobody else writing",
            fix="check its permissions and who has it open",
        ) from problem
    except (ValueError, TypeError, KeyError) as problem:
        # Text that is not JSON, a row that is not there: SQLite's own check does not look so deep.
        raise _damaged(path, str(problem)) from problem


def _damaged(path: Path, why: str) -> InputError:
    return InputError(
        f"{path}, which is damaged ({why})",
        wanted="a whole journal",
        fix="restore it from a copy, or begin a new run in another folder",
    )
