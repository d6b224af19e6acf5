"""Sentences: their decomposition into sub-queries, and every prompt (method section 6)."""

from __future__ import annotations

from zerotube.query.prompts import CAPTION_PROMPT, existence_prompt, query_prompt
from zerotube.query.rules.decompose import decompose, override
from zerotube.query.rules.number import as_asked, singular
from zerotube.query.score import phrase_f1
from zerotube.query.types import Query

__all__ = [
    "CAPTION_PROMPT",
    "Query",
    "as_asked",
    "decompose",
    "existence_prompt",
    "override",
    "phrase_f1",
    "query_prompt",
    "singular",
]
