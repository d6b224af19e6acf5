"""Prompt tokens of any chat model: where the question starts, which tokens follow it, yes and no.

Nothing here knows a model: everything is derived by rendering the model's own chat template with
different questions and comparing the tokens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from zerotube.errors import ModelError

# Two questions that share neither their first nor their last token in any tokenizer we know.
_PROBES = ("Describe it", "how many")


def render(processor: Any, question: str, modality: str = "video", system: str = "") -> str:
    """The model's own chat prompt with one video (or image) and one question.

    Args:
        processor: the checkpoint's.
        question: text of the user.
        modality: "video" or "image".
        system: text of a system message before it; "" = none of ours.
    """
    conversation = [
        {"role": "user", "content": [{"type": modality}, {"type": "text", "text": question}]}
    ]
    if system:
        said = {"role": "system", "content": [{"type": "text", "text": system}]}
        conversation.insert(0, said)
    text: str = processor.apply_chat_template(
        conversation, add_generation_prompt=True, tokenize=False
    )
    if question not in text:
        raise ModelError(
            "a chat template that drops or rewrites the question",
            wanted="a template that places the user's text unchanged",
            fix="check chat_template.jinja of this model",
        )
    return text


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
        self._processor = processor
        self._modality = modality
        self._tokenizer = processor.tokenizer
        self._visual_token = visual_token
        self._end_token, self._end_text = expansion_end or (visual_token, "")
        first, second = (self.tail(probe) for probe in _PROBES)
        self.role_count = _common_suffix(first, second)
        if self.role_count == 0:
            raise ModelError(
                "a chat template that puts no token after the question",
                wanted="role tokens such as ' ASSISTANT:' (method section 2)",
                fix="use an instruction-tuned model with a chat template",
            )

    def tail(self, question: str) -> list[int]:
        """Token ids after the last special token of the expanded placeholder.

        The question and the role tokens; before them any text that closes the expansion.
        """
        text = render(self._processor, question, self._modality)
        head, found, rest = text.rpartition(self._visual_token)
        if not found:
            raise ModelError(
                f"a chat prompt without {self._visual_token!r}",
                wanted="a placeholder for the video before the question",
                fix="check chat_template.jinja of this model",
            )
        if question in head:
            raise ModelError(
                "a chat template that puts the question before the video",
                wanted="the video first, so that questions can share it",
                fix="check chat_template.jinja of this model",
            )
        # Tokenised whole, then cut: the neighbourhood of a piece can change how it is tokenised, so
        # the tail must not be tokenised on its own. The placeholder gives way to the end of its
        # expansion because that is the tail's true neighbour (and it may be no token itself).
        whole = head + self._end_token + self._end_text + rest
        ids: list[int] = self._tokenizer(whole, add_special_tokens=False)["input_ids"]
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
        # Single letters are what is left of "man's"; digits are no words.
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
    count = 0
    for one, other in zip(reversed(first), reversed(second), strict=False):
        if one != other:
            break
        count += 1
    return count
