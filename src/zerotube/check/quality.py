"""What the clips say: answers, how sure they are, and the objects that were chosen."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from zerotube.check.chance import Verdict, at_least, verdict
from zerotube.check.clips import SET, SHOWN, TUNING_S, ClipFindings
from zerotube.check.types import CheckLine, Status
from zerotube.eval.auroc import auroc_interval
from zerotube.eval.bootstrap import interval

MILD, FAR, DESTROYED = 10.0, 100.0, 1000.0
"""Ratios p_yes / p_no up to which Eq. 4's step at the paper's learning rate is mild, from which on
it leaves the distribution of a 7B model, and from which on it destroys the answer: its gradient is
the ratio times that of the margin. At a ratio below 1 it does next to nothing."""

_STATUS: dict[Verdict, Status] = {"better": "pass", "not better": "fail", "too few": "info"}
_SAID: dict[Verdict, str] = {
    "better": "",
    "not better": ": not better than chance",
    "too few": ": too few clips to tell",
}


def quality_lines(found: ClipFindings) -> Iterator[CheckLine]:
    """The lines of what was found; none without a clip."""
    if found.count == 0:
        return
    yield _answers(found, "attribute", "objects", counts=True)
    yield _answers(found, "action", "actions", counts=False)
    yield _sureness(found)
    if found.presences:
        yield _presence(found)
    yield from _objects(found)


def _answers(found: ClipFindings, kind: str, name: str, *, counts: bool) -> CheckLine:
    """A true and a false statement of every clip: which is the likelier one?"""
    pairs = [
        (yes, no)
        for said in found.said
        for yes in said
        for no in said
        if yes.kind == no.kind == kind and yes.truth and not no.truth
    ]
    apart = sum(yes.margin > no.margin for yes, no in pairs)
    right = sum((yes.margin > 0) + (no.margin < 0) for yes, no in pairs)
    chances = [0.5] * len(pairs)
    p = at_least(apart, chances)
    found_to_be = verdict(p, chances)
    said_yes = sum((yes.margin > 0) + (no.margin > 0) for yes, no in pairs)
    figure = (
        f"true above false in {apart} of {len(pairs)} clips (p = {p:.1g}); "
        f"{right} of {2 * len(pairs)} answers right"
    )
    return CheckLine(
        f"yes / no, {name}",
        _STATUS[found_to_be] if counts else "info",
        figure + _SAID[found_to_be],
        f"a true and a false statement of each clip, p_yes / p_no compared; yes was said "
        f"{said_yes} times; one-sided binomial test",
        values={"apart": apart, "clips": len(pairs), "right": right, "p": p, "yes": said_yes},
    )


def _sureness(found: ClipFindings) -> CheckLine:
    """p_yes / p_no of the sub-queries, all of them true, and what it means for Eq. 4."""
    margins = np.array([one.margin for one in found.sub_queries])
    spread = [*np.percentile(margins, [0, 50, 90]), margins.max()]
    ratios = [_ratio(value) for value in spread]
    shares = _shares(margins)
    usable = shares["usable"] >= 0.5
    advice = (
        "Eq. 4's step is mild for most sub-queries"
        if usable
        else "do not use Eq. 4 (--method paper); the default's step is bounded"
    )
    said = [one for clip in found.said for one in clip]
    log_ratios = dict(zip(("min", "median", "p90", "max"), map(float, spread), strict=True))
    mass = float(np.median([one.mass for one in said]))
    return CheckLine(
        "Eq. 4",
        "info",
        f"p_yes / p_no min {ratios[0]}, median {ratios[1]}, 90th percentile {ratios[2]}, max "
        f"{ratios[3]}: {advice}",
        f"of {len(margins)} sub-queries that are true: no effect (ratio below 1) "
        f"{shares['none']:.0%}, mild (1 to {MILD:g}) {shares['usable']:.0%}, strong (to {FAR:g}) "
        f"{shares['strong']:.0%}, out of distribution (to {DESTROYED:g}) {shares['far']:.0%}, "
        f"answer destroyed (above) {shares['destroyed']:.0%}; yes and no get "
        f"{mass:.1%} of the first answer token (median)",
        values={"log_ratio": log_ratios, "shares": shares, "mass": mass},
    )


def _presence(found: ClipFindings) -> CheckLine:
    """Queries about what is there against queries about what is not, and where to divide them."""
    present, absent = (np.array(part) for part in zip(*found.presences, strict=True))
    area = auroc_interval(present, absent)
    below, above = sorted((float(np.quantile(present, 0.02)), float(np.quantile(absent, 0.98))))
    settings = {"absent_below": round(below, 2), "present_above": round(above, 2)}
    around = f" {area.bounds('.3f')}" if area.known else ""
    return CheckLine(
        "presence",
        "info",
        f"AUROC {area.mean:.3f}{around} of {len(present)} present and as many absent queries",
        f"half of the absent ones are near misses; thresholds that leave 2% on the wrong side: "
        f"{json.dumps(settings)} (of so few clips they are rough; for zerotube.json)",
        values={"auroc": area.mean, **settings},
    )


def _ratio(log: float) -> str:
    """A ratio that may be beyond any float, from its logarithm."""
    power = log / math.log(10)
    if not -3 < power < 6:
        return f"1e{power:+.0f}"
    return f"{math.exp(log):,.0f}" if power > 1 else f"{math.exp(log):.2g}"


def _shares(margins: NDArray[np.float64]) -> dict[str, float]:
    edges = [-np.inf, 0.0, math.log(MILD), math.log(FAR), math.log(DESTROYED), np.inf]
    names = ("none", "usable", "strong", "far", "destroyed")
    # Closed below: a margin of exactly 0 is a ratio of 1, where the step is mild.
    counts = np.histogram(margins, bins=edges)[0]
    return {name: float(count / len(margins)) for name, count in zip(names, counts, strict=True)}


def _objects(found: ClipFindings) -> Iterator[CheckLine]:
    """The right object per preset; the best of them has to beat a draw at random."""
    drawn = float(np.mean(found.chances))
    best, best_p, figure = "", 1.0, "no preset could be run"
    for name, hits in sorted(found.right.items(), key=lambda pair: SHOWN.index(pair[0])):
        # A preset that was given up has no hit for the later clips.
        p = at_least(sum(hits), found.chances[: len(hits)])
        low_high = interval(np.array(hits, dtype=np.float64))
        failed, text = found.errors.get(name, (0, ""))
        cut = f"; tuning has {TUNING_S:g} s in all" if len(hits) < found.count else ""
        shown = f"{sum(hits)} of {len(hits)}, a draw at random {drawn * len(hits):.0f}"
        yield CheckLine(
            f"right object, {name}",
            "info",
            f"{shown} (p = {p:.1g})" + (f"; {failed} failed" if failed else ""),
            (
                f"95% interval {low_high.low:.0%} to {low_high.high:.0%}"
                if low_high.known
                else "too few clips for an interval"
            )
            + (f"; the last failure: {text}" if failed else "")
            + cut,
            values={"right": sum(hits), "clips": len(hits), "p": p, "failed": failed},
        )
        if p < best_p:
            best, best_p, figure = name, p, shown
    for name, (failed, text) in found.errors.items():
        if name not in found.right:
            values = {"failed": failed}
            yield CheckLine(f"right object, {name}", "info", f"not run: {text}", values=values)
    # The best of several would beat chance by luck more often than one (Bonferroni).
    tests = max(len(found.right), 1)
    p = min(1.0, best_p * tests)
    found_to_be = verdict(p, found.chances, tests=tests)
    yield CheckLine(
        "right object",
        _STATUS[found_to_be],
        f"best: {best or 'none'}, {figure}{_SAID[found_to_be]}",
        f"true tracks of the first {found.count} samples of the set {SET!r} as candidates; "
        f"p = {p:.1g}, corrected for {len(found.right)} presets",
        values={"best": best, "p": p, "chance": drawn},
    )
