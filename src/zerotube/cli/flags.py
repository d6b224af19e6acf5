"""Flags derived from dataclasses: one per field, its attribute docstring as help.

A verb names what it wants by the type of a parameter, and `with_flags` puts the flags in its place:

- a group, a dataclass of what the user typed, e.g. ``data: Request``. The metadata of a field may
  give the ``name``, ``metavar``, ``envvar`` or ``help`` of its flag, or say ``flag: False`` for
  none. A field may be a group itself, changes, or a flag as typer has it;
- the changes to a settings class, ``changes: Annotated[Mapping[str, Any], Changes(Settings)]``, a
  mapping that holds only what the user set.

A derived flag defaults to None, "unset", so that a preset or the dataclass itself keeps the last
word on defaults, and a name that a verb already uses for something else is refused at once.
"""

from __future__ import annotations

import ast
import copy
import inspect
import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache, wraps
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from typer.models import OptionInfo

from zerotube.errors import UsageError


@dataclass(frozen=True)
class Flag:
    """One field of a dataclass as the command line shows it.

    Attributes:
        field: name of the field.
        option: declaration for typer, e.g. ``--lr`` or ``--assembling/--no-assembling``.
        annotation: type of a value, without the None of "unset".
        default: the field's own default, for the help text; None where there is none to show.
        help: the attribute docstring on one line.
        metavar: what stands for a value in the help text; None for the name of its type.
        envvar: environment variable that stands in where the flag is unset.
        required: whether the field has no default.
        key: name of the verb's parameter, no two alike.
    """

    field: str
    option: str
    annotation: Any
    default: Any
    help: str
    metavar: str | None = None
    envvar: str | None = None
    required: bool = False
    key: str = ""

    def parameter(self, text: str) -> inspect.Parameter:
        """The flag as typer reads it, with ``text`` as its help."""
        option = typer.Option(
            self.option, help=text, metavar=self.metavar, envvar=self.envvar, show_default=False
        )
        return inspect.Parameter(
            self.key,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if self.required else None,
            annotation=Annotated[
                self.annotation if self.required else self.annotation | None, option
            ],
        )


@dataclass(frozen=True)
class Changes:
    """Marks a parameter that takes the changes to a settings class.

    Attributes:
        settings: see ``flags_of``.
        prefix: see ``flags_of``.
    """

    settings: type
    prefix: str = ""


@cache
def field_docs(settings: type) -> Mapping[str, str]:
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


@cache
def flags_of(settings: type, *, prefix: str = "") -> tuple[Flag, ...]:
    """The flags of a settings dataclass, in the order of its fields.

    Args:
        settings: a dataclass whose fields are bool, int, float, str or a Literal of strings, each
            with an attribute docstring.
        prefix: put before every name ("motion" gives ``--motion-min-area``).

    Raises:
        TypeError: a field without a docstring, or of a type that no flag can carry.
    """
    hints = get_type_hints(settings)
    flags = []
    for one in fields(settings):
        annotation = _without_none(hints[one.name])
        if annotation not in (bool, int, float, str) and get_origin(annotation) is not Literal:
            raise TypeError(f"{settings.__name__}.{one.name}: no flag can carry {annotation}")
        name = "-".join(part for part in (prefix, one.name.replace("_", "-")) if part)
        declared = f"--{name}/--no-{name}" if annotation is bool else f"--{name}"
        default = None if one.default is MISSING else one.default
        text = _doc(settings, one.name)
        key = name.replace("-", "_")
        flags.append(Flag(one.name, declared, annotation, default, text, key=key))
    return tuple(flags)


def _doc(settings: type, name: str) -> str:
    docs = field_docs(settings)
    if name not in docs:
        raise TypeError(f"{settings.__name__}.{name} has no attribute docstring")
    return docs[name]


def _without_none(annotation: Any) -> Any:
    kept = [argument for argument in get_args(annotation) if argument is not type(None)]
    optional = len(kept) == 1 and type(None) in get_args(annotation)
    return kept[0] if optional else annotation


def _shown(flag: Flag) -> str:
    """Help of a setting, which a preset may set: with its default, whatever that is."""
    if flag.default is None:
        return flag.help
    value = flag.default
    if isinstance(value, bool):
        value = "on" if value else "off"
    elif isinstance(value, float):
        value = f"{value:.4g}"
    return f"{flag.help} (default {value})"


@dataclass(frozen=True)
class _Source:
    """What stands in place of one parameter of a verb.

    Attributes:
        parameters: for typer.
        fields: name of a field -> name of the parameter that brings its value.
        nested: name of a field -> what brings its value, for fields that are groups themselves.
        make: makes the value of the verb's parameter from those of the fields that are set.
    """

    parameters: tuple[inspect.Parameter, ...]
    fields: Mapping[str, str]
    nested: Mapping[str, _Source]
    make: Callable[..., Any]

    def take(self, values: dict[str, Any]) -> Any:
        """Make the value from what typer brought, which is taken out of ``values``."""
        given = {name: values.pop(key) for name, key in self.fields.items()}
        made = {name: source.take(values) for name, source in self.nested.items()}
        return self.make(**{k: v for k, v in given.items() if v is not None}, **made)


def _source_of(annotation: Any) -> _Source | None:
    """What brings the value of a parameter or field of that type; None if it is one flag."""
    for marker in getattr(annotation, "__metadata__", ()):
        if isinstance(marker, Changes):
            flags = flags_of(marker.settings, prefix=marker.prefix)
            shown = tuple(flag.parameter(_shown(flag)) for flag in flags)
            return _Source(shown, {flag.field: flag.key for flag in flags}, {}, dict)
    return _group(annotation) if is_dataclass(annotation) else None


def _group(group: Any) -> _Source:
    hints = get_type_hints(group, include_extras=True)
    parameters: list[inspect.Parameter] = []
    keys: dict[str, str] = {}
    nested: dict[str, _Source] = {}
    for one in fields(group):
        if one.metadata.get("flag", True):
            inner = _source_of(hints[one.name])
            if inner is None:
                parameters.append(_parameter(group, one, hints[one.name]))
                keys[one.name] = parameters[-1].name
            else:
                parameters += inner.parameters
                nested[one.name] = inner
    return _Source(tuple(parameters), keys, nested, group)


def _parameter(group: Any, one: Any, annotation: Any) -> inspect.Parameter:
    """The flag of one field of a group."""
    if get_origin(annotation) is Annotated:
        kind = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(one.name, kind, default=one.default, annotation=annotation)
    name = one.metadata.get("name", one.name.replace("_", "-"))
    required = one.default is MISSING and one.default_factory is MISSING
    default = None if required or one.default in (False, "", MISSING) else one.default
    flag = Flag(
        one.name,
        f"--{name}",
        _without_none(annotation),
        default,
        one.metadata.get("help") or _doc(group, one.name),
        metavar=one.metadata.get("metavar"),
        envvar=one.metadata.get("envvar"),
        required=required,
        key=name.replace("-", "_"),
    )
    return flag.parameter(flag.help if default is None else f"{flag.help}  [default: {default}]")


def with_flags(**helps: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Put flags in the place of those parameters of a verb that are groups or changes.

    Args:
        helps: help texts of flags that the verb words in its own way, by parameter.

    Raises:
        TypeError: two flags of one name, or a help text for none.
    """

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(verb, eval_str=True)
        sources: dict[str, _Source] = {}
        parameters: dict[str, inspect.Parameter] = {}
        for own in signature.parameters.values():
            source = _source_of(own.annotation)
            if source is not None:
                sources[own.name] = source
            for one in (own,) if source is None else source.parameters:
                if one.name in parameters:
                    raise TypeError(f"the verb already has a parameter {one.name!r}")
                parameters[one.name] = one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, text in helps.items():
            if name not in parameters:
                raise TypeError(f"a help text for {name!r}, which is no parameter of the verb")
            parameters[name] = _reworded(parameters[name], text)

        @wraps(verb)
        def wrapper(**values: Any) -> None:
            made = {name: source.take(values) for name, source in sources.items()}
            verb(**values, **made)

        # typer reads the signature of what it is given, annotations included.
        shown = signature.replace(parameters=list(parameters.values()))
        wrapper.__signature__ = shown  # type: ignore[attr-defined]
        wrapper.__annotations__ = {one.name: one.annotation for one in parameters.values()}
        return wrapper

    return decorate


def _reworded(parameter: inspect.Parameter, text: str) -> inspect.Parameter:
    kind, *rest = get_args(parameter.annotation)
    info = copy.copy(next(one for one in rest if isinstance(one, OptionInfo)))
    info.help = text
    return parameter.replace(annotation=Annotated[kind, info])


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
