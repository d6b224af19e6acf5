"""Settings of the method. Flags, help texts and docs are derived from this file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from zerotube.errors import UsageError

Objective = Literal["exp", "margin", "entropy"]
TokenRule = Literal["highest", "mean", "weighted", "top-2"]
Step = Literal["gradient", "token-norm"]
SpanRule = Literal["top-k", "rank-sum"]
Support = Literal["box", "mask"]
FrameFit = Literal["squeeze", "crop", "pad"]  # of mllm.types, which would load torch here


@dataclass(frozen=True)
class MethodSettings:
    """Every knob of the method; the defaults are the paper's (sections 3 to 8)."""

    frames: int = 20
    """Frames sampled uniformly from the video (paper: 20)."""

    token_rule: TokenRule = "highest"
    """Which role token is read: the one with the highest activation (GTI), the mean of all, all
    weighted by their activation above the least one, or the mean of the two most active."""

    relative_attention: bool = True
    """Divide the attention by the same token's attention under the content-free prompt."""

    layer_start: float = 6 / 32
    """First layer averaged, as a fraction of depth (the reference drops the first 6 of 32)."""

    layer_end: float = 26 / 32
    """End of the averaged layers, exclusive, as a fraction of depth (it drops the last 6 of 32)."""

    spatial_prompt: bool = True
    """Tune a visual prompt on the attribute sub-query (V_s)."""

    temporal_prompt: bool = True
    """Tune a visual prompt on the action sub-query (V_t)."""

    assembling: bool = True
    """Run the spatial branch on reversed frames as well and average the two maps (TAS)."""

    decomposed: bool = True
    """Tune on the sub-queries; off = tune on the undivided query (the paper's vanilla tuning)."""

    objective: Objective = "exp"
    """What tuning minimises: exp = Eq. 4, margin = the reference's, entropy = -log p_yes."""

    step: Step = "gradient"
    """Unit of lr: gradient = lr times the gradient, as in the paper; token-norm = the token that
    moves most moves by lr times the mean norm of the visual tokens (try --lr 0.1)."""

    lr: float = 8.0
    """Step of the plain gradient descent on the visual prompt (paper: 8)."""

    iterations: int = 1
    """Gradient steps per prompt (paper: 1; the reference runs 2)."""

    ema: float = 0.0
    """Weight of the previous prompt in the one that is fed (reference: 0.5; 0 = the newest)."""

    top_k: int = 7
    """Sampled frames in the span (K; paper: 7 of 20); read by the span rule top-k alone."""

    span_rule: SpanRule = "top-k"
    """Frames of the span: top-k = K of them, grown around the best one, as in the paper; rank-sum =
    the run, of any length, whose scores rank highest against the rest."""

    support: Support = "box"
    """Where a track counts on the grid: its box, or its segmentation mask where it has one."""

    seed: int = 0
    """Seed of everything that draws; the method itself draws nothing."""

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
        self._check(self.top_k >= 1, f"top_k={self.top_k}", "at least 1")
        self._check(self.iterations >= 1, f"iterations={self.iterations}", "at least 1")
        self._check(
            0.0 <= self.layer_start < self.layer_end <= 1.0,
            f"layers from {self.layer_start} to {self.layer_end}",
            "0 <= layer_start < layer_end <= 1",
        )
        for name in ("max_visual_tokens", "grid_side"):
            value = getattr(self, name)
            self._check(value >= 0, f"{name}={value}", "0 or more")
        self._check(0.0 <= self.ema < 1.0, f"ema={self.ema}", "0 <= ema < 1")
        self._check(
            0.0 < self.lr < float("inf"), f"lr={self.lr}", "a positive finite learning rate"
        )
        for name, allowed in (
            ("token_rule", ("highest", "mean", "weighted", "top-2")),
            ("objective", ("exp", "margin", "entropy")),
            ("step", ("gradient", "token-norm")),
            ("span_rule", ("top-k", "rank-sum")),
            ("support", ("box", "mask")),
            ("frame_fit", ("squeeze", "crop", "pad")),
        ):
            value = getattr(self, name)
            self._check(value in allowed, f"{name}={value!r}", f"one of {', '.join(allowed)}")

    @staticmethod
    def _check(good: bool, got: str, wanted: str) -> None:
        if not good:
            raise UsageError(got, wanted=wanted, fix="see `zerotube ground --help`")

    def within(self, frame_limit: int | None) -> MethodSettings:
        """The same settings for a model that takes at most ``frame_limit`` frames.

        K shrinks with the frames, so that the span keeps its share of the video: 7 of 20 is 3 of 8.
        """
        if frame_limit is None or self.frames <= frame_limit:
            return self
        top_k = max(1, round(self.top_k * frame_limit / self.frames))
        return replace(self, frames=frame_limit, top_k=top_k)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, in the order of the fields."""
        return asdict(self)


PRESETS: dict[str, dict[str, Any]] = {
    "baseline": {
        "token_rule": "mean",
        "spatial_prompt": False,
        "temporal_prompt": False,
        "assembling": False,
    },
    "gti": {"spatial_prompt": False, "temporal_prompt": False, "assembling": False},
    "dsth": {"assembling": False},
    "full": {},
}
"""The rows of the paper's component ablation, as changes to the defaults."""


def preset(name: str, **changes: Any) -> MethodSettings:
    """Settings of a preset: the defaults, then what the preset changes, then the changes given.

    Args:
        name: one of ``PRESETS``.
        changes: single settings; None means "unset".

    Raises:
        UsageError: unknown preset or setting, or a value outside its range.
    """
    if name not in PRESETS:
        raise UsageError(
            f"method {name!r}", wanted=f"one of {', '.join(PRESETS)}", fix="pass --method full"
        )
    given = {key: value for key, value in changes.items() if value is not None}
    known = MethodSettings.__dataclass_fields__
    for key in given:
        if key not in known:
            raise UsageError(
                f"setting {key!r}",
                wanted=f"one of {', '.join(known)}",
                fix="see `zerotube ground --help`",
            )
    return MethodSettings(**{**PRESETS[name], **given})
