"""Flags derived from a settings dataclass: one per field, its attribute docstring as help.

A derived flag defaults to None, "unset", so that a preset or the dataclass itself keeps the last
word on defaults, and a name that a verb already uses for something else is refused at once.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import wraps
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer

from zerotube.errors import UsageError


@dataclass(frozen=True)
class Flag:
    """One field of a settings class as the command line shows it.

    Attributes:
        field: name of the field.
        option: declaration for typer, e.g. ``--lr`` or ``--assembling/--no-assembling``.
        annotation: type of a value, without the None of "unset".
        default: the field's own default, for the help text.
        help: the attribute docstring on one line.
    """

    field: str
    option: str
    annotation: Any
    default: Any
    help: str


def field_docs(settings: type) -> dict[str, str]:
    """Attribute docstrings of a dataclass: the string that follows each annotated name.

    Those of the dataclasses it inherits from are included.
    """
    docs: dict[str, str] = {}
    for one in reversed(settings.__mro__):
        if is_dataclass(one):
            docs |= _own_docs(one)
    return docs


def _own_docs(settings: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(settings)))
    statements = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
    docs: dict[str, str] = {}
    for statement, follower in pairwise(statements):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(follower, ast.Expr)
            and isinstance(follower.value, ast.Constant)
            and isinstance(follower.value.value, str)
        ):
            docs[statement.target.id] = " ".join(follower.value.value.split())
    return docs


def flags_of(settings: type, *, prefix: str = "") -> tuple[Flag, ...]:
    """The flags of a settings dataclass, in the order of its fields.

    Args:
        settings: a dataclass whose fields are bool, int, float, str or a Literal of strings, each
            with an attribute docstring.
        prefix: put before every name ("motion" gives ``--motion-min-area``).

    Raises:
        TypeError: a field without a docstring, or of a type that no flag can carry.
    """
    docs = field_docs(settings)
    hints = get_type_hints(settings)
    flags = []
    for field in fields(settings):
        if field.name not in docs:
            raise TypeError(f"{settings.__name__}.{field.name} has no attribute docstring")
        annotation = _without_none(hints[field.name])
        if annotation not in (bool, int, float, str) and get_origin(annotation) is not Literal:
            raise TypeError(f"{settings.__name__}.{field.name}: no flag can carry {annotation}")
        name = "-".join(part for part in (prefix, field.name.replace("_", "-")) if part)
        option = f"--{name}/--no-{name}" if annotation is bool else f"--{name}"
        default = None if field.default is MISSING else field.default
        flags.append(Flag(field.name, option, annotation, default, docs[field.name]))
    return tuple(flags)


def _without_none(annotation: Any) -> Any:
    kept = [argument for argument in get_args(annotation) if argument is not type(None)]
    optional = len(kept) == 1 and type(None) in get_args(annotation)
    return kept[0] if optional else annotation


def _shown(flag: Flag) -> str:
    if flag.default is None:
        return flag.help
    value = flag.default
    if isinstance(value, bool):
        value = "on" if value else "off"
    elif isinstance(value, float):
        value = f"{value:.4g}"
    return f"{flag.help} (default {value})"


def with_flags(
    settings: type, *, into: str, prefix: str = ""
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a verb the flags of a settings class.

    The verb takes a parameter named ``into``, a mapping of field name to value that holds only
    what the user set.

    Args:
        settings: see ``flags_of``.
        into: the verb's parameter that receives the values.
        prefix: see ``flags_of``.
    """
    flags = flags_of(settings, prefix=prefix)

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(verb, eval_str=True)
        parameters = [p for p in signature.parameters.values() if p.name != into]
        taken = {p.name for p in parameters}
        keys = {flag.field: f"{prefix}_{flag.field}" if prefix else flag.field for flag in flags}
        for flag in flags:
            if keys[flag.field] in taken:
                raise TypeError(f"the verb already has a parameter {keys[flag.field]!r}")
            parameters.append(
                inspect.Parameter(
                    keys[flag.field],
                    inspect.Parameter.KEYWORD_ONLY,
                    default=None,
                    annotation=Annotated[
                        flag.annotation | None,
                        typer.Option(flag.option, help=_shown(flag), show_default=False),
                    ],
                )
            )

        @wraps(verb)
        def wrapper(*args: Any, **kwargs: Any) -> None:
            changes: Mapping[str, Any] = {
                field: value
                for field, key in keys.items()
                if (value := kwargs.pop(key)) is not None
            }
            verb(*args, **kwargs, **{into: changes})

        # typer reads the signature of what it is given, annotations included.
        wrapper.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapper

    return decorate


def assignments(texts: Sequence[str], *, option: str) -> dict[str, Any]:
    """Values of a repeatable ``name=value`` flag: a number or true/false where it reads as one.

    Raises:
        UsageError: one of the texts is not an assignment, or a name is given twice.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not separator or not name.isidentifier() or name in values:
            raise UsageError(
                f"{option} {text!r}" + (" a second time" if name in values else ""),
                wanted="name=value, each name once",
                fix=f"write for example {option} max_tracks=10",
            )
        values[name] = _value(value.strip())
    return values


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text
