"""What each ablation sets beside each other (Tables 2 and 3 of the paper and its sweeps).

"methods" sets the default beside the paper's method and others, whole. "components" adds what the
paper has no row for: tuning on the undivided query, and steps in units of the tokens' norm.
"extensions" is what this package adds to the paper's recipe, part by part.

Every row names the row that it is compared with: an ablation says what a change is worth, so the
paired difference belongs to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, get_args

from zerotube.errors import UsageError
from zerotube.eval.ground_task import TRUTH, CandidateChoice, Variant
from zerotube.eval.names import FROM_THE_DEFAULT, Ablation
from zerotube.method.beside import file_beside
from zerotube.method.config import DEFAULT, PRESETS, MethodSettings
from zerotube.method.heads import FILE, chosen_heads

NORMED_LR = 0.1
"""Learning rate of the rows whose steps are in units of the tokens' norm; chosen from 0.1, 0.3, 1
and 3 on 60 clips of seed 1,500,003, which no test set uses."""

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class AblationRow:
    """One row of an ablation.

    Attributes:
        variant: what is run.
        compared_with: label of the row that the paired difference is taken to; None for the first.
        published: what the paper calls this row, see `zerotube.eval.published`; "" if nothing.
    """

    variant: Variant
    compared_with: str | None
    published: str = ""


def _methods(base: MethodSettings, values: Sequence[str]) -> list[AblationRow]:
    """The default, with what the model recommends, beside other methods whole."""
    _no_values("methods", values)
    return [
        AblationRow(Variant(DEFAULT, base), None),
        *_others(base, DEFAULT),
        AblationRow(Variant("GTI", _as(base, "gti")), DEFAULT),
    ]


def _others(base: MethodSettings, compared_with: str) -> list[AblationRow]:
    """The paper's method, and the earlier default."""
    tuned = replace(_as(base, "tuned"), token_rule="weighted")
    return [
        AblationRow(Variant("paper", _as(base, "paper")), compared_with),
        AblationRow(
            Variant("tuned (undivided, token norm, weighted tokens)", tuned), compared_with
        ),
    ]


def _components(base: MethodSettings, values: Sequence[str]) -> list[AblationRow]:
    """Table 2, and tuning on the undivided query in place of the two sub-queries."""
    _no_values("components", values)
    plain = replace(base, spatial_prompt=False, temporal_prompt=False, assembling=False)
    gti = replace(plain, token_rule="highest")
    both = replace(gti, spatial_prompt=True, temporal_prompt=True)
    vanilla = replace(both, decomposed=False)
    full = replace(both, assembling=True)
    normed = (
        ("GTI + V_s", replace(gti, spatial_prompt=True)),
        ("GTI + V_t", replace(gti, temporal_prompt=True)),
        ("GTI + V_s + V_t", both),
        ("full", full),
    )
    first = "baseline (mean of tokens)"
    mean = replace(plain, token_rule="mean")
    return [
        AblationRow(Variant(first, mean), None, "mean of tokens"),
        AblationRow(Variant("GTI", gti), first, "GTI"),
        AblationRow(Variant("GTI + V_s", replace(gti, spatial_prompt=True)), "GTI", "GTI + V_s"),
        AblationRow(Variant("GTI + V_t", replace(gti, temporal_prompt=True)), "GTI", "GTI + V_t"),
        AblationRow(Variant("GTI + undivided query (vanilla tuning)", vanilla), "GTI"),
        AblationRow(Variant("GTI + V_s + V_t", both), "GTI", "GTI + V_s + V_t"),
        AblationRow(Variant("full (+ TAS)", full), "GTI + V_s + V_t", "GTI + V_s + V_t + TAS"),
        *(_normed(f"{label}, step by token norm", one) for label, one in normed),
    ]


def _normed(label: str, settings: MethodSettings) -> AblationRow:
    return AblationRow(Variant(label, replace(settings, step="token-norm", lr=NORMED_LR)), "GTI")


def _extensions(base: MethodSettings, values: Sequence[str]) -> list[AblationRow]:
    """What goes beyond the paper: the package's default beside others, then with parts changed.

    The base is the default, with what the model recommends. Each part is also taken alone, put into
    the paper's untuned method (GTI).
    """
    _no_values("extensions", values)
    gti = _as(base, "gti")
    mean: dict[str, Any] = {"token_rule": "mean", "track_score": "mean"}
    when: dict[str, Any] = {"span_rule": "cut", "scan_window": base.scan_window}
    alone = {
        "GTI, cut of the attention": replace(gti, span_rule="cut"),
        "GTI, cut of scan and attention": replace(gti, **when),
        "GTI, mean of tokens inside the track": replace(gti, **mean),
        "GTI, tracks by gradients": replace(gti, track_maps="gradient", track_score="mean"),
        "GTI, tracks by attention and gradients": replace(gti, **mean, track_maps="both"),
    }
    without = {
        "no scan": replace(base, scan_weight=0.0, attention_weight=1.0),
        "scan alone for the time": replace(base, attention_weight=0.0),
        "no windows around the ends": replace(base, end_windows=0),
        "windows twice as long": replace(base, scan_window=2 * base.scan_window),
        "the action's gradient as well": replace(base, gradient_weight=base.attention_weight),
        "span of K frames": replace(base, span_rule="top-k"),
        "tracks by attention alone": replace(base, track_maps="attention"),
        "tracks by gradients alone": replace(base, track_maps="gradient"),
        "difference in place of the ratio": replace(base, contrast="difference"),
        "difference to all but the object": replace(base, contrast="excluding"),
        "the most active token": replace(base, token_rule="highest"),
        "with both prompts": replace(
            base, spatial_prompt=True, temporal_prompt=True, decomposed=True, lr=NORMED_LR
        ),
        "with assembling": replace(base, assembling=True),
        "heads by maximum attention": replace(base, heads="max-attention"),
        "chosen heads": replace(base, heads="chosen"),
        "maps of single time steps as well": replace(base, frame_maps="frames"),
    }
    if base.scan_window:
        without["maps of the scan's windows as well"] = replace(base, frame_maps="windows")
    return [
        AblationRow(Variant("GTI", gti), None),
        *_others(base, "GTI"),
        AblationRow(Variant(DEFAULT, base), "GTI"),
        *(AblationRow(Variant(label, one), "GTI") for label, one in alone.items()),
        *(
            AblationRow(Variant(f"{DEFAULT}, {label}", one), DEFAULT)
            for label, one in without.items()
        ),
    ]


def _in_words(base: MethodSettings, compared_with: str) -> list[AblationRow]:
    """The time in the model's own words: alone, and as evidence beside the rest."""
    asked = _as(replace(base, time="scan"), "asked")
    return [
        AblationRow(Variant("the same model, simply asked for the time", asked), compared_with),
        AblationRow(
            Variant(f"{DEFAULT}, the model's words as well", replace(base, time="ask")), DEFAULT
        ),
    ]


def _as(base: MethodSettings, name: str) -> MethodSettings:
    """A preset, but for what it does not decide."""
    return replace(base, **PRESETS[name])


def _objective(base: MethodSettings, values: Sequence[str]) -> list[AblationRow]:
    """Table 3: what tuning minimises; without assembling, as there."""
    _no_values("objective", values)
    gti = replace(base, spatial_prompt=False, temporal_prompt=False, assembling=False)
    tuned = replace(gti, spatial_prompt=True, temporal_prompt=True)
    entropy, contrast, margin = (
        replace(tuned, objective="entropy"),
        replace(tuned, objective="exp"),
        replace(tuned, objective="margin"),
    )
    return [
        AblationRow(Variant("GTI", gti), None, "GTI"),
        AblationRow(Variant("GTI + entropy", entropy), "GTI", "GTI + entropy"),
        AblationRow(
            Variant("GTI + yes/no contrast (Eq. 4)", contrast), "GTI", "GTI + yes/no contrast"
        ),
        AblationRow(Variant("GTI + margin (reference code)", margin), "GTI"),
    ]


def _frames(base: MethodSettings, values: Sequence[str]) -> list[AblationRow]:
    """Number of sampled frames N_f; K keeps its share of them."""
    counts = _numbers("frames", values, int, (4, 8, 12, 16, 20, 24, 32))
    rows = {f"{n} frames": base.changed(frames=n) for n in counts}
    return _sweep(rows, f"{base.frames} frames")


def _top_k(base: MethodSettings, values: Sequence[str]) -> list[AblationRow]:
    """Sampled frames in the span, K; the paper's sweep."""
    counts = _numbers("topk", values, int, (3, 5, 7, 9, 11))
    rows = {f"K = {k}": replace(base, top_k=k, span_rule="top-k") for k in counts}
    return _sweep(rows, f"K = {base.top_k}")


def _lr(base: MethodSettings, values: Sequence[str]) -> list[AblationRow]:
    """Learning rate by iterations; the paper's sweep."""
    rates = _numbers("lr", values, float, (4.0, 8.0, 16.0))
    return _sweep(
        {
            f"lr {lr:g} x {iterations}": replace(base, lr=lr, iterations=iterations)
            for iterations in (1, 2)
            for lr in rates
        },
        f"lr {base.lr:g} x {base.iterations}",
    )


def _trackers(base: MethodSettings, values: Sequence[str]) -> list[AblationRow]:
    """What finds the candidates; the reference is the first one named."""
    names = list(values) or ["gdino+sam2", "gdino+bytetrack", "gdino+botsort", "gdino+edgetam"]
    rows: list[AblationRow] = []
    for name in names:
        label = "true tracks" if name == TRUTH else name
        choice = CandidateChoice(proposer=name)
        rows.append(
            AblationRow(Variant(label, base, choice), rows[0].variant.label if rows else None)
        )
    return rows


_MAKERS: Mapping[str, Callable[[MethodSettings, Sequence[str]], list[AblationRow]]] = {
    "methods": _methods,
    "components": _components,
    "extensions": _extensions,
    "objective": _objective,
    "frames": _frames,
    "topk": _top_k,
    "lr": _lr,
    "trackers": _trackers,
}

ABLATIONS: tuple[str, ...] = get_args(Ablation)
"""Names of the ablations."""


def rows_of(
    ablation: str, base: MethodSettings, values: Sequence[str] = (), *, asks: bool = False
) -> tuple[AblationRow, ...]:
    """The rows of an ablation.

    Args:
        ablation: one of ``ABLATIONS``.
        base: settings that the ablation changes.
        values: what to sweep over in place of the paper's values (frames, topk, lr), or the
            proposers to compare (trackers).
        asks: whether there is someone who can name a time in words: "simply asked" is a row of
            methods and extensions then.

    Raises:
        UsageError: unknown ablation, values where it takes none, or one that is out of range.
    """
    if ablation not in _MAKERS:
        raise UsageError(
            f"ablation {ablation!r}",
            wanted=f"one of {', '.join(ABLATIONS)}",
            fix="see `zerotube ablate --help`",
        )
    if len(set(values)) < len(values):
        raise UsageError(
            f"values {', '.join(values)}", wanted="each value once", fix="drop the repeated one"
        )
    rows = _MAKERS[ablation](base, values)
    if ablation in FROM_THE_DEFAULT and asks:
        rows += _in_words(base, rows[0].variant.label)
    return tuple(rows)


def with_known_heads(rows: Sequence[AblationRow], model: str) -> tuple[AblationRow, ...]:
    """The rows, less the one of chosen heads where nobody has chosen any for the model.

    Args:
        rows: of an ablation.
        model: see `zerotube.method.heads.chosen_heads`.

    Raises:
        ModelError: the model's file of heads says nothing usable.
    """
    if file_beside(model, FILE) is None:
        return tuple(row for row in rows if row.variant.settings.heads != "chosen")
    chosen_heads(model)
    return tuple(rows)


def _sweep(settings: Mapping[str, MethodSettings], reference: str) -> list[AblationRow]:
    """Rows compared with the one of the base settings, or with the first if it is not swept."""
    known = reference if reference in settings else next(iter(settings))
    return [
        AblationRow(Variant(label, one), None if label == known else known)
        for label, one in settings.items()
    ]


def _no_values(ablation: str, values: Sequence[str]) -> None:
    if values:
        raise UsageError(
            f"values {', '.join(values)} for the ablation {ablation!r}",
            wanted="none: its rows are fixed",
            fix="leave --values out",
        )


def _numbers(
    ablation: str, values: Sequence[str], kind: type[_Number], usual: tuple[_Number, ...]
) -> list[_Number]:
    try:
        return [kind(value) for value in values] or list(usual)
    except ValueError as error:
        raise UsageError(
            f"values {', '.join(values)} for the ablation {ablation!r}",
            wanted="whole numbers" if kind is int else "numbers",
            fix=f"for example --values {','.join(f'{value:g}' for value in usual)}",
        ) from error
