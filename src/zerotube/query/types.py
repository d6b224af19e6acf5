"""What the decomposition of a sentence yields (method section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from zerotube.errors import QueryError

Kind = Literal["declarative", "interrogative"]


@dataclass(frozen=True, slots=True)
class Query:
    """A sentence and the sub-queries the method asks about it.

    Attributes:
        text: the sentence as the user wrote it.
        attribute: lower-cased phrase of what the target looks like
            ("the man in purple clothes"); fills the spatial prompt.
        action: lower-cased phrase of what the target does or where it is, with the bare noun
            in front ("the man sits on the bench"); fills the temporal prompt.
        noun: the target's noun without determiner and adjectives ("man", "sports ball").
        statement: the whole sentence in the form that fits the existence prompt: lower-cased,
            no final punctuation, no "there is"; a question becomes the statement it asks about.
        kind: whether the sentence states something or asks.
        source: who decomposed it: "rules", "openai:<model>" for a server, "model:<name>" for the
            loaded model itself, "override" if the user gave a phrase.
        has_action: whether it says what the target does or where it is; a bare noun phrase does
            not.
        warnings: what to read before trusting the phrases, such as a decomposer that failed and
            left the sentence to the rules.

    Raises:
        QueryError: at construction, if a field is blank or ``kind`` is not one of the two.
    """

    text: str
    attribute: str
    action: str
    noun: str
    statement: str
    kind: Kind
    source: str
    has_action: bool = True
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("text", "attribute", "action", "noun", "statement", "source"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise QueryError(
                    f"query with {name} {value!r}",
                    wanted="text with at least one word in every field",
                    fix="describe the target in a sentence such as 'the man in red sits down'",
                )
        if self.kind not in get_args(Kind):
            raise QueryError(
                f"query kind {self.kind!r}",
                wanted=f"one of {', '.join(get_args(Kind))}",
                fix="use 'declarative' for a statement and 'interrogative' for a question",
            )


class Decomposer(Protocol):
    """Whatever turns a sentence into sub-queries; the rules are one."""

    def __call__(self, text: str, /) -> Query:
        """Decompose a sentence.

        Raises:
            QueryError: the sentence has no word in it or is too long.
        """
        ...
