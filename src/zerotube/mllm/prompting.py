"""Prompt tokens of any chat model: where the question starts, which tokens follow it, yes and no.

Nothing here knows a model: everything is derived by rendering the model's own chat template with
different questions and comparing the tokens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from zerotube.errors import ModelError
from zerotube.mllm.plain_text import PlainText
from zerotube.mllm.templates import rendered

# Two questions that share neither their first nor their last token in any tokenizer we know.
_PROBES = ("Describe it", "how many")


STAND_IN = "what stands here"
"""What templates are rendered with in the question's place. The question itself never goes through
a template: what a template does cannot depend on it."""


def surroundings(
    processor: Any, modality: str | None = "video", *, system: str = "", open_turn: bool = True
) -> tuple[str, str]:
    """The model's own chat prompt before and after the question.

    Args:
        processor: a Hugging Face processor with tokenizer and chat template.
        modality: what the message holds before the question: one "video", one "image", or None.
        system: text of a system message before it; "" = none of ours.
        open_turn: whether the model's own turn is opened, so that it answers.

    Raises:
        ModelError: see `zerotube.mllm.templates.rendered`; or the template drops, rewrites or
            repeats the question.
    """
    content = [{"type": modality}] if modality else []
    content.append({"type": "text", "text": STAND_IN})
    conversation: list[dict[str, Any]] = [{"role": "user", "content": content}]
    if system:
        said = {"role": "system", "content": [{"type": "text", "text": system}]}
        conversation.insert(0, said)
    text = rendered(processor, conversation, open_turn=open_turn)
    if text.count(STAND_IN) != 1:
        raise ModelError(
            "a chat template that drops or rewrites the question, or repeats it",
            wanted="a template that places the user's text unchanged, once",
            fix="check chat_template.jinja of this model",
        )
    before, _, after = text.partition(STAND_IN)
    return before, after


def render(processor: Any, question: str, modality: str = "video", *, system: str = "") -> str:
    """The model's own chat prompt with one video (or image) and one question.

    Args: as ``surroundings``.
    """
    before, after = surroundings(processor, modality, system=system)
    return before + question + after


@dataclass(frozen=True)
class AnswerIds:
    """Ids of one spelling of the two answers."""

    text: str
    yes: int
    no: int


class PromptTokens:
    """Token arithmetic of one processor.

    Args:
        processor: a Hugging Face processor with tokenizer and chat template.
        visual_token: text of the placeholder that stands for the video.
        modality: what the chat message holds, "video" or "image".
        expansion_end: last special token of what the processor puts in the placeholder's place,
            and the plain text behind that token; None = the placeholder itself.
    """

    def __init__(
        self,
        processor: Any,
        visual_token: str,
        modality: str = "video",
        expansion_end: tuple[str, str] | None = None,
    ) -> None:
        self._tokenizer = processor.tokenizer
        self._plain = PlainText(processor.tokenizer)
        self._end_token, end_text = expansion_end or (visual_token, "")
        before, self._after = surroundings(processor, modality)
        head, found, rest = before.rpartition(visual_token)
        if not found:
            if visual_token in self._after:
                raise ModelError(
                    "a chat template that puts the question before the video",
                    wanted="the video first, so that questions can share it",
                    fix="check chat_template.jinja of this model",
                )
            raise ModelError(
                f"a chat prompt without {visual_token!r}",
                wanted="a placeholder for the video before the question",
                fix="check chat_template.jinja of this model",
            )
        # The placeholder gives way to the end of its expansion because that is the tail's true
        # neighbour (and it may be no token itself).
        self._before = head + self._end_token + end_text + rest
        _, closed = surroundings(processor, modality, open_turn=False)
        first, second = (self.tail(probe) for probe in _PROBES)
        self.role_count = _common_suffix(first, second)
        if self.role_count == 0:
            raise ModelError(
                "a chat template that puts no token after the question",
                wanted="role tokens such as ' ASSISTANT:' (method section 2)",
                fix="use an instruction-tuned model with a chat template",
            )
        opened = len(first) - _common_prefix(first, self._tail(_PROBES[0], closed))
        self.turn_count = opened or self.role_count
        """How many of the last tokens open the model's own turn; all role tokens if none do."""

    def tail(self, question: str) -> list[int]:
        """Token ids after the last special token of the expanded placeholder.

        The question and the role tokens; before them any text that closes the expansion.

        Raises:
            QueryError: see `zerotube.mllm.plain_text.PlainText.between`.
            ModelError: the placeholder's end is not a token of its own.
        """
        return self._tail(question, self._after)

    def _tail(self, question: str, after: str) -> list[int]:
        # Tokenised whole, then cut: the neighbourhood of a piece can change how it is tokenised, so
        # the tail must not be tokenised on its own.
        ids = self._plain.between(self._before, question, after)
        end_id = self._tokenizer.convert_tokens_to_ids(self._end_token)
        if end_id not in ids:
            raise ModelError(
                f"a tokenizer that does not keep {self._end_token!r} whole",
                wanted="one token where the video ends and the question starts",
                fix="tokenizer and processor do not belong together: load both from one folder",
            )
        last = len(ids) - 1 - ids[::-1].index(end_id)
        return ids[last + 1 :]

    def candidates(self, question: str) -> tuple[list[int], tuple[str, ...]]:
        """Positions inside ``tail(question)`` that may ground the query, and their texts.

        The role tokens, and before them the question's final punctuation where it has one
        (method section 2).
        """
        tail = self.tail(question)
        start = len(tail) - self.role_count
        if start > 0 and re.fullmatch(r"\W+", self._piece(tail[start - 1]).strip() or "a"):
            start -= 1
        positions = list(range(start, len(tail)))
        return positions, tuple(self._piece(tail[position]) for position in positions)

    def answer_ids(self) -> list[AnswerIds]:
        """Every spelling of yes / no that is one known token each, both in the same style."""
        spellings: list[AnswerIds] = []
        for style in ("Yes No", "yes no", " Yes No", " yes no", "YES NO"):
            lead = " " if style.startswith(" ") else ""
            yes_text, no_text = (lead + word for word in style.split())
            yes, no = self._one_token(yes_text), self._one_token(no_text)
            ids = {(item.yes, item.no) for item in spellings}
            if yes is not None and no is not None and yes != no and (yes, no) not in ids:
                spellings.append(AnswerIds(yes_text, yes, no))
        if not spellings:
            raise ModelError(
                "a tokenizer in which neither 'Yes' nor 'yes' is one token",
                wanted="one token each for yes and no",
                fix="tuning reads the yes/no logits: use another model",
            )
        return spellings

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Words of ``text`` that the tokenizer maps to its unknown token, in order, once each."""
        unknown = self._tokenizer.unk_token_id
        if unknown is None:
            return ()
        # Single letters are what is left of "man's"; digits are not words.
        words = re.findall(r"[^\W\d_]{2,}", text)
        missing = [
            word
            for word in words
            if unknown in self._tokenizer(word, add_special_tokens=False)["input_ids"]
        ]
        return tuple(dict.fromkeys(missing))

    def _piece(self, token: int) -> str:
        text: str = self._tokenizer.decode([token])
        return text

    def _one_token(self, text: str) -> int | None:
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids[0] if len(ids) == 1 and ids[0] != self._tokenizer.unk_token_id else None


def _common_suffix(first: list[int], second: list[int]) -> int:
    return _common_prefix(first[::-1], second[::-1])


def _common_prefix(first: list[int], second: list[int]) -> int:
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count
