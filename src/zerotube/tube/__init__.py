"""Decides a tube from evidence, writes it, draws it. Plain NumPy, no model.

Importing this package loads none of the libraries that draw: they are loaded when a result is
saved.
"""

from zerotube.tube.decide import choose_track, decide, grow_span
from zerotube.tube.densify import cut_to_span, densify
from zerotube.tube.io import save_result
from zerotube.tube.serialize import result_to_dict
from zerotube.tube.types import GroundingResult, Tube

__all__ = [
    "GroundingResult",
    "Tube",
    "choose_track",
    "cut_to_span",
    "decide",
    "densify",
    "grow_span",
    "result_to_dict",
    "save_result",
]
