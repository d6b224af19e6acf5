"""A frozen video MLLM: encode a clip once, then ask many short questions about it.

The visual prefix goes through the language model once per (visual prompt, frame order); each
question is a short suffix on its key/value cache. Gradients flow back through the cache to the
visual prompt, which is all that tuning needs (method section 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from zerotube.errors import ModelError, UsageError
from zerotube.mllm.capture import HeadRecorder, Heads, Recorder, recording
from zerotube.mllm.families.base import Encoded, Family
from zerotube.mllm.families.pooling import with_placeholders
from zerotube.mllm.prompting import AnswerIds, PromptTokens
from zerotube.mllm.showing import check_budget, fitted, prompt_text, record, within
from zerotube.mllm.types import PLAIN, Answer, EncodeOptions, Prefix, VisualContext, as_index
from zerotube.video.types import Clip


class VideoMLLM:
    """One loaded model behind the questions the method asks.

    Build it with ``zerotube.mllm.loading.load``.

    Args:
        model: Hugging Face model in eval mode; its weights are frozen here.
        processor: its processor.
        family: adapter of its architecture.
        name: id or path, for the record.
        warnings: what to read before trusting its answers, from loading it.
    """

    def __init__(
        self,
        model: Any,
        processor: Any,
        family: Family,
        *,
        name: str,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.processor = processor
        self.family = family
        self.name = name
        self.warnings = warnings
        self.tokens = PromptTokens(
            processor,
            family.visual_token(processor),
            family.modality,
            family.expansion_end(processor),
        )
        self.text_config = family.text_config(model)

    @property
    def layer_count(self) -> int:
        """Layers of the language model."""
        return int(self.text_config.num_hidden_layers)

    @property
    def head_count(self) -> int:
        """Attention heads of one layer of the language model."""
        return int(self.text_config.num_attention_heads)

    @property
    def full_attention_layers(self) -> tuple[int, ...]:
        """Layers whose attention reaches every visual token."""
        return self.family.full_attention_layers(self.text_config)

    @property
    def device(self) -> torch.device:
        """Where the inputs go."""
        device: torch.device = self.model.device
        return device

    @torch.no_grad()
    def encode(
        self,
        clip: Clip,
        options: EncodeOptions = PLAIN,
        known: tuple[VisualContext, Tensor] | None = None,
    ) -> VisualContext:
        """Run the processor and the vision encoder once.

        Args:
            clip: the sampled frames.
            options: how they are shown to the model.
            known: another clip that shows these frames, at the same size, and the rows of its
                features that are theirs, int64: the encoder runs only if their number is another.

        Raises:
            ModelError: if placeholders, features and grid do not agree.
            UsageError: if the clip has more frames than the family takes, or cannot be shown as
                the options say.
        """
        limit = self.family.frame_limit
        if limit is not None and len(clip) > limit:
            raise UsageError(
                f"{len(clip)} frames for {self.name!r}",
                wanted=f"at most {limit}, which is what this model was made for",
                fix=f"sample {limit} (--frames {limit}), or use a model that takes more",
            )
        coarser = None
        if options.grid_side:
            coarser = self.family.with_grid_side(self.model, options.grid_side)
        family = coarser or self.family
        own_crop = options.frame_fit == "crop" and family.crops(self.processor)
        fit = "squeeze" if own_crop else options.frame_fit
        shown, part = fitted(clip, fit, family.frame_processor(self.processor))
        probe = "?"
        text, prompted = prompt_text(
            self.processor,
            probe,
            family.modality,
            options.system_prompt,
            family.visual_token(self.processor),
        )
        inputs = family.process(self.processor, text, shown, options)
        token_id = family.visual_token_id(self.model.config)
        written = int((inputs["input_ids"] == token_id).sum())
        count = family.placeholder_count(len(clip))
        if count is not None:
            inputs = with_placeholders(inputs, token_id, count)
        ids: Tensor = inputs["input_ids"]
        tail = self.tokens.tail(probe)
        if ids[0, -len(tail) :].tolist() != tail:
            raise ModelError(
                "a processor that changes the tokens after the video",
                wanted="only the placeholder to be expanded",
                fix="this processor is not supported yet",
            )
        head = ids[:, : -len(tail)].to(self.device)
        visual = (head[0] == token_id).nonzero()[:, 0]
        size = family.clip_size(self.processor, shown, options)
        check_budget(len(visual), options.max_visual_tokens, len(clip), fixed=size is None)
        if known is None or len(known[1]) != len(visual):
            output = family.encode(self.model, inputs)
            features = family.features(output)
        else:
            features = known[0].features[known[1]]
            output = family.place_rows(known[0].output, features, known[1])
        positions = family.positions(self.model, inputs)
        if positions is not None:
            positions = positions[..., : head.shape[1] + 1].to(self.device)
        if features.shape[0] != visual.shape[0]:
            raise ModelError(
                f"{features.shape[0]} visual features for {visual.shape[0]} placeholders",
                wanted="one feature per placeholder",
                fix="processor and model do not belong together: load both from one folder",
            )
        encoded = Encoded(self.processor, inputs, shown, options, features.shape[0])
        layout = family.layout(self.model, encoded)
        layout = replace(layout, view_xyxy=within(part, layout.view_xyxy))
        return VisualContext(
            head_ids=head,
            visual_positions=visual,
            features=features,
            output=output,
            forward_inputs=family.forward_inputs(inputs),
            layout=layout,
            shown=record(
                clip,
                layout,
                options,
                shown_size=family.shown_size(self.processor, inputs),
                limit=None if size is None else size.limit,
                before=written if size is None else size.before,
                keeps_grid=coarser is None and options.grid_side > 0,
                keeps_prompt=not prompted,
            ),
            positions=positions,
            options=options,
        )

    def prefill(
        self,
        context: VisualContext,
        prompt: Tensor | None = None,
        *,
        reverse: bool = False,
        layers: int | None = None,
    ) -> Prefix:
        """Put the context through the language model.

        Args:
            context: an encoded clip.
            prompt: visual prompt V, ``(M, d)``, added to the features *in the order they are fed*
                (reversed features take a prompt in reversed order); None adds nothing.
            reverse: feed the frames in reverse order, tokens inside a frame untouched (section 7).
            layers: fill only this many layers, when the questions will read no deeper one.

        Returns:
            Keys and values per layer. They carry the autograd graph if ``prompt`` requires a
            gradient and gradients are enabled.
        """
        features = context.features
        order = None
        if reverse:
            order = as_index(context.layout.reversed_order(), features.device)
            features = features[order]
        if prompt is not None:
            features = features + prompt.to(features.dtype)
        output = self.family.place(context.output, features, order)
        depth = self.layer_count if layers is None else layers
        cache = DynamicCache()
        inputs = dict(context.forward_inputs)
        if context.positions is not None:
            inputs["position_ids"] = context.positions[..., :-1]
        # The last layer is left once its keys and values are in the cache: its attention and MLP
        # would only serve next-token logits in the middle of the prompt.
        with recording(self.text_config, Recorder(stop_layer=depth - 1)):
            self.model(
                input_ids=context.head_ids,
                mm_encoder_outputs={self.family.encoder_key: output},
                past_key_values=cache,
                use_cache=True,
                **inputs,
            )
        layers_of_cache: list[Any] = list(cache.layers)
        filled = [layer for layer in layers_of_cache if layer.is_initialized]
        if len(filled) < depth:
            raise ModelError(
                f"keys and values of {len(filled)} layers",
                wanted=f"{depth} layers",
                fix="this model does not keep a key/value cache in every layer",
            )
        return Prefix(
            context,
            tuple(layer.keys for layer in filled),
            tuple(layer.values for layer in filled),
            reverse,
        )

    def ask(
        self,
        prefix: Prefix,
        questions: Sequence[str],
        *,
        layers: range | None = None,
        heads: Heads = "all",
        logits: bool = True,
    ) -> list[Answer]:
        """Answer questions on a prefix.

        Args:
            prefix: what ``prefill`` returned.
            questions: user texts; each is put into the model's own chat template.
            layers: layers whose attention is averaged into maps, less those that do not attend to
                all tokens (sliding windows); None reads no maps.
            heads: see `Recorder`; of pairs those in ``layers`` are read.
            logits: whether the next-token logits are needed. Without them the forward ends at the
                last layer of ``layers``.
        """
        return [self._ask(prefix, question, layers, heads, logits) for question in questions]

    def _ask(
        self, prefix: Prefix, question: str, layers: range | None, heads: Heads, logits: bool
    ) -> Answer:
        recorder, texts = Recorder(), tuple[str, ...]()
        if layers is not None:
            positions, texts = self.tokens.candidates(question)
            read = self.layers_to_read(layers, heads)
            recorder = Recorder(
                *self._places(prefix.context, positions),
                layers=read,
                stop_layer=None if logits else read[-1],
                heads=heads,
            )
        result = self._recorded(prefix, question, recorder)
        maps = None
        if layers is not None:
            maps = recorder.mean()[0].reshape(len(texts), *prefix.context.layout.grid)
        last = result.logits[0, -1].float() if result is not None and logits else None
        return Answer(maps=maps, role_texts=texts, logits=last)

    @torch.no_grad()
    def head_maps(self, prefix: Prefix, question: str) -> Tensor:
        """Attention of every head for itself, the mean over the role tokens.

        Args:
            prefix: what ``prefill`` returned.
            question: user text.

        Returns:
            float32 ``(L, H, T, h, w)``, L the layers of ``full_attention_layers``.

        Raises:
            ModelError: no layer attends to all tokens.
        """
        positions, _ = self.tokens.candidates(question)
        read = self.layers_to_read(range(self.layer_count), "all")
        recorder = HeadRecorder(
            *self._places(prefix.context, positions), layers=read, stop_layer=read[-1]
        )
        self._recorded(prefix, question, recorder)
        return recorder.mean()[0].reshape(len(read), -1, *prefix.context.layout.grid)

    def _places(self, context: VisualContext, positions: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Rows and columns of the role tokens' attention to the cells."""
        cells = as_index(context.layout.cells.reshape(-1), self.device)
        return torch.tensor(positions, device=self.device), context.visual_positions[cells]

    def _recorded(self, prefix: Prefix, question: str, recorder: Recorder) -> Any:
        """Run a question on a prefix; None where the recorder ends the forward."""
        suffix = torch.tensor([self.tokens.tail(question)], device=self.device)
        with recording(self.text_config, recorder):
            return self.model(
                input_ids=suffix,
                position_ids=prefix.context.positions_after(prefix.length, suffix.shape[1]),
                past_key_values=prefix.cache(),
                use_cache=True,
                logits_to_keep=1,
            )
        return None

    def layers_to_read(self, layers: range, heads: Heads) -> tuple[int, ...]:
        """Those of the asked layers that have a head to read and reach every visual token.

        Raises:
            ModelError: there is none.
        """
        full = self.full_attention_layers
        asked = set(layers)
        if not isinstance(heads, str):
            asked &= {layer for layer, _ in heads}
        read = tuple(sorted(asked & set(full)))
        if not read:
            raise ModelError(
                f"layers {layers.start}..{layers.stop - 1}, none of which attends to all tokens",
                wanted=f"one of the layers with full attention: {list(full)}",
                fix="widen the layer range, or use a model without sliding or linear attention",
            )
        return read

    @torch.no_grad()
    def preferred_answer(self, prefix: Prefix, question: str) -> AnswerIds:
        """The spelling of yes / no that the model itself gives most weight to (section 6)."""
        spellings = self.tokens.answer_ids()
        if len(spellings) == 1:
            return spellings[0]
        logits = self.ask(prefix, [question])[0].logits
        if logits is None:  # ask(logits=True) always fills them; this narrows the type
            raise ModelError("no logits", wanted="next-token logits", fix="please report it")
        weight = logits.softmax(dim=-1)
        return max(spellings, key=lambda ids: float(weight[ids.yes] + weight[ids.no]))
