"""Measures answers against the truth, which no earlier stage can see."""
