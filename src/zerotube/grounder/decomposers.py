"""What splits a facade's sentences: rules, a server, or the loaded model itself."""

from __future__ import annotations

from pathlib import Path

from zerotube.checkpoints import revision_of
from zerotube.errors import AnswerError, ModelError, QueryError, UsageError
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.generate import generate_text
from zerotube.query import decompose
from zerotube.query.llm import Decomposer, LLMDecomposer, LLMSettings, Patience
from zerotube.query.llm.cache import PhraseCache, default_folder


def model_decomposer(
    model: VideoMLLM,
    settings: LLMSettings | None = None,
    *,
    cache_folder: Path | None = None,
) -> LLMDecomposer:
    """A decomposer that asks the loaded model itself, in text alone, and no network.

    Args:
        model: a loaded MLLM.
        settings: its limits and whether it caches; server and model name are not used.
        cache_folder: default ``zerotube.query.llm.cache.default_folder()``.
    """
    chosen = settings or LLMSettings()

    def ask(prompt: str, patience: Patience) -> str:
        try:
            seconds = min(patience.request_s, patience.left_s)
            return generate_text(model, prompt, max_time_s=seconds)
        except (ModelError, QueryError) as caught:
            raise AnswerError(caught.got, wanted=caught.wanted, fix=caught.fix) from caught

    cache = None
    if chosen.cache:
        cache = PhraseCache(cache_folder or default_folder(), _identity(model), "local")
    return LLMDecomposer(ask, source=f"model:{model.name}", cache=cache, settings=chosen)


def _identity(model: VideoMLLM) -> str:
    """Name of a model that changes with its weights: commit of a hub model, digest of a folder."""
    folder = Path(model.name)
    place = str(folder.resolve()) if folder.is_dir() else model.name
    return f"{place} {revision_of(model.name) or ''}".strip()


def chosen_decomposer(model: VideoMLLM, chosen: Decomposer | str) -> Decomposer:
    """A decomposer by name, or the one that was brought.

    Raises:
        UsageError: it is a name and not one that is known.
    """
    if not isinstance(chosen, str):
        return chosen
    if chosen == "rules":
        return decompose
    if chosen == "model":
        return model_decomposer(model)
    raise UsageError(
        f"the decomposer {chosen!r}",
        wanted="'rules', 'model', or a decomposer such as openai_decomposer()",
        fix="choose one of these",
    )
