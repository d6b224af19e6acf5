"""The words a detector is asked for: people are "person", whatever the sentence calls them.

Detectors find people far more reliably by the generic word than by "lady" or "guy", and which of
the people is meant is for the attention to tell.
"""

from __future__ import annotations

_WORDS = """
    adult adults athlete athletes babies baby boy boys bride brides child children cook cooks
    cyclist cyclists dancer dancers driver drivers female females gentleman gentlemen girl girls
    goalkeeper groom guy guys human humans infant infants kid kids ladies lady male males man men
    musician musicians officer officers people person persons player players policeman policemen
    policewoman rider riders singer singers skateboarder skateboarders skier skiers soldier
    soldiers student students surfer surfers teacher teachers teenager teenagers toddler toddlers
    waiter waiters waitress woman women worker workers
"""

PEOPLE = frozenset(_WORDS.split())
"""Nouns that mean people, in the singular and the plural."""


def search_text(noun: str, person: str) -> str:
    """What to ask a detector for.

    Args:
        noun: of the query; its last word decides ("police officer" is a person).
        person: word for people; "" leaves every noun as it is.
    """
    words = noun.lower().split()
    if person and words and words[-1] in PEOPLE:
        return person
    return noun
