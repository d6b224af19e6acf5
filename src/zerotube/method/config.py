"""Settings of the method. Flags, help texts and docs are derived from this file."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, get_args

from zerotube.errors import UsageError
from zerotube.query.prompts import Wording

Objective = Literal["exp", "margin", "entropy"]
TokenRule = Literal["highest", "mean", "weighted", "top-2", "fixed"]
Step = Literal["gradient", "token-norm"]
TimeSource = Literal["scan", "ask"]
SpanRule = Literal["top-k", "top-k-to-tie", "rank-sum", "cut"]
Contrast = Literal["ratio", "difference", "excluding", "none"]
HeadRule = Literal["all", "max-attention", "chosen"]
FrameMaps = Literal["none", "windows", "frames"]
TrackMaps = Literal["attention", "gradient", "both"]
TrackScore = Literal["max", "mean"]
Support = Literal["box", "mask"]
FrameScore = Literal["cells", "pixels"]
Layers = Literal["shares", "from-end"]
FrameFit = Literal["squeeze", "crop", "pad"]  # of mllm.types, which would load torch here


@dataclass(frozen=True)
class MethodSettings:
    """Every knob of the method; the defaults are safe on any model.

    The paper's own recipe is the preset ``paper``, what its released code runs ``release``. The
    defaults differ from the paper in everything that follows from two findings (docs/results.md):
    time decides, and is found by asking about short windows one by one; and the gradient that
    tuning starts from finds the object better than the attention after it. So nothing is tuned: no
    visual prompt, no learning rate. A model may recommend settings of its own
    (`zerotube.method.recommended`).
    """

    frames: int = 20
    """Frames sampled uniformly from the video (paper: 20)."""

    token_rule: TokenRule = "mean"
    """Which role token is read: the one with the highest activation (GTI), the mean of all, all
    weighted by their activation above the least one, the mean of the two most active, or always the
    one that opens the model's own turn, as the released code has it (fixed)."""

    contrast: Contrast = "ratio"
    """What is read of the attention against the same token's under the content-free prompt: their
    ratio, as in the paper, what it has more (difference), or the attention itself (none). excluding
    = what it has more than under a prompt that asks for everything but the object."""

    layers: Layers = "shares"
    """Which layers are averaged: shares = from layer_start to layer_end of the depth; from-end =
    [-26:-6] whatever the depth, as the released code has it."""

    layer_start: float = 6 / 32
    """First layer averaged, as a fraction of depth (the reference drops the first 6 of 32)."""

    layer_end: float = 26 / 32
    """End of the averaged layers, exclusive, as a fraction of depth (it drops the last 6 of 32)."""

    heads: HeadRule = "all"
    """Which heads of these layers are averaged: all alike, as in the paper; all, each weighted by
    its highest attention to a visual token (max-attention); or those, of any layers, that
    `zerotube heads` has chosen for the model (chosen)."""

    frame_maps: FrameMaps = "none"
    """What else the attention that the track is chosen by is read of: of each window of the scan
    shown alone (windows), or of each time step alone (frames). The track's map is then the
    geometric mean of this one and the whole clip's."""

    track_maps: TrackMaps = "both"
    """What the track is chosen by: the attention, as in the paper, the gradients of the yes/no
    margin of the attribute phrase and of the whole sentence, or the product of all three (both)."""

    track_score: TrackScore = "mean"
    """How a map becomes the score of a track: its maximum inside the track, as in the paper, or
    its mean there over the frames that show the track."""

    scan_window: int = 4
    """Frames of the windows that are asked about one by one whether they show what the sentence
    says; a clip with fewer is one window; 0 = no scan."""

    scan_stride: int = 2
    """Sampled frames from one window to the next, in whole steps of the model's time."""

    end_windows: int = 5
    """Further windows around either end of the span, half a sampling step apart, of frames of
    their own; 0 = none."""

    scan_weight: float = 1.0
    """Weight of the scan where the span is cut."""

    attention_weight: float = 0.25
    """Weight of the attention inside the track where the span is cut."""

    gradient_weight: float = 0.0
    """Weight of the action phrase's gradient inside the track where the span is cut."""

    time: TimeSource = "scan"
    """Where the evidence for the time comes from: what is measured (scan), or the model's own words
    as well, asked for the start and the end (ask)."""

    ask_weight: float = 1.0
    """Weight of the model's own words where the span is cut, if they are asked for."""

    ask_samples: int = 1
    """Answers that are asked for: one, the likeliest, or several that are drawn."""

    spatial_prompt: bool = False
    """Tune a visual prompt on the attribute sub-query (V_s)."""

    temporal_prompt: bool = False
    """Tune a visual prompt on the action sub-query (V_t)."""

    assembling: bool = False
    """Run the spatial branch on reversed frames as well and average the two maps, as in the paper
    (TAS): it is made for the attribute phrase, which reads the same backwards."""

    decomposed: bool = False
    """Tune on the sub-queries, as in the paper; off = on the undivided query (its vanilla
    tuning)."""

    objective: Objective = "margin"
    """What tuning minimises: exp = Eq. 4, margin = the reference's, entropy = -log p_yes."""

    step: Step = "token-norm"
    """Unit of lr: gradient = lr times the gradient, as in the paper; token-norm = the token that
    moves most moves by lr times the mean norm of the visual tokens."""

    lr: float = 0.1
    """Step of the plain gradient descent on the visual prompt, in the unit of step (paper: 8 times
    the gradient)."""

    iterations: int = 1
    """Gradient steps per prompt (paper: 1; the reference runs 2)."""

    ema: float = 0.0
    """Weight of the previous prompt in the one that is fed (reference: 0.5; 0 = the newest)."""

    top_k: int = 7
    """Sampled frames in the span, at most all of them (K; paper: 7 of 20). Where only the number
    of frames is given, K keeps its share of them. Not read by the span rule rank-sum."""

    span_rule: SpanRule = "cut"
    """Frames of the span: top-k = K of them, grown around the best one, as in the paper;
    top-k-to-tie = as in the released code, which stops where both neighbours score alike; rank-sum
    = the run, of any length, whose scores rank highest against the rest; cut = the run, of any
    length, that parts the scan, the attention and the gradient best from the rest."""

    support: Support = "box"
    """Where a track counts: its box, or its segmentation mask, the nearest in time moved with the
    box where a frame has none."""

    present_above: float = 1.0
    """Log-odds above which the verdict is that the object is present; a model's own."""

    absent_below: float = -1.0
    """Log-odds below which the verdict is that it is absent; between the two it is unsure."""

    answers: int = 1
    """Answers at most: the best one, then other tracks and further spans of a track, with scores.
    Only the best one's ends are looked at more closely."""

    plurals: bool = True
    """Ask a sentence about several objects ("the red circles move left") of one of them, and answer
    with every object that fits; more than one of answers is their limit."""

    abstain: bool = False
    """Give no answer where the verdict is that the object is absent."""

    frame_score: FrameScore = "cells"
    """Where the map is read for the frame scores: at its cells, or, as in the released code, at
    every pixel of the frame, the map scaled up bilinearly (pixels)."""

    wording: Wording = "paper"
    """Question and content-free prompt of the paper, or those of the released code, with its system
    prompt (release)."""

    frame_fit: FrameFit = "squeeze"
    """How a frame comes to the shape that the model takes: squeeze = the whole frame, each side
    scaled by itself (a model that keeps a frame's shape keeps it), crop = its middle square, as
    the published processors of models with a CLIP tower do, pad = all of it in a larger square."""

    max_visual_tokens: int = 0
    """Most visual tokens of all sampled frames, for models whose grid follows the frame; 0 = what
    the model's makers allow."""

    grid_side: int = 0
    """Pool each frame to this many cells a side, for LLaVA-NeXT-Video and LLaVA-OneVision
    (reference: 6); 0 = the model's own grid."""

    def __post_init__(self) -> None:
        self._check(self.frames >= 1, f"frames={self.frames}", "at least 1")
        self._check(self.answers >= 1, f"answers={self.answers}", "at least 1")
        self._check(self.top_k >= 1, f"top_k={self.top_k}", "at least 1")
        self._check(
            self.top_k <= self.frames,
            f"top_k={self.top_k} with frames={self.frames}",
            "at most all sampled frames in the span",
            fix="lower top_k, or give frames alone to preset() or the command line: K follows",
        )
        self._check(self.iterations >= 1, f"iterations={self.iterations}", "at least 1")
        self._check(
            0.0 <= self.layer_start < self.layer_end <= 1.0,
            f"layers from {self.layer_start} to {self.layer_end}",
            "0 <= layer_start < layer_end <= 1",
        )
        for name in ("max_visual_tokens", "grid_side", "scan_window", "end_windows"):
            value = getattr(self, name)
            self._check(value >= 0, f"{name}={value}", "0 or more")
        self._check(
            math.isfinite(self.absent_below)
            and math.isfinite(self.present_above)
            and self.absent_below <= self.present_above,
            f"absent_below={self.absent_below} with present_above={self.present_above}",
            "finite numbers, the first at most the second",
        )
        self._check(
            self.frame_maps != "windows" or self.scan_window >= 1,
            "frame_maps=windows with scan_window=0",
            "the length of the windows",
            fix="raise scan_window, or pass frame_maps=frames",
        )
        self._check(self.scan_stride >= 1, f"scan_stride={self.scan_stride}", "at least 1")
        self._check(self.ask_samples >= 1, f"ask_samples={self.ask_samples}", "at least 1")
        self._check(
            self.time == "scan" or self.span_rule == "cut",
            f"time='ask' with span_rule={self.span_rule!r}",
            "span_rule='cut', which is the rule that reads the model's words",
        )
        named = ("scan_weight", "attention_weight", "gradient_weight", "ask_weight")
        weights = {name: getattr(self, name) for name in named}
        for name, value in weights.items():
            self._check(0.0 <= value < float("inf"), f"{name}={value}", "a finite number >= 0")
        read = named if self.time == "ask" else named[:3]
        self._check(
            any(weights[name] for name in read),
            "a span cut by nothing: all weights are 0",
            f"{', '.join(read[:-1])} or {read[-1]} above 0",
        )
        self._check(0.0 <= self.ema < 1.0, f"ema={self.ema}", "0 <= ema < 1")
        self._check(
            0.0 < self.lr < float("inf"), f"lr={self.lr}", "a positive finite learning rate"
        )
        for name, allowed in (
            ("token_rule", get_args(TokenRule)),
            ("contrast", get_args(Contrast)),
            ("heads", get_args(HeadRule)),
            ("frame_maps", get_args(FrameMaps)),
            ("track_maps", get_args(TrackMaps)),
            ("track_score", get_args(TrackScore)),
            ("layers", get_args(Layers)),
            ("objective", get_args(Objective)),
            ("step", get_args(Step)),
            ("time", get_args(TimeSource)),
            ("span_rule", get_args(SpanRule)),
            ("support", get_args(Support)),
            ("frame_score", get_args(FrameScore)),
            ("wording", get_args(Wording)),
            ("frame_fit", get_args(FrameFit)),
        ):
            value = getattr(self, name)
            self._check(value in allowed, f"{name}={value!r}", f"one of {', '.join(allowed)}")

    @staticmethod
    def _check(
        good: bool, got: str, wanted: str, *, fix: str = "see `zerotube ground --help`"
    ) -> None:
        if not good:
            raise UsageError(got, wanted=wanted, fix=fix)

    def changed(self, **changes: Any) -> MethodSettings:
        """The same settings but for those given.

        Where ``frames`` is among them and ``top_k`` is not, K keeps its share of the frames, so
        that the span keeps its share of the video: 7 of 20 is 3 of 8, and at least 1.

        Args:
            changes: single settings; None means "unset".

        Raises:
            UsageError: unknown setting, or a value outside its range.
        """
        given = {key: value for key, value in changes.items() if value is not None}
        known = self.__dataclass_fields__
        for key in given:
            if key not in known:
                raise UsageError(
                    f"setting {key!r}",
                    wanted=f"one of {', '.join(known)}",
                    fix="see `zerotube ground --help`",
                )
        frames = given.get("frames")
        if isinstance(frames, int):  # a model's own file may hold anything
            given.setdefault("top_k", max(1, round(self.top_k * frames / self.frames)))
        return replace(self, **given)

    @property
    def needs_gradients(self) -> bool:
        """Whether the language model is differentiated with respect to the visual tokens."""
        tunes = self.spatial_prompt or self.temporal_prompt
        cuts = self.span_rule == "cut" and self.gradient_weight > 0.0
        return tunes or cuts or self.track_maps != "attention"

    def within(self, frame_limit: int | None) -> MethodSettings:
        """The same settings for a model that takes at most ``frame_limit`` frames."""
        if frame_limit is None or self.frames <= frame_limit:
            return self
        return self.changed(frames=frame_limit)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, in the order of the fields."""
        return asdict(self)


_ATTENTION: dict[str, Any] = {
    "token_rule": "highest",
    "contrast": "ratio",
    "heads": "all",
    "frame_maps": "none",
    "track_maps": "attention",
    "track_score": "max",
    "scan_window": 0,
    "time": "scan",
    "span_rule": "top-k",
    "plurals": False,
}
_TUNED: dict[str, Any] = {**_ATTENTION, "spatial_prompt": True, "temporal_prompt": True}
_PAPER: dict[str, Any] = {
    **_TUNED,
    "assembling": True,
    "decomposed": True,
    "objective": "exp",
    "step": "gradient",
    "lr": 8.0,
}
_UNTUNED: dict[str, Any] = {
    "spatial_prompt": False,
    "temporal_prompt": False,
    "assembling": False,
}

DEFAULT: Final = "default"
"""Name of the preset that changes nothing."""

PRESETS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "paper": _PAPER,
    "tuned": _TUNED,
    "release": {
        **_PAPER,
        **_UNTUNED,
        "token_rule": "fixed",
        "layers": "from-end",
        "top_k": 11,
        "span_rule": "top-k-to-tie",
        "support": "mask",
        "frame_score": "pixels",
        "wording": "release",
        "grid_side": 6,
    },
    "baseline": {**_PAPER, **_UNTUNED, "token_rule": "mean"},
    "asked": {
        "time": "ask",
        "scan_window": 0,
        "scan_weight": 0.0,
        "attention_weight": 0.0,
    },
    "gti": {**_PAPER, **_UNTUNED},
    "dsth": {**_PAPER, "assembling": False},
}
"""Named settings, as changes to the defaults.

``paper`` is the full method of the paper (sections 3 to 8), ``release`` what its released code
really runs (section 11); ``baseline``, ``gti`` and ``dsth`` are the further rows of its component
ablation. ``asked`` is the default but for the time, which the model names in words and nothing
else. ``tuned`` is the paper's method with one prompt tuned on the undivided query, by a step in
units of the tokens' norm.
"""


def preset(name: str = DEFAULT, **changes: Any) -> MethodSettings:
    """Settings of a preset: the defaults, then what the preset changes, then the changes given.

    Args:
        name: one of ``PRESETS``.
        changes: see ``MethodSettings.changed``: ``preset("paper", frames=6)`` has K = 2.

    Raises:
        UsageError: unknown preset or setting, or a value outside its range.
    """
    if name not in PRESETS:
        raise UsageError(
            f"method {name!r}", wanted=f"one of {', '.join(PRESETS)}", fix="pass --method paper"
        )
    return MethodSettings(**PRESETS[name]).changed(**changes)


def named(settings: MethodSettings) -> str:
    """Settings in words: the preset that is nearest, and what differs from it.

    A K that only follows the number of frames is not a difference.

    >>> named(preset("paper", frames=6, lr=4.0))
    'paper, frames 6, lr 4.0'
    """
    differences = {}
    for name in PRESETS:
        usual = preset(name).to_dict()
        usual["top_k"] = preset(name, frames=settings.frames).top_k
        found = settings.to_dict()
        differences[name] = {key: found[key] for key in found if found[key] != usual[key]}
    nearest = min(PRESETS, key=lambda name: len(differences[name]))
    return ", ".join([nearest, *(f"{k} {v}" for k, v in differences[nearest].items())])
