"""From a sentence to a ``Query`` by rules, offline: word lists, a shallow parser, and its reading.

``decompose`` is the way in. A sentence becomes ``tokens`` (tagged by ``lexicon``, from ``words``);
``grammar`` and ``modifiers`` read them; ``questions`` makes a statement of a question; ``split``
takes a statement apart.
"""
