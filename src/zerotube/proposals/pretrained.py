"""Loading a detector or a mask tracker, keyed by the architecture in its config."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from zerotube.checkpoints import placed, quiet, refusing, revision_of, torch_device, torch_dtype
from zerotube.checkpoints.files import architecture_of
from zerotube.checkpoints.strict import TRUSTED, find_checkpoint, load_weights
from zerotube.errors import ModelError, QueryError


@dataclass(frozen=True)
class Pretrained:
    """A model of `transformers` with its processor.

    Attributes:
        name: id or folder, as the user gave it.
        architecture: class of the model, as its config names it.
        model: in evaluation mode, on ``device``, without gradients.
        processor: the processor saved beside it.
        device: torch device.
        dtype: torch dtype of the weights.
    """

    name: str
    architecture: str
    model: Any
    processor: Any
    device: Any
    dtype: Any

    def plain(self, text: str) -> str:
        """The text of a user, if the tokenizer reads it as text alone.

        Raises:
            QueryError: it holds a special token, which would end the text or part it.
        """
        for token in self.processor.tokenizer.added_tokens_decoder.values():
            if token.special and token.content in text:
                raise QueryError(
                    f"a noun with {token.content!r}, which is a special token of {self.name!r}",
                    wanted="plain words",
                    fix="name what to look for (--noun)",
                )
        return text

    def inputs(self, **given: Any) -> dict[str, Any]:
        """What the processor makes of pictures and text, on the device, floats in ``dtype``."""
        made = self.processor(**given, return_tensors="pt")
        return {
            key: value.to(self.device, self.dtype)
            if value.is_floating_point()
            else value.to(self.device)
            for key, value in made.items()
            if hasattr(value, "is_floating_point")
        }


def load_pretrained(
    name: str,
    *,
    architectures: Collection[str],
    processor_class: str,
    role: str,
    device: str | None,
    dtype: str,
) -> Pretrained:
    """Load a model and its processor.

    Args:
        name: a folder written by ``save_pretrained``, or a Hugging Face id.
        architectures: the classes of `transformers` that will do.
        processor_class: class of `transformers` that reads the processor.
        role: what the model is for, which is also the name of the setting that names it.
        device: torch device; None for the first GPU, else the CPU.
        dtype: see `zerotube.checkpoints.torch_dtype`.

    Raises:
        ModelError: unknown id, no network, folder without weights, or another architecture.
        UsageError: unknown device or dtype.
    """
    import transformers

    where = torch_device(device)
    kind = torch_dtype(dtype, where)
    wanted = f"a folder or an id of a {' or '.join(sorted(architectures))}"
    fix = (
        f"check the id, the network and, for gated models, `hf auth login`; {role}=PATH takes a "
        "folder"
    )

    def accept(config: Mapping[str, Any]) -> None:
        architecture, kind = architecture_of(config), config.get("model_type")
        if architecture not in architectures:
            raise ModelError(
                f"the {role} {name!r} of architecture {architecture!r}",
                wanted=f"one of {', '.join(sorted(architectures))}",
                fix=f"choose another {role}",
            )
        expected = getattr(transformers, architecture).config_class.model_type
        if kind != expected:
            raise ModelError(
                f"the {role} {name!r} of architecture {architecture!r} and of type "
                f"{str(kind)[:80]!r}",
                wanted=f"type {expected!r}",
                fix="download its config.json again, unchanged",
            )

    files = find_checkpoint(name, accept=accept, wanted=wanted, fix=fix)
    architecture = architecture_of(files.config)
    with refusing(name, wanted=wanted, fix=fix), quiet():
        processor = getattr(transformers, processor_class).from_pretrained(
            str(files.folder), **TRUSTED
        )
    loaded = load_weights(
        getattr(transformers, architecture), files, name=name, wanted=wanted, fix=fix, dtype=kind
    )
    loaded = placed(
        loaded.eval().requires_grad_(False),
        where,
        name=name,
        fix=f"set device=cpu, dtype=bfloat16 or a smaller {role}",
    )
    return Pretrained(name, architecture, loaded, processor, where, loaded.dtype)


RULES_VERSION = 1
"""Raised when a change of the code here changes the tracks of the proposers with models."""


def joint_revision(*models: str) -> str | None:
    """Revision of a proposer that rests on these models; None where one cannot be told."""
    parts = [revision_of(model) for model in models]
    if None in parts:
        return None
    return f"{RULES_VERSION}, " + ", ".join(str(part) for part in parts)
