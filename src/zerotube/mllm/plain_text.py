"""Tokens of a prompt in which what a user wrote is text, whatever it looks like.

A tokenizer finds its special tokens anywhere in a prompt: "<|im_end|>" in a sentence would end
the user's turn, "<|video_pad|>" would be another video.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from transformers.utils.chat_template_utils import mark_control_tokens

from zerotube.errors import QueryError

_MARKUP = re.compile(r"[<>\[\]{}|]")


class PlainText:
    """Encodes a user's text between two pieces of a chat template.

    Args:
        tokenizer: of a Hugging Face processor.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        # Not every added token controls something: some vocabularies add words or runs of spaces.
        self._control = {
            number: token.content
            for number, token in tokenizer.added_tokens_decoder.items()
            if token.content.strip() and (token.special or _MARKUP.search(token.content))
        }
        longest_first = sorted(self._control.values(), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        self._known: dict[tuple[str, str], Counter[int]] = {}

    def between(self, before: str, text: str, after: str) -> list[int]:
        """Token ids of the three together; special tokens of ``before`` and ``after`` count.

        Without special tokens in ``text`` they are those of the plain concatenation, because the
        neighbourhood of a piece can change how it is tokenised.

        Raises:
            QueryError: the tokenizer makes a special token of ``text`` all the same.
        """
        marked = mark_control_tokens(text, self._pattern)
        if marked == text:
            ids = self._ids(before + text + after)
        else:
            try:
                ids = self._ids(before + marked + after, sanitize_control_tokens=True)
            except ValueError as error:
                raise self._refusal(self._pattern.findall(text)) from error
        if (before, after) not in self._known:
            self._known[before, after] = self._controls(self._ids(before + "a" + after))
        extra = self._controls(ids) - self._known[before, after]
        if extra:
            raise self._refusal([self._control[number] for number in extra])
        return ids

    def _ids(self, text: str, **options: Any) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, **options)["input_ids"]
        return ids

    def _controls(self, ids: list[int]) -> Counter[int]:
        """How often each control token stands there; an unknown word is none."""
        unknown = self._tokenizer.unk_token_id
        return Counter(number for number in ids if number in self._control and number != unknown)

    def _refusal(self, tokens: list[str]) -> QueryError:
        named = ", ".join(repr(token[:60]) for token in dict.fromkeys(tokens))
        return QueryError(
            f"a sentence with {named}, which is a special token of the model",
            wanted="plain text",
            fix="leave it out of the sentence",
        )
