"""Who decomposed the sentences of a run: one that asked a server may rest on the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from zerotube.eval.runner.types import RunRecord
from zerotube.query.types import Query

QUERY: Final = "query"
"""Key of a task's result under which its ``query_record`` stands."""


def query_record(query: Query) -> dict[str, Any]:
    """What a result keeps of a decomposition, as plain JSON values."""
    return {"source": query.source, "warnings": list(query.warnings)}


@dataclass(frozen=True)
class Decomposed:
    """Who decomposed the sentences of a run.

    Attributes:
        sources: how many sentences, by ``Query.source``; without those of failed samples.
        warned: the first warning about each sentence that has one, by sample id.
    """

    sources: Mapping[str, int]
    warned: Mapping[str, str]

    @property
    def note(self) -> str | None:
        """What a reader of the scores must know; None if every sentence went as was asked."""
        if not self.warned:
            return None
        split = ", ".join(f"{count} by {source}" for source, count in self.sources.items())
        name, warning = next(iter(self.warned.items()))
        return (
            f"sentences were decomposed {split}; {len(self.warned)} with a warning, the first, "
            f"{name!r}: {warning}"
        )


def decomposed(record: RunRecord) -> Decomposed:
    """Who decomposed the sentences of a finished run."""
    sources: Counter[str] = Counter()
    warned: dict[str, str] = {}
    for sample in record.samples:
        found = record.results.get(sample.sample_id, {}).get(QUERY)
        if found is None:
            continue
        sources[found["source"]] += 1
        if found["warnings"]:
            warned[sample.sample_id] = found["warnings"][0]
    return Decomposed(dict(sources.most_common()), warned)
