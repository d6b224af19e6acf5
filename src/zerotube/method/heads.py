"""Heads that a model brings along: ``zerotube-heads.json`` beside its weights.

`zerotube heads` finds them without labels (arXiv 2503.06287) and writes the file::

    {"model": "bundled", "family": "Qwen2VL", "layers": 3, "heads_per_layer": 8,
     "chosen": [[1, 4], [2, 0]], "clips": 40, "version": "0.1.0"}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from zerotube.errors import ModelError, UsageError
from zerotube.method.beside import file_beside
from zerotube.method.config import MethodSettings

if TYPE_CHECKING:
    from zerotube.mllm.base import VideoMLLM
    from zerotube.mllm.capture import Heads

FILE = "zerotube-heads.json"
"""Name of the file beside the weights."""

_WANTED = 'JSON such as {"layers": 28, "heads_per_layer": 28, "chosen": [[14, 3], [17, 20]], ...}'


@dataclass(frozen=True)
class ChosenHeads:
    """Heads of one model.

    Attributes:
        model: whose they are; of a folder its last part.
        family: adapter of its architecture.
        layers, heads_per_layer: of its language model.
        chosen: pairs (layer, head), each once.
        clips: how many clips they were chosen on.
        version: of the package.

    Raises:
        ValueError: no pair, or one that is twice there or outside the model.
    """

    model: str
    family: str
    layers: int
    heads_per_layer: int
    chosen: tuple[tuple[int, int], ...]
    clips: int
    version: str

    def __post_init__(self) -> None:
        inside = all(
            0 <= layer < self.layers and 0 <= head < self.heads_per_layer
            for layer, head in self.chosen
        )
        if not self.chosen or not inside or len(set(self.chosen)) < len(self.chosen):
            raise ValueError(
                f"heads {[list(pair) for pair in self.chosen][:8]}, which are none, twice there or "
                f"outside {self.layers} layers of {self.heads_per_layer} heads"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"chosen": [list(pair) for pair in self.chosen]}

    def check_fits(self, model: str, layers: int | None, heads_per_layer: int | None) -> None:
        """Refuse heads of another model.

        Args:
            model: name of the one that is to be read, for the message.
            layers, heads_per_layer: of its language model; None where that is not known yet.

        Raises:
            ModelError: its numbers of layers and heads are others.
        """
        for mine, theirs in ((self.layers, layers), (self.heads_per_layer, heads_per_layer)):
            if theirs is not None and mine != theirs:
                raise ModelError(
                    f"{FILE} of {self.layers} layers of {self.heads_per_layer} heads for "
                    f"{model!r}, which has {layers or '?'} layers of {heads_per_layer or '?'}",
                    wanted="heads that were chosen for this model",
                    fix=_command(model),
                )


def chosen_heads(model: str) -> ChosenHeads:
    """The heads that a model brings along.

    Args:
        model: "bundled", a folder, or a Hugging Face id, of which the file is fetched.

    Raises:
        UsageError: it brings none.
        ModelError: the file says nothing usable, or does not fit the model's config.json.
    """
    file = file_beside(model, FILE)
    if file is None:
        raise UsageError(
            f"heads=chosen for {model!r}, which has no {FILE}",
            wanted="heads that were chosen for this model",
            fix=_command(model),
        )
    content = _json_of(file, f"{FILE} of {model!r}")
    try:
        pairs = tuple((_number(layer), _number(head)) for layer, head in content["chosen"])
        found = ChosenHeads(
            model=str(content["model"]),
            family=str(content["family"]),
            layers=_number(content["layers"]),
            heads_per_layer=_number(content["heads_per_layer"]),
            chosen=pairs,
            clips=_number(content["clips"]),
            version=str(content["version"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        reason = f"without {error}" if isinstance(error, KeyError) else f"with {error}"
        raise ModelError(
            f"{FILE} of {model!r} {reason}", wanted=_WANTED, fix=_command(model)
        ) from error
    config = file_beside(model, "config.json")
    if config is not None:
        whole = _json_of(config, f"config.json of {model!r}")
        text = whole.get("text_config")
        stated = text if isinstance(text, dict) else whole
        # A config leaves out what is its class's default; the loaded model is asked again.
        found.check_fits(model, stated.get("num_hidden_layers"), stated.get("num_attention_heads"))
    return found


_KNOWN: WeakKeyDictionary[VideoMLLM, ChosenHeads] = WeakKeyDictionary()
"""Of loaded models: for an id on the hub the file is a request."""


def heads_read(model: VideoMLLM, settings: MethodSettings) -> Heads:
    """The heads whose attention is averaged.

    Args:
        model: a loaded model.
        settings: say which.

    Raises:
        UsageError, ModelError: see ``chosen_heads``; or heads of layers that do not attend to all
            tokens.
    """
    if settings.heads != "chosen":
        return settings.heads
    if model not in _KNOWN:
        found = chosen_heads(model.name)
        found.check_fits(model.name, model.layer_count, model.head_count)
        full = model.full_attention_layers
        if any(layer not in full for layer, _ in found.chosen):
            raise ModelError(
                f"{FILE} of {model.name!r} with heads of layers that do not attend to all tokens",
                wanted=f"layers with full attention: {list(full)}",
                fix=_command(model.name),
            )
        _KNOWN[model] = found
    return _KNOWN[model].chosen


def place_of(model: str) -> Path | None:
    """Where the file belongs: beside the weights of a local folder; None for any other model."""
    return Path(model) / FILE if Path(model).is_dir() else None


def _command(model: str) -> str:
    """How to choose the heads of a model."""
    place = place_of(model)
    if place is not None or model == "bundled":
        return f"run `zerotube heads {model} --out {place or FILE}`"
    return (
        f"copy the model into a folder (hf download {model} --local-dir DIR) and run "
        f"`zerotube heads DIR --out DIR/{FILE}`"
    )


def _json_of(file: Path, what: str) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{what}, which is not JSON", wanted=_WANTED, fix="write the file again"
        ) from error
    if not isinstance(content, dict):
        raise ModelError(
            f"{what}, which is not a JSON object", wanted=_WANTED, fix="write the file again"
        )
    return content


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{str(value)[:40]!r} in place of a whole number")
    return value
