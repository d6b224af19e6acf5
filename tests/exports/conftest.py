"""The grounding that the tests of tubes share is exported here."""

from tube.conftest import result, source

__all__ = ["result", "source"]
