"""Decomposition by a language model: a server, or whatever else answers a prompt with text."""

from __future__ import annotations

from zerotube.query.llm.decomposer import Ask, LLMDecomposer, LLMSettings, Patience
from zerotube.query.types import Decomposer

__all__ = ["Ask", "Decomposer", "LLMDecomposer", "LLMSettings", "Patience"]
