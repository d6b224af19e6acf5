"""The method end to end on a toy model: every switch acts, nothing is shared that must not be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from toy import noise_clip
from zerotube.errors import NumericalError
from zerotube.method.assembling import unreverse
from zerotube.method.config import MethodSettings, preset
from zerotube.method.ground import gather
from zerotube.method.session import ClipSession, encode_options, layers_read
from zerotube.method.types import Evidence, TokenChoice
from zerotube.mllm.base import VideoMLLM
from zerotube.mllm.capture import layers_from_end
from zerotube.mllm.types import VisualContext
from zerotube.proposals.types import Track, TrackSet
from zerotube.query.prompts import excluding_prompt, existence_prompt
from zerotube.query.types import Query

CLIP = noise_clip()
FRAMES = CLIP.frame_indices
QUERY = Query(
    text="The red square moves left.",
    attribute="the red square",
    action="the square moves left",
    noun="square",
    statement="the red square moves left",
    kind="declarative",
    source="rules",
)


def candidates() -> TrackSet:
    def track(track_id: int, box: list[float]) -> Track:
        return Track(
            track_id,
            FRAMES,
            np.tile(np.array(box, dtype=np.float32), (3, 1)),
            np.ones(3, dtype=bool),
            np.ones(3, dtype=np.float32),
        )

    return TrackSet((track(4, [0, 0, 28, 28]), track(9, [28, 14, 56, 56])), 7, 56, 56, "test")


def run(toy: VideoMLLM, context: VisualContext, settings: MethodSettings) -> Evidence:
    options = encode_options(toy, settings)
    if options != context.options:
        context = toy.encode(noise_clip(), options)
    return gather(ClipSession(toy, context, settings), QUERY, candidates(), CLIP)


def test_evidence_of_the_full_method(toy: VideoMLLM, context: VisualContext) -> None:
    evidence = run(toy, context, preset("paper"))
    assert evidence.spatial_map.shape == evidence.temporal_map.shape == (3, 4, 4)
    assert evidence.track_ids == (4, 9)
    assert evidence.frame_scores.shape == (2, 3)
    assert set(evidence.losses) == {"spatial", "spatial reversed", "temporal"}
    assert 0 < evidence.presence < 1
    assert evidence.consistency is not None
    assert -1 <= evidence.consistency <= 1


def test_same_settings_give_the_same_bits(toy: VideoMLLM, context: VisualContext) -> None:
    one, other = (run(toy, context, preset("paper")) for _ in range(2))
    assert np.array_equal(one.spatial_map, other.spatial_map)
    assert np.array_equal(one.frame_scores, other.frame_scores)


def test_a_session_shared_by_queries_changes_nothing(
    toy: VideoMLLM, context: VisualContext
) -> None:
    session = ClipSession(toy, context, preset("paper"))
    other = Query(
        text="the blue ring stays",
        attribute="the blue ring",
        action="the ring stays",
        noun="ring",
        statement="the blue ring stays",
        kind="declarative",
        source="rules",
    )
    gather(session, other, candidates(), CLIP)
    shared = gather(session, QUERY, candidates(), CLIP)
    alone = run(toy, context, preset("paper"))
    assert np.array_equal(shared.spatial_map, alone.spatial_map)
    assert np.array_equal(shared.temporal_map, alone.temporal_map)


@pytest.mark.parametrize(
    ("switch", "field"),
    [
        ({"contrast": "none"}, "spatial_map"),
        ({"contrast": "excluding"}, "temporal_map"),
        ({"heads": "max-attention"}, "temporal_map"),
        ({"frame_maps": "frames"}, "spatial_map"),
        ({"frame_maps": "windows", "scan_window": 2}, "spatial_map"),
        ({"token_rule": "mean"}, "spatial_map"),
        ({"token_rule": "weighted"}, "temporal_map"),
        ({"token_rule": "top-2"}, "spatial_map"),
        ({"spatial_prompt": False}, "spatial_map"),
        ({"temporal_prompt": False}, "temporal_map"),
        ({"assembling": False}, "spatial_map"),
        ({"decomposed": False}, "spatial_map"),
        ({"objective": "margin"}, "spatial_map"),
        ({"objective": "entropy"}, "temporal_map"),
        ({"lr": 1.0}, "temporal_map"),
        ({"iterations": 2}, "temporal_map"),
        ({"ema": 0.5}, "temporal_map"),
        ({"layer_start": 0.0}, "temporal_map"),
        ({"layer_end": 1.0}, "temporal_map"),
        ({"wording": "release"}, "spatial_map"),
        ({"token_rule": "fixed"}, "spatial_map"),
        ({"frame_score": "pixels"}, "frame_scores"),
    ],
    ids=str,
)
def test_every_switch_acts(
    toy: VideoMLLM, context: VisualContext, switch: dict[str, object], field: str
) -> None:
    full = run(toy, context, preset("paper"))
    changed = run(toy, context, preset("paper", **switch))
    assert not np.allclose(getattr(full, field), getattr(changed, field), rtol=1e-6, atol=0)


def test_the_reversed_map_is_of_the_forward_maps_token(
    toy: VideoMLLM, context: VisualContext
) -> None:
    """Also where another token is the most active one on the reversed frames."""
    settings = preset("paper", spatial_prompt=False, temporal_prompt=False)
    session = ClipSession(toy, context, settings)
    question = existence_prompt(QUERY.statement)
    backwards, texts = session.role_maps(question, None, reverse=True)
    forwards, _ = session.role_maps(question, None)
    for chosen in range(len(texts)):
        # The forward choice is forced on each token in turn; of these only one can be the most
        # active on the reversed frames.
        weights = np.eye(len(texts))[chosen]
        like = TokenChoice(texts, forwards.flatten(1).amax(dim=1).numpy(), weights)
        found, same = session.read(question, None, reverse=True, like=like)
        assert torch.equal(found, backwards[chosen])
        assert same.chosen == chosen
    evidence = gather(session, QUERY, candidates(), CLIP)
    token = evidence.spatial_token.chosen
    expected = (forwards[token] + backwards[token].flip(0)) / 2
    np.testing.assert_allclose(evidence.spatial_map, expected.numpy(), rtol=1e-6)


def test_the_fixed_token_opens_the_models_turn(toy: VideoMLLM, context: VisualContext) -> None:
    evidence = run(toy, context, preset("release"))
    assert evidence.spatial_token.texts[-3:] == ("<|im_start|>", "assistant", "\n")
    assert evidence.spatial_token.text == evidence.temporal_token.text == "<|im_start|>"


def test_layers_counted_from_the_end(toy: VideoMLLM, context: VisualContext) -> None:
    """Slices as the released code writes them; nothing is left of a very shallow model."""
    assert layers_from_end(32) == range(6, 26)
    assert layers_from_end(28) == range(2, 22)
    assert layers_from_end(36) == range(10, 30)
    assert layers_from_end(24) == range(18)
    assert not layers_from_end(6)
    assert layers_read(preset("release"), 28) == range(2, 22)
    assert layers_read(preset("paper"), 28) == range(5, 23)
    assert layers_read(preset("release"), 3) == layers_read(preset("paper"), 3)


def test_spatial_prompt_leaves_the_temporal_map_alone(
    toy: VideoMLLM, context: VisualContext
) -> None:
    full = run(toy, context, preset("paper"))
    without = run(toy, context, preset("paper", spatial_prompt=False, assembling=False))
    assert np.array_equal(full.temporal_map, without.temporal_map)


def test_plain_attention_is_read_directly_from_the_model(
    toy: VideoMLLM, context: VisualContext
) -> None:
    """gti without contrast = the most active row of one plain pass."""
    settings = preset("gti", contrast="none")
    session = ClipSession(toy, context, settings)
    evidence = gather(session, QUERY, candidates(), CLIP)
    question = "Is there the red square moves left in this video?"
    with torch.no_grad():
        maps = toy.ask(toy.prefill(context), [question], layers=session.layers)[0].maps
    assert maps is not None
    best = maps.flatten(1).amax(dim=1).argmax()
    np.testing.assert_allclose(evidence.spatial_map, maps[best].float().numpy(), rtol=1e-6)
    assert np.array_equal(evidence.spatial_map, evidence.temporal_map)


def test_assembled_map_is_the_mean_of_both_directions(
    toy: VideoMLLM, context: VisualContext
) -> None:
    session = ClipSession(toy, context, preset("paper", spatial_prompt=False))
    question = "Is there the red square moves left in this video?"
    forward, token = session.read(question, None)
    backward, _ = session.read(question, None, reverse=True, like=token)
    evidence = gather(session, QUERY, candidates(), CLIP)
    expected = (forward + unreverse(backward)) / 2
    np.testing.assert_allclose(evidence.spatial_map, expected.float().numpy(), rtol=1e-6)


def test_non_finite_attention_is_refused(toy: VideoMLLM, context: VisualContext) -> None:
    """A weight that overflowed (as in float16) ends in an error, not in a tube."""
    session = ClipSession(toy, context, preset("gti"))
    weight = toy.model.model.language_model.layers[1].self_attn.q_proj.weight
    before = weight.clone()
    try:
        weight.fill_(float("nan"))
        with pytest.raises(NumericalError, match="--dtype float32"):
            gather(session, QUERY, candidates(), CLIP)
    finally:
        weight.copy_(before)


def test_another_object_is_excluded_from_another_prompt(
    toy: VideoMLLM, context: VisualContext
) -> None:
    """One question about the same clip, and what is left out differs."""
    session = ClipSession(toy, context, preset("gti", contrast="excluding"))
    question = existence_prompt(QUERY.statement)
    one, other = (
        session.role_maps(question, None, without=phrase)[0]
        for phrase in ("the red square", "the blue ring")
    )
    assert not torch.allclose(one, other, rtol=1e-3)
    plain, less = (
        toy.ask(toy.prefill(context), [text], layers=session.layers)[0].maps
        for text in (question, excluding_prompt("the blue ring"))
    )
    assert plain is not None
    assert less is not None
    torch.testing.assert_close(other, (plain - less).clamp(min=0.0), atol=1e-7, rtol=1e-4)
    with pytest.raises(ValueError, match="leave out"):
        session.role_maps(question, None)


def test_progress_reaches_its_end(toy: VideoMLLM, context: VisualContext) -> None:
    seen: list[tuple[str, int, int]] = []
    session = ClipSession(toy, context, preset("paper"))
    gather(session, QUERY, candidates(), CLIP, lambda *step: seen.append(step))
    assert ("tune", 3, 3) in seen
    assert seen[-1] == ("read", 3, 3)


def test_settings_that_share_a_clip_give_what_each_gives_alone(
    toy: VideoMLLM, context: VisualContext
) -> None:
    """The rows of an ablation, in an order in which each could inherit the other's work."""
    rows = [
        preset("gti"),
        preset("baseline"),
        preset("paper", lr=0.5),
        preset("dsth", lr=0.25),
        preset("gti", contrast="none"),
        preset("paper", lr=0.5, objective="entropy", iterations=2, ema=0.5),
        preset("gti", layer_start=0.0, layer_end=1.0),
        preset("gti", heads="max-attention"),
        preset("gti", contrast="excluding"),
        preset("gti", contrast="difference", frame_maps="frames"),
        preset("gti", token_rule="weighted"),
        preset("paper", lr=0.5, decomposed=False, token_rule="top-2"),
    ]
    shared = ClipSession(toy, context, rows[0])
    for settings in rows:
        together = gather(shared.under(settings), QUERY, candidates(), CLIP)
        alone = run(toy, context, settings)
        for name in ("spatial_map", "temporal_map"):
            np.testing.assert_allclose(
                getattr(together, name), getattr(alone, name), rtol=1e-5, atol=1e-9
            )
        assert together.losses.keys() == alone.losses.keys()
        for name, losses in alone.losses.items():
            assert together.losses[name] == pytest.approx(losses)
        assert together.presence == pytest.approx(alone.presence)
        np.testing.assert_allclose(
            together.spatial_token.weights, alone.spatial_token.weights, rtol=1e-5
        )


def test_a_shared_clip_is_not_computed_twice(
    toy: VideoMLLM, context: VisualContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = ClipSession(toy, context, preset("paper"))
    gather(shared, QUERY, candidates(), CLIP)
    passes: list[int] = []
    prefill = toy.prefill
    monkeypatch.setattr(
        toy, "prefill", lambda *args, **kwargs: (passes.append(1), prefill(*args, **kwargs))[1]
    )
    rows = [preset(name) for name in ("dsth", "gti", "baseline")]
    rows += [preset("paper", token_rule=rule) for rule in ("mean", "weighted", "top-2")]
    for settings in (*rows, preset("paper", span_rule="rank-sum")):
        gather(shared.under(settings), QUERY, candidates(), CLIP)
    assert passes == []
