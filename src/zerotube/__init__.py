"""Zero-shot spatio-temporal video grounding with frozen multimodal LLMs.

The public names are imported on first use, so that ``import zerotube`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zerotube.errors import ZerotubeError
    from zerotube.exports import export
    from zerotube.geometry.spans import Span
    from zerotube.grounder import Candidates, Grounder
    from zerotube.method.config import MethodSettings
    from zerotube.proposals.types import Track, TrackSet
    from zerotube.query import decompose
    from zerotube.query.llm import LLMSettings
    from zerotube.query.llm.openai_clients import openai_asker, openai_decomposer
    from zerotube.query.types import Query
    from zerotube.tube.types import GroundingResult, Tube
    from zerotube.video import open_video

    __version__: str

__all__ = [
    "Candidates",
    "Grounder",
    "GroundingResult",
    "LLMSettings",
    "MethodSettings",
    "Query",
    "Span",
    "Track",
    "TrackSet",
    "Tube",
    "ZerotubeError",
    "__version__",
    "decompose",
    "export",
    "open_video",
    "openai_asker",
    "openai_decomposer",
]

_HOMES = {
    "Candidates": "zerotube.grounder",
    "Grounder": "zerotube.grounder",
    "GroundingResult": "zerotube.tube.types",
    "LLMSettings": "zerotube.query.llm",
    "MethodSettings": "zerotube.method.config",
    "Query": "zerotube.query.types",
    "Span": "zerotube.geometry.spans",
    "Track": "zerotube.proposals.types",
    "TrackSet": "zerotube.proposals.types",
    "Tube": "zerotube.tube.types",
    "ZerotubeError": "zerotube.errors",
    "decompose": "zerotube.query",
    "export": "zerotube.exports",
    "open_video": "zerotube.video",
    "openai_asker": "zerotube.query.llm.openai_clients",
    "openai_decomposer": "zerotube.query.llm.openai_clients",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("zerotube")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
